//! Builds structures and unions from their members, with C's attributes; refuses members that C
//! refuses.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::scalar::Scalar;
use crate::types::data_model::Language;
use crate::types::error::Error;
use crate::types::record::{Attributes, Member, Record, RecordKind};
use crate::types::{Kind, Type, check_align};

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
/// let refused = RecordBuilder::structure("odd")
///     .field("nothing", Type::VOID)
///     .build(&DataModel::LP64);
/// assert_eq!(
///     refused.unwrap_err().to_string(),
///     "struct odd, field nothing: a member cannot be void"
/// );
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

    /// Returns a structure; an empty tag makes it anonymous.
    #[must_use]
    pub fn structure(tag: &str) -> Self {
        Self::new(RecordKind::Struct, tag)
    }

    /// Returns a union; an empty tag makes it anonymous.
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

    /// Adds `__attribute__((packed))`: members at the next byte, bit-fields at the next bit.
    #[must_use]
    pub fn packed(mut self) -> Self {
        self.attributes.packed = true;
        self
    }

    /// Applies `#pragma pack(n)`: no member is aligned to more than `n` bytes.
    #[must_use]
    pub fn pack(mut self, n: u32) -> Self {
        self.attributes.pack = Some(n);
        self
    }

    /// Adds `__attribute__((aligned(align)))` or `alignas` to the record.
    #[must_use]
    pub fn aligned(mut self, align: u32) -> Self {
        self.attributes.align = Some(self.attributes.align.unwrap_or(1).max(align));
        self
    }

    /// Sets the language of the declaration; C unless said otherwise.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.attributes.language = language;
        self
    }

    /// Adds `__attribute__((transparent_union))`: as an argument it is passed as its first member.
    #[must_use]
    pub fn transparent(mut self) -> Self {
        self.transparent = true;
        self
    }

    pub(crate) fn is_union(&self) -> bool {
        self.kind == RecordKind::Union
    }

    pub(super) fn check_members(&self) -> Result<(), Error> {
        let of_record = [self.attributes.align, self.attributes.pack];
        let of_members = self.members.iter().map(|member| member.align);
        for align in of_record.into_iter().chain(of_members).flatten() {
            check_align(align)?;
        }
        for (i, member) in self.members.iter().enumerate() {
            let is_last = i + 1 == self.members.len();
            if let Some(why) = self.objection(member, is_last) {
                return Err(self.bad_field(member.label(), why));
            }
        }
        self.check_names()?;
        if self.transparent {
            let first = self.members.first().filter(|m| m.bits.is_none());
            let first = first.map(|m| m.ty.size());
            let fits = |m: &Member| Some(m.ty.size()) <= first;
            if !self.is_union() || first.is_none() || !self.members.iter().all(fits) {
                let why =
                    "a transparent union needs a first member at least as large as every other";
                return Err(self.bad_record(why));
            }
        }
        Ok(())
    }

    /// Refuses two members of one name, also where anonymous records have them. Base classes of C++
    /// are anonymous members with a tag; their names are hidden.
    fn check_names(&self) -> Result<(), Error> {
        let mut names = Vec::new();
        let is_cxx = self.attributes.language == Language::Cxx;
        let has_tag = |ty: &Type| ty.as_record().is_some_and(|record| record.tag().is_some());
        let is_base = |member: &&Member| is_cxx && member.name.is_none() && has_tag(&member.ty);
        for member in self.members.iter().filter(|member| !is_base(member)) {
            add_names(member.name.as_deref(), &member.ty, &mut names);
        }
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair.first() == pair.last());
        match twice.and_then(<[_]>::first) {
            None => Ok(()),
            Some(name) => Err(self.bad_field(name, "another member has the same name")),
        }
    }

    /// Returns why C refuses `member`, if it does.
    fn objection(&self, member: &Member, is_last: bool) -> Option<Cow<'static, str>> {
        if let Some(width) = member.bits {
            return bit_field_objection(member, width);
        }
        let why = match member.ty.kind() {
            Kind::Void => "a member cannot be void",
            Kind::Function => "a member cannot be a function: use a pointer to it",
            Kind::Array(array) if array.len.is_none() && self.kind == RecordKind::Union => {
                "flexible array members of unions (gcc from 15, clang from 19) are not supported"
            }
            Kind::Array(array) if array.len.is_none() && !is_last => {
                "a flexible array member must be the last member of a structure"
            }
            Kind::Record(_) => return None,
            _ if member.name.is_some() => return None,
            _ => "only structures and unions can be anonymous members",
        };
        Some(why.into())
    }

    pub(crate) fn bad_field(&self, field: &str, why: impl Into<Cow<'static, str>>) -> Error {
        Error::InvalidField {
            record: self.spelling(),
            field: field.to_string(),
            why: why.into(),
        }
    }

    pub(crate) fn bad_record(&self, why: &'static str) -> Error {
        Error::InvalidType {
            ty: self.spelling(),
            why,
        }
    }

    pub(crate) fn spelling(&self) -> String {
        let tag = self.tag.as_deref().unwrap_or("<anonymous>");
        format!("{} {tag}", self.kind)
    }
}

/// The declaration of a record, to be built again by C's rules, even if its layout was given.
impl From<&Record> for RecordBuilder {
    fn from(record: &Record) -> Self {
        let fields = record.fields.iter();
        Self {
            kind: record.kind,
            tag: record.tag.clone(),
            members: fields.map(|field| field.declared.clone()).collect(),
            attributes: record.attributes,
            transparent: record.transparent,
        }
    }
}

/// Adds the names by which C reaches a member of `ty`: its own, or those of an anonymous record's
/// members. An empty name is none of C's.
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

/// Returns why C refuses `member` as a bit-field of `width` bits, if it does.
fn bit_field_objection(member: &Member, width: u16) -> Option<Cow<'static, str>> {
    let ty = &member.ty;
    let max = match ty.as_scalar() {
        Some(Scalar::Bool) => 1,
        Some(Scalar::Int { bits, .. }) => u16::from(bits),
        Some(Scalar::BitInt { bits, .. }) => bits,
        _ => return Some("a bit-field needs an integer type".into()),
    };
    match width {
        0 if member.name.is_some() => Some("a bit-field of width 0 cannot have a name".into()),
        _ if width <= max => None,
        _ => Some(
            format!("a bit-field of {width} bits is wider than its type, {ty}, which has {max}")
                .into(),
        ),
    }
}
