//! x86-64 System V: psABI 3.2.3, Parameter Passing and Returning of Values.
//!
//! Rule 2 of the classification (C++ objects that are not trivial for calls) is not here: the front end passes a pointer.

mod memory;
mod pairs;
mod quirks;
mod shape;
mod vectors;

use self::quirks::{is_atomic_complex, leave_atomic_uncounted, place_flexible_array};
use self::shape::shape;
use crate::class::{Class, Classes, Shape};
use crate::error::Error;
use crate::leaves::{Leaf, LeafKind, leaves_of_one_element};
use crate::plain::Plain;
use crate::policy::Policy;
use crate::reg::Reg::{
    self, R8, R9, R10, Rax, Rcx, Rdi, Rdx, Rsi, St0, St1, Xmm0, Xmm1, Xmm2, Xmm3, Xmm4, Xmm5, Xmm6,
    Xmm7,
};
use crate::rules::PartType::{F16, F32, F64, F80, I8, I16, I32, I64, V128, V256, V512};
use crate::rules::{
    ArgFlags, Classify, Convention, Extension, Group, GroupKind, Part, PartType, Role, Rule, Want,
};
use crate::scalar::Scalar;
use crate::types::{Kind, Type};

const INTS: &[PartType] = &[I8, I16, I32, I64];
const FLOATS: &[PartType] = &[F16, F32, F64, V128, V256, V512];
const ARG_GPRS: &[Reg] = &[Rdi, Rsi, Rdx, Rcx, R8, R9];
const ARG_VECTORS: &[Reg] = &[Xmm0, Xmm1, Xmm2, Xmm3, Xmm4, Xmm5, Xmm6, Xmm7];

/// x86-64 System V, as Linux and the BSDs use it.
pub const X86_64_SYSV: Convention = Convention {
    name: "x86-64 System V",
    classify,
    args: &[
        Rule::IfFlag(ArgFlags::NEST, &Rule::AssignToReg(&[R10])),
        Rule::IfType(INTS, &Rule::AssignToReg(ARG_GPRS)),
        Rule::IfType(FLOATS, &Rule::AssignToReg(ARG_VECTORS)),
        Rule::IfWants(
            Want::PerElement,
            &Rule::AssignLanes {
                regs: ARG_GPRS,
                slot: 8,
            },
        ),
        // Memory, x87, and groups that do not fit. The end of Passing: each argument takes a multiple of 8 bytes.
        Rule::PassByVal { size: 8, align: 8 },
    ],
    results: &[
        Rule::IfType(INTS, &Rule::AssignToReg(&[Rax, Rdx])),
        // xmm2 and xmm3: vectors wider than their registers, where a policy splits them.
        Rule::IfType(FLOATS, &Rule::AssignToReg(&[Xmm0, Xmm1, Xmm2, Xmm3])),
        Rule::IfType(&[F80], &Rule::AssignToReg(&[St0, St1])),
    ],
    shadow_space: 0,
    stack_align: 16,
    slot: 8,
    sret_echo: Some(Rax),
    variadic_count: Some(Rax),
};

/// What `ty` asks for.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if let Some(scalar) = ty.as_scalar()
        && let Some(part) = scalar_part(scalar, ty.size(), cx)
    {
        cx.tracer.whole(part.class);
        let align = u32::from(part.size);
        let mut group = Group::new(GroupKind::Registers, ty.size(), align).with(part);
        leave_atomic_uncounted(ty, &mut group, cx);
        return Ok(group);
    }
    let align = ty.canonical_align();
    let declared = ty;
    if is_atomic_complex(ty, cx) {
        cx.tracer.memory("an _Atomic complex number");
        return Ok(Group::new(GroupKind::Memory, ty.size(), align));
    }
    let ty = as_passed(ty, cx.role);
    // An explanation shows each merge.
    if let Some(plain) = ty.as_plain()
        && !cx.tracer.is_on()
        && !(plain.float_arrays && cx.policy.has(Policy::ARRAYS_ARE_INTEGER))
    {
        return Ok(plain_group(plain, ty.size(), align));
    }
    let mut group = match shape(ty, cx)? {
        Shape::Memory => Group::new(GroupKind::Memory, ty.size(), align),
        Shape::PerElement { lanes } => {
            Group::new(GroupKind::PerElement { lanes }, ty.size(), align)
        }
        Shape::Classes(classes) => group_of(ty, &classes, align, cx),
    };
    let ends = |part: &Part| u64::from(part.offset) + u64::from(part.size);
    if group.parts.iter().any(|part| ends(part) > ty.size()) {
        let why = "no rule says how a vector travels that starts inside of an eightbyte";
        return Err(shape::unsupported(ty, why));
    }
    place_flexible_array(ty, &mut group, cx)?;
    if group.kind != GroupKind::Ignore
        && ty.as_record().is_some()
        && is_all_padding(ty)
        && cx.choose(Policy::UNNAMED_BIT_FIELDS_COUNT)
    {
        // gcc gives padding that counts a register, but no place in memory; as a result it is none.
        group.size = 0;
        if cx.role == Role::Result || group.kind == GroupKind::Memory {
            group.kind = GroupKind::Ignore;
        }
    }
    if is_wide_in_variadic(&group, cx) {
        cx.tracer
            .memory("variadic functions take vectors wider than 16 bytes in memory");
        // It stays a vector to LLVM, which aligns it to its size, not as a record.
        let size = u32::try_from(ty.size()).unwrap_or(align);
        group = Group::new(GroupKind::Memory, ty.size(), align.max(size));
    }
    // clang's front end takes it for a value in registers, its back end for one in memory.
    group.miscounted |= cx.role == Role::Result
        && group.kind == GroupKind::Memory
        && is_int128_vector(ty)
        && cx.policy.has(Policy::WIDE_VECTOR_RESULTS_SPLIT);
    // clang passes a transparent union that finds no registers as a record in memory, whatever its first member is.
    let int128 = matches!(declared.as_scalar(), Some(Scalar::Int { bits: 128, .. }));
    if int128 && cx.role != Role::Result && cx.choose(Policy::INT128_USES_UP_INTEGER_REGISTERS) {
        group.uses_up = ARG_GPRS;
    }
    leave_atomic_uncounted(ty, &mut group, cx);
    Ok(group)
}

fn is_int128_vector(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Vector(vector) if matches!(vector.lane, Scalar::Int { bits: 128, .. }))
}

/// Whether `group` has a vector register wider than 16 bytes that an argument of this function cannot have.
fn is_wide_in_variadic(group: &Group, cx: &mut Classify<'_, '_>) -> bool {
    let wide = group
        .parts
        .iter()
        .any(|part| matches!(part.ty, V256 | V512));
    let variadic = match cx.role {
        Role::Named => cx.variadic,
        Role::Unnamed => true,
        _ => false,
    };
    wide && variadic && cx.choose(Policy::WIDE_VECTORS_OF_VARIADICS_IN_MEMORY)
}

/// A transparent union is passed as its first member; other values, and results, as what they are.
fn as_passed(ty: &Type, role: Role) -> &Type {
    match ty.as_record() {
        Some(record) if record.is_transparent() && role != Role::Result => record
            .fields()
            .first()
            .map_or(ty, |field| as_passed(field.ty(), role)),
        _ => ty,
    }
}

/// The part of a scalar that is one eightbyte or less, the common case. Narrow integers are extended by the caller: gcc's callees
/// extend them again, clang's rely on it. Results are extended on Darwin only.
fn scalar_part(scalar: Scalar, size: u64, cx: &mut Classify<'_, '_>) -> Option<Part> {
    let ty = match (scalar, size) {
        (Scalar::F16 | Scalar::BF16, _) => F16,
        (Scalar::F32 | Scalar::Dec32, _) => F32,
        (Scalar::F64 | Scalar::Dec64, _) => F64,
        (_, 1) => I8,
        (_, 2) => I16,
        (_, 4) => I32,
        (_, 8) => I64,
        _ => return None,
    };
    // The unused bits of a `_BitInt` are unspecified, and its container is extended all the same.
    let narrow = matches!(ty, I8 | I16);
    let extended =
        narrow && (cx.role != Role::Result || cx.choose(Policy::NARROW_RESULTS_EXTENDED));
    let extension = match (extended, scalar.is_signed()) {
        (false, _) => Extension::None,
        (true, true) => Extension::Sign,
        (true, false) => Extension::Zero,
    };
    let class = if ty.is_int() {
        Class::Integer
    } else {
        Class::Sse
    };
    Some(Part {
        class,
        ty,
        offset: 0,
        size: ty.bytes(),
        extension,
    })
}

/// What a record of plain integers and floats asks for: classes that no policy changes.
fn plain_group(plain: Plain, size: u64, align: u32) -> Group {
    // Rule 5(c): there is no vector in it.
    if size > 16 {
        return Group::new(GroupKind::Memory, size, align);
    }
    let mut group = Group::new(GroupKind::Registers, size, align);
    for (i, offset) in [0, 8].into_iter().enumerate() {
        let (ints, floats) = plain.eightbyte(i);
        let used = (ints | floats).checked_ilog2().map_or(0, |last| last + 1);
        let part = Part {
            class: if ints != 0 {
                Class::Integer
            } else {
                Class::Sse
            },
            ty: I64,
            offset,
            size: u8::try_from(used).unwrap_or(8),
            extension: Extension::None,
        };
        match part.class {
            _ if used == 0 => {}
            Class::Integer => group.parts.push(part),
            _ => group.parts.push(sse_part(part, 8)),
        }
    }
    group
}

/// The parts that `classes` make of `ty`.
fn group_of(ty: &Type, classes: &Classes, align: u32, cx: &mut Classify<'_, '_>) -> Group {
    let mut group = Group::new(GroupKind::Registers, ty.size(), align);
    group.miscounted = classes.miscounted;
    cx.tracer.classes(classes);
    let widest = u8::try_from(cx.vectors.bytes()).unwrap_or(16);
    let mut eightbytes = (0_u8..).step_by(8).zip(classes.used()).peekable();
    while let Some((offset, (class, used))) = eightbytes.next() {
        // An array of no elements has a class here and there, and no bytes.
        let room = ty.size().saturating_sub(u64::from(offset));
        let used = u8::try_from(room).map_or(used, |room| used.min(room));
        let extension = Extension::None;
        let part = |ty, size| Part {
            class,
            ty,
            offset,
            size,
            extension,
        };
        match class {
            Class::Integer => group.parts.push(part(I64, used.max(1))),
            // An `SseUp` that starts a part: a vector wider than its registers goes on in the next one.
            Class::Sse | Class::SseUp => {
                let mut bytes = 8;
                let up = |next: &(u8, (Class, u8))| next.1.0 == Class::SseUp;
                while bytes < widest && eightbytes.next_if(up).is_some() {
                    bytes += 8;
                }
                group.parts.push(sse_part(part(F64, used.max(1)), bytes));
            }
            Class::X87 => group.parts.push(part(F80, 10)),
            Class::ComplexX87 if offset % 16 == 0 => group.parts.push(part(F80, 10)),
            Class::ComplexX87 | Class::X87Up | Class::NoClass | Class::Memory => {}
        }
    }
    if group.parts.is_empty() {
        group.kind = GroupKind::Ignore;
    }
    group
}

/// Whether `ty` consists of unnamed bit-fields alone. A flexible array is something, though it has no bytes.
fn is_all_padding(ty: &Type) -> bool {
    let nothing = |leaf: &Leaf| leaf.unnamed || leaf.width_bits == 0;
    leaves_of_one_element(ty).all(|leaf| nothing(&leaf) && leaf.kind != LeafKind::FlexibleArray)
}

/// The part of a vector register: `bytes` for a vector, what is used of the eightbyte otherwise.
fn sse_part(part: Part, bytes: u8) -> Part {
    let (ty, size) = match (bytes, part.size) {
        (8, used @ ..=2) => (F16, used),
        (8, used @ ..=4) => (F32, used),
        (8, used) => (F64, used),
        (16, _) => (V128, 16),
        (32, _) => (V256, 32),
        _ => (V512, 64),
    };
    Part { ty, size, ..part }
}
