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

/// Declarations of the types.
pub(crate) const PRELUDE: &str = "typedef long long llong; typedef struct { long a[4]; } large;
";

impl Value {
    /// The value of a name.
    pub(crate) fn of(name: &str, model: &DataModel) -> Self {
        let long = model.long();
        let (c, ty, reads): (_, _, &[Read]) = match name {
            "void" => ("void", Type::VOID, &[]),
            "char" => ("signed char", Type::I8, const { &[read(0, "@", "int")] }),
            "int" => ("int", Type::I32, const { &[read(0, "@", "int")] }),
            "llong" => (
                "llong",
                model.adapt(&Type::I64),
                const { &[read(0, "(int)@", "int"), read(4, "(int)(@ >> 32)", "int")] },
            ),
            "double" => (
                "double",
                model.adapt(&Type::F64),
                const { &[read(0, "@", "double")] },
            ),
            "large" => {
                let longs = Type::array(&long, 4).unwrap();
                let record = RecordBuilder::structure("large").field("a", longs);
                ("large", record.build(model).unwrap(), &[])
            }
            other => panic!("no value is called {other}"),
        };
        Self { c, ty, reads }
    }
}

/// A value as integers of `word` bytes.
pub(crate) fn words(ty: &Type, word: u64) -> Group {
    let mut group = Group::new(GroupKind::Registers, ty.size(), ty.align());
    for offset in (0..ty.size()).step_by(word.try_into().unwrap()) {
        let size = word.min(ty.size() - offset);
        let ty = match size {
            1 => PartType::I8,
            2 => PartType::I16,
            _ => PartType::I32,
        };
        let mut part = Part::int(ty, Extension::None);
        part.size = u8::try_from(size).unwrap();
        group = group.with(part.at(offset.try_into().unwrap()));
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
