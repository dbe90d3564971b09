//! Structures and unions: members and attributes from clang's declarations, and the comparison of
//! every offset.
//!
//! For a `#pragma pack` in force, libclang shows an attribute without a name, as it may for others.
//! The value of the pragma is found by trying until the layout fits. If none fits, the record is
//! refused with both numbers. To clang the pragma in force at the start of the record counts, to
//! gcc the one at its end.

use cabi::{BitFieldStyle, DataModel, Error, Language, Member, RecordBuilder, RecordRules, Type};
use clang_sys::{CXCursor_AlignedAttr, CXCursor_PackedAttr, CXCursor_UnionDecl, CXType_NullPtr};

use crate::clang::Cursor;
use crate::parse::attributes::{
    Position, RecordAttributes, has_attribute, head, is_before, is_specifier, position,
};
use crate::parse::clang_record::{ClangRecord, difference, fields, mismatch};
use crate::parse::classes::element_of;
use crate::parse::ignored::{IGNORED, Relevance, Subject};
use crate::parse::members::{DeclaredMember, places};
use crate::parse::pods::may_overlap;
use crate::parse::types::{Reader, SEVERAL_ALIGNED, ignored_in_name, is_unnamed, unsupported};
use crate::reason::Reason;

/// Most members that a structure may have. To give the offset of one, libclang looks at all of
/// them, and at the members that they have.
const MAX_MEMBERS: usize = 1 << 14;

struct RecordDefinition<'u> {
    definition: Cursor<'u>,
    stated: ClangRecord<'u>,
    attributes: RecordAttributes,
    /// Bases of a C++ class.
    bases: Vec<Member>,
    declared: Vec<DeclaredMember>,
}

/// Returns the refusal of a record: neither libclang nor the tokens show what gcc's layout needs.
fn hidden(own: &RecordDefinition<'_>) -> Reason {
    unsupported(
        own.definition.ty(),
        "gcc's layout depends on the place of an attribute or the value of `#pragma pack`, which clang's layout does not show",
    )
}

impl<'u> Reader<'u> {
    pub(crate) fn define(&mut self, definition: Cursor<'u>) -> Result<Type, Reason> {
        self.check_errors(definition)?;
        if definition.is_invalid() {
            return Err(Reason::Invalid(format!(
                "{} is not validly defined",
                definition.ty().spelling()
            )));
        }
        self.check_ignored(definition, Subject::Record)?;
        self.check_hidden(definition)?;
        let nameless = self.errors.nameless_members.as_ref();
        if self.records != Some(RecordRules::Clang)
            && let Some(nameless) = nameless
            && (self.pragmas.ignores_nameless || nameless.is_inside(definition))
        {
            let why = if self.pragmas.ignores_nameless {
                "a pragma hides which records have anonymous members for gcc for Windows but not for clang"
            } else {
                "gcc for Windows reads a declaration as an anonymous member, clang does so only with -fms-extensions"
            };
            return Err(unsupported(definition.ty(), why));
        }
        let record = self.look_at(definition)?;
        if let Some(why) = self.unknown_to_gcc(&record.attributes) {
            return Err(unsupported(definition.ty(), why));
        }
        let clang = self.readings(&record)?;
        let first = clang.first().cloned().ok_or_else(|| hidden(&record))?;
        if self.is_as_clang() {
            return Ok(first);
        }
        let why = match record.attributes.transparent {
            true => "gcc ignores its `transparent_union`, and clang does not",
            false => "clang ignores its `transparent_union`, and gcc does not",
        };
        if !self.is_as_gcc() && record.attributes.transparent != record.is_transparent_to_gcc() {
            return Err(unsupported(definition.ty(), why));
        }
        let gcc = self.as_gcc(&record, &clang)?;
        match difference(definition.ty(), &gcc, &first) {
            Some(reason) if !self.is_as_gcc() => return Err(reason),
            Some(reason) => (self.errors).spoils(&definition.ty().canonical().spelling(), &reason),
            None => {}
        }
        Ok(if self.is_as_gcc() { gcc } else { first })
    }

    /// Returns why gcc's layout of a record with `attributes` is not known from clang's.
    fn unknown_to_gcc(&self, attributes: &RecordAttributes) -> Option<&'static str> {
        if self.is_as_clang() {
            return None;
        }
        if attributes.inherited {
            return Some(
                "gcc ignores `packed` and `aligned` before `struct` and in earlier declarations, clang does not",
            );
        }
        if attributes.aligned_again {
            return Some(SEVERAL_ALIGNED);
        }
        if attributes.ms_struct && self.model.max_align_8 < 8 {
            return Some(
                "gcc for i386 aligns members of 8 bytes to 8 by `ms_struct`, which is not supported",
            );
        }
        let is_ignored = attributes.ms_struct && !self.facts.x86 && !self.is_as_gcc();
        is_ignored.then_some("gcc for this machine ignores `ms_struct`, clang does not")
    }

    /// Refuses a declaration with an attribute of [`IGNORED`], and one that may have it.
    pub(crate) fn check_ignored(
        &self,
        declaration: Cursor<'u>,
        subject: Subject,
    ) -> Result<(), Reason> {
        let mut in_names = self.errors.ignored_in_names.iter();
        let entry = in_names.find(|(_, places)| !self.is_as_clang() && places.is_in(declaration));
        if let Some((attribute, _)) = entry {
            return Err(ignored_in_name(attribute));
        }
        let ignored = IGNORED.iter().zip(self.facts.ignored);
        let occurring = self.errors.ignored.iter().zip(self.pragmas.ignored);
        let is_as_ms = self.model.bit_fields == BitFieldStyle::Ms;
        for (((name, subjects, rules, _), is_ignored), (places, occurs)) in ignored.zip(occurring) {
            let matters = match rules {
                Relevance::Always => true,
                Relevance::ToGcc => !self.is_as_clang(),
                Relevance::ToGccForWindows => !self.is_as_clang() && is_as_ms,
            };
            if !is_ignored || !matters || !subjects.contains(&subject) {
                continue;
            }
            if places.is_in(declaration) {
                return Err(Reason::Attribute((*name).to_owned()));
            }
            if occurs && self.pragmas.ignores_unknown {
                let attribute = format!(
                    "{name}, which clang may ignore without a warning because of a pragma,"
                );
                return Err(Reason::Attribute(attribute));
            }
        }
        Ok(())
    }

    /// Refuses a union that may be transparent, and a record whose byte order is not known.
    fn check_hidden(&self, definition: Cursor<'u>) -> Result<(), Reason> {
        if definition.kind() == CXCursor_UnionDecl
            && !self.is_as_clang()
            && self.pragmas.may_hide_transparent()
            && !has_attribute(&head(definition), "transparent_union")
        {
            let why = "a pragma hides which unions have `transparent_union`";
            return Err(unsupported(definition.ty(), why));
        }
        if self.pragmas.storage_order {
            let why = "only gcc has `#pragma scalar_storage_order`";
            return Err(unsupported(definition.ty(), why));
        }
        Ok(())
    }

    fn look_at(&mut self, definition: Cursor<'u>) -> Result<RecordDefinition<'u>, Reason> {
        let ty = definition.ty();
        let fields = ty.fields();
        let is_union = definition.kind() == CXCursor_UnionDecl;
        if !is_union && fields.len() > MAX_MEMBERS {
            let why = "a structure of more than 16384 members is not supported";
            return Err(unsupported(ty, why));
        }
        let bases = self.bases(definition)?;
        // All members are looked at before one fails, so that one run evaluates every alignment.
        let declared: Vec<Result<DeclaredMember, Reason>> =
            fields.iter().map(|field| self.member(*field)).collect();
        let declared = declared.into_iter().collect::<Result<Vec<_>, _>>()?;
        let attributes = RecordAttributes::new(definition, &self.errors);
        if attributes.aligned {
            self.check_greatest(definition, &head(definition))?;
        }
        for (field, member) in fields.iter().zip(&declared) {
            self.check_pod_member(*field, member, attributes.packed)?;
        }
        // The sum is known to be a bounded number only now.
        let n_inner: usize = declared.iter().map(|member| n_members(&member.ty)).sum();
        if !is_union
            && (fields.len() + n_inner).saturating_mul(fields.len()) > MAX_MEMBERS * MAX_MEMBERS
        {
            let why = "a structure with this many members that have members is not supported";
            return Err(unsupported(ty, why));
        }
        let offset = |field: &Cursor<'u>| if is_union { 0 } else { field.offset_bits() };
        let stated = ClangRecord {
            ty,
            size: ty.size(),
            align: ty.align(),
            offsets: fields.iter().map(offset).collect(),
        };
        Ok(RecordDefinition {
            definition,
            attributes,
            stated,
            bases,
            declared,
        })
    }

    /// Returns the record by clang's rules, in each way that gives the layout stated. There is at
    /// least one, without `#pragma pack` or with a value of it that may be in force.
    fn readings(&mut self, record: &RecordDefinition<'u>) -> Result<Vec<Type>, Reason> {
        // If the record is a member itself, Microsoft's compilers heed an alignment of its own even
        // if its members have that anyway.
        let own_align = match record.attributes.aligned && self.model.records == RecordRules::Msvc {
            true => self.own_align(record).ok(),
            false => None,
        };
        let declared = record.declared.iter().map(DeclaredMember::to_clang);
        let members: Vec<_> = record.bases.iter().cloned().chain(declared).collect();
        let lay_out = |pack| self.lay_out(record, &members, pack, own_align);
        let plain = lay_out(None);
        let mut readings: Vec<Type> = plain.iter().cloned().collect();
        // If nothing may pack the record, a difference is final.
        let pragmas = self.pragmas;
        let may_pack = pragmas.pack_argument || (pragmas.pack && record.attributes.unnamed);
        if may_pack && matches!(&plain, Ok(_) | Err(Reason::Mismatch { .. })) {
            let packs = [1, 2, 4, 8, 16].into_iter();
            readings.extend(packs.filter_map(|pack| lay_out(Some(pack)).ok()));
        }
        if readings.is_empty() {
            plain?;
        }
        Ok(readings)
    }

    /// Returns the record as gcc lays it out; `clang` are its readings by clang's rules.
    fn as_gcc(&mut self, record: &RecordDefinition<'u>, clang: &[Type]) -> Result<Type, Reason> {
        let refuse = |why| Err(unsupported(record.definition.ty(), why));
        if self.pragmas.pack && has_pragma(record.definition) {
            return refuse(
                "a `#pragma pack` is inside it: clang uses the value at its beginning, gcc the value at its end",
            );
        }
        if self.pragmas.align && record.attributes.unnamed {
            return refuse("only clang has `#pragma align` and `#pragma options align`");
        }
        let packs = clang.iter().map(|ty| ty.as_record()?.attributes().pack);
        let packs = packs.collect::<Option<Vec<u32>>>().unwrap_or_default();
        if let Some(why) =
            self.pragmas
                .packs_otherwise(&record.declared, record.stated.align, &packs)
        {
            return refuse(why);
        }
        let model = match self.facts.x86 {
            true => record.attributes.model(&self.model),
            // gcc for other machines has no `ms_struct`.
            false => self.model,
        };
        let model = model.with_records(RecordRules::Gcc);
        let mut result: Option<Type> = None;
        for &place in places(&record.declared) {
            let declared = record.declared.iter();
            let members =
                declared.map(|declared| declared.to_gcc(place).ok_or_else(|| hidden(record)));
            let members = members.collect::<Result<Vec<_>, _>>()?;
            let members: Vec<_> = record.bases.iter().cloned().chain(members).collect();
            for clang in clang {
                let known = clang.as_record().map(|record| record.attributes());
                let (pack, align) = known.map_or((None, None), |known| (known.pack, known.align));
                let mut ty = self.build(record, &members, (pack, align), &model)?;
                // The record's own alignment may show in gcc's layout though it does not in
                // clang's.
                if record.attributes.aligned && align.is_none() && ty.align() < clang.align() {
                    let align = Some(self.own_align(record)?);
                    ty = self.build(record, &members, (pack, align), &model)?;
                }
                if let Some(result) = &result
                    && difference(record.definition.ty(), result, &ty).is_some()
                {
                    return Err(hidden(record));
                }
                result = Some(ty);
            }
        }
        result.ok_or_else(|| hidden(record))
    }

    /// Returns the alignment that the record's own `aligned` asks for.
    fn own_align(&mut self, record: &RecordDefinition<'u>) -> Result<u32, Reason> {
        let printed = record.definition.printed();
        let head = printed.split('{').next().unwrap_or("");
        let scope = record.definition.parent();
        let greatest = self.alignments(head, scope)?.into_iter().max();
        greatest.ok_or_else(|| hidden(record))
    }

    /// Returns the record with `pack` in force, if that gives the record the layout stated.
    /// `own_align` is the record's own alignment, if that is known.
    fn lay_out(
        &self,
        record: &RecordDefinition<'u>,
        members: &[Member],
        pack: Option<u32>,
        own_align: Option<u32>,
    ) -> Result<Type, Reason> {
        let model = record.attributes.model(&self.facts.model);
        let build = |align| self.build(record, members, (pack, align), &model);
        let mut ty = build(own_align)?;
        // The value of the record's own `aligned` is the alignment it has, if the members alone
        // would give it less.
        if record.attributes.aligned
            && let Ok(align) = u32::try_from(record.stated.align)
            && align > ty.align()
        {
            ty = build(Some(align))?;
        }
        mismatch(&record.stated, &ty).map_or(Ok(ty), Err)
    }

    fn build(
        &self,
        record: &RecordDefinition<'u>,
        members: &[Member],
        (pack, align): (Option<u32>, Option<u32>),
        model: &DataModel,
    ) -> Result<Type, Error> {
        let declared = &record.attributes;
        let spelling = record.definition.ty().canonical().spelling();
        let tag = spelling.rsplit([' ', ':']).next();
        let tag = tag.filter(|_| !is_unnamed(&spelling)).unwrap_or("");
        let mut builder = match record.definition.kind() {
            CXCursor_UnionDecl => RecordBuilder::union(tag),
            _ => RecordBuilder::structure(tag),
        };
        if declared.packed {
            builder = builder.packed();
        }
        if self.facts.cxx {
            builder = builder.language(Language::Cxx);
        }
        let is_transparent = match model.records {
            RecordRules::Gcc => record.is_transparent_to_gcc(),
            _ => declared.transparent,
        };
        if is_transparent {
            builder = builder.transparent();
        }
        builder = pack.into_iter().fold(builder, RecordBuilder::pack);
        builder = align.into_iter().fold(builder, RecordBuilder::aligned);
        let builder = members.iter().cloned().fold(builder, RecordBuilder::member);
        builder.build(model)
    }

    fn member(&mut self, field: Cursor<'u>) -> Result<DeclaredMember, Reason> {
        let name = Some(field.name()).filter(|name| !name.is_empty() && !is_unnamed(name));
        let inside = |reason: Reason| {
            let name = name.as_deref().unwrap_or("<anonymous>");
            reason.inside(format!("field {name}"))
        };
        let ty = self.ty(field.ty()).map_err(inside)?;
        let is_padding = self.facts.x86_64 && self.records != Some(RecordRules::Gcc);
        if element_of(field.ty()).kind() == CXType_NullPtr && is_padding {
            let why = "in records clang passes it as padding by the System V convention, gcc as a pointer";
            return Err(inside(unsupported(field.ty(), why)));
        }
        // The member has no place of its own, like an empty base.
        let is_empty = ty.as_record().is_some() && fields(&ty).is_empty();
        let is_base = is_empty && may_overlap(field);
        let width = match field.is_bit_field() {
            true => Some(u16::try_from(field.bit_width()).map_err(|_| {
                let why = "its width is not supported";
                inside(unsupported(field.ty(), why))
            })?),
            false => None,
        };
        let record = field.ty().declaration();
        let place = |attribute: Cursor<'u>| {
            if self.is_as_clang() {
                Position::Declaration
            } else if name.is_none() && is_before(attribute, record) && !is_specifier(attribute) {
                // gcc ignores an attribute before the word `struct` of an anonymous member.
                Position::Pointee
            } else {
                position(field, field.ty(), attribute)
            }
        };
        let (mut packed, mut aligned) = (Vec::new(), Vec::new());
        for child in field.children() {
            match child.kind() {
                CXCursor_PackedAttr => packed.push(place(child)),
                CXCursor_AlignedAttr => aligned.push(place(child)),
                _ => {}
            }
        }
        let asked = match aligned.is_empty() {
            true => Vec::new(),
            false => self
                .alignments(&field.printed(), field.parent())
                .map_err(inside)?,
        };
        let clang = self.as_clang(field.ty(), &ty).map_err(inside)?;
        Ok(DeclaredMember {
            name: name.filter(|_| !is_base),
            ty,
            clang,
            width,
            packed,
            aligned,
            asked,
        })
    }
}

/// Returns how many members libclang finds in `ty`, which are not those of the elements of arrays.
fn n_members(ty: &Type) -> usize {
    let inner = fields(ty).iter();
    inner.map(|field| 1 + n_members(field.ty())).sum()
}

/// Returns whether a pragma, or a word that expands to one, stands between the braces of
/// `definition`.
fn has_pragma(definition: Cursor<'_>) -> bool {
    let tokens = definition.tokens();
    let is_pragma = |text: &str| ["pragma", "_Pragma", "__pragma"].contains(&text);
    tokens.iter().any(|token| is_pragma(&token.text))
}

impl RecordDefinition<'_> {
    fn is_transparent_to_gcc(&self) -> bool {
        if !self.attributes.transparent && !self.attributes.transparent_to_gcc {
            return false;
        }
        let size = u64::try_from(self.stated.size).unwrap_or(0);
        let members = self.declared.iter().map(|declared| &declared.ty);
        crate::parse::modes::is_transparent_to_gcc(members, size)
    }
}
