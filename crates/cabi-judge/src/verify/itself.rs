//! "The compiler disagrees with itself", shown: the case as a program of which the compiler in question builds both sides, run twice.
//!
//! Where a case fails, the compiler's own caller and callee meet in this process too; if they differ, nobody can agree with both. But that they
//! differ here may be our own doing, so it counts only if a program without any of our code fails as well, twice in the same way.

use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::known::known_bug;
use super::{Compiler, VerifyError, check_interrupt};
use crate::case::Case;
use crate::judge::{Judge, JudgeError};
use crate::reproduction::{NO_DIFFERENCE, reproduction_alone};

/// A compiler's own difference, shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// What the program prints, or how it ends.
    pub says: String,
    /// The program.
    pub program: String,
    /// The name of the bug, if it is a known one of this compiler.
    pub known: Option<&'static str>,
}

/// More of one compiler and header are not shown: the rest are differences like any other.
pub const MOST: usize = 200;

/// Builds the program of each case by `compiler` alone. `None` where it shows no difference, or not twice the same one.
///
/// # Errors
/// [`VerifyError::Judge`] if the compiler cannot be asked, [`VerifyError::Interrupted`].
pub(crate) fn show_all(
    compiler: &Compiler,
    flags: &[&str],
    cases: &[&Case],
    at_once: usize,
) -> Result<Vec<Option<Shown>>, VerifyError> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let n = cases.len().min(MOST);
    // As the halves are compiled.
    let flags = match compiler.judge.says_how_to_optimize() {
        true => flags.to_vec(),
        false => [&["-O1"], flags].concat(),
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, n.max(1)) {
            scope.spawn(|| {
                while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < n)
                {
                    let shown = show(&compiler.judge, &flags, cases[at]);
                    if let Ok(mut done) = done.lock() {
                        done.push((at, shown));
                    }
                }
            });
        }
    });
    check_interrupt()?;
    let mut all = vec![None; cases.len()];
    for (at, shown) in done.into_inner().unwrap_or_default() {
        if let Some(place) = all.get_mut(at) {
            *place = shown?;
        }
    }
    Ok(all)
}

/// The same for one case, compiled with `flags`.
///
/// # Errors
/// [`JudgeError::Io`] if the compiler cannot be started.
pub(crate) fn show(
    judge: &Judge,
    flags: &[&str],
    case: &Case,
) -> Result<Option<Shown>, JudgeError> {
    let Some(program) = reproduction_alone(case, &judge.command()) else {
        return Ok(None);
    };
    let runs = match judge.run_parts(&program, &["CALLEE", "CALLER", "MAIN"], flags, 2) {
        Ok(runs) => runs,
        Err(error) if error.is_about_the_system() => return Err(error),
        // It does not build the program: so it shows nothing.
        Err(_) => return Ok(None),
    };
    let mut says = runs.iter().map(said);
    let (Some(Some(first)), Some(Some(second))) = (says.next(), says.next()) else {
        return Ok(None);
    };
    Ok((first.value == second.value).then(|| Shown {
        says: first.words,
        program,
        known: known_bug(judge.name(), case),
    }))
}

/// How a run of the program differs.
struct Said {
    words: String,
    /// Without the bytes, which may be those of a register that nobody has set.
    value: String,
}

/// `None` of a run without a difference.
fn said(run: &Output) -> Option<Said> {
    let text = String::from_utf8_lossy(&run.stdout);
    let first = text.lines().next().unwrap_or_default().to_owned();
    match run.status.code() {
        Some(0) if first == NO_DIFFERENCE => None,
        Some(1) if !first.is_empty() => Some(Said {
            value: first.split(", byte").next().unwrap_or_default().to_owned(),
            words: first,
        }),
        _ => {
            // With 0 too, if it has not come to its last line: a callee may end the process.
            let words = format!("the program ends with {}", run.status);
            Some(Said {
                value: words.clone(),
                words,
            })
        }
    }
}
