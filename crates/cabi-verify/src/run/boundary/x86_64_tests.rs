//! State of x86-64 besides registers that a callee keeps, and the thunk's callees and register
//! contents.

use std::arch::naked_asm;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cabi::X86_64_SYSV;

use super::*;

static FIRST_TWO: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

#[unsafe(naked)]
unsafe extern "C" fn stores_first_two() {
    naked_asm!(
        "mov [rip + {two}], rdi",
        "mov [rip + {two} + 8], rsi",
        "ret",
        two = sym FIRST_TWO,
    )
}

#[test]
fn a_register_without_an_argument_holds_other_bits_at_each_call() {
    let sig = cabi::FnSig::new([cabi::Type::I64], cabi::Type::VOID);
    let abi = FnAbi::new(&sig, &cabi::Target::X86_64_LINUX).unwrap();
    let seen = [(); 2].map(|()| {
        let promise = Promise::of(&abi);
        let code = stores_first_two as *const u8;
        let args = [0x11, 0x22, 0].map(std::ptr::without_provenance);
        // SAFETY: the function stores two registers.
        unsafe { call(thunk_address(), args, BoundaryCallee { code, promise }) };
        FIRST_TWO.each_ref().map(|seen| seen.load(Relaxed))
    });
    let [[first, second], [first_again, second_again]] = seen;
    assert_eq!([first, first_again], [0x11; 2]);
    assert_eq!(second, !second_again);
}

/// Writes the word 4096 bytes below its frame to `to`.
#[unsafe(naked)]
unsafe extern "C" fn look_below(to: *mut u64) {
    naked_asm!("mov rax, [rsp - 4096]", "mov [rdi], rax", "ret")
}

#[test]
fn a_function_finds_nothing_of_its_callers_on_the_stack() {
    let (mut found, null) = (0_u64, std::ptr::null());
    let to = std::ptr::from_mut(&mut found);
    let look = look_below as unsafe extern "C" fn(*mut u64) as *const u8;
    let promise = Promise::without_result(&X86_64_SYSV);
    // SAFETY: the stack below was just filled, and `to` is a word to write to.
    let _ = unsafe {
        call(
            look,
            [to.cast::<u8>(), null, null],
            BoundaryCallee {
                code: null,
                promise,
            },
        )
    };
    assert_eq!(found, 0x5b5b_5b5b_5b5b_5b5b);
}

#[unsafe(naked)]
extern "C" fn flushes_to_zero() {
    naked_asm!(
        "sub rsp, 8",
        "stmxcsr [rsp]",
        "xor dword ptr [rsp], 0x8000",
        "ldmxcsr [rsp]",
        "add rsp, 8",
        "ret",
    )
}

/// Status bits that an earlier division left in MXCSR are not reported as changed by the callee.
#[test]
fn the_control_bits_of_mxcsr_are_named_without_its_status() {
    let third = std::hint::black_box(1.0) / std::hint::black_box(3.0);
    std::hint::black_box::<f64>(third);
    let target = BoundaryCallee {
        code: flushes_to_zero as *const u8,
        promise: Promise::without_result(&X86_64_SYSV),
    };
    // SAFETY: the function takes nothing, and the thunk brings back what it changes.
    let crossing = unsafe { call(thunk_address(), [std::ptr::null(); 3], target) };
    let why = crossing.check("the caller", "the callee");
    let expected =
        "the callee changes control bits of MXCSR, which is its caller's: 0x1f80 became 0x9f80";
    assert_eq!(why, Err(expected.to_owned()));
}
