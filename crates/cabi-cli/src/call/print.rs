//! From the bytes of an object to JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use cabi::{Kind, Scalar, Type};
use cabi_header::{Header, Written};

use super::float;
use super::value::{Slot, get, signed};

/// Larger objects that a pointer points to are not shown.
const MAX_POINTEE: u64 = 1 << 16;

/// Longer strings are cut off.
const MAX_STRING: u64 = 1 << 20;

/// Writes objects of one process.
#[derive(Clone, Copy)]
pub(crate) struct Printer<'a> {
    pub(crate) header: &'a Header,
    pub(crate) bytes: &'a [u8],
    pub(crate) is_big: bool,
    /// 2 if strings and records that pointers point to are shown, 1 if strings alone, in such a
    /// record; 0 if pointers point into another process.
    pub(crate) depth: u8,
}

impl<'a> Printer<'a> {
    /// Writes a value. Every member of a union is written. A pointer that the header
    /// has to characters or to a record is shown with its pointee.
    pub(crate) fn value(&self, slot: Slot<'a>) -> String {
        if let Some((scalar, place)) = slot.scalar(self.is_big) {
            let text = self.scalar(scalar, place);
            let to = usize::try_from(get(self.bytes, place, self.is_big));
            return match (to, slot.written) {
                (Ok(to @ 1..), Some(Written::Pointer(written))) if scalar == Scalar::Ptr => {
                    let pointee = self.pointee(written, to);
                    pointee.map_or(text.clone(), |own| format!("{{{text}: {own}}}"))
                }
                _ => text,
            };
        }
        let ty = slot.ty;
        match ty.kind() {
            Kind::Record(_) => {
                let members = slot.members(self.header).into_iter();
                let member = |(name, own)| format!("{}: {}", quote(name), self.value(own));
                format!("{{{}}}", members.map(member).collect::<Vec<_>>().join(", "))
            }
            Kind::Array(_) | Kind::Vector(_) | Kind::Complex(_) => {
                let list = || {
                    let elements = slot.elements().take_while(|_| ty.size() != 0);
                    elements.map(|own| self.value(own)).collect::<Vec<_>>()
                };
                let text = self.text(ty, slot.at);
                text.unwrap_or_else(|| format!("[{}]", list().join(", ")))
            }
            // Nothing else is an object today.
            _ => self.bytes(slot.at, ty.size() * 8),
        }
    }

    /// Writes what is at `address`: null where that cannot be read, nothing where the header does
    /// not say what it is.
    fn pointee(&self, to: &Written, address: usize) -> Option<String> {
        let shown = match to {
            Written::Char if self.depth > 0 => self.string(address),
            Written::Named(name) if self.depth > 1 => {
                let ty = self.header.ty(name).filter(|ty| ty.as_record().is_some())?;
                let size = Some(ty.size()).filter(|size| (1..=MAX_POINTEE).contains(size))?;
                let mut bytes = vec![0; usize::try_from(size).ok()?];
                let memory = memory_at(address);
                let read = memory.and_then(|mut memory| memory.read_exact(&mut bytes).ok());
                read.map(|()| self.inner(&bytes, Slot::object(ty, Some(to))))
            }
            _ => return None,
        };
        Some(shown.unwrap_or("null".to_owned()))
    }

    /// Writes an object that a pointer points to.
    fn inner(&self, bytes: &[u8], slot: Slot<'_>) -> String {
        let mut inner = *self;
        (inner.bytes, inner.depth) = (bytes, 1);
        inner.value(slot)
    }

    /// Writes an array of characters as a string, if it has printable characters and nothing after
    /// them.
    fn text(&self, ty: &Type, at: u64) -> Option<String> {
        let Kind::Array(array) = ty.kind() else {
            return None;
        };
        let [start, len] = [at / 8, array.len?].map(usize::try_from);
        let all = self.bytes.get(start.ok()?..)?.get(..len.ok()?)?;
        let text = std::str::from_utf8(all).ok()?.trim_end_matches('\0');
        let is_printable = |c: char| c.is_ascii_graphic() || " \n\t".contains(c);
        let is_text = !text.is_empty() && text.chars().all(is_printable);
        let is_byte = matches!(array.elem.kind(), Kind::Scalar(Scalar::Int { bits: 8, .. }));
        (is_text && is_byte).then(|| quote(text))
    }

    /// Writes the string at `address`, as an array where it is no UTF-8; nothing where it cannot be
    /// read up to its end.
    fn string(&self, address: usize) -> Option<String> {
        let mut bytes = Vec::new();
        let mut memory = BufReader::new(memory_at(address)?.take(MAX_STRING));
        memory.read_until(0, &mut bytes).ok()?;
        let is_whole = bytes.pop_if(|last| *last == 0).is_some();
        // A character is not cut.
        let cut = std::str::from_utf8(&bytes).err().filter(|_| !is_whole);
        let cut = cut.filter(|cut| cut.error_len().is_none());
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.valid_up_to()));
        let array = Type::array(&self.header.model.char(), bytes.len() as u64).ok()?;
        let list = |_| self.inner(&bytes, Slot::object(&array, None));
        let text = std::str::from_utf8(&bytes).map_or_else(list, quote);
        let cut = if is_whole { "" } else { ", \"cut\": true" };
        Some(text + cut)
    }

    fn scalar(&self, scalar: Scalar, (at, width): (u64, u64)) -> String {
        let raw = get(self.bytes, (at, width), self.is_big);
        match scalar {
            Scalar::Ptr | Scalar::FnPtr => pointer(raw),
            Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => self.bytes(at, width),
            _ if width > 128 => self.bytes(at, width),
            _ if scalar.is_float() => float::to_text(raw, scalar),
            _ if scalar.is_signed() => signed(raw, width).to_string(),
            _ => raw.to_string(),
        }
    }

    /// Writes the bytes of what JSON has no number for.
    fn bytes(&self, at: u64, width: u64) -> String {
        let all = (0..width.div_ceil(8)).map(|i| get(self.bytes, (at + i * 8, 8), self.is_big));
        format!("{:?}", all.collect::<Vec<u128>>())
    }
}

fn pointer(address: u128) -> String {
    match address {
        0 => "null".to_owned(),
        address => format!("\"{address:#x}\""),
    }
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Opens the memory that a pointer of C's points to, which may be no memory at all: the kernel
/// reads it, and refuses where a read of our own would end the process. On systems without `/proc`
/// nothing can be read.
fn memory_at(address: usize) -> Option<File> {
    let mut memory = File::open("/proc/self/mem").ok()?;
    memory.seek(SeekFrom::Start(address as u64)).ok()?;
    Some(memory)
}
