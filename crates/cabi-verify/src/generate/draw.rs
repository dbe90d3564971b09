//! Drawing a signature: which types, which members, how many registers are used up before them.

mod rough_size;

use rough_size::{member_bits, type_bits};

use super::random::Random;
use super::{CMember, CRecord, CType, Dialect, Form, Signature};

/// Signature number `index` under `seed`: always the same.
///
/// # Example
/// ```
/// use cabi_verify::generate::{signature, Dialect};
///
/// assert_eq!(signature(7, 1, Dialect::GCC), signature(7, 1, Dialect::GCC));
/// assert_ne!(signature(7, 1, Dialect::GCC), signature(7, 2, Dialect::GCC));
/// ```
#[must_use]
pub fn signature(seed: u64, index: u64, dialect: Dialect) -> Signature {
    signature_from(&mut Random::new(seed, index), dialect)
}

/// A signature made of the numbers that `random` gives.
#[must_use]
pub fn signature_from(random: &mut Random, dialect: Dialect) -> Signature {
    let mut draw = Draw {
        random,
        dialect,
        palette: &[],
    };
    draw.signature()
}

/// The scalars that the members of one record are drawn from: classes meet in an eightbyte only if they are near each other.
const PALETTES: [&[&str]; 9] = [
    &["char", "short", "int", "long"],
    &["float", "double"],
    &["float", "int", "char"],
    &["double", "long", "float", "int"],
    &["_Float16", "float", "char", "_Float16"],
    &["char", "unsigned char", "_Bool", "short", "unsigned short"],
    &["long double", "int", "double", "char"],
    &["__int128", "__float128", "long", "double"],
    SCALARS,
];

const SCALARS: &[&str] = &[
    "_Bool",
    "char",
    "signed char",
    "unsigned char",
    "short",
    "unsigned short",
    "int",
    "unsigned",
    "long",
    "unsigned long",
    "long long",
    "float",
    "double",
    "long double",
    "_Float16",
    "__float128",
    "__int128",
    "unsigned __int128",
    "void *",
];

const BIT_FIELD_TYPES: [(&str, u16); 12] = [
    ("_Bool", 1),
    ("char", 8),
    ("signed char", 8),
    ("unsigned char", 8),
    ("short", 16),
    ("unsigned short", 16),
    ("int", 32),
    ("unsigned", 32),
    ("long", 64),
    ("unsigned long", 64),
    ("long long", 64),
    ("__int128", 128),
];

/// Bytes a record is filled up to, about.
const SIZES: [u32; 20] = [
    1, 2, 3, 4, 5, 7, 8, 8, 9, 11, 12, 15, 16, 16, 17, 24, 31, 32, 40, 64,
];

/// Values of enumerations: of `unsigned`, `int`, `unsigned long`, `long`.
const VALUES: [&str; 4] = ["1", "-1", "0x100000000", "-0x100000000"];

struct Draw<'r> {
    random: &'r mut Random,
    dialect: Dialect,
    palette: &'static [&'static str],
}

impl Draw<'_> {
    fn signature(&mut self) -> Signature {
        let mut params = Vec::new();
        for (name, most) in [("long", 6), ("double", 8)] {
            if self.random.chance(40) {
                let n = most - self.random.below(4);
                params.extend((0..n).map(|_| CType::Name(name)));
            }
        }
        // In between, not only at the end.
        for _ in 0..1 + self.random.below(4) {
            let end = u32::try_from(params.len()).unwrap_or(0);
            let from_end = if self.random.chance(70) {
                0
            } else {
                self.random.below(end + 1)
            };
            let at = params
                .len()
                .saturating_sub(usize::try_from(from_end).unwrap_or(0));
            let ty = self.value();
            params.insert(at, ty);
        }
        for name in ["long", "double", "float"] {
            if self.random.chance(30) {
                params.push(CType::Name(name));
            }
        }
        let unnamed = self.random.chance(12).then(|| {
            let n = 1 + self.random.below(4);
            (0..n).map(|_| self.value()).collect()
        });
        let ret = self.random.chance(80).then(|| self.value());
        Signature {
            ret,
            params,
            unnamed,
        }
    }

    /// A type that a value can have which is passed.
    fn value(&mut self) -> CType {
        self.palette = self.random.one_or(&PALETTES, SCALARS);
        match self.random.below(100) {
            0..12 => self.scalar(SCALARS),
            12..20 => self.odd(),
            20..24 => self.aligned(1),
            _ => CType::Record(Box::new(self.record(3))),
        }
    }

    fn scalar(&mut self, palette: &[&'static str]) -> CType {
        CType::Name(self.random.one_or(palette, "int"))
    }

    /// Scalars and vectors that are not C's everyday ones.
    fn odd(&mut self) -> CType {
        let Dialect {
            bit_int,
            bf16,
            decimal,
            ext_vector,
            ..
        } = self.dialect;
        match self.random.below(14) {
            0 => CType::Function,
            1 => CType::Enum(self.random.one_or(&VALUES, "1")),
            2..4 => {
                let floats = [
                    "_Complex float",
                    "_Complex double",
                    "_Complex long double",
                    "_Complex _Float16",
                ];
                CType::Name(self.random.one_or(&floats, "_Complex float"))
            }
            4 => {
                let ints = [
                    "_Complex char",
                    "_Complex short",
                    "_Complex int",
                    "_Complex long",
                ];
                CType::Name(self.random.one_or(&ints, "_Complex int"))
            }
            5 => CType::ComplexFloat128,
            6 if decimal => {
                let decimals = ["_Decimal32", "_Decimal64", "_Decimal128"];
                CType::Name(self.random.one_or(&decimals, "_Decimal64"))
            }
            6 if bf16 => CType::Name("__bf16"),
            7 | 8 if bit_int => {
                let widths = [
                    2, 7, 8, 9, 17, 31, 33, 63, 64, 65, 70, 127, 128, 129, 192, 256, 300,
                ];
                CType::BitInt {
                    bits: self.random.one_or(&widths, 64),
                    signed: self.random.chance(50),
                }
            }
            9 if ext_vector => {
                if self.random.chance(50) {
                    CType::ExtVector {
                        lane: "_Bool",
                        lanes: 1 + self.random.below(64),
                    }
                } else {
                    let lane = self
                        .random
                        .one_or(&["char", "short", "int", "float", "double"], "float");
                    CType::ExtVector { lane, lanes: 3 }
                }
            }
            _ => self.vector(),
        }
    }

    fn vector(&mut self) -> CType {
        const LANES: [(&str, u32); 8] = [
            ("char", 1),
            ("unsigned short", 2),
            ("int", 4),
            ("long", 8),
            ("float", 4),
            ("double", 8),
            ("_Float16", 2),
            ("__int128", 16),
        ];
        let (lane, size) = self.random.one_or(&LANES, ("int", 4));
        let bytes = if self.is_wide() {
            self.random.one_or(&[32, 32, 64], 32)
        } else {
            self.random.one_or(&[4, 8, 8, 16, 16, 16], 16).max(size)
        };
        let lane = if lane == "__int128" && bytes == 16 && !self.dialect.one_int128 {
            "long"
        } else {
            lane
        };
        CType::Vector { lane, bytes }
    }

    /// Whether something is to be wider than 16 bytes, or aligned so. Seldom: one such argument is enough for a call not to be lowered, or to
    /// have nothing else in its registers.
    fn is_wide(&mut self) -> bool {
        self.random.chance(6)
    }

    /// An alignment that an attribute asks for, in bytes.
    fn alignment(&mut self, usual: u32) -> u32 {
        if self.is_wide() {
            32
        } else {
            self.random.one_or(&[1, 2, 4, 8, 16], usual)
        }
    }

    /// A typedef of anything simple, with an alignment of its own.
    fn aligned(&mut self, levels: u32) -> CType {
        let inner = match self.random.below(4) {
            0 if levels > 0 => CType::Record(Box::new(self.record(levels - 1))),
            1 => self.odd(),
            _ => self.scalar(self.palette),
        };
        let align = if self.is_wide() {
            self.random.one_or(&[32, 64], 32)
        } else {
            self.random.one_or(&[1, 1, 2, 2, 4, 8, 16], 1)
        };
        CType::Aligned(Box::new(inner), align)
    }

    /// A structure or union with `levels` of records inside.
    fn record(&mut self, levels: u32) -> CRecord {
        if self.random.chance(25) {
            self.palette = self.random.one_or(&PALETTES, SCALARS);
        }
        let mut record = CRecord {
            is_union: self.random.chance(20),
            packed: self.random.chance(12),
            ..CRecord::default()
        };
        if self.random.chance(8) {
            record.aligned = Some(self.alignment(8));
        }
        if self.random.chance(8) {
            record.pack = Some(self.random.one_or(&[1, 2, 4, 8], 4));
        }
        let full = self.random.one_or(&SIZES, 16);
        let most = if record.is_union { 3 } else { 8 };
        let mut bits = 0;
        while bits < full * 8 && record.members.len() < most {
            let member = self.member(levels, full, record.pack);
            let own = member_bits(&member.form);
            if own > 64 * 8 && self.random.chance(80) {
                continue;
            }
            bits = if record.is_union {
                (bits + full * 3).max(own)
            } else {
                bits + own
            };
            // What has no bytes must not keep the loop alive.
            bits += u32::from(own == 0);
            record.members.push(member);
        }
        if self.random.chance(2) {
            record.members.clear();
        }
        if !record.is_union && !record.members.is_empty() && self.random.chance(2) {
            let ty = self.scalar(self.palette);
            record.members.push(CMember::of(Form::Flexible(ty)));
        }
        record
    }

    fn member(&mut self, levels: u32, full: u32, pack: Option<u32>) -> CMember {
        let mut member = CMember::of(match self.random.below(100) {
            0..22 => self.bits(),
            22..27 if levels > 0 => Form::Anonymous(self.record(levels - 1)),
            _ => self.plain(levels, full),
        });
        // After the brace of an anonymous record attributes are the record's, which says what it has already: gcc takes the last
        // alignment, clang the greatest.
        if let Form::Anonymous(record) = &mut member.form {
            // A pragma around the outer record holds for it too; see below.
            let is_bits = |member: &&mut CMember| matches!(member.form, Form::Bits { .. });
            let bits = record.members.iter_mut().filter(is_bits);
            bits.for_each(|bits| bits.aligned = None);
            return member;
        }
        member.packed = self.random.chance(5);
        if self.random.chance(5) {
            let align = self.alignment(4);
            // On a bit-field's own `aligned`, smaller than its type's alignment or limited by a pragma, gcc and clang differ in layout.
            let differs =
                matches!(member.form, Form::Bits { .. }) && (align < 16 || pack.is_some());
            member.aligned = (!differs).then_some(align);
        }
        member
    }

    fn bits(&mut self) -> Form {
        let (ty, most) = match self.random.below(12) {
            0 => (CType::Enum(self.random.one_or(&["1", "-1"], "1")), 32),
            1 if self.dialect.bit_int => {
                let bits = u16::try_from(2 + self.random.below(100)).unwrap_or(2);
                (CType::BitInt { bits, signed: true }, bits)
            }
            _ => {
                let (name, most) = self.random.one_or(&BIT_FIELD_TYPES, ("int", 32));
                (CType::Name(name), most)
            }
        };
        let width = match self.random.below(10) {
            0 => 0,
            1 | 2 => most,
            _ => 1 + u16::try_from(self.random.below(u32::from(most))).unwrap_or(0),
        };
        Form::Bits {
            ty,
            width,
            named: width > 0 && self.random.chance(80),
        }
    }

    fn plain(&mut self, levels: u32, full: u32) -> Form {
        let ty = match self.random.below(100) {
            0..62 => self.scalar(self.palette),
            62..68 => self.odd(),
            68..73 => self.aligned(levels.min(1)),
            73..76 => self.atomic(),
            _ if levels > 0 => CType::Record(Box::new(self.record(levels - 1))),
            _ => self.scalar(self.palette),
        };
        let mut lengths = Vec::new();
        if self.random.chance(22) && is_element(&ty) {
            let size = (type_bits(&ty) / 8).max(1);
            let most = (full / size).clamp(1, 9) + 1;
            lengths.push(self.random.below(most + 1));
            if self.random.chance(20) {
                lengths.push(self.random.below(3) + 1);
            }
        }
        Form::Plain { ty, lengths }
    }

    fn atomic(&mut self) -> CType {
        const NAMES: [&str; 8] = [
            "_Bool", "char", "short", "int", "long", "float", "double", "void *",
        ];
        let inner = if self.random.chance(75) {
            self.scalar(&NAMES)
        } else {
            // Sizes that are powers of two: no other record can be atomic.
            const ALIKE: [&[&str]; 6] = [
                &["char"],
                &["short", "unsigned short"],
                &["float"],
                &["int", "float"],
                &["long", "void *"],
                &["double"],
            ];
            let names = self.random.one_or(&ALIKE, &["int"]);
            let most = if names.contains(&"long") || names.contains(&"double") {
                2
            } else {
                3
            };
            let members = (0..1_u32 << self.random.below(most)).map(|_| {
                CMember::of(Form::Plain {
                    ty: self.scalar(names),
                    lengths: Vec::new(),
                })
            });
            let members = members.collect();
            CType::Record(Box::new(CRecord {
                members,
                ..CRecord::default()
            }))
        };
        CType::Atomic(Box::new(inner))
    }
}

/// Whether it can be an element for sure: the size must be a multiple of the alignment.
fn is_element(ty: &CType) -> bool {
    !matches!(ty, CType::Aligned(_, 2..) | CType::Atomic(_))
}
