//! The scalars of an object with the names C has for them, up to a limit: an array may have more than anybody counts.

use cabi::{Kind, Record, Type, leaves};

/// A scalar or vector with its name; offset and width in bits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) at: u64,
    pub(crate) width: u64,
}

impl Member {
    pub(crate) fn end(&self) -> u64 {
        self.at + self.width
    }
}

/// The members of `ty` that start within its first `limit` bits; `name` is what a value without members is called.
/// Unnamed bit-fields are padding, and not among them.
pub(crate) fn members(ty: &Type, name: &str, limit: u64) -> Vec<Member> {
    let mut found = Vec::new();
    collect(ty, name, 0, limit, &mut found);
    found
}

fn collect(ty: &Type, name: &str, at: u64, limit: u64, found: &mut Vec<Member>) {
    if at >= limit {
        return;
    }
    match ty.kind() {
        Kind::Record(record) => fields(record, name, at, limit, found),
        // Characters are too narrow for names of their own.
        Kind::Array(array) if array.elem.as_scalar().is_some() && array.elem.size() <= 2 => {
            let len = array.len.unwrap_or(0);
            if len > 0 {
                let name = format!("{name}[0..{len}]");
                let width = array.elem.size() * 8 * len;
                found.push(Member { name, at, width });
            }
        }
        Kind::Array(array) => {
            let step = array.elem.size() * 8;
            let len = if step == 0 { 0 } else { array.len.unwrap_or(0) };
            let seen = (limit - at).div_ceil(step.max(1));
            for i in 0..len.min(seen) {
                let name = format!("{name}[{i}]");
                collect(&array.elem, &name, at + i * step, limit, found);
            }
        }
        _ => {
            let parts = match ty.kind() {
                Kind::Complex(_) => ["re", "im"],
                Kind::Slice => ["ptr", "len"],
                _ => [""; 2],
            };
            found.extend(leaves(ty).zip(parts).map(|(leaf, part)| Member {
                name: dotted(name, part),
                at: at + leaf.offset_bits,
                width: leaf.width_bits,
            }));
        }
    }
}

fn fields(record: &Record, name: &str, at: u64, limit: u64, found: &mut Vec<Member>) {
    for field in record.fields() {
        let own = field.name().unwrap_or("");
        let (name, at) = (dotted(name, own), at + field.offset_bits());
        match field.bit_field() {
            Some(bits) if bits.width == 0 || own.is_empty() || at >= limit => {}
            Some(bits) => {
                let width = bits.width.into();
                found.push(Member { name, at, width });
            }
            None => collect(field.ty(), &name, at, limit, found),
        }
    }
}

fn dotted(outer: &str, inner: &str) -> String {
    let dot = if outer.is_empty() || inner.is_empty() {
        ""
    } else {
        "."
    };
    format!("{outer}{dot}{inner}")
}
