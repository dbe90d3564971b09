//! Definitions of structures and unions.
//!
//! Attributes are written as they were declared. A layout that C's rules do not give under the data model (offsets set by a front end,
//! Microsoft's bit-fields elsewhere), or that gcc's and clang's rules do not both give, is spelled out: packed, with unnamed bit-fields as padding, which no classification looks at.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use cabi::{
    BitFieldStyle, Field, Kind, Language, Member, Record, RecordBuilder, RecordKind, RecordRules,
    Type,
};

use super::{Emitter, ToCError, is_identifier};

impl Emitter {
    /// Defines `record` unless it is, and returns its spelling.
    pub(super) fn record(&mut self, record: &Arc<Record>, ty: &Type) -> Result<String, ToCError> {
        if let Some(spelling) = self.records.get(record) {
            return Ok(spelling.clone());
        }
        let mut names = HashSet::new();
        let body = self.body(record, ty, "", &mut names)?;
        let tag = record
            .tag()
            .filter(|tag| is_identifier(tag))
            .unwrap_or("cabi_record")
            .to_owned();
        let (push, pop) = pragmas(record, None);
        let spelling = format!("{} {}", keyword(record.kind()), self.unused(&tag));
        let attributes = self.attributes(record, ty);
        let _ = write!(
            self.definitions,
            "{push}{spelling} {{\n{body}}}{attributes};\n{pop}"
        );
        self.records.insert(Arc::clone(record), spelling.clone());
        Ok(spelling)
    }

    /// The members, one a line. `names` are those taken in the scope of the outermost record.
    fn body(
        &mut self,
        record: &Record,
        ty: &Type,
        indent: &str,
        names: &mut HashSet<String>,
    ) -> Result<String, ToCError> {
        if record.attributes().language == Language::Cxx
            && ty.size() == 1
            && record.fields().is_empty()
        {
            return Err(ToCError::not_c(ty, "an empty record has size 0 in C"));
        }
        if self.follows_rules(record, ty) {
            self.plain_body(record, indent, names)
        } else {
            self.explicit_body(record, ty, indent, names)
        }
    }

    fn attributes(&self, record: &Record, ty: &Type) -> String {
        let mut list = Vec::new();
        let declared = record.attributes();
        if self.follows_rules(record, ty) {
            list.extend(declared.packed.then(|| "packed".to_owned()));
            list.extend(declared.align.map(|align| format!("aligned({align})")));
        } else {
            list.extend(["packed".to_owned(), format!("aligned({})", record.align())]);
        }
        list.extend(
            record
                .is_transparent()
                .then(|| "transparent_union".to_owned()),
        );
        attribute(&list)
    }

    /// Whether the rules of every compiler for the target, with the declared attributes, give the record its layout.
    fn follows_rules(&self, record: &Record, ty: &Type) -> bool {
        let declared = record.attributes();
        let has_pragma = declared
            .pack
            .is_none_or(|pack| [1, 2, 4, 8, 16].contains(&pack));
        // C has no place for these attributes of a member without name that is no bit-field.
        let is_odd = |field: &Field| {
            field.name().is_none()
                && field.bit_field().is_none()
                && (field.is_packed() || field.asked_align().is_some())
        };
        // In Microsoft's style a record that is spelled out is no more alike: there the text is for the compiler whose rules the model has.
        let rules: &[RecordRules] = match (self.model.bit_fields, &self.model.records) {
            (BitFieldStyle::SysV, _) => &[RecordRules::Gcc, RecordRules::Clang],
            (_, own) => std::slice::from_ref(own),
        };
        let mut again = rules
            .iter()
            .map(|rules| rebuild(record).build(&self.model.with_records(*rules)));
        has_pragma
            && !record.fields().iter().any(is_odd)
            && again.all(|again| again.is_ok_and(|again| has_layout(&again, record, ty)))
    }

    fn plain_body(
        &mut self,
        record: &Record,
        indent: &str,
        names: &mut HashSet<String>,
    ) -> Result<String, ToCError> {
        let mut body = String::new();
        let counts = |field: &&Field| field.name().is_some() || field.bit_field().is_none();
        let is_alone = record.fields().iter().filter(counts).count() == 1;
        for field in record.fields() {
            if let (Kind::Record(inner), None, None) =
                (field.ty().kind(), field.name(), field.bit_field())
            {
                body += &self.anonymous(inner, field.ty(), record, indent, names)?;
                continue;
            }
            let name = field.name().map(|name| member_name(name, names));
            let mut line = match (field.ty().kind(), &name) {
                // gcc wants a named member before a flexible array.
                (Kind::Array(_), Some(name)) if is_alone => {
                    self.declarator(&unflexible(field.ty())?, name)?
                }
                (_, Some(name)) => self.declarator(field.ty(), name)?,
                (_, None) => self.specifier(field.ty())?,
            };
            if let Some(bits) = field.bit_field() {
                let _ = write!(line, " : {}", bits.width);
            }
            let mut list = Vec::new();
            list.extend(field.is_packed().then(|| "packed".to_owned()));
            list.extend(field.asked_align().map(|align| format!("aligned({align})")));
            let _ = writeln!(body, "{indent}    {line}{};", attribute(&list));
        }
        Ok(body)
    }

    /// An anonymous member, whose definition has to stand in its place.
    fn anonymous(
        &mut self,
        inner: &Record,
        ty: &Type,
        outer: &Record,
        indent: &str,
        names: &mut HashSet<String>,
    ) -> Result<String, ToCError> {
        if self.has_own_align(ty) || ty.is_atomic() {
            return Err(ToCError::not_c(
                ty,
                "an anonymous member has no place for an alignment of its own or `_Atomic`",
            ));
        }
        let deeper = format!("{indent}    ");
        let body = self.body(inner, ty, &deeper, names)?;
        let (push, pop) = pragmas(inner, Some(outer));
        Ok(format!(
            "{push}{deeper}{} {{\n{body}{deeper}}}{};\n{pop}",
            keyword(inner.kind()),
            self.attributes(inner, ty)
        ))
    }

    /// Members at the offsets they have, in a packed record.
    fn explicit_body(
        &mut self,
        record: &Record,
        ty: &Type,
        indent: &str,
        names: &mut HashSet<String>,
    ) -> Result<String, ToCError> {
        let mut body = String::new();
        let is_struct = record.kind() == RecordKind::Struct;
        let mut fields: Vec<&Field> = record.fields().iter().collect();
        if is_struct {
            // A member without bytes comes before the one that starts where it is.
            fields.sort_by_key(|field| (field.offset_bits(), n_bits(field)));
        }
        let mut at = 0;
        for field in fields {
            let is_closing = field.bit_field().is_some_and(|bits| bits.width == 0);
            if is_closing {
                continue;
            }
            if is_struct {
                let gap = field.offset_bits().checked_sub(at).ok_or_else(|| {
                    let why = "a member without bytes cannot lie inside another one";
                    ToCError::not_c(ty, why)
                })?;
                body += &padding(gap, indent, names);
            }
            body += &self.placed_member(field, record, indent, names)?;
            at = field.offset_bits() + n_bits(field);
        }
        if is_struct {
            body += &padding((ty.size() * 8).saturating_sub(at), indent, names);
        } else {
            let deeper = format!("{indent}    ");
            let rest = padding(ty.size() * 8, &deeper, names);
            let _ = writeln!(
                body,
                "{deeper}struct {{\n{rest}{deeper}}} __attribute__((packed));"
            );
        }
        Ok(body)
    }

    /// The line of a member of a packed record.
    fn placed_member(
        &mut self,
        field: &Field,
        record: &Record,
        indent: &str,
        names: &mut HashSet<String>,
    ) -> Result<String, ToCError> {
        let ty = field.ty();
        let name = field.name().map(|name| member_name(name, names));
        let line = match (field.bit_field(), name) {
            (Some(bits), Some(name)) => {
                format!("{} : {}", self.declarator(ty, &name)?, bits.width)
            }
            (Some(bits), None) => format!("{} : {}", self.specifier(ty)?, bits.width),
            (None, Some(name)) => self.declarator(&unflexible(ty)?, &name)?,
            (None, None) => {
                let Kind::Record(inner) = ty.kind() else {
                    let why = "only records can be anonymous members";
                    return Err(ToCError::not_c(ty, why));
                };
                return self.anonymous(inner, ty, record, indent, names);
            }
        };
        Ok(format!("{indent}    {line};\n"))
    }
}

/// How many bits a member takes.
fn n_bits(field: &Field) -> u64 {
    let bits = field.bit_field().map(|bits| u64::from(bits.width));
    bits.unwrap_or_else(|| field.ty().size() * 8)
}

/// A flexible array member as an array of length 0, which has the same layout and may stand anywhere.
fn unflexible(ty: &Type) -> Result<Type, ToCError> {
    match ty.kind() {
        Kind::Array(array) if array.len.is_none() => Type::array(&array.elem, 0)
            .map_err(|_| ToCError::not_c(ty, "C has no array of these elements")),
        _ => Ok(ty.clone()),
    }
}

/// A name for a member that no other has.
fn member_name(wanted: &str, names: &mut HashSet<String>) -> String {
    let numbered = (0_u64..).map(|i| format!("m{i}"));
    let wanted = is_identifier(wanted).then(|| wanted.to_owned());
    let free = wanted
        .into_iter()
        .chain(numbered)
        .find(|name| !names.contains(name))
        .unwrap_or_default();
    names.insert(free.clone());
    free
}

fn keyword(kind: RecordKind) -> &'static str {
    if kind == RecordKind::Union {
        "union"
    } else {
        "struct"
    }
}

fn attribute(list: &[String]) -> String {
    if list.is_empty() {
        String::new()
    } else {
        format!(" __attribute__(({}))", list.join(", "))
    }
}

/// Lines before and after a definition that give it its `#pragma pack`, also inside of `outer`. clang reads the value at the opening
/// brace, gcc at the closing one.
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

/// `bits` of padding in a packed record.
fn padding(bits: u64, indent: &str, names: &mut HashSet<String>) -> String {
    let mut text = String::new();
    let mut left = bits;
    if bits > 64 * 8 {
        // Larger than any vector: the record is passed in memory whatever its members are.
        let name = member_name("cabi_padding", names);
        let _ = writeln!(text, "{indent}    unsigned char {name}[{}];", bits / 8);
        left = 0;
        if !bits.is_multiple_of(8) {
            let first = padding(bits % 8, indent, names);
            text.insert_str(0, &first);
        }
    }
    while left > 0 {
        let width = left.min(64);
        let _ = writeln!(text, "{indent}    unsigned long long : {width};");
        left -= width;
    }
    text
}

/// The declaration of `record` again.
fn rebuild(record: &Record) -> RecordBuilder {
    let tag = record.tag().unwrap_or("");
    let mut builder = match record.kind() {
        RecordKind::Union => RecordBuilder::union(tag),
        _ => RecordBuilder::structure(tag),
    };
    let declared = record.attributes();
    if declared.packed {
        builder = builder.packed();
    }
    builder = declared.pack.into_iter().fold(builder, RecordBuilder::pack);
    builder = declared
        .align
        .into_iter()
        .fold(builder, RecordBuilder::aligned);
    record
        .fields()
        .iter()
        .map(member)
        .fold(builder, RecordBuilder::member)
}

fn member(field: &Field) -> Member {
    let ty = field.ty().clone();
    let mut member = match (field.name(), field.bit_field()) {
        (Some(name), Some(bits)) => Member::bit_field(name, ty, bits.width),
        (None, Some(bits)) => Member::unnamed_bit_field(ty, bits.width),
        (Some(name), None) => Member::named(name, ty),
        (None, None) => Member::anonymous(ty),
    };
    if field.is_packed() {
        member = member.packed();
    }
    field
        .asked_align()
        .into_iter()
        .fold(member, Member::aligned)
}

fn has_layout(built: &Type, record: &Record, ty: &Type) -> bool {
    let offsets = |record: &Record| {
        record
            .fields()
            .iter()
            .map(Field::offset_bits)
            .collect::<Vec<_>>()
    };
    let same_offsets = built
        .as_record()
        .is_some_and(|built| offsets(built) == offsets(record));
    same_offsets && built.size() == ty.size() && built.align() == record.align()
}
