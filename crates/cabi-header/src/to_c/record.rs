//! Definitions of structures and unions.
//!
//! Attributes are written as they were declared. A layout is spelled out, packed and with unnamed
//! bit-fields as padding, in two cases:
//!
//! - C's rules do not give it under the data model: offsets set by a front end, Microsoft's
//!   bit-fields elsewhere.
//! - gcc's and clang's rules do not both give it.
//!
//! Unnamed bit-fields are passed as integers by gcc for x86-64
//! ([`Policy::UNNAMED_BIT_FIELDS_COUNT`](cabi::Policy)).

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use cabi::{
    BitFieldStyle, Field, Kind, Language, Record, RecordBuilder, RecordKind, RecordRules, Type,
};

use super::{Emitter, ToCError, is_identifier};

impl Emitter {
    /// Defines `record` unless that is done, and returns its spelling.
    pub(super) fn record(&mut self, record: &Arc<Record>, ty: &Type) -> Result<String, ToCError> {
        if let Some(spelling) = self.records.get(record) {
            return Ok(spelling.clone());
        }
        let body = self.body(record, ty, "", &mut HashSet::new())?;
        let tag = record.tag().filter(|tag| is_identifier(tag));
        let tag = self.unused(tag.unwrap_or("cabi_record"));
        let (push, pop) = pragmas(record, None);
        let spelling = format!("{} {tag}", record.kind());
        self.definitions += &format!("{push}{spelling} {body}{pop}");
        self.records.insert(Arc::clone(record), spelling.clone());
        Ok(spelling)
    }

    /// Returns the members in braces, one a line, and the attributes. `names` are the names taken
    /// in the scope of the outermost record.
    fn body(
        &mut self,
        record: &Record,
        ty: &Type,
        indent: &str,
        names: &mut HashSet<String>,
    ) -> Result<String, ToCError> {
        let declared = record.attributes();
        let is_empty = ty.size() == 1 && record.fields().is_empty();
        if declared.language == Language::Cxx && is_empty {
            return Err(ToCError::not_c(ty, "an empty record has size 0 in C"));
        }
        if !ty.size().is_multiple_of(record.align().into()) {
            let why = "its size is not a multiple of its alignment: C does not have this type";
            return Err(ToCError::not_c(ty, why));
        }
        let (members, packed, align) = if self.follows_rules(record, ty) {
            let members = self.plain_members(record, indent, names)?;
            (members, declared.packed, declared.align)
        } else {
            let members = self.placed_members(record, ty, indent, names)?;
            (members, true, Some(record.align()))
        };
        let attributes = attributes(packed, align, record.is_transparent());
        Ok(format!("{{\n{members}{indent}}}{attributes};\n"))
    }

    /// Returns whether the rules of every compiler for the target, with the declared attributes,
    /// give the record its layout.
    fn follows_rules(&self, record: &Record, ty: &Type) -> bool {
        let pack = record.attributes().pack;
        let has_pragma = pack.is_none_or(|pack| [1, 2, 4, 8, 16].contains(&pack));
        // C has no place for these attributes of a member without name that is no bit-field.
        let is_odd = |field: &Field| {
            field.name().is_none()
                && field.bit_field().is_none()
                && (field.is_packed() || field.asked_align().is_some())
        };
        // In Microsoft's style compilers do not agree on a spelled-out record either. There the
        // text is for the compiler whose rules the model has.
        let rules: &[RecordRules] = match (self.model.bit_fields, &self.model.records) {
            (BitFieldStyle::SysV, _) => &[RecordRules::Gcc, RecordRules::Clang],
            (_, own) => std::slice::from_ref(own),
        };
        let offsets = |record: &Record| -> Vec<u64> {
            let fields = record.fields().iter();
            fields.map(Field::offset_bits).collect()
        };
        let is_same = |rules: &RecordRules| {
            // C's compilers read the text, whatever language the record was declared in.
            let builder = RecordBuilder::from(record).language(Language::C);
            let rebuilt = builder.build(&self.model.with_records(*rules)).ok()?;
            let has_offsets = offsets(rebuilt.as_record()?) == offsets(record);
            Some(has_offsets && rebuilt.size() == ty.size() && rebuilt.align() == record.align())
        };
        has_pragma
            && !record.fields().iter().any(is_odd)
            && rules.iter().all(|rules| is_same(rules) == Some(true))
    }

    /// Returns the members as they were declared.
    fn plain_members(
        &mut self,
        record: &Record,
        indent: &str,
        names: &mut HashSet<String>,
    ) -> Result<String, ToCError> {
        let counts = |field: &&Field| field.name().is_some() || field.bit_field().is_none();
        // gcc wants a named member before a flexible array.
        let is_alone = record.fields().iter().filter(counts).count() == 1;
        let mut lines = String::new();
        for field in record.fields() {
            let attributes = attributes(field.is_packed(), field.asked_align(), false);
            lines += &self.member(field, record, is_alone, &attributes, indent, names)?;
        }
        Ok(lines)
    }

    /// Returns the members at their offsets, in a packed record.
    fn placed_members(
        &mut self,
        record: &Record,
        ty: &Type,
        indent: &str,
        names: &mut HashSet<String>,
    ) -> Result<String, ToCError> {
        let mut lines = String::new();
        let is_struct = record.kind() == RecordKind::Struct;
        let is_closing = |field: &&Field| field.bit_field().is_some_and(|bits| bits.width == 0);
        let fields = record.fields().iter();
        let mut fields: Vec<&Field> = fields.filter(|field| !is_closing(field)).collect();
        if is_struct {
            // A member without bytes comes before the one that starts where it is.
            fields.sort_by_key(|field| (field.offset_bits(), n_bits(field)));
        }
        let mut at = 0;
        for field in fields {
            if is_struct {
                let gap = field.offset_bits().checked_sub(at).ok_or_else(|| {
                    let why = "a member without bytes cannot lie inside another one";
                    ToCError::not_c(ty, why)
                })?;
                lines += &padding(gap, indent, names);
            }
            lines += &self.member(field, record, true, "", indent, names)?;
            at = field.offset_bits() + n_bits(field);
        }
        if is_struct {
            lines += &padding((ty.size() * 8).saturating_sub(at), indent, names);
        } else {
            let deeper = format!("{indent}    ");
            let filler = padding(ty.size() * 8, &deeper, names);
            let packed = attributes(true, None, false);
            lines += &format!("{deeper}struct {{\n{filler}{deeper}}}{packed};\n");
        }
        Ok(lines)
    }

    /// Returns the line of a member of `outer` with `attributes`. With `is_array` a flexible array
    /// gets the length 0. An anonymous member has its definition in place of the line.
    fn member(
        &mut self,
        field: &Field,
        outer: &Record,
        is_array: bool,
        attributes: &str,
        indent: &str,
        names: &mut HashSet<String>,
    ) -> Result<String, ToCError> {
        let (ty, deeper) = (field.ty(), format!("{indent}    "));
        if let (Kind::Record(inner), None, None) = (ty.kind(), field.name(), field.bit_field()) {
            if self.has_own_align(ty) || ty.is_atomic() {
                let why = "an anonymous member cannot have `_Atomic` or its own alignment";
                return Err(ToCError::not_c(ty, why));
            }
            let body = self.body(inner, ty, &deeper, names)?;
            let (push, pop) = pragmas(inner, Some(outer));
            return Ok(format!("{push}{deeper}{} {body}{pop}", inner.kind()));
        }
        let line = match field.name().map(|name| member_name(name, names)) {
            Some(name) if is_array => self.declarator(&unflexible(ty)?, &name)?,
            Some(name) => self.declarator(ty, &name)?,
            None => self.spelling(ty)?,
        };
        let width = field.bit_field().map(|bits| format!(" : {}", bits.width));
        let width = width.unwrap_or_default();
        Ok(format!("{deeper}{line}{width}{attributes};\n"))
    }
}

/// Returns how many bits a member takes.
fn n_bits(field: &Field) -> u64 {
    let bits = field.bit_field().map(|bits| u64::from(bits.width));
    bits.unwrap_or_else(|| field.ty().size() * 8)
}

/// Returns a flexible array member as an array of length 0, which has the same layout and may stand
/// anywhere.
fn unflexible(ty: &Type) -> Result<Type, ToCError> {
    match ty.kind() {
        Kind::Array(array) if array.len.is_none() => Type::array(&array.elem, 0)
            .map_err(|_| ToCError::not_c(ty, "C has no array of these elements")),
        _ => Ok(ty.clone()),
    }
}

/// Returns a name for a member that no other member has.
fn member_name(name: &str, names: &mut HashSet<String>) -> String {
    let numbered = (0_u64..).map(|i| format!("m{i}"));
    let valid = is_identifier(name).then(|| name.to_owned());
    let free = valid
        .into_iter()
        .chain(numbered)
        .find(|name| !names.contains(name))
        .unwrap_or_default();
    names.insert(free.clone());
    free
}

fn attributes(packed: bool, align: Option<u32>, is_transparent: bool) -> String {
    let packed = packed.then(|| "packed".to_owned());
    let align = align.map(|align| format!("aligned({align})"));
    let transparent = is_transparent.then(|| "transparent_union".to_owned());
    let attributes = [packed, align, transparent].into_iter().flatten();
    match attributes.collect::<Vec<_>>().join(", ").as_str() {
        "" => String::new(),
        list => format!(" __attribute__(({list}))"),
    }
}

/// Returns the lines before and after a definition that set its `#pragma pack`, also inside of
/// `outer`. To clang the value at the opening brace counts, to gcc the one at the closing brace.
fn pragmas(record: &Record, outer: Option<&Record>) -> (String, &'static str) {
    let own = record.attributes().pack;
    if own == outer.and_then(|outer| outer.attributes().pack) {
        return (String::new(), "");
    }
    let pack = own.map_or_else(
        || "#pragma pack(push)\n#pragma pack()\n".to_owned(),
        |own| format!("#pragma pack(push, {own})\n"),
    );
    (pack, "#pragma pack(pop)\n")
}

/// Returns `bits` of padding for a packed record.
fn padding(bits: u64, indent: &str, names: &mut HashSet<String>) -> String {
    let mut text = String::new();
    let mut remaining = bits;
    if bits > 64 * 8 {
        // Larger than any vector: the record is passed in memory, whatever its members are.
        let name = member_name("cabi_padding", names);
        let _ = writeln!(text, "{indent}    unsigned char {name}[{}];", bits / 8);
        remaining = 0;
        if !bits.is_multiple_of(8) {
            let first = padding(bits % 8, indent, names);
            text.insert_str(0, &first);
        }
    }
    while remaining > 0 {
        let width = remaining.min(64);
        let _ = writeln!(text, "{indent}    unsigned long long : {width};");
        remaining -= width;
    }
    text
}
