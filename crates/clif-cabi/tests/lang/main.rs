//! A language's own convention, run: tail calls, results in many registers, a context register, and C on either side of it. Where each value is, is
//! looked at in `permuted`, with images of registers and stack.
#![cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), unix))]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error"
)]

#[path = "../common/mod.rs"]
mod common;
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod machine;
mod tail_calls;

use clif_cabi::cabi::{Convention, FnSig, Type};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::{Arg, Entry, Function, Lowering, Ret};
use common::Jit;
use cranelift_jit::JITModule;

static LANG: Convention = machine::LANG;
static CONTEXT: Convention = machine::CONTEXT;

const FLAGS: MemFlagsData = MemFlagsData::new();

/// Defines `function`, which is entered.
fn define(
    jit: &mut Jit,
    function: &Function,
    build: impl FnOnce(&Lowering, &mut JITModule, &mut FunctionBuilder<'_>, &Entry),
) {
    jit.body(Some(function.body), |lower, module, builder| {
        let (_, entry) = lower.begin(builder, &function.sig).unwrap();
        build(lower, module, builder, &entry);
    });
}

/// The code of a C function that does what `function` does.
fn for_c(jit: &mut Jit, sig: &FnSig, function: &Function) -> *const u8 {
    let own = jit.declare("for_c", sig);
    jit.body(Some(own.body), |lower, module, builder| {
        lower.forward(module, builder, sig, function).unwrap();
    });
    jit.code(own.id)
}

/// Returns the object at `from`.
fn back(entry: &Entry, module: &mut JITModule, builder: &mut FunctionBuilder<'_>, from: Value) {
    let object = Arg::memory(from);
    entry.ret(module, builder, Some(&object)).unwrap();
}

/// The context is there in each function of a chain of calls, through one of C's too, and C finds its own value in the register again.
#[test]
fn a_context_lives_across_calls() {
    for opt_level in ["none", "speed"] {
        let settings = ["preserve_frame_pointers", "enable_pinned_reg"];
        let mut jit = Jit::new(opt_level, &settings);
        let sig = FnSig::new([Type::I64], Type::I64);
        let lang = sig.clone().convention(&CONTEXT);
        let inner = jit.declare("inner", &lang);
        let in_c = jit.declare("in_c", &sig);
        let outer = jit.declare("outer", &lang);
        // Adds its argument to what the context points to, and moves the context 8 bytes on.
        define(&mut jit, &inner, |lower, module, builder, entry| {
            let n = entry.value(builder, 0).unwrap();
            let context = lower.context(builder).unwrap();
            let word = builder.ins().load(types::I64, FLAGS, context, 0);
            let sum = builder.ins().iadd(word, n);
            builder.ins().store(FLAGS, sum, context, 0);
            let next = builder.ins().iadd_imm_s(context, 8);
            lower.set_context(builder, next).unwrap();
            entry.ret(module, builder, Some(&Arg::value(sum))).unwrap();
        });
        define(&mut jit, &in_c, |_, module, builder, entry| {
            let n = entry.value(builder, 0).unwrap();
            let n = builder.ins().imul_imm_s(n, 10);
            entry.ret(module, builder, Some(&Arg::value(n))).unwrap();
        });
        define(&mut jit, &outer, |lower, module, builder, entry| {
            let n = entry.value(builder, 0).unwrap();
            let args = [Arg::value(n)];
            for function in [&inner, &in_c, &inner] {
                let call = lower.call(module, builder, function, &args, Ret::Value);
                call.unwrap();
            }
            let jump = lower.tail_call(module, builder, entry, inner.id, &lang, &args);
            jump.unwrap();
        });
        let c_sig = FnSig::new([Type::PTR, Type::I64], Type::I64);
        let code = for_c(&mut jit, &c_sig, &outer);
        let mut words = [100_u64, 200, 300, 400];
        // SAFETY: the function is of C's `long (void *, long)`.
        let (found, own) = unsafe { machine::call(code, words.as_mut_ptr(), 5, 0x1234_5678) };
        assert_eq!((found, own), (305, 0x1234_5678));
        assert_eq!(words, [105, 205, 305, 400]);
    }
}

/// A function with a context is refused without the setting that keeps a register for it.
#[test]
fn a_context_needs_a_setting() {
    let jit = Jit::new("none", &[]);
    let sig = FnSig::new([], Type::VOID).convention(&CONTEXT);
    let [call, entry] = [
        jit.lower.call_plan(&sig).map(drop),
        jit.lower.entry_plan(&sig).map(drop),
    ];
    let needs = "a context register needs the setting enable_pinned_reg";
    let needs = format!("{}: {needs}", machine::NAMES[0]);
    assert_eq!(call.unwrap_err().to_string(), needs);
    assert_eq!(entry.unwrap_err().to_string(), needs);
}
