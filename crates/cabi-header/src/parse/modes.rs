//! gcc's machine modes, as far as `transparent_union` depends on them. To gcc the attribute counts
//! where the union has the mode of its first member, and is ignored elsewhere.
//!
//! Source: gcc 12, `handle_transparent_union_attribute`; the modes are those of
//! `compute_record_mode` and `layout_type`.

use cabi::{Kind, RecordKind, Type};

/// Mode of a type in gcc's back end; modes of the same kind and size are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Int(u64),
    /// Floating-point numbers, complex ones and vectors; no union has such a mode.
    Other,
    Block,
}

/// Returns whether gcc passes the union of `members`, which has `size` bytes, as the first of them.
pub(crate) fn is_transparent_to_gcc<'t>(
    members: impl Iterator<Item = &'t Type> + Clone,
    size: u64,
) -> bool {
    let first = members.clone().next().map(mode);
    first == Some(of_record(RecordKind::Union, members, size))
}

fn mode(ty: &Type) -> Mode {
    match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) if scalar.is_integer_like() => int(ty.size()),
        Kind::Array(array) => match (array.len, mode(&array.elem)) {
            (_, Mode::Block) | (None, _) => Mode::Block,
            (Some(1), elem) => elem,
            _ => int(ty.size()),
        },
        Kind::Record(record) => {
            let members = record.fields().iter().map(|field| field.ty());
            of_record(record.kind(), members, ty.size())
        }
        _ => Mode::Other,
    }
}

fn of_record<'t>(kind: RecordKind, members: impl Iterator<Item = &'t Type>, size: u64) -> Mode {
    let mut largest = None;
    for member in members.filter(|member| member.size() != 0) {
        match mode(member) {
            Mode::Block => return Mode::Block,
            mode if member.size() == size => largest = Some(mode),
            _ => {}
        }
    }
    match largest {
        Some(Mode::Other) if kind == RecordKind::Struct => Mode::Other,
        _ => int(size),
    }
}

fn int(size: u64) -> Mode {
    match size {
        1 | 2 | 4 | 8 | 16 => Mode::Int(size),
        _ => Mode::Block,
    }
}
