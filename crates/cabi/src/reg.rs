//! Machine registers that values travel in, written as assemblers write them.

use core::fmt;

/// A file of registers that is counted on its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Bank {
    /// General purpose registers.
    Int = 0,
    /// Vector and floating-point registers.
    Vector = 1,
    /// The x87 register stack.
    X87 = 2,
}

macro_rules! regs {
    ($($reg:ident $name:literal $bank:ident $encoding:literal,)*) => {
        /// A register.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Reg { $(#[doc = $name] $reg,)* }

        impl Bank {
            /// The bits of all its registers.
            pub(crate) const fn bits(self) -> u64 {
                let mut bits = 0;
                $(if Reg::$reg.bank() as u8 == self as u8 { bits |= Reg::$reg.bit(); })*
                bits
            }
        }

        impl Reg {
            /// A bit no other register has.
            pub(crate) const fn bit(self) -> u64 {
                1 << self as u8
            }

            /// Its name in assembly text.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$reg => $name,)* }
            }

            /// The file of registers it belongs to.
            #[must_use]
            pub const fn bank(self) -> Bank {
                match self { $(Self::$reg => Bank::$bank,)* }
            }

            /// Its number in machine code.
            #[must_use]
            pub const fn encoding(self) -> u8 {
                match self { $(Self::$reg => $encoding,)* }
            }
        }
    };
}

regs! {
    Rax "rax" Int 0, Rcx "rcx" Int 1, Rdx "rdx" Int 2, Rbx "rbx" Int 3,
    Rsp "rsp" Int 4, Rbp "rbp" Int 5, Rsi "rsi" Int 6, Rdi "rdi" Int 7,
    R8 "r8" Int 8, R9 "r9" Int 9, R10 "r10" Int 10, R11 "r11" Int 11,
    R12 "r12" Int 12, R13 "r13" Int 13, R14 "r14" Int 14, R15 "r15" Int 15,
    Xmm0 "xmm0" Vector 0, Xmm1 "xmm1" Vector 1, Xmm2 "xmm2" Vector 2, Xmm3 "xmm3" Vector 3,
    Xmm4 "xmm4" Vector 4, Xmm5 "xmm5" Vector 5, Xmm6 "xmm6" Vector 6, Xmm7 "xmm7" Vector 7,
    Xmm8 "xmm8" Vector 8, Xmm9 "xmm9" Vector 9, Xmm10 "xmm10" Vector 10, Xmm11 "xmm11" Vector 11,
    Xmm12 "xmm12" Vector 12, Xmm13 "xmm13" Vector 13, Xmm14 "xmm14" Vector 14, Xmm15 "xmm15" Vector 15,
    St0 "st0" X87 0, St1 "st1" X87 1,
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Reg {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
