//! Builds structures and unions from their members, with C's attributes; refuses what C would.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::scalar::Scalar;
use crate::types::data_model::Language;
use crate::types::error::Error;
use crate::types::record::{Attributes, RecordKind};
use crate::types::{Kind, Type, check_align};

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

    /// An ordinary member. No two members have one name, but several may have the empty one (a tuple's).
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
    pub(crate) attributes: Attributes,
    pub(crate) transparent: bool,
}

impl RecordBuilder {
    fn new(kind: RecordKind, tag: &str) -> Self {
        let tag = (!tag.is_empty()).then(|| Arc::from(tag));
        Self {
            kind,
            tag,
            members: Vec::new(),
            attributes: Attributes::NONE,
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
        self.attributes.packed = true;
        self
    }

    /// `#pragma pack(n)`: no member is aligned to more than `n` bytes.
    #[must_use]
    pub fn pack(mut self, n: u32) -> Self {
        self.attributes.pack = Some(n);
        self
    }

    /// `__attribute__((aligned(align)))` or `alignas` on the record.
    #[must_use]
    pub fn aligned(mut self, align: u32) -> Self {
        self.attributes.align = Some(self.attributes.align.unwrap_or(1).max(align));
        self
    }

    /// The language of the declaration; C unless said otherwise.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.attributes.language = language;
        self
    }

    /// `__attribute__((transparent_union))`: as an argument it is passed as its first member.
    #[must_use]
    pub fn transparent(mut self) -> Self {
        self.transparent = true;
        self
    }

    pub(super) fn check_members(&self) -> Result<(), Error> {
        if let Some(align) = self.attributes.align {
            check_align(align)?;
        }
        if let Some(pack) = self.attributes.pack {
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
            if let Some((width, max)) = too_wide(member) {
                return Err(Error::BitFieldWidth {
                    record: self.spelling(),
                    field: self.name_of(i).to_string(),
                    width,
                    ty: member.ty.to_string(),
                    max,
                });
            }
        }
        self.check_names()?;
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

    /// Refuses two members of one name, also where anonymous records have them.
    fn check_names(&self) -> Result<(), Error> {
        let mut names = Vec::new();
        for member in &self.members {
            add_names(member.name.as_deref(), &member.ty, &mut names);
        }
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair.first() == pair.last());
        match twice.and_then(<[_]>::first) {
            None => Ok(()),
            Some(name) => Err(Error::InvalidField {
                record: self.spelling(),
                field: name.to_string(),
                why: "another member has its name",
            }),
        }
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
        Error::InvalidField {
            record: self.spelling(),
            field: self.name_of(i).to_string(),
            why,
        }
    }

    pub(crate) fn name_of(&self, i: usize) -> &str {
        let name = self.members.get(i).and_then(|m| m.name.as_deref());
        name.unwrap_or("<anonymous>")
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

    pub(crate) fn spelling(&self) -> String {
        let kind = if self.kind == RecordKind::Union {
            "union"
        } else {
            "struct"
        };
        alloc::format!("{kind} {}", self.tag.as_deref().unwrap_or("<anonymous>"))
    }
}

/// Adds the names by which C reaches a member of `ty`: its own, or those of an anonymous record's members. An empty name is none of C's.
fn add_names<'a>(name: Option<&'a str>, ty: &'a Type, names: &mut Vec<&'a str>) {
    match (name, ty.as_record()) {
        (Some(""), _) => {}
        (Some(name), _) => names.push(name),
        (None, Some(record)) => {
            for field in record.fields() {
                add_names(field.name(), field.ty(), names);
            }
        }
        (None, None) => {}
    }
}

/// The width of a bit-field and the bits of its type, if these are fewer.
fn too_wide(member: &Member) -> Option<(u16, u16)> {
    let max = match member.ty.as_scalar()? {
        Scalar::Bool => 1,
        Scalar::Int { bits, .. } => u16::from(bits),
        Scalar::BitInt { bits, .. } => bits,
        _ => return None,
    };
    member
        .bits
        .filter(|width| *width > max)
        .map(|width| (width, max))
}

/// Why C would not have `member` as a bit-field of `width` bits, if so, apart from one that is too wide.
fn bit_field_objection(member: &Member, width: u16) -> Option<&'static str> {
    match member.ty.as_scalar() {
        Some(Scalar::Bool | Scalar::Int { .. } | Scalar::BitInt { .. }) => {}
        _ => return Some("a bit-field has an integer type"),
    }
    (width == 0 && member.name.is_some()).then_some("a bit-field of width 0 has no name")
}
