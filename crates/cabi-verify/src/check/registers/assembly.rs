//! The two sides of a call that know no signature, in assembly: a callee that writes all registers and the stack down, and a caller that
//! fills all of them from an image.
//!
//! ```text
//! image:    0  general registers 0 to 15 by their encoding, 8 bytes each: rax rcx rdx rbx rsp rbp rsi rdi r8 ...
//!         128  vector registers 0 to 7, 64 bytes each
//!         640  the x87 unit as fnsave has it: 28 bytes, then st0 to st7, 10 bytes each
//!         768  the argument area
//! ```
//!
//! Caller and callee write to one static dump, because no register is left that could say where. The callee may stand for any function: it keeps what
//! System V, Win64 and Zig's `auto` have callees save, returns what it was told to in registers and memory, and touches nothing else.

use std::arch::global_asm;
use std::cell::UnsafeCell;
use std::mem::offset_of;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cabi::VectorLevel;

/// Where vector registers start; general ones start at 0.
pub(super) const VECTORS: usize = 128;
/// Where the x87 unit is.
pub(super) const X87: usize = 640;
pub(super) const ST0: usize = X87 + 28;
/// Where the argument area starts.
pub(super) const STACK: usize = 768;
pub(super) const BYTES: usize = 1 << 14;

/// What both sides write to.
#[repr(C, align(64))]
struct Dump {
    image: [u8; BYTES],
    /// Bytes of the stack that a callee copies.
    stack_bytes: u64,
    /// Where a callee goes instead of returning; null if it returns.
    escape: *const u8,
    returning: Returning,
}

/// What a callee returns.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(super) struct Returning {
    /// Registers, laid out as in an image.
    pub(super) registers: [u8; STACK],
    /// How many x87 registers of these.
    pub(super) n_x87: u64,
    /// Which general register has the address for a result in memory, bytes from the start of an image; -1 if there is none.
    pub(super) address_at: i64,
    /// Bytes of a result in memory, which are read from here.
    pub(super) memory_bytes: u64,
    pub(super) memory: *const u8,
}

impl Returning {
    pub(super) const NOTHING: Self = Self {
        registers: [0xee; STACK],
        n_x87: 0,
        address_at: -1,
        memory_bytes: 0,
        memory: std::ptr::null(),
    };
}

struct Shared(UnsafeCell<Dump>);

// SAFETY: Rust reads and writes it in `Dumping` alone, which holds the lock; the assembly writes to it during calls that a `Dumping` is there for.
unsafe impl Sync for Shared {}

static DUMP: Shared = Shared(UnsafeCell::new(Dump {
    image: [0; BYTES],
    stack_bytes: 0,
    escape: std::ptr::null(),
    returning: Returning::NOTHING,
}));

static LOCK: Mutex<()> = Mutex::new(());

/// The dump, for one user at a time: while it is there, assembly callees and callers may run.
pub(super) struct Dumping(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

impl Dumping {
    /// Clears the dump; callees shall copy `stack_bytes` of the stack, and return `returning`, or go to `escape` if it is not null.
    pub(super) fn begin(stack_bytes: usize, escape: *const u8, returning: Returning) -> Self {
        let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let stack_bytes = stack_bytes.min(BYTES - STACK) as u64;
        // SAFETY: the lock is held, and whoever holds it has not begun a call yet.
        unsafe {
            *DUMP.0.get() = Dump {
                image: [0xee; BYTES],
                stack_bytes,
                escape,
                returning,
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
    /// How many x87 registers hold arguments.
    pub(super) n_x87: u64,
}

/// The callee that dumps vector registers of `level`.
pub(super) fn callee(level: VectorLevel) -> *const u8 {
    let callee: unsafe extern "C" fn() = match level {
        VectorLevel::Avx512 => cabi_probe_dump_zmm,
        VectorLevel::Avx => cabi_probe_dump_ymm,
        VectorLevel::Baseline => cabi_probe_dump_xmm,
    };
    callee as *const u8
}

/// The caller that fills registers of `level`: a function of a [`Load`], of nothing, and of the callee.
pub(super) fn caller(level: VectorLevel) -> *const u8 {
    let caller: unsafe extern "C" fn() = match level {
        VectorLevel::Avx512 => cabi_probe_load_zmm,
        VectorLevel::Avx => cabi_probe_load_ymm,
        VectorLevel::Baseline => cabi_probe_load_xmm,
    };
    caller as *const u8
}

unsafe extern "C" {
    fn cabi_probe_dump_xmm();
    fn cabi_probe_dump_ymm();
    fn cabi_probe_dump_zmm();
    fn cabi_probe_load_xmm();
    fn cabi_probe_load_ymm();
    fn cabi_probe_load_zmm();
}

global_asm!(
    include_str!("assembly.s"),
    dump_xmm = sym cabi_probe_dump_xmm,
    dump_ymm = sym cabi_probe_dump_ymm,
    dump_zmm = sym cabi_probe_dump_zmm,
    load_xmm = sym cabi_probe_load_xmm,
    load_ymm = sym cabi_probe_load_ymm,
    load_zmm = sym cabi_probe_load_zmm,
    dump = sym DUMP,
    vectors = const VECTORS,
    x87 = const X87,
    st0 = const ST0,
    stack = const STACK,
    dumped_bytes = const offset_of!(Dump, stack_bytes),
    escape = const offset_of!(Dump, escape),
    registers = const offset_of!(Dump, returning.registers),
    returned_x87 = const offset_of!(Dump, returning.n_x87),
    address_at = const offset_of!(Dump, returning.address_at),
    memory = const offset_of!(Dump, returning.memory),
    memory_bytes = const offset_of!(Dump, returning.memory_bytes),
    image = const offset_of!(Load, image),
    stack_bytes = const offset_of!(Load, stack_bytes),
    align = const offset_of!(Load, align),
    n_x87 = const offset_of!(Load, n_x87),
);
