//! A callee that changes a register which is its caller's is named, for each such register of each convention; one that changes another is not.

use std::arch::naked_asm;

use super::*;

/// Functions that change one register each, by an instruction with the register in two places.
macro_rules! changers {
    ($($before:literal $between:literal $after:literal: $($register:ident)*;)*) => {
        vec![$($({
            #[unsafe(naked)]
            unsafe extern "C" fn change() {
                naked_asm!(
                    concat!($before, stringify!($register), $between, stringify!($register), $after),
                    "ret",
                )
            }
            (stringify!($register), change as unsafe extern "C" fn())
        }),*),*]
    };
}

#[cfg(target_arch = "x86_64")]
fn changers() -> Vec<(&'static str, unsafe extern "C" fn())> {
    changers! {
        "lea " ", [" " + 1]": rax rbx rbp rdi rsi r12 r13 r14 r15;
        "pcmpeqb " ", " "": xmm5 xmm6 xmm7 xmm8 xmm9 xmm10 xmm11 xmm12 xmm13 xmm14 xmm15;
    }
}

#[cfg(target_arch = "aarch64")]
fn changers() -> Vec<(&'static str, unsafe extern "C" fn())> {
    changers! {
        "mvn " ", " "": x0 x9 x15 x18 x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29;
        "fneg " ", " "": d7 d8 d9 d10 d11 d12 d13 d14 d15 d16;
    }
}

/// The conventions of this machine, and how many registers they have callees keep.
#[cfg(target_arch = "x86_64")]
const CONVENTIONS: (&[&Convention], usize) = (&[C, &cabi::X86_64_WIN64], 6 + 18);
#[cfg(target_arch = "aarch64")]
const CONVENTIONS: (&[&Convention], usize) = (&[C], 19);

#[test]
fn a_changed_register_is_named_where_it_is_the_callers() {
    let mut n_noticed = 0;
    for convention in CONVENTIONS.0 {
        // The thunk's caller, `enter`, leaves no shadow space.
        let promise = Promise {
            shadow_space: 0,
            ..Promise::without_result(convention)
        };
        for (name, function) in changers() {
            let code = function as *const u8;
            let target = BoundaryCallee { code, promise };
            // SAFETY: the function takes nothing, and the thunk brings back what it changes.
            let crossing = unsafe { call(thunk_address(), [std::ptr::null(); 3], target) };
            // `d8` is the lower half of `v8`.
            let vector = name.replace('d', "v");
            let mut kept = convention.frame.callee_saved.iter();
            let is_callers = kept.any(|reg| [name, &vector].contains(&reg.name()));
            match crossing.check("the caller", "the callee") {
                Ok(()) => assert!(!is_callers, "{}: {name} is not seen", convention.name),
                Err(why) => {
                    let expected = format!("the callee changes {name}, which is its caller's");
                    assert!(is_callers && why.starts_with(&expected), "{why}");
                    n_noticed += 1;
                }
            }
        }
    }
    assert_eq!(n_noticed, CONVENTIONS.1);
}
