use cabi::{BoolVector, DataModel, Member, RecordBuilder, Type, VectorLevel};

use super::Backend;
use super::types::{Place, Speller};

fn spelled(ty: &Type) -> Result<(String, String), String> {
    let place = Place {
        backend: Backend::Llvm,
        level: VectorLevel::Baseline,
        auto: false,
    };
    let mut speller = Speller::new("p_", place);
    let value = speller.value(ty).map_err(|why| why.to_string())?;
    Ok((value, speller.text))
}

#[test]
fn records_are_placed_by_align() {
    let inner = RecordBuilder::structure("inner")
        .field("a", Type::F32)
        .field("b", Type::I64);
    let inner = inner.build(&DataModel::LP64).unwrap();
    let outer = RecordBuilder::structure("outer")
        .field("c", Type::I8)
        .field("inner", inner)
        .member(Member::named("n", Type::array(&Type::I16, 3).unwrap()).aligned(8))
        .packed();
    let (name, text) = spelled(&outer.build(&DataModel::LP64).unwrap()).unwrap();
    assert_eq!(name, "p_t1");
    assert_eq!(
        text,
        "const p_t0 = extern struct { m0: f32, m1: i64, };\n\
         const p_t1 = extern struct { m0: i8, m1: p_t0 align(1), m2: [3]i16 align(8), };\n"
    );
}

#[test]
fn numbers_have_two_names() {
    let record = RecordBuilder::union("u")
        .field("x", Type::F80)
        .field("n", Type::I32);
    let record = record.build(&DataModel::LP64).unwrap();
    assert_eq!(
        spelled(&record).unwrap().1,
        "const p_t0 = extern union { m0: f80, m1: i32, };\n"
    );
    assert_eq!(spelled(&Type::F80).unwrap().0, "c_longdouble");
    assert_eq!(spelled(&Type::I32).unwrap().0, "c_int");
    let bools = Type::bool_vector(65, BoolVector::Zig).unwrap();
    assert_eq!(spelled(&bools).unwrap().0, "@Vector(65, bool)");
}

#[test]
fn what_has_no_words_is_a_reason() {
    let refused = |ty: &Type| spelled(ty).unwrap_err();
    let bits = RecordBuilder::structure("s").member(Member::bit_field("b", Type::I32, 3));
    let bits = bits.build(&DataModel::LP64).unwrap();
    assert_eq!(refused(&bits), "not said in Zig: a bit-field");
    assert_eq!(refused(&Type::DEC64), "not said in Zig: a decimal float");
    assert_eq!(
        refused(&Type::I32.with_align(8).unwrap()),
        "not said in Zig: an alignment of its own on a type that is passed"
    );
    assert_eq!(
        refused(&Type::complex(&Type::F64).unwrap()),
        "not said in Zig: _Complex: Zig has records of two instead"
    );
}
