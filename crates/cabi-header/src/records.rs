//! Structures and unions: members and attributes from clang's declarations, and the comparison of every offset.
//!
//! `#pragma pack` leaves no trace in what libclang shows except in the layout. It is found by trying its values until the layout fits;
//! when none does, the record is refused with both numbers.

use cabi::{BitFieldStyle, Language, Member, RecordBuilder, Type};
use clang_sys::{CXCursor_AlignedAttr, CXCursor_PackedAttr, CXCursor_UnionDecl};

use crate::clang::Cursor;
use crate::reason::Reason;
use crate::types::{Reader, is_unnamed, unsupported};

/// How many members a structure may have: libclang looks at all of them to give the offset of one.
const MAX_MEMBERS: usize = 1 << 14;

/// What clang says about a record's layout, to compare with.
struct Stated<'u> {
    definition: Cursor<'u>,
    fields: Vec<Cursor<'u>>,
    /// Bits from the start, of each field.
    offsets: Vec<i64>,
    size: i64,
    align: i64,
}

impl<'u> Reader<'u> {
    /// The record that `definition` defines.
    pub(crate) fn define(&mut self, definition: Cursor<'u>) -> Result<Type, Reason> {
        self.check_errors(definition)?;
        if definition.is_invalid() {
            return Err(Reason::Invalid(format!(
                "{} is not validly defined",
                definition.ty().spelling()
            )));
        }
        self.check_ignored(definition)?;
        let fields = definition.ty().fields();
        let ty = definition.ty();
        let is_union = definition.kind() == CXCursor_UnionDecl;
        if !is_union && fields.len() > MAX_MEMBERS {
            let why = "a structure of more than 16384 members is not supported";
            return Err(unsupported(ty, why));
        }
        let offset = |field: &Cursor<'u>| if is_union { 0 } else { field.offset_bits() };
        let stated = Stated {
            definition,
            size: ty.size(),
            align: ty.align(),
            offsets: fields.iter().map(offset).collect(),
            fields,
        };
        let bases = self.bases(definition)?;
        // All members are looked at before one fails, so that one run evaluates every alignment.
        let members: Vec<Result<Member, Reason>> = stated
            .fields
            .iter()
            .map(|field| self.member(*field))
            .collect();
        let members = bases.into_iter().map(Ok).chain(members);
        let members = members.collect::<Result<Vec<_>, _>>()?;
        let plain = self.lay_out(&stated, &members, None);
        match plain {
            // Where nothing packs, a difference is a difference.
            Err(Reason::Mismatch { .. }) if self.may_pack() => [1, 2, 4, 8, 16]
                .into_iter()
                .find_map(|pack| self.lay_out(&stated, &members, Some(pack)).ok())
                .map_or(plain, Ok),
            _ => plain,
        }
    }

    /// The record with `pack` in force, if that gives it the layout stated.
    fn lay_out(
        &self,
        stated: &Stated<'_>,
        members: &[Member],
        pack: Option<u32>,
    ) -> Result<Type, Reason> {
        let attributes = Attributes::new(stated.definition);
        let mut model = self.model;
        if attributes.ms_struct {
            model.bit_fields = BitFieldStyle::Ms;
        }
        let build = |align: Option<u32>| {
            let mut builder = attributes.builder(stated, pack);
            if self.facts.cxx {
                builder = builder.language(Language::Cxx);
            }
            builder = members.iter().cloned().fold(builder, RecordBuilder::member);
            align
                .into_iter()
                .fold(builder, RecordBuilder::aligned)
                .build(&model)
        };
        let mut ty = build(None)?;
        // The value of the record's own `aligned` is the alignment it has, if the members alone would give it less.
        if attributes.aligned
            && let Ok(align) = u32::try_from(stated.align)
            && align > ty.align()
        {
            ty = build(Some(align))?;
        }
        mismatch(stated, &ty).map_or(Ok(ty), Err)
    }

    /// clang warns about attributes of gcc's that it does not implement, and goes on with another layout than gcc.
    fn check_ignored(&self, definition: Cursor<'u>) -> Result<(), Reason> {
        if self.ignored_attributes.is_empty() {
            return Ok(());
        }
        let (start, end) = definition.extent();
        let mut within = self.ignored_attributes.within(&start, &end);
        if within.next().is_some() {
            return Err(Reason::Attribute("scalar_storage_order".to_owned()));
        }
        Ok(())
    }

    fn member(&mut self, field: Cursor<'u>) -> Result<Member, Reason> {
        let name = Some(field.name()).filter(|name| !name.is_empty() && !is_unnamed(name));
        let inside = |reason: Reason| {
            let name = name.as_deref().unwrap_or("<anonymous>");
            reason.inside(format!("field {name}"))
        };
        let ty = self.ty(field.ty()).map_err(inside)?;
        let width = field
            .is_bit_field()
            .then(|| u16::try_from(field.bit_width()).unwrap_or(u16::MAX));
        let mut member = match (&name, width) {
            (Some(name), Some(width)) => Member::bit_field(name, ty, width),
            (None, Some(width)) => Member::unnamed_bit_field(ty, width),
            (Some(name), None) => Member::named(name, ty),
            (None, None) => Member::anonymous(ty),
        };
        for attribute in field
            .children()
            .into_iter()
            .filter(|child| child.is_attribute())
        {
            if attribute.kind() == CXCursor_PackedAttr {
                member = member.packed();
            }
        }
        let is_aligned = field
            .children()
            .into_iter()
            .any(|child| child.kind() == CXCursor_AlignedAttr);
        if is_aligned {
            let asked: Vec<_> = aligned_expressions(&field.printed())
                .iter()
                .map(|text| self.alignment(text))
                .collect();
            for align in asked {
                let align = align.map_err(inside)?;
                // `_Alignas(0)` has no effect.
                if align != 0 {
                    member = member.aligned(align);
                }
            }
        }
        Ok(member)
    }
}

/// The attributes of a record that change its layout or how it travels.
struct Attributes {
    packed: bool,
    aligned: bool,
    transparent: bool,
    ms_struct: bool,
}

impl Attributes {
    fn new(definition: Cursor<'_>) -> Self {
        let kinds: Vec<_> = definition
            .children()
            .into_iter()
            .filter(|child| child.is_attribute())
            .map(Cursor::kind)
            .collect();
        // libclang has no kind for these two; they are printed between `struct` and the brace.
        let printed = if kinds.is_empty() {
            String::new()
        } else {
            definition.printed()
        };
        let head = printed.split('{').next().unwrap_or("");
        Self {
            packed: kinds.contains(&CXCursor_PackedAttr),
            aligned: kinds.contains(&CXCursor_AlignedAttr),
            transparent: head.contains("transparent_union"),
            ms_struct: head.contains("ms_struct"),
        }
    }

    fn builder(&self, stated: &Stated<'_>, pack: Option<u32>) -> RecordBuilder {
        let spelling = stated.definition.ty().canonical().spelling();
        let tag = if is_unnamed(&spelling) {
            ""
        } else {
            spelling.rsplit([' ', ':']).next().unwrap_or("")
        };
        let mut builder = if stated.definition.kind() == CXCursor_UnionDecl {
            RecordBuilder::union(tag)
        } else {
            RecordBuilder::structure(tag)
        };
        if self.packed {
            builder = builder.packed();
        }
        if self.transparent {
            builder = builder.transparent();
        }
        pack.into_iter().fold(builder, RecordBuilder::pack)
    }
}

/// The first difference between clang's layout and ours.
fn mismatch(stated: &Stated<'_>, ours: &Type) -> Option<Reason> {
    let differs = |what: String, ours: u64, clang: i64| {
        (u64::try_from(clang) != Ok(ours)).then(|| Reason::Mismatch {
            ty: stated.definition.ty().spelling(),
            what,
            ours,
            clang,
        })
    };
    let record = ours.as_record()?;
    // Base classes come first here, and are not among clang's fields.
    let n_bases = record.fields().len().saturating_sub(stated.fields.len());
    for (field, at) in record.fields().iter().skip(n_bases).zip(&stated.offsets) {
        let name = field.name().unwrap_or("<anonymous>");
        if let Some(reason) = differs(
            format!("offset of {name} in bits"),
            field.offset_bits(),
            *at,
        ) {
            return Some(reason);
        }
    }
    differs("size".to_owned(), ours.size(), stated.size).or_else(|| {
        differs(
            "alignment".to_owned(),
            u64::from(ours.align()),
            stated.align,
        )
    })
}

/// The expressions of the `aligned` attributes and `_Alignas` specifiers of a member as clang prints it, `int x _Alignas(8)`;
/// empty for `aligned` alone.
fn aligned_expressions(printed: &str) -> Vec<String> {
    // A record defined in the member's own declaration is printed in front of them.
    let tail = printed.rsplit('}').next().unwrap_or(printed);
    let mut found = Vec::new();
    for start in [
        "__attribute__((aligned",
        "_Alignas",
        "alignas",
        "[[gnu::aligned",
    ] {
        for (at, _) in tail.match_indices(start) {
            let before = tail.get(..at).and_then(|before| before.chars().next_back());
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue; // the end of a longer word, as in `_Alignas`
            }
            let rest = tail.get(at + start.len()..).unwrap_or("");
            found.push(parenthesized(rest).unwrap_or("").to_owned());
        }
    }
    found
}

/// What stands between the first parenthesis of `text`, if it starts with one, and its counterpart.
fn parenthesized(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?;
    let mut depth = 1_u32;
    for (at, c) in inner.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return inner.get(..at);
        }
    }
    None
}
