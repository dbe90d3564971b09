//! Cranelift's side of a case in one variant: built into an engine, then called, or called by C.

use clif_cabi::Lowering;
use clif_cabi::cranelift_module::FuncId;
use clif_cabi_jit::Engine;

use super::{CallCase, Difference, Direction, Fault, Harness, Round, call, from_c_to};
use crate::emit::cranelift::{self, BufferAddresses, CallVia, Mutation, keeps_result};

/// A function of Cranelift's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    /// It calls C.
    Call {
        variant: usize,
        target: CallVia,
        id: FuncId,
    },
    /// C calls it.
    Callee { variant: usize, id: FuncId },
}

/// The C callee, known to the engine, where Cranelift calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Import(Option<FuncId>);

impl Import {
    pub(super) fn declare(
        harness: &Harness<'_>,
        plan: &CallCase,
        engine: &mut Engine,
        lower: &Lowering,
        direction: Direction,
    ) -> Result<Self, Fault> {
        if direction == Direction::Callee {
            return Ok(Self(None));
        }
        // What is called is the thunk, which calls the callee: an engine may have those of several cases.
        let name = format!("callee_{}", plan.index);
        engine.bind(&name, harness.loaded.thunk())?;
        let id = lower.declare_import(engine, &name, &plan.told)?.id;
        Ok(Self(Some(id)))
    }
}

impl Code {
    /// Builds variant `variant`: which function calls C is a matter of the variant too.
    pub(super) fn build(
        harness: &Harness<'_>,
        plan: &CallCase,
        engine: &mut Engine,
        lower: &Lowering,
        Import(import): Import,
        variant: usize,
        mutation: Mutation,
    ) -> Result<Self, Fault> {
        if let Some(import) = import {
            let target = match (variant + plan.index) % 4 {
                0 => CallVia::Function(import),
                1 => CallVia::Pointer,
                2 => CallVia::Ref(import),
                _ => CallVia::OwnPointer,
            };
            let id = cranelift::shim(engine, lower, &plan.told, target, variant, mutation)?;
            return Ok(Self::Call {
                variant,
                target,
                id,
            });
        }
        let places = BufferAddresses::Here {
            seen: harness.loaded.seen(),
            given: harness.loaded.given(),
            escape: harness.loaded.escape(),
        };
        let places = (places, &plan.images.offsets[..]);
        let id = cranelift::function(engine, None, lower, &plan.told, places, variant, mutation)?;
        Ok(Self::Callee { variant, id })
    }

    /// Makes the call of one round.
    pub(super) fn execute(
        self,
        harness: &Harness<'_>,
        plan: &CallCase,
        engine: &Engine,
        round: &Round,
    ) -> Result<(), Difference> {
        match self {
            Self::Call {
                variant,
                target,
                id,
            } => {
                let how = match target {
                    CallVia::Function(_) => "called directly",
                    CallVia::Ref(_) => "called by reference",
                    CallVia::Pointer => "called through a pointer",
                    CallVia::OwnPointer => "called by the caller's own instruction",
                };
                let code = engine.code(id).map_err(|error| error.to_string())?;
                // SAFETY: the shim was compiled as such, reads one object per pointer and writes one to `ret`; the engine is alive.
                let run = |args, ret, callee| unsafe {
                    (harness.loaded).run(code.as_ptr().cast(), args, ret, callee);
                };
                let keeps_result = plan.has_result && keeps_result(variant);
                let found = call(harness, plan, keeps_result, round, run);
                let side = round.side();
                found.map_err(|found| found.inside(&format!("{how}, forms {variant}, {side}")))
            }
            Self::Callee { variant, id } => {
                let code = engine.code(id).map_err(|error| error.to_string())?;
                // SAFETY: the address is only called by C code, as the type it was compiled as; the engine is alive.
                let address = unsafe { code.as_ptr() }.cast();
                let found = from_c_to(harness, plan, address, round);
                found.map_err(|found| found.inside(&format!("forms {variant}")))
            }
        }
    }
}
