//! The forms in which values are given and wanted, and what can be called.

use crate::cranelift::codegen::ir::{FuncRef, Value};
use crate::cranelift::module::FuncId;
use clif_cabi_plan::PassMode;

use super::Values;
use crate::clif_types::value_type;
use crate::plan::CallPlan;

/// An argument, or a value to return, in whichever form the front end has it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Arg {
    /// One SSA value, of the type [`value_type`](crate::value_type) names or of another of the same width.
    Value(Value),
    /// An object in memory, `offset` bytes after `base`; no byte outside it is read.
    Memory {
        /// The address.
        base: Value,
        /// Bytes added to it.
        offset: i32,
    },
    /// Already in parts, those of [`ArgTable::parts`](clif_cabi_plan::ArgTable::parts).
    Parts(Values),
    /// By its fields, those of [`fields`](crate::fields): each an SSA value, put together in registers.
    Fields(Values),
}

impl Arg {
    /// One SSA value.
    #[must_use]
    pub fn value(value: Value) -> Self {
        Self::Value(value)
    }

    /// An object at `address`.
    #[must_use]
    pub fn memory(address: Value) -> Self {
        Self::Memory {
            base: address,
            offset: 0,
        }
    }

    /// An object `offset` bytes after `base`.
    #[must_use]
    pub fn memory_at(base: Value, offset: i32) -> Self {
        Self::Memory { base, offset }
    }

    /// Parts in their order.
    #[must_use]
    pub fn parts(values: &[Value]) -> Self {
        Self::Parts(Values::from_slice(values))
    }

    /// Fields in their order.
    #[must_use]
    pub fn fields(values: &[Value]) -> Self {
        Self::Fields(Values::from_slice(values))
    }
}

/// Where a result is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ret {
    /// Nowhere.
    Ignore,
    /// As one SSA value of the type [`value_type`](crate::value_type) names.
    Value,
    /// As parts, those of [`ResultPlan::parts`](clif_cabi_plan::ResultPlan::parts).
    Parts,
    /// As fields, those of [`fields`](crate::fields).
    Fields,
    /// In memory, at this address. For a result that is not passed in registers the callee writes there itself, and may count on the alignment of the
    /// record, [`canonical_align`](cabi::Type::canonical_align), where a typedef has less.
    Memory(Value),
}

impl Ret {
    /// In memory, at `address`.
    #[must_use]
    pub fn memory(address: Value) -> Self {
        Self::Memory(address)
    }
}

impl CallPlan {
    /// How the result is easiest to take: as one SSA value if it is one and in registers, otherwise in memory, for which `address` is asked. So a front end makes
    /// no stack slot for a result that is a value.
    ///
    /// # Errors
    /// The errors of `address`.
    pub fn ret<E>(&self, address: impl FnOnce() -> Result<Value, E>) -> Result<Ret, E> {
        let ty = self.sig.result();
        Ok(match self.result.mode(ty) {
            mode if mode == PassMode::Ignore || self.sig.is_noreturn() => Ret::Ignore,
            PassMode::Parts if value_type(ty).is_some() => Ret::Value,
            _ => Ret::Memory(address()?),
        })
    }
}

/// A result as it was asked for.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Returned {
    /// Nothing: there is none, it was ignored, or it is in memory.
    Nothing,
    /// One value.
    Value(Value),
    /// Parts.
    Parts(Values),
    /// Fields.
    Fields(Values),
}

impl Returned {
    /// The value, if the result is one.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        match self {
            Self::Value(value) => Some(*value),
            _ => None,
        }
    }

    /// The parts or fields, if the result is such.
    pub(super) fn values(self) -> Values {
        match self {
            Self::Parts(values) | Self::Fields(values) => values,
            Self::Nothing | Self::Value(_) => Values::new(),
        }
    }
}

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Callee {
    /// A function of the module.
    Function(FuncId),
    /// A function the caller has imported; its own signature does not matter.
    Ref(FuncRef),
    /// Code at an address.
    Address(Value),
}

impl From<FuncId> for Callee {
    fn from(id: FuncId) -> Self {
        Self::Function(id)
    }
}

impl From<FuncRef> for Callee {
    fn from(func: FuncRef) -> Self {
        Self::Ref(func)
    }
}

impl From<Value> for Callee {
    fn from(address: Value) -> Self {
        Self::Address(address)
    }
}
