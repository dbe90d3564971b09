//! The registers of x86-64 that values are passed in, and those beside them.

use crate::convention::{Bank, Reg, Register};

macro_rules! registers {
    ($($name:ident $text:literal $bank:ident $index:literal $bits:literal,)*) => {
        $(
            #[doc = $text]
            pub const $name: Reg = Reg(&Register { name: $text, bank: Bank::$bank, index: $index, bits: $bits });
        )*
    };
}

registers! {
    RAX "rax" Int 0 64,
    RCX "rcx" Int 1 64,
    RDX "rdx" Int 2 64,
    RBX "rbx" Int 3 64,
    RSP "rsp" Int 4 64,
    RBP "rbp" Int 5 64,
    RSI "rsi" Int 6 64,
    RDI "rdi" Int 7 64,
    R8 "r8" Int 8 64,
    R9 "r9" Int 9 64,
    R10 "r10" Int 10 64,
    R11 "r11" Int 11 64,
    R12 "r12" Int 12 64,
    R13 "r13" Int 13 64,
    R14 "r14" Int 14 64,
    R15 "r15" Int 15 64,
    XMM0 "xmm0" Vector 0 512,
    XMM1 "xmm1" Vector 1 512,
    XMM2 "xmm2" Vector 2 512,
    XMM3 "xmm3" Vector 3 512,
    XMM4 "xmm4" Vector 4 512,
    XMM5 "xmm5" Vector 5 512,
    XMM6 "xmm6" Vector 6 512,
    XMM7 "xmm7" Vector 7 512,
    XMM8 "xmm8" Vector 8 512,
    XMM9 "xmm9" Vector 9 512,
    XMM10 "xmm10" Vector 10 512,
    XMM11 "xmm11" Vector 11 512,
    XMM12 "xmm12" Vector 12 512,
    XMM13 "xmm13" Vector 13 512,
    XMM14 "xmm14" Vector 14 512,
    XMM15 "xmm15" Vector 15 512,
    ST0 "st0" X87 0 80,
    ST1 "st1" X87 1 80,
    ST2 "st2" X87 2 80,
    ST3 "st3" X87 3 80,
    ST4 "st4" X87 4 80,
    ST5 "st5" X87 5 80,
    ST6 "st6" X87 6 80,
}
