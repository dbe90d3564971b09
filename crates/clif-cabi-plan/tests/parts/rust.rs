//! Records of Rust, as rustc 1.95 classifies them, and the same records of C.

use cabi::{DataModel, FnSig, Member, RecordBuilder, Target, Type};
use clif_cabi_plan::ValueType::{F32, F64, I8, I64, I128};
use clif_cabi_plan::{CallPlan, EntryPlan, PartsSignature, PartsValue, ValueType};

use super::{ARM, LINUX, RISCV, S390X};

const WINDOWS_GNU: &str = "x86_64-pc-windows-gnu";

/// A target, a value in parts, and C's record; `true` for a result.
type Row = (&'static str, PartsValue, RecordBuilder, bool);

/// `#[repr(C, packed)] struct { a, b }`, or `packed(4)`.
fn packed(a: Type, b: Type, pack: u32) -> RecordBuilder {
    RecordBuilder::structure("s")
        .pack(pack)
        .field("a", a)
        .field("b", b)
}

/// A structure of a float and of a structure of `ty` that is aligned to 8.
fn padded(ty: Type) -> RecordBuilder {
    let inner = RecordBuilder::structure("inner").aligned(8).field("n", ty);
    let inner = inner.build(&DataModel::LP64).unwrap();
    RecordBuilder::structure("s")
        .field("a", Type::F32)
        .field("b", inner)
}

/// `struct __attribute__((packed)) { struct inner inner; }`
fn packed_around(inner: RecordBuilder) -> RecordBuilder {
    let inner = inner.build(&DataModel::LP64).unwrap();
    RecordBuilder::structure("s").packed().field("inner", inner)
}

/// The parts of an object of `size` bytes aligned to `align`, the second one at `offset`.
fn pair(types: [ValueType; 2], offset: u32, (size, align): (u64, u32)) -> PartsValue {
    let mut value = PartsValue::new(&types, size, align);
    for (part, at) in value.parts.iter_mut().zip([0, offset]) {
        (part.offset, part.size) = (at, u8::try_from(part.ty.bytes()).unwrap());
    }
    value
}

/// Misaligned members, which x86-64 System V returns in memory.
fn returned_in_memory() -> [Row; 4] {
    let by_reference = PartsValue::by_reference;
    let inner = packed(Type::U8, Type::I32, 1)
        .aligned(8)
        .field("c", Type::F64);
    [
        (
            LINUX,
            by_reference(3, 1),
            packed(Type::U8, Type::I16, 1),
            true,
        ),
        (
            LINUX,
            by_reference(5, 1),
            packed(Type::U8, Type::I32, 1),
            true,
        ),
        (
            LINUX,
            by_reference(12, 4),
            packed(Type::I32, Type::I64, 4),
            true,
        ),
        (LINUX, by_reference(16, 8), inner, true),
    ]
}

/// Objects without bytes, whose addresses are passed.
fn without_bytes() -> [Row; 4] {
    let by_reference = PartsValue::by_reference;
    let nothing = || RecordBuilder::structure("s");
    [
        (S390X, by_reference(0, 1), nothing(), false),
        (S390X, by_reference(0, 1), nothing(), true),
        (S390X, by_reference(0, 16), nothing().aligned(16), false),
        (WINDOWS_GNU, by_reference(0, 1), nothing(), false),
    ]
}

/// Floats of two bytes, which are a `double` to rustc.
fn halves() -> [Row; 3] {
    let half = RecordBuilder::structure("s").field("a", Type::F16);
    let three = half.clone().field("b", Type::F16).field("c", Type::F16);
    let beside = packed(Type::I64, Type::F16, 2);
    [
        (LINUX, PartsValue::new(&[F64], 2, 2), half, true),
        (LINUX, PartsValue::new(&[F64], 6, 2), three, false),
        (LINUX, PartsValue::new(&[I64, F64], 10, 2), beside, false),
    ]
}

/// Two words, which are one integer to rustc if they are aligned to 16.
fn two_words() -> [Row; 5] {
    let both = || PartsValue::new(&[I128], 16, 16);
    let words = || RecordBuilder::structure("s").member(Member::named("a", Type::I64).aligned(16));
    let words = || words().field("b", Type::I64);
    let row = |name, is_result| (name, both(), words(), is_result);
    [
        row(ARM, false),
        row(ARM, true),
        row(RISCV, false),
        row(RISCV, true),
        (
            LINUX,
            PartsValue::new(&[I128], 8, 8),
            RecordBuilder::structure("s").field("a", Type::I64),
            false,
        ),
    ]
}

/// Pairs of RISC-V that are packed, or padded.
fn pairs() -> [Row; 5] {
    let packed = |a, b| packed(a, b, 1);
    [
        (
            RISCV,
            pair([I64, F64], 8, (16, 1)),
            packed(Type::I64, Type::F64),
            false,
        ),
        (
            RISCV,
            pair([F32, I64], 4, (12, 1)),
            packed(Type::F32, Type::I64),
            true,
        ),
        (RISCV, pair([F32, F32], 8, (16, 8)), padded(Type::F32), true),
        (RISCV, pair([F32, I8], 8, (16, 8)), padded(Type::U8), false),
        (
            RISCV,
            pair([F32, F32], 8, (16, 1)),
            packed_around(padded(Type::F32)),
            false,
        ),
    ]
}

#[test]
fn records_of_rust() {
    let rows = returned_in_memory()
        .into_iter()
        .chain(without_bytes())
        .chain(pairs())
        .chain(halves())
        .chain(two_words());
    for (name, value, record, is_result) in rows {
        let target = Target::named(name).unwrap();
        let record = record.build(target.data_model()).unwrap();
        let why = format!("{name}: {value:?}");
        let mut sig = PartsSignature::default();
        let expected = match is_result {
            true => FnSig::new([], record),
            false => FnSig::new([record], Type::VOID),
        };
        match is_result {
            true => sig.result = Some(value),
            false => sig.params.push(value),
        }
        let sigs = [
            sig.fn_sig(&target)
                .unwrap_or_else(|error| panic!("{why}: {error}")),
            expected,
        ];
        let [plan, expected] = sigs
            .each_ref()
            .map(|sig| CallPlan::new(sig, &target).unwrap());
        assert_eq!(plan.signature, expected.signature, "{why}");
        let [plan, expected] = sigs
            .each_ref()
            .map(|sig| EntryPlan::new(sig, &target).unwrap());
        assert_eq!(plan.signature, expected.signature, "{why}");
    }
}

/// An object without bytes, or its address, is refused if C passes nothing of it.
#[test]
fn objects_of_nothing() {
    for name in [LINUX, ARM, RISCV] {
        let target = Target::named(name).unwrap();
        for value in [PartsValue::by_reference(0, 1), PartsValue::new(&[], 0, 8)] {
            let error = super::of_one(value).fn_sig(&target).unwrap_err();
            let why = "the convention does not pass it";
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
