//! Results of calls and entries.

use cabi::{FnAbi, FnSig, Loc, Place, Returns};

use super::table::PassMode;
use super::value::{FEWER_BYTES, is_whole, placed_parts};
use crate::machine::{Machine, NO_RESULT, RegClass, ResultPlan};
use crate::parts::{ClifPart, ClifParts, objection};
use crate::places::ClifPlace;
use crate::signature::Params;
use crate::slot::{Slot, Slots, What};
use crate::solve::Solver;

/// Side of a call that is planned.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Caller,
    Callee,
}

impl ResultPlan {
    pub(super) fn of(machine: Machine, sig: &FnSig, abi: &FnAbi) -> Result<Self, &'static str> {
        let placed = match &abi.ret.place {
            Place::Ignore if abi.ret.returns == Returns::Never => return Ok(Self::Never),
            Place::Ignore => return Ok(Self::Nothing),
            Place::Indirect { .. }
                if abi.ret.sret_returned_in.is_some()
                    && machine.convention.results.int.is_empty() =>
            {
                return Err(NO_RESULT);
            }
            Place::Indirect {
                pointer: Loc::Reg(_),
                ..
            } => return Ok(Self::Sret),
            Place::Parts(parts) => parts,
            _ => return Err("this kind of result is not lowered"),
        };
        if let Some(why) = placed.iter().find_map(objection) {
            return Err(why);
        }
        if placed.iter().any(|own| own.part.size == 0) {
            return Err("a result with a part of 0 bytes is not lowered");
        }
        if machine.processor().big_endian && !is_whole(&abi.ret.place) {
            return Err(FEWER_BYTES);
        }
        let mut parts = ClifParts::new();
        placed_parts(machine, sig.result(), placed, |part, _| parts.push(part));
        machine.result(placed, parts)
    }

    /// Checks whether the result is in registers that CLIF cannot express.
    pub(super) fn is_in_registers(&self) -> bool {
        matches!(self, Self::Registers { .. })
    }

    /// Returns how a result of type `ty` is passed.
    #[must_use]
    pub fn mode(&self, ty: &cabi::Type) -> PassMode {
        match self {
            Self::Nothing | Self::Never => PassMode::Ignore,
            Self::Parts { .. } => PassMode::Parts,
            Self::Registers { .. } | Self::Stub { .. } => PassMode::Stub { offset: 0 },
            Self::Sret => PassMode::Indirect {
                size: ty.size(),
                align: ty.align(),
            },
        }
    }

    /// Returns the parts of the result, if it has some.
    #[must_use]
    #[inline]
    pub fn parts(&self) -> &[ClifPart] {
        match self {
            Self::Parts { parts, .. }
            | Self::Stub { parts, .. }
            | Self::Registers { parts, .. } => parts,
            _ => &[],
        }
    }

    /// Returns the slots of the CLIF results, on the side that `returns` them or the other, and
    /// their declarations.
    pub(super) fn declare(&mut self, abi: &FnAbi, machine: Machine, side: Side) -> (Slots, Params) {
        let mut slots = Slots::new();
        match (&*self, &abi.ret.place) {
            (Self::Registers { .. }, _) if side == Side::Caller => {
                let first = machine.convention.results.of(RegClass::Int).first();
                let what = What::Result { part: 0 };
                slots.extend(first.map(|reg| Slot::word(what, ClifPlace::Reg(*reg))));
            }
            (Self::Parts { parts, .. }, Place::Parts(placed)) => {
                let regs = placed
                    .iter()
                    .flat_map(|own| machine.convention.registers(own.loc));
                for (part, (own, reg)) in (0..).zip(parts.iter().zip(regs)) {
                    let what = What::Result { part };
                    slots.push(Slot::new(what, *own, ClifPlace::Reg(reg)));
                }
            }
            _ => {}
        }
        let mut solver = Solver::results(machine, side == Side::Callee);
        solver.in_registers(&mut slots, |_| true);
        if let Self::Parts { results, parts } = self {
            let own = slots.iter().take(parts.len());
            *results = own.filter_map(|slot| Some(slot.param? as usize)).collect();
        }
        (slots, solver.declared)
    }
}
