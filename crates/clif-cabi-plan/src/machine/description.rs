//! What there is to know of one machine.

use cabi::convention::CalleePops;
use cabi::{Bank, Convention, Loc, PartType, PlacedPart, Reg, VectorLevel};
use smallvec::SmallVec;

use super::counting::{Counting, RegClass};
use super::stub::{MoveWidth, RegisterMove, Steps, Stub, StubStep};
use super::va_list::VaListLayout;
use crate::parts::{ClifParts, X87_BYTES, is_wide, x87_parts};

/// A machine that calls are planned for.
#[derive(Debug)]
pub struct Machine {
    /// How Cranelift counts under the convention that C has there.
    pub(crate) counting: &'static Counting,
    /// How Cranelift counts there, under each of its conventions that has functions.
    pub(super) countings: &'static [&'static Counting],
    /// The register of a context: what CLIF's `get_pinned_reg` and `set_pinned_reg` are about.
    pub(super) context: Reg,
    /// The register with the count of vector registers of a variadic call, where there is one.
    pub(super) vector_count: Option<Reg>,
    /// The registers that Cranelift's functions of this counting leave as they were, and which its callers rely on.
    pub(super) callee_saved: &'static [Reg],
    /// The widest vectors that they preserve whole, where they preserve all vector registers.
    pub(crate) preserved_vectors: Option<VectorLevel>,
    /// What of the argument area they pop.
    pub(super) callee_pops: CalleePops,
    /// Whether stubs can stand before them: their own words are on the stack, which a callee would have to pop, and they change scratch registers.
    pub(super) has_stubs: bool,
    /// The steps of those.
    pub(super) steps: &'static Steps,
    /// What functions of it are called by, if that is another machine.
    pub(crate) calls: Option<&'static Machine>,
    /// Whether its callees read records of the argument area 16 bytes at a time, as C compilers' functions do.
    pub(crate) reads_wide: bool,
    /// Bytes from the frame pointer (CLIF's `get_frame_pointer`) to the incoming argument area. `None`: a parameter (`sarg`) points there.
    pub(crate) area_from_frame: Option<u32>,
    /// Whether Cranelift copies blocks of bytes to the argument area of a call (`sarg`).
    pub(crate) has_block_copy: bool,
    /// The register of the static chain, which Cranelift never gives out: a stub moves it.
    pub(crate) chain: Reg,
    /// The convention of the functions that stubs of closures enter, where C's has no register for a static chain. Theirs is the address register of stubs.
    pub(crate) closures: Option<&'static Convention>,
    /// This machine with the counting of functions of another convention, if it has frames of its kind.
    pub(super) under: fn(&Convention) -> Option<&'static Machine>,
    /// The counting by which 16 bytes can be passed in one register, where its own has no such parameter. For calls: a function would preserve
    /// too few registers.
    pub(crate) wide_calls: Option<&'static Machine>,
    /// How a variadic function finds its unnamed arguments.
    pub(crate) va_list: VaListLayout,
    /// The registers that stubs move whole vectors from and to.
    pub(super) moved_vectors: &'static [Reg],
    /// The top of a stack of registers, from which stubs pop results.
    pub(super) x87: Option<Reg>,
}

/// The moves of one value.
pub(crate) type VectorMoves = SmallVec<[RegisterMove; 4]>;

/// Parameters or results of a CLIF signature, by their indexes.
pub type ParamIndexes = SmallVec<[usize; 4]>;

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
    /// word of the call ([`Content::StubResult`](crate::Content::StubResult)), and returns that address, the one result of the CLIF signature. The callee's
    /// signature has no results; it calls `push` right before it returns.
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

impl Machine {
    /// How a result in these places, and parts, is taken.
    pub(crate) fn result(
        &self,
        placed: &[PlacedPart],
        parts: ClifParts,
    ) -> Result<ResultPlan, &'static str> {
        let declarable = self.counting.results.of(RegClass::Vector);
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
        if first != self.x87.map(Loc::Reg) || first.is_none() {
            // Which of the CLIF results they are is still to be found.
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

    /// How a stub moves these parts, if each is a whole vector in one of its registers.
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
            let movable = self.moved_vectors.contains(&reg);
            (movable && size == ty.bytes()).then_some(RegisterMove {
                width,
                register: reg.index(),
                offset: offset.into(),
            })
        };
        parts.iter().map(vector_move).collect()
    }
}
