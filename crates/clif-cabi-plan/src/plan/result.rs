//! What becomes of a result.

use cabi::{FnAbi, FnSig, Loc, Place, Returns};
use smallvec::SmallVec;

use super::table::PassMode;
use super::value::placed_parts;
use crate::error::NotLowered;
use crate::machine::{Machine, RegClass, ResultIn, Stub, VectorMove};
use crate::parts::{ClifPart, ClifParts, WORD, objection};
use crate::signature::Param;
use crate::solve::Solver;

/// Parameters or results of a CLIF signature, by their indexes.
pub type ParamIndexes = SmallVec<[usize; 4]>;

/// Which side of a call is planned.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Caller,
    Callee,
}

/// What becomes of a result.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ResultPlan {
    /// There is none, or nothing of it is returned.
    Nothing,
    /// The call does not come back.
    Never,
    /// Each of its parts is a result of the CLIF signature.
    Parts {
        /// The CLIF result of each part; the other ones only keep a register from being used, whatever is returned there.
        results: ParamIndexes,
        /// The parts.
        parts: ClifParts,
    },
    /// In vector registers that CLIF cannot say: wide ones, or more than it has. The stub of a call stores them to an object whose address is a
    /// word of the call ([`Content::StubResult`](super::Content::StubResult)), and returns that address, the one result of the CLIF signature. The callee's
    /// signature has no results; it calls `push` right before it returns.
    Vectors {
        /// The registers.
        moves: SmallVec<[VectorMove; 4]>,
        /// `fn(from)`
        push: Stub,
        /// The parts.
        parts: ClifParts,
        /// Bytes of an object that they are in.
        bytes: u32,
    },
    /// The CLIF signature has no results: stubs move the result to and from memory, where it has these parts. The caller calls `pop` right after
    /// the call, whether anybody wants the result or not; the callee `push` right before it returns.
    Stub {
        /// `fn(to)`
        pop: Stub,
        /// `fn(from)`
        push: Stub,
        /// The parts.
        parts: ClifParts,
        /// Bytes of an object that they are in; it is aligned to 16.
        bytes: u32,
    },
    /// Through the hidden pointer.
    Sret,
}

impl ResultPlan {
    pub(super) fn of(machine: &Machine, sig: &FnSig, abi: &FnAbi) -> Result<Self, NotLowered> {
        let placed = match &abi.ret.place {
            Place::Ignore if abi.ret.returns == Returns::Never => return Ok(Self::Never),
            Place::Ignore => return Ok(Self::Nothing),
            Place::Indirect {
                pointer: Loc::Reg(_),
                ..
            } => return Ok(Self::Sret),
            Place::Parts(parts) => parts,
            _ => {
                let why = "this kind of result is not lowered";
                return Err(NotLowered::Convention(why));
            }
        };
        if let Some(why) = placed.iter().find_map(objection) {
            return Err(why);
        }
        let result_parts = || {
            let mut parts = ClifParts::new();
            placed_parts(machine.counting, sig.result(), placed, &mut parts);
            parts
        };
        Ok(match (machine.result)(machine.counting, placed)? {
            ResultIn::Stub {
                pop,
                push,
                parts,
                bytes,
            } => Self::Stub {
                pop,
                push,
                parts,
                bytes,
            },
            ResultIn::Vectors { moves, load } => {
                let parts = result_parts();
                let ends = parts.iter().map(|part| part.offset + part.ty.bytes());
                Self::Vectors {
                    bytes: ends.max().unwrap_or(0),
                    push: load,
                    moves,
                    parts,
                }
            }
            ResultIn::Registers => Self::Parts {
                results: ParamIndexes::new(),
                parts: result_parts(),
            },
        })
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
            let address = first.map(|reg| (Param::new(WORD), *reg));
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
        let wanted: SmallVec<[_; 4]> = types.map(Param::new).zip(regs).collect();
        *results = solver.results(&wanted).into_iter().collect();
    }
}
