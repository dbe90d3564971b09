//! Cranelift's side of a case in one variant: built into an engine, then called, or called by C.

use clif_cabi::Lowering;
use clif_cabi::cranelift_module::FuncId;
use clif_cabi_jit::Engine;

use super::{CallCase, Difference, Direction, Fault, Harness, Round, call, callee};
use crate::emit::cranelift::{self, BufferAddresses, CallVia, Mutation};
use crate::run::guard::Side;

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
                let side = match round.side {
                    Side::End => "objects end at a guard page",
                    Side::Start => "objects start after a guard page",
                };
                let found = call(harness, plan, engine, id, variant, round);
                found.map_err(|found| found.inside(&format!("{how}, forms {variant}, {side}")))
            }
            Self::Callee { variant, id } => {
                let found = callee(harness, plan, engine, id, round);
                found.map_err(|found| found.inside(&format!("forms {variant}")))
            }
        }
    }
}
