//! Random types of every kind, weighted towards what layout finds hard: bit-fields, packing, odd alignments, nesting.

use cabi::{BoolVector, DataModel, Member, RecordBuilder, Type};
use proptest::prelude::*;

const MODEL: DataModel = DataModel::LP64;

/// What a compiler can be asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dialect {
    pub bit_int: bool,
    pub bf16: bool,
    pub bool_vector: bool,
    pub decimal: bool,
}

impl Dialect {
    /// Everything that libclang reads.
    pub const ALL: Self = Self {
        bit_int: true,
        bf16: true,
        bool_vector: true,
        decimal: true,
    };
    /// gcc 12.
    pub const GCC: Self = Self {
        bit_int: false,
        bf16: false,
        bool_vector: false,
        decimal: true,
    };
    /// clang 19 as a command.
    pub const CLANG: Self = Self {
        decimal: false,
        ..Self::ALL
    };
}

/// A record with `tag`, its members three levels deep at most.
pub fn record(tag: &'static str, dialect: Dialect) -> BoxedStrategy<Type> {
    record_of(tag, object(dialect, 2), dialect)
}

fn integer() -> BoxedStrategy<Type> {
    prop::sample::select(vec![
        Type::BOOL,
        Type::I8,
        Type::U8,
        Type::I16,
        Type::U16,
        Type::I32,
        Type::U32,
        Type::I64,
        Type::U64,
        Type::I128,
        Type::U128,
    ])
    .boxed()
}

fn scalar(dialect: Dialect) -> BoxedStrategy<Type> {
    let mut others = vec![
        Type::F16,
        Type::F32,
        Type::F64,
        Type::F80,
        Type::F128,
        Type::PTR,
        Type::FN_PTR,
    ];
    if dialect.bf16 {
        others.push(Type::BF16);
    }
    if dialect.decimal {
        others.extend([Type::DEC32, Type::DEC64, Type::DEC128]);
    }
    let others = prop::sample::select(others).boxed();
    let bit_int =
        (2_u16..200, any::<bool>()).prop_map(|(bits, signed)| MODEL.bit_int(bits, signed).unwrap());
    if dialect.bit_int {
        prop_oneof![integer(), others, bit_int].boxed()
    } else {
        prop_oneof![integer(), others].boxed()
    }
}

fn enumeration() -> BoxedStrategy<Type> {
    prop::sample::select(vec![
        Type::I8,
        Type::U8,
        Type::I16,
        Type::U16,
        Type::I32,
        Type::U32,
        Type::I64,
        Type::U64,
    ])
    .prop_map(|ty| Type::enumeration(&ty).unwrap())
    .boxed()
}

/// Scalars, and what is made of them without members.
fn simple(dialect: Dialect) -> BoxedStrategy<Type> {
    let lanes = prop::sample::select(vec![
        Type::I8,
        Type::U16,
        Type::I32,
        Type::U64,
        Type::F32,
        Type::F64,
    ]);
    let vector = (lanes, 2_u32..=6)
        .prop_filter_map("vectors have at most 64 bytes", |(lane, log)| {
            Type::vector(&lane, u16::try_from((1 << log) / lane.size()).unwrap()).ok()
        });
    let complex = prop::sample::select(vec![
        Type::F16,
        Type::F32,
        Type::F64,
        Type::F80,
        Type::F128,
        Type::I8,
        Type::I16,
        Type::I32,
        Type::I64,
    ])
    .prop_map(|part| Type::complex(&part).unwrap());
    let atomic = prop::sample::select(vec![
        Type::BOOL,
        Type::I8,
        Type::I16,
        Type::U32,
        Type::I64,
        Type::F32,
        Type::F64,
        Type::PTR,
    ])
    .prop_map(|ty| ty.atomic().unwrap());
    let plain = prop_oneof![6 => scalar(dialect), 1 => enumeration(), 1 => vector, 1 => complex, 1 => atomic].boxed();
    let aligned = (plain.clone(), 0_u32..6).prop_map(|(ty, log)| ty.with_align(1 << log).unwrap());
    let bools =
        (1_u16..=200).prop_map(|lanes| Type::bool_vector(lanes, BoolVector::Clang).unwrap());
    if dialect.bool_vector {
        prop_oneof![20 => plain, 2 => aligned, 1 => bools].boxed()
    } else {
        prop_oneof![10 => plain, 1 => aligned].boxed()
    }
}

/// An object of any kind, `levels` of arrays and records deep.
fn object(dialect: Dialect, levels: u32) -> BoxedStrategy<Type> {
    if levels == 0 {
        return simple(dialect);
    }
    let inner = object(dialect, levels - 1);
    let array = (inner.clone(), 0_u64..4)
        .prop_filter_map("elements fill their alignment", |(ty, len)| {
            Type::array(&ty, len).ok()
        });
    prop_oneof![
        6 => simple(dialect),
        1 => array,
        2 => record_of("inner", inner.clone(), dialect),
        1 => record_of("inner", inner, dialect).prop_filter_map("a record cannot always be realigned", |ty| ty.with_align(16).ok()),
    ]
    .boxed()
}

/// How a member is declared.
#[derive(Clone, Debug)]
enum Form {
    Plain(Type),
    Bits { ty: Type, width: u16, named: bool },
    Anonymous(Type),
}

fn form(inner: BoxedStrategy<Type>, dialect: Dialect, anonymous: bool) -> BoxedStrategy<Form> {
    let bit_int =
        (2_u16..65, any::<bool>()).prop_map(|(bits, signed)| MODEL.bit_int(bits, signed).unwrap());
    let declared = if dialect.bit_int {
        prop_oneof![6 => integer(), 1 => enumeration(), 1 => bit_int].boxed()
    } else {
        prop_oneof![6 => integer(), 1 => enumeration()].boxed()
    };
    let bits = (declared, 0_u16..130, prop::bool::weighted(0.8)).prop_map(|(ty, wish, named)| {
        let most = match ty.as_scalar() {
            Some(cabi::Scalar::Bool) => 1,
            Some(cabi::Scalar::BitInt { bits, .. }) => bits,
            _ => u16::try_from(ty.size() * 8).unwrap(),
        };
        let width = wish % (most + 1);
        Form::Bits {
            ty,
            width,
            named: named && width > 0,
        }
    });
    if !anonymous {
        return prop_oneof![5 => inner.prop_map(Form::Plain), 4 => bits].boxed();
    }
    let anonymous = record_of("", simple(dialect), dialect).prop_map(Form::Anonymous);
    prop_oneof![5 => inner.prop_map(Form::Plain), 4 => bits, 1 => anonymous].boxed()
}

type Attributes = (bool, Option<u32>);

fn attributes() -> impl Strategy<Value = Attributes> {
    (
        prop::bool::weighted(0.15),
        prop::option::weighted(0.15, (0_u32..6).prop_map(|log| 1 << log)),
    )
}

fn record_of(
    tag: &'static str,
    inner: BoxedStrategy<Type>,
    dialect: Dialect,
) -> BoxedStrategy<Type> {
    let members =
        prop::collection::vec((form(inner, dialect, !tag.is_empty()), attributes()), 0..6);
    let pack = prop::option::weighted(0.15, (0_u32..5).prop_map(|log| 1 << log));
    (
        members,
        attributes(),
        pack,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    )
        .prop_map(move |(members, attributes, pack, is_union, flexible)| {
            build(tag, members, attributes, pack, is_union, flexible)
        })
        .boxed()
}

fn build(
    tag: &str,
    members: Vec<(Form, Attributes)>,
    (packed, align): Attributes,
    pack: Option<u32>,
    is_union: bool,
    flexible: bool,
) -> Type {
    let mut builder = if is_union {
        RecordBuilder::union(tag)
    } else {
        RecordBuilder::structure(tag)
    };
    // Anonymous members share their names with the record around them.
    let prefix = if tag.is_empty() {
        format!("x{}_", members.len())
    } else {
        "m".to_owned()
    };
    let mut anonymous = 0;
    for (i, (form, (packed, align))) in members.into_iter().enumerate() {
        let name = format!("{prefix}{i}");
        let (is_bits, type_align) = match &form {
            Form::Bits { ty, .. } => (true, ty.align()),
            _ => (false, 1),
        };
        let mut member = match form {
            Form::Plain(ty) => Member::named(&name, ty),
            Form::Bits {
                ty,
                width,
                named: true,
            } => Member::bit_field(&name, ty, width),
            Form::Bits { ty, width, .. } => Member::unnamed_bit_field(ty, width),
            Form::Anonymous(ty) => {
                anonymous += 1;
                if anonymous > 1 || tag.is_empty() {
                    continue;
                }
                builder = builder.member(Member::anonymous(ty));
                continue;
            }
        };
        if packed {
            member = member.packed();
        }
        // gcc and clang differ on a bit-field's alignment that `#pragma pack` limits (clang forgets it), and on one smaller than its type's
        // (gcc looks for straddling after, clang before).
        let align = align.filter(|align| {
            !is_bits || (*align >= type_align && pack.is_none_or(|pack| *align <= pack))
        });
        builder = builder.member(align.into_iter().fold(member, Member::aligned));
    }
    if flexible && !is_union && !tag.is_empty() && tag != "inner" {
        builder = builder.field("flexible", Type::flexible_array(&Type::I16).unwrap());
    }
    if packed {
        builder = builder.packed();
    }
    builder = pack.into_iter().fold(builder, RecordBuilder::pack);
    builder = align.into_iter().fold(builder, RecordBuilder::aligned);
    builder.build(&MODEL).unwrap()
}
