//! x86-64 System V: psABI 3.2.3, Parameter Passing and Returning of Values.
//!
//! Rule 2 of the classification (C++ objects that are not trivial for calls) is not here: the front end passes a pointer.

use alloc::string::ToString;
use core::ops::Range;

use crate::class::{Class, Classes, Cleanup, Shape, cleanup, merge};
use crate::error::Error;
use crate::leaves::{Leaf, LeafKind, leaves_and_phantoms};
use crate::policy::Policy;
use crate::record::RecordKind;
use crate::reg::Reg::{
    self, R8, R9, R10, Rax, Rcx, Rdi, Rdx, Rsi, St0, St1, Xmm0, Xmm1, Xmm2, Xmm3, Xmm4, Xmm5, Xmm6,
    Xmm7,
};
use crate::rules::PartType::{F16, F32, F64, F80, I8, I16, I32, I64, V128, V256, V512};
use crate::rules::{
    ArgFlags, Classify, Convention, Extension, Group, GroupKind, Part, PartType, Role, Rule, Want,
};
use crate::scalar::{BoolVector, Scalar, Vector};
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
        Rule::IfWants(
            Want::PerElement,
            &Rule::AssignLanes {
                regs: ARG_GPRS,
                slot: 8,
            },
        ),
        Rule::IfType(INTS, &Rule::AssignToReg(ARG_GPRS)),
        Rule::IfType(FLOATS, &Rule::AssignToReg(ARG_VECTORS)),
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
    let align = ty.canonical_align();
    if let Some(scalar) = ty.as_scalar()
        && let Some(part) = scalar_part(scalar, ty.size(), cx.role)
    {
        cx.tracer.whole(part.class);
        return Ok(Group::new(GroupKind::Registers, ty.size(), align).with(part));
    }
    let ty = as_passed(ty, cx.role);
    let mut group = match shape(ty, cx)? {
        Shape::Memory => Group::new(GroupKind::Memory, ty.size(), align),
        Shape::PerElement { lanes } => {
            Group::new(GroupKind::PerElement { lanes }, ty.size(), align)
        }
        Shape::Classes(classes) => group_of(ty, &classes, align, cx),
    };
    let int128 = matches!(ty.as_scalar(), Some(Scalar::Int { bits: 128, .. }));
    if int128 && cx.role != Role::Result && cx.choose(Policy::INT128_USES_UP_INTEGER_REGISTERS) {
        group.uses_up = ARG_GPRS;
    }
    Ok(group)
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
/// extend them again, clang's rely on it. Nobody extends results.
fn scalar_part(scalar: Scalar, size: u64, role: Role) -> Option<Part> {
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
    let extension = match (role, ty) {
        (Role::Result, _) => Extension::None,
        // Clang and gcc leave the unused bits of a `_BitInt` unspecified, and extend its container all the same.
        (_, I8 | I16) if scalar.is_signed() => Extension::Sign,
        (_, I8 | I16) => Extension::Zero,
        _ => Extension::None,
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

/// The shape of `ty`: one class per eightbyte, memory, or a location per lane.
fn shape(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Shape, Error> {
    match ty.kind() {
        // The only value that is ComplexX87, and only when it is nothing else (rule 4 of the text on `_Complex`).
        Kind::Complex(Scalar::F80) => {
            return Ok(Shape::Classes(Classes::whole(
                32,
                Class::ComplexX87,
                Class::ComplexX87,
            )));
        }
        Kind::Vector(vector) => {
            lowerable(LeafKind::Vector(*vector), ty)?;
            return Ok(vector_shape(*vector, ty.size(), cx));
        }
        _ => {}
    }
    // Rule 1; its second half, unaligned fields, is looked at leaf by leaf.
    if ty.size() > 64 {
        cx.tracer.memory("rule 1: larger than eight eightbytes");
        return Ok(Shape::Memory);
    }
    let mut classes = Classes::none(ty.size());
    for leaf in leaves_and_phantoms(ty) {
        lowerable(leaf.kind, ty)?;
        if !leaf.context.in_first_element && cx.choose(Policy::ARRAYS_GO_BY_FIRST_ELEMENT) {
            leaf.eightbytes()
                .for_each(|i| classes.use_up_to(i, leaf.bytes().end));
            continue;
        }
        if let Some(why) = sends_to_memory(&leaf, ty, cx) {
            cx.tracer.memory(why);
            return Ok(Shape::Memory);
        }
        // Rule 3. From its first to its last bit: a bit-field may straddle.
        let (first, end) = (leaf.eightbytes().start, leaf.bytes().end);
        for i in eightbytes_that_count(&leaf, cx) {
            let own = class_of(&leaf, i - first.min(i), cx);
            classes.use_up_to(i, end);
            meet(&mut classes, &leaf, i, own, cx);
            let repeated = leaf.context.arrays[0].is_some();
            if repeated && cx.policy.has(Policy::ARRAYS_GO_BY_FIRST_ELEMENT) {
                repeat(&mut classes, &leaf, i, own, cx);
            }
        }
    }
    Ok(finish(classes, cx))
}

/// The eightbytes in which `leaf` has a class.
fn eightbytes_that_count(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> Range<usize> {
    let eightbyte = |bits: u64| usize::try_from(bits / 64).unwrap_or(usize::MAX - 1);
    let none = 0..0;
    if let Some(start) = leaf.context.phantom {
        // gcc takes an array of no elements that starts inside an eightbyte for one element, as far as that eightbyte.
        let here = eightbyte(start);
        let counts = !start.is_multiple_of(64)
            && leaf.eightbytes().start == here
            && cx.choose(Policy::ZERO_LENGTH_ARRAYS_COUNT);
        return if counts { here..here + 1 } else { none };
    }
    if leaf.context.in_wide_array && cx.choose(Policy::WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS) {
        return none;
    }
    let padding = leaf.unnamed || leaf.width_bits == 0;
    if leaf.bit_field && leaf.context.in_union && padding {
        let first = eightbyte(leaf.offset_bits);
        let counts = cx.choose(Policy::UNNAMED_BIT_FIELDS_OF_UNIONS_COUNT);
        return if counts {
            first..leaf.eightbytes().end.max(first + 1)
        } else {
            none
        };
    }
    if leaf.unnamed && leaf.width_bits != 0 && !cx.choose(Policy::UNNAMED_BIT_FIELDS_COUNT) {
        return none;
    }
    leaf.eightbytes()
}

/// Merges the class `own` of a leaf into eightbyte `i` (rule 4).
fn meet(classes: &mut Classes, leaf: &Leaf, i: usize, own: Class, cx: &mut Classify<'_, '_>) {
    let Some(class) = classes.as_mut_slice().get_mut(i) else {
        return;
    };
    let before = *class;
    *class = merge(before, own);
    cx.tracer.merge(leaf, i, before, own, *class);
}

/// The class of a leaf in the first element of an array of records, for the other elements as gcc has it: eightbyte by eightbyte
/// the first element's classes again, whatever is there.
fn repeat(classes: &mut Classes, leaf: &Leaf, i: usize, own: Class, cx: &mut Classify<'_, '_>) {
    let [Some(inner), outer] = leaf.context.arrays else {
        return;
    };
    for at in core::iter::once(i).chain(inner.repeats(i)) {
        if at != i {
            meet(classes, leaf, at, own, cx);
        }
        for again in outer.iter().flat_map(|outer| outer.repeats(at)) {
            meet(classes, leaf, again, own, cx);
        }
    }
}

/// Refuses what no rule describes.
fn lowerable(kind: LeafKind, ty: &Type) -> Result<(), Error> {
    match kind {
        LeafKind::Vector(v) if v.bools == Some(BoolVector::Clang) && v.lanes > 64 => {
            let why = "clang passes its vectors of more than 64 bools as no rule says";
            let target = X86_64_SYSV.name.to_string();
            Err(Error::Unsupported {
                ty: ty.to_string(),
                why,
                target,
            })
        }
        _ => Ok(()),
    }
}

/// Rule 5.
fn finish(classes: Classes, cx: &mut Classify<'_, '_>) -> Shape {
    let mut changed = None;
    let result = cleanup(classes, |i| changed = Some(i));
    if let Some(i) = changed {
        cx.tracer.cleanup(Cleanup::LoneSseUp, Some(i));
    }
    match result {
        Ok(classes) => Shape::Classes(classes),
        Err(Cleanup::LoneX87Up) if cx.choose(Policy::LONE_X87UP_KEPT) => Shape::Classes(classes),
        Err(step) => {
            cx.tracer.cleanup(step, None);
            Shape::Memory
        }
    }
}

/// Why `leaf` sends the whole of `ty` to memory, if it does.
fn sends_to_memory(leaf: &Leaf, ty: &Type, cx: &mut Classify<'_, '_>) -> Option<&'static str> {
    if leaf.context.atomic && ty.is_aggregate() && cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY) {
        return Some("an _Atomic member");
    }
    if leaf.kind == LeafKind::FlexibleArray && cx.choose(Policy::FLEXIBLE_ARRAY_IN_MEMORY) {
        return Some("a flexible array member");
    }
    let unit = match leaf.kind {
        _ if leaf.bit_field => 1, // bit-fields are exempt; the members around them are not
        LeafKind::Scalar(scalar) => natural_align_bits(scalar, leaf.width_bits),
        LeafKind::Vector(vector) if vector.bools.is_none() => leaf.width_bits.next_power_of_two(),
        _ => 8,
    };
    if !leaf.offset_bits.is_multiple_of(unit) {
        return Some("rule 1: an unaligned field");
    }
    if !leaf.context.members_aligned && cx.choose(Policy::MEMBERS_MUST_BE_ALIGNED) {
        return Some("rule 1: a member at an offset its type's alignment forbids");
    }
    if let LeafKind::Vector(vector) = leaf.kind {
        return vector_objection(vector, leaf.width_bits.next_power_of_two(), cx);
    }
    let structure = ty
        .as_record()
        .is_some_and(|record| record.kind() == RecordKind::Struct);
    if ty.size() > 16
        && (leaf.kind == LeafKind::Empty || leaf.context.phantom.is_some())
        && structure
        && cx.choose(Policy::EMPTY_MEMBERS_BAR_WIDE_VECTORS)
    {
        return Some("an empty member in more than two eightbytes");
    }
    None
}

/// Why a vector member sends its record to memory, if it does.
fn vector_objection(vector: Vector, bits: u64, cx: &mut Classify<'_, '_>) -> Option<&'static str> {
    let bytes = bits.div_ceil(8);
    if vector.bools == Some(BoolVector::Zig) && vector.lanes > 64 {
        return Some("a vector of more than 64 bools as a member");
    }
    if bytes > cx.vectors.bytes() {
        return Some("a vector wider than the signature's vector level");
    }
    if bytes > 16 && is_unnamed(cx) {
        return Some("unnamed vectors wider than 16 bytes are always in memory");
    }
    let int128 = matches!(vector.lane, Scalar::Int { bits: 128, .. });
    if bytes > 16 && int128 && cx.choose(Policy::WIDE_INT128_VECTORS_IN_MEMORY) {
        return Some("a vector of __int128 wider than 16 bytes");
    }
    if bytes == 8 && vector.lane == Scalar::F64 {
        return Some("a vector of one double");
    }
    None
}

/// Whether a wide vector counts as unnamed: it is, or the choice is to treat all arguments of a variadic function so.
fn is_unnamed(cx: &mut Classify<'_, '_>) -> bool {
    match cx.role {
        Role::Unnamed => true,
        Role::Named if cx.variadic => cx.choose(Policy::WIDE_VECTORS_OF_VARIADICS_IN_MEMORY),
        _ => false,
    }
}

/// The alignment below which gcc calls a scalar unaligned: its size, whatever a typedef says.
fn natural_align_bits(scalar: Scalar, width_bits: u64) -> u64 {
    match scalar {
        Scalar::F80 => 128,
        Scalar::BitInt { bits, .. } if bits > 64 => 64,
        Scalar::BitInt { .. } => width_bits.next_power_of_two().max(8),
        _ => width_bits.max(8),
    }
}

/// The class of eightbyte `i` of a leaf (psABI 3.2.3, "The basic types are assigned their natural classes").
fn class_of(leaf: &Leaf, i: usize, cx: &mut Classify<'_, '_>) -> Class {
    match leaf.kind {
        LeafKind::Scalar(scalar) => match scalar {
            Scalar::F80 if i == 0 => Class::X87,
            Scalar::F80 => Class::X87Up,
            Scalar::F128 | Scalar::Dec128 if i > 0 => Class::SseUp,
            scalar if scalar.is_float() => Class::Sse,
            Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => Class::Sse,
            _ => Class::Integer,
        },
        LeafKind::Vector(vector) => {
            match vector_class(vector, leaf.width_bits.next_power_of_two() / 8, cx) {
                Class::Sse if i > 0 => Class::SseUp,
                class => class,
            }
        }
        LeafKind::Empty | LeafKind::FlexibleArray => Class::NoClass,
    }
}

/// The class of a vector's first eightbyte.
fn vector_class(vector: Vector, bytes: u64, cx: &mut Classify<'_, '_>) -> Class {
    match bytes {
        ..=2 => Class::Integer,
        3..=4 if vector.bools.is_some() => Class::Integer,
        3..=4 => match vector.lane {
            Scalar::F16 | Scalar::BF16 if cx.choose(Policy::HALF_PAIRS_IN_SSE) => Class::Sse,
            _ => Class::Integer,
        },
        8 if matches!(vector.lane, Scalar::Int { .. }) => {
            if cx.policy.has(Policy::INTEGER_VECTORS_IN_GPR) {
                Class::Integer
            } else {
                Class::Sse
            }
        }
        _ => Class::Sse,
    }
}

/// A vector that is not inside anything. Results may be wider than the vector level, arguments not.
fn vector_shape(vector: Vector, size: u64, cx: &mut Classify<'_, '_>) -> Shape {
    let result = cx.role == Role::Result;
    if vector.bools == Some(BoolVector::Zig) && vector.lanes > 64 {
        let fits = u64::from(vector.lanes).div_ceil(8) <= cx.vectors.bytes();
        return if fits && !result {
            Shape::PerElement {
                lanes: vector.lanes,
            }
        } else {
            Shape::Memory
        };
    }
    if size == 8 && vector.lane == Scalar::F64 {
        let in_sse = result && cx.choose(Policy::DOUBLE_VECTOR_RESULT_IN_SSE);
        return if in_sse {
            Shape::Classes(Classes::whole(8, Class::Sse, Class::Sse))
        } else {
            Shape::Memory
        };
    }
    if size > 16 {
        let int128 = matches!(vector.lane, Scalar::Int { bits: 128, .. });
        if int128 && cx.choose(Policy::WIDE_INT128_VECTORS_IN_MEMORY) {
            return Shape::Memory;
        }
        if is_unnamed(cx) {
            cx.tracer
                .memory("unnamed vectors wider than 16 bytes are always in memory");
            return Shape::Memory;
        }
        let splits =
            result && size > cx.vectors.bytes() && cx.choose(Policy::WIDE_VECTOR_RESULTS_SPLIT);
        if size > cx.vectors.bytes() && !splits {
            cx.tracer
                .memory("a vector wider than the signature's vector level");
            return Shape::Memory;
        }
    }
    let first = vector_class(vector, size, cx);
    let rest = if first == Class::Integer {
        first
    } else {
        Class::SseUp
    };
    Shape::Classes(Classes::whole(size, first, rest))
}

/// The parts that `classes` make of `ty`.
fn group_of(ty: &Type, classes: &Classes, align: u32, cx: &Classify<'_, '_>) -> Group {
    let mut group = Group::new(GroupKind::Registers, ty.size(), align);
    group.classes = Some(*classes);
    let widest = u8::try_from(cx.vectors.bytes()).unwrap_or(16);
    let mut eightbytes = (0_u8..).step_by(8).zip(classes.used()).peekable();
    while let Some((offset, (class, used))) = eightbytes.next() {
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

/// The part of a vector register: `bytes` for a vector, what is used of the eightbyte otherwise.
fn sse_part(part: Part, bytes: u8) -> Part {
    let (ty, size) = match (bytes, part.size) {
        (8, ..=2) => (F16, 2),
        (8, ..=4) => (F32, 4),
        (8, used) => (F64, used),
        (16, _) => (V128, 16),
        (32, _) => (V256, 32),
        _ => (V512, 64),
    };
    Part { ty, size, ..part }
}
