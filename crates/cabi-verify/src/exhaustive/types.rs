//! C types with which assignment is tested: several of every shape, unusual ones among them. The shape of a type depends on policy and vector level,
//! so it is not stated here: `FnAbi` tells it.

use std::sync::LazyLock;

use crate::generate::{CMember, CRecord, CType, Form};

/// The types, by the shape they mostly have.
pub(super) static TYPES: LazyLock<Vec<CType>> = LazyLock::new(|| {
    vec![
        // Nothing.
        structure(&[]),
        structure(&[member(structure(&[])), unnamed_bits("int", 0)]),
        union(&[]),
        structure(&[array("int", 0)]),
        // One integer register.
        name("char"),
        name("signed char"),
        name("unsigned char"),
        name("short"),
        name("unsigned short"),
        name("int"),
        name("unsigned"),
        name("long"),
        name("unsigned long"),
        name("long long"),
        name("_Bool"),
        name("void *"),
        CType::Function,
        CType::Enum("1"),
        CType::BitInt {
            bits: 33,
            signed: true,
        },
        vector("int", 4),
        structure(&[member("char")]),
        structure(&[array("char", 3)]),
        structure(&[array("char", 5)]),
        structure(&[array("char", 6)]),
        structure(&[array("char", 7)]),
        structure(&[member("short"), member("char")]),
        structure(&[bits("int", 5), bits("int", 20)]),
        structure(&[member("float"), member("int")]),
        structure(&[member("_Float16"), member("short"), member("char")]),
        structure(&[member("unsigned char"), member("_Bool")]),
        union(&[member("float"), member("int")]),
        union(&[member("double"), member("long"), array("char", 8)]),
        packed(structure(&[member("int"), member("char")])),
        structure(&[member("int"), flexible("char")]),
        structure(&[member("int").aligned(8)]),
        structure(&[member("long").aligned(16)]),
        aligned(16, structure(&[member("char")])),
        aligned(16, structure(&[member("int"), member("float")])),
        aligned(16, union(&[array("char", 7)])),
        // Two.
        name("_Complex long"),
        CType::BitInt {
            bits: 100,
            signed: true,
        },
        structure(&[member("long"), member("long")]),
        structure(&[array("int", 3)]),
        structure(&[array("char", 9)]),
        structure(&[array("char", 15)]),
        structure(&[array("char", 16)]),
        structure(&[member("void *"), member("unsigned")]),
        structure(&[member("long"), array("char", 3)]),
        structure(&[member("int"), member("double").packed()]),
        union(&[array("long", 2), member("double")]),
        name("__int128"),
        name("unsigned __int128"),
        structure(&[member("__int128")]),
        aligned(16, structure(&[member("long"), member("long")])),
        aligned(16, structure(&[array("char", 11)])),
        // One vector register.
        name("float"),
        name("double"),
        name("_Float16"),
        name("__bf16"),
        name("_Complex float"),
        name("_Complex _Float16"),
        vector("float", 8),
        vector("int", 8),
        vector("long", 8),
        vector("_Float16", 4),
        structure(&[member("float")]),
        structure(&[member("double")]),
        structure(&[member("float"), member("float")]),
        structure(&[member("_Float16")]),
        structure(&[array("_Float16", 3)]),
        structure(&[array(structure(&[array("float", 1)]), 2)]),
        union(&[member("double"), member("float")]),
        aligned(16, structure(&[member("double")])),
        aligned(16, structure(&[member("float")])),
        aligned(16, structure(&[member("float"), member("float")])),
        // Two.
        name("_Complex double"),
        structure(&[member("double"), member("double")]),
        structure(&[array("float", 3)]),
        structure(&[array("float", 4)]),
        structure(&[member("float"), member("float"), member("double")]),
        structure(&[member("double"), member("float")]),
        structure(&[member("_Complex float"), member("float")]),
        structure(&[member("double"), member("_Float16")]),
        union(&[array("double", 2), member("float")]),
        aligned(16, structure(&[member("double"), member("double")])),
        aligned(16, structure(&[array("float", 3)])),
        // Integer, vector.
        structure(&[member("long"), member("double")]),
        structure(&[member("int"), member("double")]),
        structure(&[array("int", 2), member("float")]),
        structure(&[member("char"), array("float", 2)]),
        structure(&[member("short"), unnamed_bits("long", 0), member("float")]),
        structure(&[member("void *"), member("_Float16")]),
        union(&[
            member(structure(&[member("long"), member("double")])),
            array("double", 2),
        ]),
        aligned(16, structure(&[member("long"), member("double")])),
        aligned(16, structure(&[array("int", 2), member("float")])),
        // Vector, integer.
        structure(&[member("double"), member("long")]),
        structure(&[member("float"), member("float"), member("int")]),
        structure(&[member("double"), array("char", 3)]),
        structure(&[array("float", 2), member("short")]),
        structure(&[member("_Complex float"), member("_Bool")]),
        structure(&[member("double"), bits("int", 7)]),
        aligned(16, structure(&[member("double"), member("long")])),
        aligned(16, structure(&[array("float", 3), member("int")])),
        // A wide vector register.
        name("__float128"),
        vector("float", 16),
        vector("double", 16),
        vector("char", 16),
        vector("__int128", 16),
        structure(&[member(vector("float", 16))]),
        structure(&[member("__float128")]),
        union(&[member(vector("long", 16))]),
        packed(structure(&[member(vector("float", 16))])),
        packed(structure(&[member("__float128")])),
        aligned(8, packed(structure(&[member(vector("double", 16))]))),
        vector("float", 32),
        vector("long", 32),
        vector("char", 32),
        structure(&[member(vector("double", 32))]),
        packed(structure(&[member(vector("float", 32))])),
        aligned(8, packed(structure(&[member(vector("int", 32))]))),
        aligned(16, packed(structure(&[member(vector("float", 32))]))),
        vector("float", 64),
        vector("double", 64),
        vector("char", 64),
        structure(&[member(vector("long", 64))]),
        packed(structure(&[member(vector("float", 64))])),
        aligned(16, packed(structure(&[member(vector("float", 64))]))),
        aligned(32, packed(structure(&[member(vector("float", 64))]))),
        // Memory.
        structure(&[array("long", 3)]),
        structure(&[array("char", 17)]),
        structure(&[array("long", 8)]),
        structure(&[array("char", 65)]),
        structure(&[member("double"), member("double"), member("double")]),
        structure(&[array("float", 5)]),
        packed(structure(&[member("char"), member("int")])),
        packed(structure(&[member("char"), member("double")])),
        union(&[member("long"), array("char", 20)]),
        vector("double", 8),
        name("long double"),
        name("_Complex long double"),
        structure(&[member("long double")]),
        union(&[member("long double"), member("char")]),
        structure(&[member("__int128"), member("__int128")]),
        structure(&[member("__float128"), member("int")]),
        aligned(16, structure(&[array("long", 4)])),
        aligned(32, structure(&[member("char")])),
        aligned(32, structure(&[member("double")])),
        aligned(32, structure(&[array("long", 5)])),
        aligned(64, structure(&[member("char")])),
        aligned(64, structure(&[array("long", 9)])),
        aligned(128, structure(&[member("int")])),
        // Three and four vector registers, and narrow ones of two.
        structure(&[array("_Float16", 2)]),
        structure(&[array("_Float16", 4)]),
        structure(&[array("double", 3)]),
        structure(&[array("double", 4)]),
        structure(&[member("_Complex double"), member("double")]),
        structure(&[array(vector("float", 8), 3)]),
        structure(&[array(vector("float", 8), 4)]),
        structure(&[array(vector("int", 16), 2)]),
        structure(&[array(vector("float", 16), 3)]),
        structure(&[array(vector("double", 16), 4)]),
    ]
});

/// A value of `n` stack slots, passed in memory.
pub(super) fn slots(n: u32) -> CType {
    structure(&[array("long", n)])
}

fn name(name: &'static str) -> CType {
    CType::Name(name)
}

fn vector(lane: &'static str, bytes: u32) -> CType {
    CType::Vector { lane, bytes }
}

fn structure(members: &[CMember]) -> CType {
    record(false, members)
}

fn union(members: &[CMember]) -> CType {
    record(true, members)
}

fn record(is_union: bool, members: &[CMember]) -> CType {
    CType::Record(Box::new(CRecord {
        is_union,
        members: members.to_vec(),
        ..CRecord::default()
    }))
}

fn packed(mut ty: CType) -> CType {
    if let CType::Record(record) = &mut ty {
        record.packed = true;
    }
    ty
}

fn aligned(align: u32, mut ty: CType) -> CType {
    if let CType::Record(record) = &mut ty {
        record.aligned = Some(align);
    }
    ty
}

fn member(ty: impl Into<CType>) -> CMember {
    let (ty, lengths) = (ty.into(), Vec::new());
    CMember::of(Form::Plain { ty, lengths })
}

fn array(ty: impl Into<CType>, len: u32) -> CMember {
    let (ty, lengths) = (ty.into(), vec![len]);
    CMember::of(Form::Plain { ty, lengths })
}

fn flexible(ty: impl Into<CType>) -> CMember {
    CMember::of(Form::Flexible(ty.into()))
}

fn bits(ty: impl Into<CType>, width: u16) -> CMember {
    let (ty, named) = (ty.into(), true);
    CMember::of(Form::Bits { ty, width, named })
}

fn unnamed_bits(ty: impl Into<CType>, width: u16) -> CMember {
    let (ty, named) = (ty.into(), false);
    CMember::of(Form::Bits { ty, width, named })
}
