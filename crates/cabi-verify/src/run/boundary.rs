//! The two places where control passes from Rust to a caller under test, and from the caller to a
//! callee under test; and the convention's requirements on both sides there.
//!
//! ```text
//! Rust ──▶ enter ──▶ caller ──▶ thunk ──▶ callee
//!                                             └──▶ escape, of a callee that must not return
//! ```
//!
//! `enter` calls a caller, `thunk` stands between it and its callee. Both write down, before and after, the registers that a function must leave as
//! they are, which `boundary/<machine>.rs` lists. Both then restore these registers, so that code which changes them is reported and the next case is not
//! affected.
//!
//! Before the call `thunk` fills every argument register that holds no argument, with a pattern that is inverted at the next call: a callee that reads a
//! register which its caller did not write cannot find the right value there. After the call it fills every register that the callee may change and
//! that holds no result: a caller that keeps a value there loses it.
//! Nothing here is made by a compiler under test. The state is one for the process: a lock is held during a call.

use std::arch::global_asm;
use std::cell::UnsafeCell;
use std::mem::offset_of;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg_attr(target_arch = "x86_64", path = "boundary/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "boundary/aarch64.rs")]
mod machine;
#[cfg(test)]
mod tests;
#[cfg(all(test, target_arch = "x86_64"))]
mod x86_64_tests;

use cabi::convention::Frame;
use cabi::{Bank, Convention, FnAbi, Loc, Place, Reg};
use machine::{
    ALL_FILL, FILLED_VECTOR, KEPT, KEPT_ALWAYS, KEPT_VECTORS, MAY_HOLD_ARGUMENTS, N_GENERAL, NAMES,
    Own, bit,
};

use super::C;

/// Registers at one moment, as the words that `machine` lists.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image([u64; machine::N_WORDS]);

impl Image {
    pub(crate) fn general_register(&self, reg: Reg) -> Option<u64> {
        let number = usize::from(reg.index());
        let is_there = reg.bank() == Bank::Int && number < N_GENERAL;
        is_there.then(|| self.0[number])
    }

    /// Start of the argument area at a callee's first instruction.
    pub(crate) fn area(&self) -> u64 {
        self.0[machine::SP].wrapping_add(machine::AREA)
    }

    /// Yields the registers that some convention's callees leave unchanged: the name, the bit in
    /// [`Promise::kept`] (`None` if every function keeps it), and the value.
    fn kept(&self) -> impl Iterator<Item = (&'static str, Option<u32>, u128)> {
        let general = KEPT.map(|n| (NAMES[n], u32::try_from(n).ok(), self.0[n].into()));
        let always = KEPT_ALWAYS.map(|(name, at, mask)| (name, None, (self.0[at] & mask).into()));
        let (names, first_bit, at, n_words) = KEPT_VECTORS;
        let words = self.0[at..].chunks(n_words);
        let value = |words: &[u64]| {
            let add = |value: u128, word: &u64| value << 64 | u128::from(*word);
            words.iter().rev().fold(0, add)
        };
        let vectors = names.into_iter().zip(first_bit..).zip(words);
        let vectors = vectors.map(move |((name, bit), words)| (name, Some(bit), value(words)));
        general.into_iter().chain(always).chain(vectors)
    }
}

/// State that the assembly reads and writes.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct State {
    /// Callee of the thunk.
    target: *const u8,
    /// Registers that the thunk fills before the call.
    unpassed: u64,
    unpassed_filling: [u64; 2],
    /// Registers that the thunk fills after the call, as the bits of [`machine::bit`].
    fill: u64,
    /// Address that `enter` and `escape` leave from.
    sp: u64,
    /// The values for filled registers, by encoding.
    filling: [u64; N_GENERAL],
    /// Bytes of the stack between there and the caller.
    phase: u64,
    return_address: u64,
    /// Number of calls of the thunk, and number of returns from its callee.
    calls: u64,
    returns: u64,
    /// `true` if the function that `enter` called came back.
    entered: u64,
    /// At the thunk's call, and after it.
    call: Image,
    after: Image,
    /// At `enter`'s call, and after it.
    entry: Image,
    exit: Image,
    own: Own,
}

struct Shared(UnsafeCell<State>);

// SAFETY: Rust reads and writes it in functions of this file alone, which hold the lock; the assembly does during calls that `call` makes.
unsafe impl Sync for Shared {}

static STATE: Shared = Shared(UnsafeCell::new(State {
    unpassed_filling: [0x5b5b_5b5b_5b5b_5b5b; 2],
    own: machine::OWN,
    // SAFETY: a state is numbers, and a pointer that may be null.
    ..unsafe { std::mem::zeroed() }
}));

static LOCK: Mutex<()> = Mutex::new(());

fn lock() -> MutexGuard<'static, ()> {
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that a caller may write to through a register that was filled. Larger than any buffer.
const SINK: usize = 2 * super::BUFFER;

struct Sink(UnsafeCell<[u8; SINK]>);

// SAFETY: nobody reads it.
unsafe impl Sync for Sink {}

/// Registers are filled with addresses here: a caller that stores through one shall not die of it, but be reported.
static SINK_BYTES: Sink = Sink(UnsafeCell::new([0; SINK]));

/// Returns the value that register `n` is filled with: no two are the same.
fn filling(n: usize) -> u64 {
    SINK_BYTES.0.get() as u64 + 64 * n as u64
}

/// Duties of a function of a signature to its caller, and the registers that it may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Promise {
    /// The registers it leaves as they are, as the bits of [`machine::bit`].
    kept: u64,
    /// Registers that could hold an argument, hold none, and are not kept.
    unpassed: u64,
    /// Registers it may change.
    fill: u64,
    /// Bytes of its caller's frame that it may change.
    shadow_space: u32,
}

impl Promise {
    fn without_result(convention: &Convention) -> Self {
        let Frame {
            callee_saved,
            carried,
            shadow_space,
            ..
        } = convention.frame;
        let kept = callee_saved.iter().copied().chain(carried);
        let kept = kept.fold(0, |kept, reg| kept | bit(reg));
        Self {
            kept,
            unpassed: 0,
            fill: ALL_FILL & !kept,
            shadow_space,
        }
    }

    /// The promise of a function of `abi`.
    pub(crate) fn of(abi: &FnAbi) -> Self {
        let mut promise = Self::without_result(abi.convention);
        promise.fill &= !match &abi.ret.place {
            Place::Indirect { .. } => abi.ret.sret_returned_in.map_or(0, bit),
            place => registers(place),
        };
        let args = abi
            .args
            .iter()
            .fold(0, |held, arg| held | registers(&arg.place));
        let sret = match abi.ret.place {
            Place::Indirect { pointer, .. } => location(pointer),
            _ => 0,
        };
        promise.unpassed = MAY_HOLD_ARGUMENTS & !(args | sret | promise.kept);
        promise
    }
}

fn registers(place: &Place) -> u64 {
    match place {
        Place::Parts(parts) => (parts.iter()).fold(0, |held, placed| held | location(placed.loc)),
        Place::Indirect { pointer, .. } => location(*pointer),
        Place::PerElement { regs, .. } => regs.iter().fold(0, |held, reg| held | bit(*reg)),
        _ => 0,
    }
}

fn location(loc: Loc) -> u64 {
    match loc {
        Loc::Reg(reg) => bit(reg),
        Loc::Both(&[one, other]) => bit(one) | bit(other),
        _ => 0,
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! assembly {
    () => {
        include_str!("boundary/x86_64.s")
    };
}
#[cfg(target_arch = "aarch64")]
macro_rules! assembly {
    () => {
        include_str!("boundary/aarch64.s")
    };
}

global_asm!(
    assembly!(),
    enter = sym cabi_boundary_enter,
    escape = sym cabi_boundary_escape,
    thunk = sym cabi_boundary_thunk,
    state = sym STATE,
    target = const offset_of!(State, target),
    unpassed = const offset_of!(State, unpassed),
    unpassed_filling = const offset_of!(State, unpassed_filling),
    fill = const offset_of!(State, fill),
    sp = const offset_of!(State, sp),
    filling = const offset_of!(State, filling),
    vector = const FILLED_VECTOR,
    phase = const offset_of!(State, phase),
    return_address = const offset_of!(State, return_address),
    calls = const offset_of!(State, calls),
    returns = const offset_of!(State, returns),
    entered = const offset_of!(State, entered),
    call = const offset_of!(State, call),
    after = const offset_of!(State, after),
    entry = const offset_of!(State, entry),
    exit = const offset_of!(State, exit),
    own = const offset_of!(State, own),
);

// The offsets that AArch64's instructions take are less.
const _: () = assert!(size_of::<State>() < 4096);

unsafe extern "C" {
    fn cabi_boundary_enter(function: *const u8, a: *const u8, b: *const u8, c: *const u8);
    fn cabi_boundary_escape();
    fn cabi_boundary_thunk();
}

pub(crate) fn thunk_address() -> *mut u8 {
    cabi_boundary_thunk as unsafe extern "C" fn() as *mut u8
}

/// The address of the function that leaves a call which cannot return.
pub(crate) fn escape_address() -> *mut u8 {
    cabi_boundary_escape as unsafe extern "C" fn() as *mut u8
}

/// Calls in turn have the stack pointer 0, 16, 32 and 48 bytes from a multiple of 64, so that code which does not align its argument area to 64 fails.
const PHASES: u64 = 4;

/// Callee of the thunk, and its promise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoundaryCallee {
    pub(crate) code: *const u8,
    pub(crate) promise: Promise,
}

/// Calls `function(a, b, c)`, which returns or escapes, at the next phase of the stack; the thunk calls `target` meanwhile. Returns the registers as
/// they were. Calls of other threads wait.
///
/// # Safety
/// `function` is code of System V that takes these arguments, sound with them; if it calls the
/// thunk, it does so by the type of `target`.
pub(crate) unsafe fn call(
    function: *const u8,
    [a, b, c]: [*const u8; 3],
    BoundaryCallee { code, promise }: BoundaryCallee,
) -> Crossing {
    let _held = lock();
    let process = std::process::id();
    // SAFETY: the lock is held; `function` is what the caller answers for; the assembly keeps what Rust expects to be kept.
    let state = unsafe {
        let state = STATE.0.get();
        ((*state).target, (*state).unpassed, (*state).fill) =
            (code, promise.unpassed, promise.fill);
        (*state).unpassed_filling = (*state).unpassed_filling.map(|bits| !bits);
        (*state).filling = std::array::from_fn(filling);
        machine::set_shadow_space(&mut (*state).own, promise.shadow_space);
        ((*state).calls, (*state).returns, (*state).entered) = (0, 0, 0);
        (*state).phase = ((*state).phase + 16) % (16 * PHASES);
        fill_stack();
        cabi_boundary_enter(function, a, b, c);
        // A copy that the compiled code has made of this process would make copies at the next calls.
        if std::process::id() != process {
            libc::_exit(0);
        }
        *state
    };
    Crossing { state, promise }
}

/// Fills the stack below its caller, where the next function called and its callee have their frames, so that an argument which is not passed is not
/// there from an earlier call.
#[inline(never)]
fn fill_stack() {
    std::hint::black_box([0x5b_u8; 8192]);
}

/// State at one call of `enter`, and at the thunk's last one.
pub(crate) struct Crossing {
    state: State,
    promise: Promise,
}

impl Crossing {
    /// Registers at the call, and after it.
    pub(crate) fn images(&self) -> [Image; 2] {
        [self.state.call, self.state.after]
    }

    /// Checks that the two sides of the call, which have these names in messages, have kept their
    /// promises.
    pub(crate) fn check(&self, caller: &str, callee: &str) -> Result<(), String> {
        let State {
            call,
            after,
            entry,
            exit,
            ..
        } = &self.state;
        if self.state.calls > 0
            && let Some(why) = machine::wrong_at_call(call)
        {
            return Err(format!("{caller} {why}"));
        }
        if self.state.calls > 1 {
            let calls = self.state.calls;
            return Err(format!("{caller} calls its callee {calls} times"));
        }
        if self.state.returns > 0 {
            compare(callee, call, after, self.promise.kept)?;
        }
        if self.state.entered > 0 {
            compare(caller, entry, exit, Promise::without_result(C).kept)?;
        }
        Ok(())
    }

    /// Checks the state of the machine besides registers after all: the x87 stack is empty.
    pub(crate) fn check_machine(&self) -> Result<(), String> {
        machine::check_own(&self.state.own)
    }
}

/// Checks that `function` has left the registers of `kept` unchanged, and those that every function
/// has to keep.
fn compare(function: &str, before: &Image, after: &Image, kept: u64) -> Result<(), String> {
    for ((name, bit, was), (.., is)) in before.kept().zip(after.kept()) {
        if bit.is_none_or(|bit| kept & 1 << bit != 0) && was != is {
            return Err(format!(
                "{function} changes {name}, which is its caller's: {was:#x} became {is:#x}"
            ));
        }
    }
    let wrong = machine::wrong_at_return(after);
    wrong.map_or(Ok(()), |why| Err(format!("{function} {why}")))
}
