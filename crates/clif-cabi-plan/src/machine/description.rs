//! What there is to know of one machine.

use cabi::convention::CalleePops;
use cabi::{Convention, PlacedPart, Reg, VectorLevel};
use smallvec::SmallVec;

use super::counting::Counting;
use super::stub::{Steps, Stub, VectorMove};
use super::va_list::VaListLayout;
use crate::error::NotLowered;
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
    /// How a result in these parts is taken.
    pub(crate) result: fn(&Counting, &[PlacedPart]) -> Result<ResultIn, NotLowered>,
    /// How a stub moves these parts, if each is a whole vector in a register of parameters.
    pub(crate) vector_moves: fn(&[PlacedPart]) -> Option<VectorMoves>,
}

/// The moves of one value.
pub(crate) type VectorMoves = SmallVec<[VectorMove; 4]>;

/// How a result is taken.
pub(crate) enum ResultIn {
    /// From registers that CLIF knows.
    Registers,
    /// From vector registers that CLIF cannot say. The stub of a call moves it to memory; in a function `load` does the opposite before it returns.
    Vectors { moves: VectorMoves, load: Stub },
    /// By stubs, which move it to and from memory, in these parts.
    Stub {
        pop: Stub,
        push: Stub,
        parts: ClifParts,
        bytes: u32,
    },
}

/// What a machine says of a target.
pub(super) enum Selected {
    /// The target is another machine's.
    Other,
    /// The target is this machine's, and calls are planned.
    Lowered(&'static Machine),
    /// The target is this machine's, and no calls are planned.
    Refused(&'static str),
}
