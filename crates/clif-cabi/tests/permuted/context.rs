//! A register that holds a context of the language's.

use clif_cabi::{Arg, Ret};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData};

use super::conventions::{CONTEXT, TARGET};
use super::jit::Jit;
use super::*;

/// `struct { long result, context; } check(long (*code)(void *, long), void *words, long n)`: calls
/// `code` with a value in the register of the context, and says what is there afterwards.
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
struct Checked(i64, i64);

/// The context is there in each function of a chain of calls, through one of C's too, and C finds
/// its own value in the register again.
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
        jit.define(&inner, |lower, module, builder, entry| {
            let n = entry.value(builder, 0).unwrap();
            let context = lower.context(builder).unwrap();
            let word = (builder.ins()).load(types::I64, MemFlagsData::new(), context, 0);
            let sum = builder.ins().iadd(word, n);
            (builder.ins()).store(MemFlagsData::new(), sum, context, 0);
            let next = builder.ins().iadd_imm_s(context, 8);
            lower.set_context(builder, next).unwrap();
            entry.ret(module, builder, Some(&Arg::value(sum))).unwrap();
        });
        jit.define(&in_c, |_, module, builder, entry| {
            let n = entry.value(builder, 0).unwrap();
            let n = builder.ins().imul_imm_s(n, 10);
            entry.ret(module, builder, Some(&Arg::value(n))).unwrap();
        });
        jit.define(&outer, |lower, module, builder, entry| {
            let n = entry.value(builder, 0).unwrap();
            let args = [Arg::value(n)];
            for function in [&inner, &in_c, &inner] {
                let call = lower.call(module, builder, function, &args, Ret::Value);
                call.unwrap();
            }
            let jump = lower.tail_call(module, builder, entry, inner.id, &lang, &args);
            jump.unwrap();
        });
        let for_c = jit.for_c(&FnSig::new([Type::PTR, Type::I64], Type::I64), &outer);
        let check = jit.clif(CHECK);
        let [for_c, check] = [for_c, check].map(|id| jit.code(id));
        let mut words = [100_i64, 200, 300, 400];
        // SAFETY: compiled so, and `for_c` takes the address of three words and an integer.
        let found = unsafe {
            let check: extern "C" fn(*const u8, &mut [i64; 4], i64) -> Checked =
                std::mem::transmute(check);
            check(for_c, &mut words, 5)
        };
        assert_eq!((found.0, found.1), (305, 0x1234_5678));
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
    let needs = format!("{TARGET}: a context register needs the setting enable_pinned_reg");
    assert_eq!(call.unwrap_err().to_string(), needs);
    assert_eq!(entry.unwrap_err().to_string(), needs);
}
