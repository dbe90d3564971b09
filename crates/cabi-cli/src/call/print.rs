//! From the bytes of an object to its initialiser in C.

use cabi::{Array, Field, Kind, Record, Scalar, Type, Vector};
use cabi_header::{Header, Written};

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
    let mut text = String::new();
    let printer = Printer {
        header,
        bytes,
        here,
        follow: here,
    };
    printer.object(&mut text, ty, written, 0);
    text
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
    fn object(&self, text: &mut String, ty: &Type, written: Option<&Written>, at: u64) {
        let bytes = self.bytes;
        match ty.kind() {
            Kind::Scalar(Scalar::Ptr) => {
                let address = bits::get(bytes, at, ty.size() * 8);
                *text += &pointer(address);
                if address != 0
                    && let Some(Written::Pointer(to)) = written
                    && let Ok(address) = usize::try_from(address)
                    && let Some(pointee) = self.pointee(to, address)
                {
                    *text += &pointee;
                }
            }
            Kind::Scalar(s) | Kind::Enum(s) => {
                *text += &scalar(*s, bytes, at, s.value_bits(ty.size()))
            }
            Kind::Complex(part) => {
                let half = ty.size() * 4;
                let number = |at| scalar(*part, bytes, at, part.value_bits(ty.size() / 2));
                let (re, im) = (number(at), number(at + half));
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
                *text += &format!("{re} {sign} {im}{unit}");
            }
            Kind::Vector(vector) => lanes(text, *vector, ty, bytes, at),
            Kind::Slice => {
                let half = ty.size() * 4;
                let (start, len) = (
                    bits::get(bytes, at, half),
                    bits::get(bytes, at + half, half),
                );
                *text += &format!("{{ {}, {len} }}", pointer(start));
            }
            Kind::Array(array) => self.elements(text, array, written, at),
            Kind::Record(record) => {
                let mut members = Vec::new();
                self.fields(&mut members, record, written, at);
                *text += &braced(&members);
            }
            // Nothing else is an object today.
            _ => *text += &hexadecimal(bytes, at, ty.size() * 8),
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
                let mut text = format!(" &({name})");
                let inner = Printer {
                    header: self.header,
                    bytes: &bytes,
                    here: true,
                    follow: false,
                };
                inner.object(&mut text, ty, Some(to), 0);
                Some(text)
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
                    if let Some(value) = self.member(field, written, start) {
                        members.push(format!(".{name} = {value}"));
                    }
                }
            }
        }
    }

    /// The value of a member; none for a flexible array, which is not part of the record's.
    fn member(&self, field: &Field, written: Option<&Written>, at: u64) -> Option<String> {
        let bytes = self.bytes;
        if let Some(place) = field.bit_field() {
            return Some(scalar(
                field.ty().as_scalar()?,
                bytes,
                at,
                place.width.into(),
            ));
        }
        if matches!(field.ty().kind(), Kind::Array(array) if array.len.is_none()) {
            return None;
        }
        let mut text = String::new();
        self.object(&mut text, field.ty(), written, at);
        Some(text)
    }

    fn elements(&self, text: &mut String, array: &Array, written: Option<&Written>, at: u64) {
        let bytes = self.bytes;
        let element = match written {
            Some(Written::Array(element, _)) => Some(&**element),
            _ => None,
        };
        let len = array.len.unwrap_or(0);
        let step = array.elem.size() * 8;
        if matches!(array.elem.as_scalar(), Some(Scalar::Int { bits: 8, .. }))
            && let Some(string) = string(bytes, at, len)
        {
            *text += &string;
            return;
        }
        // Elements without bytes have no values.
        let len = if step == 0 { 0 } else { len };
        let values = (0..len).map(|i| {
            let mut value = String::new();
            self.object(&mut value, &array.elem, element, at + i * step);
            value
        });
        *text += &braced(&values.collect::<Vec<_>>());
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

fn lanes(text: &mut String, vector: Vector, ty: &Type, bytes: &[u8], at: u64) {
    let lanes = u64::from(vector.lanes);
    let width = match vector.bools {
        Some(_) => 1,
        None => ty.size() * 8 / lanes.next_power_of_two(),
    };
    let values: Vec<String> = (0..lanes)
        .map(|i| scalar(vector.lane, bytes, at + i * width, width))
        .collect();
    *text += &braced(&values);
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
