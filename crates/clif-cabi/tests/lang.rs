//! A language's own convention, run: tail calls, results in many registers, a context register, and C on either side of it. Where each value is, is
//! looked at in `permuted`, with images of registers and stack.
#![cfg(all(target_arch = "x86_64", unix))]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error"
)]

mod common;

use std::arch::asm;

use clif_cabi::cabi::{
    FnSig, Type, VectorLevel, X86_64_LANG, X86_64_LANG_CONTEXT, X86_64_PRESERVE_ALL,
};
use clif_cabi::cranelift_codegen::ir::condcodes::IntCC;
use clif_cabi::cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, TrapCode, Value, types,
};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::cranelift_module::Module;
use clif_cabi::{Arg, Callee, Entry, Function, LowerError, Lowering, Ret};
use common::{Jit, record};
use cranelift_jit::JITModule;

static LANG: clif_cabi::cabi::Convention = X86_64_LANG;
static CONTEXT: clif_cabi::cabi::Convention = X86_64_LANG_CONTEXT;
static PRESERVE_ALL: clif_cabi::cabi::Convention = X86_64_PRESERVE_ALL;

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

/// `struct { double sum; long n; int step, sign; }`: four parts.
fn state() -> Type {
    record("state", &[Type::F64, Type::I64, Type::I32, Type::I32])
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    sum: f64,
    n: i64,
    step: i32,
    sign: i32,
}

/// `struct state even(struct state s, long words[n_words] as values)`, which calls `other` at its end.
fn step(jit: &mut Jit, own: &Function, other: &Function, indirect: bool) {
    define(jit, own, |lower, module, builder, entry| {
        let parts = entry.parts(builder, 0).unwrap();
        let &[sum, n, step, sign] = parts.as_slice() else {
            panic!("{parts:?}");
        };
        let (done, next) = (builder.create_block(), builder.create_block());
        let is_zero = builder.ins().icmp_imm_s(IntCC::Equal, n, 0);
        builder.ins().brif(is_zero, done, &[], next, &[]);
        builder.switch_to_block(done);
        let all = Arg::parts(&parts);
        entry.ret(module, builder, Some(&all)).unwrap();
        builder.switch_to_block(next);
        let add = builder.ins().fcvt_from_sint(types::F64, step);
        let sum = builder.ins().fadd(sum, add);
        let n = builder.ins().iadd_imm_s(n, -1);
        let sign = builder.ins().ineg(sign);
        let mut args = vec![Arg::parts(&[sum, n, step, sign])];
        // What the other one takes beside: each word is its index.
        for i in 1..other.sig.params().len() {
            let i = i64::try_from(i).unwrap();
            args.push(Arg::value(builder.ins().iconst(types::I64, i)));
        }
        for i in 1..own.sig.params().len() {
            let word = entry.value(builder, i).unwrap();
            let i = i64::try_from(i).unwrap();
            let right = builder.ins().icmp_imm_s(IntCC::Equal, word, i);
            let trap = TrapCode::unwrap_user(1);
            builder.ins().trapz(right, trap);
        }
        let mut to = Callee::from(other.id);
        if indirect {
            let plan = lower.call_plan(&other.sig).unwrap();
            assert!(plan.signature().call_conv.supports_tail_calls());
            let func = module.declare_func_in_func(other.id, builder.func);
            to = builder.ins().func_addr(types::I64, func).into();
        }
        let jump = lower.tail_call(module, builder, entry, to, &other.sig, &args);
        jump.unwrap();
    });
}

/// So deep that any frame that stays would not fit the thread's stack. One of the two functions has stack arguments, so the area grows and shrinks.
#[test]
fn tail_calls_take_no_stack() {
    for opt_level in ["none", "speed"] {
        for (indirect, n_words) in [(false, 0), (true, 0), (false, 9), (true, 9)] {
            let mut jit = Jit::new(opt_level, &["preserve_frame_pointers"]);
            let with_words = |n: usize| {
                let words = std::iter::repeat_n(Type::I64, n);
                FnSig::new([state()].into_iter().chain(words), state())
            };
            let even = jit.declare("even", &with_words(0).convention(&LANG));
            let odd = jit.declare("odd", &with_words(n_words).convention(&LANG));
            step(&mut jit, &even, &odd, indirect);
            step(&mut jit, &odd, &even, indirect);
            let code = for_c(&mut jit, &with_words(0), &even) as usize;
            let run = move || {
                // SAFETY: the function is of this C signature, and the module lives on.
                let even: extern "C" fn(State) -> State = unsafe { std::mem::transmute(code) };
                let start = State {
                    sum: 0.5,
                    n: 10_000_000,
                    step: 3,
                    sign: -1,
                };
                even(start)
            };
            let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(run);
            let found = thread.unwrap().join().unwrap();
            let expected = State {
                sum: 30_000_000.5,
                n: 0,
                step: 3,
                sign: -1,
            };
            assert_eq!(found, expected);
        }
    }
}

/// A result of eight integers and eight doubles, which is in registers, and one that is not, through the pointer that every function in the chain was given.
#[test]
fn results_of_tail_calls() {
    let sixteen = record(
        "sixteen",
        &[vec![Type::I64; 8], vec![Type::F64; 8]].concat(),
    );
    let large = record("large", &[Type::array(&Type::I64, 40).unwrap()]);
    for opt_level in ["none", "speed"] {
        for ty in [&sixteen, &large] {
            let n = ty.size() / 8;
            let mut jit = Jit::new(opt_level, &["preserve_frame_pointers"]);
            let sig = FnSig::new([Type::PTR], ty.clone());
            let lang = sig.clone().convention(&LANG);
            let inner = jit.declare("inner", &lang);
            let outer = jit.declare("outer", &lang);
            define(&mut jit, &inner, |_, module, builder, entry| {
                let from = entry.value(builder, 0).unwrap();
                back(entry, module, builder, from);
            });
            define(&mut jit, &outer, |lower, module, builder, entry| {
                let from = entry.value(builder, 0).unwrap();
                let args = [Arg::value(from)];
                let jump = lower.tail_call(module, builder, entry, inner.id, &lang, &args);
                jump.unwrap();
            });
            let plan = jit.lower.call_plan(&lang).unwrap();
            let is_sret = plan.abi().ret.to_string().starts_with("sret");
            assert_eq!(is_sret, n > 16);
            let words: Vec<u64> = (1..=n).map(|i| i * 0x0101_0101).collect();
            let mut found = vec![0u64; words.len()];
            let code = for_c(&mut jit, &sig, &outer);
            // SAFETY: both types are returned through a pointer in C: rdi, and the argument in rsi.
            let outer: extern "C" fn(*mut u64, *const u64) = unsafe { std::mem::transmute(code) };
            outer(found.as_mut_ptr(), words.as_ptr());
            assert_eq!(found, words);
        }
    }
}

/// An argument that is passed by the address of a copy is handed on as it is, and its callee may write to it.
#[test]
fn copies_are_handed_on() {
    let large = record("large", &[Type::array(&Type::I64, 20).unwrap()]);
    let mut jit = Jit::new("speed", &["preserve_frame_pointers"]);
    let sig = FnSig::new([large], Type::I64);
    let lang = sig.clone().convention(&LANG);
    let (last, first) = (jit.declare("last", &lang), jit.declare("first", &lang));
    define(&mut jit, &last, |_, module, builder, entry| {
        let at = entry.address(builder, 0).unwrap();
        let word = builder.ins().load(types::I64, FLAGS, at, 152);
        builder.ins().store(FLAGS, word, at, 0);
        entry.ret(module, builder, Some(&Arg::value(word))).unwrap();
    });
    define(&mut jit, &first, |lower, module, builder, entry| {
        let at = entry.address(builder, 0).unwrap();
        let args = [Arg::memory(at)];
        let jump = lower.tail_call(module, builder, entry, last.id, &lang, &args);
        jump.unwrap();
    });
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Large([i64; 20]);
    let mut object = Large([7; 20]);
    object.0[19] = 41;
    // SAFETY: the function is of this C signature.
    let code: extern "C" fn(Large) -> i64 =
        unsafe { std::mem::transmute(for_c(&mut jit, &sig, &first)) };
    assert_eq!(code(object), 41);
    assert_eq!(object.0[0], 7);
}

/// The context is there in each function of a chain of calls, through one of C's too, and C finds its own r15 again.
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
        let (found, r15): (u64, u64);
        // SAFETY: the function is of C's `long (void *, long)`; what else it changes is declared.
        unsafe {
            asm!(
                "call {code}",
                code = in(reg) code,
                in("rdi") words.as_mut_ptr(),
                in("rsi") 5,
                inout("r15") 0x1234_5678_u64 => r15,
                lateout("rax") found,
                clobber_abi("sysv64"),
            );
        }
        assert_eq!((found, r15), (305, 0x1234_5678));
        assert_eq!(words, [105, 205, 305, 400]);
    }
}

/// C's structures on one side, a field in each register on the other.
#[test]
fn c_calls_and_is_called() {
    #[repr(C)]
    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Small(i8, u8, i16, f32);
    extern "C" fn turn(s: Small, more: i64) -> Small {
        assert_eq!(more, 77);
        Small(s.0 + 1, s.1 + 1, s.2 + 1, -s.3)
    }
    let small = record("small", &[Type::I8, Type::U8, Type::I16, Type::F32]);
    for opt_level in ["none", "speed"] {
        let mut jit = Jit::new(opt_level, &[]);
        let sig = FnSig::new([small.clone(), Type::I64], small.clone());
        let lang = sig.clone().convention(&LANG);
        let function = jit.declare("f", &lang);
        define(&mut jit, &function, |lower, module, builder, entry| {
            let parts = entry.parts(builder, 0).unwrap();
            assert_eq!(parts.len(), 4);
            let more = entry.value(builder, 1).unwrap();
            let turn = turn as extern "C" fn(Small, i64) -> Small as usize as i64;
            let turn = builder.ins().iconst(types::I64, turn);
            let to = StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 4);
            let slot = builder.create_sized_stack_slot(to);
            let from = builder.ins().stack_addr(types::I64, slot, 0);
            entry.store(builder, 0, from).unwrap();
            let args = [Arg::memory(from), Arg::value(more)];
            let to = Ret::memory(from);
            let call = lower.call_sig(module, builder, turn, &sig, &args, to);
            call.unwrap();
            back(entry, module, builder, from);
        });
        let code = for_c(&mut jit, &sig, &function);
        // SAFETY: the function is of this C signature.
        let f: extern "C" fn(Small, i64) -> Small = unsafe { std::mem::transmute(code) };
        let found = f(Small(-3, 200, 1000, 1.5), 77);
        assert_eq!(found, Small(-2, 201, 1001, -1.5));
    }
}

/// Why a tail call is refused, word for word, and that nothing was emitted.
#[test]
fn refused_tail_calls() {
    let large = || record("large", &[Type::array(&Type::I64, 20).unwrap()]);
    let lang =
        |params: &[Type], result: Type| FnSig::new(params.to_vec(), result).convention(&LANG);
    let c = FnSig::new([], Type::I64);
    let own = lang(&[large(), large()], Type::I64);
    let refused = |settings: &[&str], caller: &FnSig, callee: &FnSig, n_copies: usize| {
        let mut jit = Jit::new("none", settings);
        let function = jit.declare("f", caller);
        let mut words = String::new();
        define(&mut jit, &function, |lower, module, builder, entry| {
            let to = builder.ins().iconst(types::I64, 0);
            let own = match caller.params().len() {
                0 => to,
                _ => entry.address(builder, 0).unwrap(),
            };
            let args: Vec<Arg> = (0..callee.params().len())
                .map(|i| Arg::memory(if i < n_copies { own } else { to }))
                .collect();
            let before = builder.func.to_string();
            let error = lower
                .tail_call(module, builder, entry, to, callee, &args)
                .unwrap_err();
            assert_eq!(builder.func.to_string(), before);
            words = match error.cause() {
                LowerError::TailCall { .. } | LowerError::Isa { .. } => error.cause().to_string(),
                other => panic!("{other}"),
            };
            entry.ret(module, builder, Some(&Arg::value(to))).unwrap();
        });
        words
    };
    let with = &["preserve_frame_pointers"][..];
    let (none, float) = (lang(&[], Type::I64), lang(&[], Type::F64));
    let found = [
        refused(&[], &none, &none, 0),
        refused(with, &c, &none, 0),
        refused(with, &none, &c, 0),
        refused(with, &none, &float, 0),
        refused(with, &own, &lang(&[large()], Type::I64), 0),
        refused(with, &own, &own, 2),
    ];
    let expected = "\
x86_64-unknown-linux-gnu: a tail call needs the setting preserve_frame_pointers
a tail call: the function being built is of the convention x86-64 System V, whose callers pop the arguments: its frame cannot become another function's
a tail call: what is called is of the convention x86-64 System V, which leaves its arguments to its caller, so that one has to stay
a tail call: the result of what is called, double, is not returned as that of the function being built is, long long
a tail call: argument 0, struct large: it is passed by the address of a copy, which would be in the frame that is given up
a tail call: argument 1, struct large: the copy it is passed by is another argument's as well";
    assert_eq!(found.join("\n"), expected);
}

#[test]
fn refused_functions() {
    let jit = Jit::new("none", &[]);
    let words = |sig: &FnSig| {
        let (call, entry) = (jit.lower.call_plan(sig), jit.lower.entry_plan(sig));
        [
            call.map_or_else(|error| error.to_string(), |_| "a call".into()),
            entry.map_or_else(|error| error.to_string(), |_| "an entry".into()),
        ]
    };
    let needs = "x86_64-unknown-linux-gnu: a context register needs the setting enable_pinned_reg";
    let sig = FnSig::new([], Type::VOID).convention(&CONTEXT);
    assert_eq!(words(&sig), [needs, needs]);
    // A callee pops at most what `ret imm16` says, in steps of 16 bytes.
    let words_of = |n| FnSig::new(vec![Type::I64; n], Type::VOID).convention(&LANG);
    let in_registers = 6;
    assert_eq!(
        words(&words_of(in_registers + 65520 / 8)),
        ["a call", "an entry"]
    );
    let most = "Cranelift cannot be told this signature: parameter 8196: the argument area exceeds 65520 bytes";
    // The area is one parameter of the function.
    let at_entry = most.replace("8196", "6");
    assert_eq!(
        words(&words_of(in_registers + 65520 / 8 + 1)),
        [most, &at_entry]
    );
    // A static chain needs a stub.
    let chain = FnSig::new([Type::I64], Type::VOID)
        .static_chain()
        .convention(&LANG);
    assert!(
        words(&chain)[0].contains("a static chain elsewhere than in its register is not lowered")
    );
    // A function of preserve_all returns nothing; a call of one is any C call.
    let sig = FnSig::new([Type::I64], Type::I64).convention(&PRESERVE_ALL);
    let no_result = "Cranelift cannot be told this signature: result 0: no register is left for a `i64` under `preserve_all`";
    assert_eq!(words(&sig), ["a call", no_result]);
    let sig = FnSig::new([Type::I64], Type::VOID).convention(&PRESERVE_ALL);
    assert_eq!(words(&sig), ["a call", "an entry"]);
    let [call, entry] = words(&sig.features(VectorLevel::Avx));
    assert_eq!(call, "a call");
    assert!(entry.contains("preserve the lower 16 bytes of a vector register"));
}
