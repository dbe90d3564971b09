//! The hunt behind `cabi fuzz`: random signatures against compilers, by the hundred thousand.
//!
//! ```text
//! generate -> Sheet (one file of C, and the types in it) -> compiled by a judge, with its layouts as data
//!          -> calls in both directions, in child processes -> verdicts -> Tally; what differs is made smaller
//! ```
//!
//! A signature is named by a seed and a number, and means the same on every machine. Signatures with an even number are of the C that all
//! compilers have, so that two compilers can be compared with each other; the others may have what only the one asked has.
//!
//! Where the compiler's own caller and callee disagree about the same case, and a program that it alone builds shows it, that is a known bug of
//! the compiler, or counted as a self-inconsistency. Where two compilers put something at
//! different places and each call is right under its own profile, the policy bits that say so are counted.

mod copies;
mod hunt;
mod sheet;
mod tally;
mod trial;

pub use hunt::{Plan, hunt};
pub use tally::{Found, Results, Span, Tally};

use crate::interop::Difference;

/// Who refuses a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Judge,
    Cabi,
}

/// What became of a signature.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Verdict {
    /// Nothing differs. One of the directions may not be lowered, for this reason; without calls neither is.
    Same {
        calls: usize,
        not_lowered: Option<String>,
    },
    /// It was not asked.
    NotRun { who: Who, why: String },
    /// The compiler's own caller and callee disagree, or it crashes.
    Theirs {
        why: String,
        /// The bug, if it is a known one.
        known: Option<&'static str>,
        /// Whether a program of the compiler alone has shown it.
        shown: bool,
    },
    /// The compiler has it otherwise.
    Differs(Difference),
}

impl Verdict {
    /// What is wrong, whoever's fault it is.
    fn why(&self) -> Option<&str> {
        match self {
            Self::Theirs { why, .. } => Some(why),
            Self::Differs(difference) => Some(&difference.why),
            Self::Same { .. } | Self::NotRun { .. } => None,
        }
    }
}
