//! Tail calls: a chain of them takes no stack, also where the arguments on it come and go, and what
//! cannot be one is refused. The places of values are looked at in `registers_in_any_order`.

use clif_cabi::{Arg, Function, LowerError};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, TrapCode, types};

use super::conventions::{EXTENDED, OF_THE_LANGUAGE, TARGET};
use super::jit::{Jit, record};
use super::*;

/// `long own(long n, long sum, words)`, where each word is its index: ends by a call of the address
/// of `other` while `n` is left.
fn step(jit: &mut Jit, own: &Function, other: &Function) {
    let indexes = |function: &Function| 2..function.sig.params().len();
    jit.define(own, |lower, module, builder, entry| {
        let [n, sum] = [0, 1].map(|i| entry.value(builder, i).unwrap());
        let (done, next) = (builder.create_block(), builder.create_block());
        builder.ins().brif(n, next, &[], done, &[]);
        builder.switch_to_block(done);
        entry.ret(module, builder, Some(&Arg::value(sum))).unwrap();
        builder.switch_to_block(next);
        for i in indexes(own) {
            let word = entry.value(builder, i).unwrap();
            let right = (builder.ins()).icmp_imm_s(IntCC::Equal, word, i as i64);
            builder.ins().trapz(right, TrapCode::unwrap_user(1));
        }
        let mut args = vec![
            Arg::value(builder.ins().iadd_imm_s(n, -1)),
            Arg::value(builder.ins().iadd_imm_s(sum, 3)),
        ];
        args.extend(indexes(other).map(|i| Arg::value(constant(builder, i as i64))));
        let to = module.declare_func_in_func(other.id, builder.func);
        let to = builder.ins().func_addr(types::I64, to);
        let jump = lower.tail_call(module, builder, entry, to, &other.sig, &args);
        jump.unwrap();
    });
}

/// So deep that any frame that stays would not fit the thread's stack. One of the two functions has
/// arguments on the stack, so the area grows and shrinks.
#[test]
fn tail_calls_take_no_stack() {
    for opt_level in ["none", "speed"] {
        let mut jit = Jit::new(opt_level, &["preserve_frame_pointers"]);
        let with_words = |n: usize| FnSig::new(vec![Type::I64; 2 + n], Type::I64);
        let lang = |n| with_words(n).convention(&OF_THE_LANGUAGE);
        let (even, odd) = (jit.declare("even", &lang(0)), jit.declare("odd", &lang(9)));
        step(&mut jit, &even, &odd);
        step(&mut jit, &odd, &even);
        let for_c = jit.for_c(&with_words(0), &even);
        let code = jit.code(for_c) as usize;
        let run = move || {
            // SAFETY: the function is of this C signature, and the module lives on.
            let even: extern "C" fn(i64, i64) -> i64 = unsafe { std::mem::transmute(code) };
            even(10_000_000, 7)
        };
        let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(run);
        assert_eq!(thread.unwrap().join().unwrap(), 30_000_007);
    }
}

/// Why a function of `caller` cannot end by a call of `callee`, of whose arguments the first
/// `n_copies` are its own last one. Nothing is emitted.
fn refused(settings: &[&str], caller: &FnSig, callee: &FnSig, n_copies: usize) -> String {
    let mut jit = Jit::new("none", settings);
    let function = jit.declare("f", caller);
    let mut words = String::new();
    jit.define(&function, |lower, module, builder, entry| {
        let to = builder.ins().iconst(types::I64, 0);
        let own = match caller.params().len() {
            0 => to,
            n => entry.address(builder, n - 1).unwrap(),
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
            LowerError::TailCall(..) | LowerError::Isa(..) => error.cause().to_string(),
            other => panic!("{other}"),
        };
        entry.ret(module, builder, Some(&Arg::memory(to))).unwrap();
    });
    words
}

/// Why a tail call is refused, word for word.
#[test]
fn refused_tail_calls() {
    let large = || record("large", &[Type::array(&Type::I64, 20).unwrap()]);
    let lang = |params: &[Type], result: Type| {
        FnSig::new(params.to_vec(), result).convention(&OF_THE_LANGUAGE)
    };
    let c = FnSig::new([], Type::I64);
    let own = lang(&[large(), large()], Type::I64);
    let with = &["preserve_frame_pointers"][..];
    let (none, float) = (lang(&[], Type::I64), lang(&[], Type::F64));
    let byte = lang(&[], Type::I8);
    let large_64 = lang(&[large().with_align(64).unwrap()], Type::I64);
    let extended = byte.clone().convention(&EXTENDED);
    // Nothing is refused for want of frame pointers if they are kept in any case.
    let without = match cfg!(target_arch = "aarch64") {
        true => format!("{TARGET}: a tail call needs the setting preserve_frame_pointers"),
        false => refused(&[], &none, &none, 0),
    };
    let found = [
        without,
        refused(with, &c, &none, 0),
        refused(with, &none, &c, 0),
        refused(with, &none, &float, 0),
        refused(with, &extended, &byte, 0),
        refused(with, &own, &lang(&[large()], Type::I64), 0),
        refused(with, &own, &large_64, 1),
        refused(with, &own, &own, 2),
    ];
    let c = conventions::C_NAME;
    let expected = format!(
        "\
{TARGET}: a tail call needs the setting preserve_frame_pointers
a tail call: the function being built is of the convention {c}, whose callers pop the arguments: its frame cannot become another function's
a tail call: the callee is of the convention {c}, in which the caller frees the arguments and has to stay
a tail call: the callee's result, double, is not returned like that of the function being built, long long
a tail call: the callee's result, signed char of lang, is not returned like that of the function being built, signed char of lang, extended
a tail call: argument 0, struct large: it is passed by the address of a copy, which would be in the frame that is given up
a tail call: argument 0, struct large: it is passed by the address of a copy, which would be in the frame that is given up
a tail call: argument 1, struct large: the copy it is passed by is another argument's as well"
    );
    assert_eq!(found.join("\n"), expected);
}
