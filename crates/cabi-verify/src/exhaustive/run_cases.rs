//! The calls of a plan: units are compiled, then every function is called by images of registers and stack, then by Cranelift.

use cabi::Policy;

use super::functions::{self, Function, FunctionUnit};
use super::{Exhaustive, ExhaustiveRun, REFUSED_HERE, REFUSED_THERE};
use crate::case::Case;
use crate::states::Transition;
use crate::verify::units::{self, Batch, Calls};
use crate::verify::{Compiler, ProgramLimit, Progress, VerifyError, refusal};

/// Runs `transitions`, each with the types of its shape in turn until one can be checked.
pub(super) fn run_all(
    run: &mut ExhaustiveRun<'_>,
    transitions: Vec<Transition>,
    progress: Progress<'_>,
) -> Result<(), VerifyError> {
    for transition in &transitions {
        run.wanted.mark(*transition);
    }
    let mut open: Vec<(Transition, usize)> = transitions.into_iter().map(|t| (t, 0)).collect();
    while !open.is_empty() && !run.stopped {
        let mut functions = Vec::new();
        for (transition, turn) in open {
            functions.extend(Function::new(run.plan, transition, turn));
        }
        let units = functions::units(run.plan, functions)?;
        open = run_cases(run, &units, progress)?;
    }
    Ok(())
}

/// Makes all calls of `units`. What is to be tried with another type comes back, with that type's turn.
fn run_cases(
    run: &mut ExhaustiveRun<'_>,
    units: &[FunctionUnit],
    progress: Progress<'_>,
) -> Result<Vec<(Transition, usize)>, VerifyError> {
    let mut again = Again::default();
    let batches = batches(run, units, &mut again);
    let (loaded, refused) = units::compile(&batches, run.plan.at_once, progress)?;
    for refused in refused {
        for case in &refused.cases {
            if let Some(function) = function(units, refused.batch, case) {
                run.set_aside(function, REFUSED_THERE, refusal(&refused.why), None);
                again.push(function);
            }
        }
    }
    let plan = run.plan;
    // Of one run there are so many: the rest are differences like any other.
    let limit = ProgramLimit::after(run.inconsistent().count());
    let calls = Calls {
        settings: &plan.settings,
        mistake: plan.mistake,
        shared_engine: plan.mistake.convention.is_none(),
        at_once: plan.at_once,
        to_show: Some(&limit),
    };
    let before = run.found.len();
    let n: usize = loaded.iter().map(|loaded| loaded.cases.len()).sum();
    for &way in plan.ways() {
        if run.found.len() - before > n {
            // More than half of both directions.
            run.stopped = true;
            return Ok(Vec::new());
        }
        let all = units::run(&loaded, way, &calls, progress)?;
        for (loaded, called) in loaded.iter().zip(all) {
            for called in called {
                if let Some(function) = function(units, loaded.batch, &called.case)
                    && !run.take(function, way, called)
                {
                    again.push(function);
                }
            }
        }
    }
    Ok(again.0)
}

/// What is to be compiled; signatures that do not show what they should are set aside.
fn batches<'s, 'd: 's>(
    run: &mut ExhaustiveRun<'d>,
    units: &'s [FunctionUnit],
    again: &mut Again,
) -> Vec<Batch<'s>> {
    let plan: &'d Exhaustive = run.plan;
    let mut batches = Vec::new();
    for unit in units {
        let Some(level) = plan.levels().nth(unit.level) else {
            continue;
        };
        let mut cases = Vec::new();
        for (function, case) in unit.functions.iter().zip(&unit.subject.cases) {
            match shown(function, case, level.compiler.policy) {
                Ok(()) => cases.push(case),
                Err(why) => {
                    run.set_aside(function, REFUSED_HERE, why, None);
                    again.push(function);
                }
            }
        }
        batches.push(Batch {
            compiler: &level.compiler,
            flags: flags(&level.compiler),
            preamble: &unit.subject.block.code,
            cases,
            same_layout: true,
        });
    }
    batches
}

/// How to optimize: what stands in the compiler's command is the user's choice, else what takes least time will do.
fn flags(compiler: &Compiler) -> &'static [&'static str] {
    if compiler.reference.says_how_to_optimize() {
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
    case.abi_under(policy).map_err(|error| error.to_string())?;
    let shown = Transition::of_argument(case, policy, function.value_index());
    match shown.map_err(|error| error.to_string())? {
        Some(shown) if shown == function.transition => Ok(()),
        Some(shown) => Err(format!("it shows {shown}")),
        None => Err("it is outside of the measure".to_owned()),
    }
}

/// The function of `case` on the unit of a batch.
fn function<'s>(units: &'s [FunctionUnit], batch: usize, case: &Case) -> Option<&'s Function> {
    let number: usize = case.function.name.strip_prefix('f')?.parse().ok()?;
    units.get(batch)?.functions.get(number)
}
