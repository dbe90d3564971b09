//! Properties of a convention's stack, and registers with a task of their own.

use super::registers::Reg;
use crate::types::Type;

/// The stack of a convention, and its registers with a task of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The way functions are entered and left.
    pub kind: FrameKind,
    /// Size of a stack slot, in bytes.
    pub slot: u32,
    /// `true` if the machine is big-endian: a part smaller than its slot is at the end of it.
    pub big_endian: bool,
    /// Alignment of the stack pointer where a call is made, in bytes.
    pub stack_align: u32,
    /// The least alignment that a signature may ask for, in bytes. It is less than `stack_align` if
    /// callers may follow an older rule (i386), or may state less (Zig's
    /// `incoming_stack_alignment`).
    pub least_align: u32,
    /// Limit of the stack pointer's alignment by vectors, in bytes (Zig's own conventions). If it
    /// is set, the stack pointer is aligned to the widest vector register that the signature
    /// assumes, up to the limit. The size of the area is then a multiple of its alignment.
    pub vector_align: Option<u32>,
    /// Bytes at the start of the argument area that belong to the callee.
    pub shadow_space: u32,
    /// `true` if callers leave room after the argument area in which the callee may store the
    /// arguments in registers (Go). The room of each is as large and aligned as its type.
    pub spills: bool,
    /// Bytes of the argument area that a callee pops.
    pub callee_pops: CalleePops,
    /// The registers that a callee leaves as they were.
    pub callee_saved: &'static [Reg],
    /// Registers among `callee_saved` of which a callee preserves the lower bytes alone: fewer than
    /// a scalar, or a vector of 16 bytes, fills.
    pub partly_saved: &'static [Reg],
    /// A register that holds an address of the program's own at every call, and that every callee
    /// preserves (Zig: the error return trace). No argument is passed in it. A caller without this
    /// address makes one.
    pub carried: Option<Reg>,
    /// A register that holds the same value for all functions of a program, or of a thread, until
    /// one of them changes it. No argument is passed in it, and it stays live across calls.
    pub context: Option<Reg>,
    /// The register in which a callee returns the sret pointer.
    pub sret_returned_in: Option<Reg>,
    /// The register in which the caller of a variadic function counts the vector registers used.
    pub variadic_count: Option<Reg>,
    /// The machine's name for its floating-point and vector registers, which explanations count.
    pub vector_bank: &'static str,
    /// Type of `va_list`.
    pub va_list: VaListType,
}

/// The way functions are entered and left. A back end with several kinds of functions on one
/// machine chooses among them by it. The rules say where values are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum FrameKind {
    /// As the machine's Unix systems have it.
    Unix,
    /// As Windows on the machine has it.
    Win64,
    /// Callees pop their arguments, so that a call at the end of a function can take the place of
    /// its frame. A result may use all registers for results. Between functions of one compiler.
    Tail,
    /// Callees preserve the registers that hold arguments too (clang's `preserve_all`).
    PreserveAll,
}

/// Bytes of the argument area that a callee pops.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CalleePops {
    /// Nothing.
    Nothing,
    /// The hidden pointer to the result, if it is in the area (i386 System V).
    SretPointer,
    /// All of it, unless the function is variadic (`stdcall`).
    Everything,
    /// All of it and its padding to a multiple of [`Frame::stack_align`], so that the stack pointer
    /// stays aligned (tail calls).
    EverythingAligned,
}

/// Type of `va_list`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum VaListType {
    /// Not known.
    Unknown,
    /// A pointer to the next argument.
    Pointer,
    /// A structure of this tag and these members.
    Structure(&'static str, &'static [VaField]),
    /// An array of one such structure, which decays to a pointer as a parameter.
    Array(&'static str, &'static [VaField]),
}

impl VaListType {
    /// Returns the bytes from the start of a structure to member `n`, each member aligned to its
    /// size. If `n` is the number of members, returns the size of the structure. 0 for a pointer.
    ///
    /// # Example
    /// ```
    /// use cabi::X86_64_SYSV;
    /// assert_eq!(X86_64_SYSV.frame.va_list.offset(2), 8);
    /// ```
    #[must_use]
    pub const fn offset(&self, n: usize) -> u64 {
        let (Self::Structure(_, mut fields) | Self::Array(_, mut fields)) = *self else {
            return 0;
        };
        let (mut n_before, mut end, mut greatest) = (n, 0_u64, 1);
        while let [(_, ty), rest @ ..] = fields {
            let size = ty.size();
            if size > 0 {
                end = end.next_multiple_of(size);
            }
            if n_before == 0 {
                return end;
            }
            (n_before, end, fields) = (n_before - 1, end + size, rest);
            greatest = if size > greatest { size } else { greatest };
        }
        end.next_multiple_of(greatest)
    }
}

/// A member of a `va_list`: its name and its type.
pub type VaField = (&'static str, Type);

impl Frame {
    /// Returns a little-endian frame of the kind [`FrameKind::Unix`], and nothing else. Slots have
    /// `slot` bytes, and the stack is aligned to `stack_align` bytes at calls.
    #[must_use]
    pub const fn new(slot: u32, stack_align: u32) -> Self {
        Self {
            kind: FrameKind::Unix,
            slot,
            big_endian: false,
            stack_align,
            least_align: stack_align,
            vector_align: None,
            shadow_space: 0,
            spills: false,
            callee_pops: CalleePops::Nothing,
            callee_saved: &[],
            partly_saved: &[],
            carried: None,
            context: None,
            sret_returned_in: None,
            variadic_count: None,
            vector_bank: "vector",
            va_list: VaListType::Unknown,
        }
    }
}
