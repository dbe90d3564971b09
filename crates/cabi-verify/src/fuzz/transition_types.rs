//! C types with which assignment is tested: every scalar and vector, alone and in records of one
//! and two members, under every attribute. The shape of a type depends on policy and vector level,
//! so it is not stated here: `FnAbi` tells it.

use crate::generate::{CRecord, CType, Form, SCALARS};

/// Scalars beside the generator's.
const NAMES: [&str; 10] = [
    "__bf16",
    "_Complex char",
    "_Complex int",
    "_Complex long",
    "_Complex float",
    "_Complex double",
    "_Complex _Float16",
    "_Complex long double",
    "_Decimal32",
    "_Decimal128",
];

/// The lanes of vectors, and how many bytes vectors have.
const LANES: [&str; 7] = [
    "char", "int", "long", "float", "double", "_Float16", "__int128",
];
const BYTES: [u32; 5] = [4, 8, 16, 32, 64];

/// Members of records of two, and the second one's length, of no array 0.
const MEMBERS: [(&str, u32); 12] = [
    ("char", 0),
    ("short", 0),
    ("int", 0),
    ("long", 0),
    ("_Bool", 0),
    ("float", 0),
    ("double", 0),
    ("_Float16", 0),
    ("_Complex float", 0),
    ("float", 2),
    ("char", 3),
    ("void *", 0),
];

/// Attributes of a record: `packed`, and `aligned` where it is not 0.
const ATTRIBUTES: [(bool, u32); 9] = [
    (false, 0),
    (true, 0),
    (false, 16),
    (true, 8),
    (true, 16),
    (true, 32),
    (false, 32),
    (false, 64),
    (false, 128),
];

/// Lengths of arrays that are the only member.
const LENGTHS: [u32; 7] = [0, 2, 3, 4, 5, 9, 17];

/// All of them, with vectors of up to so many bytes.
pub(super) fn all(widest: u32) -> impl Iterator<Item = CType> {
    let vectors = |lane| {
        let bytes = BYTES.into_iter().filter(move |bytes| *bytes <= widest);
        bytes.map(move |bytes| CType::Vector { lane, bytes })
    };
    let bit_int = |bits| CType::BitInt { bits, signed: true };
    let odd = [CType::Function, CType::Enum("1"), bit_int(33), bit_int(100)];
    let names = SCALARS.iter().chain(&NAMES);
    let scalars: Vec<CType> = names
        .map(|name| CType::Name(name))
        .chain(LANES.into_iter().flat_map(vectors))
        .chain(odd)
        .collect();
    let of_one = scalars.clone().into_iter().flat_map(|ty| {
        let alone = ATTRIBUTES.map(|how| record(false, how, [member(&ty, 0)]));
        let arrays =
            LENGTHS.map(|len| record(false, ATTRIBUTES[0], [Form::array(ty.clone(), &[len])]));
        alone.into_iter().chain(arrays)
    });
    let pairs = MEMBERS
        .iter()
        .flat_map(|first| MEMBERS.map(|second| [*first, second]));
    let of_two = pairs.enumerate().flat_map(|(i, pair)| {
        let members = pair.map(|(name, len)| member(&name.into(), len));
        let bits = [
            Form::Bits {
                ty: "int".into(),
                width: 7,
                named: true,
            },
            members[1].clone(),
        ];
        // The attributes take turns.
        [
            record(false, ATTRIBUTES[0], members.clone()),
            record(true, ATTRIBUTES[0], members.clone()),
            record(false, ATTRIBUTES[i % ATTRIBUTES.len()], members),
            record(false, ATTRIBUTES[0], bits),
        ]
    });
    let nothing = [false, true].map(|is_union| record(is_union, ATTRIBUTES[0], []));
    scalars
        .into_iter()
        .chain(nothing)
        .chain(of_one)
        .chain(of_two)
}

/// A value of `n` stack slots, passed in memory.
pub(super) fn slots(n: u32) -> CType {
    CType::structure([Form::array("long".into(), &[n])])
}

fn record(
    is_union: bool,
    (packed, align): (bool, u32),
    members: impl IntoIterator<Item = Form>,
) -> CType {
    let record = CRecord {
        is_union,
        packed,
        aligned: (align > 0).then_some(align),
        ..CRecord::of(members)
    };
    record.into()
}

fn member(ty: &CType, len: u32) -> Form {
    match len {
        0 => Form::plain(ty.clone()),
        len => Form::array(ty.clone(), &[len]),
    }
}
