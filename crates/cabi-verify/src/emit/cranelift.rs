//! Cranelift's two sides of a call: a shim that calls C with arguments from memory, and a function
//! that C calls.
//!
//! ```text
//! shim:     void shim(void *callee, const void *objects, void *ret)
//!                             calls callee, its result goes to ret
//! function: R f(A, B, ...)    writes each argument to a buffer, as C's sides do, and returns the
//!                             object at an address
//! ```
//!
//! A value has several forms: an object in memory, one SSA value, parts, fields. The number of a
//! variant turns them, so that four variants use every form of every argument. This file takes
//! parts and fields apart and puts them together byte by byte, without the code under test.

use cabi::{FnSig, Place, Type};
use clif_cabi::clif_cabi_plan::{CallPlan, ResultPlan};
use clif_cabi::cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, Signature, Value, types,
};
use clif_cabi::cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{DataId, FuncId, Linkage, Module};
use clif_cabi::{
    Arg, Callee, Entry, LowerError, Lowering, Ret, Stub, Stubs, Values, clif_signature, stub_id,
    value_type,
};

use cranelift_object::ObjectModule;

use crate::verdict::Fault;

mod forms;
mod jumps;
mod object;

use forms::{argument, copy, keep, write_down};

/// Number of values that a shim keeps during its call: integers first.
pub(crate) const OWN_WORDS: usize = 18;

/// Number of forms of an argument or a result, so of the variants that use them all.
pub(crate) const VARIANTS: usize = 4;

/// Mistake made on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mutation {
    /// Function that replaces a stub by another one.
    pub stub: Option<fn(Stub) -> Stub>,
    /// A change to a function before it is compiled.
    pub func: Option<fn(&mut ir::Function)>,
}

/// A module that may be given mutated stubs.
struct MutatedModule<'a> {
    module: &'a mut ObjectModule,
    mutation: Mutation,
}

impl Stubs for MutatedModule<'_> {
    fn stub(
        &mut self,
        stub: Stub,
        signature: ir::SigRef,
        func: &mut ir::Function,
    ) -> Result<ir::FuncRef, LowerError> {
        let stub = match self.mutation.stub {
            None => stub,
            Some(change) => change(stub),
        };
        self.module.stub(stub, signature, func)
    }

    fn function(
        &mut self,
        id: FuncId,
        signature: ir::SigRef,
        func: &mut ir::Function,
    ) -> Result<ir::FuncRef, LowerError> {
        self.module.function(id, signature, func)
    }
}

/// A side of a call, and how it is made.
pub(crate) struct CallSide<'a> {
    /// The function's type, as it is lowered.
    pub(crate) sig: &'a FnSig,
    /// Offsets of the arguments, and then of the result, in their buffers, in bytes.
    pub(crate) offsets: &'a [usize],
    /// Turns the forms of values, and how a caller calls.
    pub(crate) index: usize,
    /// A mistake.
    pub(crate) mutation: Mutation,
}

/// An object file in the making.
pub(crate) struct CraneliftObject {
    module: ObjectModule,
    lower: Lowering,
    /// The buffers' table, `cabi_places` of [`FRAME`](super::c::FRAME).
    places: DataId,
}

type Build<T> = Result<T, LowerError>;

impl CraneliftObject {
    /// Builds a function, then declares it by `declare` and defines it. If building is refused,
    /// nothing is declared: cranelift-object panics on a declaration without a definition.
    fn define(
        &mut self,
        declare: impl FnOnce(&mut Self) -> Build<FuncId>,
        signature: &Signature,
        mutation: Mutation,
        build: impl FnOnce(&mut Self, &mut FunctionBuilder<'_>, ir::Block) -> Build<()>,
    ) -> Result<FuncId, Fault> {
        let mut ctx = self.module.make_context();
        ctx.func.signature = signature.clone();
        let mut fn_ctx = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        build(self, &mut builder, block)?;
        builder.seal_all_blocks();
        builder.finalize(self.config());
        if let Some(mutation) = mutation.func {
            mutation(&mut ctx.func);
        }
        let id = declare(self)?;
        let defined = self.module.define_function(id, &mut ctx);
        defined.map_err(LowerError::from)?;
        Ok(id)
    }

    fn config(&self) -> TargetFrontendConfig {
        self.module.isa().frontend_config()
    }

    /// Adds a shim, called `name`, that calls `callee`, with the objects at the offsets of `side`
    /// in one buffer. The shim keeps values during the call.
    pub(crate) fn caller(
        &mut self,
        (name, callee): (&str, &str),
        side: &CallSide<'_>,
    ) -> Result<(), Fault> {
        let CallSide { sig, offsets, .. } = *side;
        let import = self.lower.declare_import(&mut self.module, callee, sig)?.id;
        // A function of the module, its address, a reference to it, and the steps of a call.
        let via = (side.index + side.index / VARIANTS) % 4;
        let plan = match via {
            3 => self.lower.try_call_plan(sig)?,
            _ => self.lower.call_plan(sig)?,
        };
        let mut own = Signature::new(CallConv::SystemV);
        own.params.extend([AbiParam::new(types::I64); 3]);
        let variant = side.index % VARIANTS;
        let declare = |this: &mut Self| {
            let declared = this.module.declare_function(name, Linkage::Export, &own);
            Ok(declared?)
        };
        let build = |this: &mut Self, builder: &mut FunctionBuilder<'_>, block| {
            let &[callee, objects, ret] = builder.block_params(block) else {
                return Ok(());
            };
            let mut args = Vec::new();
            for (i, offset) in offsets.iter().enumerate().take(sig.params().len()) {
                let at = after(builder, objects, *offset);
                let lanes = matches!(plan.abi.args[i].place, Place::PerElement { .. });
                let form = if lanes { 0 } else { (i + variant) % VARIANTS };
                args.push(argument(builder, &plan, Some(i), at, (form, &this.lower)));
            }
            let form = this.result_form(&plan, ret, (variant, via != 3));
            let target = match via {
                0 => Callee::from(import),
                2 => Callee::from(this.module.declare_func_in_func(import, builder.func)),
                _ => Callee::from(callee),
            };
            let (live, to) = this.own_values(builder);
            let (lower, mutation) = (&this.lower, side.mutation);
            let mut stubs = MutatedModule {
                module: &mut this.module,
                mutation,
            };
            let returned = if via == 3 {
                let callable = lower.callee(&mut stubs, builder, &plan, target)?;
                let values = lower.values_in(builder, &plan, &args, form)?;
                let call = callable.call(builder, &values)?;
                let results = Values::from_slice(builder.inst_results(call));
                lower.values_out(&mut stubs, builder, &plan, &results, form)?
            } else {
                lower.call_sig(&mut stubs, builder, target, sig, &args, form)?
            };
            keep(builder, returned, &plan, (ret, &this.lower));
            if !sig.is_noreturn() {
                for (value, offset) in live.into_iter().zip((0..).step_by(8)) {
                    builder.ins().store(MemFlagsData::new(), value, to, offset);
                }
                builder.ins().return_(&[]);
            }
            Ok(())
        };
        self.define(declare, &own, side.mutation, build).map(drop)
    }

    /// Loads more values than callees of x86-64 keep registers for, and the address to store them
    /// at after the call. They show whether the call loses a register.
    fn own_values(&self, builder: &mut FunctionBuilder<'_>) -> (Vec<Value>, Value) {
        let [from, to] = self.addresses(builder, [5, 6]);
        let load = |i| {
            let ty = if i < 8 { types::I64 } else { types::F64 };
            let offset = i32::try_from(8 * i).unwrap_or(0);
            builder.ins().load(ty, MemFlagsData::new(), from, offset)
        };
        ((0..OWN_WORDS).map(load).collect(), to)
    }

    /// Returns the form requested for the result. If a call `loads`, it loads fields from where the
    /// callee writes a result.
    fn result_form(&self, plan: &CallPlan, ret: Value, (variant, loads): (usize, bool)) -> Ret {
        let (ty, has_parts) = (plan.sig.result(), !plan.result.parts().is_empty());
        let is_loaded = loads && matches!(plan.result, ResultPlan::Sret);
        let has_fields = || self.lower.fields(ty).is_ok();
        match variant % VARIANTS {
            1 if has_parts && value_type(ty).is_some() => Ret::Value,
            1 if (has_parts || is_loaded) && has_fields() => Ret::Fields,
            2 if has_parts => Ret::Parts,
            _ => Ret::memory(ret),
        }
    }

    /// Loads addresses of the buffers' table.
    fn addresses<const N: usize>(
        &self,
        builder: &mut FunctionBuilder<'_>,
        indices: [i32; N],
    ) -> [Value; N] {
        let table = self.module.declare_data_in_func(self.places, builder.func);
        let table = builder.ins().symbol_value(types::I64, table);
        let flags = MemFlagsData::new();
        indices.map(|i| builder.ins().load(types::I64, flags, table, 8 * i))
    }

    /// Adds a function, called `name`, that stores its arguments at the offsets of `side` in one
    /// buffer. It returns the object at the last offset in another buffer. Some functions that pop
    /// their arguments are reached by tail calls.
    pub(crate) fn callee(&mut self, name: &str, side: &CallSide<'_>) -> Result<(), Fault> {
        match self.jumps(side)? {
            true => {
                self.body(&format!("{name}_body"), side)?;
                self.jump_to_body(name, side)
            }
            false => self.body(name, side),
        }
    }

    fn body(&mut self, name: &str, side: &CallSide<'_>) -> Result<(), Fault> {
        let CallSide { sig, offsets, .. } = *side;
        let (variant, mutation) = (side.index % VARIANTS, side.mutation);
        let plan = self.lower.entry_plan(sig)?;
        let signature = &clif_signature(&plan.signature);
        let declare = |this: &mut Self| match mutation.stub {
            // If C enters by a stub, the stub has the name.
            None => Ok(this.lower.declare_export(&mut this.module, name, sig)?.body),
            Some(_) => Ok(this.module.declare_anonymous_function(signature)?),
        };
        let build = |this: &mut Self, builder: &mut FunctionBuilder<'_>, block| {
            let config = this.config();
            let entry = this.lower.enter(builder, block, sig)?;
            let [arguments, result, escape] = this.addresses(builder, [0, 2, 9]);
            let flags = MemFlagsData::new();
            let escape = builder.ins().load(types::I64, flags, escape, 0);
            let at_result = offsets.get(sig.params().len()).copied();
            let result = after(builder, result, at_result.unwrap_or(0));
            let list = va_list(builder);
            if sig.is_variadic() {
                entry.va_start(builder, list)?;
            }
            for (i, (param, offset)) in sig.params().iter().zip(offsets).enumerate() {
                let to = after(builder, arguments, *offset);
                if i >= sig.n_named() {
                    // The caller has promoted it, if C promotes it.
                    let from = this
                        .lower
                        .va_arg_unpromoted(builder, list, sig, &param.ty)?;
                    copy(builder, config, param.ty.size(), from, to);
                    continue;
                }
                let form = (i + variant) % VARIANTS;
                let form = (form, &this.lower);
                write_down(builder, config, &entry, i, &param.ty, to, form)?;
            }
            if sig.is_noreturn() {
                let nothing = builder.import_signature(Signature::new(CallConv::SystemV));
                builder.ins().call_indirect(nothing, escape, &[]);
                builder.ins().trap(ir::TrapCode::unwrap_user(1));
                return Ok(());
            }
            let form = (variant, &this.lower);
            let value = given_result(builder, config, &entry, sig.result(), result, form);
            let module = &mut this.module;
            entry.ret(
                &mut MutatedModule { module, mutation },
                builder,
                Some(&value),
            )
        };
        let body = self.define(declare, signature, mutation, build)?;
        match mutation.stub {
            None => Ok(()),
            Some(change) => {
                self.address_function(name, plan.entry_stub(body.as_u32()), change, body)
            }
        }
    }

    /// Adds a function, called `NAME_address`, that returns the address of the mutated `stub` of
    /// `body`, or of `body` itself without one. No mutated stub can be exported.
    fn address_function(
        &mut self,
        name: &str,
        stub: Option<Stub>,
        change: fn(Stub) -> Stub,
        body: FuncId,
    ) -> Result<(), Fault> {
        let function = match stub {
            Some(stub) => stub_id(&mut self.module, change(stub))?,
            None => body,
        };
        let name = &format!("{name}_address");
        let mut own = Signature::new(CallConv::SystemV);
        own.returns.push(AbiParam::new(types::I64));
        let declare = |this: &mut Self| {
            let declared = this.module.declare_function(name, Linkage::Export, &own);
            Ok(declared?)
        };
        let build = |this: &mut Self, builder: &mut FunctionBuilder<'_>, _| {
            let function = this.module.declare_func_in_func(function, builder.func);
            let address = builder.ins().func_addr(types::I64, function);
            builder.ins().return_(&[address]);
            Ok(())
        };
        let defined = self.define(declare, &own, Mutation::default(), build);
        defined.map(drop)
    }
}

/// Returns the address `offset` bytes after `start`.
fn after(builder: &mut FunctionBuilder<'_>, start: Value, offset: usize) -> Value {
    let offset = i64::try_from(offset).unwrap_or(0);
    builder.ins().iadd_imm_s(start, offset)
}

/// Returns the object of `ty` at `from` in one of its forms, as a result.
fn given_result(
    builder: &mut FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    entry: &Entry,
    ty: &Type,
    from: Value,
    (variant, lower): (usize, &Lowering),
) -> Arg {
    let parts = entry.plan().result.parts();
    let sret = entry.sret();
    let has_fields = value_type(ty).is_some() || sret.is_some() || !parts.is_empty();
    match (variant % VARIANTS, sret) {
        _ if ty.size() == 0 => Arg::memory(from),
        // Built where it goes.
        (3, Some(sret)) => {
            copy(builder, config, ty.size(), from, sret);
            Arg::memory(sret)
        }
        (form @ (1 | 2), _) if has_fields => {
            argument(builder, entry.plan(), None, from, (form, lower))
        }
        _ => Arg::memory(from),
    }
}

/// Returns the address of room for a `va_list`, of which AArch64 has the largest.
fn va_list(builder: &mut FunctionBuilder<'_>) -> Value {
    let slot = ir::StackSlotData::new(ir::StackSlotKind::ExplicitSlot, 32, 3);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(types::I64, slot, 0)
}
