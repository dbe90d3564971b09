//! The layout of one type: a row for each member, and for each run of bits that no member has.

use std::fmt;

use cabi::{RecordKind, Type};
use cabi_header::{Header, NamedType, TypeSpelling, WrittenType, declared};
use serde::Serialize;

use crate::output::count;

/// A type with its rows.
#[derive(Serialize)]
pub(super) struct Layout {
    name: String,
    /// Bytes of a cache line.
    #[serde(skip)]
    cache_line: u64,
    /// Kind of the type: a structure, a union, or another type as C spells it.
    is: String,
    size: u64,
    align: u32,
    rows: Vec<Row>,
}

/// A member, or bits without one.
#[derive(Serialize)]
#[serde(tag = "row", rename_all = "snake_case")]
enum Row {
    Member(Member),
    /// Between members.
    Hole(Bits),
    /// After the last member.
    Padding(Bits),
}

/// Place of a row, in bits from the start of the type.
#[derive(Clone, Copy, Serialize)]
struct Bits {
    offset_bits: u64,
    width_bits: u64,
}

#[derive(Serialize)]
struct Member {
    name: Option<String>,
    #[serde(rename = "type")]
    ty: String,
    #[serde(flatten)]
    bits: Bits,
    bit_field: bool,
    /// Rows of a record without a name.
    rows: Vec<Row>,
}

impl Bits {
    fn new(start: u64, end: u64) -> Self {
        Self {
            offset_bits: start,
            width_bits: end - start,
        }
    }

    fn end(self) -> u64 {
        self.offset_bits + self.width_bits
    }
}

impl Row {
    fn bits(&self) -> Bits {
        match self {
            Self::Member(member) => member.bits,
            Self::Hole(bits) | Self::Padding(bits) => *bits,
        }
    }
}

impl Layout {
    pub(super) fn of(named: &NamedType, header: &Header) -> Self {
        // A typedef may be aligned otherwise.
        let is_same = |record: &&NamedType| record.ty.as_record() == named.ty.as_record();
        let record = header.records.iter().find(is_same).unwrap_or(named);
        let is = match (named.ty.as_record(), &named.written) {
            (Some(record), _) => keyword(record.kind()).to_owned(),
            (None, WrittenType::Named(name)) => name.clone(),
            (None, _) => {
                let spelled = named.spelled.first();
                spelled.map_or_else(|| named.ty.to_string(), |spelled| spelled.ty.clone())
            }
        };
        Self {
            name: named.name.clone(),
            cache_line: cache_line(&header.target),
            is,
            size: named.ty.size(),
            align: named.ty.align(),
            rows: rows(&named.ty, &record.spelled, 0),
        }
    }
}

/// Returns the rows of a record of `ty` that starts at bit `at`.
fn rows(ty: &Type, spelled: &[TypeSpelling], at: u64) -> Vec<Row> {
    let Some(record) = ty.as_record() else {
        return Vec::new();
    };
    let (mut rows, mut end) = (Vec::new(), at);
    for (i, field) in record.fields().iter().enumerate() {
        let start = at + field.offset_bits();
        if start > end {
            rows.push(Row::Hole(Bits::new(end, start)));
        }
        let width = field.bit_field().map(|bits| u64::from(bits.width));
        let bits = Bits::new(start, start + width.unwrap_or(field.ty().size() * 8));
        let spelled = spelled.get(i);
        let inner = spelled.map_or(&[][..], |spelled| &spelled.members);
        rows.push(Row::Member(Member {
            name: field.name().map(str::to_owned),
            ty: spelled.map_or_else(|| field.ty().to_string(), |spelled| spelled.ty.clone()),
            bits,
            bit_field: width.is_some(),
            rows: match inner.is_empty() {
                true => Vec::new(),
                false => self::rows(element(field.ty()), inner, start),
            },
        }));
        end = end.max(bits.end());
    }
    let size = at + ty.size() * 8;
    if size > end {
        rows.push(Row::Padding(Bits::new(end, size)));
    }
    rows
}

/// Returns the innermost element type of an array.
fn element(ty: &Type) -> &Type {
    match ty.kind() {
        cabi::Kind::Array(array) => element(&array.elem),
        _ => ty,
    }
}

fn keyword(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Union => "union",
        _ => "struct",
    }
}

/// The type as C declares it, each member with its offset and size in bytes. For a bit-field, the
/// byte with its first bit, that bit, and its width.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, is, size, align) = (&self.name, &self.is, self.size, self.align);
        let bytes = count(size, "byte");
        if self.rows.is_empty() && is != "struct" && is != "union" {
            return writeln!(f, "{name}: {is}, {bytes}, aligned to {align}");
        }
        let head = match name.starts_with(is.as_str()) {
            true => format!("{name} {{"),
            false => format!("{name}: {is} {{"),
        };
        let mut lines = vec![(head, "offset    size".to_owned())];
        list(
            &self.rows,
            1,
            &mut (self.cache_line * 8, self.cache_line * 8),
            &mut lines,
        );
        let gaps = |is_hole| gaps(&self.rows, is_hole);
        let mut last = format!("{bytes}, aligned to {align}");
        if let (n @ 1.., bits) = gaps(true) {
            last += &format!("; {}, {}", count(n, "hole"), amount(bits));
        }
        if let (1.., bits) = gaps(false) {
            last += &format!("; padding {}", amount(bits));
        }
        lines.push(("}".to_owned(), last));
        let with_notes = lines.iter().filter(|(_, note)| !note.is_empty());
        let width = with_notes.map(|(text, _)| text.chars().count()).max();
        let width = width.unwrap_or(0).min(56);
        let write = |(text, note): &(String, String)| match note.as_str() {
            "" => writeln!(f, "{text}"),
            note => writeln!(f, "{text:<width$}  /* {note} */"),
        };
        lines.iter().try_for_each(write)
    }
}

/// Returns the bytes of a cache line of most processors for `target`.
fn cache_line(target: &str) -> u64 {
    match target.split('-').collect::<Vec<_>>()[..] {
        ["s390x", ..] => 256,
        ["arm64" | "aarch64", "apple", ..] => 128,
        _ => 64,
    }
}

/// Adds the lines of `rows`, each with the text of C and a note. A line marks where the `next`
/// cache line begins, or has begun inside the member before. Each cache line has `line` bits.
fn list(
    rows: &[Row],
    depth: usize,
    (next, line): &mut (u64, u64),
    lines: &mut Vec<(String, String)>,
) {
    let indent = "    ".repeat(depth);
    for row in rows {
        let bits = row.bits();
        if bits.offset_bits >= *next && bits.width_bits > 0 {
            let n = bits.offset_bits / *line;
            let (start, ago) = (n * *line / 8, bits.offset_bits % *line);
            let ago = match ago {
                0 => String::new(),
                ago => format!(", {} before this", amount(ago)),
            };
            let mark = format!("{indent}/* --- cache line {n} begins at {start}{ago} --- */");
            lines.push((mark, String::new()));
            *next = (n + 1) * *line;
        }
        let (at, width) = (column(bits.offset_bits), bits.width_bits);
        let Row::Member(member) = row else {
            let is_hole = matches!(row, Row::Hole(_));
            let what = if is_hole { "hole" } else { "padding" };
            lines.push((String::new(), format!("{at} {what} of {}", amount(width))));
            continue;
        };
        let (note, colon) = match member.bit_field {
            true => (count(width, "bit"), format!(" : {width}")),
            false => ((width / 8).to_string(), String::new()),
        };
        let note = format!("{at} {note:>7}");
        let (name, ty) = (member.name.as_deref().unwrap_or(""), &member.ty);
        if member.rows.is_empty() {
            lines.push((format!("{indent}{}{colon};", declared(ty, name)), note));
            continue;
        }
        let (before, after) = ty.split_once("{..}").unwrap_or((ty, ""));
        lines.push((format!("{indent}{before}{{"), String::new()));
        list(&member.rows, depth + 1, &mut (*next, *line), lines);
        let blank = if name.is_empty() { "" } else { " " };
        lines.push((format!("{indent}}}{blank}{name}{after};"), note));
    }
}

/// Returns an offset, in the width of its column.
fn column(bits: u64) -> String {
    match bits % 8 {
        0 => format!("{:>4}  ", bits / 8),
        bit => format!("{:>4}:{bit}", bits / 8),
    }
}

fn amount(bits: u64) -> String {
    match bits % 8 {
        0 => count(bits / 8, "byte"),
        _ => count(bits, "bit"),
    }
}

/// Returns the number of holes, or of runs of padding, and their bits. Those of an array of records
/// count once per element, and a flexible array has none.
fn gaps(rows: &[Row], of_holes: bool) -> (u64, u64) {
    let counts = rows.iter().map(|row| match row {
        Row::Hole(bits) if of_holes => (1, bits.width_bits),
        Row::Padding(bits) if !of_holes => (1, bits.width_bits),
        Row::Member(member) => {
            let (n, bits) = gaps(&member.rows, of_holes);
            let end = member.rows.iter().map(|row| row.bits().end()).max();
            let size = end.map_or(0, |end| end - member.bits.offset_bits);
            let times = member.bits.width_bits.checked_div(size).unwrap_or(0);
            (n.saturating_mul(times), bits.saturating_mul(times))
        }
        _ => (0, 0),
    });
    counts.fold((0, 0), |(n, sum), (m, bits)| {
        (n.saturating_add(m), sum.saturating_add(bits))
    })
}
