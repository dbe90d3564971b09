//! Lowered functions that are measured: shims, and functions that C calls. The shims are of the
//! kind that replaces `ffi_call`: `void shim(const void *args, void *ret, void *callee)`, with the
//! arguments one after the other in memory.

use std::sync::Arc;

use cabi::{FnSig, Scalar, Type};
use clif_cabi::cranelift_codegen::ir::{self, Function, InstBuilder, MemFlagsData, Value, types};
use clif_cabi::cranelift_codegen::isa::TargetFrontendConfig;
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::{Arg, CallPlan, LowerError, Lowering, Ret, Stubs, clif_signature, value_type};

use crate::hand::{begin, build};
use crate::measured_signatures::offsets;

/// Returns the shim of `sig`.
pub fn shim(
    stubs: &mut dyn Stubs,
    lower: &Lowering,
    config: TargetFrontendConfig,
    sig: &FnSig,
) -> Result<Function, LowerError> {
    let mut site = Site::new(lower, sig)?;
    build(config, |builder| {
        let at = begin(builder);
        site.emit(stubs, lower, builder, at)?;
        builder.ins().return_(&[]);
        Ok(())
    })
}

/// A call with arguments one after the other in memory, and the result to memory: what a front end
/// knows before it emits one.
#[derive(Debug)]
pub struct Site {
    plan: Arc<CallPlan>,
    /// Offset of each argument.
    args: Vec<i32>,
    given: Vec<Arg>,
}

impl Site {
    /// Plans a call of a function of `sig`.
    pub fn new(lower: &Lowering, sig: &FnSig) -> Result<Self, LowerError> {
        let offsets = offsets(sig).into_iter();
        Ok(Self {
            plan: lower.call_plan(sig)?,
            args: offsets.map(|at| i32::try_from(at).unwrap_or(0)).collect(),
            given: Vec::new(),
        })
    }

    /// Emits one call of `callee` with the arguments at `from`, and stores the result to `to`.
    pub fn emit(
        &mut self,
        stubs: &mut dyn Stubs,
        lower: &Lowering,
        builder: &mut FunctionBuilder<'_>,
        [from, to, callee]: [Value; 3],
    ) -> Result<(), LowerError> {
        let args = self.args.iter().map(|at| Arg::memory_at(from, *at));
        self.given.clear();
        self.given.extend(args);
        let ret = Ret::memory(to);
        lower.call_planned(stubs, builder, callee, &self.plan, &self.given, ret)?;
        Ok(())
    }
}

/// Returns a function of `sig` that returns its first argument of the result's type; if there is
/// none, the bytes at `address`.
pub fn entry(
    stubs: &mut dyn Stubs,
    lower: &Lowering,
    config: TargetFrontendConfig,
    sig: &FnSig,
    address: *const u8,
) -> Result<Function, LowerError> {
    let result = sig.result();
    build(config, |builder| {
        builder.func.signature = clif_signature(&lower.entry_plan(sig)?.signature);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        let entry = lower.enter(builder, block, sig)?;
        let value = match (first_like_result(sig), scalar(result)) {
            _ if result.size() == 0 => None,
            (Some(i), Some(_)) => Some(Arg::value(entry.value(builder, i)?)),
            (Some(i), None) => Some(Arg::memory(entry.address(builder, i)?)),
            (None, ty) => {
                let address = i64::try_from(address.addr()).unwrap_or(0);
                let at = builder.ins().iconst(types::I64, address);
                let mut load = |ty| builder.ins().load(ty, MemFlagsData::new(), at, 0);
                Some(ty.map_or(Arg::memory(at), |ty| Arg::value(load(ty))))
            }
        };
        entry.ret(stubs, builder, value.as_ref())
    })
}

/// Returns the number of the first argument of the result's type.
pub fn first_like_result(sig: &FnSig) -> Option<usize> {
    let mut params = sig.params().iter();
    params.position(|param| param.ty == *sig.result())
}

/// Returns the CLIF type of a value that a front end holds as one. `__int128` is in memory too.
fn scalar(ty: &Type) -> Option<ir::Type> {
    match ty.as_scalar() {
        Some(Scalar::F80) | None => None,
        Some(_) => value_type(ty).filter(|ty| *ty != types::I128),
    }
}
