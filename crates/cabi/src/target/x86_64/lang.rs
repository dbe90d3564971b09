//! A language's own convention: between functions that one compiler makes, where nothing has to
//! agree with C.
//!
//! Arguments have System V's registers, and every scalar of a record has one of its own, as many as
//! there are. Results have eight integer and eight vector registers. Callees pop their arguments,
//! so that a call can be a function's last act. `docs/add-a-convention.md` has the table. Not here:
//! variadic functions.

use super::registers::{
    R8, R9, R10, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, XMM0, XMM1, XMM2, XMM3,
    XMM4, XMM5, XMM6, XMM7,
};
use crate::convention::PartType::{F16, F32, F64, I8, I16, I32, I64, V128};
use crate::convention::Rule::{AssignToReg, AssignToStack, IfType, IfWants, PassIndirect};
use crate::convention::{
    CalleePops, Classify, Convention, Extension, Frame, FrameKind, Group, GroupKind, Part,
    PartType, Reg, Rules, WantedKind,
};
use crate::leaves::{Leaf, LeafKind, leaves, leaves_of_one_element};
use crate::scalar::Scalar;
use crate::target::parts::{FLOATS, INTS, V128_SLOT, byte};
use crate::types::Type;
use crate::types::error::Error;

const VECTORS: &[Reg] = &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];

/// Most bytes of a value that is passed in parts: a record of eight words and eight doubles.
const MAX_BYTES: u64 = 128;

/// Number of scalars that have a part of their own each, however small they are.
const ALWAYS_SPLIT: u64 = 4;

/// A language's own convention on x86-64. No C compiler has it.
pub static X86_64_LANG: Convention = Convention {
    name: "lang",
    rules: Rules::new(
        classify,
        &[
            IfWants(WantedKind::Memory, &PassIndirect { align: 16 }),
            IfType(INTS, &AssignToReg(&[RDI, RSI, RDX, RCX, R8, R9])),
            IfType(FLOATS, &AssignToReg(VECTORS)),
            V128_SLOT,
            AssignToStack { size: 8, align: 8 },
        ],
        &[
            IfType(INTS, &AssignToReg(&[RAX, RCX, RDX, RSI, RDI, R8, R9, R10])),
            IfType(FLOATS, &AssignToReg(VECTORS)),
        ],
    ),
    frame: Frame {
        kind: FrameKind::Tail,
        callee_pops: CalleePops::EverythingAligned,
        callee_saved: &[RBX, RBP, R12, R13, R14, R15],
        vector_bank: "sse",
        sret_returned_in: Some(RAX),
        ..Frame::new(8, 16)
    },
};

/// [`X86_64_LANG`] with a context in r15.
pub static X86_64_LANG_CONTEXT: Convention = Convention {
    name: "lang with a context",
    frame: Frame {
        context: Some(R15),
        ..X86_64_LANG.frame
    },
    ..X86_64_LANG
};

/// Returns the group of `ty`: a part for each of its scalars, or for each of its words, or memory.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if cx.variadic {
        let why = "a `lang` function cannot be variadic: the callee pops its arguments and has to know their size";
        return Err(Error::InvalidSignature { why });
    }
    if leaves_of_one_element(ty).all(|leaf| leaf.width_bits == 0) {
        return Ok(Group::ignore());
    }
    if ty.size() > MAX_BYTES {
        return Ok(Group::new(GroupKind::Memory, ty.size(), ty.align()));
    }
    // Parts on the stack are as aligned as their own types ask for.
    let mut group = Group::new(GroupKind::Registers, ty.size(), 8);
    group.may_split = true;
    if !split(ty, &mut group) {
        group.parts.clear();
        words(0, ty.size(), &mut group);
    }
    Ok(group)
}

/// Adds a part for each scalar of `ty`. Returns `false` if scalars overlap, or are no whole bytes
/// at a multiple of their size. The same holds if there are more than words, and than
/// [`ALWAYS_SPLIT`].
fn split(ty: &Type, group: &mut Group) -> bool {
    let mut end = 0;
    for leaf in leaves(ty).filter(|leaf| leaf.width_bits > 0) {
        let bytes = leaf.bytes();
        if leaf.bit_field || bytes.start < end || !scalar(&leaf, group) {
            return false;
        }
        end = bytes.end;
    }
    group.parts.len() as u64 <= ty.size().div_ceil(8).max(ALWAYS_SPLIT)
}

/// Adds the parts of one scalar or vector; returns `false` if it has none of its own.
fn scalar(leaf: &Leaf, group: &mut Group) -> bool {
    let bytes = leaf.bytes();
    let (offset, mut size) = (bytes.start, bytes.end - bytes.start);
    let float = match leaf.kind {
        LeafKind::Scalar(Scalar::F80) => {
            words(offset, size, group);
            return true;
        }
        LeafKind::Scalar(scalar) => !scalar.is_integer_like(),
        LeafKind::Vector(vector) if vector.bools.is_none() => {
            // Three lanes take the place of four.
            size = size.next_power_of_two();
            size >= 8
        }
        _ => return false,
    };
    if float && size > 16 && size.is_multiple_of(16) {
        (0..size / 16).for_each(|i| push(V128, offset + 16 * i, 16, group));
        return true;
    }
    let ty = match (size, float) {
        (1, false) => I8,
        (2, false) => I16,
        (4, false) => I32,
        (8, false) => I64,
        (16, false) if offset.is_multiple_of(8) => {
            words(offset, size, group);
            return true;
        }
        (2, true) => F16,
        (4, true) => F32,
        (8, true) => F64,
        (16, true) => V128,
        _ => return false,
    };
    push(ty, offset, size, group);
    offset.is_multiple_of(size)
}

fn words(offset: u64, size: u64, group: &mut Group) {
    for at in (0..size).step_by(8) {
        push(I64, offset + at, (size - at).min(8), group);
    }
}

/// Adds a part of `size` bytes at `offset`, both at most [`MAX_BYTES`].
fn push(ty: PartType, offset: u64, size: u64, group: &mut Group) {
    let part = match ty.is_int() {
        true => Part::int(ty, Extension::None),
        false => Part::float(ty),
    };
    group.parts.push(Part {
        offset: byte(offset),
        size: byte(size),
        ..part
    });
}
