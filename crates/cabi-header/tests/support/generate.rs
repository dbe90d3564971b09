//! Random types of every kind, weighted towards what layout finds hard: bit-fields, packing, odd alignments, nesting.

use cabi::{BitFieldStyle, BoolVector, DataModel, Member, RecordBuilder, Type};
use proptest::prelude::*;

/// What a compiler can be asked about, for one data model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dialect {
    pub model: DataModel,
    pub bit_int: bool,
    pub bf16: bool,
    pub bool_vector: bool,
    pub decimal: bool,
    /// `__int128`.
    pub int128: bool,
    /// `_Float16`.
    pub f16: bool,
    /// `__float128`.
    pub f128: bool,
    /// Enumerations of other types than `int`.
    pub enums: bool,
    /// Bytes of the largest vector, of bools too.
    pub largest_vector: u64,
    /// Bytes of the largest record that `_Atomic` aligns to its size.
    pub largest_atomic: u64,
    /// `packed`, `aligned` and pragmas.
    pub attributes: bool,
}

impl Dialect {
    /// Everything that libclang reads.
    pub const ALL: Self = Self {
        model: DataModel::LP64,
        bit_int: true,
        bf16: true,
        bool_vector: true,
        decimal: true,
        int128: true,
        f16: true,
        f128: true,
        enums: true,
        largest_vector: 64,
        largest_atomic: 16,
        attributes: true,
    };
    /// gcc 12.
    pub const GCC: Self = Self {
        bit_int: false,
        bf16: false,
        bool_vector: false,
        ..Self::ALL
    };
    /// clang 19 as a command.
    pub const CLANG: Self = Self {
        decimal: false,
        ..Self::ALL
    };

    fn adapt(self, types: Vec<Type>) -> BoxedStrategy<Type> {
        let types: Vec<Type> = types.iter().map(|ty| self.model.adapt(ty)).collect();
        prop::sample::select(types).boxed()
    }
}

/// A record with `tag`, its members three levels deep at most.
pub fn record(tag: &'static str, dialect: Dialect) -> BoxedStrategy<Type> {
    record_of(tag, object(dialect, 2), dialect)
}

/// A record whose offsets were chosen, not computed.
pub fn placed_record(dialect: Dialect) -> BoxedStrategy<Type> {
    let members = prop::collection::vec((simple(dialect), 0_u64..20), 1..5);
    (members, 0_u64..600, 0_u32..5, any::<bool>())
        .prop_map(|(members, tail, align, is_union)| {
            let mut builder = if is_union {
                RecordBuilder::union("placed")
            } else {
                RecordBuilder::structure("placed")
            };
            let (mut end, mut greatest) = (0, 0);
            for (i, (ty, gap)) in members.into_iter().enumerate() {
                let at = if is_union { 0 } else { end + gap };
                end = at + ty.size();
                greatest = greatest.max(end);
                builder = builder.member(Member::named(&format!("m{i}"), ty).at(at));
            }
            let size = (greatest + tail).next_multiple_of(1 << align);
            builder.build_at(size, 1 << align).unwrap()
        })
        .boxed()
}

fn integer(dialect: Dialect) -> BoxedStrategy<Type> {
    let mut types = vec![
        Type::BOOL,
        Type::I8,
        Type::U8,
        Type::I16,
        Type::U16,
        Type::I32,
        Type::U32,
        Type::I64,
        Type::U64,
    ];
    if dialect.int128 {
        types.extend([Type::I128, Type::U128]);
    }
    dialect.adapt(types)
}

fn scalar(dialect: Dialect) -> BoxedStrategy<Type> {
    let mut others = vec![
        Type::F32,
        Type::F64,
        dialect.model.long_double(),
        Type::PTR,
        Type::FN_PTR,
    ];
    if dialect.f16 {
        others.push(Type::F16);
    }
    if dialect.f128 {
        others.push(Type::F128);
    }
    if dialect.bf16 {
        others.push(Type::BF16);
    }
    if dialect.decimal {
        others.extend([Type::DEC32, Type::DEC64, Type::DEC128]);
    }
    let others = dialect.adapt(others);
    if dialect.bit_int {
        prop_oneof![integer(dialect), others, bit_int(dialect, 128)].boxed()
    } else {
        prop_oneof![integer(dialect), others].boxed()
    }
}

fn bit_int(dialect: Dialect, most: u16) -> BoxedStrategy<Type> {
    (2..=most, any::<bool>())
        .prop_map(move |(bits, signed)| dialect.model.bit_int(bits, signed).unwrap())
        .boxed()
}

fn enumeration(dialect: Dialect) -> BoxedStrategy<Type> {
    let types = if dialect.enums {
        vec![
            Type::I8,
            Type::U8,
            Type::I16,
            Type::U16,
            Type::I32,
            Type::U32,
            Type::I64,
            Type::U64,
        ]
    } else {
        vec![Type::I32]
    };
    dialect
        .adapt(types)
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
        })
        .prop_filter(
            "the target aligns larger ones to less than their size",
            move |ty| ty.size() <= dialect.largest_vector,
        );
    let mut parts = vec![
        Type::F32,
        Type::F64,
        dialect.model.long_double(),
        Type::I8,
        Type::I16,
        Type::I32,
        Type::I64,
    ];
    if dialect.f16 {
        parts.push(Type::F16);
    }
    if dialect.f128 {
        parts.push(Type::F128);
    }
    let complex = dialect
        .adapt(parts)
        .prop_map(|part| Type::complex(&part).unwrap());
    let atomic = dialect
        .adapt(vec![
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
    let plain = prop_oneof![6 => scalar(dialect), 1 => enumeration(dialect), 1 => vector, 1 => complex, 1 => atomic].boxed();
    let aligned = (plain.clone(), 0_u32..6).prop_map(|(ty, log)| ty.with_align(1 << log).unwrap());
    let odd = (
        prop::sample::select(vec![Type::I16, Type::F32, Type::F64]),
        3_u16..8,
    )
        .prop_filter_map("vectors have at most 64 bytes", move |(lane, lanes)| {
            let odd = Type::vector(&lane, lanes).ok()?;
            (odd.size() <= dialect.largest_vector).then_some(odd)
        });
    let bools = (1_u16..=if dialect.largest_vector > 16 {
        200
    } else {
        128
    })
        .prop_map(|lanes| Type::bool_vector(lanes, BoolVector::Clang).unwrap());
    if !dialect.attributes {
        return plain;
    }
    if dialect.bool_vector {
        prop_oneof![20 => plain, 2 => aligned, 1 => bools, 1 => odd].boxed()
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
    let atomic = record_of("atomic", simple(dialect), dialect)
        .prop_filter_map("atomics have few bytes", move |ty| {
            (ty.size() <= dialect.largest_atomic).then(|| ty.atomic().ok())?
        });
    // clang gives a record of nothing but empty arrays 4 bytes under Microsoft's rules, also where it is aligned to more.
    let shortest = u64::from(dialect.model.empty_record != 0);
    let array = (inner.clone(), shortest..4)
        .prop_filter_map("elements fill their alignment", |(ty, len)| {
            Type::array(&ty, len).ok()
        });
    prop_oneof![
        6 => simple(dialect),
        1 => array,
        1 => atomic,
        2 => record_of("inner", inner.clone(), dialect),
        1 => record_of("inner", inner, dialect).prop_map(move |ty| if dialect.attributes { ty.with_align(16).unwrap() } else { ty }),
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
    let declared = if dialect.bit_int {
        prop_oneof![6 => integer(dialect), 1 => enumeration(dialect), 1 => bit_int(dialect, 64)]
            .boxed()
    } else {
        prop_oneof![6 => integer(dialect), 1 => enumeration(dialect)].boxed()
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

fn attributes(dialect: Dialect) -> impl Strategy<Value = Attributes> {
    (
        prop::bool::weighted(0.15),
        prop::option::weighted(0.15, (0_u32..6).prop_map(|log| 1 << log)),
    )
        .prop_map(move |(packed, align)| {
            if dialect.attributes {
                (packed, align)
            } else {
                (false, None)
            }
        })
}

fn record_of(
    tag: &'static str,
    inner: BoxedStrategy<Type>,
    dialect: Dialect,
) -> BoxedStrategy<Type> {
    let members = prop::collection::vec(
        (form(inner, dialect, !tag.is_empty()), attributes(dialect)),
        0..6,
    );
    let pack = prop::option::weighted(0.15, (0_u32..5).prop_map(|log| 1 << log))
        .prop_map(move |pack| pack.filter(|_| dialect.attributes));
    (
        members,
        attributes(dialect),
        pack,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    )
        .prop_map(move |(members, attributes, pack, is_union, flexible)| {
            build(dialect, tag, members, attributes, pack, is_union, flexible)
        })
        .boxed()
}

fn build(
    dialect: Dialect,
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
    let is_microsoft = dialect.model.bit_fields == BitFieldStyle::Ms;
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
            // clang's mingw gives a union a byte for it.
            Form::Bits { width: 0, .. } if is_union && is_microsoft => continue,
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
    builder.build(&dialect.model).unwrap()
}
