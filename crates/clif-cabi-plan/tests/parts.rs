//! Plans of signatures in parts, without C types, as front ends have them that classify themselves.
//! They are those of C types, which the corpora compare with compilers.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error"
)]

#[path = "parts/rust.rs"]
mod rust;

use cabi::{FnSig, Member, RecordBuilder, Target, Type};
use clif_cabi_plan::ValueType::{F32, F64, I8X16, I32, I64};
use clif_cabi_plan::{
    CallPlan, EntryPlan, Extension, PartsSignature, PartsValue, VaArgPlan, ValueType,
};

const LINUX: &str = "x86_64-unknown-linux-gnu";
const ARM: &str = "aarch64-unknown-linux-gnu";
const APPLE: &str = "aarch64-apple-darwin";
const RISCV: &str = "riscv64gc-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-msvc";

/// The signature of one argument: its parts, `i64+f64`, in one object; `memory` and `reference`
/// have its size.
fn signature(word: &str) -> PartsSignature {
    let value = match word.split_once(' ') {
        Some(("memory", size)) => PartsValue::new(&[], size.parse().unwrap(), 8),
        Some(("reference", size)) => PartsValue::by_reference(size.parse().unwrap(), 8),
        _ => {
            let ty = |name: &str| match name {
                "i64" => I64,
                "f32" => F32,
                "f64" => F64,
                _ => panic!("{name}"),
            };
            let types: Vec<_> = word.split('+').map(ty).collect();
            let align = types.iter().map(|ty| ty.bytes()).max().unwrap();
            let size = types.iter().map(|ty| u64::from(ty.bytes())).sum();
            PartsValue::new(&types, size, align)
        }
    };
    of_one(value)
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
    let (pair, hfa) = match name {
        LINUX => (vec![F64], Some(vec![F64, F64])),
        ARM | APPLE => (vec![F32, F32], Some(vec![F32; 4])),
        RISCV => (vec![F32, F32], Some(vec![I64, I64])),
        _ => (vec![I64], None),
    };
    let mixed = match name {
        LINUX | RISCV => wide(&[F64, I64]),
        _ => wide(&[I64, I64]),
    };
    let mut types = vec![
        (Type::U64, Some(vec![I64])),
        (Type::F64, Some(vec![F64])),
        (
            record(&[Type::I32, Type::I32, Type::I64]),
            wide(&[I64, I64]),
        ),
        (
            record(&[target.data_model().adapt(&Type::U128)]),
            wide(&[I64, I64]),
        ),
        (record(&[Type::F64, Type::I64]), mixed),
        (record(&[Type::F32, Type::F32]), Some(pair)),
        (record(&vec![Type::F32; 4]), hfa),
        (record(&vec![Type::I64; 3]), large),
    ];
    // The stack's slot is aligned as the first member is. Apple's unnamed ones are refused.
    let elems = [(Type::F64, 2), (Type::F32, 4)];
    for (elem, n) in elems.into_iter().filter(|_| name != APPLE) {
        let fields = (0..n).map(|i| Member::named(&format!("f{i}"), elem.clone()));
        let aligned = |(i, field): (usize, Member)| if i == 0 { field.aligned(16) } else { field };
        let record = RecordBuilder::structure("aligned");
        let record = fields
            .enumerate()
            .map(aligned)
            .fold(record, RecordBuilder::member);
        let parts = match (name, n) {
            (ARM, 4) => Some(vec![F32; 4]),
            (RISCV, 4) => Some(vec![I64; 2]),
            _ => wide(&[F64; 2]),
        };
        types.push((record.build(target.data_model()).unwrap(), parts));
    }
    if [LINUX, ARM, APPLE].contains(&name) {
        types.push((Type::vector(&Type::U8, 16).unwrap(), Some(vec![I8X16])));
    }
    if name == LINUX {
        types.push((Type::F80, Some(vec![])));
    }
    types
}

/// Calls, functions and their unnamed arguments are those of C types, instruction by instruction.
/// The value is an argument twice, after `n` longs or doubles and before a long and a double. The
/// named arguments are all, the first one, the first `n`, or the value too.
#[test]
fn parts_are_c_types() {
    let word = |ty| PartsValue::scalar(ty, Extension::None);
    for name in [LINUX, ARM, APPLE, RISCV, S390X, WINDOWS] {
        let target = Target::named(name).unwrap();
        for (ty, parts) in c_types(&target, name) {
            let words = usize::try_from(ty.size().div_ceil(8)).unwrap();
            let unnamed = match (name, &parts) {
                // All are integers.
                (RISCV, Some(_)) => Some(vec![I64; words]),
                _ => parts.clone(),
            };
            let value = |parts: &Option<Vec<ValueType>>| match parts {
                Some(parts) => PartsValue::new(parts, ty.size(), ty.align()),
                None => PartsValue::by_reference(ty.size(), ty.align()),
            };
            let lists = (0..9)
                .chain([14, 15])
                .flat_map(|n| [None, Some(n.min(1)), Some(n), Some(n + 2)].map(|named| (n, named)));
            for ((n, n_named), is_long) in lists.flat_map(|list| [(list, true), (list, false)]) {
                let (before, own) = match is_long {
                    true => (Type::U64, word(I64)),
                    false => (Type::F64, word(F64)),
                };
                let passed = match n_named {
                    Some(named) if named <= n => value(&unnamed),
                    _ => value(&parts),
                };
                let last = [passed.clone(), passed, word(I64), word(F64)];
                let mut own = PartsSignature {
                    params: [vec![own; n], last.to_vec()].concat(),
                    n_named,
                    result: Some(word(I64)),
                    ..PartsSignature::default()
                };
                let last = [ty.clone(), ty.clone(), Type::U64, Type::F64];
                let mut params = [vec![before; n], last.to_vec()].concat();
                let rest = params.split_off(n_named.unwrap_or(params.len()));
                let named = FnSig::new(params, Type::U64);
                let (expected, call) = match n_named {
                    Some(_) => (named.clone().variadic(), named.variadic().at_call(rest)),
                    None => (named.clone(), Ok(named)),
                };
                let calls = [own.fn_sig(&target).unwrap(), call.unwrap()];
                let calls = calls.map(|sig| CallPlan::new(&sig, &target).unwrap());
                own.params.truncate(n_named.unwrap_or(own.params.len()));
                let entries = [own.fn_sig(&target).unwrap(), expected];
                let entries = entries.map(|sig| EntryPlan::new(&sig, &target).unwrap());
                let why = format!("{name}: {ty} after {n}, {n_named:?} named");
                assert_eq!(calls[0].signature, calls[1].signature, "{why}");
                assert_eq!(entries[0].signature, entries[1].signature, "{why}");
                assert_eq!(entries[0].va_start, entries[1].va_start, "{why}");
                // The second word of F80 has two bytes in C.
                if ty != Type::F80 {
                    assert_eq!(calls[0], calls[1], "{why}");
                    assert_eq!(entries[0], entries[1], "{why}");
                }
            }
            let printf = FnSig::new([Type::PTR], Type::I32).variadic();
            let expected = VaArgPlan::new(&printf, &ty, &target).unwrap();
            let unnamed = unnamed.unwrap_or_default();
            let own = VaArgPlan::of_parts(&unnamed, ty.size(), ty.align(), &target);
            assert_eq!(own.unwrap(), expected, "{name}: {ty}");
        }
    }
}

/// CLIF types with their extension, and the C types that they are.
fn scalars() -> [(ValueType, Extension, Type); 17] {
    use Extension::{None as Neither, Sign, Zero};
    use ValueType::{F16, F32X2, F32X4, F64X2, F128, I8, I8X8, I16, I16X8, I32X4, I64X2, I128};
    let lanes = |lane: &Type, n| Type::vector(lane, n).unwrap();
    [
        (I8, Sign, Type::I8),
        (I8, Zero, Type::U8),
        (I16, Sign, Type::I16),
        (I16, Zero, Type::U16),
        (I32, Sign, Type::I32),
        (I32, Zero, Type::U32),
        (I128, Neither, Type::U128),
        (F16, Neither, Type::F16),
        (F32, Neither, Type::F32),
        (F128, Neither, Type::F128),
        (I8X8, Neither, lanes(&Type::I8, 8)),
        (I16X8, Neither, lanes(&Type::I16, 8)),
        (I32X4, Neither, lanes(&Type::I32, 4)),
        (I64X2, Neither, lanes(&Type::I64, 2)),
        (F32X2, Neither, lanes(&Type::F32, 2)),
        (F32X4, Neither, lanes(&Type::F32, 4)),
        (F64X2, Neither, lanes(&Type::F64, 2)),
    ]
}

/// Scalars and vectors, twice after up to eleven longs or doubles, and as the result.
#[test]
fn scalars_are_c_types() {
    // Each target with the number of types that it passes so. It refuses the others.
    for (name, n_types) in [
        (LINUX, 17),
        (ARM, 17),
        (APPLE, 16),
        (RISCV, 7),
        (S390X, 7),
        (WINDOWS, 9),
    ] {
        let target = Target::named(name).unwrap();
        let [long, double] = [I64, F64].map(|ty| PartsValue::scalar(ty, Extension::None));
        let mut n_compared = 0;
        for ((part, extension, ty), n) in scalars()
            .iter()
            .flat_map(|own| (0..12).map(move |n| (own, n)))
        {
            let value = (
                PartsValue::scalar(*part, *extension),
                target.data_model().adapt(ty),
            );
            let [long, double] = [(long.clone(), Type::U64), (double.clone(), Type::F64)];
            let before = if part.is_int() { &long } else { &double };
            let params = [
                vec![before.clone(); n],
                vec![value.clone(), value.clone(), long, double],
            ];
            let (values, types): (Vec<_>, Vec<_>) = params.concat().into_iter().unzip();
            let parts = PartsSignature {
                params: values,
                result: Some(value.0),
                ..PartsSignature::default()
            };
            let Ok(parts) = parts.fn_sig(&target) else {
                continue;
            };
            let types = FnSig::new(types, value.1);
            let why = format!("{name}: {ty} after {n}");
            let calls = [&parts, &types].map(|sig| CallPlan::new(sig, &target).unwrap());
            assert_eq!(calls[0], calls[1], "{why}");
            let entries = [&parts, &types].map(|sig| EntryPlan::new(sig, &target).unwrap());
            assert_eq!(entries[0], entries[1], "{why}");
            n_compared += 1;
        }
        assert_eq!(n_compared, 12 * n_types, "{name}");
    }
}

/// Values are passed only as the front end says.
#[test]
fn refused() {
    for (target, row, expected, found) in [
        (
            ARM,
            "i64+f64",
            "the parts [i64, i64]",
            "the parts [i64, f64]",
        ),
        (
            ARM,
            "memory 24",
            "the address of an object",
            "an object in the argument area",
        ),
        (
            LINUX,
            "reference 24",
            "an object in the argument area",
            "the address of an object",
        ),
        (
            WINDOWS,
            "i64+i64",
            "the address of an object",
            "the parts [i64, i64]",
        ),
        (
            S390X,
            "i64+i64",
            "the address of an object",
            "the parts [i64, i64]",
        ),
        (LINUX, "f32+f32", "the parts [f64]", "the parts [f32, f32]"),
    ] {
        let name = target;
        let target = Target::named(target).unwrap();
        let error = signature(row).fn_sig(&target).unwrap_err().to_string();
        assert!(error.starts_with("argument 0, an object of "), "{error}");
        let why = format!(": the convention passes {expected}, not {found} ({name})");
        assert!(error.ends_with(&why), "{row}: {error}");
    }
}

/// The signature of one argument.
fn of_one(value: PartsValue) -> PartsSignature {
    PartsSignature {
        params: vec![value],
        ..PartsSignature::default()
    }
}

#[test]
fn refused_values() {
    // Memory is an address there, and callers pass so few bytes themselves.
    for (target, size) in [(ARM, 16), (APPLE, 16), (RISCV, 16), (WINDOWS, 8)] {
        let target = Target::named(target).unwrap();
        assert!(VaArgPlan::of_parts(&[], size, 8, &target).is_err());
        let large = VaArgPlan::of_parts(&[], 40, 8, &target).unwrap();
        assert!(large.by_reference);
    }
    assert!(VaArgPlan::of_parts(&[], 16, 8, &Target::X86_64_LINUX).is_ok());
    let target = Target::named(RISCV).unwrap();
    let sig = |extension| of_one(PartsValue::scalar(I32, extension));
    // `unsigned int` is extended by its sign.
    let error = sig(Extension::Zero)
        .fn_sig(&target)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the convention extends it differently"),
        "{error}"
    );
    assert!(sig(Extension::Sign).fn_sig(&target).is_ok());
    let float = of_one(PartsValue::scalar(F64, Extension::Sign));
    let error = float.fn_sig(&target).unwrap_err().to_string();
    assert!(error.contains("only integers can be extended"), "{error}");
    // The low bytes of a word are an object's first ones on little-endian machines alone.
    let wider = of_one(PartsValue::new(&[I64], 4, 1));
    let error = wider.fn_sig(&Target::named(S390X).unwrap()).unwrap_err();
    let why = "on a big-endian machine a part's type cannot have more bytes than the part";
    assert!(error.to_string().contains(why), "{error}");
    assert!(wider.fn_sig(&target).is_ok());
    for odd in [
        PartsValue::new(&[I64], 16, 8),
        PartsValue::new(&[], 25, 8),
        PartsValue::new(&[I64], 8, 3),
        PartsValue::new(&[I64, I64], 8, 8),
    ] {
        let error = of_one(odd)
            .fn_sig(&Target::X86_64_LINUX)
            .unwrap_err()
            .to_string();
        assert!(error.contains("the parts do not fit an object"), "{error}");
    }
}

/// A homogeneous aggregate is one at any alignment: that of a packed structure, or of a double in
/// an object that is aligned to 4.
#[test]
fn packed_aggregates() {
    let target = Target::named(ARM).unwrap();
    for (value, ty) in [
        (PartsValue::new(&[F32, F32], 8, 1), Type::F32),
        (PartsValue::new(&[F64, F64], 16, 4), Type::F64),
    ] {
        let in_parts = PartsSignature {
            params: vec![value.clone(); 5],
            ..PartsSignature::default()
        };
        let member = |name| {
            Member::named(name, ty.clone())
                .packed()
                .aligned(value.align)
        };
        let record = RecordBuilder::structure("s")
            .member(member("a"))
            .member(member("b"));
        let record = record.build(target.data_model()).unwrap();
        let sig = FnSig::new(vec![record; 5], Type::VOID);
        let plans = [in_parts.fn_sig(&target).unwrap(), sig];
        let [in_parts, expected] = plans.map(|sig| CallPlan::new(&sig, &target).unwrap());
        assert_eq!(in_parts, expected);
        assert_eq!(in_parts.signature.params[0].ty, value.parts[0].ty);
    }
}

/// A variadic signature has its named arguments.
#[test]
fn named_arguments_are_given() {
    let sig = PartsSignature {
        n_named: Some(3),
        ..PartsSignature::default()
    };
    assert!(sig.fn_sig(&Target::X86_64_LINUX).is_err());
}

/// An attribute on the record counts, but under AAPCS64: there the alignment is the members'.
#[test]
fn aligned_records() {
    for (name, align) in [(LINUX, 16), (ARM, 8), (APPLE, 16), (RISCV, 16)] {
        let target = Target::named(name).unwrap();
        let record = RecordBuilder::structure("s").aligned(16);
        let record = record.field("a", Type::I64).field("b", Type::I64);
        let record = record.build(target.data_model()).unwrap();
        // In registers after one word, on the stack after nine.
        for n in [1, 9] {
            let before = PartsValue::scalar(I64, Extension::None);
            let mut params = vec![before; n];
            params.push(PartsValue::new(&[I64, I64], 16, align));
            let sig = PartsSignature {
                params,
                ..PartsSignature::default()
            };
            let types = [vec![Type::U64; n], vec![record.clone()]].concat();
            let plans = [sig.fn_sig(&target).unwrap(), FnSig::new(types, Type::VOID)];
            let [plan, expected] = plans.map(|sig| CallPlan::new(&sig, &target).unwrap());
            assert_eq!(plan.signature, expected.signature, "{name}, after {n}");
        }
    }
}
