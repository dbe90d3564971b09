//! A register that holds a context of the language. The context is there in each function of a
//! chain of calls, also after a function of C in the chain. C finds its own value in the register
//! again.
#![cfg(any(
    all(target_arch = "x86_64", unix),
    all(target_arch = "aarch64", target_os = "linux")
))]
#![allow(clippy::unwrap_used, reason = "a test stops at an unexpected error")]

use cabi::aarch64::AARCH64_LANG_CONTEXT;
use cabi::{Convention, FnSig, Type, X86_64_LANG_CONTEXT};
use clif_cabi::{Arg, Entry, Function, Lowering, Ret};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, types::I64};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Module, default_libcall_names};

const CONVENTION: &Convention = match cfg!(target_arch = "aarch64") {
    true => &AARCH64_LANG_CONTEXT,
    false => &X86_64_LANG_CONTEXT,
};

/// `struct { long result, context; } check(long (*code)(void *, long), void *words, long n)`. It
/// calls `code` with a value in the register of the context, and returns what the register holds
/// afterwards.
const CHECK: &str = "function %check(i64, i64, i64) -> i64, i64 system_v {
    sig0 = (i64, i64) -> i64 system_v
block0(v0: i64, v1: i64, v2: i64):
    v3 = get_pinned_reg.i64
    v4 = iconst.i64 0x1234_5678
    set_pinned_reg v4
    v5 = call_indirect sig0, v0(v1, v2)
    v6 = get_pinned_reg.i64
    set_pinned_reg v3
    return v5, v6
}";

#[repr(C)]
struct CheckResult(i64, i64);

type Check = extern "C" fn(*const u8, &mut [i64; 4], i64) -> CheckResult;

/// Defines a function of `sig`; `emit` begins it.
fn define(
    module: &mut JITModule,
    sig: &FnSig,
    emit: impl FnOnce(&Lowering, &mut JITModule, &mut FunctionBuilder<'_>),
) -> Function {
    let lower = Lowering::new(module.isa()).unwrap();
    let name = format!("f{}", module.declarations().get_functions().count());
    let function = lower.declare_export(module, &name, sig).unwrap();
    let (mut ctx, mut context) = (module.make_context(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut context);
    emit(&lower, module, &mut builder);
    builder.finalize(module.isa().frontend_config());
    module.define_function(function.body, &mut ctx).unwrap();
    function
}

/// Adds its argument to what the context points to, and moves the context 8 bytes on.
fn add_to_context(lower: &Lowering, builder: &mut FunctionBuilder<'_>, entry: &Entry) -> Arg {
    let n = entry.value(builder, 0).unwrap();
    let context = lower.context(builder).unwrap();
    let word = (builder.ins()).load(I64, MemFlagsData::new(), context, 0);
    let sum = builder.ins().iadd(word, n);
    (builder.ins()).store(MemFlagsData::new(), sum, context, 0);
    let next = builder.ins().iadd_imm_s(context, 8);
    lower.set_context(builder, next).unwrap();
    Arg::value(sum)
}

#[test]
fn a_context_lives_across_calls() {
    for opt_level in ["none", "speed"] {
        let off = ["is_pic", "use_colocated_libcalls"].map(|flag| (flag, "false"));
        let on = ["preserve_frame_pointers", "enable_pinned_reg"].map(|flag| (flag, "true"));
        let flags = [&off[..], &on, &[("opt_level", opt_level)]].concat();
        let builder = JITBuilder::with_flags(&flags, default_libcall_names());
        let module = &mut JITModule::new(builder.unwrap());
        let sig = FnSig::new([Type::I64], Type::I64);
        let lang = sig.clone().convention(CONVENTION);
        let inner = define(module, &lang, |lower, module, builder| {
            let (_, entry) = lower.begin(builder, &lang).unwrap();
            let sum = add_to_context(lower, builder, &entry);
            entry.ret(module, builder, Some(&sum)).unwrap();
        });
        let in_c = define(module, &sig, |lower, module, builder| {
            let (_, entry) = lower.begin(builder, &sig).unwrap();
            let n = entry.value(builder, 0).unwrap();
            entry.ret(module, builder, Some(&Arg::value(n))).unwrap();
        });
        let outer = define(module, &lang, |lower, module, builder| {
            let (_, entry) = lower.begin(builder, &lang).unwrap();
            let args = [Arg::value(entry.value(builder, 0).unwrap())];
            for function in [&inner, &in_c, &inner] {
                let call = lower.call(module, builder, function, &args, Ret::Value);
                call.unwrap();
            }
            let jump = lower.tail_call(module, builder, &entry, inner.id, &lang, &args);
            jump.unwrap();
        });
        let sig = FnSig::new([Type::PTR, Type::I64], Type::I64);
        let for_c = define(module, &sig, |lower, module, builder| {
            lower.forward(module, builder, &sig, &outer).unwrap();
        });
        let mut ctx = module.make_context();
        ctx.func = cranelift_reader::parse_functions(CHECK).unwrap().remove(0);
        let check = module.declare_anonymous_function(&ctx.func.signature);
        let check = check.unwrap();
        module.define_function(check, &mut ctx).unwrap();
        module.finalize_definitions().unwrap();
        let [for_c, check] = [for_c.id, check].map(|id| module.get_finalized_function(id));
        let mut words = [100_i64, 200, 300, 400];
        // SAFETY: compiled so, and `for_c` takes the address of three words and an integer.
        let check = unsafe { std::mem::transmute::<*const u8, Check>(check) };
        let found = check(for_c, &mut words, 5);
        assert_eq!((found.0, found.1), (305, 0x1234_5678));
        assert_eq!(words, [105, 205, 305, 400]);
    }
}
