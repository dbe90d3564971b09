//! Writing of the bytes of an object as JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use cabi::{Kind, Scalar, Type};
use cabi_header::{Header, WrittenType};

use super::float;
use super::invoke::zeros;
use super::value::{Slot, get, signed};

/// Most bytes of a string, after which it is cut off.
const MAX_STRING: u64 = 1 << 20;

/// Writer of objects of one process.
#[derive(Clone, Copy)]
pub(crate) struct Printer<'a> {
    pub(crate) header: &'a Header,
    pub(crate) bytes: &'a [u8],
    pub(crate) is_big: bool,
    /// Pointees that are shown. 2: strings and records; 1: strings alone, inside such a record; 0:
    /// none, since pointers point into another process.
    pub(crate) depth: u8,
}

impl<'a> Printer<'a> {
    /// Writes a value. Every member of a union is written. A pointer to characters or to a record,
    /// by its type in the header, is shown with its pointee.
    pub(crate) fn value(&self, slot: Slot<'a>) -> String {
        if let Some((scalar, place)) = slot.scalar(self.is_big) {
            let raw = get(self.bytes, place, self.is_big);
            return match scalar {
                Scalar::Ptr | Scalar::FnPtr if raw == 0 => "null".to_owned(),
                Scalar::Ptr | Scalar::FnPtr => match self.pointee(slot.written, raw) {
                    Some(pointee) => format!("{{\"{raw:#x}\": {pointee}}}"),
                    None => format!("\"{raw:#x}\""),
                },
                _ if scalar.is_float() => float::to_text(raw, scalar),
                _ if scalar.is_signed() => signed(raw, place.1).to_string(),
                _ => raw.to_string(),
            };
        }
        let start = usize::try_from(slot.at / 8).unwrap_or(usize::MAX);
        let size = usize::try_from(slot.ty.size()).unwrap_or(0);
        let bytes = self.bytes.get(start..).and_then(|rest| rest.get(..size));
        let bytes = bytes.unwrap_or_default();
        match slot.ty.kind() {
            Kind::Array(array) if is_text(bytes, &array.elem) => {
                quote(String::from_utf8_lossy(bytes).trim_end_matches('\0'))
            }
            Kind::Record(_) => {
                let members = slot.members(self.header).into_iter();
                let member = |(name, own)| format!("{}: {}", quote(name), self.value(own));
                format!("{{{}}}", members.map(member).collect::<Vec<_>>().join(", "))
            }
            Kind::Array(_) | Kind::Vector(_) | Kind::Complex(_) => {
                let elements = slot.elements().take_while(|_| size != 0);
                let elements = elements.map(|own| self.value(own));
                format!("[{}]", elements.collect::<Vec<_>>().join(", "))
            }
            // JSON has no numbers of these types.
            _ => format!("{bytes:?}"),
        }
    }

    /// Writes the object at `address`: null if it cannot be read, nothing if the header does not
    /// give its type.
    fn pointee(&self, written: Option<&WrittenType>, address: u128) -> Option<String> {
        let WrittenType::Pointer(to) = written? else {
            return None;
        };
        let text = match &**to {
            WrittenType::Char if self.depth > 0 => self.string(address),
            WrittenType::Named(name) if self.depth > 1 => {
                let ty = self.header.ty(name).filter(|ty| ty.as_record().is_some())?;
                let mut bytes = zeros(ty).ok()?;
                let read = memory_at(address).and_then(|mut own| own.read_exact(&mut bytes).ok());
                read.map(|()| self.inner(&bytes, Slot::object(ty, Some(to))))
            }
            _ => return None,
        };
        Some(text.unwrap_or("null".to_owned()))
    }

    /// Writes an object that a pointer points to.
    fn inner(&self, bytes: &[u8], slot: Slot<'_>) -> String {
        let mut inner = *self;
        (inner.bytes, inner.depth) = (bytes, 1);
        inner.value(slot)
    }

    /// Writes the string at `address`, as an array if it is no UTF-8. Writes nothing if the string
    /// cannot be read up to its end.
    fn string(&self, address: u128) -> Option<String> {
        let mut bytes = Vec::new();
        let mut memory = BufReader::new(memory_at(address)?.take(MAX_STRING));
        memory.read_until(0, &mut bytes).ok()?;
        if bytes.pop_if(|last| *last == 0).is_none() {
            return Some(quote(&String::from_utf8_lossy(&bytes)) + ", \"cut\": true");
        }
        let array = Type::array(&self.header.model.char(), bytes.len() as u64).ok()?;
        let list = |_| self.inner(&bytes, Slot::object(&array, None));
        Some(std::str::from_utf8(&bytes).map_or_else(list, quote))
    }
}

/// Returns whether `bytes`, with elements of type `element`, are printable characters followed by
/// nothing but NULs.
fn is_text(bytes: &[u8], element: &Type) -> bool {
    let is_byte = matches!(element.kind(), Kind::Scalar(Scalar::Int { bits: 8, .. }));
    let len = bytes.iter().rposition(|byte| *byte != 0);
    let is_printable = |c: &u8| c.is_ascii_graphic() || b" \n\t".contains(c);
    is_byte && len.is_some_and(|last| bytes[..=last].iter().all(is_printable))
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Opens the memory that a pointer of C's points to, which may be no memory at all. The kernel
/// reads it and can refuse, where a read of our own would end the process. On systems without
/// `/proc` nothing can be read.
fn memory_at(address: u128) -> Option<File> {
    let mut memory = File::open("/proc/self/mem").ok()?;
    let start = SeekFrom::Start(u64::try_from(address).ok()?);
    memory.seek(start).ok().map(|_| memory)
}
