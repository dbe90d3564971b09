//! What becomes of a result.

use cabi::{FnAbi, FnSig, Loc, Place, Returns};
use smallvec::SmallVec;

use super::table::PassMode;
use super::value::placed_parts;
use crate::machine::{Machine, RegClass, ResultPlan};
use crate::parts::{ClifPart, ClifParts, WORD, objection};
use crate::signature::ClifParam;
use crate::solve::Solver;

/// Which side of a call is planned.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Caller,
    Callee,
}

impl ResultPlan {
    pub(super) fn of(machine: &Machine, sig: &FnSig, abi: &FnAbi) -> Result<Self, &'static str> {
        let placed = match &abi.ret.place {
            Place::Ignore if abi.ret.returns == Returns::Never => return Ok(Self::Never),
            Place::Ignore => return Ok(Self::Nothing),
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
        let mut parts = ClifParts::new();
        placed_parts(machine.counting, sig.result(), placed, &mut parts);
        machine.result(placed, parts)
    }

    /// Whether it is in vector registers that CLIF cannot say.
    pub(super) fn is_in_vectors(&self) -> bool {
        matches!(self, Self::Vectors { .. })
    }

    /// How a result of type `ty` is passed.
    #[must_use]
    pub fn mode(&self, ty: &cabi::Type) -> PassMode {
        match self {
            Self::Nothing | Self::Never => PassMode::Ignore,
            Self::Parts { .. } => PassMode::Parts,
            Self::Vectors { .. } | Self::Stub { .. } => PassMode::Stub { offset: 0 },
            Self::Sret => PassMode::Indirect {
                size: ty.size(),
                align: ty.align(),
            },
        }
    }

    /// The parts of the result, where it has some.
    #[must_use]
    #[inline]
    pub fn parts(&self) -> &[ClifPart] {
        match self {
            Self::Parts { parts, .. } | Self::Stub { parts, .. } | Self::Vectors { parts, .. } => {
                parts
            }
            _ => &[],
        }
    }

    /// Appends the results to the signature.
    pub(super) fn declare(&mut self, abi: &FnAbi, solver: &mut Solver, side: Side) {
        if let (Self::Vectors { .. }, Side::Caller) = (&self, side) {
            let first = solver.machine.counting.results.of(RegClass::Int).first();
            let address = first.map(|reg| (ClifParam::new(WORD), *reg));
            solver.results(address.as_slice());
            return;
        }
        let (Self::Parts { results, parts }, Place::Parts(placed)) = (self, &abi.ret.place) else {
            return;
        };
        let counting = solver.machine.counting;
        let regs = placed
            .iter()
            .flat_map(|placed| counting.registers(placed.loc));
        let types = parts.iter().map(|part| match side {
            Side::Caller => part.ty,
            Side::Callee => part.passed_as(),
        });
        let wanted: SmallVec<[_; 4]> = types.map(ClifParam::new).zip(regs).collect();
        *results = solver.results(&wanted).into_iter().collect();
    }
}
