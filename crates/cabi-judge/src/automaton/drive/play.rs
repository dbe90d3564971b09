//! The calls of a drive: halves compiled, then every function by images of registers and stack, then by Cranelift.

use std::collections::BTreeMap;

use cabi::{FnAbi, Policy};

use super::functions::{Function, Sheet};
use super::{Drive, Driven, REFUSED_HERE, REFUSED_THERE, Way};
use crate::automaton::Transition;
use crate::case::Case;
use crate::verify::batch::{self, Batch, Called, Calls, Loaded, Verdict};
use crate::verify::{Compiler, MOST, Progress, Shown, VerifyError, refusal, show_all};

/// Makes all calls of `sheets`. What is to be tried with another type comes back, with that type's turn.
pub(super) fn play(
    driven: &mut Driven<'_>,
    sheets: &[Sheet],
    progress: Progress<'_>,
) -> Result<Vec<(Transition, usize)>, VerifyError> {
    let mut again = Again::default();
    let batches = batches(driven, sheets, &mut again);
    let (loaded, refused) = batch::compile(&batches, driven.drive.at_once, progress)?;
    for refused in refused {
        for case in &refused.cases {
            if let Some(function) = function(sheets, refused.batch, case) {
                driven.set_aside(function, REFUSED_THERE, refusal(&refused.why));
                again.push(function);
            }
        }
    }
    let Drive {
        at_once, mistake, ..
    } = *driven.drive;
    let before = driven.found.len();
    let probed = batch::probe(&loaded, mistake, at_once, progress)?;
    take(driven, sheets, &loaded, Way::Images, probed, &mut again)?;
    let n: usize = loaded.iter().map(|loaded| loaded.cases.len()).sum();
    if driven.found.len() - before > n {
        // More than half of both directions.
        driven.stopped = true;
        return Ok(Vec::new());
    }
    let calls = Calls {
        settings: &driven.drive.settings,
        mistake,
        together: mistake.convention.is_none(),
        at_once,
    };
    let called = batch::call(&loaded, &calls, progress)?;
    take(driven, sheets, &loaded, Way::Cranelift, called, &mut again)?;
    Ok(again.0)
}

/// Takes what became of every function in one way.
fn take(
    driven: &mut Driven<'_>,
    sheets: &[Sheet],
    loaded: &[Loaded],
    way: Way,
    all: Vec<Vec<Called>>,
    again: &mut Again,
) -> Result<(), VerifyError> {
    for (loaded, called) in loaded.iter().zip(all) {
        let level = sheets.get(loaded.batch).map(|sheet| sheet.level);
        let mut shown = shown_by(driven, level, &called)?;
        for called in called {
            let shown = shown.remove(&called.case.function.name);
            if let Some(function) = function(sheets, loaded.batch, &called.case)
                && !driven.take(function, way, called, shown)
            {
                again.push(function);
            }
        }
    }
    Ok(())
}

/// The programs that show in what the compiler of `level` disagrees with itself, by the names of functions. Of one run there are at most
/// [`MOST`]: the rest are differences like any other.
fn shown_by(
    driven: &Driven<'_>,
    level: Option<usize>,
    called: &[Called],
) -> Result<BTreeMap<String, Shown>, VerifyError> {
    let Some(level) = level.and_then(|at| driven.drive.levels().nth(at)) else {
        return Ok(BTreeMap::new());
    };
    let left = MOST.saturating_sub(driven.inconsistent().count());
    let is_itself = |called: &&Called| matches!(called.verdict, Verdict::AgainstItself(_));
    let cases = called.iter().filter(is_itself).map(|called| &called.case);
    let cases: BTreeMap<&str, &Case> = cases
        .map(|case| (case.function.name.as_str(), case))
        .take(left)
        .collect();
    let (names, cases): (Vec<&str>, Vec<&Case>) = cases.into_iter().unzip();
    let flags = flags(&level.compiler);
    let shown = show_all(&level.compiler, flags, &cases, driven.drive.at_once)?;
    let shown = names.into_iter().zip(shown);
    Ok(shown
        .filter_map(|(name, shown)| Some((name.to_owned(), shown?)))
        .collect())
}

/// What is to be compiled; signatures that do not show what they should are set aside.
fn batches<'s, 'd: 's>(
    driven: &mut Driven<'d>,
    sheets: &'s [Sheet],
    again: &mut Again,
) -> Vec<Batch<'s>> {
    let drive: &'d Drive = driven.drive;
    let mut batches = Vec::new();
    for sheet in sheets {
        let Some(level) = drive.levels().nth(sheet.level) else {
            continue;
        };
        let mut cases = Vec::new();
        for (function, case) in sheet.functions.iter().zip(&sheet.subject.cases) {
            match shown(function, case, level.compiler.policy) {
                Ok(()) => cases.push(case),
                Err(why) => {
                    driven.set_aside(function, REFUSED_HERE, why);
                    again.push(function);
                }
            }
        }
        batches.push(Batch {
            compiler: &level.compiler,
            flags: flags(&level.compiler),
            preamble: &sheet.subject.block.code,
            cases,
            same_layout: true,
        });
    }
    batches
}

/// How to optimize: what stands in the compiler's command is the user's choice, else what takes least time will do.
fn flags(compiler: &Compiler) -> &'static [&'static str] {
    if compiler.judge.says_how_to_optimize() {
        &[]
    } else {
        &["-O0"]
    }
}

/// Functions to be tried with another type, each once.
#[derive(Default)]
struct Again(Vec<(Transition, usize)>);

impl Again {
    fn push(&mut self, function: &Function) {
        let next = (function.transition, function.turn + 1);
        if !self.0.contains(&next) {
            self.0.push(next);
        }
    }
}

/// Whether `case` is a signature, and its value shows what it is to show.
fn shown(function: &Function, case: &Case, policy: Policy) -> Result<(), String> {
    let right = case.sig_under(policy);
    let right = right.and_then(|sig| FnAbi::new(&sig, &case.target));
    right.map_err(|error| error.to_string())?;
    let shown = Transition::of_argument(case, policy, function.value_index());
    match shown.map_err(|error| error.to_string())? {
        Some(shown) if shown == function.transition => Ok(()),
        Some(shown) => Err(format!("it shows {shown}")),
        None => Err("it is outside of the measure".to_owned()),
    }
}

/// The function of `case` on the sheet of a batch.
fn function<'s>(sheets: &'s [Sheet], batch: usize, case: &Case) -> Option<&'s Function> {
    let number: usize = case.function.name.strip_prefix('f')?.parse().ok()?;
    sheets.get(batch)?.functions.get(number)
}
