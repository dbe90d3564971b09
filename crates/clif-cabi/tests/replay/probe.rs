//! Bare machine code on both sides of a call: the actual contents of the registers and the stack.
//!
//! A dump is a callee that records what it was called with and answers with given result registers;
//! `enter` calls a function with given registers and stack bytes, and records what comes back.
//! Neither knows any convention, so neither can share a mistake with Cranelift or the model. They
//! are no part of `cabi-verify`, which is compiled with one release of Cranelift.

use std::sync::{Mutex, PoisonError};

use cabi::Bank;
use clif_cabi::clif_cabi_plan::ClifPlace;
use cranelift_codegen::ir::Signature;
use cranelift_module::FuncId;

use super::compile::{Exchange, Settings, Side, callee, caller, module, popped};
use super::generate::Rng;
use super::machine::{AREA, SP, SP_AFTER, enter};
use super::replay;

/// Bytes of stack that are recorded and given; more than any generated signature uses.
pub(crate) const STACK_BYTES: usize = 1024;

/// Offsets of vector registers and of the argument area in a [`State`]; general registers are
/// before these.
const VECTORS: usize = 128;
const STACK: usize = 256;

/// Contents of the registers and of the argument area, as the callee sees them at entry. They are
/// 16 general registers by hardware encoding, the first eight vector registers, and the area.
/// General registers without a parameter or result hold the stack pointer at the callee's entry and
/// after the call, or nothing.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct State(pub(crate) [u8; STACK + STACK_BYTES]);

impl State {
    pub(crate) const ZERO: Self = Self([0; STACK + STACK_BYTES]);

    /// Returns the first `size` bytes at `place`.
    pub(crate) fn at(&self, place: ClifPlace, size: usize) -> Result<&[u8], String> {
        let (start, end) = match place {
            ClifPlace::Reg(reg) => {
                let (first, bytes) = match reg.bank() {
                    Bank::Int => (0, 8),
                    _ => (VECTORS, 16),
                };
                let start = first + bytes * usize::from(reg.index());
                (start, start + bytes)
            }
            ClifPlace::Stack { offset } | ClifPlace::Area { offset, .. } => {
                (STACK + offset as usize, self.0.len())
            }
        };
        let bytes = self.0.get(start..end).and_then(|own| own.get(..size));
        bytes.ok_or_else(|| format!("{size} bytes in {place:?}"))
    }

    /// Returns the general register of encoding `n`.
    fn word(&self, n: usize) -> u64 {
        u64::from_le_bytes(self.0.as_chunks().0[n])
    }

    /// Returns the address of the argument area.
    pub(crate) fn area_address(&self) -> u64 {
        self.word(SP) + AREA
    }

    /// Returns the stack pointer after the call.
    pub(crate) fn sp_after(&self) -> u64 {
        self.word(SP_AFTER)
    }
}

/// Includes the machine code of a file, whose functions have the convention `$abi`.
macro_rules! machine_code {
    ($abi:literal, $file:literal $(, $(#[$doc:meta])* $more:ident)?) => {
        unsafe extern $abi {
            /// Calls the code with the registers and stack of one state, and records what comes
            /// back in the other.
            pub(crate) fn enter(
                code: *const u8,
                given: *const super::probe::State,
                returned: *mut super::probe::State,
            );
            /// Records its registers and stack, then answers in registers of results. A callee of
            /// any convention; called below [`enter`], which keeps enough stack above it readable.
            fn dump();
            /// Does as [`dump`], without its arguments when it returns, and in all registers of
            /// results.
            fn dump_popping();
            $($(#[$doc])* fn $more();)?
        }

        std::arch::global_asm!(
            include_str!($file),
            enter = sym enter,
            dump = sym dump,
            dump_popping = sym dump_popping,
            $($more = sym $more,)?
            recorded = sym super::probe::RECORDED,
            answer = sym super::probe::ANSWER,
            popped = sym super::probe::POPPED,
            stack_bytes = const super::probe::STACK_BYTES,
        );
    };
}
pub(crate) use machine_code;

/// Registers and stack at the last call of a dump.
pub(crate) static mut RECORDED: State = State::ZERO;
/// The result registers that a dump returns with.
pub(crate) static mut ANSWER: State = State::ZERO;
/// Bytes of its argument area that the dump of `tail` pops.
pub(crate) static mut POPPED: u64 = 0;
static LOCK: Mutex<()> = Mutex::new(());

/// Record of two calls: of a dump by a caller, and of a callee. Both were compiled to read and
/// write one memory.
pub(crate) struct ObservedCalls {
    /// The caller's memory, with the values that it passed and received.
    pub(crate) caller: Exchange,
    /// State that the dump recorded.
    pub(crate) dumped: State,
    /// State that the dump answered with.
    pub(crate) answer: State,
    /// Value that the caller returned: the end of its outgoing argument area.
    pub(crate) result: u64,
    /// The callee's memory, with the values that it was passed and returned.
    pub(crate) callee: Exchange,
    /// State that the callee was called with.
    pub(crate) given: State,
    /// State that the callee left, with its stack pointers.
    pub(crate) returned: State,
}

/// Compiles and runs caller and callee of every signature; calls `reference` with its index and
/// what was seen.
pub(crate) fn observe(
    settings: Settings,
    sigs: &[Signature],
    seed: u64,
    mut reference: impl FnMut(usize, ObservedCalls),
) {
    let memory = Box::into_raw(Box::new(Exchange::ZERO));
    let mut module = module(settings);
    let mut define = |sig: &Signature, side: Side| {
        side(&mut module, sig, memory as u64).unwrap_or_else(|error| panic!("{sig}: {error:?}"))
    };
    let code: Vec<[FuncId; 2]> = (sigs.iter())
        .map(|sig| [define(sig, caller), define(sig, callee)])
        .collect();
    module.finalize_definitions().unwrap();
    for (index, (sig, ids)) in sigs.iter().zip(code).enumerate() {
        let mut rng = Rng::new(seed ^ index as u64);
        let popped = popped(sig, &replay(sig).unwrap());
        let before = [0; 2].map(|_| Exchange::random(&mut rng));
        let [mut answer, mut given, mut left, mut returned] = [State::ZERO; 4];
        rng.fill(&mut answer.0);
        rng.fill(&mut given.0);
        let [caller, callee] = ids.map(|id| module.get_finalized_function(id));
        // The records are static, because no register is free to point to them. A panic of another
        // test leaves nothing half written: every run overwrites both.
        let lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: `memory` is live, and only the compiled code touches it meanwhile. The code stays
        // in the arrays: a generated signature has at most MAX_PARAMS parameters, MAX_RESULTS
        // results and MAX_AREA bytes in an area. The functions are finalized, the first without
        // parameters, and both keep C's callee-saved registers. This is the only access to the
        // records, by `LOCK`, and nothing of the previous run is on the stack any more.
        let seen = unsafe {
            (&raw mut ANSWER).write(answer);
            (&raw mut POPPED).write(popped);
            memory.write(before[0]);
            enter(caller, &State::ZERO, &mut left);
            let caller = memory.read();
            memory.write(before[1]);
            enter(callee, &given, &mut returned);
            ObservedCalls {
                caller,
                dumped: (&raw const RECORDED).read(),
                answer,
                result: left.word(0),
                callee: memory.read(),
                given,
                returned,
            }
        };
        drop(lock);
        reference(index, seen);
    }
    // SAFETY: no function of the module runs, and no address of one is kept; `memory` came from
    // `Box::into_raw`, and only that code pointed to it.
    unsafe {
        module.free_memory();
        drop(Box::from_raw(memory));
    }
}
