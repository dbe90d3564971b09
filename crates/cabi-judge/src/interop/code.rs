//! Cranelift's side of a case in one variant: built into an engine, then called, or called by C.

use clif_cabi::Lowering;
use clif_cabi::cranelift_module::FuncId;
use clif_cabi_jit::Engine;

use super::{Difference, Direction, Fault, Ground, Plan, Round, call, callee};
use crate::guard::Side;
use crate::jit::{self, Places, Target, Twist};

/// A function of Cranelift's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    /// It calls C.
    Call {
        variant: usize,
        target: Target,
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
        ground: &Ground<'_>,
        plan: &Plan,
        engine: &mut Engine,
        lower: &Lowering,
        direction: Direction,
    ) -> Result<Self, Fault> {
        if direction == Direction::Callee {
            return Ok(Self(None));
        }
        // What is called is the thunk, which calls the callee: an engine may have those of several cases.
        let name = format!("callee_{}", plan.index);
        engine.bind(&name, ground.halves.thunk())?;
        let id = lower.declare_import(engine, &name, &plan.told)?.id;
        Ok(Self(Some(id)))
    }
}

impl Code {
    /// Builds variant `variant`: which function calls C is a matter of the variant too.
    pub(super) fn build(
        ground: &Ground<'_>,
        plan: &Plan,
        engine: &mut Engine,
        lower: &Lowering,
        Import(import): Import,
        variant: usize,
        twist: Twist,
    ) -> Result<Self, Fault> {
        if let Some(import) = import {
            let target = match (variant + plan.index) % 4 {
                0 => Target::Function(import),
                1 => Target::Pointer,
                2 => Target::Ref(import),
                _ => Target::OwnPointer,
            };
            let id = jit::shim(engine, lower, &plan.told, target, variant, twist)?;
            return Ok(Self::Call {
                variant,
                target,
                id,
            });
        }
        let places = Places {
            seen: ground.halves.seen(),
            offsets: &plan.images.offsets,
            given: ground.halves.given(),
            escape: ground.halves.escape(),
        };
        let id = jit::function(engine, lower, &plan.told, places, variant, twist)?;
        Ok(Self::Callee { variant, id })
    }

    /// Makes the call of one round.
    pub(super) fn play(
        self,
        ground: &Ground<'_>,
        plan: &Plan,
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
                    Target::Function(_) => "called directly",
                    Target::Ref(_) => "called by reference",
                    Target::Pointer => "called through a pointer",
                    Target::OwnPointer => "called by the caller's own instruction",
                };
                let side = match round.side {
                    Side::End => "objects end at a guard page",
                    Side::Start => "objects start behind a guard page",
                };
                let found = call(ground, plan, engine, id, variant, round);
                found.map_err(|found| found.inside(&format!("{how}, forms {variant}, {side}")))
            }
            Self::Callee { variant, id } => {
                let found = callee(ground, plan, engine, id, round);
                found.map_err(|found| found.inside(&format!("forms {variant}")))
            }
        }
    }
}
