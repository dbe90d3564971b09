//! Bare x86-64 code on both sides of a call: what really is in the registers and on the stack.
//!
//! [`dump`] is a callee that records what it was called with and answers with given result registers; [`enter`] calls
//! a function with given registers and stack bytes, and records what comes back. Neither knows any
//! convention, so neither can share a mistake with the code under test.
#![allow(
    dead_code,
    reason = "each test that includes this module uses a part of it"
)]

use std::arch::naked_asm;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cabi::{Bank, Reg};

/// Bytes of stack that are recorded and given; more than any generated signature uses.
pub(crate) const STACK_BYTES: usize = 1024;

/// Contents of the registers and of the argument area.
#[derive(Clone)]
#[repr(C, align(16))]
pub(crate) struct State {
    /// By hardware encoding: rax rcx rdx rbx rsp rbp rsi rdi r8 to r15. Of rbx and r11 to r15 nothing is known, and in place of rbp is rsp after the call.
    pub(crate) gpr: [u64; 16],
    /// xmm0 to xmm7.
    pub(crate) xmm: [[u8; 16]; 8],
    /// The bytes above the return address, as the callee sees them at entry.
    pub(crate) stack: [u8; STACK_BYTES],
}

const RSP: usize = 4;
const _: () =
    assert!(std::mem::offset_of!(State, xmm) == 128 && std::mem::offset_of!(State, stack) == 256);

impl State {
    pub(crate) const ZERO: Self = Self {
        gpr: [0; 16],
        xmm: [[0; 16]; 8],
        stack: [0; STACK_BYTES],
    };

    /// The bytes of a register: 8 or 16.
    pub(crate) fn register(&self, register: Reg) -> Vec<u8> {
        let number = usize::from(register.index());
        match register.bank() {
            Bank::Int => self.gpr[number].to_le_bytes().to_vec(),
            Bank::Vector => self.xmm[number].to_vec(),
            Bank::X87 => panic!("{register} is not recorded"),
        }
    }

    /// Writes `bytes` to the low bytes of a register.
    pub(crate) fn set(&mut self, register: Reg, bytes: &[u8]) {
        let mut all = self.register(register);
        all[..bytes.len()].copy_from_slice(bytes);
        let number = usize::from(register.index());
        match register.bank() {
            Bank::Vector => self.xmm[number] = all.try_into().unwrap(),
            _ => self.gpr[number] = u64::from_le_bytes(all.try_into().unwrap()),
        }
    }

    /// The address of the byte above the return address, at the callee's entry.
    pub(crate) fn area_address(&self) -> u64 {
        self.gpr[RSP] + 8
    }
}

/// SplitMix64: a fixed seed is a fixed sequence, on every host and in every version.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Vec<u8> {
        let mut bytes = vec![0; n];
        self.fill(&mut bytes);
        bytes
    }

    /// Registers and stack full of random bytes.
    pub(crate) fn state(&mut self) -> State {
        let mut state = State::ZERO;
        state.gpr = std::array::from_fn(|_| self.next());
        state.xmm.iter_mut().for_each(|xmm| self.fill(xmm));
        self.fill(&mut state.stack);
        state
    }
}

/// What [`dump`] was called with last.
static mut RECORDED: State = State::ZERO;
/// The result registers that [`dump`] returns with.
static mut ANSWER: State = State::ZERO;
/// What [`dump_popping`] pops: bytes of its argument area.
static mut POPPED: u64 = 0;
static LOCK: Mutex<()> = Mutex::new(());

/// The right to run code that calls [`dump`]: its records are static, because no register is free to point to them.
pub(crate) struct Probe {
    _lock: MutexGuard<'static, ()>,
}

impl Probe {
    pub(crate) fn lock() -> Self {
        // A panic of another test leaves nothing half written: every run overwrites both records.
        Self {
            _lock: LOCK.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Calls `code`, a function without parameters that calls [`dump`] or [`dump_only`] once. Returns its result and what
    /// the dump recorded. `answer` holds the result registers of the dump, and `popped` says what it pops of its arguments, if it is [`dump_popping`].
    ///
    /// # Safety
    ///
    /// `code` is the address of such a function, with System V's callee-saved registers.
    pub(crate) unsafe fn call_out(
        &mut self,
        code: *const u8,
        answer: &State,
        popped: u64,
    ) -> (u64, State) {
        // SAFETY: `self` is the only access to the records, by `LOCK`, and nothing of the previous run is on the stack any more.
        unsafe {
            (&raw mut ANSWER).write(answer.clone());
            (&raw mut POPPED).write(popped);
        }
        let mut returned = State::ZERO;
        // SAFETY: the caller says so of `code`; both states are live and of the type that `enter` expects.
        unsafe { enter(code, &State::ZERO, &mut returned) };
        // SAFETY: as above; `dump` has returned.
        (returned.gpr[0], unsafe { (&raw const RECORDED).read() })
    }
}

/// Calls `code` with the registers and stack of `given`. Returns the registers after the call, and in rsp its value at
/// `code`'s entry.
///
/// # Safety
///
/// `code` is the address of a function that uses nothing else of its arguments' memory, with System V's callee-saved registers.
pub(crate) unsafe fn call_in(code: *const u8, given: &State) -> State {
    let mut returned = State::ZERO;
    // SAFETY: the caller says so of `code`; both states are live and of the type that `enter` expects.
    unsafe { enter(code, given, &mut returned) };
    returned
}

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
unsafe extern "sysv64" fn enter(code: *const u8, given: *const State, returned: *mut State) {
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
