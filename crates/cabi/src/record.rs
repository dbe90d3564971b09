//! Structures and unions: their members, and the builder that takes C's attributes.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::data_model::{DataModel, Language};
use crate::error::Error;
use crate::layout;
use crate::types::{Kind, MAX_DEPTH, MAX_NODES, Type, check_align};

/// Whether members follow each other or share their place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RecordKind {
    /// `struct`.
    Struct,
    /// `union`.
    Union,
}

/// A bit-field's place inside its container.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BitField {
    /// Width in bits; 0 closes a container.
    pub width: u16,
    /// First byte of the container: the aligned unit of the declared type that holds the first bit.
    pub container: u64,
    /// First bit, counted from the container's first byte, least significant bit first.
    pub shift: u32,
}

/// A member with its place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) ty: Type,
    pub(crate) offset_bits: u64,
    pub(crate) bits: Option<BitField>,
    pub(crate) packed: bool,
    pub(crate) align: Option<u32>,
}

impl Field {
    /// The member's name; `None` for anonymous members and unnamed bit-fields.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The declared type; of a bit-field, the type before the colon.
    #[must_use]
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Where the member starts, in bytes from the start of the record. Of a bit-field, the byte its first bit is in.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset_bits / 8
    }

    /// Where the member starts, in bits.
    #[must_use]
    pub fn offset_bits(&self) -> u64 {
        self.offset_bits
    }

    /// The bit-field's place, if this is one.
    #[must_use]
    pub fn bit_field(&self) -> Option<BitField> {
        self.bits
    }

    /// Whether the member itself was declared `packed`.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        self.packed
    }

    /// The alignment the member's own declaration asked for, in bytes.
    #[must_use]
    pub fn asked_align(&self) -> Option<u32> {
        self.align
    }
}

/// What a record's declaration says besides its members. The layout already follows it; printing C needs to know it.
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
    /// Whether the layout was given ([`RecordBuilder::build_at`]) instead of computed.
    pub given: bool,
}

/// A structure or union, laid out. Made by [`RecordBuilder`].
#[derive(Debug)]
pub struct Record {
    kind: RecordKind,
    tag: Option<Arc<str>>,
    fields: Box<[Field]>,
    size: u64,
    align: u32,
    transparent: bool,
    attributes: Attributes,
    depth: u16,
    nodes: u32,
    hash: u64,
}

impl Record {
    /// Structure or union.
    #[must_use]
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// The tag, if the record has one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The members in the order of their declaration.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The member called `name`, also inside anonymous members; with its offset in bits from the start of this record.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<(&Field, u64)> {
        self.fields
            .iter()
            .find_map(|field| match (field.name(), field.ty.as_record()) {
                (Some(own), _) => (own == name).then_some((field, field.offset_bits)),
                (None, Some(inner)) if field.bits.is_none() => inner
                    .field(name)
                    .map(|(found, at)| (found, field.offset_bits + at)),
                _ => None,
            })
    }

    /// Whether arguments of this union travel as its first member (`transparent_union`).
    #[must_use]
    pub fn is_transparent(&self) -> bool {
        self.transparent
    }

    /// What the declaration says besides the members.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        self.attributes
    }

    /// The alignment of the record as it was declared, in bytes; of the type, `_Atomic` and a typedef's attribute may make another.
    #[must_use]
    pub fn align(&self) -> u32 {
        self.align
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
        let kind = match self.kind {
            RecordKind::Struct => "struct",
            RecordKind::Union => "union",
        };
        write!(f, "{kind} {}", self.tag().unwrap_or("<anonymous>"))
    }
}

/// A member as it is declared, before it has a place.
#[derive(Clone, Debug)]
pub struct Member {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) ty: Type,
    pub(crate) bits: Option<u16>,
    pub(crate) align: Option<u32>,
    pub(crate) packed: bool,
    pub(crate) offset_bits: Option<u64>,
}

impl Member {
    fn new(name: Option<&str>, ty: Type) -> Self {
        Self {
            name: name.map(Arc::from),
            ty,
            bits: None,
            align: None,
            packed: false,
            offset_bits: None,
        }
    }

    /// An ordinary member.
    #[must_use]
    pub fn named(name: &str, ty: Type) -> Self {
        Self::new(Some(name), ty)
    }

    /// An anonymous structure or union, whose members are reached as if they were the outer record's.
    #[must_use]
    pub fn anonymous(ty: Type) -> Self {
        Self::new(None, ty)
    }

    /// A bit-field of `width` bits.
    #[must_use]
    pub fn bit_field(name: &str, ty: Type, width: u16) -> Self {
        Self {
            bits: Some(width),
            ..Self::new(Some(name), ty)
        }
    }

    /// An unnamed bit-field: padding, and with width 0 the end of a container.
    #[must_use]
    pub fn unnamed_bit_field(ty: Type, width: u16) -> Self {
        Self {
            bits: Some(width),
            ..Self::new(None, ty)
        }
    }

    /// `__attribute__((aligned(align)))` or `_Alignas` on the member.
    #[must_use]
    pub fn aligned(mut self, align: u32) -> Self {
        self.align = Some(self.align.unwrap_or(1).max(align));
        self
    }

    /// `__attribute__((packed))` on the member.
    #[must_use]
    pub fn packed(mut self) -> Self {
        self.packed = true;
        self
    }

    /// Places the member `offset` bytes from the start instead of where C's rules would: for [`RecordBuilder::build_at`].
    #[must_use]
    pub fn at(self, offset: u64) -> Self {
        self.at_bit(offset.saturating_mul(8))
    }

    /// As [`Member::at`], for a bit-field that starts at bit `offset_bits`.
    #[must_use]
    pub fn at_bit(mut self, offset_bits: u64) -> Self {
        self.offset_bits = Some(offset_bits);
        self
    }
}

/// Builds a structure or union from its members, with the layout gcc and clang give it.
///
/// # Example
/// ```
/// use cabi::{DataModel, Member, RecordBuilder, Type};
///
/// let flags = RecordBuilder::structure("flags")
///     .member(Member::bit_field("kind", Type::U32, 3))
///     .member(Member::bit_field("count", Type::U32, 30))
///     .build(&DataModel::LP64)?;
/// // `count` would straddle its `unsigned`, so it starts the next one.
/// let (count, at) = flags.as_record().and_then(|r| r.field("count")).unwrap();
/// assert_eq!((at, count.bit_field().unwrap().container, flags.size()), (32, 4, 8));
///
/// // A member of no complete type is refused.
/// let refused = RecordBuilder::structure("odd").field("nothing", Type::VOID).build(&DataModel::LP64);
/// assert_eq!(refused.unwrap_err().to_string(), "struct odd, field nothing: a member needs a complete object type, and void is none");
/// # Ok::<(), cabi::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RecordBuilder {
    pub(crate) kind: RecordKind,
    pub(crate) tag: Option<Arc<str>>,
    pub(crate) members: Vec<Member>,
    pub(crate) packed: bool,
    pub(crate) pack: Option<u32>,
    pub(crate) align: Option<u32>,
    pub(crate) language: Language,
    transparent: bool,
}

impl RecordBuilder {
    fn new(kind: RecordKind, tag: &str) -> Self {
        let tag = (!tag.is_empty()).then(|| Arc::from(tag));
        Self {
            kind,
            tag,
            members: Vec::new(),
            packed: false,
            pack: None,
            align: None,
            language: Language::C,
            transparent: false,
        }
    }

    /// A structure; an empty tag makes it anonymous.
    #[must_use]
    pub fn structure(tag: &str) -> Self {
        Self::new(RecordKind::Struct, tag)
    }

    /// A union; an empty tag makes it anonymous.
    #[must_use]
    pub fn union(tag: &str) -> Self {
        Self::new(RecordKind::Union, tag)
    }

    /// Adds a member with attributes, a bit-field, or an anonymous one.
    #[must_use]
    pub fn member(mut self, member: Member) -> Self {
        self.members.push(member);
        self
    }

    /// Adds an ordinary member.
    #[must_use]
    pub fn field(self, name: &str, ty: Type) -> Self {
        self.member(Member::named(name, ty))
    }

    /// `__attribute__((packed))`: members at the next byte, bit-fields at the next bit.
    #[must_use]
    pub fn packed(mut self) -> Self {
        self.packed = true;
        self
    }

    /// `#pragma pack(n)`: no member is aligned to more than `n` bytes.
    #[must_use]
    pub fn pack(mut self, n: u32) -> Self {
        self.pack = Some(n);
        self
    }

    /// `__attribute__((aligned(align)))` or `alignas` on the record.
    #[must_use]
    pub fn aligned(mut self, align: u32) -> Self {
        self.align = Some(self.align.unwrap_or(1).max(align));
        self
    }

    /// The language of the declaration; C unless said otherwise.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// `__attribute__((transparent_union))`: as an argument it travels as its first member.
    #[must_use]
    pub fn transparent(mut self) -> Self {
        self.transparent = true;
        self
    }

    /// Lays the record out by the rules of `model`.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for a member C does not allow there, [`Error::InvalidAlign`], [`Error::TooLarge`], [`Error::TooComplex`].
    pub fn build(self, model: &DataModel) -> Result<Type, Error> {
        self.check_members()?;
        if let Some(i) = self.members.iter().position(|m| m.offset_bits.is_some()) {
            return Err(self.bad_field(
                i,
                "it has an offset of its own, which only `build_at` takes",
            ));
        }
        let placed = layout::record(&self, model)?;
        self.finish(placed, false)
    }

    /// Takes the layout from the caller: every member has its offset ([`Member::at`]), and the record the given size and alignment in bytes.
    ///
    /// # Errors
    /// As [`RecordBuilder::build`], and [`Error::InvalidField`] for a member without offset, one that ends behind the record, and structure
    /// members that overlap.
    pub fn build_at(self, size: u64, align: u32) -> Result<Type, Error> {
        self.check_members()?;
        let placed = layout::given(&self, size, check_align(align)?)?;
        self.finish(placed, true)
    }

    fn check_members(&self) -> Result<(), Error> {
        if let Some(align) = self.align {
            check_align(align)?;
        }
        if let Some(pack) = self.pack {
            check_align(pack)?;
        }
        for (i, member) in self.members.iter().enumerate() {
            if let Some(align) = member.align {
                check_align(align)?;
            }
            let last = i + 1 == self.members.len();
            if let Some(why) = self.objection(member, last) {
                return Err(self.bad_field(i, why));
            }
        }
        if self.transparent {
            let first = self.members.first().map(|m| m.ty.size());
            let fits = self
                .members
                .iter()
                .all(|m| m.bits.is_none() && Some(m.ty.size()) <= first);
            if self.kind != RecordKind::Union || first.is_none() || !fits {
                return Err(self.bad_record(
                    "a transparent union needs a first member as large as every other",
                ));
            }
        }
        Ok(())
    }

    /// Why C would not have `member`, if so.
    fn objection(&self, member: &Member, last: bool) -> Option<&'static str> {
        if let Some(width) = member.bits {
            return bit_field_objection(member, width);
        }
        match member.ty.kind() {
            Kind::Void => return Some("a member needs a complete object type, and void is none"),
            Kind::Function => return Some("a member cannot be a function; a pointer to one can"),
            Kind::Array(array)
                if array.len.is_none() && (self.kind == RecordKind::Union || !last) =>
            {
                return Some("a flexible array member must be the last member of a structure");
            }
            _ => {}
        }
        if member.name.is_none() && member.ty.as_record().is_none() {
            return Some("only structures and unions can be anonymous members");
        }
        None
    }

    pub(crate) fn bad_field(&self, i: usize, why: &'static str) -> Error {
        let name = self
            .members
            .get(i)
            .and_then(|m| m.name.as_deref())
            .unwrap_or("<anonymous>");
        Error::InvalidField {
            record: self.spelling(),
            field: name.to_string(),
            why,
        }
    }

    pub(crate) fn bad_record(&self, why: &'static str) -> Error {
        Error::InvalidType {
            ty: self.spelling(),
            why,
        }
    }

    pub(crate) fn too_large(&self) -> Error {
        Error::TooLarge {
            ty: self.spelling(),
        }
    }

    fn spelling(&self) -> String {
        let kind = if self.kind == RecordKind::Union {
            "union"
        } else {
            "struct"
        };
        alloc::format!("{kind} {}", self.tag.as_deref().unwrap_or("<anonymous>"))
    }

    fn finish(self, placed: layout::Placed, given: bool) -> Result<Type, Error> {
        let (mut depth, mut nodes) = (0, 1_u32);
        for member in &self.members {
            let (d, n) = member.ty.complexity();
            depth = depth.max(d);
            nodes = nodes.saturating_add(n);
        }
        if depth >= MAX_DEPTH || nodes > MAX_NODES {
            return Err(Error::TooComplex {
                ty: self.spelling(),
            });
        }
        let fields: Box<[Field]> = self
            .members
            .into_iter()
            .zip(placed.fields)
            .map(|(m, (offset_bits, bits))| Field {
                name: m.name,
                ty: m.ty,
                offset_bits,
                bits,
                packed: m.packed,
                align: m.align,
            })
            .collect();
        let mut record = Record {
            kind: self.kind,
            tag: self.tag,
            fields,
            size: placed.size,
            align: placed.align,
            transparent: self.transparent,
            attributes: Attributes {
                packed: self.packed,
                pack: self.pack,
                align: self.align,
                language: self.language,
                given,
            },
            depth: depth + 1,
            nodes,
            hash: 0,
        };
        record.hash = hash_of(&record);
        let (size, align) = (record.size, record.align);
        Ok(Type::new(Kind::Record(Arc::new(record)), size, align))
    }
}

/// Why C would not have `member` as a bit-field of `width` bits, if so.
fn bit_field_objection(member: &Member, width: u16) -> Option<&'static str> {
    use crate::types::Scalar;
    let max = match member.ty.as_scalar() {
        Some(Scalar::Bool) => 1,
        Some(Scalar::Int { bits, .. }) => u16::from(bits),
        Some(Scalar::BitInt { bits, .. }) => bits,
        _ => return Some("a bit-field has an integer type"),
    };
    if width > max {
        Some("a bit-field is not wider than its type")
    } else if width == 0 && member.name.is_some() {
        Some("a bit-field of width 0 has no name")
    } else {
        None
    }
}

/// FNV-1a over what equality compares, so that comparing and interning need not walk the members.
fn hash_of(record: &Record) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
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
