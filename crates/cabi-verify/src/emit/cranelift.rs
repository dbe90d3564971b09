//! Both Cranelift sides of a call: a shim that calls C with arguments from memory, and a function that C calls.
//!
//! ```text
//! shim:     void shim(const void *args[], void *ret, void *callee)    calls callee, its result goes to ret
//! function: R f(A, B, ...)    writes each argument to a buffer, as C's sides do, and returns the object at an address
//! ```
//!
//! A value has several forms: an object in memory, one SSA value, parts. The number of a variant turns them, so that four variants use every
//! form of every argument. Parts are taken apart and put together here byte by byte, by nothing of what is tested.

use cabi::{FnSig, Place, Type};
use clif_cabi::cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, Signature, Value, types,
};
use clif_cabi::cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi::{
    Arg, Callee, Entry, LowerError, Lowering, Part, Ret, Returned, Stub, Stubs, Values, stub_id,
    value_type,
};
use clif_cabi_jit::Engine;

use crate::verdict::Fault;

/// How many forms an argument or a result has, so how many variants use them all.
pub const VARIANTS: usize = 4;

/// What is made otherwise than right, on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mutation {
    /// Another stub than the one asked for.
    pub stub: Option<fn(Stub) -> Stub>,
    /// A change to a function before it is compiled.
    pub func: Option<fn(&mut ir::Function)>,
}

/// An engine that may be given mutated stubs.
struct Mutated<'a> {
    engine: &'a mut Engine,
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
        self.engine.stub(stub, signature, func)
    }

    fn function(
        &mut self,
        id: FuncId,
        signature: ir::SigRef,
        func: &mut ir::Function,
    ) -> Result<ir::FuncRef, LowerError> {
        self.engine.function(id, signature, func)
    }
}

fn mutated(mutation: Mutation, stub: Stub) -> Stub {
    match mutation.stub {
        None => stub,
        Some(change) => change(stub),
    }
}

/// What a shim calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallVia {
    /// A function of the engine or outside.
    Function(FuncId),
    /// The same, imported by the shim itself.
    Ref(FuncId),
    /// The shim's third parameter.
    Pointer,
    /// The same, by an instruction of the shim's own: callee, values in, values out.
    OwnPointer,
}

impl CallVia {
    /// Whether the call goes through the shim's third parameter.
    #[must_use]
    pub fn is_pointer(self) -> bool {
        matches!(self, Self::Pointer | Self::OwnPointer)
    }
}

/// The signature of a shim.
#[must_use]
pub fn shim_signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64); 3]);
    signature
}

/// Builds one function in `engine`.
fn define(
    engine: &mut Engine,
    signature: &Signature,
    mutation: Mutation,
    build: impl FnOnce(&mut Engine, &mut FunctionBuilder<'_>, ir::Block) -> Result<(), LowerError>,
) -> Result<FuncId, Fault> {
    let id = engine.declare_local(signature)?;
    let mut ctx = engine.make_context();
    ctx.func.signature = signature.clone();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    build(engine, &mut builder, block)?;
    builder.seal_all_blocks();
    builder.finalize(engine.isa().frontend_config());
    if let Some(mutation) = mutation.func {
        mutation(&mut ctx.func);
    }
    engine.define(id, &mut ctx)?;
    Ok(id)
}

/// A shim that calls `target` as `sig`; `variant` turns the forms.
///
/// # Errors
/// [`Fault`].
pub fn shim(
    engine: &mut Engine,
    lower: &Lowering,
    sig: &FnSig,
    target: CallVia,
    variant: usize,
    mutation: Mutation,
) -> Result<FuncId, Fault> {
    // First, so that a refusal leaves nothing half built.
    let plan = lower.call_plan(sig)?;
    define(
        engine,
        &shim_signature(),
        mutation,
        |engine, builder, block| {
            let [array, ret, callee] = *builder.block_params(block) else {
                return Ok(());
            };
            let mut args = Vec::new();
            for (i, param) in sig.params().iter().enumerate() {
                let offset = i32::try_from(8 * i).unwrap_or(0);
                let at = builder
                    .ins()
                    .load(types::I64, MemFlagsData::new(), array, offset);
                let lanes = matches!(plan.abi().args[i].place, Place::PerElement { .. });
                let form = if lanes { 0 } else { (i + variant) % VARIANTS };
                args.push(argument(builder, &param.ty, plan.parts(i), at, form));
            }
            let parts = plan.result_parts().to_vec();
            let wanted = match variant % VARIANTS {
                1 if value_type(sig.result()).is_some() && !parts.is_empty() => Ret::Value,
                2 if !parts.is_empty() => Ret::Parts,
                3 => Ret::Ignore,
                _ => Ret::memory(ret),
            };
            let own = target == CallVia::OwnPointer;
            let target = match target {
                CallVia::Function(id) => Callee::from(id),
                CallVia::Ref(id) => Callee::from(engine.declare_func_in_func(id, builder.func)),
                CallVia::Pointer | CallVia::OwnPointer => Callee::from(callee),
            };
            let mut stubs = Mutated { engine, mutation };
            let returned = if own {
                let callable = lower.callee(&mut stubs, builder, &plan, target)?;
                let values = lower.values_in(builder, &plan, &args, wanted)?;
                let call = callable.call(builder, &values)?;
                let results = Values::from_slice(builder.inst_results(call));
                lower.values_out(&mut stubs, builder, &plan, &results, wanted)?
            } else {
                lower.call_sig(&mut stubs, builder, target, sig, &args, wanted)?
            };
            keep(builder, returned, &parts, ret);
            if !sig.is_noreturn() {
                builder.ins().return_(&[]);
            }
            Ok(())
        },
    )
}

/// Stores a result that is not in memory yet.
fn keep(builder: &mut FunctionBuilder<'_>, returned: Returned, parts: &[Part], to: Value) {
    match returned {
        Returned::Value(value) => {
            builder.ins().store(MemFlagsData::new(), value, to, 0);
        }
        Returned::Parts(values) => {
            for (part, value) in parts.iter().zip(values) {
                store_part(builder, part, value, to);
            }
        }
        _ => {}
    }
}

/// Whether variant `variant` of a shim leaves the result where it was told to.
#[must_use]
pub fn keeps_result(variant: usize) -> bool {
    variant % VARIANTS != 3
}

/// A value in one of its forms: memory, one value, parts, one value of another type of the same width.
fn argument(
    builder: &mut FunctionBuilder<'_>,
    ty: &Type,
    parts: &[Part],
    at: Value,
    form: usize,
) -> Arg {
    let load =
        |builder: &mut FunctionBuilder<'_>, ty| builder.ins().load(ty, MemFlagsData::new(), at, 0);
    match (form, value_type(ty)) {
        (1, Some(ty)) => Arg::value(load(builder, ty)),
        (3, Some(ty)) => Arg::value(load(builder, other_type(ty))),
        (2, _) if !parts.is_empty() => Arg::Parts(load_parts(builder, parts, at)),
        _ => Arg::memory(at),
    }
}

fn other_type(ty: ir::Type) -> ir::Type {
    match ty {
        types::I16 => types::F16,
        types::F16 => types::I16,
        types::I32 => types::F32,
        types::F32 => types::I32,
        types::I64 => types::F64,
        types::F64 => types::I64,
        types::I128 | types::F128 => types::I8X16,
        ty if ty.bits() == 128 => types::I128,
        ty => ty,
    }
}

fn load_parts(builder: &mut FunctionBuilder<'_>, parts: &[Part], at: Value) -> Values {
    let load = |part| load_part(builder, part, at);
    parts.iter().map(load).collect()
}

/// One part of the object at `at`, with garbage where it holds nothing of the object.
fn load_part(builder: &mut FunctionBuilder<'_>, part: &Part, at: Value) -> Value {
    let offset = i32::try_from(part.offset).unwrap_or(0);
    if part.ty.bytes() == u32::from(part.size) {
        return builder.ins().load(part.ty, MemFlagsData::new(), at, offset);
    }
    let mut word = builder.ins().iconst(types::I64, 0);
    for byte in 0..8 {
        let part = if byte < i32::from(part.size) {
            let flags = MemFlagsData::new();
            builder.ins().uload8(types::I64, flags, at, offset + byte)
        } else {
            builder.ins().iconst(types::I64, 0x5a)
        };
        let part = builder.ins().ishl_imm_u(part, i64::from(8 * byte));
        word = builder.ins().bor(word, part);
    }
    let int = int_of(part.ty);
    if int != types::I64 {
        word = builder.ins().ireduce(int, word);
    }
    if part.ty == int {
        return word;
    }
    builder.ins().bitcast(part.ty, MemFlagsData::new(), word)
}

/// Writes the bytes of a part that hold something of the object at `to`.
fn store_part(builder: &mut FunctionBuilder<'_>, part: &Part, value: Value, to: Value) {
    let offset = i32::try_from(part.offset).unwrap_or(0);
    if part.ty.bytes() == u32::from(part.size) {
        builder.ins().store(MemFlagsData::new(), value, to, offset);
        return;
    }
    let int = int_of(part.ty);
    let mut word = if part.ty == int {
        value
    } else {
        builder.ins().bitcast(int, MemFlagsData::new(), value)
    };
    for byte in 0..i32::from(part.size) {
        let flags = MemFlagsData::new();
        if int == types::I8 {
            builder.ins().store(flags, word, to, offset + byte);
        } else {
            builder.ins().istore8(flags, word, to, offset + byte);
            word = builder.ins().ushr_imm_u(word, 8);
        }
    }
}

fn int_of(ty: ir::Type) -> ir::Type {
    ir::Type::int_with_byte_size(u16::try_from(ty.bytes()).unwrap_or(8)).unwrap_or(types::I64)
}

/// Where a function that C calls puts and finds things.
#[derive(Clone, Copy, Debug)]
pub struct BufferAddresses<'a> {
    /// Argument `i` goes `offsets[i]` bytes after it.
    pub seen: *mut u8,
    /// One per argument.
    pub offsets: &'a [usize],
    /// The object to return.
    pub given: *const u8,
    /// What a function calls that must not return.
    pub escape: *const u8,
}

/// A function of `sig` that writes down its arguments and returns what it finds; `variant` turns the forms.
///
/// # Errors
/// [`Fault`].
pub fn function(
    engine: &mut Engine,
    lower: &Lowering,
    sig: &FnSig,
    places: BufferAddresses<'_>,
    variant: usize,
    mutation: Mutation,
) -> Result<FuncId, Fault> {
    let plan = lower.entry_plan(sig)?;
    let config = engine.isa().frontend_config();
    let body = define(
        engine,
        plan.signature(),
        mutation,
        |engine, builder, block| {
            let entry = lower.enter(builder, block, sig)?;
            let seen = constant(builder, places.seen);
            let list = va_list(builder);
            if sig.is_variadic() {
                entry.va_start(builder, list)?;
            }
            for (i, (param, offset)) in sig.params().iter().zip(places.offsets).enumerate() {
                let to = builder
                    .ins()
                    .iadd_imm_s(seen, i64::try_from(*offset).unwrap_or(0));
                if i >= sig.n_named() {
                    // Promoted already, where C promotes it.
                    let from = lower.va_arg_unpromoted(builder, list, sig, &param.ty)?;
                    copy(builder, config, param.ty.size(), from, to);
                    continue;
                }
                let form = (i + variant) % VARIANTS;
                write_down(builder, config, &entry, i, &param.ty, to, form)?;
            }
            if sig.is_noreturn() {
                let escape = constant(builder, places.escape);
                let nothing = builder.import_signature(Signature::new(CallConv::SystemV));
                builder.ins().call_indirect(nothing, escape, &[]);
                builder.ins().trap(ir::TrapCode::unwrap_user(1));
                return Ok(());
            }
            let given = constant(builder, places.given);
            let ty = sig.result();
            let parts = plan.result_parts();
            let sret = entry.sret();
            let value = match (variant % VARIANTS, value_type(ty), sret) {
                _ if ty.size() == 0 => Arg::memory(given),
                (1, Some(ty), _) => {
                    Arg::value(builder.ins().load(ty, MemFlagsData::new(), given, 0))
                }
                (2, ..) if !parts.is_empty() => Arg::Parts(load_parts(builder, parts, given)),
                // Built where it goes.
                (3, _, Some(sret)) => {
                    copy(builder, config, ty.size(), given, sret);
                    Arg::memory(sret)
                }
                _ => Arg::memory(given),
            };
            let mut stubs = Mutated { engine, mutation };
            entry.ret(&mut stubs, builder, Some(&value))
        },
    )?;
    // What C calls.
    let Some(stub) = plan.entry_stub(body) else {
        return Ok(body);
    };
    Ok(stub_id(engine, mutated(mutation, stub))?)
}

/// Room for a `va_list`; its address.
fn va_list(builder: &mut FunctionBuilder<'_>) -> Value {
    let slot = ir::StackSlotData::new(ir::StackSlotKind::ExplicitSlot, 24, 3);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(types::I64, slot, 0)
}

fn constant(builder: &mut FunctionBuilder<'_>, address: *const u8) -> Value {
    // An address has 64 bits here.
    builder.ins().iconst(
        types::I64,
        i64::from_ne_bytes((address as u64).to_ne_bytes()),
    )
}

/// Writes argument `i` to `to`, asked for in one of its forms.
fn write_down(
    builder: &mut FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    entry: &Entry,
    i: usize,
    ty: &Type,
    to: Value,
    form: usize,
) -> Result<(), LowerError> {
    let plan = entry.plan();
    let lanes = matches!(plan.abi().args[i].place, Place::PerElement { .. });
    let parts = plan.parts(i).to_vec();
    match (form, value_type(ty)) {
        (0, _) if ty.align() <= 4096 => {
            let from = entry.address(builder, i)?;
            copy(builder, config, ty.size(), from, to);
        }
        (1, Some(_)) if !lanes => {
            let value = entry.value(builder, i)?;
            builder.ins().store(MemFlagsData::new(), value, to, 0);
        }
        (2, _) if !parts.is_empty() => {
            let values = entry.parts(builder, i)?;
            for (part, value) in parts.iter().zip(values) {
                store_part(builder, part, value, to);
            }
        }
        _ => entry.store(builder, i, to)?,
    }
    Ok(())
}

/// Copies an object: byte by byte, a large one by `memcpy`.
fn copy(
    builder: &mut FunctionBuilder<'_>,
    config: TargetFrontendConfig,
    size: u64,
    from: Value,
    to: Value,
) {
    if size > 64 {
        let size = builder
            .ins()
            .iconst(types::I64, i64::try_from(size).unwrap_or(0));
        builder.call_memcpy(config, to, from, size);
        return;
    }
    for at in 0..i32::try_from(size).unwrap_or(0) {
        let flags = MemFlagsData::new();
        let byte = builder.ins().load(types::I8, flags, from, at);
        builder.ins().store(flags, byte, to, at);
    }
}
