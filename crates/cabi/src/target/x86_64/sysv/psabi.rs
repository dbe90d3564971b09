//! Classification of x86-64 System V: psABI 3.2.3, Classification, rules 1 and 3 to 5.
//!
//! Rule 2 (C++ objects that are not trivial for calls) is not here: the front end passes a pointer. What compilers do otherwise enters through four
//! hooks: [`quirks::value`] (a value as a whole), [`quirks::leaf`] (which leaves count, and as what), [`quirks::merged`] (the classes after the merge)
//! and [`quirks::group`] (the parts). Under [`Policy::PSABI`](crate::Policy::PSABI) they decide only what the text leaves open.

use alloc::boxed::Box;
use core::ops::Range;

use super::class::Class::{self, ComplexX87, Integer, Memory, NoClass, Sse, SseUp, X87, X87Up};
use super::class::{Classes, MAX_EIGHTBYTES, Shape};
use super::parts::{group_of, small_scalar};
use super::quirks;
use crate::convention::{Classify, Group, GroupKind, Role};
use crate::leaves::{Leaf, LeafKind, Leaves, Step, leaves};
use crate::scalar::Scalar;
use crate::types::error::Error;
use crate::types::record::has_wide_leaf;
use crate::types::{Kind, Type};

/// What `ty` asks for.
pub(super) fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if let Some(part) = small_scalar(ty, cx.role) {
        cx.tracer.whole(Class::of(part.bank));
        let align = u32::from(part.size);
        let mut group = Group::new(GroupKind::Registers, ty.size(), align).with(part);
        quirks::scalar(ty, &mut group, cx);
        return Ok(group);
    }
    let passed = as_passed(ty, cx.role);
    let (size, align) = (passed.size(), ty.canonical_align());
    let mut group = match shape(passed, cx)? {
        Shape::Classes(classes) => group_of(&classes, size, align, cx),
        Shape::Memory => Group::new(GroupKind::Memory, size, align),
        Shape::PerElement { lanes } => Group::new(GroupKind::PerElement { lanes }, size, align),
    };
    quirks::group(ty, passed, &mut group, cx)?;
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

/// The class of each eightbyte of `ty`, or memory.
fn shape(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Shape, Error> {
    if let Some(shape) = quirks::value(ty, cx)? {
        return Ok(shape);
    }
    let size = ty.size();
    let why = match ty.kind() {
        Kind::Complex(Scalar::F80) => {
            return Ok(Shape::Classes(Classes::whole(size, ComplexX87, ComplexX87)));
        }
        Kind::Vector(_) => match vector_in_memory(size, cx) {
            Some(why) => Some(why),
            None => {
                let first = vector_class(size);
                return Ok(Shape::Classes(Classes::whole(size, first, first.goes_on())));
            }
        },
        _ if size > 8 * MAX_EIGHTBYTES as u64 => Some("rule 1: larger than eight eightbytes"),
        // Rule 5(c) before a walk that can only lead to it. An explanation shows the walk.
        _ if size > 16 && !has_wide_leaf(ty) && !cx.tracer.is_on() => return Ok(Shape::Memory),
        _ => None,
    };
    if let Some(why) = why {
        cx.tracer.memory(why);
        return Ok(Shape::Memory);
    }
    let mut classes = Classes::none(size);
    let merged = merge_leaves(&mut leaves(ty), ty, &mut classes, cx);
    match merged.and_then(|()| cleanup(ty, classes, cx)) {
        Ok(classes) => Ok(Shape::Classes(classes)),
        Err(Stop::Memory) => Ok(Shape::Memory),
        Err(Stop::Refused(error)) => Err(*error),
    }
}

/// Why the classes of a value need no further look.
pub(super) enum Stop {
    /// The whole of it is in memory; an explanation has been told why.
    Memory,
    /// No rule says how it is passed.
    Refused(Box<Error>),
}

impl Stop {
    pub(super) fn memory(why: &'static str, cx: &mut Classify<'_, '_>) -> Self {
        cx.tracer.memory(why);
        Self::Memory
    }
}

/// Merges the classes of the leaves of `ty`, or of a record inside it, into `classes` (rules 3 and 4).
fn merge_leaves(
    walk: &mut Leaves<'_>,
    ty: &Type,
    classes: &mut Classes,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Stop> {
    let mut inside = 0_u32;
    while let Some(step) = walk.step() {
        match step {
            Step::Leaf(leaf) => {
                if let Some(adds) = quirks::leaf(&leaf, walk, ty, cx)? {
                    classes.merge_adds(&adds, &leaf, cx);
                } else {
                    let (eightbytes, first, rest) = classes_of(&leaf, cx)?;
                    let (mut class, end) = (first, leaf.bytes().end);
                    for i in eightbytes {
                        classes.merge_leaf(i, class, &leaf, cx);
                        classes.use_up_to(i, end);
                        class = rest;
                    }
                }
            }
            // Rule 4: "each field is classified recursively". Leaf by leaf it is the same where rule 5 changes nothing.
            Step::Enter(record, offset) if record.size() > 16 || has_wide_leaf(record) => {
                let mut own = Classes::none(ty.size());
                merge_leaves(walk, ty, &mut own, cx)?;
                let (first, end) = (eightbyte(offset), eightbyte(offset + record.size() + 7));
                let cleaned = cleanup(record, own.part(first..end.max(first)), cx)?;
                own.set_part(first, &cleaned);
                classes.merge_all(&own);
            }
            Step::Enter(..) => inside += 1,
            Step::Leave if inside == 0 => break,
            Step::Leave => inside -= 1,
        }
    }
    Ok(())
}

/// What a leaf adds to the classes of its value, where a compiler has a say.
pub(super) struct Adds {
    pub(super) classes: [Class; MAX_EIGHTBYTES],
    /// The byte of the value after the leaf's last one; 0 if the leaf has none.
    pub(super) end: u64,
}

impl Adds {
    pub(super) const NOTHING: Self = Self {
        classes: [NoClass; MAX_EIGHTBYTES],
        end: 0,
    };

    /// What `leaf` adds by rule 3.
    pub(super) fn of(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> Result<Self, Stop> {
        let (eightbytes, first, rest) = natural_classes(leaf, cx)?;
        let mut adds = Self::NOTHING;
        for i in eightbytes.clone().take(MAX_EIGHTBYTES) {
            if let Some(class) = adds.classes.get_mut(i) {
                *class = if i == eightbytes.start { first } else { rest };
            }
            adds.end = leaf.bytes().end;
        }
        Ok(adds)
    }
}

/// The eightbytes of `leaf`, the class of the first and that of the others (rules 1 and 3).
#[inline(always)]
fn classes_of(
    leaf: &Leaf,
    cx: &mut Classify<'_, '_>,
) -> Result<(Range<usize>, Class, Class), Stop> {
    if is_unaligned(leaf) {
        return Err(Stop::memory("rule 1: an unaligned field", cx));
    }
    natural_classes(leaf, cx)
}

/// The same if its place does not matter.
#[inline(always)]
fn natural_classes(
    leaf: &Leaf,
    cx: &mut Classify<'_, '_>,
) -> Result<(Range<usize>, Class, Class), Stop> {
    match leaf.kind {
        // Padding.
        _ if leaf.unnamed => Ok((0..0, NoClass, NoClass)),
        // From its first to its last bit: a bit-field may straddle.
        LeafKind::Scalar(scalar) => {
            let first = class_of(scalar);
            let rest = if leaf.width_bits > 64 {
                first.goes_on()
            } else {
                first
            };
            Ok((leaf.eightbytes(), first, rest))
        }
        LeafKind::Vector(vector) => {
            // Three lanes take the room of four.
            let room = leaf.width_bits.next_power_of_two();
            if let Some(why) = vector_in_memory(room / 8, cx) {
                return Err(Stop::memory(why, cx));
            }
            let mut whole = *leaf;
            if vector.bools.is_none() {
                whole.width_bits = room;
            }
            let first = vector_class(room / 8);
            Ok((whole.eightbytes(), first, first.goes_on()))
        }
        LeafKind::Empty | LeafKind::FlexibleArray => Ok((0..0, NoClass, NoClass)),
    }
}

/// The eightbyte that byte `offset` is in.
fn eightbyte(offset: u64) -> usize {
    usize::try_from(offset / 8).unwrap_or(MAX_EIGHTBYTES)
}

/// Rule 1: whether the leaf is at no multiple of its size, whatever a typedef says. Bit-fields are exempt.
#[inline]
pub(super) fn is_unaligned(leaf: &Leaf) -> bool {
    let align_bits = match leaf.kind {
        _ if leaf.bit_field => return false,
        LeafKind::Scalar(Scalar::F80) => 128,
        LeafKind::Scalar(Scalar::BitInt { bits, .. }) if bits > 64 => 64,
        LeafKind::Scalar(Scalar::BitInt { .. }) => leaf.width_bits.next_power_of_two().max(8),
        LeafKind::Scalar(_) => leaf.width_bits.max(8),
        LeafKind::Vector(vector) if vector.bools.is_none() => leaf.width_bits.next_power_of_two(),
        _ => 8,
    };
    // All of these are powers of two.
    leaf.offset_bits & (align_bits - 1) != 0
}

/// Why a vector of `bytes` is in memory, if it is: its registers are too narrow, or (the text on `__m256` and `__m512`) nothing names it.
fn vector_in_memory(bytes: u64, cx: &Classify<'_, '_>) -> Option<&'static str> {
    if bytes > 16 && cx.role == Role::Unnamed {
        Some("unnamed vectors wider than 16 bytes are always in memory")
    } else if bytes > cx.vectors.bytes() {
        Some("a vector wider than the signature's vector level")
    } else {
        None
    }
}

/// The class of the first eightbyte of a scalar ("the basic types are assigned their natural classes").
pub(super) fn class_of(scalar: Scalar) -> Class {
    match scalar {
        Scalar::F80 => X87,
        Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => Sse,
        scalar if scalar.is_float() => Sse,
        _ => Integer,
    }
}

/// The class of the first eightbyte of a vector of `bytes`: of those of less than 8 the text says nothing, and compilers go by the size.
fn vector_class(bytes: u64) -> Class {
    if bytes <= 4 { Integer } else { Sse }
}

impl Class {
    /// The class of what follows in the same leaf.
    pub(super) fn goes_on(self) -> Self {
        match self {
            X87 => X87Up,
            Sse => SseUp,
            class => class,
        }
    }
}

/// The class of an eightbyte that two fields share (rule 4; the arms follow its letters).
pub(super) fn merge(a: Class, b: Class) -> Class {
    match (a, b) {
        _ if a == b => a,
        (NoClass, other) | (other, NoClass) => other,
        (Memory, _) | (_, Memory) => Memory,
        (Integer, _) | (_, Integer) => Integer,
        (X87 | X87Up | ComplexX87, _) | (_, X87 | X87Up | ComplexX87) => Memory,
        _ => Sse,
    }
}

impl Classes {
    /// Merges the class `own` of a leaf into eightbyte `i`.
    #[inline]
    fn merge_leaf(&mut self, i: usize, own: Class, leaf: &Leaf, cx: &mut Classify<'_, '_>) {
        if let Some(class) = self.as_mut_slice().get_mut(i) {
            let before = *class;
            *class = merge(before, own);
            cx.tracer.merge(leaf, i, before, own, *class);
        }
    }

    fn merge_adds(&mut self, adds: &Adds, leaf: &Leaf, cx: &mut Classify<'_, '_>) {
        for (i, own) in adds.classes.into_iter().enumerate() {
            if own != NoClass {
                self.merge_leaf(i, own, leaf, cx);
            }
        }
        let first = eightbyte(leaf.offset_bits / 8);
        for i in first..leaf.eightbytes().end.max(first + 1) {
            self.use_up_to(i, adds.end);
        }
    }

    /// Merges the classes of a record inside the value.
    fn merge_all(&mut self, record: &Self) {
        for (i, own) in record.as_slice().iter().enumerate() {
            self.use_up_to(i, 8 * i as u64 + u64::from(record.used(i)));
            if let Some(class) = self.as_mut_slice().get_mut(i) {
                *class = merge(*class, *own);
            }
        }
    }
}

/// Rule 5, the post-merger cleanup.
fn cleanup(ty: &Type, mut classes: Classes, cx: &mut Classify<'_, '_>) -> Result<Classes, Stop> {
    quirks::merged(ty, &mut classes, cx)?;
    let all = classes.as_mut_slice();
    if all.len() <= 2
        && all
            .iter()
            .all(|class| matches!(class, NoClass | Integer | Sse))
    {
        return Ok(classes);
    }
    let lone_x87_up = |i: usize| all[i] == X87Up && (i == 0 || all[i - 1] != X87);
    let why = if all.contains(&Memory) {
        "5(a): one eightbyte is Memory, so the whole value is"
    } else if (0..all.len()).any(lone_x87_up) {
        "5(b): X87Up without X87 before it, so the whole value is Memory"
    } else if all.len() > 2 && (all[0] != Sse || all[1..].iter().any(|class| *class != SseUp)) {
        "5(c): more than two eightbytes that are not one vector, so the whole value is Memory"
    } else {
        let mut before = NoClass;
        for (i, class) in all.iter_mut().enumerate() {
            if *class == SseUp && !matches!(before, Sse | SseUp) {
                *class = Sse;
                let rule = "5(d): SseUp without a vector before it is Sse";
                cx.tracer.cleanup(rule, Some(i));
            }
            before = *class;
        }
        return Ok(classes);
    };
    cx.tracer.cleanup(why, None);
    Err(Stop::Memory)
}
