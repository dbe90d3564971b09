//! What closures ask of their unnamed arguments. That they find them, the suites show, whose closures read a `va_list` too.

use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
use clif_cabi_jit::{Closures, Settings};

/// What is asked of a list is checked, and nothing is read then.
#[test]
fn kinds_and_sizes_of_unnamed_arguments_are_checked() {
    let closures = Closures::new(&Settings::default()).unwrap();
    let sig = FnSig::new([Type::I32], Type::F64).variadic();
    let refused = closures.va_arg(&sig, &Type::F32).unwrap_err().to_string();
    assert!(
        refused.contains("double, which it is promoted to"),
        "{refused}"
    );
    let [int, double] = [Type::I32, Type::F64].map(|ty| closures.va_arg(&sig, &ty).unwrap());
    let closure = closures
        .interface(&sig)
        .unwrap()
        .closure("f", move |args, result| {
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
    let closure = closure.unwrap();
    // SAFETY: `double f(int, ...)`, which is passed what it reads.
    let sum = unsafe {
        let f: unsafe extern "C" fn(i32, ...) -> f64 = core::mem::transmute(closure.code());
        f(0, 7_i32, 0.5_f64)
    };
    assert!((sum - 7.5).abs() < f64::EPSILON);
    let fixed = closures.interface(&FnSig::new([], Type::VOID)).unwrap();
    let closure = fixed
        .closure("g", |args, _| assert!(args.va_list().is_none()))
        .unwrap();
    // SAFETY: `void g(void)`.
    let g: extern "C" fn() = unsafe { core::mem::transmute(closure.code()) };
    g();
}
