//! Vectors: short ones in registers, larger ones by their addresses, smaller ones as compilers
//! have them.

use super::float;
use crate::convention::PartType::{F64, V128};
use crate::convention::{Classify, Extension, Group, Part, Role};
use crate::policy::Policy;
use crate::scalar::Vector;
use crate::target::parts::{byte, float_of, int, memory, one};
use crate::types::Type;
use crate::types::error::Error;

/// Returns the group of a vector. "Short Vectors" have 8 or 16 bytes. To compilers larger ones are
/// aggregates, and smaller arguments are integers.
pub(super) fn vector_group(
    vector: Vector,
    ty: &Type,
    cx: &mut Classify<'_, '_>,
) -> Result<Group, Error> {
    if let Some(part) = short_vector(ty.size()) {
        cx.tracer.note("a short vector of 8 or 16 bytes (C.1)");
        return Ok(one(ty, part));
    }
    if ty.size() > 16 {
        cx.tracer
            .note("a vector of more than 16 bytes: by its address");
        return Ok(memory(ty));
    }
    if cx.role == Role::Result {
        let why = "gcc returns a vector of less than 8 bytes in x0, clang in v0";
        if cx.decide(Policy::DOUBLE_VECTOR_RESULT_IN_SSE, ty, why)? {
            return small_result(vector, ty, cx);
        }
    } else if float(vector.lane).is_some() {
        let bit = match vector.lanes {
            1 => Policy::ONE_FLOAT_VECTORS_IN_MEMORY,
            _ => Policy::HALF_PAIRS_IN_SSE,
        };
        let why = "gcc passes a vector of floats of less than 8 bytes on the stack, clang in an integer register";
        if cx.decide(bit, ty, why)? {
            let why = "gcc passes it on the stack, and later arguments get no integer register: a structure of it is in a register";
            return cx.refuse(ty, why);
        }
    }
    cx.tracer
        .note("a vector of less than 8 bytes: an integer of its size");
    Ok(one(ty, int(byte(ty.size()), Extension::None)))
}

/// Returns a vector of less than 8 bytes as LLVM returns it: its lanes may be further apart in the
/// register.
pub(super) fn small_result(
    vector: Vector,
    ty: &Type,
    cx: &Classify<'_, '_>,
) -> Result<Group, Error> {
    let is_whole = vector.lanes == 1 || float(vector.lane).is_some();
    match (ty.size(), is_whole) {
        (2 | 4, true) => Ok(one(ty, Part::float(float_of(ty.size())))),
        _ => {
            let why = "clang returns the lanes further apart than in memory: return a structure of the vector instead";
            cx.refuse(ty, why)
        }
    }
}

/// Returns a vector of 8 or 16 bytes as a part.
pub(super) fn short_vector(size: u64) -> Option<Part> {
    match size {
        8 => Some(Part::float(F64)),
        16 => Some(Part::float(V128)),
        _ => None,
    }
}
