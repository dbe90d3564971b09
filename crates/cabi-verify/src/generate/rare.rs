//! Rare features of C, put into a drawn signature afterwards: what [`signature`](super::signature)
//! draws under a seed stays as it is.

use super::{CMember, CRecord, CSignature, CType, Dialect, Form, Node, Random};

/// Integers, of which the first of a transparent union is one.
const INTEGERS: [&str; 9] = [
    "_Bool",
    "signed char",
    "unsigned short",
    "int",
    "unsigned",
    "unsigned long long",
    "long",
    "__int128",
    "void *",
];

/// Lanes of vectors, with their bytes.
const LANES: [(&str, u32); 14] = [
    ("signed char", 1),
    ("unsigned char", 1),
    ("short", 2),
    ("_Float16", 2),
    ("int", 4),
    ("unsigned", 4),
    ("float", 4),
    ("long long", 8),
    ("unsigned long long", 8),
    ("double", 8),
    ("__bf16", 2),
    ("__float128", 16),
    ("__int128", 16),
    ("unsigned __int128", 16),
];

/// Values of packed enumerations, of 1, 2 and 4 bytes.
const VALUES: [&str; 6] = ["1", "-1", "0x100", "-0x100", "0x10000", "-0x10000"];

const COMPLEX: [&str; 8] = [
    "_Complex signed char",
    "_Complex unsigned char",
    "_Complex unsigned short",
    "_Complex unsigned",
    "_Complex unsigned long",
    "_Complex long long",
    "_Complex __int128",
    "_Complex unsigned __int128",
];

const ATOMIC: [&str; 9] = [
    "void *",
    "_Float16",
    "double",
    "long double",
    "__int128",
    "_Complex char",
    "_Complex long",
    "_Complex float",
    "_Complex double",
];

/// Replaces parts of `signature` by rare ones of `dialect`.
pub(crate) fn add_rare(signature: &mut CSignature, random: &mut Random, dialect: Dialect) {
    let mut rare = Rare { random, dialect };
    for ty in signature.types_mut() {
        if rare.random.chance(15) {
            *ty = rare.value();
        }
        ty.visit(&mut |node| match node {
            Node::Member(member) => rare.member(member),
            Node::Record(record) if rare.random.chance(2) => record.pack = Some(16),
            _ => {}
        });
    }
    for ty in signature.unnamed.iter_mut().flatten() {
        let mut inner = &*ty;
        while let CType::Aligned(of, _) = inner {
            inner = of;
        }
        match inner {
            // clang reads none.
            CType::Atomic(_) => *ty = "int".into(),
            // Only negative values show the extension of a promoted one.
            CType::PackedEnum(_) => *ty = CType::PackedEnum("-1"),
            _ => {}
        }
    }
    for param in &mut signature.params {
        if rare.random.chance(5) {
            *param = rare.transparent();
        }
    }
}

struct Rare<'r> {
    random: &'r mut Random,
    dialect: Dialect,
}

impl Rare<'_> {
    fn value(&mut self) -> CType {
        match self.random.below(10) {
            0 | 1 => CType::PackedEnum(self.random.one_or(&VALUES, "1")),
            2 => self.complex(),
            3 | 4 if self.dialect.bit_int => self.bit_int(1),
            5 => CType::Atomic(Box::new(match self.random.below(4) {
                0 => CType::PackedEnum(self.random.one_or(&VALUES, "1")),
                1 => CType::structure(["long", "double"].map(|ty| Form::plain(ty.into()))),
                2 => CType::structure([Form::array("float".into(), &[2])]),
                _ => CType::Name(self.random.one_or(&ATOMIC, "void *")),
            })),
            6 => {
                let inner = self.value();
                self.aligned(inner)
            }
            _ => self.vector(),
        }
    }

    /// Draws a complex number of integers; clang has none of `__int128`.
    fn complex(&mut self) -> CType {
        let n = if self.dialect.decimal { 8 } else { 6 };
        CType::Name(self.random.one_or(&COMPLEX[..n], "_Complex unsigned"))
    }

    /// Draws a `_BitInt` of at least `least` bits.
    fn bit_int(&mut self, least: u16) -> CType {
        let most = self.random.one_or(&[2, 16, 64, 128, 128, 1024], 64);
        let bits = least + u16::try_from(self.random.below(most)).unwrap_or(0);
        let signed = bits > 1 && self.random.chance(50);
        CType::BitInt { bits, signed }
    }

    fn vector(&mut self) -> CType {
        let (mut lane, mut size) = self.random.one_or(&LANES, ("int", 4));
        if lane == "__bf16" && !self.dialect.bf16 || size == 16 && !self.dialect.one_int128 {
            (lane, size) = ("unsigned long", 8);
        }
        if !self.dialect.ext_vector || self.random.chance(60) {
            let bytes = size << self.random.below(5);
            let bytes = bytes.min(self.random.one_or(&[16, 16, 16, 16, 64], 16));
            return CType::Vector { lane, bytes };
        }
        let most = self.random.one_or(&[16, 16, 16, 64], 16);
        match self.random.chance(30) {
            true => CType::ExtVector {
                lane: "_Bool",
                lanes: 1 + self.random.below(8 * most),
            },
            false => CType::ExtVector {
                lane,
                lanes: 1 + self.random.below(most / size),
            },
        }
    }

    fn member(&mut self, member: &mut CMember) {
        match &mut member.form {
            Form::Bits { ty, width, .. } => match self.random.below(30) {
                0 => member.aligned = Some(self.random.one_or(&[1, 2, 4, 8], 1)),
                1 => (*ty, *width) = (CType::PackedEnum("1"), (*width).min(8)),
                2 => *ty = CType::Name("unsigned __int128"),
                3 => {
                    let align = self.random.one_or(&[1, 2, 4, 8, 16], 1);
                    *ty = CType::Aligned(Box::new(ty.clone()), align);
                }
                4 if self.dialect.bit_int => *ty = self.bit_int((*width).max(1)),
                _ => {}
            },
            Form::Plain { ty, lengths } if lengths.is_empty() => {
                if self.random.chance(6) {
                    *ty = self.value();
                } else if self.random.chance(2) {
                    let array = CType::Array(Box::new(CType::Name("short")), self.random.below(9));
                    *ty = self.aligned(array);
                }
            }
            Form::Plain { ty, .. } => {
                let is_whole = matches!(ty, CType::Name("int" | "char" | "long" | "float"));
                if is_whole && self.random.chance(20) {
                    *ty = CType::Atomic(Box::new(ty.clone()));
                }
            }
            Form::Flexible(ty) if self.random.chance(30) => {
                *ty = CType::structure([Form::plain(ty.clone()), Form::plain("char".into())]);
            }
            _ => {}
        }
    }

    /// Draws a typedef of `inner` with an alignment, which may be lower.
    fn aligned(&mut self, inner: CType) -> CType {
        let align = self.random.one_or(&[1, 2, 4, 8, 16, 16, 32], 8);
        CType::Aligned(Box::new(inner), align)
    }

    /// Draws a transparent union. Compilers ignore the attribute where the union and its first
    /// member are not alike to them.
    fn transparent(&mut self) -> CType {
        let n = self.random.below(5) + 2;
        let integer = CType::Name(self.random.one_or(&INTEGERS, "int"));
        let first = match self.random.below(4) {
            0 => CType::structure([Form::array("double".into(), &[n])]),
            1 => CType::structure([Form::plain(integer), Form::plain("long".into())]),
            _ => integer,
        };
        let mut record =
            CRecord::of([first.clone(), CType::structure([Form::plain(first)])].map(Form::plain));
        (record.is_union, record.transparent) = (true, true);
        record.into()
    }
}
