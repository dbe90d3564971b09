//! From the bytes of an object to JSON.

use cabi::{Kind, Record, Scalar, Type};
use cabi_header::{Header, Written};

use super::parts::{self, Content, elements};
use super::{bits, float, peek};

/// Larger objects that a pointer points to are not shown.
const MAX_POINTEE: u64 = 1 << 16;

/// Writes objects of one process.
#[derive(Clone, Copy)]
pub(crate) struct Printer<'a> {
    pub(crate) header: &'a Header,
    pub(crate) bytes: &'a [u8],
    /// `true` if pointers point into this process.
    pub(crate) here: bool,
    /// `true` if the records that pointers point to are shown, not those in them.
    pub(crate) follow: bool,
}

impl Printer<'_> {
    /// Writes the object of type `ty` at bit `at`. Every member of a union is written. Where the
    /// header says, as `written` and in its records, that a pointer is to characters or to a
    /// record, the pointee is shown with its address.
    pub(crate) fn object(&self, ty: &Type, written: Option<&Written>, at: u64) -> String {
        let bits = ty.size() * 8;
        match ty.kind() {
            Kind::Scalar(Scalar::Ptr) => {
                let address = bits::get(self.bytes, at, bits);
                let pointee = match (usize::try_from(address), written) {
                    (Ok(to @ 1..), Some(Written::Pointer(written))) => self.pointee(written, to),
                    _ => None,
                };
                match pointee {
                    Some(pointee) => format!("{{{}: {pointee}}}", pointer(address)),
                    None => pointer(address),
                }
            }
            Kind::Scalar(scalar) | Kind::Enum(scalar) => {
                self.scalar(*scalar, at, scalar.value_bits(ty.size()))
            }
            Kind::Record(record) => {
                let mut members = Vec::new();
                self.members(&mut members, record, written, at);
                format!("{{{}}}", members.join(", "))
            }
            Kind::Array(array) if array.elem.size() == 1 && self.text(at, array.len).is_some() => {
                self.text(at, array.len).unwrap_or_default()
            }
            Kind::Array(_) | Kind::Vector(_) | Kind::Complex(_) => {
                let parts = elements(ty).filter(|_| bits != 0);
                let list = parts.map_or_else(Vec::new, |parts| {
                    let written = parts::of_element(written);
                    let one = |i| self.content(parts.content, written, at + i * parts.step);
                    (0..parts.n).map(one).collect()
                });
                format!("[{}]", list.join(", "))
            }
            // Nothing else is an object today.
            _ => self.bytes(at, bits),
        }
    }

    fn content(&self, content: Content<'_>, written: Option<&Written>, at: u64) -> String {
        match content {
            Content::Object(ty) => self.object(ty, written, at),
            Content::Bits(scalar, width) => self.scalar(scalar, at, width),
        }
    }

    fn members(&self, list: &mut Vec<String>, record: &Record, written: Option<&Written>, at: u64) {
        let all = parts::written(self.header, written, record);
        for (i, field) in record.fields().iter().enumerate() {
            let start = at + field.offset_bits();
            match (field.name(), field.ty().as_record()) {
                // The members of an anonymous one are named as if they were the record's own.
                (None, Some(inner)) if field.bit_field().is_none() => {
                    self.members(list, inner, all.get(i), start)
                }
                (None, _) => {}
                (Some(name), _) => {
                    let content = parts::member(field);
                    let value = content.map(|content| self.content(content, all.get(i), start));
                    list.extend(value.map(|value| format!("{}: {value}", quote(name))));
                }
            }
        }
    }

    /// Writes what is at `address`: null where that cannot be read, nothing where the header does
    /// not say what it is.
    fn pointee(&self, to: &Written, address: usize) -> Option<String> {
        let unread = || Some("null".to_owned());
        match to {
            Written::Char if self.here => match peek::string_at(address) {
                Some((text, is_cut)) => {
                    let cut = if is_cut { ", \"cut\": true" } else { "" };
                    Some(text_of(&text) + cut)
                }
                None => unread(),
            },
            Written::Named(name) if self.follow => {
                let ty = self.header.ty(name).filter(|ty| ty.as_record().is_some())?;
                if ty.size() == 0 || ty.size() > MAX_POINTEE {
                    return None;
                }
                let Some(bytes) = peek::bytes_at(address, usize::try_from(ty.size()).ok()?) else {
                    return unread();
                };
                let inner = Printer {
                    bytes: &bytes,
                    follow: false,
                    ..*self
                };
                Some(inner.object(ty, Some(to), 0))
            }
            _ => None,
        }
    }

    /// Writes an array of `len` characters as a string, if it has printable characters and nothing
    /// after them.
    fn text(&self, at: u64, len: Option<u64>) -> Option<String> {
        let start = usize::try_from(at / 8).ok()?;
        let all = self
            .bytes
            .get(start..start.checked_add(usize::try_from(len?).ok()?)?)?;
        let end = all.iter().position(|byte| *byte == 0).unwrap_or(all.len());
        let (chars, rest) = all.split_at(end);
        let is_printable = |byte: &u8| byte.is_ascii_graphic() || b" \n\t".contains(byte);
        let is_text = !chars.is_empty()
            && chars.iter().all(is_printable)
            && rest.iter().all(|byte| *byte == 0);
        is_text.then(|| text_of(chars))
    }

    fn scalar(&self, scalar: Scalar, at: u64, width: u64) -> String {
        let raw = bits::get(self.bytes, at, width);
        match scalar {
            Scalar::Ptr | Scalar::FnPtr => pointer(raw),
            Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => self.bytes(at, width),
            _ if width > 128 => self.bytes(at, width),
            _ if scalar.is_float() => float::to_text(raw, scalar),
            _ if scalar.is_signed() => bits::get_signed(self.bytes, at, width).to_string(),
            _ => raw.to_string(),
        }
    }

    /// Writes the bytes of what JSON has no number for.
    fn bytes(&self, at: u64, width: u64) -> String {
        let all = (0..width.div_ceil(8)).map(|i| bits::get(self.bytes, at + i * 8, 8));
        format!("{:?}", all.collect::<Vec<u128>>())
    }
}

fn pointer(address: u128) -> String {
    match address {
        0 => "null".to_owned(),
        address => format!("\"{address:#x}\""),
    }
}

/// Writes bytes as a string, or as a list where they are no UTF-8.
fn text_of(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| format!("{bytes:?}"), quote)
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
