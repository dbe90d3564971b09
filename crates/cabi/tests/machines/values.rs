//! The C values that signatures are made of, and expressions that read one part of them.

use cabi::convention::{Extension, Group, GroupKind, Part, PartType};
use cabi::{DataModel, LeafKind, RecordBuilder, Scalar, Type, leaves};

/// A C type with ways to read parts of a value of it.
pub(crate) struct Value {
    /// As C spells it, by [`PRELUDE`].
    pub(crate) c: &'static str,
    pub(crate) ty: Type,
    pub(crate) reads: &'static [Read],
}

/// An expression over a value, written `@`, that reads what is `offset` bytes from its start.
pub(crate) struct Read {
    pub(crate) offset: u64,
    pub(crate) expression: &'static str,
    /// The type of the expression.
    pub(crate) ty: &'static str,
}

const fn read(offset: u64, expression: &'static str, ty: &'static str) -> Read {
    Read {
        offset,
        expression,
        ty,
    }
}

/// Of a value that is passed by its address.
pub(crate) const ADDRESS: Read = read(0, "(long)&@", "long");

/// Declarations of the types.
pub(crate) const PRELUDE: &str = "\
typedef long long llong; typedef struct { long a, b; } pair; typedef struct { double x; long n; } mix; typedef struct { double a, b; } hfa;
typedef struct { long a[4]; } large; typedef struct { float a; } single; typedef struct { short a; } narrow;
#ifdef __SIZEOF_INT128__
typedef __int128 i128;
#endif
";

impl Value {
    /// The value of a name.
    pub(crate) fn of(name: &str, model: &DataModel) -> Self {
        let record = |name: &str, fields: &[Type]| record(name, fields, model);
        let long = model.long();
        let (c, ty, reads): (_, _, &[Read]) = match name {
            "void" => ("void", Type::VOID, &[]),
            "char" => ("signed char", Type::I8, const { &[read(0, "@", "int")] }),
            "short" => ("short", Type::I16, const { &[read(0, "@", "int")] }),
            "int" => ("int", Type::I32, const { &[read(0, "@", "int")] }),
            "long" => ("long", long, const { &[read(0, "@", "long")] }),
            "llong" => (
                "llong",
                model.adapt(&Type::I64),
                const { &[read(0, "(int)@", "int"), read(4, "(int)(@ >> 32)", "int")] },
            ),
            "i128" => ("i128", Type::I128, LONGS),
            "float" => ("float", Type::F32, const { &[read(0, "@", "float")] }),
            "double" => (
                "double",
                model.adapt(&Type::F64),
                const { &[read(0, "@", "double")] },
            ),
            "pair" => (
                "pair",
                record("pair", &[long.clone(), long]),
                const { &[read(0, "@.a", "long"), read(8, "@.b", "long")] },
            ),
            "mix" => (
                "mix",
                record("mix", &[Type::F64, long]),
                const { &[read(0, "@.x", "double"), read(8, "@.n", "long")] },
            ),
            "hfa" => (
                "hfa",
                record("hfa", &[Type::F64, Type::F64]),
                const { &[read(0, "@.a", "double"), read(8, "@.b", "double")] },
            ),
            "single" => (
                "single",
                record("single", &[Type::F32]),
                const { &[read(0, "@.a", "float")] },
            ),
            "narrow" => (
                "narrow",
                record("narrow", &[Type::I16]),
                const { &[read(0, "@.a", "int")] },
            ),
            "large" => {
                let longs = Type::array(&long, 4).unwrap();
                ("large", record("large", &[longs]), &[ADDRESS])
            }
            other => panic!("no value is called {other}"),
        };
        Self { c, ty, reads }
    }
}

/// An `__int128`, half by half.
const LONGS: &[Read] = &[
    read(0, "(long)@", "long"),
    read(8, "(long)(@ >> 64)", "long"),
];

fn record(name: &str, fields: &[Type], model: &DataModel) -> Type {
    let record = RecordBuilder::structure(name);
    let named = fields.iter().enumerate();
    let record = named.fold(record, |record, (i, ty)| {
        record.field(&format!("m{i}"), ty.clone())
    });
    record.build(model).unwrap()
}

/// The integer of `size` bytes, or of what is left of a word.
pub(crate) fn int(size: u64, extension: Extension) -> Part {
    let ty = match size {
        1 => PartType::I8,
        2 => PartType::I16,
        3..=4 => PartType::I32,
        _ => PartType::I64,
    };
    Part {
        size: u8::try_from(size).unwrap(),
        ..Part::int(ty, extension)
    }
}

/// A value as integers of `word` bytes.
pub(crate) fn words(ty: &Type, word: u64) -> Group {
    let mut group = Group::new(GroupKind::Registers, ty.size(), ty.align());
    for offset in (0..ty.size()).step_by(word.try_into().unwrap()) {
        let size = word.min(ty.size() - offset);
        group = group.with(int(size, Extension::None).at(offset.try_into().unwrap()));
    }
    group
}

/// A value in memory.
pub(crate) fn memory(ty: &Type) -> Group {
    Group::new(GroupKind::Memory, ty.size(), ty.align())
}

/// The scalars of a type with their offsets in bytes: floats as parts, `None` for others.
pub(crate) fn floats(ty: &Type) -> Vec<(u64, Option<Part>)> {
    let part = |kind| match kind {
        LeafKind::Scalar(Scalar::F32) => Some(Part::float(PartType::F32)),
        LeafKind::Scalar(Scalar::F64) => Some(Part::float(PartType::F64)),
        _ => None,
    };
    let leaves = leaves(ty).map(|leaf| (leaf.offset_bits / 8, part(leaf.kind)));
    leaves
        .map(|(at, part)| (at, part.map(|part| part.at(at.try_into().unwrap()))))
        .collect()
}
