//! Closures and invokers used wrongly: errors, or what is documented; nothing outside an object is read.
#![cfg(all(has_engine, target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod common;

use std::sync::{Arc, Mutex};

use clif_cabi_jit::clif_cabi::cabi::{DataModel, FnSig, Type};
use clif_cabi_jit::{CallArg, CallInterface, Closure, Closures, Invokers, Settings};
use common::{cc, library, record};

fn closures() -> Closures {
    Closures::new(&Settings::default()).unwrap()
}

/// Unnamed arguments that all callers pass are arguments like the others, whoever was compiled before.
#[test]
fn the_unnamed_arguments_of_one_call() {
    let closures = closures();
    let sum = FnSig::new([Type::I32], Type::F64).variadic();
    let plain = closures.interface(&sum).unwrap();
    let unnamed = [Type::F64, Type::I64, Type::F32];
    let interface = closures.interface(&sum.at_call(unnamed).unwrap()).unwrap();
    // Another call of the same function is another entry.
    let swapped = closures.interface(&sum.at_call([Type::I64, Type::F64]).unwrap());
    assert_eq!(closures.n_compiled(), 3);
    let int = closures.va_arg(&sum, &Type::I32).unwrap();
    let closure = interface.closure("sum", move |args, result| {
        let (a, b): (f64, i64) = (args.get(1).unwrap(), args.get(2).unwrap());
        assert!(args.get::<f32>(3).is_err() && args.get::<f64>(4).is_err());
        // What follows them is in the list.
        // SAFETY: callers pass an integer there.
        let last: i32 = unsafe { args.va_list().unwrap().next(&int).unwrap() };
        let c: f64 = args.get(3).unwrap();
        result
            .set(f64::from(args.get::<i32>(0).unwrap()) + a + b as f64 + c + f64::from(last))
            .unwrap();
    });
    let closure = closure.unwrap();
    let nothing = |interface: &clif_cabi_jit::ClosureInterface| {
        let closure = interface.closure("nothing", |args, _| {
            assert!(args.get::<f64>(1).is_err());
            assert!(args.va_list().is_some());
        });
        closure.unwrap()
    };
    let others = [nothing(&plain), nothing(&swapped.unwrap())];
    type Sum = unsafe extern "C" fn(i32, ...) -> f64;
    // SAFETY: closures of this signature, which are passed what they read.
    unsafe {
        let code: Sum = core::mem::transmute(closure.code());
        assert_eq!(code(1, 0.5_f64, 20_i64, 0.25_f64, 300_i32), 321.75);
        for other in &others {
            let code: Sum = core::mem::transmute(other.code());
            assert_eq!(code(1, 20_i64, 0.5_f64), 0.0);
        }
    }
}

/// A list of one convention is not read as one of another.
#[test]
#[cfg(target_arch = "x86_64")] // which has two conventions
fn a_list_of_another_convention() {
    let closures = closures();
    let sysv = FnSig::new([Type::I32], Type::I32).variadic();
    let win64 = &clif_cabi_jit::clif_cabi::cabi::X86_64_WIN64;
    let win64 = sysv.clone().convention(win64);
    let [here, there] = [&sysv, &win64].map(|sig| closures.va_arg(sig, &Type::I64).unwrap());
    let interface = closures.interface(&sysv).unwrap();
    let closure = interface.closure("one", move |args, result| {
        let mut list = args.va_list().unwrap();
        // SAFETY: callers pass one `long`.
        let [wrong, right] = unsafe { [list.next::<i64>(&there), list.next::<i64>(&here)] };
        let wrong = wrong.unwrap_err().to_string();
        assert!(wrong.contains("the list is of"), "{wrong}");
        result.set(i32::try_from(right.unwrap()).unwrap()).unwrap();
    });
    let closure = closure.unwrap();
    // SAFETY: `int f(int, ...)`.
    let code: unsafe extern "C" fn(i32, ...) -> i32 =
        unsafe { core::mem::transmute(closure.code()) };
    // SAFETY: it reads one `long`.
    assert_eq!(unsafe { code(1, 77_i64) }, 77);
}

/// C has no array by value; the pointer that a declared one stands for is the caller's to name.
#[test]
fn arrays_are_refused() {
    let array = Type::array(&Type::I32, 100).unwrap();
    for sig in [
        FnSig::new([array.clone()], Type::I32),
        FnSig::new([], array),
    ] {
        let closure = closures().interface(&sig).map(drop).unwrap_err();
        let mut invokers = Invokers::new(&Settings::default()).unwrap();
        let call = CallInterface::new(&mut invokers, &sig).map(drop);
        for error in [closure, call.unwrap_err()] {
            let error = error.to_string();
            assert!(error.contains("C passes and returns no array"), "{error}");
        }
    }
}

/// Code is compiled while other code of the same engine is running, and after that returns to it.
#[test]
fn a_closure_that_compiles() {
    let closures = Arc::new(closures());
    let made: Arc<Mutex<Vec<Closure>>> = Arc::default();
    let sig = FnSig::new([Type::I32], Type::I32);
    let interface = closures.interface(&sig).unwrap();
    let (inside, kept) = (Arc::clone(&closures), Arc::clone(&made));
    let closure = interface.closure("compiles", move |args, result| {
        let n: i32 = args.get(0).unwrap();
        let types = vec![Type::F64; usize::try_from(n).unwrap()];
        let other = inside.interface(&FnSig::new(types, Type::I64)).unwrap();
        let other = other.closure("other", |_, result| result.set(3_i64).unwrap());
        kept.lock().unwrap().push(other.unwrap());
        result.set(n + 1).unwrap();
    });
    let closure = closure.unwrap();
    // SAFETY: `int f(int)`.
    let code: extern "C" fn(i32) -> i32 = unsafe { core::mem::transmute(closure.code()) };
    for n in 0..40 {
        assert_eq!(code(n), n + 1);
    }
    // SAFETY: `long f(void)`.
    let first: extern "C" fn() -> i64 =
        unsafe { core::mem::transmute(made.lock().unwrap()[0].code()) };
    assert_eq!(first(), 3);
}

/// Nothing of no bytes is passed, and nothing of no bytes comes back.
#[test]
fn objects_without_bytes() {
    let empty = record(&[]);
    let sig = FnSig::new([empty.clone(), Type::I32, empty.clone()], empty);
    let interface = closures().interface(&sig).unwrap();
    let seen = Arc::new(Mutex::new(0));
    let keep = Arc::clone(&seen);
    let closure = interface.closure("empty", move |args, result| {
        assert!(args.bytes(0).unwrap().is_empty() && args.bytes(2).unwrap().is_empty());
        assert!(result.bytes().is_empty());
        *keep.lock().unwrap() = args.get::<i32>(1).unwrap();
    });
    let closure = closure.unwrap();
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    let call = CallInterface::new(&mut invokers, &sig).unwrap();
    let args = [
        CallArg::bytes(&[]),
        CallArg::new(&5_i32),
        CallArg::bytes(&[]),
    ];
    // SAFETY: a function of this signature.
    unsafe { call.call_bytes(closure.code(), &args, &mut []).unwrap() };
    assert_eq!(*seen.lock().unwrap(), 5);
}

/// A function that returns in memory stores by instructions that need the alignment of its type; bytes of Rust have none, and neither has a value.
#[test]
fn results_that_are_not_aligned() {
    let text = "
typedef float v4f __attribute__((vector_size(16)));
typedef struct { v4f a[3]; } big;
big f(float x) { big b; b.a[0] = b.a[1] = b.a[2] = (v4f){ x, x, x, x }; return b; }
";
    let library = library(&cc(), &[], "not_aligned", text);
    let code = library.symbol("f").unwrap().cast();
    let vector = Type::vector(&Type::F32, 4).unwrap();
    let sig = FnSig::new([Type::F32], record(&vec![vector; 3]));
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    let f = CallInterface::new(&mut invokers, &sig).unwrap();
    let expected: Vec<u8> = [1.5_f32.to_le_bytes(); 12].concat();
    for offset in 0..16 {
        let mut bytes = [0xcc; 80];
        let result = &mut bytes[offset..offset + 48];
        // SAFETY: a function of this signature.
        unsafe {
            f.call_bytes(code, &[CallArg::new(&1.5_f32)], result)
                .unwrap()
        };
        assert_eq!(result, expected);
        let around = [&bytes[..offset], &bytes[offset + 48..]].concat();
        assert!(around.iter().all(|byte| *byte == 0xcc));
    }
}

/// What is refused, and what is too large for any frame.
#[test]
fn signatures_that_nobody_can_enter() {
    let closures = closures();
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    let huge = Type::array(&Type::I64, 1 << 40).unwrap();
    let huge = record(&[huge]);
    let function = FnSig::new([Type::PTR], Type::VOID);
    if cfg!(target_arch = "x86_64") {
        // Elsewhere it is passed by its address.
        let sig = FnSig::new([huge], Type::VOID);
        assert!(closures.interface(&sig).is_err(), "{sig}");
    }
    for sig in [
        FnSig::new([Type::VOID], Type::VOID),
        FnSig::new([], Type::array(&Type::I32, 2).unwrap()),
        function.clone().static_chain(&DataModel::LP64),
        function.clone().variadic().static_chain(&DataModel::LP64),
    ] {
        assert!(closures.interface(&sig).is_err(), "{sig}");
        let _ = invokers.get(&sig).map(|_| ());
    }
    // Large objects, in memory of the caller's.
    let large = Type::array(&Type::I64, 1 << 27).unwrap();
    let large = record(&[large]);
    for sig in [
        FnSig::new([large.clone()], Type::VOID),
        FnSig::new([], large.clone()),
        FnSig::new([Type::I32], Type::VOID)
            .variadic()
            .at_call([large])
            .unwrap(),
    ] {
        let _ = closures.interface(&sig).map(|_| ());
        let _ = invokers.get(&sig).map(|_| ());
    }
    // The engine goes on.
    closures.interface(&function).unwrap();
    invokers.get(&function).unwrap();
}
