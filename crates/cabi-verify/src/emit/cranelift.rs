//! Cranelift's two sides of a call: a shim that calls C with arguments from memory, and a function that C calls.
//!
//! ```text
//! shim:     void shim(const void *args[], void *ret, void *callee)    calls callee, its result goes to ret
//! function: R f(A, B, ...)    writes each argument to a buffer, as C's sides do, and returns the object at an address
//! ```
//!
//! A value has several forms: an object in memory, one SSA value, parts, fields. The number of a
//! variant turns them, so that four variants use every form of every argument. This file takes
//! parts and fields apart and puts them together byte by byte, without the code under test.

use cabi::{FnSig, Place, Type};
use clif_cabi::clif_cabi_plan::Machine;
use clif_cabi::cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, Signature, Value, types,
};
use clif_cabi::cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{DataId, FuncId, Linkage, Module};
use clif_cabi::{
    Arg, Callee, ClifPart, Entry, LowerError, Lowering, Ret, Stub, Stubs, Values, clif_signature,
    fields, stub_id, value_type,
};

use crate::verdict::Fault;

mod forms;
use forms::{argument, constant, copy, keep, write_down};

/// Number of forms of an argument or a result, so of the variants that use them all.
pub(crate) const VARIANTS: usize = 4;

/// Mistake made on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mutation {
    /// Another stub than the one asked for.
    pub stub: Option<fn(Stub) -> Stub>,
    /// A change to a function before it is compiled.
    pub func: Option<fn(&mut ir::Function)>,
}

/// A module that may be given mutated stubs.
struct Mutated<'a> {
    module: &'a mut dyn Module,
    mutation: Mutation,
}

impl Stubs for Mutated<'_> {
    fn stub(
        &mut self,
        stub: Stub,
        signature: ir::SigRef,
        func: &mut ir::Function,
    ) -> Result<ir::FuncRef, LowerError> {
        let stub = mutated(self.mutation, stub);
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

fn mutated(mutation: Mutation, stub: Stub) -> Stub {
    match mutation.stub {
        None => stub,
        Some(change) => change(stub),
    }
}

/// Callee of a shim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallVia {
    /// A function of the module or outside.
    Function(FuncId),
    /// A function of the module or outside, imported by the shim itself.
    Ref(FuncId),
    /// The shim's third parameter.
    Pointer,
    /// The shim's third parameter, by an instruction of the shim's own: callee, values in, values out.
    OwnPointer,
}

/// Place of the objects that a shim passes, and the order of its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sent<'a> {
    /// Behind the pointers of an array: `shim(pointers, result, callee)`.
    ByPointers,
    /// So many bytes after the start of one buffer: `shim(callee, buffer, result)`.
    At(&'a [usize]),
}

impl Sent<'_> {
    /// Computes the address of argument `i` from the parameter `objects`.
    fn address(self, builder: &mut FunctionBuilder<'_>, i: usize, objects: Value) -> Value {
        match self {
            Self::ByPointers => {
                let (flags, offset) = (MemFlagsData::new(), i32::try_from(8 * i).unwrap_or(0));
                builder.ins().load(types::I64, flags, objects, offset)
            }
            Self::At(offsets) => {
                let offset = i64::try_from(offsets[i]).unwrap_or(0);
                builder.ins().iadd_imm_s(objects, offset)
            }
        }
    }
}

/// Returns the signature of a shim.
pub(crate) fn shim_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64); 3]);
    signature
}

fn anonymous(module: &mut dyn Module, signature: &Signature) -> Result<FuncId, LowerError> {
    Ok(module.declare_anonymous_function(signature)?)
}

/// Builds a function, and defines it as the one that `declare` declares then: if building is
/// refused, no declaration is left without a definition, over which cranelift-object panics.
fn define(
    module: &mut dyn Module,
    declare: impl FnOnce(&mut dyn Module) -> Result<FuncId, LowerError>,
    signature: &Signature,
    mutation: Mutation,
    build: impl FnOnce(&mut dyn Module, &mut FunctionBuilder<'_>, ir::Block) -> Result<(), LowerError>,
) -> Result<FuncId, Fault> {
    let mut ctx = module.make_context();
    ctx.func.signature = signature.clone();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    build(module, &mut builder, block)?;
    builder.seal_all_blocks();
    builder.finalize(module.isa().frontend_config());
    if let Some(mutation) = mutation.func {
        mutation(&mut ctx.func);
    }
    let id = declare(module)?;
    let defined = module.define_function(id, &mut ctx);
    defined.map_err(LowerError::from)?;
    Ok(id)
}

/// Builds a shim, with a name or without, that calls `target` as `sig`; `variant` turns the forms.
pub(crate) fn shim(
    module: &mut dyn Module,
    name: Option<&str>,
    lower: &Lowering,
    (sig, sent): (&FnSig, Sent<'_>),
    target: CallVia,
    variant: usize,
    mutation: Mutation,
) -> Result<FuncId, Fault> {
    let plan = lower.call_plan(sig)?;
    let own = shim_signature();
    let has_vectors = has_vectors(lower);
    let declare = |module: &mut dyn Module| match name {
        Some(name) => Ok(module.declare_function(name, Linkage::Export, &own)?),
        None => anonymous(module, &own),
    };
    define(module, declare, &own, mutation, |module, builder, block| {
        let [objects, ret, callee] = match (sent, builder.block_params(block)) {
            (Sent::ByPointers, &[objects, ret, callee]) => [objects, ret, callee],
            (Sent::At(_), &[callee, objects, ret]) => [objects, ret, callee],
            _ => return Ok(()),
        };
        let mut args = Vec::new();
        for i in 0..sig.params().len() {
            let at = sent.address(builder, i, objects);
            let lanes = matches!(plan.abi.args[i].place, Place::PerElement { .. });
            let form = if lanes { 0 } else { (i + variant) % VARIANTS };
            let form = (form, has_vectors);
            args.push(argument(builder, &plan, Some(i), at, form));
        }
        let parts = plan.result.parts().to_vec();
        let wanted = wanted_result(sig.result(), &parts, ret, variant);
        let own = target == CallVia::OwnPointer;
        let target = match target {
            CallVia::Function(id) => Callee::from(id),
            CallVia::Ref(id) => Callee::from(module.declare_func_in_func(id, builder.func)),
            CallVia::Pointer | CallVia::OwnPointer => Callee::from(callee),
        };
        let mut stubs = Mutated { module, mutation };
        let returned = if own {
            let callable = lower.callee(&mut stubs, builder, &plan, target)?;
            let values = lower.values_in(builder, &plan, &args, wanted)?;
            let call = callable.call(builder, &values)?;
            let results = Values::from_slice(builder.inst_results(call));
            lower.values_out(&mut stubs, builder, &plan, &results, wanted)?
        } else {
            lower.call_sig(&mut stubs, builder, target, sig, &args, wanted)?
        };
        keep(builder, returned, &plan, ret);
        if !sig.is_noreturn() {
            builder.ins().return_(&[]);
        }
        Ok(())
    })
}

/// Checks whether values can be vectors on the target.
fn has_vectors(lower: &Lowering) -> bool {
    Machine::of(lower.target()).is_ok_and(|machine| machine.has_vectors())
}

/// Form in which the result of `ty` is asked for.
fn wanted_result(ty: &Type, parts: &[ClifPart], ret: Value, variant: usize) -> Ret {
    match variant % VARIANTS {
        1 if value_type(ty).is_some() && !parts.is_empty() => Ret::Value,
        1 if !parts.is_empty() && fields(ty).is_ok() => Ret::Fields,
        2 if !parts.is_empty() => Ret::Parts,
        3 => Ret::Ignore,
        _ => Ret::memory(ret),
    }
}

/// Checks whether variant `variant` of a shim leaves the result where it was told to.
pub(crate) fn keeps_result(variant: usize) -> bool {
    variant % VARIANTS != 3
}

/// Addresses where a function that C calls writes and reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BufferAddresses {
    /// In this process.
    Here {
        /// The arguments go here.
        seen: *mut u8,
        /// The object to return.
        given: *const u8,
        /// The function that a noreturn function calls instead of returning.
        escape: *const u8,
    },
    /// In a program, where `cabi_places` of [`FRAME`](super::c::FRAME), which this is, has them.
    Places(DataId),
}

impl BufferAddresses {
    /// The three addresses.
    fn values(self, module: &dyn Module, builder: &mut FunctionBuilder<'_>) -> [Value; 3] {
        match self {
            Self::Here {
                seen,
                given,
                escape,
            } => [seen.cast_const(), given, escape].map(|address| constant(builder, address)),
            Self::Places(id) => {
                let table = module.declare_data_in_func(id, builder.func);
                let table = builder.ins().symbol_value(types::I64, table);
                let flags = MemFlagsData::new();
                let [seen, given, escape] =
                    [0, 2, 9].map(|i| builder.ins().load(types::I64, flags, table, 8 * i));
                [
                    seen,
                    given,
                    builder.ins().load(types::I64, flags, escape, 0),
                ]
            }
        }
    }
}

/// Returns a function of `sig`, with a name or without, that writes down argument `i` `offsets[i]`
/// bytes after the start, and returns the object it finds; `variant` turns the forms.
pub(crate) fn function(
    module: &mut dyn Module,
    name: Option<&str>,
    lower: &Lowering,
    sig: &FnSig,
    (places, offsets): (BufferAddresses, &[usize]),
    variant: usize,
    mutation: Mutation,
) -> Result<FuncId, Fault> {
    let plan = lower.entry_plan(sig)?;
    let config = module.isa().frontend_config();
    let own = &clif_signature(&plan.signature);
    let declare = |module: &mut dyn Module| match name {
        // If C enters by a stub, the stub has the name.
        Some(name) => Ok(lower.declare_export(module, name, sig)?.body),
        None => anonymous(module, own),
    };
    let body = define(module, declare, own, mutation, |module, builder, block| {
        let entry = lower.enter(builder, block, sig)?;
        let [seen, given, escape] = places.values(module, builder);
        let list = va_list(builder);
        if sig.is_variadic() {
            entry.va_start(builder, list)?;
        }
        for (i, (param, offset)) in sig.params().iter().zip(offsets).enumerate() {
            let to = builder
                .ins()
                .iadd_imm_s(seen, i64::try_from(*offset).unwrap_or(0));
            if i >= sig.n_named() {
                // The caller has promoted it, if C promotes it.
                let from = lower.va_arg_unpromoted(builder, list, sig, &param.ty)?;
                copy(builder, config, param.ty.size(), from, to);
                continue;
            }
            let form = (i + variant) % VARIANTS;
            write_down(builder, config, &entry, i, &param.ty, to, form)?;
        }
        if sig.is_noreturn() {
            let nothing = builder.import_signature(Signature::new(CallConv::SystemV));
            builder.ins().call_indirect(nothing, escape, &[]);
            builder.ins().trap(ir::TrapCode::unwrap_user(1));
            return Ok(());
        }
        let form = (variant, has_vectors(lower));
        let value = given_result(builder, config, &entry, sig.result(), given, form);
        let mut stubs = Mutated { module, mutation };
        entry.ret(&mut stubs, builder, Some(&value))
    })?;
    // The function that C calls.
    match plan.entry_stub(body.as_u32()) {
        Some(stub) if name.is_none() => Ok(stub_id(module, mutated(mutation, stub))?),
        _ => Ok(body),
    }
}

/// The object of `ty` at `given`, to be returned in one of its forms.
fn given_result(
    builder: &mut FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    entry: &Entry,
    ty: &Type,
    given: Value,
    (variant, has_vectors): (usize, bool),
) -> Arg {
    let parts = entry.plan().result.parts();
    let sret = entry.sret();
    let has_fields = value_type(ty).is_some() || sret.is_some() || !parts.is_empty();
    match (variant % VARIANTS, sret) {
        _ if ty.size() == 0 => Arg::memory(given),
        // Built where it goes.
        (3, Some(sret)) => {
            copy(builder, config, ty.size(), given, sret);
            Arg::memory(sret)
        }
        (form @ (1 | 2), _) if has_fields => {
            argument(builder, entry.plan(), None, given, (form, has_vectors))
        }
        _ => Arg::memory(given),
    }
}

/// Room for a `va_list`, of which AArch64 has the largest; its address.
fn va_list(builder: &mut FunctionBuilder<'_>) -> Value {
    let slot = ir::StackSlotData::new(ir::StackSlotKind::ExplicitSlot, 32, 3);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(types::I64, slot, 0)
}
