//! Tables of how a variadic function finds its unnamed arguments: the registers that it saves, and
//! the members of a `va_list`.

use cabi::Convention;

use super::registers::PerClass;
use crate::signature::ValueType;

/// The way a variadic function finds its unnamed arguments.
#[derive(Debug)]
pub(crate) struct VaListLayout {
    /// Convention of the `va_list`.
    pub(crate) convention: &'static Convention,
    /// Place where it saves registers. `None`: the `va_list` is an address in the argument area.
    pub(crate) save_area: Option<SaveArea>,
    /// The way the integer registers of parameters get right before the arguments on the stack,
    /// where such an address may go on from them.
    pub(crate) home: Option<Home>,
}

impl VaListLayout {
    /// Returns the layout of a `va_list` that is an address.
    pub(super) const fn address(convention: &'static Convention, home: Option<Home>) -> Self {
        Self {
            convention,
            save_area: None,
            home,
        }
    }

    /// Returns the layout of a `va_list` that counts the registers of a save area.
    pub(super) const fn counts(convention: &'static Convention, save_area: SaveArea) -> Self {
        Self {
            convention,
            save_area: Some(save_area),
            home: None,
        }
    }
}

/// Saver of the integer registers of parameters right before the arguments on the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Home {
    /// The function, in the shadow space. Each argument is a word.
    ShadowSpace,
    /// A stub, in its own frame.
    Stub,
}

/// Register save area of a variadic function, with a slot for each register of parameters, integers
/// first; and the `va_list` that counts them.
#[derive(Debug)]
pub(crate) struct SaveArea {
    /// Each slot for a vector register is as aligned as it has bytes.
    pub(crate) saved: PerClass<SavedClass>,
    /// Bytes from its start to the argument area, where callers leave room for it. `None`: the
    /// function makes room.
    pub(crate) before_area: Option<u32>,
    pub(crate) list_bytes: u8,
    /// Bytes from its start to the address of the next argument in the argument area.
    pub(crate) overflow: u8,
    /// `true` if a value that does not fit in the registers that are left makes them unavailable to
    /// later ones of its class.
    pub(crate) exhausts: bool,
    /// `true` if a value aligned to 16 bytes starts at an even integer register.
    pub(crate) in_pairs: bool,
    /// `true` if a value in memory is a copy, whose address is the argument.
    pub(crate) by_reference: bool,
}

/// The saved registers of one class.
#[derive(Debug)]
pub(crate) struct SavedClass {
    /// Bytes from the start of the register save area to the slot of the first register.
    pub(crate) first: u32,
    /// Bytes of the slot of a register.
    pub(crate) slot: u32,
    /// The type of a parameter that holds all of a register that is saved.
    pub(crate) ty: ValueType,
    pub(crate) counter: VaCounter,
    /// Bytes from the start of the register save area to the address that the counter is added to.
    pub(crate) base_at: u32,
    /// Bytes from that address to the register that the counter counts as 0.
    pub(crate) zero_at: u32,
}

/// Counter of one class of registers in a `va_list`, which is added to an address to find the next
/// one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VaCounter {
    /// Bytes from the start of the `va_list` to the counter.
    pub at: u8,
    /// Bytes from the start of the `va_list` to the address that the counter is added to.
    pub base: u8,
    /// `true` if the counter goes from a negative number up to 0.
    pub is_signed: bool,
    /// Bytes of the counter: 4 or 8.
    pub bytes: u8,
    /// Bytes that the counter counts as 1, a power of two.
    pub unit: u8,
}

impl VaCounter {
    /// Returns the counter of bytes, an `int`, that is member `at` of the `va_list` of
    /// `convention`, and is added to member `base`.
    pub(super) const fn of(
        convention: &Convention,
        at: usize,
        base: usize,
        is_signed: bool,
    ) -> Self {
        Self {
            at: member(convention, at),
            base: member(convention, base),
            is_signed,
            bytes: 4,
            unit: 1,
        }
    }
}

/// Returns the offset of member `n` of the `va_list` of `convention`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a few members of at most eight bytes"
)]
pub(super) const fn member(convention: &Convention, n: usize) -> u8 {
    convention.frame.va_list.offset(n) as u8
}
