//! Closures and invokers: called by C, from many threads, freed, and never in memory that is writable and executable.
#![cfg(has_engine)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]; panics are what one is about"
)]

mod common;

use core::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
use clif_cabi_jit::{
    CallInterface, Closure, ClosureInterface, Closures, Error, Invokers, Settings,
};
use common::{adder, call_adder, pair, record, repeated};
#[cfg(target_os = "linux")]
use common::{again, mappings};

fn closures() -> Closures {
    Closures::new(&Settings::default()).unwrap()
}

/// That of [`adder`].
fn of_long(closures: &Closures) -> ClosureInterface {
    closures
        .interface(&FnSig::new([Type::I64], Type::I64))
        .unwrap()
}

#[test]
fn each_closure_has_its_own_context() {
    let closures = closures();
    // More than one block of the pool.
    let all: Vec<Closure> = (0..10_000)
        .map(|by| adder(&of_long(&closures), by))
        .collect();
    assert_eq!(closures.n_compiled(), 1);
    // Knuth's MMIX: each of them, in no order.
    let mut random = 1_u64;
    for _ in 0..100_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let by = usize::try_from(random >> 32).unwrap() % all.len();
        assert_eq!(
            call_adder(&all[by], 1000),
            1000 + i64::try_from(by).unwrap()
        );
    }
}

#[test]
fn many_threads_make_call_and_drop() {
    let closures = Arc::new(closures());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let closures = Arc::clone(&closures);
            thread::spawn(move || {
                for i in 0..repeated(100_000) {
                    let closure = adder(&of_long(&closures), thread * i);
                    assert_eq!(call_adder(&closure, 5), thread * i + 5);
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(closures.n_compiled(), 1);
}

#[test]
fn a_closure_outlives_what_made_it_and_frees_what_it_owns() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Counted(Arc::clone(&dropped));
    let closure = {
        let closures = closures();
        let interface = closures.interface(&FnSig::new([], Type::I32)).unwrap();
        interface
            .closure("counted", move |_, result| {
                result
                    .set(i32::try_from(counted.0.load(Ordering::SeqCst)).unwrap() + 7)
                    .unwrap();
            })
            .unwrap()
    };
    // SAFETY: `int f(void)`.
    let code: extern "C" fn() -> i32 = unsafe { core::mem::transmute(closure.code()) };
    assert_eq!(code(), 7);
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(closure);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

/// Compiled code sets to zero what registers return, the handler what is larger. The caller's memory has other bytes before, and keeps those after it.
#[test]
fn a_result_is_zero_until_it_is_set() {
    let closures = closures();
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    for n in [0, 1, 2, 3, 4, 8, 9] {
        let sig = FnSig::new([], record(&vec![pair(); n]));
        let last = 16 * n;
        let closure = |by: u8| {
            let interface = closures.interface(&sig).unwrap();
            let closure = interface.closure("last", move |_, result| {
                assert_eq!(result.bytes().len(), last);
                if let Some(byte) = result.bytes().last_mut() {
                    *byte += by;
                }
            });
            closure.unwrap()
        };
        let call = CallInterface::new(&mut invokers, &sig).unwrap();
        for by in [0, 7] {
            let mut result = vec![0xee; last + 16];
            let closure = closure(by);
            // SAFETY: a closure of this signature.
            unsafe { call.call_bytes(closure.code(), &[], &mut result[..last]) }.unwrap();
            let mut expected = vec![0; last];
            expected
                .iter_mut()
                .rev()
                .take(1)
                .for_each(|byte| *byte = by);
            expected.extend([0xee; 16]);
            assert_eq!(result, expected, "{last} bytes");
        }
    }
}

#[test]
fn what_is_passed_alike_shares_code() {
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    for sig in [
        FnSig::new([Type::I64], Type::I64),
        FnSig::new([Type::PTR], Type::U64),
        FnSig::new([Type::U64], Type::PTR),
    ] {
        assert_eq!(invokers.is_compiled(&sig).unwrap(), !invokers.is_empty());
        invokers.get(&sig).unwrap();
    }
    assert_eq!(invokers.len(), 1);
    // A narrower one is extended by its caller on x86-64, another has another register.
    invokers.get(&FnSig::new([Type::I8], Type::I64)).unwrap();
    invokers.get(&FnSig::new([Type::U8], Type::I64)).unwrap();
    invokers.get(&FnSig::new([Type::F64], Type::I64)).unwrap();
    let n_narrow = if cfg!(target_arch = "x86_64") { 2 } else { 1 };
    assert_eq!(invokers.len(), 2 + n_narrow);
}

#[test]
fn kinds_and_sizes_are_checked() {
    let closures = closures();
    let interface = closures
        .interface(&FnSig::new([Type::F32, Type::PTR], Type::I32))
        .unwrap();
    let closure = interface
        .closure("checked", |args, result| {
            assert!(args.get::<i32>(0).is_err() && args.get::<f64>(0).is_err());
            assert!(args.get::<f32>(1).is_err() && args.get::<u8>(2).is_err());
            assert!(result.set(1_i64).is_err() && result.set(1.0_f32).is_err());
            assert_eq!(args.bytes(0).unwrap(), 2.5_f32.to_le_bytes());
            result.set(3_u32).unwrap();
        })
        .unwrap();
    // SAFETY: `int f(float, void *)`.
    let code: extern "C" fn(f32, *const c_void) -> i32 =
        unsafe { core::mem::transmute(closure.code()) };
    assert_eq!(code(2.5, core::ptr::null()), 3);
}

#[test]
fn a_panic_gives_the_value_chosen_for_it() {
    let closures = closures();
    let interface = closures.interface(&FnSig::new([], Type::I32)).unwrap();
    let closure = interface
        .closure_or("refusing", -1_i32, |_, _| panic!("no"))
        .unwrap();
    // SAFETY: `int f(void)`.
    let code: extern "C" fn() -> i32 = unsafe { core::mem::transmute(closure.code()) };
    assert_eq!(code(), -1);
    let wrong = interface
        .closure_or("refusing", -1_i64, |_, _| ())
        .unwrap_err();
    assert!(matches!(wrong, Error::Value { .. }));
}

/// Set in a process that a test starts, which a closure is to end.
#[cfg(target_os = "linux")]
const CHILD: &str = "CLIF_CABI_JIT_ENDS";

/// The test runs itself again as a child.
#[test]
#[cfg(target_os = "linux")]
fn what_c_cannot_be_told_ends_the_process_and_names_the_closure() {
    use std::os::unix::process::ExitStatusExt;
    const SIGABRT: i32 = 6;
    if let Some(what) = std::env::var_os(CHILD) {
        let panics = what == "panics";
        let sig = FnSig::new([], Type::I32);
        let sig = if panics { sig } else { sig.noreturn() };
        let interface = closures().interface(&sig).unwrap();
        let ends = move |_: &clif_cabi_jit::ClosureArgs<'_>,
                         _: &mut clif_cabi_jit::ClosureResult<'_>| {
            assert!(!panics, "no order");
        };
        let closure = interface.closure("comparator", ends).unwrap();
        // SAFETY: `int f(void)`.
        let code: extern "C" fn() -> i32 = unsafe { core::mem::transmute(closure.code()) };
        println!("came back with {}", code());
        return;
    }
    for (what, message) in [
        ("panics", "panicked: no order; it was called by C"),
        (
            "returns",
            "returned, although its signature says that it never does",
        ),
    ] {
        let name = "what_c_cannot_be_told_ends_the_process_and_names_the_closure";
        let (child, text) = again(name, CHILD, what);
        assert_eq!(child.status.signal(), Some(SIGABRT), "{text}");
        let message = format!("closure comparator {message}, so the process ends");
        assert!(
            text.contains(&message) && !text.contains("came back"),
            "{text}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn no_memory_is_writable_and_executable() {
    let closures = closures();
    let kept: Vec<Closure> = (0..600).map(|by| adder(&of_long(&closures), by)).collect();
    let stub = kept[0].code().addr();
    let mut holds_stub = false;
    for (range, permissions) in mappings() {
        let is_executable = permissions.contains('x');
        assert!(!(is_executable && permissions.contains('w')), "{range:x?}");
        holds_stub |= is_executable && range.contains(&stub);
    }
    assert!(
        holds_stub,
        "the stub is in none of the mappings that were looked at"
    );
}

#[test]
#[cfg(target_arch = "x86_64")] // whose convention it is
fn a_convention_that_c_does_not_call_has_no_closures() {
    use clif_cabi_jit::clif_cabi::cabi::X86_64_LANG;
    let sig = FnSig::new([Type::I64], Type::I64).convention(&X86_64_LANG);
    let error = closures().interface(&sig).unwrap_err().to_string();
    assert_eq!(
        error,
        "the convention lang: its functions are no closures: it has no register for the context that a stub brings (x86_64-unknown-linux-gnu)"
    );
}
