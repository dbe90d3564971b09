//! Entries: functions that C calls.

use clif_cabi_plan::{EntryPlan, IncomingArea, PassMode, ResultPlan, Slot, VaStart, What, cabi};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_module::{FuncId, Linkage, Module};

use super::{Emitter, NO_WIDE_VECTORS, Operand, Result, clif_signature, define};

/// Declares the function `name`, which C calls. Returns the function that C calls, and the body to
/// define. They are one function, unless C calls a stub.
pub fn declare(
    module: &mut dyn Module,
    (name, linkage): (&str, Linkage),
    plan: &EntryPlan,
) -> Result<(FuncId, FuncId)> {
    let signature = clif_signature(&plan.signature)?;
    let id = module.declare_function(name, linkage, &signature)?;
    let Some(stub) = plan.entry_stub(0) else {
        return Ok((id, id));
    };
    let body = stub.entered_name(name);
    let body = module.declare_function(&body, Linkage::Local, &signature)?;
    let stub = plan.entry_stub(body.as_u32()).ok_or("no stub")?;
    define(module, id, &stub)?;
    Ok((id, body))
}

/// The function being built, as C calls it.
pub struct Entry<'p> {
    plan: &'p EntryPlan,
    params: Vec<Value>,
}

impl<'p> Entry<'p> {
    /// Begins the body of a function: sets its signature, and creates its first block.
    pub fn new(e: &mut Emitter<'_, '_>, plan: &'p EntryPlan) -> Result<Self> {
        if plan.moves_vectors() {
            return Err(format!("{}: {NO_WIDE_VECTORS}", plan.sig).into());
        }
        let builder = &mut *e.builder;
        builder.func.signature = clif_signature(&plan.signature)?;
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        builder.seal_block(block);
        let params = builder.block_params(block).to_vec();
        Ok(Self { plan, params })
    }

    /// Returns argument `i` in parts. A record of more than 128 bytes has none.
    pub fn parts(&self, e: &mut Emitter<'_, '_>, i: usize) -> Result<Vec<Value>> {
        let parts = self.plan.args.parts(i);
        match self.mode(i)? {
            PassMode::Ignore => Ok(Vec::new()),
            PassMode::Parts => (self.plan.args.slots(i).iter())
                .map(|slot| {
                    let Some(param) = slot.param else {
                        let mut there = slot.part;
                        there.offset = self.in_area(slot)?;
                        return e.load(&there, self.area()?);
                    };
                    Ok(self.params[param as usize])
                })
                .collect(),
            PassMode::Area if !parts.is_empty() => {
                let from = self.address(e, i)?;
                e.load_all(parts, from)
            }
            mode => Err(format!("argument {i}, {}, has no parts: {mode:?}", self.ty(i)).into()),
        }
    }

    /// Returns the address of argument `i`. A value in memory stays there, and the function may
    /// write to it; the parts of others are stored.
    pub fn address(&self, e: &mut Emitter<'_, '_>, i: usize) -> Result<Value> {
        let ty = self.ty(i);
        match (self.mode(i)?, self.plan.args.slots(i)) {
            (PassMode::Area, [slot]) => {
                let (area, offset) = (self.area()?, self.in_area(slot)?);
                return Ok(e.ins().iadd_imm(area, i64::from(offset)));
            }
            (PassMode::Parts | PassMode::Ignore, _) => {}
            (mode, _) => return Err(format!("argument {i}, {ty}: not emitted: {mode:?}").into()),
        }
        let values = self.parts(e, i)?;
        let to = e.slot(u32::try_from(ty.size())?, ty.align())?;
        e.store_all(self.plan.args.parts(i), &values, to)?;
        Ok(to)
    }

    /// Returns the address at which C wants a result that is returned in memory. A result that is
    /// built there, and returned as [`Operand::Memory`] of this address, is not copied.
    pub fn sret(&self) -> Option<Value> {
        self.plan.sret.map(|i| self.params[i])
    }

    /// Returns from the function, which ends the block. `None` without a result.
    pub fn ret(&self, e: &mut Emitter<'_, '_>, result: Option<Operand<'_>>) -> Result<()> {
        let (ty, parts) = (self.plan.sig.result(), self.plan.result.parts());
        let mut values = Vec::new();
        match (&self.plan.result, result) {
            (ResultPlan::Nothing, _) => {}
            (ResultPlan::Parts { results, .. }, Some(result)) => {
                let own = e.operand(parts, result)?;
                for (i, declared) in self.plan.signature.returns.iter().enumerate() {
                    values.push(match results.iter().position(|own| *own == i) {
                        Some(part) => own[part],
                        // This value only takes up a register.
                        None => e.zero(declared.ty)?,
                    });
                }
            }
            // Cranelift returns the address in rax, as C demands: the parameter is declared `sret`.
            (ResultPlan::Sret, Some(Operand::Memory(from))) => {
                let to = self.param(self.plan.sret)?;
                if from != to {
                    let size = e.ins().iconst(types::I64, i64::try_from(ty.size())?);
                    let config = e.module.target_config();
                    e.builder.call_memcpy(config, to, from, size);
                }
            }
            // The last thing before the return: nothing touches the x87 stack after it.
            (ResultPlan::Stub { push, bytes, .. }, Some(result)) => {
                let from = e.in_memory(parts, result, *bytes, 16)?;
                e.call_x87(push, from)?;
            }
            (other, _) => return Err(format!("result, {ty}: not emitted: {other:?}").into()),
        }
        e.ins().return_(&values);
        Ok(())
    }

    /// Writes the `va_list` of a variadic function, 24 bytes at `list` (`va_start`). This has to be
    /// in the first block, which dominates all others.
    pub fn va_start(&self, e: &mut Emitter<'_, '_>, list: Value) -> Result<()> {
        let start = self.plan.va_start.as_ref().ok_or("not variadic")?;
        let VaStart::Registers {
            counts,
            overflow,
            overflow_at,
            save_bytes,
            save_align,
            save_before: None,
        } = *start
        else {
            return Err("the plan has no register save area".into());
        };
        let (save, area) = (e.slot(save_bytes, save_align)?, self.area()?);
        for slot in &self.plan.args.slots {
            if let (What::Register { offset }, Some(param)) = (slot.what, slot.param) {
                e.store_at(self.params[param as usize], save, offset);
            }
        }
        for own in counts {
            let count = e.ins().iconst(types::I32, i64::from(own.count));
            let base = e.ins().iadd_imm(save, i64::from(own.base_at));
            e.store_at(count, list, own.counter.at.into());
            e.store_at(base, list, own.counter.base.into());
        }
        let overflow = e.ins().iadd_imm(area, i64::from(overflow));
        e.store_at(overflow, list, overflow_at.into());
        Ok(())
    }

    fn mode(&self, i: usize) -> Result<PassMode> {
        Ok(self.plan.args.mode(i).ok_or("no argument of this index")?)
    }

    /// Returns the bytes from the start of the argument area to `slot`.
    fn in_area(&self, slot: &Slot) -> Result<u32> {
        Ok(self.plan.in_area(slot).ok_or("not in the argument area")?)
    }

    fn ty(&self, i: usize) -> &cabi::Type {
        &self.plan.sig.params()[i].ty
    }

    fn area(&self) -> Result<Value> {
        match self.plan.area {
            Some(IncomingArea::Param(index)) => self.param(Some(index)),
            _ => self.param(None),
        }
    }

    fn param(&self, index: Option<usize>) -> Result<Value> {
        let param = index.map(|i| self.params[i]);
        Ok(param.ok_or("the plan does not have this parameter")?)
    }
}
