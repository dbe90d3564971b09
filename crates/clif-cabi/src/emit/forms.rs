//! The forms in which values are given and wanted, and the kinds of callees.

use crate::cranelift::codegen::ir::{FuncRef, Value};
use crate::cranelift::module::FuncId;
use clif_cabi_plan::{CallPlan, PassMode};

use super::Values;
use crate::clif_types::value_type;

/// An argument, or a value to return, in whichever form the front end has it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Arg {
    /// One SSA value, of the type [`value_type`] names or of another of the same width.
    Value(Value),
    /// An object in memory, `offset` bytes after `base`; no byte outside it is read.
    Memory {
        /// The address.
        base: Value,
        /// Bytes added to it.
        offset: i32,
        /// `true` if the callee may have the object itself, where it is passed by the address of a
        /// copy: [`Arg::owned_memory`].
        owned: bool,
    },
    /// Parts: those of [`ArgTable::parts`](clif_cabi_plan::ArgTable::parts), or others that are the
    /// same bytes. Each value is at the next multiple of its size, integers as integers and floats
    /// as floats. A front end without C types gives its own parts.
    Parts(Values),
    /// Fields, those of [`Lowering::fields`](crate::Lowering::fields): each is an SSA value, and
    /// they are put together in registers.
    Fields(Values),
}

impl Arg {
    /// Makes an argument of one SSA value.
    #[must_use]
    pub fn value(value: Value) -> Self {
        Self::Value(value)
    }

    /// Makes an argument of the object at `address`.
    #[must_use]
    pub fn memory(address: Value) -> Self {
        Self::memory_at(address, 0)
    }

    /// Makes an argument of the object `offset` bytes after `base`.
    #[must_use]
    pub fn memory_at(base: Value, offset: i32) -> Self {
        Self::Memory {
            base,
            offset,
            owned: false,
        }
    }

    /// Gives away an object at `address`: where the ABI passes the address of a copy, the callee
    /// gets this object, which is not copied. Elsewhere it is [`Arg::memory`]. The caller promises
    /// three things:
    /// - Nobody else reads or writes the object until the call has returned.
    /// - Nothing that the callee can reach points to the object.
    /// - Nobody relies on its contents afterwards, as the callee may write to it.
    ///
    /// The object must be as aligned as the copy would be ([`PassMode::Indirect`]; to 16 bytes
    /// under Windows' convention). A stack slot of the function being built need not be: the call
    /// aligns it.
    ///
    /// The call refuses an object that another argument or the result names as well, by the same
    /// CLIF value or the same stack slot. Other ways by which the callee reaches the object are not
    /// checked.
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # use doc::*;
    /// # let stubs = &mut NoStubs;
    /// # let isa = linux_isa();
    /// # let mut func = ir::Function::new();
    /// # let mut context = FunctionBuilderContext::new();
    /// # let mut builder = FunctionBuilder::new(&mut func, &mut context);
    /// use clif_cabi::cabi::{FnSig, RecordBuilder, Type, X86_64_WIN64};
    /// use clif_cabi::{Arg, Lowering, Ret};
    ///
    /// let lower = Lowering::new(&*isa)?;
    /// let three = RecordBuilder::structure("three").field("n", Type::array(&Type::I64, 3)?);
    /// let three = three.build(lower.target().data_model())?;
    /// let sig = FnSig::new([Type::FN_PTR, three.clone()], Type::VOID).convention(&X86_64_WIN64);
    /// let plan = lower.call_plan(&sig)?;
    /// # let (_, entry) = lower.begin(&mut builder, &FnSig::new([Type::FN_PTR], Type::VOID))?;
    /// # let f = entry.value(&mut builder, 0)?;
    /// let own = lower.slot(&mut builder, &three)?;
    /// // .. which is filled, and not used after the call
    /// let given = [Arg::value(f), Arg::owned_memory(own)];
    /// let values = lower.values_in(&mut builder, &plan, &given, Ret::Ignore)?;
    /// assert_eq!(values[..], [f, own]);
    /// let reached = [Arg::value(own), Arg::owned_memory(own)];
    /// let refused = lower.values_in(&mut builder, &plan, &reached, Ret::Ignore);
    /// assert!(refused.unwrap_err().to_string().ends_with("found one that argument 0 refers to"));
    /// # entry.ret(stubs, &mut builder, None)?;
    /// # builder.finalize(isa.frontend_config());
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    #[must_use]
    pub fn owned_memory(address: Value) -> Self {
        Self::Memory {
            base: address,
            offset: 0,
            owned: true,
        }
    }

    /// Makes an argument of parts in their order.
    #[must_use]
    pub fn parts(values: &[Value]) -> Self {
        Self::Parts(Values::from_slice(values))
    }

    /// Makes an argument of fields in their order.
    #[must_use]
    pub fn fields(values: &[Value]) -> Self {
        Self::Fields(Values::from_slice(values))
    }
}

/// The place where a result is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ret {
    /// Nowhere.
    Ignore,
    /// As one SSA value of the type [`value_type`] names.
    Value,
    /// As parts, those of [`ResultPlan::parts`](clif_cabi_plan::ResultPlan::parts).
    Parts,
    /// As fields, those of [`Lowering::fields`](crate::Lowering::fields). A call loads them from a
    /// slot of its own where the callee writes the result to memory; `Lowering::values_in`, for a
    /// call of one's own, takes [`Ret::Memory`] there.
    Fields,
    /// In memory, at this address. The callee itself writes a result there that is not passed in
    /// registers. It may do so before it reads what its arguments point to, so they must not point
    /// there. It may rely on the alignment of the record,
    /// [`canonical_align`](cabi::Type::canonical_align), where a typedef has less.
    Memory(Value),
}

impl Ret {
    /// Makes a place in memory, at `address`.
    #[must_use]
    pub fn memory(address: Value) -> Self {
        Self::Memory(address)
    }

    /// Returns the easiest form of the result of `plan`. This is one SSA value if the result is one
    /// and in registers, otherwise memory at the address that `address` returns. So a front end
    /// makes no stack slot for a result that is a value.
    ///
    /// # Errors
    /// The errors of `address`.
    pub fn easiest<E>(
        plan: &CallPlan,
        address: impl FnOnce() -> Result<Value, E>,
    ) -> Result<Self, E> {
        let ty = plan.sig.result();
        Ok(match plan.result.mode(ty) {
            mode if mode == PassMode::Ignore || plan.sig.is_noreturn() => Self::Ignore,
            PassMode::Parts if value_type(ty).is_some() => Self::Value,
            _ => Self::Memory(address()?),
        })
    }
}

/// Result in the form of the [`Ret`].
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum CallResult {
    /// Nothing: there is none, it was ignored, or it is in memory.
    Nothing,
    /// One value.
    Value(Value),
    /// Parts.
    Parts(Values),
    /// Fields.
    Fields(Values),
}

impl CallResult {
    /// Returns the value, if the result is one.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        match self {
            Self::Value(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the values of parts or fields, no values for other results.
    pub(super) fn values(self) -> Values {
        match self {
            Self::Parts(values) | Self::Fields(values) => values,
            Self::Nothing | Self::Value(_) => Values::new(),
        }
    }
}

/// Function to call.
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
