//! Register files as constants.

/// Constants for the registers of a machine: bank and bits, then names with their texts and
/// numbers.
macro_rules! registers {
    ($($bank:ident $bits:literal: $($name:ident $text:literal $index:literal)*;)*) => {
        $($(
            #[doc = $text]
            pub const $name: $crate::Reg = $crate::Reg(&$crate::Register {
                name: $text,
                bank: $crate::Bank::$bank,
                index: $index,
                bits: $bits,
            });
        )*)*
    };
}
pub(super) use registers;
