//! x64 Windows: Microsoft's "x64 calling convention", with the GNU compilers' additions for types
//! MSVC does not have.
//!
//! Every argument owns one of four positions, each an integer and a vector register, then 8-byte
//! slots after 32 bytes of shadow space. Values of 1, 2, 4 or 8 bytes are passed in it, everything
//! else as the address of a copy. Not here: `__vectorcall`, and C++ classes returned through memory
//! because of their constructors (the front end asks for a hidden pointer).

mod quirks;

use super::registers::{
    R8, R9, R10, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, ST0, XMM0, XMM1, XMM2,
    XMM3, XMM4, XMM5, XMM6, XMM7, XMM8, XMM9, XMM10, XMM11, XMM12, XMM13, XMM14, XMM15,
};
use super::sysv::Class;
use crate::convention::PartType::{F16, F32, F64, F80, I16, V128, V256, V512};
use crate::convention::Rule::{
    AssignToBoth, AssignToReg, AssignToRegWithShadow, AssignToStack, IfFlag, IfType, IfWants,
    PassIndirect,
};
use crate::convention::{
    ArgFlags, Classify, Convention, Extension, Frame, FrameKind, Group, GroupKind, Part, PartTypes,
    Reg, Role, Rules, VaListType, WantedKind,
};
use crate::policy::Policy;
use crate::scalar::{Scalar, Vector};
use crate::target::parts::{FLOATS, INTS, V128_SLOT, float_of, int_of, scalar_int};
use crate::types::error::Error;
use crate::types::{Kind, Type};

const GPRS: &[Reg] = &[RCX, RDX, R8, R9];
const VECTORS: &[Reg] = &[XMM0, XMM1, XMM2, XMM3];
const FLOAT128_VECTORS: &[Reg] = &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];

/// x64 Windows.
pub static X86_64_WIN64: Convention = Convention {
    name: "x64 Windows",
    rules: Rules::new(
        classify,
        &[
            IfFlag(ArgFlags::NEST, &AssignToReg(&[R10])),
            // gcc aligns copies to 16, clang to their type: 16 satisfies both. The pointer is an
            // integer.
            IfWants(WantedKind::Memory, &PassIndirect { align: 16 }),
            IfType(INTS, &AssignToRegWithShadow(GPRS, VECTORS)),
            // `__float128`, if it is passed in a register: LLVM passes it as on System V, and the
            // integer register of its position stays free.
            IfType(PartTypes::of(&[V128]), &AssignToReg(FLOAT128_VECTORS)),
            V128_SLOT,
            // A variadic function may look for a float in either register.
            IfFlag(
                ArgFlags::IN_BOTH,
                &IfType(
                    FLOATS,
                    &AssignToBoth(&[[XMM0, RCX], [XMM1, RDX], [XMM2, R8], [XMM3, R9]]),
                ),
            ),
            IfType(FLOATS, &AssignToRegWithShadow(VECTORS, GPRS)),
            AssignToStack { size: 8, align: 8 },
        ],
        &[
            // rdx: the upper half of a vector of one `__int128`, where that is two integers.
            IfType(INTS, &AssignToReg(&[RAX, RDX])),
            IfType(FLOATS, &AssignToReg(&[XMM0])),
            IfType(PartTypes::of(&[V256, V512]), &AssignToReg(&[XMM0])),
            IfType(PartTypes::of(&[F80]), &AssignToReg(&[ST0])),
        ],
    ),
    frame: Frame {
        kind: FrameKind::Win64,
        shadow_space: 32,
        callee_saved: &[
            RBX, RBP, RDI, RSI, R12, R13, R14, R15, XMM6, XMM7, XMM8, XMM9, XMM10, XMM11, XMM12,
            XMM13, XMM14, XMM15,
        ],
        sret_returned_in: Some(RAX),
        vector_bank: "sse",
        va_list: VaListType::Pointer,
        least_align: 1,
        ..Frame::new(8, 16)
    },
};

/// Returns the group of `ty`.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let result = cx.role == Role::Result;
    if let Some(group) = quirks::special(ty, cx)? {
        let no_class = group.parts.is_empty().then_some(Class::NoClass);
        let classes = group.parts.iter().map(|part| Class::of(part.bank));
        cx.tracer.classes(classes.chain(no_class));
        return Ok(group);
    }
    let (part, why) = match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => {
            (scalar_part(*scalar, ty.size(), result, cx), LARGE)
        }
        Kind::Vector(vector) => (vector_part(*vector, ty.size(), result, cx), LARGE),
        _ => (
            int(ty.size()),
            "not of 1, 2, 4 or 8 bytes: in memory, found by a pointer",
        ),
    };
    let Some(part) = part else {
        cx.tracer.note(why);
        return Ok(memory(ty));
    };
    cx.tracer.whole(Class::of(part.bank));
    let mut group = Group::new(GroupKind::Registers, ty.size(), 8).with(part);
    if quirks::is_in_both(&part, cx) {
        group.flags = ArgFlags::IN_BOTH;
    }
    Ok(group)
}

/// Why a number or vector has no register.
const LARGE: &str = "a number or vector of more than 8 bytes: in memory, found by a pointer";

fn memory(ty: &Type) -> Group {
    Group::new(GroupKind::Memory, ty.size(), ty.canonical_align())
}

/// Returns the integer of `size` bytes, if there is one.
fn int(size: u64) -> Option<Part> {
    int_of(size).map(|int| Part::int(int, Extension::None))
}

/// Returns the part of a scalar; `None` sends it to memory.
fn scalar_part(scalar: Scalar, size: u64, result: bool, cx: &mut Classify<'_, '_>) -> Option<Part> {
    match scalar {
        Scalar::F16 if cx.choose(Policy::WIN64_HALF_IN_SSE) => Some(Part::float(F16)),
        Scalar::BF16 if cx.choose(Policy::WIN64_BF16_IN_SSE) => Some(Part::float(F16)),
        Scalar::F16 | Scalar::BF16 => Some(Part::int(I16, Extension::None)),
        Scalar::F32 => Some(Part::float(F32)),
        Scalar::F64 => Some(Part::float(F64)),
        Scalar::Int { bits: 128, .. } if result => Some(Part::float(V128)),
        Scalar::BitInt { .. }
            if result && size == 16 && cx.choose(Policy::WIN64_BITINT_RESULTS_IN_SSE) =>
        {
            Some(Part::float(V128))
        }
        Scalar::F128 if quirks::is_float128_in_sse(result, cx) => Some(Part::float(V128)),
        Scalar::F80 | Scalar::F128 | Scalar::Dec128 => None,
        // gcc's callers extend to 32 bits, clang's do not, so no callee relies on it.
        _ => scalar_int(scalar, size, cx.role),
    }
}

/// Returns the part of a vector that is not inside a record; `None` sends it to memory.
fn vector_part(vector: Vector, size: u64, result: bool, cx: &mut Classify<'_, '_>) -> Option<Part> {
    if vector.lanes == 1 && vector.bools.is_none() {
        return quirks::one_lane_part(vector.lane, size, result, cx);
    }
    match size {
        16 if result => Some(Part::float(V128)),
        2 | 4 | 8 if cx.choose(Policy::WIN64_SMALL_VECTORS_BY_REFERENCE) => {
            result.then_some(float(size))
        }
        32 | 64 if result && cx.choose(Policy::WIN64_SMALL_VECTORS_BY_REFERENCE) => {
            Some(float(size))
        }
        _ => int(size),
    }
}

/// Returns the float or vector of `size` bytes.
fn float(size: u64) -> Part {
    Part::float(float_of(size))
}
