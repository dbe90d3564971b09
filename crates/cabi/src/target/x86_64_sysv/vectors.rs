//! How vectors are classified: psABI 3.2.3, and where gcc and clang differ over sizes the text does not name.

use crate::class::{Class, Classes, Shape};
use crate::policy::Policy;
use crate::rules::{Classify, Role};
use crate::scalar::{BoolVector, Scalar, Vector};

/// The class of a vector's first eightbyte.
pub(super) fn vector_class(vector: Vector, bytes: u64, cx: &mut Classify<'_, '_>) -> Class {
    match bytes {
        ..=2 => Class::Integer,
        3..=4 if vector.bools.is_some() => Class::Integer,
        3..=4 => match vector.lane {
            Scalar::F16 | Scalar::BF16 if cx.choose(Policy::HALF_PAIRS_IN_SSE) => Class::Sse,
            _ => Class::Integer,
        },
        8 if vector.lanes == 1 && cx.choose(Policy::INTEGER_VECTORS_IN_GPR) => Class::Integer,
        _ => Class::Sse,
    }
}

/// A vector that is not inside anything. Results may be wider than the vector level, arguments not.
pub(super) fn vector_shape(vector: Vector, size: u64, cx: &mut Classify<'_, '_>) -> Shape {
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
    if is_one_float(vector, cx) {
        let double = vector.lane == Scalar::F64;
        let in_sse = double && result && cx.choose(Policy::DOUBLE_VECTOR_RESULT_IN_SSE);
        if in_sse {
            return Shape::Classes(Classes::whole(8, Class::Sse, Class::Sse));
        }
        cx.tracer.memory("a vector of one float");
        return Shape::Memory;
    }
    if size > 16 {
        let int128 = matches!(vector.lane, Scalar::Int { bits: 128, .. });
        if int128 && cx.choose(Policy::WIDE_INT128_VECTORS_IN_MEMORY) {
            return Shape::Memory;
        }
        if cx.role == Role::Unnamed {
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

/// Whether this is a vector of one float that travels in memory: of one `double` with every compiler, of others by choice.
pub(super) fn is_one_float(vector: Vector, cx: &mut Classify<'_, '_>) -> bool {
    match (vector.lanes, vector.lane) {
        (1, Scalar::F64) => true,
        (1, Scalar::F32 | Scalar::F16 | Scalar::BF16 | Scalar::F128) => {
            cx.choose(Policy::ONE_FLOAT_VECTORS_IN_MEMORY)
        }
        _ => false,
    }
}
