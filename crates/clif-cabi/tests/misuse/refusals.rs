//! What is refused, why in words, and that nothing was emitted.

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type, X86_64_WIN64};
use clif_cabi::cranelift_codegen::ir::{FuncRef, Value};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, LowerError, Ret};

use super::Use::{self, *};
use super::{Any, Building, c, lowering};

/// Values of the function that is built: an address, a double, an int; and one that it has not.
fn values() -> [Value; 4] {
    [0, 1, 2, 9999].map(Value::from_u32)
}

fn value(value: Value) -> Arg {
    Arg::value(value)
}

fn memory(address: Value) -> Arg {
    Arg::memory(address)
}

fn parts(values: &[Value]) -> Arg {
    Arg::parts(values)
}

fn bytes(n: u64) -> Type {
    let text = format!("struct bytes {{ unsigned char b[{n}]; }}");
    Type::parse(&text, lowering().target().data_model()).unwrap()
}

fn pair() -> Type {
    let text = "struct pair { double x; long n; }";
    Type::parse(text, lowering().target().data_model()).unwrap()
}

fn returning(ty: Type) -> FnSig {
    FnSig::new([], ty)
}

fn of(ty: Type) -> FnSig {
    FnSig::new([ty], Type::VOID)
}

/// The function that is built, unless it is of the signature of the row.
const BUILT: &str = "void f(void *, double, int)";

/// The last of `uses` of `sig` is refused, about the signature.
fn refused(building: Building, sig: &FnSig, uses: &[Use], message: &str) {
    let mut done = building.build(uses).done;
    let error = done.pop().unwrap().expect_err(message);
    for (one, done) in uses.iter().zip(done) {
        done.unwrap_or_else(|error| panic!("{one:?}: {error}"));
    }
    assert_eq!(error.cause().to_string(), message, "{sig}: {uses:?}");
    if !matches!(uses.last(), Some(Slot(_) | Issue(_) | TryIssue)) {
        let named = matches!(uses.last(), Some(CallVariadic(..)));
        let name = if named { "f, " } else { "" };
        assert_eq!(error.to_string(), format!("{name}{sig}: {message}"));
    }
}

/// In each row a signature, uses of it, and why the last one is refused. In the first block they follow the beginning of `BUILT`, and signature 0 is the row's; in the second they
/// follow the beginning of a function of the row's signature; in the third nothing.
macro_rules! refusals {
    ($($begin:expr => { $($sig:expr, $($one:expr),+ => $message:expr;)* })*) => {
        $($({
            let sig = $sig;
            let begin: &[Use] = $begin;
            let uses: Vec<Use> = begin.iter().cloned().chain([$($one),+]).collect();
            refused(Building::new(&[sig.clone(), c(BUILT)]), &sig, &uses, $message);
        })*)*
    };
}

#[test]
fn values_that_do_not_fit() {
    let [address, double, _, none] = values();
    let call = |args: &[Arg], ret| Call(0, address.into(), args.to_vec(), ret);
    let int2 = || c("int f(int, int)");
    let far = RecordBuilder::structure("far").aligned(1 << 28);
    let far = far.field("n", Type::I64).build(&DataModel::LP64).unwrap();
    let far = FnSig::new([far], Type::VOID).convention(&X86_64_WIN64);
    let (ignore, whole) = (Ret::Ignore, Ret::Value);
    let to = Ret::memory;
    refusals! {
        &[Begin(1)] => {
            FnSig::new([Type::I32], bytes(40)), call(&[], ignore) => "the signature has 1 parameter, and 0 arguments are given";
            int2(), call(&[value(address), value(none)], ignore) => "argument 0, int: expected i32, found i64";
            int2(), call(&[value(none), value(none)], ignore) => "argument 0, int: expected i32, found no value";
            int2(), call(&[memory(none), memory(none)], ignore) => "argument 0, int: expected an address, found no value";
            int2(), call(&[parts(&[none]), value(address)], ignore) => "argument 0, int: expected the parts [i32], found [no value]";
            c("int f(void)"), call(&[], to(double)) => "result, int: expected an address, found f64";
            c("int f(void)"), call(&[], to(none)) => "result, int: expected an address, found no value";
            returning(bytes(1 << 40)), call(&[], ignore) => "result, struct bytes: expected Ret::Memory, as no stack frame has room for it, found Ret::Ignore";
            returning(pair()), call(&[], whole) => "result, struct pair: expected Ret::Memory, or Ret::Parts of [f64, i64], found Ret::Value";
            returning(bytes(40)), call(&[], whole) => "result, struct bytes: expected Ret::Memory, found Ret::Value";
            of(pair()), call(&[value(address)], ignore) => "argument 0, struct pair: expected Arg::Memory, or Arg::Parts of [f64, i64], found Arg::Value";
            of(bytes(129)), call(&[value(address)], ignore) => "argument 0, struct bytes: expected Arg::Memory, found Arg::Value";
            far.clone(), call(&[memory(address)], ignore) => "argument 0, struct far: expected an object that a stack frame has room for a copy of, \
                found 268435456 bytes aligned to 268435456";
        }
        &[Begin(0)] => {
            FnSig::new([pair()], pair()), EntryValue(0) => "argument 0, struct pair: expected Entry::address, or Entry::parts of [f64, i64], found Entry::value";
            FnSig::new([pair()], pair()), Return(Some(value(address))) => "result, struct pair: expected Arg::Memory, or Arg::Parts of [f64, i64], found Arg::Value";
            of(bytes(129)), EntryParts(0) => "argument 0, struct bytes: expected Entry::address or Entry::store, found Entry::parts";
            c("long long f(int, long long)"), EntryStore(1, address) => "where to store, long long: expected an address, found i32";
            c("long long f(long long)"), EntryValue(5) => "argument 5, counted from 0: the signature has 1 parameter";
            c("long long f(long long)"), Return(None) => "result, long long: expected Arg::Value of i64, found nothing";
            FnSig::new([Type::F64], bytes(40)).noreturn(), Return(Some(memory(address))) => "the function being built: it is declared never to return";
        }
    }
    assert_eq!(
        lowering().can_lower(&far).unwrap_err().to_string(),
        "void (struct far) in the convention x64 Windows: argument 0, struct far: expected an object that a stack frame has room for a copy of, found 268435456 bytes aligned to 268435456"
    );
    assert!(
        lowering()
            .can_lower(&FnSig::new([bytes(40)], bytes(40)))
            .is_ok()
    );
}

/// Unnamed arguments: their types are not known, or promotions, which are done to values, were not. Results of another call. Callees that are none.
#[test]
fn arguments_and_results_of_other_calls() {
    let [address, double, int, none] = values();
    let variadic = |ty, arg| CallVariadic(0, ty, vec![value(address), arg]);
    let printf = || c("int printf(void *, ...)");
    let (ignore, to) = (Ret::Ignore, Ret::memory);
    refusals! {
        &[Begin(1)] => {
            printf(), CallVariadic(0, Type::VOID, vec![value(address); 2]) => "it is variadic with 1 named parameter, and 2 arguments are given: use `call_variadic`, \
                or the signature of this call (`FnSig::at_call`), which know the types of the unnamed ones";
            printf(), variadic(Type::F32, memory(address)) => "argument 1, float: expected a value promoted to double, found an address";
            printf(), variadic(Type::U8, memory(address)) => "argument 1, unsigned char: expected a value promoted to int, found an address";
            printf(), variadic(Type::U8, value(address)) => "argument 1, unsigned char: expected a value promoted to int, found i64";
            printf(), variadic(Type::F32, value(int)) => "argument 1, float: expected a value promoted to double, found i32";
            // One in memory or on the x87 stack is none of the CLIF call's.
            returning(bytes(3)), ValuesOut(0, vec![], to(address)) => "result, struct bytes: expected the results [i64] of the call, found []";
            returning(bytes(3)), ValuesOut(0, vec![double], to(address)) => "result, struct bytes: expected the results [i64] of the call, found [f64]";
            returning(bytes(3)), ValuesOut(0, vec![none], to(address)) => "result, struct bytes: expected the results [i64] of the call, found [no value]";
            returning(bytes(3)), ValuesOut(0, vec![address; 2], to(address)) => "result, struct bytes: expected the results [i64] of the call, found [i64, i64]";
            returning(bytes(40)), ValuesOut(0, vec![], Ret::Parts) => "result, struct bytes: expected Ret::Memory, found Ret::Parts";
            returning(bytes(40)), ValuesOut(0, vec![address], to(address)) => "result, struct bytes: expected the results [] of the call, found [i64]";
            c("long double f(void)"), ValuesOut(0, vec![address], to(address)) => "result, long double: expected the results [] of the call, found [i64]";
            c("void f(void)"), Slot(bytes(1 << 40)) => "an object, struct bytes: expected one that a stack frame has room for, found 1099511627776 bytes aligned to 1";
            c("void f(void)"), Call(0, double.into(), vec![], ignore) => "callee, void (*)(): expected an address, found f64";
            c("void f(void)"), Call(0, none.into(), vec![], ignore) => "callee, void (*)(): expected an address, found no value";
            c("void f(void)"), Call(0, FuncRef::from_u32(7).into(), vec![], ignore) => "the function being built: it has not imported what it calls";
            // Cranelift's verifier refuses it, without a reason.
            c("void f(void)").convention(&X86_64_WIN64), Callee(0, address.into()), TryIssue => "the function being built: \
                Cranelift has no try_call of a function of its calling convention";
        }
    }
}

/// Builders that are not set up for what is asked.
#[test]
fn builders_that_are_not_set_up() {
    let long = || c("void f(long long)");
    let [address, ..] = values();
    let (at_entry, twice) = (
        "the function being built: the block that is entered is not its first",
        "the function being built: it has been begun already",
    );
    refusals! {
        &[] => {
            long(), Begin(0), Begin(0) => twice;
            long(), Begin(0), Return(None), Begin(0) => twice;
            long(), Begin(0), Block, Params(0, 1), Enter(0, 1) => at_entry;
            long(), Block, Params(1, 0), Begin(0) => "the function being built: its signature is not that of the plan";
            long(), Block, Enter(0, 0) => "the function being built: its signature is not that of the plan";
            long(), Block, Params(0, 0), Enter(0, 99) => "the function being built: it has no such block";
            long(), Block, Params(0, 0), Block, Enter(0, 1) => "the function being built: its parameters have not been appended to the block";
        }
    }
    let args = vec![value(address)];
    let uses = [
        Call(0, address.into(), args.clone(), Ret::Ignore),
        ValuesIn(0, args, Ret::Ignore),
        ValuesOut(0, vec![], Ret::Ignore),
        EntryValue(0),
        EntryAddress(0),
        EntryStore(0, address),
        Return(None),
    ];
    // A builder that stands in no block yet; and one whose block ends already: cranelift-frontend panics there in debug builds, and emits a further instruction in release builds.
    for one in uses {
        refusals! {
            &[Block, Params(0, 0), Enter(0, 0)] => { long(), one.clone() => "the function being built: no block has been switched to"; }
            &[Begin(0), Trap] => { long(), one.clone() => "the function being built: the block ends already: switch to another one first"; }
        }
    }
}

#[test]
fn entries_of_another_function() {
    let [address, ..] = values();
    let sig = FnSig::new([Type::I64; 9], Type::I64);
    let entry = Building::new(std::slice::from_ref(&sig))
        .build(&[Begin(0)])
        .entry;
    for one in [
        EntryValue(0),
        EntryAddress(8),
        EntryStore(1, address),
        Return(Some(value(address))),
    ] {
        let mut other = Building::new(&[c(BUILT)]);
        other.entry = entry.clone();
        let why = "the function being built: it is not the one that was entered";
        let uses = [Block, Params(0, 0), SwitchTo(0), one];
        refused(other, &sig, &uses, why);
    }
}

/// Whatever a result is returned as: no such value, another type, or none.
#[test]
fn returns_that_do_not_fit() {
    let [address, _, int, none] = values();
    for ty in [Type::F80, bytes(12), bytes(40), Type::I32] {
        let sig = FnSig::new([Type::I64, Type::F64, Type::I32], ty);
        let (built, wrong) = (
            Building::new(std::slice::from_ref(&sig)),
            [
                None,
                Some(parts(&[address, int])),
                Some(parts(&[none])),
                Some(value(none)),
                Some(value(address)),
                Some(memory(int)),
                Some(memory(none)),
            ],
        );
        let uses: Vec<Use> = std::iter::once(Begin(0)).chain(wrong.map(Return)).collect();
        for (one, done) in uses.iter().zip(built.build(&uses).done).skip(1) {
            let is_value = matches!(
                done.as_ref().map_err(LowerError::cause),
                Err(LowerError::Value { .. })
            );
            assert!(is_value, "{sig}, {one:?}: {done:?}");
        }
    }
}

/// `Stubs` of a front end's own that has none, or hands out what is no function, or one with another signature.
#[test]
fn stubs_that_are_refused_or_lie() {
    let wrong = "what `Stubs` returned is not imported with the signature that was asked for";
    let ([address, ..], id) = (values(), FuncId::from_u32(0));
    let callee = |sig, to| {
        (
            sig,
            [Begin(1), Call(0, to, vec![memory(address)], Ret::Ignore)],
        )
    };
    for (stubs, why) in [
        (Any::Refuses, "no stubs"),
        (Any::IsInvalid, wrong),
        (Any::IsOfAnotherSignature, wrong),
    ] {
        let pointed = c("long double f(void *)");
        let ret = (pointed.clone(), [Begin(0), Return(Some(memory(address)))]);
        for (sig, uses) in [
            callee(c("void f(long)"), id.into()),
            callee(c("void f(long, ...)"), id.into()),
            callee(c("void f(long, ...)"), address.into()),
            callee(pointed, address.into()),
            ret,
        ] {
            let building = Building::new(&[sig.clone(), c(BUILT)]).with(stubs);
            refused(building, &sig, &uses, why);
        }
    }
}
