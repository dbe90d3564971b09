//! Shows that a compiler disagrees with itself: the case becomes a program whose two sides that compiler builds, and the program is run twice.
//!
//! When a case fails, the compiler's own caller also calls its own callee in this process; if they differ, no ABI agrees with both. Code of ours can
//! be why they differ here, so the finding counts only if a program without any of our code fails as well, twice in the same way, optimized as the
//! sides were or at another level.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::Output;

use super::{Called, Loaded};
use crate::build::program::{File, Program, SECONDS};
use crate::build::{Reference, ReferenceError};
use crate::case::Case;
use crate::emit::c_program::{NO_DIFFERENCE, reproduction_alone};
use crate::threads::in_threads;
use crate::verdict::{Difference, Verdict};
use crate::verify::{VerifyError, check_interrupt, known_bug};

/// A compiler's own difference, shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Output of the program, how it ends, or the place in which one of its sides has a value.
    pub says: String,
    /// The program.
    pub program: String,
    /// The name of the bug, if it is a known one of this compiler.
    pub known: Option<&'static str>,
}

/// Limit of the cases of a run for which programs are built. The rest are differences like any
/// other.
#[derive(Clone, Debug)]
pub struct ProgramLimit {
    /// Cases for which a program shows that the compiler is self-inconsistent.
    shown: Cell<usize>,
    /// Cases for which no program does: each costs a program for every optimization level.
    fruitless: Cell<usize>,
}

impl ProgramLimit {
    /// Most cases of a run that are shown.
    pub const SHOWN: usize = 100;
    /// Most cases without a program that shows anything; no further case is asked about.
    pub const FRUITLESS: usize = 12;

    /// Makes the limit of a run that has `shown` cases already.
    pub fn after(shown: usize) -> Self {
        Self {
            shown: Cell::new(Self::SHOWN.saturating_sub(shown)),
            fruitless: Cell::new(Self::FRUITLESS),
        }
    }

    fn is_reached(&self) -> bool {
        self.shown.get() == 0 || self.fruitless.get() == 0
    }

    fn count(&self, is_shown: bool) {
        let left = if is_shown {
            &self.shown
        } else {
            &self.fruitless
        };
        left.set(left.get().saturating_sub(1));
    }
}

/// Number of programs that are built before the limit is checked again, whatever the number of
/// processes: the choice of cases does not depend on it.
const TOGETHER: usize = 4;

/// Added to a difference that the compiler seems to have with itself.
const NOT_SHOWN: &str =
    "; so do the compiler's own caller and callee here, but no program of theirs alone shows it";
/// Added where the limit was reached.
pub(crate) const NOT_ASKED: &str = "; so do the compiler's own caller and callee here, and no program was built to show it: too many cases";

/// Checks whether the compiler's own two sides differ too, in the process that makes the calls.
pub(crate) fn is_inconsistent_here(difference: &Difference) -> bool {
    [NOT_SHOWN, NOT_ASKED]
        .iter()
        .any(|end| difference.why.ends_with(end))
}

/// Builds the programs of the cases in which the compiler of `loaded` seems to disagree with
/// itself, as many as `limit` allows, by that compiler alone. A case that no program shows twice in
/// the same way is a difference.
///
/// # Errors
/// [`VerifyError::Reference`] if the compiler cannot be asked, [`VerifyError::Interrupted`].
pub(super) fn settle(
    loaded: &Loaded,
    called: &mut [Called],
    limit: &ProgramLimit,
    at_once: usize,
) -> Result<(), VerifyError> {
    let reference = &loaded.reference;
    // With a known bug the two sides may agree by chance: the register that a callee reads was
    // not written by its caller.
    let is_inconsistent = |one: &&Called| match &one.verdict {
        Verdict::SelfInconsistent(_) => true,
        Verdict::Differs(_) => known_bug(reference.name(), &one.case).is_some(),
        _ => false,
    };
    let cases = called.iter().filter(is_inconsistent);
    let cases: BTreeMap<String, Case> = cases
        .map(|one| (one.case.function.name.clone(), one.case.clone()))
        .collect();
    let cases: Vec<(String, Case)> = cases.into_iter().collect();
    // As the sides are compiled.
    let mut flags: Vec<&str> = loaded.flags.iter().map(String::as_str).collect();
    if !reference.says_how_to_optimize() {
        flags.insert(0, "-O1");
    }
    let one = |(_, case): &(String, Case)| show(reference, &flags, case);
    let mut asked: BTreeMap<&str, Option<Shown>> = BTreeMap::new();
    for cases in cases.chunks(TOGETHER) {
        if limit.is_reached() {
            break;
        }
        let all = in_threads(cases, at_once, one, |_| {});
        check_interrupt()?;
        for ((name, _), one) in cases.iter().zip(all) {
            let one = one?;
            limit.count(one.is_some());
            asked.insert(name, one);
        }
    }
    for one in called {
        let shown = asked.get(&*one.case.function.name);
        let (Verdict::SelfInconsistent(difference) | Verdict::Differs(difference)) =
            &mut one.verdict
        else {
            continue;
        };
        let mut difference = std::mem::take(difference);
        one.shown = shown.cloned().flatten();
        one.verdict = match (&one.verdict, shown) {
            (_, Some(Some(_))) => Verdict::SelfInconsistent(difference),
            (Verdict::SelfInconsistent(_), shown) => {
                difference.why += shown.map_or(NOT_ASKED, |_| NOT_SHOWN);
                Verdict::Differs(difference)
            }
            _ => Verdict::Differs(difference),
        };
    }
    Ok(())
}

/// The program of one case, compiled with `flags`. A caller can agree with its callee by accident: the callee reads a wrong register, which holds a copy
/// of the right value. A caller at another optimization level, or one that knows its arguments, may leave no such copy. An ABI does not depend on the
/// optimization level, so a difference at any level counts.
///
/// # Errors
/// [`ReferenceError::Io`] if the compiler cannot be started.
fn show(
    reference: &Reference,
    flags: &[&str],
    case: &Case,
) -> Result<Option<Shown>, ReferenceError> {
    let levels = [
        &[][..],
        &["-O0"],
        &["-O1"],
        &["-O2"],
        &["-DCONSTANT", "-O2"],
    ];
    for level in levels {
        if !level.is_empty() && flags.ends_with(level) {
            continue;
        }
        let flags = [flags, level].concat();
        if let Some(shown) = show_with(reference, &flags, case)? {
            return Ok(Some(shown));
        }
    }
    Ok(None)
}

/// The program of one case, compiled with these flags alone.
fn show_with(
    reference: &Reference,
    flags: &[&str],
    case: &Case,
) -> Result<Option<Shown>, ReferenceError> {
    let command = [&[&*reference.command()], flags].concat().join(" ");
    let Some(program) = reproduction_alone(case, &command) else {
        return Ok(None);
    };
    let part = |part: &'static str| File {
        by: reference,
        source: &program,
        flags: [&["-w", part][..], flags].concat(),
    };
    let parts = ["-DCALLEE", "-DCALLER", "-DMAIN"].map(part);
    let built = match Program::build(&parts, flags) {
        Ok(built) => built,
        Err(error) if error.is_about_the_system() => return Err(error),
        // A program that the compiler does not build shows nothing.
        Err(_) => return Ok(None),
    };
    let runs = [built.run(&[], &[], SECONDS)?, built.run(&[], &[], SECONDS)?];
    let [Some(first), Some(second)] = runs.map(|run| said(&run)) else {
        return Ok(None);
    };
    // The bytes may come from a register that was never set.
    let [value, again] = [&first, &second].map(|said| said.split(", byte").next());
    Ok((value == again).then(|| Shown {
        says: first,
        program,
        known: known_bug(reference.name(), case),
    }))
}

/// Difference that a run of the program shows; `None` without one.
fn said(run: &Output) -> Option<String> {
    let text = String::from_utf8_lossy(&run.stdout);
    let first = text.lines().next().unwrap_or_default();
    match run.status.code() {
        Some(0) if first == NO_DIFFERENCE => None,
        Some(1) if !first.is_empty() => Some(first.to_owned()),
        // With 0 too, if it has not come to its last line: a callee may end the process.
        _ => Some(format!("the program ends with {}", run.status)),
    }
}
