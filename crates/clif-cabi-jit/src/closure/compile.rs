//! The code that C enters: one function for all signatures that are entered alike, and the stub
//! that moves the context to a parameter.

use crate::cranelift::MemFlagsData;
use std::sync::Arc;

use crate::cranelift::codegen::ir::{
    InstBuilder, StackSlotData, StackSlotKind, TrapCode, Value,
    types::{I8, I16, I32, I64},
};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::module::Module;
use clif_cabi::cabi::{ArgFlags, Convention, FnAbi, FnSig, Reg, Type};
use clif_cabi::clif_cabi_plan::Machine;
use clif_cabi::{
    Arg, Entry, Function, LowerError, Lowering, NotLowered, PlanError, Ret, clif_signature,
};

use super::pool::Pool;
use super::{Compiler, MAX_RESULT};
use crate::code::Code;
use crate::engine::Engine;
use crate::error::Result;
use crate::vectors;

impl Compiler {
    /// Returns the code that the stub of a closure of `sig` jumps to, the pool of the stub, and the
    /// convention of the signature.
    pub(super) fn entry(&mut self, sig: &FnSig) -> Result<(Code, Arc<Pool>, &'static Convention)> {
        let target = self.lower.target();
        let convention = FnAbi::convention_of(sig, target).map_err(LowerError::from)?;
        let closures = Machine::closures(target, convention);
        let (entered, context) = closures.map_err(LowerError::from)?;
        let pool = self.pool(context);
        let target = self.lower.target();
        let with_chain = sig.clone().static_chain(target.data_model());
        let with_chain = with_chain.convention(entered);
        let plan = self.lower.entry_plan(&with_chain);
        let plan = plan.map_err(|error| self.refused(sig, error))?;
        let unnamed = sig.params().iter().skip(sig.n_named());
        // The plans by which `emit` fetches them.
        let unnamed = unnamed.map(|param| self.lower.va_arg_plan(&with_chain, &param.ty));
        let shape = (Arc::clone(&plan), unnamed.collect::<Result<Vec<_>, _>>()?);
        if let Some(code) = self.compiled.get(&shape) {
            return Ok((code.clone(), pool, convention));
        }
        vectors::check_signature(&plan.sig, &plan.abi)?;
        let body = self
            .engine
            .declare_local(&clif_signature(&plan.signature))?;
        let lower = &self.lower;
        (self.engine).build(body, "closure", |engine, builder| {
            emit(engine, lower, builder, &with_chain)
        })?;
        let function = Function::new(body, "closure", with_chain);
        let entry = self.lower.entry_point(&mut self.engine, &function)?;
        self.engine.finalize()?;
        let code = self.engine.code(entry)?;
        self.compiled.insert(shape, code.clone());
        Ok((code, pool, convention))
    }

    /// Returns the pool of stubs that bring contexts in the register `context`.
    pub(super) fn pool(&mut self, context: Reg) -> Arc<Pool> {
        let pool = self.pools.iter().find(|own| own.context == context);
        if let Some(pool) = pool {
            return Arc::clone(pool);
        }
        let pool = Arc::new(Pool::new(context, self.engine.isa()));
        self.pools.push(Arc::clone(&pool));
        pool
    }

    /// Returns the error for `sig`, which has no closures. If a function of `sig` is lowered,
    /// either its convention cannot pass the context, or a static chain is in the context's
    /// register.
    fn refused(&self, sig: &FnSig, error: LowerError) -> LowerError {
        let is_convention = match &error {
            LowerError::Plan(PlanError::Abi(_)) => true,
            error => matches!(error.not_lowered(), Some(NotLowered::Convention(_))),
        };
        match self.lower.entry_plan(sig) {
            Ok(plan) if is_convention => {
                let mut params = sig.params().iter();
                let (what, why) = match params.any(|param| param.flags.has(ArgFlags::NEST)) {
                    true => (
                        "a static chain".to_owned(),
                        "a closure's stub passes the context in the register of the chain",
                    ),
                    false => (
                        format!("the convention {}", plan.abi.convention.name),
                        "its functions cannot be closures: it has no register for the context",
                    ),
                };
                LowerError::Plan(PlanError::Unsupported {
                    what,
                    why: NotLowered::Convention(why),
                    target: self.lower.target().name().to_owned(),
                })
            }
            _ => error,
        }
    }
}

/// Emits a function of `sig`, whose last named argument is the context. The function puts the other
/// arguments into memory, and calls the handler of the context.
fn emit(
    engine: &mut Engine,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    sig: &FnSig,
) -> Result<()> {
    let (_, entry) = lower.begin(builder, sig)?;
    let n_named = sig.n_named().saturating_sub(1);
    let context = entry.value(builder, n_named)?;
    let pointers = store_args(lower, builder, sig, (&entry, n_named))?;
    // One of no bytes may be in the caller's memory too, whose address is returned.
    let bytes = sig.result().size();
    let has_result = (entry.sret().is_some() || bytes > 0) && !sig.is_noreturn();
    let result = match entry.sret() {
        Some(sret) => sret,
        None if has_result => lower.slot(builder, sig.result())?,
        None => pointers,
    };
    if has_result && bytes <= MAX_RESULT.into() {
        set_to_zero(builder, result, bytes);
    }
    let handler = builder.ins().load(I64, MemFlagsData::trusted(), context, 0);
    // The handler gets any address but null for a result of no bytes.
    let bytes_at = if bytes == 0 { pointers } else { result };
    let args = [context, pointers, bytes_at].map(Arg::value);
    let call = FnSig::new([Type::PTR, Type::PTR, Type::PTR], Type::VOID);
    lower.call_sig(engine, builder, handler, &call, &args, Ret::Ignore)?;
    if sig.is_noreturn() {
        // The handler has ended the process.
        builder.ins().trap(TrapCode::unwrap_user(1));
    } else {
        let result = has_result.then(|| Arg::memory(result));
        entry.ret(engine, builder, result.as_ref())?;
    }
    Ok(())
}

/// Puts the first `n_named` arguments and the unnamed ones into memory. Returns the address of
/// their addresses, and of the `va_list`'s after them.
fn store_args(
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    sig: &FnSig,
    (entry, n_named): (&Entry, usize),
) -> Result<Value> {
    let unnamed = sig.params().get(sig.n_named()..).unwrap_or_default();
    let n_pointers = n_named + unnamed.len() + usize::from(sig.is_variadic());
    let n_bytes = u32::try_from(8 * n_pointers);
    debug_assert!(n_bytes.is_ok(), "more than any frame has");
    let n_bytes = n_bytes.unwrap_or(u32::MAX);
    let pointers = slot(builder, n_bytes, 3);
    let mut offsets = (0..i32::MAX).step_by(8);
    // Each is stored before the next one is made, so that few values are alive at once.
    let mut push = |builder: &mut FunctionBuilder<'_>, address: Value| {
        let offset = offsets.next().unwrap_or(i32::MAX);
        builder
            .ins()
            .store(MemFlagsData::trusted(), address, pointers, offset);
    };
    for i in 0..n_named {
        let address = entry.address(builder, i)?;
        push(builder, address);
    }
    if sig.is_variadic() {
        // The list of the signature's convention, which may not be the target's.
        let list = lower.va_arg_plan(sig, &Type::PTR)?.list_bytes.into();
        let list = slot(builder, list, 3);
        entry.va_start(builder, list)?;
        for param in unnamed {
            let address = lower.va_arg_unpromoted(builder, list, sig, &param.ty)?;
            push(builder, address);
        }
        push(builder, list);
    }
    Ok(pointers)
}

/// Returns the address of so many bytes of the frame, aligned to `1 << align_shift`.
fn slot(builder: &mut FunctionBuilder<'_>, bytes: u32, align_shift: u8) -> Value {
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, align_shift);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(I64, slot, 0)
}

/// Sets the `bytes` from `to` on to zero, and none after them.
fn set_to_zero(builder: &mut FunctionBuilder<'_>, to: Value, bytes: u64) {
    let (mut at, bytes) = (0, i32::try_from(bytes).unwrap_or(0));
    for ty in [I64, I32, I16, I8] {
        let zero = builder.ins().iconst(ty, 0);
        let size = i32::try_from(ty.bytes()).unwrap_or(1);
        while at + size <= bytes {
            builder.ins().store(MemFlagsData::new(), zero, to, at);
            at += size;
        }
    }
}
