//! Variadic closures: they write down all arguments, as the compiled functions do.

use clif_cabi_jit::clif_cabi::cabi::{Policy, Type};
use clif_cabi_jit::{Closure, Closures, VaArg};

use super::emit::Wrong;
use super::kinds::Kind;
use super::random::{Call, STEP};

/// The closure that `call` is made of.
pub(crate) fn closure(
    closures: &Closures,
    call: &Call,
    kinds: &[Kind],
    policy: Policy,
    wrong: Wrong,
) -> Closure {
    let sig = call.sig(kinds, policy);
    let n_named = call.named.len();
    let va_arg = |ty: &Type| closures.va_arg(&sig, ty).unwrap();
    let va_args: Vec<VaArg> = (call.unnamed.iter())
        .map(|kind| va_arg(&kinds[*kind].ty))
        .collect();
    let sizes: Vec<usize> = (call.unnamed.iter())
        .map(|kind| usize::try_from(kinds[*kind].ty.size()).unwrap())
        .collect();
    let int = va_arg(&Type::I32);
    let interface = closures.interface(&sig).unwrap();
    let written = move |args: &clif_cabi_jit::ClosureArgs<'_>,
                        result: &mut clif_cabi_jit::ClosureResult<'_>| {
        let seen: *mut u8 = args.get(0).unwrap();
        // SAFETY: `seen` has `STEP` bytes for each argument, and more.
        let object = |i: usize, size| unsafe {
            core::slice::from_raw_parts_mut(seen.wrapping_add(i * STEP), size)
        };
        for i in 0..n_named {
            let bytes = args.bytes(i + 1).unwrap();
            object(i, bytes.len()).copy_from_slice(bytes);
        }
        let mut list = args.va_list().unwrap();
        if wrong == Wrong::GpOffset {
            // SAFETY: not what was passed, but a register or a word of the stack.
            let _: i32 = unsafe { list.next(&int).unwrap() };
        }
        for (i, (va_arg, size)) in va_args.iter().zip(&sizes).enumerate() {
            // SAFETY: the call passes arguments of these types.
            unsafe {
                let to = object(n_named + i, *size);
                list.next_bytes(va_arg, to).unwrap();
            }
        }
        let result = result.bytes();
        result.copy_from_slice(object(0, result.len()));
    };
    interface.closure("seen", written).unwrap()
}

/// What is asked of a list is checked, and nothing is read then.
#[test]
fn kinds_and_sizes_of_unnamed_arguments_are_checked() {
    use clif_cabi_jit::Settings;
    use clif_cabi_jit::clif_cabi::cabi::FnSig;

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
