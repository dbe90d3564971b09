//! What of a machine is the same under all conventions: its registers, and the code of stubs.

use cabi::Reg;

use super::stub::Steps;

/// What of a machine is the same under all conventions.
#[derive(Debug)]
pub(crate) struct Isa {
    /// The register of a context: what CLIF's `get_pinned_reg` and `set_pinned_reg` are about.
    pub(super) context: Reg,
    /// The register with the count of vector registers of a variadic call, where there is one.
    pub(super) vector_count: Option<Reg>,
    /// The steps of stubs.
    pub(super) steps: &'static Steps,
    /// Bytes from the frame pointer (CLIF's `get_frame_pointer`) to the incoming argument area. `None`: a parameter (`sarg`) points there.
    pub(super) area_from_frame: Option<u32>,
    /// The registers that stubs move whole vectors from and to.
    pub(super) moved_vectors: &'static [Reg],
    /// The top of a stack of registers, from which stubs pop results.
    pub(super) x87: Option<Reg>,
}
