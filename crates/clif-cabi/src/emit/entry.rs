//! Entries: the arguments of the function being built, in any form.

use std::fmt;
use std::sync::Arc;

use crate::cranelift::codegen::ir::{Block, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{ClifPart, EntryPlan, IncomingArea, PassMode, Slot};
use smallvec::SmallVec;

use super::forms::{CallResult, Ret};
use super::memory::{self, Address, MemoryConfig};
use super::value::{CValue, part_types};
use super::{Values, check, fields, lanes};
use crate::clif_types::{clif_type, is_planned, type_names};
use crate::error::LowerError;

/// The arguments of the function being built. Made by [`Lowering::begin`](crate::Lowering::begin),
/// or by [`Lowering::enter`](crate::Lowering::enter) for a function that is set up by hand.
///
/// Each argument is available in each form, wherever the ABI puts it: as one [value](Entry::value),
/// as [parts](Entry::parts), by its [address](Entry::address), or [stored](Entry::store).
///
/// # Example
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
/// # let stubs = &mut NoStubs;
/// # let isa = linux_isa();
/// # let mut func = ir::Function::new();
/// # let mut context = FunctionBuilderContext::new();
/// # let mut builder = FunctionBuilder::new(&mut func, &mut context);
/// use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
/// use clif_cabi::{Arg, Lowering};
///
/// let lower = Lowering::new(&*isa)?;
/// let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
/// let pair = pair.build(lower.target().data_model())?;
/// // struct pair f(struct pair *p, struct pair q) { p[0] = q; return p[1]; }
/// let (_, entry) = lower.begin(&mut builder, &FnSig::new([Type::PTR, pair.clone()], pair))?;
/// assert_eq!(entry.plan().signature.params.len(), 3);
/// let p = entry.value(&mut builder, 0)?;
/// entry.store(&mut builder, 1, p)?;
/// entry.ret(stubs, &mut builder, Some(&Arg::memory_at(p, 16)))?;
/// # builder.finalize(isa.frontend_config());
/// # Ok::<(), clif_cabi::LowerError>(())
/// ```
#[derive(Clone)]
pub struct Entry {
    pub(super) plan: Arc<EntryPlan>,
    block: Block,
    pub(super) params: SmallVec<[Value; 16]>,
    pub(super) config: MemoryConfig,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// Takes the parameters of `block`, the function's first, to which they have been appended.
    pub(crate) fn new(
        plan: Arc<EntryPlan>,
        builder: &FunctionBuilder<'_>,
        block: Block,
        config: MemoryConfig,
    ) -> Result<Self, LowerError> {
        let params = check::params(builder, &plan.signature, block)?;
        Ok(Self {
            plan,
            block,
            params,
            config,
        })
    }

    /// Refuses the builder of another function, to which the parameters mean nothing.
    pub(super) fn check(&self, builder: &FunctionBuilder<'_>) -> Result<(), LowerError> {
        check::position(builder)?;
        let dfg = &builder.func.dfg;
        if dfg.block_is_valid(self.block)
            && dfg.block_params(self.block) == &self.params[..]
            && is_planned(&builder.func.signature, &self.plan.signature)
        {
            return check::first_block(builder, self.block);
        }
        Err(LowerError::Function("it is not the function of this entry"))
    }

    /// Returns the plan.
    #[must_use]
    pub fn plan(&self) -> &EntryPlan {
        &self.plan
    }

    /// Returns the hidden pointer to the place of the result, if there is one. A result that is
    /// built right there and returned as `Arg::memory(sret)` is not copied. The function may always
    /// do so: the place overlaps no object that the function can reach by other pointers (psABI
    /// 3.2.3, Returning of Values).
    #[must_use]
    pub fn sret(&self) -> Option<Value> {
        let index = self.plan.sret?;
        self.params.get(index).copied()
    }

    /// Returns argument `index` as one SSA value of the type [`value_type`](crate::value_type)
    /// names.
    ///
    /// # Errors
    /// [`LowerError::Value`] if it has none, [`LowerError::NoArgument`] if there is no such
    /// argument, [`LowerError::Function`] if `builder` builds another function.
    pub fn value(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
    ) -> Result<Value, LowerError> {
        self.argument(builder, index, |builder, arg| {
            if arg.single_type().is_none() && !arg.parts.is_empty() {
                let types = type_names(part_types(arg.parts));
                let expected = format!("Entry::address, or Entry::parts of {types}");
                return Err(arg.error(expected, "Entry::value".into()));
            }
            if arg.single_type().is_none() {
                return Err(refused(arg, "Entry::value"));
            }
            let value = self.form(builder, arg, Ret::Value)?.value();
            value.ok_or_else(|| refused(arg, "Entry::value"))
        })
    }

    /// Returns the parts of argument `index`, those of
    /// [`ArgTable::parts`](clif_cabi_plan::ArgTable::parts): passed in registers, or loaded from
    /// the argument area. A caller may give the argument in the same parts, with two exceptions in
    /// Windows' convention on x86-64:
    /// - a `__float128` on the stack
    /// - a `_Float16` in a call that is `system_v` instead, as a call with handlers or with 16
    ///   bytes in one register is
    ///
    /// # Errors
    /// [`LowerError::Value`] for a value without parts: more than 128 bytes in memory, passed by
    /// reference, or a vector of bools passed lane by lane. [`LowerError::NoArgument`] if there is
    /// no such argument. [`LowerError::Function`] if `builder` builds another function.
    pub fn parts(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
    ) -> Result<Values, LowerError> {
        self.argument(builder, index, |builder, arg| {
            let is_large = arg.parts.is_empty() && arg.ty.size() > 0;
            match arg.mode {
                PassMode::Lanes(_) | PassMode::Indirect { .. } => Err(refused(arg, "Entry::parts")),
                PassMode::Area if is_large => Err(refused(arg, "Entry::parts")),
                _ => Ok(self.form(builder, arg, Ret::Parts)?.values()),
            }
        })
    }

    /// Returns the fields of argument `index`, those of
    /// [`Lowering::fields`](crate::Lowering::fields), taken out of its parts in registers. A caller
    /// may give the argument by the same fields.
    ///
    /// # Errors
    /// As [`Entry::parts`], but for an argument that is passed by reference; [`LowerError::Value`]
    /// for a type that has no fields.
    pub fn fields(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
    ) -> Result<Values, LowerError> {
        self.argument(builder, index, |builder, arg| {
            let fields = self.config.fields(arg.ty);
            let fields = fields.map_err(|why| refused(arg, &format!("Entry::fields of {why}")))?;
            let is_indirect = matches!(arg.mode, PassMode::Indirect { .. });
            if !is_indirect && !fields::are_in(&fields, arg.parts) {
                let found = "Entry::fields of a value that is not passed whole";
                return Err(refused(arg, found));
            }
            Ok(self.form(builder, arg, Ret::Fields)?.values())
        })
    }

    /// Returns the address of argument `index`. An argument that is passed in memory or by
    /// reference stays there, as C lets the callee write to it. One that is passed in registers is
    /// stored to a slot first.
    ///
    /// For x86-64 System V the address is as aligned as the type is without a typedef's attribute
    /// ([`canonical_align`](cabi::Type::canonical_align)). A transparent union is as aligned as its
    /// first member. Elsewhere the alignment may be less where `aligned` asks for more than the
    /// members need. AAPCS64 places such a record by its members. gcc's callers align a copy that
    /// is passed by reference to 16 bytes at most (`ms_abi`, AArch64). [`Entry::store`] puts the
    /// value where its alignment is known.
    ///
    /// # Errors
    /// As [`Entry::store`], and [`LowerError::Value`] for an object that no stack frame has room
    /// for.
    pub fn address(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
    ) -> Result<Value, LowerError> {
        self.argument(builder, index, |builder, arg| {
            let (size, align) = (arg.ty.size(), arg.ty.align().max(arg.ty.canonical_align()));
            let by_stub = matches!(arg.mode, PassMode::Stub { .. });
            if (!by_stub || align <= STORED_ALIGN)
                && let Some(there) = self.in_memory(builder, arg)?
            {
                return Ok(there.value(builder));
            }
            if !check::fits_a_frame(size, align) {
                let expected = "Entry::store to an aligned address".into();
                let found = "an alignment that does not fit in a stack frame".into();
                return Err(arg.error(expected, found));
            }
            let slot = memory::slot(self.config, builder, size, align);
            self.form(builder, arg, Ret::Memory(slot.base))?;
            Ok(slot.base)
        })
    }

    /// Stores argument `index` to the object at `to`.
    ///
    /// # Errors
    /// [`LowerError::NoArgument`] if there is no such argument, [`LowerError::Value`] if `to` is no
    /// address, [`LowerError::Function`] if `builder` builds another function.
    pub fn store(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
        to: Value,
    ) -> Result<(), LowerError> {
        self.argument(builder, index, |builder, arg| {
            check::address(&builder.func.dfg, to, &"the destination", arg.ty)?;
            self.form(builder, arg, Ret::Memory(to)).map(|_| ())
        })
    }

    /// Returns argument `arg` in the form `ret`.
    fn form(
        &self,
        builder: &mut FunctionBuilder<'_>,
        arg: &CValue<'_>,
        ret: Ret,
    ) -> Result<CallResult, LowerError> {
        if let Some(from) = self.in_memory(builder, arg)? {
            return arg.memory_to_form(self.config, builder, from, ret);
        }
        let mut values = Values::new();
        for slot in self.slots(arg) {
            values.push(self.param_or_load(builder, slot)?);
        }
        if let (PassMode::Lanes(_), Ret::Memory(to)) = (arg.mode, ret) {
            lanes::gather(builder, &values, Address::at(to));
            return Ok(CallResult::Nothing);
        }
        arg.parts_to_form(builder, &values, ret)
    }

    /// Returns the address of an argument that has one already.
    fn in_memory(
        &self,
        builder: &mut FunctionBuilder<'_>,
        arg: &CValue<'_>,
    ) -> Result<Option<Address>, LowerError> {
        // Excludes a value that is padded to more bytes than its part.
        let size = arg.ty.size();
        let is_part = |part: &ClifPart| u64::from(part.size) == size;
        let is_whole = arg.mode == PassMode::Area || arg.parts.iter().all(is_part);
        Ok(match (arg.mode, self.slots(arg)) {
            (PassMode::Stub { offset }, _) => {
                let saved = self.plan.saved.map(IncomingArea::Param);
                Some(incoming_area(builder, &self.params, saved, offset)?)
            }
            (PassMode::Indirect { .. }, [slot]) => {
                let address = self.param_or_load(builder, slot)?;
                Some(Address::at(address))
            }
            // All of it is in the argument area.
            (PassMode::Area | PassMode::Parts, [slot]) if is_whole && slot.param.is_none() => {
                Some(self.in_area(builder, slot)?)
            }
            _ => None,
        })
    }

    /// Returns the parameter that `slot` is, or loads the slot from the argument area.
    fn param_or_load(
        &self,
        builder: &mut FunctionBuilder<'_>,
        slot: &Slot,
    ) -> Result<Value, LowerError> {
        if let Some(param) = slot.param.and_then(|i| self.params.get(i as usize)) {
            return Ok(*param);
        }
        let from = self.in_area(builder, slot)?;
        Ok(memory::read(builder, clif_type(slot.part.ty), from))
    }

    fn slots(&self, arg: &CValue<'_>) -> &[Slot] {
        let slots = arg.arg.map(|arg| self.plan.args.slots(arg));
        slots.unwrap_or_default()
    }

    /// Returns the addresses of the arguments that are copies, and their alignments.
    pub(super) fn copies(&self) -> SmallVec<[(Value, u32); 4]> {
        let args = self.plan.args.modes().enumerate();
        let indirect = args.filter_map(|(i, mode)| match mode {
            PassMode::Indirect { align, .. } => Some((i, align)),
            _ => None,
        });
        let copies = indirect.flat_map(|(i, align)| {
            let slots = self.plan.args.slots(i).iter();
            let values = slots.filter_map(|slot| self.params.get(slot.param? as usize));
            values.map(move |address| (*address, align))
        });
        copies.collect()
    }

    /// Returns the address of `slot` in the argument area.
    fn in_area(
        &self,
        builder: &mut FunctionBuilder<'_>,
        slot: &Slot,
    ) -> Result<Address, LowerError> {
        let offset = self.plan.in_area(slot).ok_or(NO_AREA)?;
        incoming_area(builder, &self.params, self.plan.area, offset)
    }

    /// Returns the address of [`EntryPlan::area`](clif_cabi_plan::EntryPlan::area).
    pub(super) fn area(&self, builder: &mut FunctionBuilder<'_>) -> Result<Value, LowerError> {
        let area = incoming_area(builder, &self.params, self.plan.area, 0)?;
        Ok(area.value(builder))
    }

    /// Returns `of` for argument `index`.
    fn argument<T>(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
        of: impl FnOnce(&mut FunctionBuilder<'_>, &CValue<'_>) -> Result<T, LowerError>,
    ) -> Result<T, LowerError> {
        let n = self.plan.sig.params().len();
        let no_argument = || LowerError::NoArgument { index, n };
        let value = self.check(builder);
        let value =
            value.and_then(|()| CValue::argument(&self.plan, index).ok_or_else(no_argument));
        self.about(value.and_then(|arg| of(builder, &arg)))
    }

    /// Adds this function to the error of `result`, if it is one.
    pub(super) fn about<T>(&self, result: Result<T, LowerError>) -> Result<T, LowerError> {
        result.map_err(|error| error.of(None, &self.plan.sig))
    }
}

fn refused(arg: &CValue<'_>, found: &str) -> LowerError {
    arg.error("Entry::address or Entry::store".into(), found.into())
}

/// Alignment of an object that a stub has stored ([`PassMode::Stub`]), in bytes.
const STORED_ALIGN: u32 = 64;

const NO_AREA: LowerError = LowerError::Internal("the function has no argument area");

/// Returns the address `offset` bytes after the start of `area`, in a function with these
/// parameters.
pub(crate) fn incoming_area(
    builder: &mut FunctionBuilder<'_>,
    params: &[Value],
    area: Option<IncomingArea>,
    offset: u32,
) -> Result<Address, LowerError> {
    let start = match area.ok_or(NO_AREA)? {
        IncomingArea::Param(index) => Address::at(*params.get(index).ok_or(NO_AREA)?),
        IncomingArea::FrameOffset(start) => {
            Address::at(builder.ins().get_frame_pointer(types::I64)).plus(start)
        }
    };
    Ok(start.plus(offset))
}
