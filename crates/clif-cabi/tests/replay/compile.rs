//! Compiles, for a signature, a CLIF caller of the dump and a CLIF callee.
//!
//! The CLIF code moves whole values between their CLIF names and fixed memory, so all that happens
//! in between is Cranelift's argument passing.

use std::mem::offset_of;

use clif_cabi::clif_cabi_plan::Places;
#[cfg(feature = "cranelift-0.132")]
use cranelift_codegen::ir::MemFlags as MemFlagsData;
#[cfg(not(feature = "cranelift-0.132"))]
use cranelift_codegen::ir::MemFlagsData;
use cranelift_codegen::ir::{
    AbiParam, ArgumentPurpose, InstBuilder, Signature, StackSlotData, StackSlotKind, UserFuncName,
    Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_codegen::{Context, settings as flags, settings::Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleError, default_libcall_names};

use super::generate::{MAX_AREA, MAX_PARAMS, MAX_RESULTS, Rng};
use super::machine;

/// The memory that CLIF code reads its values from and writes them to. A value is in the low bytes
/// of its 16.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Exchange {
    pub(crate) params: [[u8; 16]; MAX_PARAMS],
    pub(crate) results: [[u8; 16]; MAX_RESULTS],
    /// Memory that a caller's `sarg` of the same index points to.
    pub(crate) areas: [[u8; MAX_AREA as usize]; MAX_PARAMS],
}

impl Exchange {
    pub(crate) const ZERO: Self = Self {
        params: [[0; 16]; MAX_PARAMS],
        results: [[0; 16]; MAX_RESULTS],
        areas: [[0; MAX_AREA as usize]; MAX_PARAMS],
    };

    pub(crate) fn random(rng: &mut Rng) -> Self {
        let mut exchange = Self::ZERO;
        rng.fill(exchange.params.as_flattened_mut());
        rng.fill(exchange.results.as_flattened_mut());
        rng.fill(exchange.areas.as_flattened_mut());
        exchange
    }
}

/// Settings that can change code around a call: `opt_level`, `regalloc_algorithm`, and `true` to
/// use all instructions of the host.
pub(crate) type Settings = (&'static str, &'static str, bool);

pub(crate) const SETTINGS: [Settings; 4] = [
    ("none", "backtracking", true),
    ("speed", "backtracking", false),
    ("none", "single_pass", false),
    ("speed", "single_pass", true),
];

/// Returns the bytes that a callee of `sig` pops. A wrong number would move the caller's frame
/// after the call, and so its result.
pub(crate) fn popped(sig: &Signature, places: &Places) -> u64 {
    match sig.call_conv {
        CallConv::Tail => places.stack_bytes.into(),
        _ => 0,
    }
}

/// Checks whether Cranelift compiles a function of this signature, and a call of one. Its panics
/// are its refusals.
pub(crate) fn cranelift_accepts(sig: &Signature) -> bool {
    let compiled = std::panic::catch_unwind(|| {
        let mut module = module(SETTINGS[0]);
        let compiled = caller(&mut module, sig, 0).and_then(|_| callee(&mut module, sig, 0));
        // SAFETY: nothing was finalized, so nothing runs.
        unsafe { module.free_memory() };
        compiled.is_ok()
    });
    compiled.unwrap_or(false)
}

pub(crate) fn module((opt_level, regalloc_algorithm, as_host): Settings) -> JITModule {
    let mut flags = flags::builder();
    // The memcpy of a `sarg` is the host's, whatever the convention of the call it belongs to.
    let libcalls = if cfg!(windows) {
        "windows_fastcall"
    } else {
        "system_v"
    };
    for (flag, value) in [
        ("is_pic", "false"),
        ("opt_level", opt_level),
        ("regalloc_algorithm", regalloc_algorithm),
        ("use_colocated_libcalls", "false"),
        ("libcall_call_conv", libcalls),
    ] {
        flags.set(flag, value).unwrap();
    }
    let isa = cranelift_native::builder_with_options(as_host)
        .unwrap()
        .finish(flags::Flags::new(flags))
        .unwrap();
    let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
    builder.memory_provider(Box::new(
        ArenaMemoryProvider::new_with_size(16 << 20).unwrap(),
    ));
    JITModule::new(builder)
}

pub(crate) type Side = fn(&mut JITModule, &Signature, u64) -> Result<FuncId, Box<ModuleError>>;

/// Defines a function that calls the dump with the parameters and areas in the exchange. The
/// function stores the results there, and returns the end of its outgoing argument area.
pub(crate) fn caller(
    module: &mut JITModule,
    sig: &Signature,
    memory: u64,
) -> Result<FuncId, Box<ModuleError>> {
    let mut caller_sig = Signature::new(CallConv::SystemV);
    caller_sig.returns.push(AbiParam::new(types::I64));
    let dump = machine::dump_of(sig.call_conv);
    define(module, caller_sig, |builder| {
        let base = address(builder, memory);
        let params: Vec<Value> = (sig.params.iter().enumerate())
            .map(|(index, param)| match param.purpose {
                ArgumentPurpose::StructArgument(_) => {
                    let area = offset_of!(Exchange, areas) + index * MAX_AREA as usize;
                    address(builder, memory + area as u64)
                }
                _ => builder.ins().load(
                    param.value_type,
                    MemFlagsData::new(),
                    base,
                    params_at(index),
                ),
            })
            .collect();
        let callee = address(builder, dump as *const () as u64);
        let sig_ref = builder.import_signature(sig.clone());
        let call = builder.ins().call_indirect(sig_ref, callee, &params);
        for (index, result) in builder.inst_results(call).to_vec().into_iter().enumerate() {
            builder
                .ins()
                .store(MemFlagsData::new(), result, base, results_at(index));
        }
        // The first stack slot is just above the outgoing area, the largest of which is that of the
        // only call.
        let slot =
            builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 4));
        let end = builder.ins().stack_addr(types::I64, slot, 0);
        builder.ins().return_(&[end]);
    })
}

/// Defines a function of the signature. It stores its parameters in the exchange and returns the
/// results there.
pub(crate) fn callee(
    module: &mut JITModule,
    sig: &Signature,
    memory: u64,
) -> Result<FuncId, Box<ModuleError>> {
    define(module, sig.clone(), |builder| {
        let base = address(builder, memory);
        let block = builder.current_block().unwrap();
        for (index, param) in builder.block_params(block).to_vec().into_iter().enumerate() {
            builder
                .ins()
                .store(MemFlagsData::new(), param, base, params_at(index));
        }
        let results: Vec<Value> = (sig.returns.iter().enumerate())
            .map(|(index, result)| {
                builder.ins().load(
                    result.value_type,
                    MemFlagsData::new(),
                    base,
                    results_at(index),
                )
            })
            .collect();
        builder.ins().return_(&results);
    })
}

fn define(
    module: &mut JITModule,
    sig: Signature,
    body: impl FnOnce(&mut FunctionBuilder<'_>),
) -> Result<FuncId, Box<ModuleError>> {
    let id = module.declare_anonymous_function(&sig).map_err(Box::new)?;
    let mut context = Context::new();
    context.func.signature = sig;
    context.func.name = UserFuncName::user(0, id.as_u32());
    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    body(&mut builder);
    #[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
    builder.finalize();
    #[cfg(not(any(feature = "cranelift-0.132", feature = "cranelift-0.133")))]
    builder.finalize(module.isa().frontend_config());
    let defined = module.define_function(id, &mut context);
    defined.map(|()| id).map_err(Box::new)
}

fn address(builder: &mut FunctionBuilder<'_>, address: u64) -> Value {
    builder.ins().iconst(types::I64, address.cast_signed())
}

fn params_at(index: usize) -> i32 {
    i32::try_from(offset_of!(Exchange, params) + 16 * index).unwrap()
}

fn results_at(index: usize) -> i32 {
    i32::try_from(offset_of!(Exchange, results) + 16 * index).unwrap()
}
