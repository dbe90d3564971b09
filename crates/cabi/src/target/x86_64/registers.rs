//! The registers of x86-64 that values are passed in, and those beside them.

use crate::target::machine_registers::registers;

registers! {
    Int 64: RAX "rax" 0 RCX "rcx" 1 RDX "rdx" 2 RBX "rbx" 3 RSP "rsp" 4 RBP "rbp" 5 RSI "rsi" 6 RDI "rdi" 7 R8 "r8" 8
        R9 "r9" 9 R10 "r10" 10 R11 "r11" 11 R12 "r12" 12 R13 "r13" 13 R14 "r14" 14 R15 "r15" 15;
    Vector 512: XMM0 "xmm0" 0 XMM1 "xmm1" 1 XMM2 "xmm2" 2 XMM3 "xmm3" 3 XMM4 "xmm4" 4 XMM5 "xmm5" 5 XMM6 "xmm6" 6
        XMM7 "xmm7" 7 XMM8 "xmm8" 8 XMM9 "xmm9" 9 XMM10 "xmm10" 10 XMM11 "xmm11" 11 XMM12 "xmm12" 12 XMM13 "xmm13" 13
        XMM14 "xmm14" 14 XMM15 "xmm15" 15;
    X87 80: ST0 "st0" 0 ST1 "st1" 1 ST2 "st2" 2 ST3 "st3" 3 ST4 "st4" 4 ST5 "st5" 5 ST6 "st6" 6;
}
