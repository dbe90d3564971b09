//! Structures and unions, laid out.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::types::data_model::Language;
pub use crate::types::field::{BitField, Field, Member};
use crate::types::{Kind, Type};

/// Arrangement of members: one after the other, or all at the start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RecordKind {
    /// `struct`.
    Struct,
    /// `union`.
    Union,
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Struct => "struct",
            Self::Union => "union",
        })
    }
}

/// Attributes of a record's declaration. The layout follows them already; they are kept to print C.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Attributes {
    /// `packed`.
    pub packed: bool,
    /// `#pragma pack(n)`, in bytes.
    pub pack: Option<u32>,
    /// `aligned(n)`, in bytes.
    pub align: Option<u32>,
    /// The language of the declaration.
    pub language: Language,
    /// `true` if the layout was given ([`RecordBuilder::build_at`](crate::RecordBuilder::build_at))
    /// instead of computed.
    pub given: bool,
}

impl Attributes {
    pub(crate) const NONE: Self = Self {
        packed: false,
        pack: None,
        align: None,
        language: Language::C,
        given: false,
    };
}

/// A structure or union, laid out. Made by [`RecordBuilder`](crate::RecordBuilder).
#[derive(Debug)]
pub struct Record {
    pub(crate) kind: RecordKind,
    pub(crate) tag: Option<Arc<str>>,
    pub(crate) fields: Box<[Field]>,
    pub(crate) size: u64,
    pub(crate) align: u32,
    /// The alignment that `aligned` asks for somewhere in it. With Microsoft's compilers, `packed`
    /// does not lower it.
    pub(crate) required_align: u32,
    pub(crate) transparent: bool,
    pub(crate) attributes: Attributes,
    pub(crate) depth: u16,
    pub(crate) nodes: u32,
    pub(crate) hash: u64,
    /// The members with names, in the order of their names.
    pub(crate) by_name: Box<[u32]>,
    /// The members without names, apart from bit-fields.
    pub(crate) anonymous: Box<[u32]>,
    /// `true` if a leaf has more than 64 bits.
    pub(crate) wide_leaf: bool,
    /// `true` if all bits are those of unnamed bit-fields, and there is no flexible array.
    pub(crate) all_padding: bool,
}

impl Record {
    /// Returns the kind: structure or union.
    #[must_use]
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// Returns the tag, if the record has one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the members in the order of their declaration.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Returns the member called `name`, also inside anonymous members, and its offset in bits from
    /// the start of this record.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<(&Field, u64)> {
        let field_at = |i: &u32| self.fields.get(usize::try_from(*i).ok()?);
        // The first of the members with an empty name; all other names are unique.
        let start = self
            .by_name
            .partition_point(|i| field_at(i).and_then(Field::name) < Some(name));
        let candidate = self.by_name.get(start).and_then(field_at);
        if let Some(field) = candidate.filter(|field| field.name() == Some(name)) {
            return Some((field, field.offset_bits));
        }
        // A base class is the first member, and its names are hidden.
        let mut anonymous = self.anonymous.iter().rev().filter_map(field_at);
        anonymous.find_map(|field| {
            let (found, at) = field.ty().as_record()?.field(name)?;
            Some((found, field.offset_bits + at))
        })
    }

    /// Returns whether arguments of this union are passed as its first member
    /// (`transparent_union`).
    #[must_use]
    pub fn is_transparent(&self) -> bool {
        self.transparent
    }

    /// Returns the attributes of the declaration.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        self.attributes
    }

    /// Returns the alignment of the record as it was declared, in bytes. `_Atomic` and a typedef's
    /// attribute may give the type another one.
    #[must_use]
    pub fn align(&self) -> u32 {
        self.align
    }

    /// Computes the hash, the lookup tables and the flags from the members, so that later uses need
    /// not walk them.
    pub(crate) fn sealed(mut self) -> Self {
        self.hash = hash_of(&self);
        let indexed = || (0..=u32::MAX).zip(&self.fields);
        let mut names: Vec<(&str, u32)> = indexed()
            .filter_map(|(i, own)| Some((own.name()?, i)))
            .collect();
        names.sort_unstable();
        let by_name = names.into_iter().map(|(_, i)| i).collect();
        let anonymous =
            indexed().filter(|(_, own)| own.name().is_none() && own.declared.bits.is_none());
        let anonymous = anonymous.map(|(i, _)| i).collect();
        (self.by_name, self.anonymous) = (by_name, anonymous);
        self.wide_leaf = self.fields.iter().any(|field| match field.declared.bits {
            Some(width) => width > 64,
            None => has_wide_leaf(field.ty()),
        });
        self.all_padding = self.fields.iter().all(|field| match field.declared.bits {
            Some(width) => field.name().is_none() || width == 0,
            None => is_all_padding(field.ty()),
        });
        self
    }

    pub(crate) fn complexity(&self) -> (u16, u32) {
        (self.depth, self.nodes)
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        // The hash settles nearly all unequal pairs, `Arc`'s own comparison the identical ones.
        self.hash == other.hash
            && self.kind == other.kind
            && self.size == other.size
            && self.align == other.align
            && self.transparent == other.transparent
            && self.attributes == other.attributes
            && self.tag == other.tag
            && self.fields == other.fields
    }
}

impl Eq for Record {}

impl Hash for Record {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.tag().unwrap_or("<anonymous>"))
    }
}

/// Returns whether one of the leaves of `ty` has more than 64 bits. Each record stores its answer.
#[inline]
pub(crate) fn has_wide_leaf(ty: &Type) -> bool {
    if let Kind::Record(record) = ty.kind() {
        return record.wide_leaf;
    }
    let mut ty = ty;
    while let Kind::Array(array) = ty.kind() {
        if matches!(array.len, None | Some(0)) {
            return false;
        }
        ty = &array.elem;
    }
    match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => scalar.value_bits(ty.size()) > 64,
        Kind::Complex(part) => part.value_bits(ty.size() / 2) > 64,
        Kind::Vector(vector) => vector.value_bits(ty.size()) > 64,
        Kind::Record(record) => record.wide_leaf,
        _ => false,
    }
}

/// Returns whether all bits of `ty` are those of unnamed bit-fields, and no leaf is a flexible
/// array. Each record stores its answer.
#[inline]
pub(crate) fn is_all_padding(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Record(record) => record.all_padding,
        Kind::Array(array) => match array.len {
            None => false,
            Some(len) => len == 0 || is_all_padding(&array.elem),
        },
        kind => matches!(kind, Kind::Void | Kind::Function),
    }
}

/// Returns whether clang passes `ty`, a record without data. It does if the record or a type in it
/// is `_Atomic`, or if a member is of a class of C++. An empty base is no member.
pub(crate) fn is_data_to_clang(ty: &Type) -> bool {
    fn is_member(ty: &Type) -> bool {
        match ty.kind() {
            Kind::Array(array) => is_member(&array.elem),
            Kind::Record(record) if record.attributes.language == Language::Cxx => true,
            _ => is_data_to_clang(ty),
        }
    }
    let fields = ty.as_record().map_or(&[][..], Record::fields);
    ty.is_atomic()
        || fields.iter().any(|field| match field.name() {
            Some(_) => field.ty().size() > 0 && is_member(field.ty()),
            None => is_data_to_clang(field.ty()),
        })
}

/// Returns the FNV-1a hash of what equality compares but the attributes, integers a word at a time.
fn hash_of(record: &Record) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.write_u64(u64::from(*byte));
            }
        }
        fn write_u8(&mut self, n: u8) {
            self.write_u64(u64::from(n));
        }
        fn write_u32(&mut self, n: u32) {
            self.write_u64(u64::from(n));
        }
        fn write_u64(&mut self, n: u64) {
            // The low bits of a product do not depend on the high ones.
            self.0 = (self.0 ^ n).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
        }
        fn write_usize(&mut self, n: usize) {
            self.write_u64(n as u64);
        }
    }
    let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
    (
        record.kind,
        &record.tag,
        record.size,
        record.align,
        record.transparent,
    )
        .hash(&mut fnv);
    record.fields.hash(&mut fnv);
    fnv.finish()
}
