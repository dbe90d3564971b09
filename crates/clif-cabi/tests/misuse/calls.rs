//! Calls whose arguments or results do not fit.

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::Value;
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, Ret};

use super::{Any, building, bytes, entered, lowering, nowhere};

/// A call of `sig` is refused with `message`, and nothing has been emitted.
fn refused(stubs: bool, sig: &FnSig, args: &[Arg], ret: Ret, message: &str) {
    let (done, n, _) = building(|builder, address, _| {
        lowering().call_sig(&mut Any(stubs), builder, address, sig, args, ret)
    });
    assert_eq!(done.unwrap_err().to_string(), format!("{sig}: {message}"));
    assert_eq!(n, 0, "instructions before: {message}");
}

/// A signature, arguments, where the result is wanted, and why that is refused, in each row.
macro_rules! refusals {
    ($($sig:expr, $args:expr, $ret:expr => $message:expr;)*) => {
        $(refused(true, &$sig, $args, $ret, $message);)*
    };
}

#[test]
fn calls_refused_emit_nothing() {
    let none = || FnSig::new([], Type::I32);
    let int = || FnSig::new([Type::I32, Type::I32], Type::I32);
    let x87 = || FnSig::new([bytes(40)], Type::F80);
    let variadic = || FnSig::new([Type::I32], Type::VOID).variadic();
    // The parameters of the function being built.
    let [address, double] = [0, 1].map(Value::from_u32);
    let (good, bad) = (Arg::value(address), Arg::value(nowhere()));
    let (at, at_none) = (Arg::memory(address), Arg::memory(nowhere()));
    let parts = Arg::parts(&[nowhere()]);
    let ignore = Ret::Ignore;
    let given = FnSig::new([Type::I32], bytes(40));
    let huge = FnSig::new([], bytes(1 << 40));
    refusals! {
        given, &[], ignore => "the signature has 1 parameter, and 0 arguments are given";
        int(), &[good.clone(), bad.clone()], ignore => "argument 0, int: expected i32, found i64";
        int(), &[bad.clone(), bad], ignore => "argument 0, int: expected i32, found no value";
        int(), &[at_none.clone(), at_none], ignore => "argument 0, int: expected an address, found no value";
        int(), &[parts, good], ignore => "argument 0, int: expected the parts [i32], found [no value]";
        none(), &[], Ret::memory(double) => "result, int: expected an address, found f64";
        none(), &[], Ret::memory(nowhere()) => "result, int: expected an address, found no value";
        huge, &[], ignore => "result, struct bytes: expected Ret::Memory, as no stack frame has room for it, found Ret::Ignore";
    }
    for sig in [x87(), variadic()] {
        refused(false, &sig, std::slice::from_ref(&at), ignore, "no stubs");
    }
}

/// A `float` in memory has 4 bytes, and the `double` it is promoted to 8.
#[test]
fn unpromoted_in_memory() {
    let sig = FnSig::new([Type::PTR], Type::I32).variadic();
    let printf = clif_cabi::Function::new(FuncId::from_u32(0), "printf", sig);
    for (ty, message) in [
        (
            Type::F32,
            "printf, int (void *, ...): argument 1, float: expected a value promoted to double, found an address",
        ),
        (
            Type::U8,
            "printf, int (void *, ...): argument 1, unsigned char: expected a value promoted to int, found an address",
        ),
    ] {
        let (done, n, _) = building(|builder, address, _| {
            let args = [Arg::value(address), Arg::memory(address)];
            lowering().call_variadic(&mut Any(true), builder, &printf, [ty], &args, Ret::Ignore)
        });
        assert_eq!((done.unwrap_err().to_string().as_str(), n), (message, 0));
    }
}

/// Offsets inside the object would leave 32 bits: the address is computed first.
#[test]
fn far_after_a_base() {
    let sig = FnSig::new([bytes(16)], Type::VOID);
    let (done, _, func) = building(|builder, base, _| {
        let args = [Arg::memory_at(base, i32::MAX - 4)];
        lowering().call_sig(&mut Any(true), builder, base, &sig, &args, Ret::Ignore)
    });
    done.unwrap();
    let text = func.to_string();
    assert!(
        text.contains("iconst.i64 0x7fff_fffb") && text.contains("+8"),
        "{text}"
    );
}

/// clang's functions count on the record's own alignment where they write a result, whatever a typedef says.
#[test]
fn a_slot_for_a_result_is_as_aligned_as_its_record() {
    let record = RecordBuilder::structure("s").field("n", Type::I64);
    let record = record.aligned(32).build(&DataModel::LP64).unwrap();
    let sig = FnSig::new([], record.with_align(8).unwrap());
    let (done, _, func) = building(|builder, base, _| {
        lowering().call_sig(&mut Any(true), builder, base, &sig, &[], Ret::Ignore)
    });
    done.unwrap();
    // Cranelift aligns slots to 16 bytes at most: there is room for 32, and the address is masked.
    let slots: Vec<_> = func
        .sized_stack_slots
        .values()
        .map(|slot| slot.size)
        .collect();
    assert_eq!(slots, [64]);
    assert!(func.to_string().contains("-32"), "{func}");
}

#[test]
fn values_out_of_another_call() {
    let lower = lowering();
    let plan = lower.call_plan(&FnSig::new([], bytes(3))).unwrap();
    let big = lower.call_plan(&FnSig::new([], bytes(40))).unwrap();
    let ((), n, _) = building(|builder, address, double| {
        for (results, found) in [
            (&[][..], "[]"),
            (&[double], "[f64]"),
            (&[nowhere()], "[no value]"),
            (&[address, address], "[i64, i64]"),
        ] {
            let to = Ret::memory(address);
            let done = lower.values_out(&mut Any(true), builder, &plan, results, to);
            let message = format!(
                "struct bytes (void): result, struct bytes: expected the results [i64] of the call, found {found}",
            );
            assert_eq!(done.unwrap_err().to_string(), message);
        }
        let done = lower.values_out(&mut Any(true), builder, &big, &[], Ret::Parts);
        let message =
            "struct bytes (void): result, struct bytes: expected Ret::Memory, found Ret::Parts";
        assert_eq!(done.unwrap_err().to_string(), message);
        // A result in memory or on the x87 stack is none of the CLIF call's.
        let x87 = lower.call_plan(&FnSig::new([], Type::F80)).unwrap();
        for plan in [&big, &x87] {
            let done = lower.values_out(
                &mut Any(true),
                builder,
                plan,
                &[address],
                Ret::memory(address),
            );
            let message = "expected the results [] of the call, found [i64]";
            assert!(done.unwrap_err().to_string().ends_with(message));
        }
    });
    assert_eq!(n, 0);
}

/// What the message of a refusal says would work instead.
#[test]
fn what_would_work_instead() {
    let pair = RecordBuilder::structure("pair")
        .field("x", Type::F64)
        .field("n", Type::I64)
        .build(&DataModel::LP64)
        .unwrap();
    let one = [Arg::value(Value::from_u32(0))];
    let of = |ty: Type| FnSig::new([ty], Type::VOID);
    let returning = |ty: Type| FnSig::new([], ty);
    refusals! {
        returning(pair.clone()), &[], Ret::Value => "result, struct pair: expected Ret::Memory, or Ret::Parts of [f64, i64], found Ret::Value";
        returning(bytes(40)), &[], Ret::Value => "result, struct bytes: expected Ret::Memory, found Ret::Value";
        of(pair.clone()), &one, Ret::Ignore => "argument 0, struct pair: expected Arg::Memory, or Arg::Parts of [f64, i64], found Arg::Value";
        of(bytes(129)), &one, Ret::Ignore => "argument 0, struct bytes: expected Arg::Memory, found Arg::Value";
    }

    let sig = FnSig::new([pair.clone(), bytes(129)], pair);
    let (_, n, _) = entered(&sig, |builder, entry| {
        let value = entry.value(builder, 0).unwrap_err();
        let message = "struct pair (struct pair, struct bytes): argument 0, struct pair: \
                       expected Entry::address, or Entry::parts of [f64, i64], found Entry::value";
        assert_eq!(value.to_string(), message);
        let parts = entry.parts(builder, 1).unwrap_err().cause().to_string();
        let message =
            "argument 1, struct bytes: expected Entry::address or Entry::store, found Entry::parts";
        assert_eq!(parts, message);
        let ret = entry.ret(&mut Any(true), builder, Some(&one[0]));
        let message = "result, struct pair: expected Arg::Memory, or Arg::Parts of [f64, i64], found Arg::Value";
        assert_eq!(ret.unwrap_err().cause().to_string(), message);
    });
    assert_eq!(n, 0);
}

#[test]
fn unnamed_arguments_without_types() {
    let sig = FnSig::new([Type::PTR], Type::I32).variadic();
    let printf = clif_cabi::Function::new(FuncId::from_u32(0), "printf", sig);
    let (done, n, _) = building(|builder, address, double| {
        let args = [Arg::value(address), Arg::value(double)];
        lowering().call(&mut Any(true), builder, &printf, &args, Ret::Ignore)
    });
    let message = "printf, int (void *, ...): it is variadic with 1 named parameter, and 2 arguments are given: use `call_variadic`, \
                   or the signature of this call (`FnSig::at_call`), which know the types of the unnamed ones";
    assert_eq!((done.unwrap_err().to_string().as_str(), n), (message, 0));
    // Without unnamed arguments it is a call like any other.
    let (done, ..) = building(|builder, address, _| {
        let args = [Arg::value(address)];
        lowering().call(&mut Any(true), builder, &printf, &args, Ret::Ignore)
    });
    done.unwrap();
}
