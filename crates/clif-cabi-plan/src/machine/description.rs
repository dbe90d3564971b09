//! What there is to know of one machine.

use cabi::convention::CalleePops;
use cabi::{Convention, PlacedPart, Reg, VectorLevel};
use smallvec::SmallVec;

use super::counting::Counting;
use super::stub::{RegisterMove, Steps, Stub};
use super::va_list::VaListLayout;
use crate::parts::ClifParts;

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
    /// How a result in these places, and parts, is taken.
    pub(crate) result: fn(&Counting, &[PlacedPart], ClifParts) -> Result<ResultPlan, &'static str>,
    /// How a stub moves these parts, if each is a whole vector in a register of parameters.
    pub(crate) vector_moves: fn(&[PlacedPart]) -> Option<VectorMoves>,
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

impl ResultPlan {
    /// From registers that CLIF knows. Which of its results they are is still to be found.
    pub(super) fn in_registers(parts: ClifParts) -> Self {
        let results = ParamIndexes::new();
        Self::Parts { results, parts }
    }
}
