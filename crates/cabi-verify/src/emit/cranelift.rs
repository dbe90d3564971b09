//! Cranelift's two sides of a call: a shim that calls C with arguments from memory, and a function
//! that C calls.
//!
//! ```text
//! shim:     void shim(const void *args[], void *ret, void *callee)
//!                             calls callee, its result goes to ret
//! function: R f(A, B, ...)    writes each argument to a buffer, as C's sides do, and returns the
//!                             object at an address
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
use forms::{argument, copy, keep, write_down};

/// Number of values that a shim keeps during its call: integers first.
pub(crate) const OWN_WORDS: usize = 18;

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
    /// The shim's third parameter, by an instruction of the shim's own: callee, values in, values
    /// out.
    OwnPointer,
}

/// Place of the objects that a shim passes, and the order of its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sent<'a> {
    /// Behind the pointers of an array: `shim(pointers, result, callee)`.
    ByPointers,
    /// So many bytes after the start of one buffer: `shim(callee, buffer, result)`. The shim keeps
    /// values during the call, which it finds by the buffers' table.
    At(&'a [usize], DataId),
}

impl Sent<'_> {
    /// Computes the address of argument `i` from the parameter `objects`.
    fn address(self, builder: &mut FunctionBuilder<'_>, i: usize, objects: Value) -> Value {
        match self {
            Self::ByPointers => {
                let (flags, offset) = (MemFlagsData::new(), i32::try_from(8 * i).unwrap_or(0));
                builder.ins().load(types::I64, flags, objects, offset)
            }
            Self::At(offsets, _) => {
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

/// Builds a shim, called `name`, that calls `target` as `sig`; `variant` turns the forms.
pub(crate) fn shim(
    module: &mut dyn Module,
    name: &str,
    lower: &Lowering,
    (sig, sent): (&FnSig, Sent<'_>),
    target: CallVia,
    variant: usize,
    mutation: Mutation,
) -> Result<FuncId, Fault> {
    let plan = lower.call_plan(sig)?;
    let own = shim_signature();
    let has_vectors = has_vectors(lower);
    let declare =
        |module: &mut dyn Module| Ok(module.declare_function(name, Linkage::Export, &own)?);
    define(module, declare, &own, mutation, |module, builder, block| {
        let [objects, ret, callee] = match (sent, builder.block_params(block)) {
            (Sent::ByPointers, &[objects, ret, callee]) => [objects, ret, callee],
            (Sent::At(..), &[callee, objects, ret]) => [objects, ret, callee],
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
        let kept = match sent {
            Sent::At(_, places) => Some(own_values(&*module, builder, places)),
            Sent::ByPointers => None,
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
            if let Some((values, to)) = kept {
                for (value, offset) in values.into_iter().zip((0..).step_by(8)) {
                    builder.ins().store(MemFlagsData::new(), value, to, offset);
                }
            }
            builder.ins().return_(&[]);
        }
        Ok(())
    })
}

/// Loads values, more than callees of x86-64 keep registers for, and the address where they go
/// after the call: a register that the call loses is noticed.
fn own_values(
    module: &dyn Module,
    builder: &mut FunctionBuilder<'_>,
    places: DataId,
) -> (Vec<Value>, Value) {
    let [from, to] = addresses(module, builder, places, [5, 6]);
    let load = |i| {
        let ty = if i < 8 { types::I64 } else { types::F64 };
        let offset = i32::try_from(8 * i).unwrap_or(0);
        builder.ins().load(ty, MemFlagsData::new(), from, offset)
    };
    ((0..OWN_WORDS).map(load).collect(), to)
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
        _ => Ret::memory(ret),
    }
}

/// Loads addresses of the buffers' table at `places`, `cabi_places` of [`FRAME`](super::c::FRAME).
fn addresses<const N: usize>(
    module: &dyn Module,
    builder: &mut FunctionBuilder<'_>,
    places: DataId,
    indices: [i32; N],
) -> [Value; N] {
    let table = module.declare_data_in_func(places, builder.func);
    let table = builder.ins().symbol_value(types::I64, table);
    let flags = MemFlagsData::new();
    indices.map(|i| builder.ins().load(types::I64, flags, table, 8 * i))
}

/// Returns a function of `sig`, called `name`, that writes down argument `i` `offsets[i]` bytes
/// after the start of its buffer, and returns the object that it finds, at the last offset in a
/// buffer too; `variant` turns the forms.
pub(crate) fn function(
    module: &mut dyn Module,
    name: &str,
    lower: &Lowering,
    sig: &FnSig,
    (places, offsets): (DataId, &[usize]),
    variant: usize,
    mutation: Mutation,
) -> Result<FuncId, Fault> {
    let plan = lower.entry_plan(sig)?;
    let config = module.isa().frontend_config();
    let own = &clif_signature(&plan.signature);
    let declare = |module: &mut dyn Module| match mutation.stub {
        // If C enters by a stub, the stub has the name.
        None => Ok(lower.declare_export(module, name, sig)?.body),
        Some(_) => Ok(module.declare_anonymous_function(own)?),
    };
    let body = define(module, declare, own, mutation, |module, builder, block| {
        let entry = lower.enter(builder, block, sig)?;
        let [seen, given, escape] = addresses(module, builder, places, [0, 2, 9]);
        let escape = builder
            .ins()
            .load(types::I64, MemFlagsData::new(), escape, 0);
        let at_result = offsets.get(sig.params().len()).copied().unwrap_or(0);
        let at_result = i64::try_from(at_result).unwrap_or(0);
        let given = builder.ins().iadd_imm_s(given, at_result);
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
    match mutation.stub {
        None => Ok(body),
        Some(change) => {
            address_function(module, name, plan.entry_stub(body.as_u32()), change, body)
        }
    }
}

/// Returns a function, called `NAME_address`, that returns the address of the mutated `stub` of
/// `body`, or its own: no mutated stub can be exported.
fn address_function(
    module: &mut dyn Module,
    name: &str,
    stub: Option<Stub>,
    change: fn(Stub) -> Stub,
    body: FuncId,
) -> Result<FuncId, Fault> {
    let of = match stub {
        Some(stub) => stub_id(module, change(stub))?,
        None => body,
    };
    let name = &format!("{name}_address");
    let mut own = Signature::new(CallConv::SystemV);
    own.returns.push(AbiParam::new(types::I64));
    let declare =
        |module: &mut dyn Module| Ok(module.declare_function(name, Linkage::Export, &own)?);
    define(
        module,
        declare,
        &own,
        Mutation::default(),
        |module, builder, _| {
            let of = module.declare_func_in_func(of, builder.func);
            let address = builder.ins().func_addr(types::I64, of);
            builder.ins().return_(&[address]);
            Ok(())
        },
    )
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
