//! Processors: registers with a task, and the code of stubs. The moves of stubs are those of its
//! conventions' parameters.

use cabi::Reg;

use super::registers::Registers;
use super::stub::Steps;

/// Flag of processors with an `area_from_frame`.
pub(super) const FRAME_POINTERS: [&str; 3] = [
    "preserve_frame_pointers",
    "true",
    "must be on: functions find their stack arguments by the frame pointer",
];

/// Flag of processors where every other probe overwrites the first argument, or Cranelift panics.
pub(super) const INLINE_PROBES: [&str; 3] = [
    "probestack_strategy",
    "inline",
    "must be `inline` with enable_probestack: another probe overwrites the first argument on this machine, or Cranelift panics",
];

/// Flag of processors without a context register in Cranelift, which fails to compile with it.
const NO_CONTEXT: [&str; 3] = [
    "enable_pinned_reg",
    "false",
    "must be off: Cranelift has no pinned register on this machine",
];

#[derive(Debug)]
pub(crate) struct Processor {
    pub(crate) big_endian: bool,
    /// Register of a context, for CLIF's `get_pinned_reg` and `set_pinned_reg`, where Cranelift has
    /// one.
    pub(super) context: Option<Reg>,
    /// The register with the count of vector registers of a variadic call, where there is one.
    pub(super) vector_count: Option<Reg>,
    pub(super) steps: Steps,
    /// Bytes from the frame pointer (CLIF's `get_frame_pointer`) to the incoming argument area.
    /// `None`: a parameter (`sarg`) points there.
    pub(super) area_from_frame: Option<u32>,
    /// Registers that stubs move from and to objects where CLIF cannot: whole vectors, and integers
    /// as results. Steps have the numbers of this list.
    pub(super) moved: Registers,
    /// The top of a stack of registers, from which stubs pop results.
    pub(super) x87: Option<Reg>,
    /// Greatest alignment of Cranelift's stack slots, in bytes.
    pub(super) slot_align: u32,
    /// A register that Cranelift's routine for probes of frames of more than a page changes.
    pub(super) probe: Option<Reg>,
    /// Flags of Cranelift that its code needs to call and to be called as C's.
    pub(super) flags: &'static [[&'static str; 3]],
}

impl Processor {
    /// Returns a little-endian processor without special registers, on whose frames functions find
    /// their stack arguments.
    pub(super) const fn with_frames(steps: Steps) -> Self {
        Self {
            big_endian: false,
            context: None,
            vector_count: None,
            steps,
            // The return address and the frame pointer of the caller.
            area_from_frame: Some(16),
            moved: Registers::NONE,
            x87: None,
            slot_align: 16,
            probe: None,
            flags: &[FRAME_POINTERS, INLINE_PROBES, NO_CONTEXT],
        }
    }
}
