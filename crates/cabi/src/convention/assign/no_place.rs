//! Reasons why a value has no place: no rule has one for it, or the rules cannot be run.

/// A reason, in words.
pub(crate) type NoPlace = &'static str;

pub(crate) const NO_RULE: NoPlace = "no rule of the convention places this value";
/// `MAX_AREA` in words.
pub(crate) const TOO_MUCH_STACK: NoPlace = "the arguments take more than 2 GiB of stack";
pub(super) const TOO_DEEP: NoPlace = "lists or guards of the convention nest more than 16 deep, or the lists delegate more than 4096 times";
pub(super) const NARROW_REGISTER: NoPlace = "a rule gives a part a register that is too narrow";
pub(super) const OUTSIDE_OF_AREA: NoPlace = "a rule gives a place outside the argument area";
pub(super) const NO_ALIGNMENT: NoPlace =
    "a rule gives an alignment that is not a power of two or is greater than a type can have";
pub(super) const EMPTY_SLOT: NoPlace = "a rule gives lanes slots of 0 bytes";
