//! The two sides of a call that know no signature, in assembly: a callee that writes all registers and the stack down, and a caller that
//! fills all of them from an image.
//!
//! ```text
//! image:    0  rdi rsi rdx rcx r8 r9 rax r10, 8 bytes each
//!          64  vector registers 0 to 7, 64 bytes each
//!         576  rsp at the callee's first instruction
//!         592  st0 (10 bytes), 608 st1
//!         640  the argument area
//! ```
//!
//! Both write to one static dump, because no register is left that could say where. The callee may stand for any function: it keeps what
//! System V and Win64 have callees save, touches no memory but the dump, and returns in rax the address that it was given for a result.

use std::arch::naked_asm;
use std::cell::UnsafeCell;
use std::mem::offset_of;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cabi::VectorLevel;

/// Where integer registers start, in the order above.
pub(super) const INTEGERS: usize = 0;
/// Where vector registers start.
pub(super) const VECTORS: usize = 64;
/// Where the stack pointer is.
pub(super) const RSP: usize = 576;
/// Where st0 is.
pub(super) const ST0: usize = 592;
/// Where st1 is.
pub(super) const ST1: usize = 608;
/// Where the argument area starts.
pub(super) const STACK: usize = 640;
/// All bytes.
pub(super) const BYTES: usize = 1 << 14;

/// What both sides write to.
#[repr(C, align(64))]
struct Dump {
    image: [u8; BYTES],
    /// Bytes of the stack that a callee copies.
    stack_bytes: u64,
    /// Where a callee goes instead of returning; null if it returns.
    escape: *const u8,
}

struct Shared(UnsafeCell<Dump>);

// SAFETY: Rust reads and writes it in `Dumping` alone, which holds the lock; the assembly writes to it during calls that a `Dumping` is there for.
unsafe impl Sync for Shared {}

static DUMP: Shared = Shared(UnsafeCell::new(Dump {
    image: [0; BYTES],
    stack_bytes: 0,
    escape: std::ptr::null(),
}));

static LOCK: Mutex<()> = Mutex::new(());

/// The dump, for one user at a time: while it is there, assembly callees and callers may run.
pub(super) struct Dumping(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

impl Dumping {
    /// Clears the dump; callees shall copy `stack_bytes` of the stack, and go to `escape` if it is not null.
    pub(super) fn begin(stack_bytes: usize, escape: *const u8) -> Self {
        let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let stack_bytes = stack_bytes.min(BYTES - STACK) as u64;
        // SAFETY: the lock is held, and whoever holds it has not begun a call yet.
        unsafe {
            *DUMP.0.get() = Dump {
                image: [0xee; BYTES],
                stack_bytes,
                escape,
            };
        }
        Self(guard)
    }

    /// What was written down.
    pub(super) fn image(&self) -> Vec<u8> {
        // SAFETY: the lock is held, and the call that wrote has come back.
        unsafe { (*DUMP.0.get()).image.to_vec() }
    }
}

/// What a caller fills registers and stack from.
#[repr(C)]
pub(super) struct Load {
    pub(super) image: *const u8,
    /// Bytes of the argument area, a multiple of 8.
    pub(super) stack_bytes: u64,
    /// Alignment of the argument area in bytes, at least 16.
    pub(super) align: u64,
}

/// The callee that dumps vector registers of `level`. If it owes a result in memory it hands back the address that came in rdi, or, if
/// `win64`, in rcx.
pub(super) fn callee(level: VectorLevel, win64: bool) -> *const u8 {
    let callee: unsafe extern "C" fn() = match (level, win64) {
        (VectorLevel::Avx512, false) => dump_zmm,
        (VectorLevel::Avx, false) => dump_ymm,
        (_, false) => dump_xmm,
        (VectorLevel::Avx512, true) => dump_zmm_win64,
        (VectorLevel::Avx, true) => dump_ymm_win64,
        (_, true) => dump_xmm_win64,
    };
    callee as *const u8
}

/// The caller that fills registers of `level`: a function of a [`Load`], of nothing, and of the callee.
pub(super) fn caller(level: VectorLevel) -> *const u8 {
    let caller: unsafe extern "C" fn() = match level {
        VectorLevel::Avx512 => load_zmm,
        VectorLevel::Avx => load_ymm,
        VectorLevel::Baseline => load_xmm,
    };
    caller as *const u8
}

macro_rules! callee {
    ($name:ident, $mov:literal, $reg:literal, $result:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            naked_asm!(
                "mov [rip + {dump} + {integers}], rdi",
                "mov [rip + {dump} + {integers} + 8], rsi",
                "mov [rip + {dump} + {integers} + 16], rdx",
                "mov [rip + {dump} + {integers} + 24], rcx",
                "mov [rip + {dump} + {integers} + 32], r8",
                "mov [rip + {dump} + {integers} + 40], r9",
                "mov [rip + {dump} + {integers} + 48], rax",
                "mov [rip + {dump} + {integers} + 56], r10",
                "mov [rip + {dump} + {rsp}], rsp",
                ".irp i, 0, 1, 2, 3, 4, 5, 6, 7",
                concat!($mov, " [rip + {dump} + {vectors} + 64 * \\i], ", $reg, "\\i"),
                ".endr",
                "lea rsi, [rsp + 8]",
                "lea rdi, [rip + {dump} + {stack}]",
                "mov rcx, [rip + {dump} + {stack_bytes}]",
                "rep movsb",
                // The callee's to save in Win64.
                "mov rdi, [rip + {dump} + {integers}]",
                "mov rsi, [rip + {dump} + {integers} + 8]",
                concat!("mov rax, [rip + {dump} + {integers} + ", $result, "]"),
                "cmp qword ptr [rip + {dump} + {escape}], 0",
                "jne 2f",
                "ret",
                "2: jmp [rip + {dump} + {escape}]",
                dump = sym DUMP,
                integers = const INTEGERS,
                vectors = const VECTORS,
                rsp = const RSP,
                stack = const STACK,
                stack_bytes = const offset_of!(Dump, stack_bytes),
                escape = const offset_of!(Dump, escape),
            )
        }
    };
}

callee!(dump_xmm, "movups", "xmm", "0");
callee!(dump_ymm, "vmovups", "ymm", "0");
callee!(dump_zmm, "vmovups", "zmm", "0");
callee!(dump_xmm_win64, "movups", "xmm", "24");
callee!(dump_ymm_win64, "vmovups", "ymm", "24");
callee!(dump_zmm_win64, "vmovups", "zmm", "24");

macro_rules! caller {
    ($name:ident, $mov:literal, $reg:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "push rbx",
                "push rcx",
                "fnstcw word ptr [rbp - 16]",
                "mov r11, rdx",
                "mov rbx, [rdi + {image}]",
                "mov rcx, [rdi + {stack_bytes}]",
                "mov rax, [rdi + {align}]",
                "sub rsp, rcx",
                "neg rax",
                "and rsp, rax",
                "lea rsi, [rbx + {stack}]",
                "mov rdi, rsp",
                "rep movsb",
                ".irp i, 0, 1, 2, 3, 4, 5, 6, 7",
                concat!($mov, " ", $reg, "\\i, [rbx + {vectors} + 64 * \\i]"),
                ".endr",
                "mov rdi, [rbx + {integers}]",
                "mov rsi, [rbx + {integers} + 8]",
                "mov rdx, [rbx + {integers} + 16]",
                "mov rcx, [rbx + {integers} + 24]",
                "mov r8, [rbx + {integers} + 32]",
                "mov r9, [rbx + {integers} + 40]",
                "mov rax, [rbx + {integers} + 48]",
                "mov r10, [rbx + {integers} + 56]",
                "call r11",
                "mov [rip + {dump} + {integers} + 16], rdx",
                "mov [rip + {dump} + {integers} + 48], rax",
                // Where the x87 stack is empty these write NaNs.
                "fstp tbyte ptr [rip + {dump} + {st0}]",
                "fstp tbyte ptr [rip + {dump} + {st1}]",
                "fninit",
                "fldcw word ptr [rbp - 16]",
                ".irp i, 0, 1, 2, 3, 4, 5, 6, 7",
                concat!($mov, " [rip + {dump} + {vectors} + 64 * \\i], ", $reg, "\\i"),
                ".endr",
                "lea rsp, [rbp - 8]",
                "pop rbx",
                "pop rbp",
                "ret",
                dump = sym DUMP,
                integers = const INTEGERS,
                vectors = const VECTORS,
                st0 = const ST0,
                st1 = const ST1,
                stack = const STACK,
                image = const offset_of!(Load, image),
                stack_bytes = const offset_of!(Load, stack_bytes),
                align = const offset_of!(Load, align),
            )
        }
    };
}

caller!(load_xmm, "movups", "xmm");
caller!(load_ymm, "vmovups", "ymm");
caller!(load_zmm, "vmovups", "zmm");
