//! Plans of signatures in parts, without C types, as front ends have them that classify themselves.
//! Expected places are those of the conventions' documents; where a bug of a front end is the
//! reason for a row, its number stands there.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error"
)]

use cabi::{FnSig, RecordBuilder, Target, Type};
use clif_cabi_plan::ValueType::{F32, F64, I32, I64};
use clif_cabi_plan::{
    CallPlan, ClifParam, EntryPlan, Extension, Machine, PartsSignature, PartsValue, Signature,
    Slot, VaArgPlan, VaStart, ValueType, What,
};

const LINUX: &str = "x86_64-unknown-linux-gnu";
const ARM: &str = "aarch64-unknown-linux-gnu";
const APPLE: &str = "aarch64-apple-darwin";
const RISCV: &str = "riscv64gc-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-msvc";

/// The value of a word: its parts, in one object `{}`; `memory` and `reference` have its size.
fn value(word: &str) -> PartsValue {
    let sized = |text: &str| text.parse().unwrap();
    match word.split_once(' ') {
        Some(("memory", size)) => PartsValue::new(&[], sized(size), 8),
        Some(("reference", size)) => PartsValue::by_reference(sized(size), 8),
        _ => {
            let (word, align) = word.split_once('@').unwrap_or((word, ""));
            let ty = |name: &str| match name {
                "i32" => I32,
                "i64" => I64,
                "f32" => F32,
                "f64" => F64,
                _ => panic!("{name}"),
            };
            let types: Vec<_> = word.split('+').map(ty).collect();
            let one = PartsValue::new(&types, 0, 1).parts;
            let end = one.iter().map(|part| part.offset + part.ty.bytes());
            let widest = types.iter().map(|ty| ty.bytes()).max().unwrap();
            let align = align.parse().unwrap_or(widest);
            let size = end.max().unwrap().next_multiple_of(align);
            PartsValue::new(&types, size.into(), align)
        }
    }
}

/// The signature of `i64*5, i64+i64 ... f64`.
fn signature(row: &str) -> PartsSignature {
    let values = |text: &str| {
        let words = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        let all = words.flat_map(|word| {
            let (word, n) = word.split_once('*').unwrap_or((word, "1"));
            vec![value(word); n.parse().unwrap()]
        });
        all.collect::<Vec<_>>()
    };
    let (named, unnamed) = match row.split_once("...") {
        Some((named, unnamed)) => (named, Some(unnamed)),
        None => (row, None),
    };
    let mut params = values(named);
    let n_named = unnamed.map(|_| params.len());
    params.extend(values(unnamed.unwrap_or_default()));
    PartsSignature {
        params,
        n_named,
        ..PartsSignature::default()
    }
}

fn plan(row: &str, target: &str) -> (CallPlan, Machine) {
    let target = Target::named(target).unwrap();
    let sig = signature(row).fn_sig(&target).unwrap();
    let plan = CallPlan::new(&sig, &target).unwrap();
    (plan, Machine::of(&target).unwrap())
}

/// Returns where Cranelift places the parts of each argument.
fn places(plan: &CallPlan, machine: Machine) -> Vec<String> {
    let found = machine.places(&plan.signature).unwrap();
    let place = |slot: &Slot| found.params[slot.param.unwrap() as usize].to_string();
    let args = (0..plan.args.modes().len()).map(|arg| plan.args.slots(arg).iter().map(place));
    args.map(|arg| arg.collect::<Vec<_>>().join(" ")).collect()
}

/// The same for a signature of a front end that declares its parts in their order.
fn places_in_order(row: &str, plan: &CallPlan, machine: Machine) -> Vec<String> {
    let mut own = Signature::new(plan.signature.call_conv);
    let args = signature(row).params;
    let types = args.iter().flat_map(|arg| &arg.parts).map(|part| part.ty);
    own.params = types.map(ClifParam::new).collect();
    let mut found = machine.places(&own).unwrap().params.into_iter();
    let args = args.iter().map(|arg| {
        let own = found.by_ref().take(arg.parts.len());
        own.map(|place| place.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    });
    args.collect()
}

/// Rows: the target, the arguments, and the places of the last ones; all are wrong if
/// the front end's parts are parameters in their order.
const ROWS: &[(&str, &str, &str)] = &[
    // rustc_codegen_cranelift 1525. AAPCS64, C.3: the registers left are used up.
    (ARM, "f64*6, f32+f32+f32+f32", "stack 0 stack 8"),
    (
        ARM,
        "f64*6, f32+f32+f32+f32, f64",
        "stack 0 stack 8, stack 16",
    ),
    // AAPCS64, C.10 to C.12.
    (ARM, "i64*7, i64+i64, i64", "stack 0 stack 8, stack 16"),
    (ARM, "i64, i64+i64@16", "x2 x3"),
    // rustc_codegen_cranelift 1451. Apple: unnamed arguments are on the stack.
    (APPLE, "i64 ... i64, f64", "stack 0, stack 8"),
    (APPLE, "i64 ... i32", "stack 0"),
    // wasmtime 9509. psABI 3.2.3: all or none, and a register stays free for the next.
    (LINUX, "i64*5, i64+i64, i64", "stack 0 stack 8, r9"),
    (LINUX, "i64*6, f64+i64, f64", "stack 0 stack 8, xmm0"),
    (LINUX, "f64*7, f64+f64, i64", "stack 0 stack 8, rdi"),
    (LINUX, "memory 24, i64", "stack 0 stack 16, rdi"),
    // RISC-V psABI, hardware floating-point calling convention: two floats without two registers
    // are integers.
    (RISCV, "f64*7, f32+f32", "a0"),
    (RISCV, "f64*8, i64*7, f64+i64", "a7 stack 0"),
];

#[test]
fn padding_keeps_the_places_of_c() {
    for (target, row, expected) in ROWS {
        let (plan, machine) = plan(row, target);
        let expected: Vec<&str> = expected.split(", ").collect();
        let last = |all: Vec<String>| all[all.len() - expected.len()..].join(", ");
        let found = last(places(&plan, machine));
        assert_eq!(found, expected.join(", "), "{target}: {row}");
        let in_order = last(places_in_order(row, &plan, machine));
        assert_ne!(in_order, expected.join(", "), "{target}: {row}");
    }
}

/// Places without padding, or with floats as integers and addresses.
#[test]
fn parts_without_padding() {
    for (target, row, expected) in [
        (RISCV, "i64*7, i64+i64", "a7 stack 0"),
        (RISCV, "i64 ... f64", "a1"),
        (RISCV, "i64, reference 24", "a1"),
        (WINDOWS, "i64, f64, reference 24", "r8"),
    ] {
        let (plan, machine) = plan(row, target);
        let found = places(&plan, machine);
        assert_eq!(found.last().unwrap(), expected, "{target}: {row}");
    }
}

/// rustc_codegen_cranelift 1677: `va_start` of `f(i64, ...)` on each machine: x86-64 psABI 3.5.7,
/// AAPCS64 Appendix B, the counts of registers on s390x, the word after the first one elsewhere.
#[test]
fn variadic_definitions() {
    for (target, start) in [
        (LINUX, "8 48"),
        (ARM, "-56 -128"),
        (APPLE, "0"),
        (RISCV, "-56"),
        (S390X, "1 0"),
        (WINDOWS, "-24"),
    ] {
        let target = Target::named(target).unwrap();
        let sig = signature("i64 ... ").fn_sig(&target).unwrap();
        let plan = EntryPlan::new(&sig, &target).unwrap();
        let found = match plan.va_start.as_ref().unwrap() {
            VaStart::Registers { counts, .. } => counts.map(|own| own.count.to_string()).join(" "),
            VaStart::Pointer { first } => first.to_string(),
        };
        assert_eq!(found, start, "{}", target.name());
        let slots = plan.args.slots(0);
        assert_eq!(
            (slots[0].what, slots[0].param),
            (What::Part { arg: 0, part: 0 }, Some(0))
        );
    }
}

/// AL: a call whose vector registers are counted.
#[test]
fn al_of_a_variadic_call() {
    let (plan, _) = plan("i64 ... f64, f64", LINUX);
    let stub = plan.direct_stub(0).unwrap();
    assert!(stub.name().contains("al2"), "{}", stub.name());
}

/// Types, and their parts on `target` as named arguments; `None` by reference.
fn c_types(target: &Target, name: &str) -> Vec<(Type, Option<Vec<ValueType>>)> {
    let record = |fields: &[Type]| {
        let record = RecordBuilder::structure("s");
        let fields = fields.iter().enumerate();
        let record = fields.fold(record, |record, (i, ty)| {
            record.field(&format!("f{i}"), ty.clone())
        });
        record.build(target.data_model()).unwrap()
    };
    let large = match name {
        LINUX => Some(vec![]),
        _ => None,
    };
    let wide = |parts: &[ValueType]| (![S390X, WINDOWS].contains(&name)).then(|| parts.to_vec());
    let hfa = match name {
        LINUX => Some(vec![F64, F64]),
        ARM | APPLE => Some(vec![F32; 4]),
        RISCV => Some(vec![I64, I64]),
        _ => None,
    };
    let mixed = match name {
        LINUX | RISCV => wide(&[F64, I64]),
        _ => wide(&[I64, I64]),
    };
    vec![
        (Type::U64, Some(vec![I64])),
        (Type::F64, Some(vec![F64])),
        (
            record(&[Type::I32, Type::I32, Type::I64]),
            wide(&[I64, I64]),
        ),
        (record(&[Type::U128]), wide(&[I64, I64])),
        (record(&[Type::F64, Type::I64]), mixed),
        (record(&vec![Type::F32; 4]), hfa),
        (record(&vec![Type::I64; 3]), large),
    ]
}

/// Calls and functions are those of C types, instruction by instruction, and their unnamed
/// arguments.
#[test]
fn parts_are_c_types() {
    for name in [LINUX, ARM, APPLE, RISCV, S390X, WINDOWS] {
        let target = Target::named(name).unwrap();
        for (ty, parts) in c_types(&target, name) {
            let value = match &parts {
                Some(parts) => PartsValue::new(parts, ty.size(), ty.align()),
                None => PartsValue::by_reference(ty.size(), ty.align()),
            };
            for n in 1..10 {
                let own = PartsSignature {
                    params: vec![value.clone(); n],
                    ..PartsSignature::default()
                };
                let sigs = [
                    own.fn_sig(&target).unwrap(),
                    FnSig::new(vec![ty.clone(); n], Type::VOID),
                ];
                let calls = [0, 1].map(|i| CallPlan::new(&sigs[i], &target).unwrap());
                assert_eq!(calls[0].signature, calls[1].signature, "{name}: {ty}");
                assert_eq!(calls[0].args, calls[1].args, "{name}: {ty}");
                let entries = [0, 1].map(|i| EntryPlan::new(&sigs[i], &target).unwrap());
                assert!(entries[0].has_shape_of(&entries[1]), "{name}: {ty}");
            }
            let printf = FnSig::new([Type::PTR], Type::I32).variadic();
            let wanted = VaArgPlan::new(&printf, &ty, &target).unwrap();
            let unnamed = match (name, &parts) {
                // All are integers.
                (RISCV, Some(parts)) => vec![I64; parts.len()],
                (_, parts) => parts.clone().unwrap_or_default(),
            };
            let own = VaArgPlan::of_parts(&unnamed, ty.size(), ty.align(), &target);
            assert_eq!(own.unwrap(), wanted, "{name}: {ty}");
        }
    }
}

/// Nothing is passed otherwise than the front end says.
#[test]
fn refused() {
    for (target, row, why) in [
        (ARM, "i64+f64", "the convention passes it in other parts"),
        (
            ARM,
            "memory 24",
            "the convention does not pass it in the argument area",
        ),
        (
            LINUX,
            "reference 24",
            "the convention does not pass it by reference",
        ),
        (
            WINDOWS,
            "i64+i64",
            "the convention passes it in other parts",
        ),
        (S390X, "i64+i64", "the convention passes it in other parts"),
        (LINUX, "f32+f32", "the convention passes it in other parts"),
    ] {
        let target = Target::named(target).unwrap();
        let error = signature(row).fn_sig(&target).unwrap_err().to_string();
        assert!(
            error.starts_with("argument 0, an object of ") && error.contains(why),
            "{row}: {error}"
        );
    }
    // Memory is an address there, and callers pass so few bytes themselves.
    for (target, size) in [(ARM, 16), (APPLE, 16), (RISCV, 16), (WINDOWS, 8)] {
        let target = Target::named(target).unwrap();
        assert!(VaArgPlan::of_parts(&[], size, 8, &target).is_err());
        let large = VaArgPlan::of_parts(&[], 40, 8, &target).unwrap();
        assert!(large.by_reference);
    }
    assert!(VaArgPlan::of_parts(&[], 16, 8, &Target::X86_64_LINUX).is_ok());
    let target = Target::named(RISCV).unwrap();
    let sig = |extension| PartsSignature {
        params: vec![PartsValue::scalar(I32, extension)],
        ..PartsSignature::default()
    };
    // `unsigned int` is extended by its sign.
    let error = sig(Extension::Zero)
        .fn_sig(&target)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the convention extends it otherwise"),
        "{error}"
    );
    assert!(sig(Extension::Sign).fn_sig(&target).is_ok());
    for odd in [
        PartsValue::new(&[I64], 16, 8),
        PartsValue::new(&[], 0, 8),
        PartsValue::new(&[I64], 8, 3),
        PartsValue::new(&[I64, I64], 8, 8),
    ] {
        let sig = PartsSignature {
            params: vec![odd],
            ..PartsSignature::default()
        };
        let error = sig.fn_sig(&Target::X86_64_LINUX).unwrap_err().to_string();
        assert!(
            error.contains("its parts are not those of an object"),
            "{error}"
        );
    }
}
