//! Registers and bytes of the argument area that a signature has used up.

use super::registers::{Reg, RegCounts, RegSet};

/// Registers and bytes used up so far. `Copy`: trying a group and going back is an assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// Registers in use.
    used: RegSet,
    /// Bytes of the argument area in use.
    stack: u64,
    /// Greatest alignment of a value in the area, in bytes.
    align: u32,
}

/// The most a signature's arguments may take of the stack, in bytes.
pub(crate) const MAX_AREA: u64 = 1 << 31;

impl State {
    /// Returns a state in which only `shadow_space` bytes are used, of an area aligned to `align`
    /// bytes.
    pub(crate) fn new(shadow_space: u32, align: u32) -> Self {
        Self {
            used: RegSet::default(),
            stack: u64::from(shadow_space),
            align,
        }
    }

    /// Returns the state that a result is placed in: all registers as they are, and an area of its
    /// own, which lies after the arguments.
    pub(crate) fn for_result(self) -> Self {
        Self {
            stack: 0,
            align: 1,
            ..self
        }
    }

    /// Returns whether `reg` is free.
    #[must_use]
    #[inline]
    pub fn is_free(&self, reg: Reg) -> bool {
        !self.used.contains(reg)
    }

    /// Uses `reg` up.
    #[inline]
    pub fn take(&mut self, reg: Reg) {
        self.used.insert(reg);
    }

    /// Takes the next `bytes` bytes of the area at a multiple of `align`, rounded up to a multiple
    /// of `size`; returns their offset. A `size` or `align` of 0 counts as 1. `None` if the area
    /// grows out of bounds, or if `align` is no power of two.
    pub fn take_stack(&mut self, bytes: u64, size: u32, align: u32) -> Option<u64> {
        let align = align.max(1);
        if !align.is_power_of_two() {
            return None;
        }
        let offset = self.stack.checked_next_multiple_of(u64::from(align))?;
        let bytes = bytes.checked_next_multiple_of(u64::from(size.max(1)))?;
        self.stack = offset.checked_add(bytes).filter(|end| *end <= MAX_AREA)?;
        self.align = self.align.max(align);
        Some(offset)
    }

    /// Takes every register, so that rules find a place on the stack alone.
    pub(crate) fn take_all(&mut self) {
        self.used = RegSet::ALL;
    }

    /// Adds to this state the registers and bytes that a function took without placing a value,
    /// from `before` to `after`.
    pub(crate) fn add(&mut self, before: &Self, after: &Self) {
        self.used.insert_all(&after.used);
        // At most twice `MAX_AREA`; what is placed next is refused then.
        self.stack += after.stack.saturating_sub(before.stack);
        self.align = self.align.max(after.align);
    }

    /// Returns how many registers of each bank are used.
    #[must_use]
    pub fn used(&self) -> RegCounts {
        self.used.counts()
    }

    /// Returns the bytes and the alignment of the argument area so far.
    pub(crate) fn area(&self) -> (u64, u32) {
        (self.stack, self.align)
    }
}
