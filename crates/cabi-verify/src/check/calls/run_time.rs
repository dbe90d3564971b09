//! Calls of signatures known at run time: an invoker calls C, and C calls a closure.

use clif_cabi_jit::{Closure, Closures, Invoker, Invokers};

use super::{CallCase, Difference, Direction, Fault, Harness, Round, call, from_c_to};

/// What makes the code of one direction; shared by the cases of one process as a user would share it.
pub(super) enum Maker {
    Invokers(Box<Invokers>),
    Closures(Box<Closures>),
}

/// One side of a call.
pub(super) enum Code {
    Invoker(Invoker),
    Closure(Closure),
}

impl Maker {
    pub(super) fn new(harness: &Harness<'_>, direction: Direction) -> Result<Self, Fault> {
        Ok(match direction {
            Direction::Call => Self::Invokers(Box::new(Invokers::new(harness.settings)?)),
            Direction::Callee => Self::Closures(Box::new(Closures::new(harness.settings)?)),
        })
    }

    /// The code for `plan`. `None` for a closure that must not return.
    pub(super) fn code(
        &mut self,
        harness: &Harness<'_>,
        plan: &CallCase,
    ) -> Result<Option<Code>, Fault> {
        let told = &plan.told;
        let closures = match self {
            Self::Invokers(invokers) => return Ok(Some(Code::Invoker(invokers.get(told)?))),
            Self::Closures(_) if told.is_noreturn() => return Ok(None),
            Self::Closures(closures) => closures,
        };
        let [seen, given] = [harness.loaded.seen(), harness.loaded.given()].map(|at| at as usize);
        let offsets = plan.images.offsets.clone();
        let closure = closures
            .interface(told)?
            .closure("verified", move |args, result| {
                for (i, offset) in offsets.iter().enumerate() {
                    let bytes = args.bytes(i).unwrap_or_default();
                    // SAFETY: the buffer of what was seen has room for the images of the case, and nobody else uses it during the call.
                    unsafe {
                        let to = (seen as *mut u8).add(*offset);
                        bytes.as_ptr().copy_to_nonoverlapping(to, bytes.len());
                    }
                }
                let result = result.bytes();
                // SAFETY: the buffer of what is given back has room for the result of the case.
                unsafe {
                    (given as *const u8).copy_to_nonoverlapping(result.as_mut_ptr(), result.len());
                }
            })?;
        Ok(Some(Code::Closure(closure)))
    }
}

impl Code {
    /// Makes the call of one round.
    pub(super) fn execute(
        &self,
        harness: &Harness<'_>,
        plan: &CallCase,
        round: &Round,
    ) -> Result<(), Difference> {
        match self {
            Self::Invoker(invoker) => {
                // SAFETY: an invoker takes the callee first; otherwise as a shim.
                let run = |args, ret, callee| unsafe {
                    let code = invoker.code().as_ptr();
                    harness.loaded.run(code.cast(), callee, args, ret);
                };
                let found = call(harness, plan, plan.has_result, round, run);
                found.map_err(|found| found.inside(&format!("by an invoker, {}", round.side())))
            }
            Self::Closure(closure) => {
                let found = from_c_to(harness, plan, closure.code().cast(), round);
                found.map_err(|found| found.inside("a closure"))
            }
        }
    }
}
