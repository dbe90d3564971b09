//! Drawing a record: its members, their attributes, bit-fields and arrays.

use super::rough_size::{member_bits, type_bits};
use super::{Draw, PALETTES, SCALARS};
use crate::generate::{CMember, CRecord, CType, Form};

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

impl Draw<'_> {
    /// Draws a structure or union with `levels` of records inside.
    pub(super) fn record(&mut self, levels: u32) -> CRecord {
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
            let n_bits = member_bits(&member.form);
            if n_bits > 64 * 8 && self.random.chance(80) {
                continue;
            }
            bits = if record.is_union {
                (bits + full * 3).max(n_bits)
            } else {
                bits + n_bits
            };
            // A member without bytes must not keep the loop alive.
            bits += u32::from(n_bits == 0);
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
        // Attributes after the brace of an anonymous record are the record's, which may have one
        // already: gcc takes the last alignment, clang the greatest.
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
            // On a bit-field's own `aligned`, smaller than its type's alignment or limited by a
            // pragma, gcc and clang differ in layout.
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
            _ if levels > 0 => self.record(levels - 1).into(),
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
            let n_members = 1_u32 << self.random.below(most);
            CType::structure((0..n_members).map(|_| Form::plain(self.scalar(names))))
        };
        CType::Atomic(Box::new(inner))
    }
}

/// Checks whether it can be an element for sure: the size must be a multiple of the alignment.
fn is_element(ty: &CType) -> bool {
    !matches!(ty, CType::Aligned(_, 2..) | CType::Atomic(_))
}
