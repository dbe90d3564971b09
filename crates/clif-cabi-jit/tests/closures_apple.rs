//! Closures of Apple's convention, whose contexts are in x17: made and called on any AArch64 system, with the stubs and entries that Apple's has.
#![cfg(all(has_engine, target_arch = "aarch64"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use clif_cabi_jit::clif_cabi::cabi::aarch64::APPLE_ARM64;
use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
use clif_cabi_jit::{CallArg, CallInterface, Closures, Invokers, Settings};

/// Where the context goes from x17: to an integer register, to a vector register, to the stack.
#[test]
fn contexts_are_in_x17() {
    let closures = Closures::new(&Settings::default()).unwrap();
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    for (n_ints, n_floats) in [(0, 0), (7, 8), (8, 0), (8, 7), (8, 8), (10, 11)] {
        let ints = std::iter::repeat_n(Type::I16, n_ints);
        let types = ints.chain(std::iter::repeat_n(Type::F32, n_floats));
        let sig = FnSig::new(types, Type::F64).convention(&APPLE_ARM64);
        let interface = closures.interface(&sig).unwrap();
        let made: Vec<_> = [0.25, 1000.5]
            .map(|context| {
                interface.closure("sum", move |args, result| {
                    let ints: i16 = (0..n_ints).map(|i| args.get::<i16>(i).unwrap()).sum();
                    let floats = n_ints..n_ints + n_floats;
                    let floats: f32 = floats.map(|i| args.get::<f32>(i).unwrap()).sum();
                    let sum = context + f64::from(ints) + f64::from(floats);
                    result.set(sum).unwrap();
                })
            })
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let ints: Vec<i16> = (1..=10).collect();
        let floats: Vec<f32> = ints
            .iter()
            .chain(&[11])
            .map(|n| f32::from(*n) * 100.0)
            .collect();
        let (ints, floats) = (&ints[..n_ints], &floats[..n_floats]);
        let args = ints.iter().map(CallArg::new);
        let args: Vec<CallArg<'_>> = args.chain(floats.iter().map(CallArg::new)).collect();
        let expected: f64 = ints.iter().map(|n| f64::from(*n)).sum::<f64>()
            + floats.iter().map(|x| f64::from(*x)).sum::<f64>();
        let call = CallInterface::new(&mut invokers, &sig).unwrap();
        for (closure, context) in made.iter().zip([0.25, 1000.5]) {
            // SAFETY: the closure is of this signature.
            let sum: f64 = unsafe { call.call(closure.code(), &args) }.unwrap();
            assert_eq!(sum, context + expected, "{n_ints} {n_floats}");
        }
    }
}

/// A variadic one, whose unnamed arguments are on the stack.
#[test]
fn variadic_ones() {
    let closures = Closures::new(&Settings::default()).unwrap();
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    let sig = FnSig::new([Type::I32], Type::F64)
        .convention(&APPLE_ARM64)
        .variadic();
    let [float, long] = [Type::F64, Type::I64].map(|ty| closures.va_arg(&sig, &ty).unwrap());
    let interface = closures.interface(&sig).unwrap();
    let context = 1000.0;
    let closure = interface.closure("sum", move |args, result| {
        let first: i32 = args.get(0).unwrap();
        let mut list = args.va_list().unwrap();
        // SAFETY: the call below passes a `double` and a `long`.
        let (x, n) = unsafe {
            (
                list.next::<f64>(&float).unwrap(),
                list.next::<i64>(&long).unwrap(),
            )
        };
        result
            .set(context + f64::from(first) + x + n as f64)
            .unwrap();
    });
    let closure = closure.unwrap();
    let at_call = sig.at_call([Type::F64, Type::I64]).unwrap();
    let call = CallInterface::new(&mut invokers, &at_call).unwrap();
    let args = [
        CallArg::new(&1_i32),
        CallArg::new(&0.5),
        CallArg::new(&20_i64),
    ];
    // SAFETY: the closure is of this signature.
    let sum: f64 = unsafe { call.call(closure.code(), &args) }.unwrap();
    assert_eq!(sum, 1021.5);
}
