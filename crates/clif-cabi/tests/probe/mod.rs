//! Bare machine code on both sides of a call: the actual contents of the registers and the stack.
//!
//! [`dump`] is a callee that records what it was called with and answers with given result
//! registers; [`enter`] calls a function with given registers and stack bytes, and records what
//! comes back. Neither knows any convention, so neither can share a mistake with the code under
//! test.
#![allow(
    dead_code,
    reason = "each test that includes this module uses a part of it"
)]

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use cabi::{Bank, Loc, Reg};

#[cfg(target_arch = "aarch64")]
use aarch64 as machine;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

#[cfg(target_arch = "x86_64")]
#[allow(unused_imports)] // not each test has callees that preserve all
pub(crate) use machine::dump_only;
use machine::{AREA, SP, SP_AFTER};

/// Assembly, in `<machine>.s`.
macro_rules! assembly {
    ($abi:literal) => {
        unsafe extern $abi {
            /// Calls the code with the registers and stack of one state, and records what comes
            /// back in the other.
            fn enter(code: *const u8, given: *const State, returned: *mut State);
            /// Records its registers and stack, then answers in registers of results. A callee of
            /// any convention; called below [`enter`], which keeps enough stack above it readable.
            pub(crate) fn dump();
            /// [`dump`] without its arguments when it returns.
            pub(crate) fn dump_popping();
        }
    };
}
#[cfg(target_arch = "aarch64")]
assembly!("C");
#[cfg(target_arch = "x86_64")]
assembly!("sysv64");

/// Bytes of stack that are recorded and given; more than any generated signature uses.
pub(crate) const STACK_BYTES: usize = 1024;

/// Offsets of vector registers and of the argument area in a [`State`]; general registers are
/// before these.
const VECTORS: usize = 128;
const STACK: usize = 256;

/// Contents of the registers and of the argument area, as the callee sees it at entry: 16 general
/// registers by hardware encoding, the first eight vector registers, the area. General registers
/// without a parameter or result hold the stack pointer at the callee's entry and after the call,
/// or nothing.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct State([u8; STACK + STACK_BYTES]);

impl State {
    pub(crate) const ZERO: Self = Self([0; STACK + STACK_BYTES]);

    /// Returns the bytes from `loc` to the end of the register or of the area; none if it is not
    /// recorded.
    fn range(loc: Loc) -> Option<Range<usize>> {
        let (start, end) = match loc {
            Loc::Reg(reg) => {
                let (first, bytes, end) = match reg.bank() {
                    Bank::Int => (0, 8, VECTORS),
                    Bank::Vector => (VECTORS, 16, STACK),
                    Bank::X87 => return None,
                };
                let start = first + bytes * usize::from(reg.index());
                (start, Some(start + bytes).filter(|own| *own <= end)?)
            }
            Loc::Stack(offset) => {
                let start = usize::try_from(offset).ok()?.checked_add(STACK)?;
                (start, STACK + STACK_BYTES)
            }
            _ => return None,
        };
        Some(start..end)
    }

    /// The bytes of a register: 8 or 16.
    pub(crate) fn register(&self, register: Reg) -> Vec<u8> {
        self.0[Self::range(Loc::Reg(register)).unwrap()].to_vec()
    }

    /// The first `size` bytes at `loc`.
    pub(crate) fn at(&self, loc: Loc, size: usize) -> Result<Vec<u8>, String> {
        let found = Self::range(loc).and_then(|range| self.0.get(range)?.get(..size));
        let found = found.map(<[u8]>::to_vec);
        found.ok_or_else(|| format!("{size} bytes in {loc}"))
    }

    /// Writes `bytes` to the low bytes of a register, or to the stack.
    pub(crate) fn put(&mut self, loc: Loc, bytes: &[u8]) {
        self.0[Self::range(loc).unwrap()][..bytes.len()].copy_from_slice(bytes);
    }

    /// The general register of encoding `n`.
    fn word(&self, n: usize) -> u64 {
        u64::from_le_bytes(self.0.as_chunks().0[n])
    }

    /// The address of the argument area.
    pub(crate) fn area_address(&self) -> u64 {
        self.word(SP) + AREA
    }

    /// The stack pointer after the call.
    pub(crate) fn sp_after(&self) -> u64 {
        self.word(SP_AFTER)
    }
}

/// Returns an error if `found` differs from `wanted`.
pub(crate) fn equal(what: &str, wanted: &[u8], found: &[u8]) -> Result<(), String> {
    match wanted == found {
        true => Ok(()),
        false => Err(format!("{what}: {wanted:02x?} wanted, {found:02x?} found")),
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
        self.fill(&mut state.0);
        state
    }
}

/// Registers and stack at the last call of [`dump`].
static mut RECORDED: State = State::ZERO;
/// The result registers that [`dump`] returns with.
static mut ANSWER: State = State::ZERO;
/// Bytes of its argument area that [`dump_popping`] pops.
static mut POPPED: u64 = 0;
static LOCK: Mutex<()> = Mutex::new(());

/// Record of two calls: of a dump by a caller, and of a callee. Both were compiled to read and
/// write one memory of type `M`.
pub(crate) struct Observed<M> {
    /// The caller's memory, with the values that it passed and received.
    pub(crate) caller: M,
    /// State that the dump recorded.
    pub(crate) dumped: State,
    /// State that the dump answered with.
    pub(crate) answer: State,
    /// Value that the caller returned.
    pub(crate) result: u64,
    /// The callee's memory, with the values that it was passed and returned.
    pub(crate) callee: M,
    /// State that the callee was called with.
    pub(crate) given: State,
    /// State that the callee left, with its stack pointers.
    pub(crate) returned: State,
}

/// Calls `caller`, a function without parameters that calls [`dump`], [`dump_only`] or
/// [`dump_popping`] once, and `callee` with the registers and stack of `given`. `memory` begins as
/// `before` says for each of the two. `answer` holds the result registers of the dump, and `popped`
/// the number of bytes that [`dump_popping`] pops.
///
/// # Safety
///
/// They are the addresses of such functions with C's callee-saved registers, which use `memory` and
/// nothing else of their arguments' memory. `memory` is live.
pub(crate) unsafe fn observe<M: Copy>(
    memory: *mut M,
    [caller, callee]: [*const u8; 2],
    before: [M; 2],
    [answer, given]: [State; 2],
    popped: u64,
) -> Observed<M> {
    // The records are static, because no register is free to point to them. A panic of another test
    // leaves nothing half written: every run overwrites both.
    let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let [mut left, mut returned] = [State::ZERO; 2];
    // SAFETY: the caller of this says so of the functions and `memory`. This is the only access to
    // the records, by `LOCK`, and nothing of the previous run is on the stack any more. The states
    // are live and of the type that `enter` expects.
    unsafe {
        (&raw mut ANSWER).write(answer);
        (&raw mut POPPED).write(popped);
        memory.write(before[0]);
        enter(caller, &State::ZERO, &mut left);
        let caller = memory.read();
        memory.write(before[1]);
        enter(callee, &given, &mut returned);
        Observed {
            caller,
            dumped: (&raw const RECORDED).read(),
            answer,
            result: left.word(0),
            callee: memory.read(),
            given,
            returned,
        }
    }
}
