//! Reasons why a value has no place: no rule has one for it, or the rules cannot be run.

/// A reason, in words.
pub(crate) type NoPlace = &'static str;

pub(crate) const NO_RULE: NoPlace = "no rule of the convention has a place for it";
/// `MAX_AREA` in words.
pub(crate) const TOO_MUCH_STACK: NoPlace = "the arguments take more than 2 GiB of stack";
pub(super) const TOO_DEEP: NoPlace = "lists of the convention delegate to each other, or guards nest, more than 16 deep, or go on with other lists more than 4096 times";
pub(super) const NARROW_REGISTER: NoPlace = "a rule gives a part a register that is too narrow";
pub(super) const OUTSIDE_OF_AREA: NoPlace = "a place outside the argument area";
pub(super) const NO_ALIGNMENT: NoPlace =
    "an alignment that is no power of two, or greater than any type may ask for";
pub(super) const EMPTY_SLOT: NoPlace = "a rule gives its lanes slots of no bytes";
