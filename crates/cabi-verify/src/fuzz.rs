//! What runs `cabi fuzz`: random signatures against compilers, by the hundred thousand.
//!
//! ```text
//! generate -> Signatures (the types of one unit) -> a unit, compiled by a reference compiler with its layouts as data
//!          -> calls in both directions, in child processes -> verdicts -> Stats; what differs is minimized
//! ```
//!
//! A signature is named by a seed and a number, and means the same on every machine. Signatures with an even number are of the C that all
//! compilers have, so that two compilers can be compared with each other; the others may have what only the one asked has.
//!
//! Where the compiler's own caller and callee disagree about the same case, and a program that it alone builds shows it, that is a known bug of
//! the compiler, or counted as a self-inconsistency. Where two compilers put something at different places and each call is right under its own
//! profile, the policy bits that say so are counted.

mod report;
mod run;
mod run_cases;
mod signatures;
mod stats;

pub use run::{Campaign, drawn, run};
pub use signatures::subject;
pub use stats::{Found, Results, Span, Stats};

use crate::case::Case;
use crate::verdict::Verdict;

/// What became of a signature in both directions.
struct Compared {
    /// `Passed` with the calls of both directions; `NotLowered` if neither is lowered.
    verdict: Verdict,
    /// Why one direction is not lowered, if the other one is.
    one_direction: Option<String>,
    /// The bug of the compiler that was shown, if it is a known one.
    known: Option<&'static str>,
    /// How the signature was understood, if it was.
    case: Option<Case>,
}

impl From<Verdict> for Compared {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            one_direction: None,
            known: None,
            case: None,
        }
    }
}

impl Compared {
    fn why(&self) -> Option<&str> {
        self.verdict.difference().map(|found| found.why.as_str())
    }
}
