//! The two sides of a call that know no signature, in bare assembly: a callee that writes all registers and the stack down, and a caller that
//! fills all of them from an image.
//!
//! ```text
//! image:    0  rdi rsi rdx rcx r8 r9 rax r10, 8 bytes each
//!          64  vector registers 0 to 7, 64 bytes each
//!         576  rsp at the callee's first instruction
//!         592  st0 (10 bytes), 608 st1
//!         640  the argument area
//! ```

use std::arch::naked_asm;
use std::cell::UnsafeCell;
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

// SAFETY: all uses are behind the lock that `lock` takes.
unsafe impl Sync for Shared {}

static DUMP: Shared = Shared(UnsafeCell::new(Dump {
    image: [0; BYTES],
    stack_bytes: 0,
    escape: std::ptr::null(),
}));

static LOCK: Mutex<()> = Mutex::new(());

/// The dump, for one user at a time.
pub(super) struct Dumping(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

impl Dumping {
    /// Clears the dump; callees shall copy `stack_bytes` of the stack, and go to `escape` if it is not null.
    pub(super) fn begin(stack_bytes: usize, escape: *const u8) -> Self {
        let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let stack_bytes = stack_bytes.min(BYTES - STACK) as u64;
        // SAFETY: the lock is held, and no callee runs.
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

/// Stores vector registers 0 to 7 in the dump.
macro_rules! store_vectors {
    ($mov:literal, $reg:literal) => {
        concat!(
            $mov,
            " [rip + {dump} + 64], ",
            $reg,
            "0\n",
            $mov,
            " [rip + {dump} + 128], ",
            $reg,
            "1\n",
            $mov,
            " [rip + {dump} + 192], ",
            $reg,
            "2\n",
            $mov,
            " [rip + {dump} + 256], ",
            $reg,
            "3\n",
            $mov,
            " [rip + {dump} + 320], ",
            $reg,
            "4\n",
            $mov,
            " [rip + {dump} + 384], ",
            $reg,
            "5\n",
            $mov,
            " [rip + {dump} + 448], ",
            $reg,
            "6\n",
            $mov,
            " [rip + {dump} + 512], ",
            $reg,
            "7\n",
        )
    };
}

/// Loads vector registers 0 to 7 from the image at rbx.
macro_rules! load_vectors {
    ($mov:literal, $reg:literal) => {
        concat!(
            $mov,
            " ",
            $reg,
            "0, [rbx + 64]\n",
            $mov,
            " ",
            $reg,
            "1, [rbx + 128]\n",
            $mov,
            " ",
            $reg,
            "2, [rbx + 192]\n",
            $mov,
            " ",
            $reg,
            "3, [rbx + 256]\n",
            $mov,
            " ",
            $reg,
            "4, [rbx + 320]\n",
            $mov,
            " ",
            $reg,
            "5, [rbx + 384]\n",
            $mov,
            " ",
            $reg,
            "6, [rbx + 448]\n",
            $mov,
            " ",
            $reg,
            "7, [rbx + 512]\n",
        )
    };
}

macro_rules! callee {
    ($name:ident, $mov:literal, $reg:literal, $result:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            naked_asm!(
                "mov [rip + {dump}], rdi",
                "mov [rip + {dump} + 8], rsi",
                "mov [rip + {dump} + 16], rdx",
                "mov [rip + {dump} + 24], rcx",
                "mov [rip + {dump} + 32], r8",
                "mov [rip + {dump} + 40], r9",
                "mov [rip + {dump} + 48], rax",
                "mov [rip + {dump} + 56], r10",
                "mov [rip + {dump} + 576], rsp",
                store_vectors!($mov, $reg),
                "lea rsi, [rsp + 8]",
                "lea rdi, [rip + {dump} + 640]",
                "mov rcx, [rip + {dump} + {stack_bytes}]",
                "rep movsb",
                // The callee's to save in Win64.
                "mov rdi, [rip + {dump}]",
                "mov rsi, [rip + {dump} + 8]",
                concat!("mov rax, [rip + {dump} + ", $result, "]"),
                "cmp qword ptr [rip + {dump} + {escape}], 0",
                "jne 2f",
                "ret",
                "2: jmp [rip + {dump} + {escape}]",
                dump = sym DUMP,
                stack_bytes = const std::mem::offset_of!(Dump, stack_bytes),
                escape = const std::mem::offset_of!(Dump, escape),
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
                "mov r11, rdx",
                "mov rbx, [rdi]",
                "mov rcx, [rdi + 8]",
                "mov rax, [rdi + 16]",
                "sub rsp, rcx",
                "neg rax",
                "and rsp, rax",
                "lea rsi, [rbx + 640]",
                "mov rdi, rsp",
                "rep movsb",
                load_vectors!($mov, $reg),
                "mov rdi, [rbx]",
                "mov rsi, [rbx + 8]",
                "mov rdx, [rbx + 16]",
                "mov rcx, [rbx + 24]",
                "mov r8, [rbx + 32]",
                "mov r9, [rbx + 40]",
                "mov rax, [rbx + 48]",
                "mov r10, [rbx + 56]",
                "call r11",
                "mov [rip + {dump} + 16], rdx",
                "mov [rip + {dump} + 48], rax",
                "fstp tbyte ptr [rip + {dump} + 592]",
                "fstp tbyte ptr [rip + {dump} + 608]",
                "fninit",
                store_vectors!($mov, $reg),
                "lea rsp, [rbp - 8]",
                "pop rbx",
                "pop rbp",
                "ret",
                dump = sym DUMP,
            )
        }
    };
}

caller!(load_xmm, "movups", "xmm");
caller!(load_ymm, "vmovups", "ymm");
caller!(load_zmm, "vmovups", "zmm");
