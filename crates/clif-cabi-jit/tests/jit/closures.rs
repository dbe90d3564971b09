//! Closures: contexts and lifetimes, checks at a call, refusals. Closures that end the process, or
//! end while they run, are in `ends`.

#[cfg(target_os = "linux")]
mod ends;

use std::sync::{Arc, Mutex};

use crate::common::*;

/// Makes the entry of functions of these types.
pub(crate) fn of(params: &[Type], result: Type) -> ClosureInterface {
    let sig = FnSig::new(params.iter().cloned(), result);
    closures().interface(&sig).unwrap()
}

#[test]
fn each_closure_has_its_own_context() {
    let closures = closures();
    let sig = FnSig::new([Type::I64], Type::I64);
    // More than one block of the pool.
    let adders: Vec<Closure> = (0..10_000)
        .map(|by| adder(&closures.interface(&sig).unwrap(), by))
        .collect();
    assert_eq!(closures.n_compiled(), 1);
    // Knuth's MMIX: each of them, in no order.
    let mut random = 1_u64;
    for _ in 0..100_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let by = usize::try_from(random >> 32).unwrap() % adders.len();
        let sum = 1000 + i64::try_from(by).unwrap();
        assert_eq!(call_adder(&adders[by], 1000), sum);
    }
}

/// Compiled code sets to zero the results that registers return, the handler larger ones. The
/// caller's memory has other bytes before, and keeps those after it.
#[test]
fn a_result_is_zero_until_it_is_set() {
    let closures = closures();
    let mut invokers = invokers();
    for n in [0, 1, 2, 3, 4, 8, 9] {
        let sig = FnSig::new([], record(&vec![pair(); n]));
        let interface = closures.interface(&sig).unwrap();
        let call = CallInterface::new(&mut invokers, &sig).unwrap();
        let bytes = 16 * n;
        for by in [0, 7] {
            let closure = interface.closure("last", move |_, result| {
                assert!(result.set_bytes(&vec![7; bytes + 1]).is_err());
                let mut object = vec![0; bytes];
                if let (7, Some(byte)) = (by, object.last_mut()) {
                    *byte = by;
                    result.set_bytes(&object).unwrap();
                }
            });
            let mut result = vec![0xee; bytes + 16];
            let code = closure.as_ref().unwrap().code();
            // SAFETY: a closure of this signature.
            unsafe { call.call_bytes(code, [], &mut result[..bytes]) }.unwrap();
            let mut expected = vec![0; bytes];
            if let Some(byte) = expected.last_mut() {
                *byte = by;
            }
            expected.extend([0xee; 16]);
            assert_eq!(result, expected, "{bytes} bytes");
        }
    }
}

#[test]
fn kinds_and_sizes_are_checked() {
    let interface = of(&[Type::F32, Type::PTR], Type::I32);
    let closure = interface.closure("checked", |args, result| {
        assert!(args.get::<i32>(0).is_err() && args.get::<f64>(0).is_err());
        assert!(args.get::<f32>(1).is_err() && args.get::<u8>(2).is_err());
        assert!(result.set(1_i64).is_err() && result.set(1.0_f32).is_err());
        assert!(args.va_list().is_none());
        assert_eq!(args.bytes(0).unwrap(), 2.5_f32.to_ne_bytes());
        result.set(3_u32).unwrap();
    });
    type FloatFn = unsafe extern "C" fn(f32, *const c_void) -> i32;
    let code: FloatFn = closure.as_ref().unwrap().as_fn().unwrap();
    // SAFETY: the closure lives.
    assert_eq!(unsafe { code(2.5, core::ptr::null()) }, 3);
}

/// Requests to a list are checked, and a refused one reads nothing. The suites show that closures
/// find their unnamed arguments.
#[test]
fn kinds_and_sizes_of_unnamed_arguments_are_checked() {
    let closures = closures();
    let sig = FnSig::new([Type::I32], Type::F64).variadic();
    let refused = message(closures.va_arg(&sig, &Type::F32));
    let promoted = refused.contains("the promoted type, double");
    assert!(promoted, "{refused}");
    let [int, double] = [Type::I32, Type::F64].map(|ty| closures.va_arg(&sig, &ty).unwrap());
    let interface = closures.interface(&sig).unwrap();
    let closure = interface.closure("f", move |args, result| {
        let mut list = args.va_list().unwrap();
        // SAFETY: the call below passes an `int` and a `double`.
        unsafe {
            assert!(list.next::<f64>(&int).is_err() && list.next::<i64>(&int).is_err());
            assert!(list.next_bytes(&int, &mut [0; 8]).is_err());
            let n: i32 = list.next(&int).unwrap();
            let x: f64 = list.next(&double).unwrap();
            result.set(f64::from(n) + x).unwrap();
        }
    });
    type Sum = unsafe extern "C" fn(i32, ...) -> f64;
    let code: Sum = closure.as_ref().unwrap().as_fn().unwrap();
    // SAFETY: the closure lives, and is passed what it reads.
    assert_eq!(unsafe { code(0, 7_i32, 0.5_f64) }, 7.5);
}

/// Unnamed arguments that all callers pass are arguments like the others, whoever was compiled
/// before; the list has those after them.
#[test]
fn the_unnamed_arguments_of_one_call() {
    let closures = closures();
    let sum = FnSig::new([Type::I32], Type::F64).variadic();
    let int = closures.va_arg(&sum, &Type::I32).unwrap();
    let at_call = |types: &[Type]| {
        let sig = sum.clone().at_call(types.iter().cloned()).unwrap();
        closures.interface(&sig).unwrap()
    };
    let unnamed = [Type::F64, Type::I64, Type::F32];
    let plain = closures.interface(&sum).unwrap();
    // Another call of the same function is another entry.
    let (interface, swapped) = (at_call(&unnamed), at_call(&[Type::I64, Type::F64]));
    assert_eq!(closures.n_compiled(), 3);
    let closure = interface.closure("sum", move |args, result| {
        let (a, b): (f64, i64) = (args.get(1).unwrap(), args.get(2).unwrap());
        assert!(args.get::<f32>(3).is_err() && args.get::<f64>(4).is_err());
        // SAFETY: callers pass an integer there.
        let last: i32 = unsafe { args.va_list().unwrap().next(&int).unwrap() };
        let (first, c): (i32, f64) = (args.get(0).unwrap(), args.get(3).unwrap());
        let sum = f64::from(first) + a + b as f64 + c + f64::from(last);
        result.set(sum).unwrap();
    });
    let nothing = |interface: &ClosureInterface| {
        let closure = interface.closure("nothing", |args, _| {
            assert!(args.get::<f64>(1).is_err() && args.va_list().is_some());
        });
        closure.unwrap()
    };
    type Sum = unsafe extern "C" fn(i32, ...) -> f64;
    // SAFETY: closures of this signature, which are passed what they read.
    unsafe {
        let code: Sum = core::mem::transmute(closure.as_ref().unwrap().code());
        assert_eq!(code(1, 0.5_f64, 20_i64, 0.25_f64, 300_i32), 321.75);
        for closure in [nothing(&plain), nothing(&swapped)] {
            let code: Sum = core::mem::transmute(closure.code());
            assert_eq!(code(1, 20_i64, 0.5_f64), 0.0);
        }
    }
}

/// A list of one convention is not read as one of another, nor is a function of another one C's of
/// Rust.
#[test]
#[cfg(all(target_arch = "x86_64", unix))] // which has two conventions
fn another_convention_is_refused() {
    use clif_cabi_jit::clif_cabi::cabi::{X86_64_LANG, X86_64_WIN64};
    let closures = closures();
    let sysv = FnSig::new([Type::I32], Type::I32).variadic();
    let win64 = sysv.clone().convention(&X86_64_WIN64);
    let long = closures.va_arg(&win64, &Type::I64).unwrap();
    let of_sysv = closures.interface(&sysv).unwrap();
    let of_sysv = of_sysv.closure("one", move |args, ret| {
        // SAFETY: nothing is read.
        let wrong = unsafe { args.va_list().unwrap().next::<i64>(&long) };
        let wrong = message(wrong);
        assert!(wrong.contains("this list is of"), "{wrong}");
        ret.set(1_i32).unwrap();
    });
    type VariadicFn = unsafe extern "C" fn(i32, ...) -> i32;
    // SAFETY: the closure lives.
    let returned = unsafe { of_sysv.as_ref().unwrap().as_fn::<VariadicFn>().unwrap()(1, 77_i64) };
    assert_eq!(returned, 1);

    let of_win64 = closures.interface(&win64).unwrap();
    let of_win64 = of_win64.closure("f", |_, _| ()).unwrap();
    let refused = of_win64.as_fn::<VariadicFn>().unwrap_err().to_string();
    let why = "`extern \"C\"` has another convention";
    assert!(refused.ends_with(why), "{refused}");

    let sig = FnSig::new([Type::I64], Type::I64).convention(&X86_64_LANG);
    let error = message(closures.interface(&sig));
    assert_eq!(
        error,
        "the convention lang: its functions cannot be closures: it has no register for the context (x86_64-unknown-linux-gnu)"
    );
    let sig = FnSig::new([Type::I64], Type::I64).static_chain(&DataModel::LP64);
    assert_eq!(
        message(closures.interface(&sig)),
        "a static chain: a closure's stub passes the context in the register of the chain (x86_64-unknown-linux-gnu)"
    );
}

/// The list of a closure has the bytes of its own convention's, which may be more than the
/// target's.
#[test]
#[cfg(target_arch = "x86_64")] // which has two conventions
fn lists_of_another_convention() {
    use clif_cabi_jit::clif_cabi::cabi::{X86_64_SYSV, X86_64_WIN64};
    let convention = if cfg!(windows) {
        &X86_64_SYSV
    } else {
        &X86_64_WIN64
    };
    let sig = FnSig::new([Type::I32], Type::I64).variadic();
    let sig = sig.convention(convention);
    let closures = closures();
    let long = closures.va_arg(&sig, &Type::I64).unwrap();
    let interface = closures.interface(&sig).unwrap();
    let closure = interface.closure("weigh", move |args, result| {
        let n: i32 = args.get(0).unwrap();
        let mut list = args.va_list().unwrap();
        let mut sum = 0;
        for _ in 0..n {
            // SAFETY: the call below passes as many.
            sum = 10 * sum + unsafe { list.next::<i64>(&long).unwrap() };
        }
        result.set(sum).unwrap();
    });
    let closure = closure.unwrap();
    let at_call = sig.at_call(vec![Type::I64; 8]).unwrap();
    let call = CallInterface::new(&mut invokers(), &at_call).unwrap();
    let (n, longs) = (8_i32, [1_i64, 2, 3, 4, 5, 6, 7, 8]);
    let mut arguments = vec![CallArg::new(&n)];
    arguments.extend(longs.iter().map(CallArg::new));
    // SAFETY: the closure lives, and has this signature.
    let sum: i64 = unsafe { call.call(closure.code(), &arguments).unwrap() };
    assert_eq!(sum, 12_345_678);
}

#[test]
fn other_function_pointers_are_refused() {
    let closure = of(&[Type::I32, Type::PTR], Type::I32).closure("f", |_, _| ());
    let closure = closure.unwrap();
    macro_rules! refused {
        ($($function:ty, $why:literal;)*) => {$(
            let refused = closure.as_fn::<$function>().unwrap_err().to_string();
            assert_eq!(refused, $why);
        )*};
    }
    type ExternFn = unsafe extern "C" fn(u32, *mut u8) -> i32;
    assert!(closure.as_fn::<ExternFn>().is_ok());
    refused! {
        unsafe extern "C" fn(i32, *mut u8) -> u32, "the result, int: an integer of the other sign is extended differently";
        unsafe extern "C" fn(i32) -> i32, "the function pointer, int (int, void *): 1 parameter is given";
        unsafe extern "C" fn(i32, ...) -> i32, "the function pointer, int (int, void *): 1 parameter is given";
        unsafe extern "C" fn(i32, *mut u8, ...) -> i32, "the function pointer, int (int, void *): only one of the two is variadic";
        unsafe extern "C" fn(i32, u64) -> i32, "argument 1, void *: u64 does not match this type";
        unsafe extern "C" fn(i32, *mut u8), "the result, int: () does not match this type";
    }
}

/// Refused signatures (C has no array by value), and those too large for any frame. The engine goes
/// on.
#[test]
fn signatures_that_nobody_can_enter() {
    let closures = closures();
    let mut invokers = invokers();
    let array = |n| Type::array(&Type::I64, n).unwrap();
    let function = FnSig::new([Type::PTR], Type::VOID);
    for sig in [
        FnSig::new([array(100)], Type::I32),
        FnSig::new([], array(100)),
    ] {
        let closure = closures.interface(&sig).map(drop).unwrap_err();
        let call = CallInterface::new(&mut invokers, &sig).map(drop);
        for error in [closure, call.unwrap_err()] {
            let error = error.to_string();
            assert!(
                error.contains("C cannot pass or return an array"),
                "{error}"
            );
        }
    }
    let chained = function.clone().static_chain(&DataModel::LP64);
    let huge = FnSig::new([record(&[array(1 << 40)])], Type::VOID);
    // Elsewhere it is passed by its address.
    let huge = cfg!(all(target_arch = "x86_64", unix)).then_some(huge);
    let void = FnSig::new([Type::VOID], Type::VOID);
    for sig in [void, chained.clone(), chained.variadic()]
        .into_iter()
        .chain(huge)
    {
        assert!(closures.interface(&sig).is_err(), "{sig}");
        let _ = invokers.get(&sig).map(|_| ());
    }
    // Large objects, in memory of the caller's.
    let large = record(&[array(1 << 27)]);
    let unnamed = FnSig::new([Type::I32], Type::VOID).variadic();
    for sig in [
        FnSig::new([large.clone()], Type::VOID),
        FnSig::new([], large.clone()),
        unnamed.at_call([large]).unwrap(),
    ] {
        let _ = closures.interface(&sig).map(|_| ());
        let _ = invokers.get(&sig).map(|_| ());
    }
    closures.interface(&function).unwrap();
    invokers.get(&function).unwrap();
}

/// Code is compiled while other code of the same engine is running, and after that returns to it.
#[test]
fn a_closure_that_compiles() {
    let closures = Arc::new(closures());
    let inner: Arc<Mutex<Vec<Closure>>> = Arc::default();
    let sig = FnSig::new([Type::I32], Type::I32);
    let interface = closures.interface(&sig).unwrap();
    let (inside, list) = (Arc::clone(&closures), Arc::clone(&inner));
    let closure = interface.closure("compiles", move |args, result| {
        let n: i32 = args.get(0).unwrap();
        let types = vec![Type::F64; usize::try_from(n).unwrap()];
        let other = inside.interface(&FnSig::new(types, Type::I64)).unwrap();
        let other = other.closure("other", |_, result| result.set(3_i64).unwrap());
        list.lock().unwrap().push(other.unwrap());
        result.set(n + 1).unwrap();
    });
    let closure = closure.unwrap();
    let code: unsafe extern "C" fn(i32) -> i32 = closure.as_fn().unwrap();
    for n in 0..40 {
        // SAFETY: the closure lives.
        assert_eq!(unsafe { code(n) }, n + 1);
    }
    let inner = inner.lock().unwrap();
    let first: unsafe extern "C" fn() -> i64 = inner[0].as_fn().unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { first() }, 3);
}

#[test]
fn a_panic_gives_the_value_chosen_for_it() {
    let interface = of(&[], Type::I32);
    let closure = interface.closure_or("refusing", -1_i32, |_, _| panic!("no"));
    let closure = closure.unwrap();
    let code: unsafe extern "C" fn() -> i32 = closure.as_fn().unwrap();
    // SAFETY: the closure lives.
    assert_eq!(unsafe { code() }, -1);
    let wrong = interface.closure_or("refusing", -1_i64, |_, _| ());
    assert!(matches!(wrong.unwrap_err(), Error::Value { .. }));
}

/// gcc returns nothing for a record of padding alone, however large: the handler's memory for it is
/// as large as the record.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_result_of_padding_alone_is_as_large_as_its_type() {
    use clif_cabi_jit::clif_cabi::cabi::{FnAbi, Member, Place, Target};
    let padding = RecordBuilder::union("padding").aligned(32);
    let padding = padding.member(Member::unnamed_bit_field(Type::I64, 1));
    let padding = padding.build(&DataModel::LP64).unwrap();
    for n in [1, 2, 3, 4, 128] {
        let ty = record(&vec![padding.clone(); n]);
        let sig = FnSig::new([ty.clone()], ty);
        let abi = FnAbi::new(&sig, &Target::X86_64_LINUX).unwrap();
        assert_eq!(abi.ret.place, Place::Ignore);
        let interface = closures().interface(&sig).unwrap();
        let closure = interface.closure("padding", move |args, result| {
            result.set_bytes(args.bytes(0).unwrap()).unwrap();
            result.set_bytes(&vec![7; 32 * n]).unwrap();
        });
        let closure = closure.unwrap();
        // SAFETY: the argument and the result have no place, so it is a function without any.
        let code: unsafe extern "C" fn() = unsafe { std::mem::transmute(closure.code()) };
        // SAFETY: the closure lives.
        unsafe { code() };
    }
}

#[test]
#[cfg(target_os = "linux")]
fn no_memory_is_writable_and_executable() {
    let interface = of(&[Type::I64], Type::I64);
    let kept: Vec<Closure> = (0..600).map(|by| adder(&interface, by)).collect();
    assert!(is_executable(kept[0].code().addr()));
    for (range, permissions) in mappings() {
        let is_both = permissions.contains('x') && permissions.contains('w');
        assert!(!is_both, "{range:x?}");
    }
}

/// Closures of Apple's convention have their contexts in x17, and are made and called on any
/// AArch64 system. From x17 the context goes to an integer register, to a vector register, or to
/// the stack.
#[test]
#[cfg(target_arch = "aarch64")]
fn contexts_of_apples_convention_are_in_x17() {
    use clif_cabi_jit::clif_cabi::cabi::aarch64::APPLE_ARM64;
    let (closures, mut invokers) = (closures(), invokers());
    for (n_ints, n_floats) in [(0, 0), (7, 8), (8, 0), (8, 7), (8, 8), (10, 11)] {
        let types = [vec![Type::I16; n_ints], vec![Type::F32; n_floats]].concat();
        let sig = FnSig::new(types, Type::F64).convention(&APPLE_ARM64);
        let interface = closures.interface(&sig).unwrap();
        let call = CallInterface::new(&mut invokers, &sig).unwrap();
        let (ints, floats) = (vec![3_i16; n_ints], vec![0.5_f32; n_floats]);
        let args = ints.iter().map(CallArg::new);
        let args: Vec<CallArg<'_>> = args.chain(floats.iter().map(CallArg::new)).collect();
        for context in [0.25, 1000.5] {
            let closure = interface.closure("sum", move |args, result| {
                let ints: i16 = (0..n_ints).map(|i| args.get::<i16>(i).unwrap()).sum();
                let floats = n_ints..n_ints + n_floats;
                let floats: f32 = floats.map(|i| args.get::<f32>(i).unwrap()).sum();
                let sum = context + f64::from(ints) + f64::from(floats);
                result.set(sum).unwrap();
            });
            let code = closure.as_ref().unwrap().code();
            // SAFETY: the closure is of this signature.
            let sum: f64 = unsafe { call.call(code, &args) }.unwrap();
            let expected = context + 3.0 * n_ints as f64 + 0.5 * n_floats as f64;
            assert_eq!(sum, expected, "{n_ints} {n_floats}");
        }
    }
    // Unnamed arguments are on the stack.
    let sig = FnSig::new([Type::I32], Type::F64).convention(&APPLE_ARM64);
    let sig = sig.variadic();
    let float = closures.va_arg(&sig, &Type::F64).unwrap();
    let interface = closures.interface(&sig).unwrap();
    let closure = interface.closure("sum", move |args, result| {
        let first: i32 = args.get(0).unwrap();
        // SAFETY: the call below passes a `double`.
        let x = unsafe { args.va_list().unwrap().next::<f64>(&float).unwrap() };
        result.set(1000.0 + f64::from(first) + x).unwrap();
    });
    let at_call = sig.at_call([Type::F64]).unwrap();
    let call = CallInterface::new(&mut invokers, &at_call).unwrap();
    // SAFETY: the closure is of this signature.
    let sum: f64 = unsafe { call.call(closure.unwrap().code(), (1_i32, 0.5)) }.unwrap();
    assert_eq!(sum, 1001.5);
}
