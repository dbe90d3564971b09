//! From the bytes of an object to its initialiser in C.

use cabi::{Kind, Record, Scalar, Type};
use cabi_header::{Header, Written};

use super::parts::{self, Content, Part};
use super::{bits, float, peek};

/// More of an object that a pointer points to is not shown.
const MAX_POINTEE: u64 = 1 << 16;

/// The value of type `ty` in `bytes`, as C initialises one. Of a union every member is written. Where the header says, as `written` and in
/// its records, that a pointer is to characters or to a record, what it points to follows its address, if it points into this process (`here`).
pub(crate) fn print(
    ty: &Type,
    written: Option<&Written>,
    header: &Header,
    bytes: &[u8],
    here: bool,
) -> String {
    let printer = Printer {
        header,
        bytes,
        here,
        follow: here,
    };
    printer.object(ty, written, 0)
}

struct Printer<'a> {
    header: &'a Header,
    bytes: &'a [u8],
    /// Whether pointers point into this process.
    here: bool,
    /// Whether the records that pointers point to are shown: not those in them.
    follow: bool,
}

impl Printer<'_> {
    fn object(&self, ty: &Type, written: Option<&Written>, at: u64) -> String {
        let bytes = self.bytes;
        match ty.kind() {
            Kind::Scalar(Scalar::Ptr) => {
                let address = bits::get(bytes, at, ty.size() * 8);
                let pointee = match (usize::try_from(address), written) {
                    (Ok(address @ 1..), Some(Written::Pointer(to))) => self.pointee(to, address),
                    _ => None,
                };
                pointer(address) + &pointee.unwrap_or_default()
            }
            Kind::Scalar(s) | Kind::Enum(s) => scalar(*s, bytes, at, s.value_bits(ty.size())),
            Kind::Complex(_) => {
                let numbers = self.parts(ty, None, at);
                let [re, im] = &numbers[..] else {
                    return String::new();
                };
                let (sign, im) = match im.strip_prefix('-') {
                    Some(im) => ('-', im),
                    None => ('+', im.as_str()),
                };
                // `INFINITYi` would be a name of its own.
                let unit = if im.ends_with(['N', 'Y']) {
                    " * I"
                } else {
                    "i"
                };
                format!("{re} {sign} {im}{unit}")
            }
            Kind::Slice => {
                let half = ty.size() * 4;
                let (start, len) = (
                    bits::get(bytes, at, half),
                    bits::get(bytes, at + half, half),
                );
                format!("{{ {}, {len} }}", pointer(start))
            }
            Kind::Array(array) => {
                let string = match array.elem.as_scalar() {
                    Some(Scalar::Int { bits: 8, .. }) => string(bytes, at, array.len.unwrap_or(0)),
                    _ => None,
                };
                string.unwrap_or_else(|| braced(&self.parts(ty, written, at)))
            }
            Kind::Vector(_) => braced(&self.parts(ty, None, at)),
            Kind::Record(record) => {
                let mut members = Vec::new();
                self.fields(&mut members, record, written, at);
                braced(&members)
            }
            // Nothing else is an object today.
            _ => hexadecimal(bytes, at, ty.size() * 8),
        }
    }

    /// What is at `address`, as the header says; empty for what is nothing to show.
    fn pointee(&self, to: &Written, address: usize) -> Option<String> {
        const WILD: &str = " /* not readable */";
        match to {
            Written::Char if self.here => Some(match peek::string_at(address) {
                Some((string, false)) => format!(" {}", quote(&string)),
                Some((string, true)) => format!(" {}...", quote(&string)),
                None => WILD.to_owned(),
            }),
            Written::Named(name) if self.follow => {
                let ty = self.header.ty(name)?;
                ty.as_record()?;
                if ty.size() == 0 || ty.size() > MAX_POINTEE {
                    return None;
                }
                let Some(bytes) = peek::bytes_at(address, usize::try_from(ty.size()).ok()?) else {
                    return Some(WILD.to_owned());
                };
                let inner = Printer {
                    header: self.header,
                    bytes: &bytes,
                    here: true,
                    follow: false,
                };
                let object = inner.object(ty, Some(to), 0);
                Some(format!(" &({name}){object}"))
            }
            _ => None,
        }
    }

    /// The members of a record as the header wrote them.
    fn members(&self, written: Option<&Written>, record: &Record) -> &[Written] {
        let Some(Written::Named(name)) = written else {
            return &[];
        };
        let mut all = self.header.records.iter().chain(&self.header.typedefs);
        let of = |named: &&cabi_header::NamedType| {
            named.name == *name && named.members.len() == record.fields().len()
        };
        all.find(of).map_or(&[], |named| &named.members)
    }

    fn fields(
        &self,
        members: &mut Vec<String>,
        record: &Record,
        written: Option<&Written>,
        at: u64,
    ) {
        let all = self.members(written, record);
        for (i, field) in record.fields().iter().enumerate() {
            let written = all.get(i);
            let start = at + field.offset_bits();
            match (field.name(), field.ty().as_record()) {
                // The members of an anonymous one are named as if they were the record's own.
                (None, Some(inner)) if field.bit_field().is_none() => {
                    self.fields(members, inner, written, start);
                }
                (None, _) => {}
                (Some(name), _) => {
                    // A flexible array is not part of the record's value.
                    let is_flexible = parts::count(field.ty()).is_err();
                    let part = Part::of_field(field, start).filter(|_| !is_flexible);
                    members.extend(part.map(|part| {
                        let value = self.content(part.content, written, part.at);
                        format!(".{name} = {value}")
                    }));
                }
            }
        }
    }

    /// The values of elements, lanes, or the numbers of a complex one.
    fn parts(&self, ty: &Type, written: Option<&Written>, at: u64) -> Vec<String> {
        let written = match written {
            Some(Written::Array(element, _)) => Some(&**element),
            _ => None,
        };
        // Elements without bytes have no values.
        let n = match ty.size() {
            0 => None,
            _ => parts::count(ty).ok().flatten(),
        };
        let parts = (0..n.unwrap_or(0)).filter_map(|i| parts::part(ty, i));
        let value = |part: Part<'_>| self.content(part.content, written, at + part.at);
        parts.map(value).collect()
    }

    fn content(&self, content: Content<'_>, written: Option<&Written>, at: u64) -> String {
        match content {
            Content::Object(ty) => self.object(ty, written, at),
            Content::Bits(bits, width) => scalar(bits, self.bytes, at, width),
        }
    }
}

fn braced(parts: &[String]) -> String {
    if parts.is_empty() {
        "{}".into()
    } else {
        format!("{{ {} }}", parts.join(", "))
    }
}

/// An array of characters as a string, if it holds one of printable characters and nothing after it.
fn string(bytes: &[u8], at: u64, len: u64) -> Option<String> {
    let start = usize::try_from(at / 8).ok()?;
    let all = bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)?;
    let end = all.iter().position(|byte| *byte == 0).unwrap_or(all.len());
    let (chars, rest) = all.split_at(end);
    let printable = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n' | b'\t');
    let is_text = !chars.is_empty() && chars.iter().all(printable);
    (is_text && rest.iter().all(|byte| *byte == 0)).then(|| quote(chars))
}

/// A scalar of which `width` bits count.
fn scalar(scalar: Scalar, bytes: &[u8], at: u64, width: u64) -> String {
    let raw = bits::get(bytes, at, width);
    match scalar {
        _ if width > 128 => hexadecimal(bytes, at, width),
        Scalar::Ptr | Scalar::FnPtr => pointer(raw),
        Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => format!("/* {scalar} */ {raw:#x}"),
        _ if scalar.is_float() => float::to_text(raw, scalar),
        _ if scalar.is_signed() => bits::get_signed(bytes, at, width).to_string(),
        _ => raw.to_string(),
    }
}

fn pointer(address: u128) -> String {
    if address == 0 {
        "NULL".into()
    } else {
        format!("{address:#x}")
    }
}

/// A `_BitInt` too wide for decimals.
fn hexadecimal(bytes: &[u8], at: u64, width: u64) -> String {
    let mut text = String::from("0x");
    for start in (0..width.div_ceil(64)).rev().map(|word| word * 64) {
        let word = bits::get(bytes, at + start, (width - start).min(64));
        text += &format!("{word:016x}");
    }
    text
}

/// `bytes` as a string of C; what is no printable character is escaped.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    let mut after_hex = false;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            // A hexadecimal escape goes on as long as digits follow.
            if after_hex && c.is_ascii_hexdigit() {
                text += "\"\"";
            }
            after_hex = false;
            match c {
                '\n' => text += "\\n",
                '\t' => text += "\\t",
                '"' | '\\' => text.extend(['\\', c]),
                _ if c.is_control() => {
                    let mut buffer = [0; 4];
                    let encoded = c.encode_utf8(&mut buffer).bytes();
                    encoded.for_each(|byte| text += &format!("\\x{byte:02x}"));
                    after_hex = true;
                }
                _ => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02x}");
            after_hex = true;
        }
    }
    text.push('"');
    text
}
