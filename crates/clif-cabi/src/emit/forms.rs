//! The forms in which values are given and wanted, and what can be called.

use cranelift_codegen::ir::{FuncRef, Inst, InstBuilder, SigRef, Value};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::FuncId;
use smallvec::SmallVec;

use super::{Values, check};
use crate::error::LowerError;

/// An argument, or a value to return, in whichever form the front end has it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Arg {
    /// One SSA value, of the type [`value_type`](crate::value_type) names or of another of the same width.
    Value(Value),
    /// An object in memory, `offset` bytes behind `base`; no byte outside it is read.
    Memory {
        /// The address.
        base: Value,
        /// Bytes added to it.
        offset: i32,
    },
    /// Already in pieces, those of [`CallPlan::pieces`](crate::CallPlan::pieces).
    Pieces(Values),
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

    /// An object `offset` bytes behind `base`.
    #[must_use]
    pub fn memory_at(base: Value, offset: i32) -> Self {
        Self::Memory { base, offset }
    }

    /// Pieces in their order.
    #[must_use]
    pub fn pieces(values: &[Value]) -> Self {
        Self::Pieces(Values::from_slice(values))
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
    /// As pieces, those of [`CallPlan::result_pieces`](crate::CallPlan::result_pieces).
    Pieces,
    /// In memory, at this address. For a result that does not travel in registers the callee writes there itself.
    Memory(Value),
}

impl Ret {
    /// In memory, at `address`.
    #[must_use]
    pub fn memory(address: Value) -> Self {
        Self::Memory(address)
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
    /// Pieces.
    Pieces(Values),
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

/// What a call instruction of one's own calls: the function, signature and values that make the callee find what C has it find, AL of a
/// variadic call included. Made by [`Lowering::callee`](crate::Lowering::callee).
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Callable {
    /// What the instruction names.
    pub code: Code,
    /// The CLIF signature of the instruction, imported. That of the plan, unless [`Callable::extra`] has values.
    pub signature: SigRef,
    /// Values that follow those of [`Lowering::values_in`](crate::Lowering::values_in): what a stub on the way to the callee needs.
    pub extra: Values,
}

/// What a call instruction names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Code {
    /// A function, for `call` and `try_call`.
    Function(FuncRef),
    /// An address, for `call_indirect` and `try_call_indirect`.
    Address(Value),
}

impl Callable {
    /// All values of the instruction: those of [`Lowering::values_in`](crate::Lowering::values_in), and what follows them.
    #[must_use]
    pub fn args(&self, values: &[Value]) -> SmallVec<[Value; 16]> {
        values.iter().chain(&self.extra).copied().collect()
    }

    /// Emits the `call` or `call_indirect` with those values.
    ///
    /// # Errors
    /// [`LowerError::Function`] if `builder` cannot insert it, or builds another function; [`LowerError::Values`] if the values are not of the
    /// types of the signature.
    pub fn call(
        &self,
        builder: &mut FunctionBuilder<'_>,
        values: &[Value],
    ) -> Result<Inst, LowerError> {
        check::position(builder)?;
        let args = self.args(values);
        check::instruction(&builder.func.dfg, self, &args)?;
        Ok(match self.code {
            Code::Function(func) => builder.ins().call(func, &args),
            Code::Address(address) => builder.ins().call_indirect(self.signature, address, &args),
        })
    }
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
