//! Drawing a signature: which types, how many registers are used up before them.

mod record;
mod rough_size;

use super::random::Random;
use super::{CSignature, CType, Dialect};

/// Returns signature number `index` under `seed`: always the same.
pub fn signature(seed: u64, index: u64, dialect: Dialect) -> CSignature {
    signature_from(&mut Random::new(seed, index), dialect)
}

/// Makes a signature of the numbers that `random` gives.
pub fn signature_from(random: &mut Random, dialect: Dialect) -> CSignature {
    let mut draw = Draw {
        random,
        dialect,
        palette: &[],
    };
    draw.signature()
}

/// The scalars that the members of one record are drawn from: few at a time, so that two classes
/// often share an eightbyte.
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

/// C's real types and a pointer.
pub(crate) const SCALARS: &[&str] = &[
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

/// Values of enumerations: of `unsigned`, `int`, `unsigned long`, `long`.
const VALUES: [&str; 4] = ["1", "-1", "0x100000000", "-0x100000000"];

struct Draw<'r> {
    random: &'r mut Random,
    dialect: Dialect,
    palette: &'static [&'static str],
}

impl Draw<'_> {
    fn signature(&mut self) -> CSignature {
        let mut params = Vec::new();
        let wide = self.dialect.wide_vectors && self.random.chance(20);
        if wide {
            let vector = CType::Vector {
                lane: "float",
                bytes: 32,
            };
            params.extend((0..1 + self.random.below(8)).map(|_| vector.clone()));
        }
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
        let variadic = if wide { 80 } else { 12 };
        let unnamed = self.random.chance(variadic).then(|| {
            let n = 1 + self.random.below(4);
            (0..n).map(|_| self.value()).collect()
        });
        let ret = self.random.chance(80).then(|| self.value());
        CSignature {
            ret,
            params,
            unnamed,
            ms_abi: self.dialect.ms_abi,
        }
    }

    /// Draws the type of a value that is passed.
    fn value(&mut self) -> CType {
        self.palette = self.random.one_or(&PALETTES, SCALARS);
        match self.random.below(100) {
            0..12 => self.scalar(SCALARS),
            12..20 => self.odd(),
            20..24 => self.aligned(1),
            _ => self.record(3).into(),
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
            5 => CType::Name("_Complex __float128"),
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

    /// Draws whether a type is wider than 16 bytes, or aligned to more. This is seldom so: one such
    /// argument is enough for a call not to be lowered, or to have no other argument in its
    /// registers.
    fn is_wide(&mut self) -> bool {
        self.random.chance(6)
    }

    /// Draws an alignment for an attribute, in bytes.
    fn alignment(&mut self, usual: u32) -> u32 {
        if self.is_wide() {
            32
        } else {
            self.random.one_or(&[1, 2, 4, 8, 16], usual)
        }
    }

    /// Draws a typedef of a simple type, with an alignment of its own.
    fn aligned(&mut self, levels: u32) -> CType {
        let inner = match self.random.below(4) {
            0 if levels > 0 => self.record(levels - 1).into(),
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
}
