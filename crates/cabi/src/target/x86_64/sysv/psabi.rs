//! Classification of x86-64 System V: psABI 3.2.3, Classification, rules 1 and 3 to 5, as functions
//! of classes and leaves.
//!
//! Rule 2 (C++ objects that are not trivial for calls) is not here: the front end passes a pointer.
//! [`classify`](super::classify) applies the rules to the leaves of a value, and calls the hooks
//! for compilers that differ.

use super::class::Class::{self, ComplexX87, Integer, Memory, NoClass, Sse, SseUp, X87, X87Up};
use super::class::{Classes, MAX_EIGHTBYTES, Stop};
use crate::convention::{Classify, Role, Step};
use crate::leaf::{Leaf, LeafKind};
use crate::scalar::Scalar;
use crate::types::Type;

/// Rule 1: "if the size of an object is larger than eight eightbytes, ...
#[inline]
pub(super) fn is_too_large(ty: &Type) -> bool {
    ty.size() > 8 * MAX_EIGHTBYTES as u64
}

/// ... or it contains unaligned fields, it has class MEMORY".
pub(super) const UNALIGNED: &str = "rule 1: an unaligned field";

/// Rule 3: "the basic types are assigned their natural classes", here those that `leaf` adds to its
/// value's.
#[inline]
pub(super) fn natural_classes(leaf: &Leaf, cx: &mut Classify<'_, '_>) -> Result<Classes, Stop> {
    let mut padded = *leaf;
    let classes = match leaf.kind {
        LeafKind::Scalar(scalar) if !leaf.unnamed => match class_of(scalar) {
            first if leaf.width_bits > 64 => (first, first.goes_on()),
            class => (class, class),
        },
        LeafKind::Vector(vector) => {
            // Three lanes take the room of four.
            let room = leaf.width_bits.next_power_of_two();
            let first = class_of_vector(room / 8, cx)?;
            if vector.bools.is_none() {
                padded.width_bits = room;
            }
            (first, first.goes_on())
        }
        // Padding.
        _ => return Ok(Classes::NOTHING),
    };
    // From its first to its last bit: a bit-field may straddle.
    Ok(Classes::of_leaf(leaf, padded.eightbytes(), classes))
}

/// Returns the class of the first eightbyte of a scalar.
#[inline]
pub(super) fn class_of(scalar: Scalar) -> Class {
    match scalar {
        Scalar::F80 => Class::X87,
        scalar if scalar.is_integer_like() => Class::Integer,
        _ => Class::Sse,
    }
}

/// Returns the class of the first eightbyte of a vector of `bytes`. It is in memory if its
/// registers are too narrow, or (the text on `__m256` and `__m512`) nothing names it. The text says
/// nothing about vectors of less than 8 bytes, and compilers go by the size.
pub(super) fn class_of_vector(bytes: u64, cx: &mut Classify<'_, '_>) -> Result<Class, Stop> {
    let why = if bytes > 16 && cx.role == Role::Unnamed {
        "unnamed vectors wider than 16 bytes are always in memory"
    } else if bytes > cx.vectors.bytes() {
        "a vector wider than the signature's vector level"
    } else {
        return Ok(if bytes <= 4 {
            Class::Integer
        } else {
            Class::Sse
        });
    };
    Err(Stop::memory(why, cx))
}

/// Rule 4: the class of an eightbyte that two fields share, and the letter that says so.
#[inline]
pub(super) fn merge_by(a: Class, b: Class) -> (Class, char) {
    match (a, b) {
        _ if a == b => (a, 'a'),
        (NoClass, other) | (other, NoClass) => (other, 'b'),
        (Memory, _) | (_, Memory) => (Memory, 'c'),
        (Integer, _) | (_, Integer) => (Integer, 'd'),
        (X87 | X87Up | ComplexX87, _) | (_, X87 | X87Up | ComplexX87) => (Memory, 'e'),
        _ => (Sse, 'f'),
    }
}

/// Merges two classes as [`merge_by`] does, without the letter.
#[inline]
pub(super) fn merge(a: Class, b: Class) -> Class {
    merge_by(a, b).0
}

/// Returns whether rule 5 changes nothing, as for most values.
#[inline]
pub(super) fn is_clean(classes: &[Class]) -> bool {
    matches!(
        classes,
        [NoClass | Integer | Sse] | [NoClass | Integer | Sse, NoClass | Integer | Sse]
    )
}

/// Rule 5, the post-merger cleanup, of a value or a record inside one.
pub(super) fn cleanup(all: &mut [Class], cx: &mut Classify<'_, '_>) -> Result<(), Stop> {
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
                cx.tracer.push(|| Step::Cleanup {
                    rule: "5(d): SseUp without a vector before it is Sse",
                    eightbyte: Some(i),
                });
            }
            before = *class;
        }
        return Ok(());
    };
    cx.tracer.push(|| Step::Cleanup {
        rule: why,
        eightbyte: None,
    });
    Err(Stop::Memory)
}
