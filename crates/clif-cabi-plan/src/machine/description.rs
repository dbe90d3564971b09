//! Results on a machine, and the moves of vectors.

use cabi::{Bank, Loc, PartType, PlacedPart};
use smallvec::SmallVec;

use super::Machine;
use super::stub::{MoveWidth, RegisterMove, Stub, StubStep};
use crate::parts::{ClifParts, X87_BYTES, is_wide, narrow, x87_parts};

/// The way a result is passed.
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
        results: SmallVec<[usize; 4]>,
        /// The parts.
        parts: ClifParts,
    },
    /// In registers that CLIF cannot express: wide ones, or more than it has. The stub of a call
    /// stores them to an object whose address is a word of the call
    /// ([`What::StubResult`](crate::What::StubResult)). It returns that address, the one result of
    /// the CLIF signature. The callee's signature has no results: the callee calls `push` right
    /// before it returns.
    Registers {
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

/// Reason why functions return no value, and no address of one in memory.
pub(crate) const NO_RESULT: &str =
    "Cranelift's functions of this convention return nothing in registers";

impl Machine {
    /// Returns how a result in these places is taken.
    pub(crate) fn result(
        &self,
        placed: &[PlacedPart],
        parts: ClifParts,
    ) -> Result<ResultPlan, &'static str> {
        if placed.iter().any(|placed| self.is_beyond(placed)) {
            let why = "a result that CLIF cannot express must have all its parts in registers of parameters";
            let moves = placed.iter().map(|placed| self.result_move(placed));
            let moves = moves.collect::<Option<SmallVec<_>>>().ok_or(why)?;
            let ends = parts.iter().map(|part| part.offset + part.ty.bytes());
            let push = Stub::returning(moves.iter().copied().map(StubStep::LoadResult));
            // After it a function of `preserve_all` would restore the registers.
            self.check_steps(push.steps())?;
            return Ok(ResultPlan::Registers {
                bytes: ends.max().unwrap_or(0),
                push,
                moves,
                parts,
            });
        }
        let first = placed.first().map(|part| part.loc);
        if first != self.processor().x87.map(Loc::Reg) || first.is_none() {
            if self.convention.results.int.is_empty() {
                return Err(NO_RESULT);
            }
            // Their indexes among the CLIF results are found later.
            let results = SmallVec::new();
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

    /// Checks whether part of a result is in a register of a stub's that CLIF cannot express.
    fn is_beyond(&self, placed: &PlacedPart) -> bool {
        let Loc::Reg(reg) = placed.loc else {
            return false;
        };
        let is_moved = match reg.bank() {
            Bank::Vector => true,
            Bank::X87 => placed.part.ty == PartType::F64,
            _ => self.convention.has_stubs && self.processor().moved.int.contains(&reg),
        };
        is_wide(&placed.part) || is_moved && self.convention.results.position(reg).is_none()
    }

    /// Returns a stub's moves of these parts, if each is a whole vector in one of its registers.
    pub(crate) fn vector_moves(&self, parts: &[PlacedPart]) -> Option<SmallVec<[RegisterMove; 4]>> {
        let is_vector = |own: &RegisterMove| own.width >= MoveWidth::V128;
        let moves = parts.iter().map(|placed| self.result_move(placed));
        moves.map(|own| own.filter(is_vector)).collect()
    }

    /// Returns a stub's move of a part of a result. `None` unless the part is a vector, a double or
    /// a word, and whole in one register of a stub.
    fn result_move(&self, placed: &PlacedPart) -> Option<RegisterMove> {
        let (Loc::Reg(reg), cabi::Part { ty, size, .. }) = (placed.loc, placed.part) else {
            return None;
        };
        let width = match (reg.bank(), ty) {
            (Bank::Int, PartType::I64) => MoveWidth::U64,
            (Bank::X87, PartType::F64) => MoveWidth::St64,
            (Bank::Vector, PartType::F64) => MoveWidth::V64,
            (Bank::Vector, PartType::V128) => MoveWidth::V128,
            (Bank::Vector, PartType::V256) => MoveWidth::V256,
            (Bank::Vector, PartType::V512) => MoveWidth::V512,
            _ => return None,
        };
        let number = match reg.bank() {
            Bank::X87 => (self.processor().x87 == Some(reg)).then_some(0)?,
            _ => self.processor().moved.position(reg)?.1,
        };
        (size == ty.bytes()).then_some(RegisterMove {
            width,
            register: narrow(number),
            offset: placed.part.offset.into(),
        })
    }
}
