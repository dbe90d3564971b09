//! The parts that a plan cuts a value into, in this Cranelift's types.

use crate::cranelift::codegen::ir::{ArgumentExtension, Type, types};
use cabi::FnSig;
use clif_cabi_plan::{ClifPart, PassMode};
use smallvec::SmallVec;

use crate::clif_types::{clif_extension, clif_type};
use crate::error::LowerError;

/// One part of a value: which bytes of the object it holds, and as what. A scalar of at most 8 bytes (16 for vectors and `f128`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Part {
    /// Bytes from the start of the object.
    pub offset: u32,
    /// How many bytes of the object it holds. Fewer than `ty` has where the object ends or pads; the rest is unspecified.
    pub size: u8,
    /// Its CLIF type.
    pub ty: Type,
    /// How whoever passes it extends it.
    pub extension: ArgumentExtension,
    /// What it is extended to: the type of its parameter or result in the signature of the side that passes it.
    pub passed_as: Type,
}

impl Part {
    /// The word that is `size` bytes from `offset` on.
    pub(crate) fn word(offset: u32, size: u8) -> Self {
        Self {
            offset,
            size,
            ty: types::I64,
            extension: ArgumentExtension::None,
            passed_as: types::I64,
        }
    }
}

/// The parts of one value.
pub type Parts = SmallVec<[Part; 4]>;

/// An argument or the result of a plan.
#[derive(Clone, Copy)]
pub(crate) struct CValue<'a> {
    /// Which argument it is. `None`: the result.
    pub(crate) arg: Option<usize>,
    pub(crate) sig: &'a FnSig,
    pub(crate) mode: PassMode,
    /// The parts that it can be given and received in.
    pub(crate) parts: &'a [Part],
    /// The type that it has as one SSA value, if it has one.
    pub(crate) whole: Option<Type>,
}

impl<'a> CValue<'a> {
    /// Its C type.
    pub(crate) fn ty(&self) -> &'a cabi::Type {
        match self.arg.map(|i| self.sig.params().get(i)) {
            Some(Some(param)) => &param.ty,
            Some(None) => &cabi::Type::VOID,
            None => self.sig.result(),
        }
    }

    /// That the value is `found` where `expected` would be right.
    pub(crate) fn error(&self, expected: String, found: String) -> LowerError {
        LowerError::Value {
            what: self.name(),
            ty: self.ty().to_string(),
            expected,
            found,
        }
    }

    pub(crate) fn name(&self) -> String {
        match self.arg {
            Some(i) => format!("argument {i}"),
            None => "result".into(),
        }
    }
}

pub(crate) fn parts(parts: &[ClifPart]) -> Parts {
    parts.iter().map(part).collect()
}

pub(crate) fn part(part: &ClifPart) -> Part {
    Part {
        offset: part.offset,
        size: part.size,
        ty: clif_type(part.ty),
        extension: clif_extension(part.extension),
        passed_as: clif_type(part.passed_as()),
    }
}

/// The CLIF type that a value of `ty` has as one SSA value. `None` for aggregates, complex numbers and x87 values, which are passed in
/// parts or in memory.
///
/// `_BitInt(N)` is the integer of its size; `__bf16` and the decimal formats are the binary floats of their size, data movement only;
/// vectors of 8 bytes are `f64`, narrower ones integers.
///
/// # Example
/// ```
/// use cranelift_codegen::ir::types;
/// assert_eq!(clif_cabi::value_type(&cabi::Type::I128), Some(types::I128));
/// assert_eq!(clif_cabi::value_type(&cabi::Type::F80), None);
/// ```
#[must_use]
pub fn value_type(ty: &cabi::Type) -> Option<Type> {
    clif_cabi_plan::value_type(ty).map(clif_type)
}
