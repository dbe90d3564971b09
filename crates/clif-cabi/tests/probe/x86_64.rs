//! The code of the probe for x86-64.

use std::arch::naked_asm;

use super::{ANSWER, POPPED, RECORDED, STACK_BYTES, State};

/// Where a [`State`] has rsp at the callee's entry, and rsp after the call, in place of rbp.
pub(super) const SP: usize = 4;
pub(super) const SP_AFTER: usize = 5;
/// From the stack pointer at a callee's entry to its argument area: the return address.
pub(super) const AREA: u64 = 8;

/// Fills every register that a state has from the state at r11.
macro_rules! load {
    () => {
        r"
        .irp i, 0, 1, 2, 3, 4, 5, 6, 7
            movups xmm\i, [r11 + 128 + 16 * \i]
        .endr
        mov rax, [r11]
        mov rcx, [r11 + 8]
        mov rdx, [r11 + 16]
        mov rsi, [r11 + 48]
        mov rdi, [r11 + 56]
        .irp i, 8, 9, 10
            mov r\i, [r11 + 8 * \i]
        .endr"
    };
}
/// Fills the state at r11 from them.
macro_rules! store {
    () => {
        r"
        .irp i, 0, 1, 2, 3, 4, 5, 6, 7
            movups [r11 + 128 + 16 * \i], xmm\i
        .endr
        mov [r11], rax
        mov [r11 + 8], rcx
        mov [r11 + 16], rdx
        mov [r11 + 48], rsi
        mov [r11 + 56], rdi
        .irp i, 8, 9, 10
            mov [r11 + 8 * \i], r\i
        .endr"
    };
}

/// rdi: the code, rsi: the [`State`] to give it, rdx: the [`State`] to record.
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn enter(
    code: *const u8,
    given: *const State,
    returned: *mut State,
) {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "mov rbx, rdi",
        "mov r12, rsi",
        "mov r13, rdx",
        // The return address and five pushes: 16-aligned here, and at the call.
        "sub rsp, {stack_bytes}",
        "xor ecx, ecx",
        "2:",
        "mov rax, [r12 + 256 + rcx]",
        "mov [rsp + rcx], rax",
        "add ecx, 8",
        "cmp ecx, {stack_bytes}",
        "jb 2b",
        "lea rax, [rsp - 8]",
        "mov [r13 + 32], rax",
        "mov r11, r12",
        load!(),
        "call rbx",
        "mov r11, r13",
        store!(),
        "mov [r13 + 40], rsp",
        "lea rsp, [rbp - 32]",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        stack_bytes = const STACK_BYTES,
    )
}

/// The text of a dump into RECORDED (`{recorded}`), all registers preserved. It pushes 24 bytes: the stack at entry is at
/// [rsp + 24], the bytes above the return address at [rsp + 32].
macro_rules! record {
    ($($end:expr),* ; $($operands:tt)*) => {
        naked_asm!(
            "push r11",
            "push rax",
            "push rcx",
            "lea r11, [rip + {recorded}]",
            store!(),
            "lea rax, [rsp + 24]",
            "mov [r11 + 32], rax",
            "xor ecx, ecx",
            "2:",
            "mov rax, [rsp + 32 + rcx]",
            "mov [r11 + 256 + rcx], rax",
            "add ecx, 8",
            "cmp ecx, {stack_bytes}",
            "jb 2b",
            "pop rcx",
            "pop rax",
            "pop r11",
            $($end,)*
            "ret",
            recorded = sym RECORDED,
            stack_bytes = const STACK_BYTES,
            $($operands)*
        )
    };
}

/// Records its registers and stack, then answers in rax, rdx, xmm0 and xmm1. A callee of any convention: it changes
/// nothing else but r11, and touches no shadow space. Called below [`enter`], which keeps enough stack above it readable.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn dump() {
    record!(
        "lea r11, [rip + {answer}]",
        "mov rax, [r11]",
        "mov rdx, [r11 + 16]",
        "movups xmm0, [r11 + 128]",
        "movups xmm1, [r11 + 144]";
        answer = sym ANSWER,
    )
}

/// [`dump`] without an answer: it changes no register at all, as a `preserve_all` callee must.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn dump_only() {
    record!(;)
}

/// [`dump`] with an answer in every register that a result of `tail` can be in, and without its arguments when it returns.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn dump_popping() {
    record!(
        "lea r11, [rip + {answer}]",
        load!(),
        "pop r11",
        "add rsp, [rip + {popped}]",
        "push r11";
        answer = sym ANSWER,
        popped = sym POPPED,
    )
}
