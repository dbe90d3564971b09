//! Variadic functions from inside: `va_start`, `va_arg` and `va_copy`, for a `va_list` that counts
//! registers (psABI 3.5.7; AAPCS64, Appendix B), and for one that is an address.
//!
//! No branch is made. With counts an argument is either in the register save area or in the
//! argument area. Its address is selected, and so are the values by which the `va_list` goes on.

use crate::cranelift::codegen::ir::condcodes::IntCC;
use crate::cranelift::codegen::ir::{Type, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{ClifPart, VaArgPlan, VaCounter, VaPart, VaPlace, VaRegisters, VaStart, What};
use smallvec::SmallVec;

use super::memory::{self, Address, MemoryConfig};
use super::{Entry, check};
use crate::error::LowerError;

impl Entry {
    /// Writes a `va_list` to `to`, as `va_start` does: its next argument is the first unnamed one.
    /// The list has the `list_bytes` of [`va_arg_plan`](crate::Lowering::va_arg_plan) for the
    /// function's signature. These are the bytes of [`Target::va_list`](cabi::Target::va_list)
    /// where the function has the target's convention. The list may be passed to C, whose functions
    /// take its address (or its value, where the list is an address). It is valid until the
    /// function returns. `va_end` does nothing, so this crate has none.
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
    /// use clif_cabi::cabi::{FnSig, Type};
    /// use clif_cabi::cranelift_codegen::ir::{
    ///     InstBuilder, MemFlagsData, StackSlotData, StackSlotKind,
    /// };
    /// use clif_cabi::{Arg, Lowering};
    ///
    /// let lower = Lowering::new(&*isa)?;
    /// // double second(int, ...), after a `_Float32`, which C does not promote, and with the list
    /// // copied
    /// let sig = FnSig::new([Type::I32], Type::F64).variadic();
    /// let (_, entry) = lower.begin(&mut builder, &sig)?;
    /// let [first, list] = [0, 1].map(|_| {
    ///     let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 24, 3);
    ///     let slot = builder.create_sized_stack_slot(slot);
    ///     builder.ins().stack_addr(types::I64, slot, 0)
    /// });
    /// entry.va_start(&mut builder, first)?;
    /// lower.va_arg_unpromoted(&mut builder, first, &sig, &Type::F32)?;
    /// lower.va_copy(&mut builder, list, first, &sig)?;
    /// let address = lower.va_arg(&mut builder, list, &sig, &Type::F64)?;
    /// let number = builder.ins().load(types::F64, MemFlagsData::new(), address, 0);
    /// entry.ret(stubs, &mut builder, Some(&Arg::value(number)))?;
    /// # builder.finalize(isa.frontend_config());
    /// # clif_cabi::cranelift_codegen::verify_function(&func, isa.flags()).unwrap();
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    ///
    /// # Errors
    /// [`LowerError::Function`] if the function is not variadic or `builder` builds another one,
    /// [`LowerError::Value`] if `to` is no address.
    pub fn va_start(&self, builder: &mut FunctionBuilder<'_>, to: Value) -> Result<(), LowerError> {
        self.about(self.write_va_list(builder, to))
    }

    fn write_va_list(
        &self,
        builder: &mut FunctionBuilder<'_>,
        to: Value,
    ) -> Result<(), LowerError> {
        self.check(builder)?;
        let not_variadic = LowerError::Function("it is not variadic");
        let start = self.plan.va_start.as_ref().ok_or(not_variadic)?;
        let to = list(builder, to)?;
        let area = self.area(builder)?;
        let saved_to = match *start {
            VaStart::Registers {
                save_bytes,
                save_align,
                save_before: None,
                ..
            } => memory::slot(self.config, builder, save_bytes.into(), save_align).base,
            VaStart::Registers {
                save_before: Some(before),
                ..
            } => builder.ins().iadd_imm_s(area, -i64::from(before)),
            VaStart::Pointer { .. } => area,
        };
        for slot in &self.plan.args.slots {
            let value = slot.param.and_then(|param| self.params.get(param as usize));
            if let (What::Register { offset }, Some(value)) = (slot.what, value) {
                let base = saved_to;
                memory::write(builder, *value, Address { base, offset });
            }
        }
        match *start {
            VaStart::Registers {
                counts,
                overflow,
                overflow_at,
                ..
            } => {
                let values = counts.map(|own| number(builder, own.counter, own.count));
                let overflow = Address::at(area).plus(overflow).value(builder);
                for (va_count, value) in counts.iter().zip(values) {
                    memory::write(builder, value, to.plus(va_count.counter.at.into()));
                }
                memory::write(builder, overflow, to.plus(overflow_at.into()));
                let mut base = None;
                for va_count in counts {
                    // Two counters may be added to one address.
                    if base.replace(va_count.counter.base) != Some(va_count.counter.base) {
                        let value = Address::at(saved_to).plus(va_count.base_at).value(builder);
                        memory::write(builder, value, to.plus(va_count.counter.base.into()));
                    }
                }
            }
            VaStart::Pointer { first } => {
                let (base, offset) = (area, first);
                let first = Address { base, offset }.value(builder);
                memory::write(builder, first, to);
            }
        }
        Ok(())
    }
}

/// Returns the address of the next argument of the `va_list` at `list`, and advances the list
/// (`va_arg`).
pub(crate) fn va_arg(
    config: MemoryConfig,
    builder: &mut FunctionBuilder<'_>,
    list: Value,
    plan: &VaArgPlan,
) -> Result<Value, LowerError> {
    check::position(builder)?;
    let list = self::list(builder, list)?;
    let address = match &plan.place {
        VaPlace::Nothing => return Ok(temporary(config, builder, plan).base),
        VaPlace::Overflow => next_in_area(builder, list, plan, None),
        VaPlace::Registers { takes, parts } => {
            let address = from_registers(config, builder, list, plan, (takes, parts));
            if !plan.by_reference {
                return Ok(address);
            }
            address
        }
    };
    let address = match plan.by_reference {
        true => memory::read(builder, types::I64, Address::at(address)),
        false => address,
    };
    if plan.in_place {
        return Ok(address);
    }
    let to = temporary(config, builder, plan);
    let from = Address::at(address);
    memory::copy(config, builder, plan.size, from, to);
    Ok(to.base)
}

/// Returns the address of the next argument, which is in registers if they are left: its own, or
/// that of its parts put together.
fn from_registers(
    config: MemoryConfig,
    builder: &mut FunctionBuilder<'_>,
    list: Address,
    plan: &VaArgPlan,
    (takes, parts): (&[VaRegisters], &[VaPart]),
) -> Value {
    let (fit, counts) = registers(builder, list, takes);
    let in_area = next_in_area(builder, list, plan, Some(fit));
    let mut bases = SmallVec::<[(u8, Value); 2]>::new();
    for base in parts.iter().map(|part| part.counter.base) {
        if bases.iter().all(|(own, _)| *own != base) {
            let value = memory::read(builder, types::I64, list.plus(base.into()));
            bases.push((base, value));
        }
    }
    let at = |builder: &mut FunctionBuilder<'_>, part: &VaPart, in_object: u32| {
        let base = bases.iter().find(|(own, _)| *own == part.counter.base);
        let count = counts.iter().find(|(own, _)| *own == part.counter);
        let saved = match (base, count) {
            (Some((_, base)), Some((_, count))) => builder.ins().iadd(*base, *count),
            // Each part's counter is among those that are taken, and its base was loaded.
            _ => in_area,
        };
        let saved = Address::at(saved).plus(part.at).value(builder);
        let in_area = Address::at(in_area).plus(in_object).value(builder);
        builder.ins().select(fit, saved, in_area)
    };
    match parts.first() {
        Some(first) if plan.in_place || plan.by_reference => return at(builder, first, 0),
        _ => {}
    }
    let to = temporary(config, builder, plan);
    for part in parts {
        let base = at(builder, part, part.part.offset);
        let own = ClifPart::new(0, part.part.size, part.part.ty);
        let value = memory::load(builder, &own, Address::at(base));
        memory::store(builder, &part.part, value, to);
    }
    to.base
}

pub(crate) fn va_copy(
    config: MemoryConfig,
    builder: &mut FunctionBuilder<'_>,
    to: Value,
    from: Value,
    bytes: u32,
) -> Result<(), LowerError> {
    check::position(builder)?;
    let (to, from) = (list(builder, to)?, list(builder, from)?);
    memory::copy(config, builder, bytes.into(), from, to);
    Ok(())
}

/// Returns whether enough registers are left for `takes`, and the counts before that, each as an
/// `i64`. Advances the counts.
fn registers(
    builder: &mut FunctionBuilder<'_>,
    list: Address,
    takes: &[VaRegisters],
) -> (Value, SmallVec<[(VaCounter, Value); 2]>) {
    let mut fit = None;
    let mut before = SmallVec::<[_; 2]>::new();
    for own in takes {
        let ty = counter_type(own.counter);
        let mut count = memory::read(builder, ty, list.plus(own.counter.at.into()));
        if own.rounded_to > 1 {
            count = round_up(builder, count, own.rounded_to.into());
        }
        before.push((own, count));
        if own.n > 0 {
            let last = i64::from(own.last);
            let has_room = match own.counter.is_signed {
                true => (builder.ins()).icmp_imm_s(IntCC::SignedLessThanOrEqual, count, last),
                false => (builder.ins()).icmp_imm_u(IntCC::UnsignedLessThanOrEqual, count, last),
            };
            fit = Some(match fit {
                Some(fit) => builder.ins().band(fit, has_room),
                None => has_room,
            });
        }
    }
    let fit = fit.unwrap_or_else(|| builder.ins().iconst(types::I8, 0));
    let go_on = |(own, count): (&VaRegisters, Value)| {
        let advanced = builder.ins().iadd_imm_s(count, i64::from(own.n));
        let otherwise = match own.otherwise {
            Some(end) => number(builder, own.counter, end),
            None => count,
        };
        let next = builder.ins().select(fit, advanced, otherwise);
        memory::write(builder, next, list.plus(own.counter.at.into()));
        let wide = match own.counter {
            own if counter_type(own) == types::I64 => count,
            own if own.is_signed => builder.ins().sextend(types::I64, count),
            _ => builder.ins().uextend(types::I64, count),
        };
        let bytes = match own.counter.unit {
            1 => wide,
            unit => builder.ins().ishl_imm_u(wide, i64::from(unit.ilog2())),
        };
        (own.counter, bytes)
    };
    (fit, before.into_iter().map(go_on).collect())
}

fn counter_type(counter: VaCounter) -> Type {
    match counter.bytes {
        4 => types::I32,
        _ => types::I64,
    }
}

/// Returns `count` as `counter` has it.
fn number(builder: &mut FunctionBuilder<'_>, counter: VaCounter, count: i32) -> Value {
    let ty = counter_type(counter);
    let count = match ty {
        types::I32 => i64::from(count.cast_unsigned()),
        _ => i64::from(count),
    };
    builder.ins().iconst(ty, count)
}

/// Rounds `value` up to a multiple of `to`, a power of two.
fn round_up(builder: &mut FunctionBuilder<'_>, value: Value, to: i64) -> Value {
    let last = builder.ins().iadd_imm_s(value, to - 1);
    builder.ins().band_imm_s(last, -to)
}

/// Returns the argument's address in the argument area, which goes on after it unless
/// `in_registers`.
fn next_in_area(
    builder: &mut FunctionBuilder<'_>,
    list: Address,
    plan: &VaArgPlan,
    in_registers: Option<Value>,
) -> Value {
    let overflow = list.plus(plan.list_overflow.into());
    let before = memory::read(builder, types::I64, overflow);
    let align = i64::from(plan.overflow_align);
    // Everything in the area is aligned to 8 bytes.
    let start = match align > 8 {
        true => round_up(builder, before, align),
        false => before,
    };
    let bytes = i64::try_from(plan.overflow_bytes);
    debug_assert!(bytes.is_ok(), "no frame has room for it");
    let bytes = bytes.unwrap_or(i64::MAX);
    let mut next = builder.ins().iadd_imm_s(start, bytes);
    if let Some(fit) = in_registers {
        next = builder.ins().select(fit, before, next);
    }
    memory::write(builder, next, overflow);
    Address::at(start).plus(plan.overflow_before).value(builder)
}

fn temporary(config: MemoryConfig, builder: &mut FunctionBuilder<'_>, plan: &VaArgPlan) -> Address {
    memory::slot(config, builder, plan.size, plan.align)
}

/// Returns the `va_list` at `list`, which must be an address.
fn list(builder: &FunctionBuilder<'_>, list: Value) -> Result<Address, LowerError> {
    check::address(&builder.func.dfg, list, &"va_list", &cabi::Type::PTR)?;
    Ok(Address::at(list))
}
