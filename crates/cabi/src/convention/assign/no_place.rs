//! Why rules place a value nowhere.

/// Why a value cannot be placed: the rules have no place for it, or cannot be run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoPlace {
    NoRule,
    TooMuchStack,
    TooDeep,
    NarrowRegister,
    OutsideOfArea,
    NoAlignment,
    EmptySlot,
}

impl NoPlace {
    /// The reason in words.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::NoRule => "no rule of the convention has a place for it",
            // `MAX_AREA` in words.
            Self::TooMuchStack => "the arguments take more than 2 GiB of stack",
            Self::TooDeep => {
                "lists of the convention delegate to each other, or guards nest, more than 16 deep, or go on with other lists more than 4096 times"
            }
            Self::NarrowRegister => "a rule gives a part a register that is too narrow",
            Self::OutsideOfArea => "a place outside the argument area",
            Self::NoAlignment => {
                "an alignment that is no power of two, or greater than any type may ask for"
            }
            Self::EmptySlot => "a rule gives its lanes slots of no bytes",
        }
    }
}
