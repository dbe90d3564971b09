//! Functions that are measured, lowered: shims of the kind that replaces `ffi_call`, `void shim(const void *args, void *ret, void *callee)` with the
//! arguments one after the other in memory, and functions that C calls.

use cabi::{FnSig, Scalar, Type};
use cabi_verify::emit::cranelift::shim_signature;
use clif_cabi::cranelift_codegen::ir::{self, Function, InstBuilder, MemFlagsData, Value, types};
use clif_cabi::cranelift_codegen::isa::TargetFrontendConfig;
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::{Arg, LowerError, Lowering, Ret, Stubs, value_type};

use crate::hand::begin;
use crate::measured::offsets;

/// The shim of `sig`.
///
/// # Errors
/// [`LowerError`].
pub fn shim(
    stubs: &mut dyn Stubs,
    lower: &Lowering,
    config: TargetFrontendConfig,
    sig: &FnSig,
) -> Result<Function, LowerError> {
    let offsets = offsets(sig);
    build(config, shim_signature(), |builder| {
        let at = begin(builder);
        call(stubs, lower, builder, sig, &offsets, at)?;
        builder.ins().return_(&[]);
        Ok(())
    })
}

/// Emits one call of `callee` with the arguments at these `offsets` from `args`, and stores the result to `ret`.
///
/// # Errors
/// [`LowerError`].
pub fn call(
    stubs: &mut dyn Stubs,
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    sig: &FnSig,
    offsets: &[usize],
    [from, to, callee]: [Value; 3],
) -> Result<(), LowerError> {
    let mut args = Vec::with_capacity(offsets.len());
    for (param, offset) in sig.params().iter().zip(offsets) {
        let offset = i32::try_from(*offset).unwrap_or(0);
        args.push(match scalar(&param.ty) {
            Some(ty) => Arg::value(builder.ins().load(ty, MemFlagsData::new(), from, offset)),
            None => Arg::memory_at(from, offset),
        });
    }
    let ret = match scalar(sig.result()) {
        _ if sig.result().size() == 0 => Ret::Ignore,
        Some(_) => Ret::Value,
        None => Ret::memory(to),
    };
    let returned = lower.call_sig(stubs, builder, callee, sig, &args, ret)?;
    if let Some(value) = returned.value() {
        builder.ins().store(MemFlagsData::new(), value, to, 0);
    }
    Ok(())
}

/// A function of `sig` that returns its first argument of the result's type; if there is none, the bytes at `given`.
///
/// # Errors
/// [`LowerError`].
pub fn entry(
    stubs: &mut dyn Stubs,
    lower: &Lowering,
    config: TargetFrontendConfig,
    sig: &FnSig,
    given: *const u8,
) -> Result<Function, LowerError> {
    let result = sig.result();
    let signature = lower.entry_plan(sig)?.signature().clone();
    build(config, signature, |builder| {
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        let entry = lower.enter(builder, block, sig)?;
        let value = match (first_like_result(sig), scalar(result)) {
            _ if result.size() == 0 => None,
            (Some(i), Some(_)) => Some(Arg::value(entry.value(builder, i)?)),
            (Some(i), None) => Some(Arg::memory(entry.address(builder, i)?)),
            (None, ty) => {
                let given = i64::try_from(given.addr()).unwrap_or(0);
                let at = builder.ins().iconst(types::I64, given);
                let mut load = |ty| builder.ins().load(ty, MemFlagsData::new(), at, 0);
                Some(ty.map_or(Arg::memory(at), |ty| Arg::value(load(ty))))
            }
        };
        entry.ret(stubs, builder, value.as_ref())
    })
}

/// The first argument of the result's type.
#[must_use]
pub fn first_like_result(sig: &FnSig) -> Option<usize> {
    let mut params = sig.params().iter();
    params.position(|param| param.ty == *sig.result())
}

fn build(
    config: TargetFrontendConfig,
    signature: ir::Signature,
    body: impl FnOnce(&mut FunctionBuilder<'_>) -> Result<(), LowerError>,
) -> Result<Function, LowerError> {
    let mut func = Function::new();
    func.signature = signature;
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut fn_ctx);
    body(&mut builder)?;
    builder.seal_all_blocks();
    builder.finalize(config);
    Ok(func)
}

/// The CLIF type of what a front end holds as one value. `__int128` is as well in memory.
fn scalar(ty: &Type) -> Option<ir::Type> {
    match ty.as_scalar() {
        Some(Scalar::F80) | None => None,
        Some(_) => value_type(ty).filter(|ty| *ty != types::I128),
    }
}
