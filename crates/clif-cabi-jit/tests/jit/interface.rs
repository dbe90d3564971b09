//! Typed calls: each kind of argument, more arguments than a call keeps without the heap, and
//! refusals before a function is called.

use crate::common::*;

fn interface(params: impl IntoIterator<Item = Type>, result: Type) -> CallInterface {
    let mut invokers = invokers();
    CallInterface::new(&mut invokers, &FnSig::new(params, result)).unwrap()
}

extern "C" fn mixed(n: i32, x: f32, b: bool, at: *const i64) -> f64 {
    // SAFETY: the test passes the address of a number.
    f64::from(n) + f64::from(x) + f64::from(u8::from(b)) + unsafe { *at } as f64
}

/// Structures of the caller's own are passed by the example `gsl`.
#[test]
fn values_of_each_kind_arrive_and_come_back() {
    let call = interface([Type::I32, Type::F32, Type::BOOL, Type::PTR], Type::F64);
    let more = 1000_i64;
    let at = &raw const more;
    // SAFETY: the function has this signature.
    let result: f64 =
        unsafe { call.call(mixed as *const c_void, (10_i32, 2.5_f32, true, at)) }.unwrap();
    assert_eq!(result, 1013.5);
}

#[derive(PartialEq, Debug)]
#[repr(C)]
struct BigStruct([i64; 4]);

extern "C" fn big() -> BigStruct {
    BigStruct([1, 2, 3, 4])
}

/// The address of a result is passed to a function that never returns too, but nothing comes after
/// its call.
#[test]
fn functions_that_never_return_share_no_code_with_others() {
    let returns = FnSig::new([], record(&vec![Type::I64; 4]));
    let (mut invokers, closures) = (invokers(), closures());
    invokers.get(&returns.clone().noreturn()).unwrap();
    let invoker = invokers.get(&returns).unwrap();
    let mut result = BigStruct([0; 4]);
    // SAFETY: the function has this signature.
    unsafe { invoker.call(big as *const c_void, &[], (&raw mut result).cast()) };
    assert_eq!(result, BigStruct([1, 2, 3, 4]));

    closures.interface(&returns.clone().noreturn()).unwrap();
    let closure = closures.interface(&returns).unwrap();
    let closure = closure.closure("big", |_, result| {
        result.set_bytes(&[7; 32]).unwrap();
    });
    let code = closure.unwrap();
    // SAFETY: as above.
    unsafe { invoker.call(code.code().cast(), &[], (&raw mut result).cast()) };
    assert_eq!(result, BigStruct([0x0707_0707_0707_0707; 4]));
}

/// An object in memory has any bits above a `_BitInt` of few bits. On System V, clang's callees
/// expect it to be extended; elsewhere they read its own bits alone.
#[test]
fn few_bits_are_extended() {
    extern "C" fn own(x: i32) -> i32 {
        x
    }
    let mut invokers = invokers();
    for (width, signed, bits, expected) in [
        (17, true, 0x5501_ffff_u32, -1),
        (17, false, 0x5501_ffff, 0x1_ffff),
        (31, true, 0xc000_0000, -0x4000_0000),
        (9, true, 0xffff, -1),
        (3, true, 0x54, -4),
        (3, false, 0x54, 4),
    ] {
        let ty = DataModel::LP64.bit_int(width, signed).unwrap();
        let invoker = match invokers.get(&FnSig::new([ty.clone()], Type::I32)) {
            Ok(invoker) => invoker,
            Err(why) if cfg!(target_arch = "x86_64") => unreachable!("{ty}: {why}"),
            // Refused by Apple's convention, RISC-V's and s390x's.
            Err(_) => continue,
        };
        let (args, mut result) = ([(&raw const bits).cast()], 0);
        // SAFETY: the function has this signature, and an object at most four bytes.
        unsafe { invoker.call(own as *const c_void, &args, (&raw mut result).cast()) };
        let unused = match cfg!(all(target_arch = "x86_64", unix)) {
            true => 0,
            false => 32 - u32::from(width),
        };
        assert_eq!(result << unused, expected << unused, "{ty}");
    }
}

#[test]
fn signatures_that_are_passed_alike_share_code() {
    let mut invokers = invokers();
    let mut n_compiled = |param, result| {
        invokers.get(&FnSig::new([param], result)).unwrap();
        invokers.n_compiled()
    };
    assert_eq!(n_compiled(Type::I64, Type::I64), 1);
    assert_eq!(n_compiled(Type::PTR, Type::U64), 1);
    assert_eq!(n_compiled(Type::U64, Type::PTR), 1);
    // A narrower one is extended by its caller, but on AArch64. Another has another register.
    let is_extended = usize::from(cfg!(not(target_arch = "aarch64")));
    assert_eq!(n_compiled(Type::I8, Type::I64), 2);
    assert_eq!(n_compiled(Type::U8, Type::I64), 2 + is_extended);
    assert_eq!(n_compiled(Type::F64, Type::I64), 3 + is_extended);
}

#[test]
fn a_declaration_without_a_name_is_no_function() {
    let refused = invokers().function("int (int)").unwrap_err().to_string();
    assert_eq!(refused, "the declaration, int (int): it has no name");
}

#[test]
fn eighteen_arguments_arrive() {
    let sig = FnSig::new(vec![Type::I64; 18], Type::I64);
    let closure = closures().interface(&sig).unwrap();
    let closure = closure.closure("sum", |args, result| {
        let products = (0..18).map(|i| args.get::<i64>(i).unwrap() * (i as i64 + 1));
        result.set(products.sum::<i64>()).unwrap();
    });
    let (call, code) = (interface(vec![Type::I64; 18], Type::I64), closure.unwrap());
    let numbers: Vec<i64> = (100..118).collect();
    let args: Vec<CallArg<'_>> = numbers.iter().map(CallArg::new).collect();
    // SAFETY: the closure is of this signature.
    let result: i64 = unsafe { call.call(code.code(), &args).unwrap() };
    assert_eq!(result, numbers.iter().zip(1..).map(|(x, i)| x * i).sum());
    // One of another kind is refused there too.
    let mut wrong = args.clone();
    wrong[17] = CallArg::new(&1.5_f64);
    // SAFETY: nothing is called.
    let refused = unsafe { call.call::<i64>(code.code(), &wrong) };
    assert_eq!(
        message(refused),
        "argument 17, long long: f64 does not match this type"
    );
}

/// A function that returns in memory stores by instructions that need the alignment of its type.
/// Bytes of Rust do not have it, and neither does a value.
#[test]
#[cfg(all(target_os = "linux", not(target_arch = "s390x")))] // where vectors are refused
fn results_that_are_not_aligned() {
    let text = "
typedef float v4f __attribute__((vector_size(16)));
typedef struct { v4f a[3]; } big;
big f(float x) { big b; b.a[0] = b.a[1] = b.a[2] = (v4f){ x, x, x, x }; return b; }
";
    let library = library(&cc(), &[], "not_aligned", text);
    let code = library.symbol("f").unwrap().cast();
    let vector = Type::vector(&Type::F32, 4).unwrap();
    let big = record(&vec![vector; 3]);
    // A typedef with a lower alignment does not change what the function stores by.
    let calls = [big.with_align(1).unwrap(), big].map(|big| interface([Type::F32], big));
    for (call, offset) in calls
        .iter()
        .flat_map(|call| (0..16).map(move |at| (call, at)))
    {
        let mut bytes = [0xcc; 80];
        let result = &mut bytes[offset..offset + 48];
        // SAFETY: a function of this signature.
        unsafe { call.call_bytes(code, (1.5_f32,), result).unwrap() };
        let (before, rest) = bytes.split_at(offset);
        let (result, after) = rest.split_at(48);
        assert_eq!(result, [1.5_f32.to_le_bytes(); 12].as_flattened());
        assert!([before, after].concat().iter().all(|byte| *byte == 0xcc));
    }
}

/// No function is called if an argument or the result does not fit: the code is null.
#[test]
fn values_that_do_not_fit_are_refused() {
    let call = interface([pair(), Type::I32], Type::F32);
    let null = core::ptr::null();
    let n = 1_i32;
    let refused = |args: &[CallArg<'_>]| {
        // SAFETY: nothing is called.
        unsafe { call.call::<f32>(null, args) }
            .unwrap_err()
            .to_string()
    };
    let (bytes, sixteen) = (CallArg::bytes(&[0; 16]), 0_i128);
    for (args, why) in [
        (
            &[bytes][..],
            "the call, float (struct s, int): it takes 2 arguments, and 1 is given",
        ),
        (
            &[bytes, CallArg::new(&1_i64)],
            "argument 1, int: it has 4 bytes, and 8 are given",
        ),
        (
            &[bytes, CallArg::new(&1.0_f32)],
            "argument 1, int: f32 does not match this type",
        ),
        (
            &[CallArg::new(&sixteen), CallArg::new(&n)],
            "argument 0, struct s: i128 does not match this type",
        ),
        (
            &[CallArg::bytes(&[0; 15]), CallArg::new(&n)],
            "argument 0, struct s: it has 16 bytes, and 15 are given",
        ),
    ] {
        assert_eq!(refused(args), why);
    }
    // SAFETY: nothing is called.
    let result = unsafe { call.call::<i32>(null, &[bytes, CallArg::new(&n)]) };
    assert_eq!(
        message(result),
        "the result, float: i32 does not match this type"
    );
    // SAFETY: nothing is called.
    let result = unsafe { call.call::<()>(null, &[bytes, CallArg::new(&n)]) };
    assert_eq!(
        message(result),
        "the result, float: () does not match this type"
    );
    // Tuples, of a declaration.
    let apply = interface([Type::PTR, Type::I32], Type::I32);
    // SAFETY: nothing is called.
    let result = unsafe { apply.call::<i32>(null, (1_i64, 2)) };
    assert_eq!(
        message(result),
        "argument 0, void *: i64 does not match this type"
    );
}

/// A variadic function takes unnamed arguments by the signature of the call, which its error names.
#[test]
fn a_call_with_more_arguments_than_its_signature() {
    let printf = "int printf(const char *, ...)";
    let mut invokers = invokers();
    let (format, way) = (
        c"%d\n".as_ptr(),
        "pass the types of the unnamed ones with `Invokers::function_at_call` or `FnSig::at_call`",
    );
    let refused = |function: &clif_cabi_jit::DeclaredFunction, more: bool| {
        message(match more {
            // SAFETY: nothing is called.
            true => unsafe { function.call::<i32>((format, 5, 6)) },
            // SAFETY: nothing is called.
            false => unsafe { function.call::<i32>(()) },
        })
    };
    let plain = invokers.function(printf).unwrap();
    assert_eq!(
        refused(&plain, true),
        format!("the call, int (void *, ...): it takes 1 argument, and 3 are given: {way}")
    );
    assert_eq!(
        refused(&plain, false),
        "the call, int (void *, ...): it takes 1 argument, and 0 are given"
    );
    let with_int = invokers.function_at_call(printf, [Type::I32]).unwrap();
    assert_eq!(
        refused(&with_int, true),
        format!("the call, int (void *, ..., int): it takes 2 arguments, and 3 are given: {way}")
    );
    let abs = invokers.function("int abs(int)").unwrap();
    assert_eq!(
        refused(&abs, true),
        "the call, int (int): it takes 1 argument, and 3 are given"
    );
}

/// C has no `_Bool` of another value: its compilers and Rust's rely on that.
#[test]
fn the_bytes_of_a_bool_are_0_or_1() {
    let sig = FnSig::new([Type::BOOL], Type::BOOL);
    let closure = closures().interface(&sig).unwrap();
    let closure = closure.closure("not", |args, result| {
        for (byte, why) in [
            (2, "the result, _Bool: it is 0 or 1, and 2 is given"),
            (255, "the result, _Bool: it is 0 or 1, and 255 is given"),
        ] {
            assert_eq!(message(result.set_bytes(&[byte])), why);
        }
        result.set_bytes(&[1 - args.bytes(0).unwrap()[0]]).unwrap();
    });
    let (call, code) = (interface([Type::BOOL], Type::BOOL), closure.unwrap());
    let called = |byte: u8| {
        // SAFETY: the closure is of this signature.
        unsafe { call.call::<bool>(code.code(), [CallArg::bytes(&[byte])]) }
    };
    assert_eq!((called(0).unwrap(), called(1).unwrap()), (true, false));
    assert_eq!(
        message(called(2)),
        "argument 0, _Bool: it is 0 or 1, and 2 is given"
    );
}

/// Types that are passed alike are fetched by code of their own. The refusal or the size of one
/// says nothing of another.
#[test]
fn the_order_in_which_types_are_asked_for_does_not_matter() {
    let sig = FnSig::new([Type::I32], Type::I64).variadic();
    let [float, int] = [Type::F32, Type::I32].map(|ty| record(&[ty]));
    let types = [
        Type::I32,
        Type::F32,
        Type::F64,
        Type::I64,
        Type::PTR,
        float,
        int,
    ];
    let array = Type::array(&Type::I32, 2).unwrap();
    let types = [&types[..], &[Type::FUNCTION, Type::I8, array, Type::I128]].concat();
    let is_fetched = |closures: &Closures, ty| closures.va_arg(&sig, ty).is_ok();
    let alone: Vec<bool> = types.iter().map(|ty| is_fetched(&closures(), ty)).collect();
    assert_eq!(
        alone.iter().filter(|is_ok| !**is_ok).count(),
        3,
        "float, char, int[2]"
    );
    let numbers = 0..types.len();
    for first in numbers.clone() {
        let shared = closures();
        for at in numbers.clone().map(|at| (first + at) % types.len()) {
            assert_eq!(is_fetched(&shared, &types[at]), alone[at], "{}", types[at]);
        }
    }
    // A function is passed as its address.
    for order in [[Type::FUNCTION, Type::I64], [Type::I64, Type::FUNCTION]] {
        let closures = closures();
        let [first, second] = order.map(|ty| closures.va_arg(&sig, &ty).unwrap());
        let interface = closures.interface(&sig).unwrap();
        let closure = interface.closure("f", move |args, result| {
            let mut list = args.va_list().unwrap();
            let (mut bytes, mut more) = ([0; 8], [0; 8]);
            // SAFETY: the call below passes two words.
            unsafe {
                list.next_bytes(&first, &mut bytes).unwrap();
                list.next_bytes(&second, &mut more).unwrap();
            }
            let [first, second] = [bytes, more].map(i64::from_ne_bytes);
            result.set(first * 10 + second).unwrap();
        });
        type Words = unsafe extern "C" fn(i32, ...) -> i64;
        let code: Words = closure.as_ref().unwrap().as_fn().unwrap();
        // SAFETY: the closure lives, and is passed what it reads.
        assert_eq!(unsafe { code(0, 7_i64, 5_i64) }, 75);
    }
}
