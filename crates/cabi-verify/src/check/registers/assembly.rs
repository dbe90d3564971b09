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
//! Caller and callee use one static state, because no register is left that could say where. The callee may stand for any function: it keeps what
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

/// What assembly does besides filling registers and writing them down.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    /// Bytes of the argument area, a multiple of 8: that a caller fills, or that a callee copies.
    pub(super) stack_bytes: u64,
    /// Alignment of a caller's argument area in bytes, at least 16.
    pub(super) align: u64,
    /// How many x87 registers are filled.
    pub(super) n_x87: u64,
    /// Where a callee goes instead of returning; null if it returns.
    pub(super) escape: *const u8,
    /// Where the dump has the address for a callee's result in memory; -1 if there is none.
    pub(super) address_at: i64,
    /// Bytes of a result in memory, which are read from here.
    pub(super) memory_bytes: u64,
    pub(super) memory: *const u8,
}

/// What both sides read and write.
#[repr(C, align(64))]
struct State {
    dump: [u8; BYTES],
    /// What a caller fills registers and stack from, and a callee the registers of its result.
    given: [u8; BYTES],
    task: Task,
}

impl Task {
    /// A callee's that returns nothing, and copies nothing of the stack.
    pub(super) const NONE: Self = Self {
        stack_bytes: 0,
        align: 16,
        n_x87: 0,
        escape: std::ptr::null(),
        address_at: -1,
        memory_bytes: 0,
        memory: std::ptr::null(),
    };
}

struct Shared(UnsafeCell<State>);

// SAFETY: Rust reads and writes it in `Dumping` alone, which holds the lock; the assembly writes to it during calls that a `Dumping` is there for.
unsafe impl Sync for Shared {}

static STATE: Shared = Shared(UnsafeCell::new(State {
    dump: [0; BYTES],
    given: [0; BYTES],
    task: Task::NONE,
}));

static LOCK: Mutex<()> = Mutex::new(());

/// The state, for one user at a time: while it is there, assembly callees and callers may run.
pub(super) struct Dumping(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

impl Dumping {
    /// Clears the dump, and has callers and callees fill what they do from `given`.
    pub(super) fn begin(given: &[u8], task: Task) -> Self {
        let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the lock is held, and whoever holds it has not begun a call yet.
        let state = unsafe { &mut *STATE.0.get() };
        state.dump.fill(0xee);
        (state.given.iter_mut().zip(given)).for_each(|(to, from)| *to = *from);
        state.task = task;
        Self(guard)
    }

    /// What was written down.
    pub(super) fn image(&self) -> Vec<u8> {
        // SAFETY: the lock is held, and the call that wrote has come back.
        unsafe { (*STATE.0.get()).dump.to_vec() }
    }
}

/// The callee that dumps vector registers of `level`, and the caller that fills them: a function of the callee.
pub(super) fn sides(level: VectorLevel) -> [*const u8; 2] {
    let sides: [unsafe extern "C" fn(); 2] = match level {
        VectorLevel::Avx512 => [cabi_probe_dump_zmm, cabi_probe_load_zmm],
        VectorLevel::Avx => [cabi_probe_dump_ymm, cabi_probe_load_ymm],
        VectorLevel::Baseline => [cabi_probe_dump_xmm, cabi_probe_load_xmm],
    };
    sides.map(|side| side as *const u8)
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
    dump = sym STATE,
    vectors = const VECTORS,
    x87 = const X87,
    st0 = const ST0,
    stack = const STACK,
    given = const offset_of!(State, given),
    stack_bytes = const offset_of!(State, task.stack_bytes),
    align = const offset_of!(State, task.align),
    n_x87 = const offset_of!(State, task.n_x87),
    escape = const offset_of!(State, task.escape),
    address_at = const offset_of!(State, task.address_at),
    memory_bytes = const offset_of!(State, task.memory_bytes),
    memory = const offset_of!(State, task.memory),
);
