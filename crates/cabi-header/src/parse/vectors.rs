//! Vectors. `ext_vector_type` and `neon_vector_type` are clang's; gcc ignores both.

use cabi::{BoolVector, RecordRules, Type};
use clang_sys::CXType_ExtVector;

use crate::clang::{Cursor, Ty};
use crate::parse::types::{Reader, unsupported};
use crate::reason::Reason;

impl<'u> Reader<'u> {
    /// Returns the vector `ty`, unless gcc's layout is wanted and gcc has no such vector. Without
    /// rules, vectors of `ext_vector_type` are read: C text for them has clang's attribute.
    pub(crate) fn vector(&mut self, ty: Ty<'u>) -> Result<Type, Reason> {
        let is_missing = match self.records {
            Some(RecordRules::Gcc) => is_of_clang_alone(ty),
            None => is_of_neon(ty),
            Some(_) => false,
        };
        match is_missing {
            true => {
                let why = "gcc ignores the attribute that makes it a vector";
                Err(unsupported(ty, why))
            }
            false => self.any_vector(ty),
        }
    }

    /// Returns the vector `ty` as clang has it.
    pub(crate) fn any_vector(&mut self, ty: Ty<'u>) -> Result<Type, Reason> {
        let lanes = u16::try_from(ty.n_elements())
            .map_err(|_| unsupported(ty, "a vector of this many lanes is not supported"))?;
        let lane = self.ty(ty.element())?;
        if lane == Type::BOOL {
            let vector = Type::bool_vector(lanes, BoolVector::Clang)?;
            return Ok(self.model.adapt(&vector));
        }
        if lane.size() * u64::from(lanes) > 64 {
            let why = "a vector of more than 64 bytes is not supported";
            return Err(unsupported(ty, why));
        }
        let vector = self.model.adapt(&Type::vector(&lane, lanes)?);
        if self.target.contains("apple") && ty.align() < i64::from(vector.align()) {
            let why = "clang for Apple's x86-64 aligns it to less than its size without `-mavx` (32 bytes) or `-mavx512f` (64), which is not supported";
            return Err(unsupported(ty, why));
        }
        Ok(vector)
    }

    /// Returns whether `typedef` is a vector of `<arm_neon.h>`, which gcc has too.
    pub(crate) fn is_neon(&self, typedef: Cursor<'u>) -> bool {
        let mut headers = ["arm_neon.h", "arm_vector_types.h"].into_iter();
        let file = typedef.place().file;
        headers.any(|name| file.ends_with(name)) && is_of_clang_alone(typedef.underlying())
    }
}

fn is_of_clang_alone(ty: Ty<'_>) -> bool {
    ty.kind() == CXType_ExtVector || is_of_neon(ty)
}

fn is_of_neon(ty: Ty<'_>) -> bool {
    ty.spelling().contains("((neon_")
}
