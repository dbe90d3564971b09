//! Results on a machine, and the moves of vectors.

use cabi::{Bank, Loc, PartType, PlacedPart};
use smallvec::SmallVec;

use super::Machine;
use super::registers::RegClass;
use super::stub::{MoveWidth, RegisterMove, Stub, StubStep};
use crate::parts::{ClifParts, X87_BYTES, is_wide, x87_parts};

/// The moves of one value.
pub(crate) type VectorMoves = SmallVec<[RegisterMove; 4]>;

/// Parameters or results of a CLIF signature, by their indexes.
pub type ParamIndexes = SmallVec<[usize; 4]>;

/// How a result is passed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ResultPlan {
    /// There is none, or nothing of it is returned.
    Nothing,
    /// The call does not come back.
    Never,
    /// Each of its parts is a result of the CLIF signature.
    Parts {
        /// The CLIF result of each part. The others only keep registers from being used; their
        /// values are ignored.
        results: ParamIndexes,
        /// The parts.
        parts: ClifParts,
    },
    /// In vector registers that CLIF cannot express: wide ones, or more than it has. The stub of a
    /// call stores them to an object whose address is a word of the call
    /// ([`What::StubResult`](crate::What::StubResult)), and returns that address, the one result of
    /// the CLIF signature. The callee's signature has no results; it calls `push` right before it
    /// returns.
    Vectors {
        /// The registers.
        moves: SmallVec<[RegisterMove; 4]>,
        /// `fn(from)`
        push: Stub,
        /// The parts.
        parts: ClifParts,
        /// Bytes of an object that they are in.
        bytes: u32,
    },
    /// The CLIF signature has no results: stubs move the result to and from memory, where it has
    /// these parts. The caller calls `pop` right after the call, even if the result is unused; the
    /// callee calls `push` right before it returns.
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

impl Machine {
    /// Returns how a result in these places is taken.
    pub(crate) fn result(
        &self,
        placed: &[PlacedPart],
        parts: ClifParts,
    ) -> Result<ResultPlan, &'static str> {
        let declarable = self.convention.results.of(RegClass::Vector);
        let beyond = |part: &PlacedPart| matches!(part.loc, Loc::Reg(reg) if reg.bank() == Bank::Vector && !declarable.contains(&reg));
        if (placed.iter()).any(|placed| is_wide(&placed.part) || beyond(placed)) {
            let why = "a vector result that CLIF cannot say has other parts beside it, or is in no register of parameters";
            let moves = self.vector_moves(placed).ok_or(why)?;
            let ends = parts.iter().map(|part| part.offset + part.ty.bytes());
            return Ok(ResultPlan::Vectors {
                bytes: ends.max().unwrap_or(0),
                push: Stub::returning(moves.iter().copied().map(StubStep::LoadResult)),
                moves,
                parts,
            });
        }
        let first = placed.first().map(|part| part.loc);
        if first != self.processor().x87.map(Loc::Reg) || first.is_none() {
            // Their indexes among the CLIF results are found later.
            let results = ParamIndexes::new();
            return Ok(ResultPlan::Parts { results, parts });
        }
        // One value, or the two of a complex number.
        let n = if placed.len() == 2 { 2 } else { 1 };
        Ok(ResultPlan::Stub {
            pop: Stub::returning([StubStep::Pop(n)]),
            push: Stub::returning([StubStep::Push(n)]),
            parts: x87_parts(n),
            bytes: u32::from(X87_BYTES * n),
        })
    }

    /// Returns a stub's moves of these parts, if each is a whole vector in one of its registers.
    pub(crate) fn vector_moves(&self, parts: &[PlacedPart]) -> Option<VectorMoves> {
        let vector_move = |placed: &PlacedPart| {
            let cabi::Part {
                ty, size, offset, ..
            } = placed.part;
            let width = match ty {
                PartType::V128 => MoveWidth::V128,
                PartType::V256 => MoveWidth::V256,
                PartType::V512 => MoveWidth::V512,
                _ => return None,
            };
            let Loc::Reg(reg) = placed.loc else {
                return None;
            };
            let movable = self.processor().moved_vectors.contains(&reg);
            (movable && size == ty.bytes()).then_some(RegisterMove {
                width,
                register: reg.index(),
                offset: offset.into(),
            })
        };
        parts.iter().map(vector_move).collect()
    }
}
