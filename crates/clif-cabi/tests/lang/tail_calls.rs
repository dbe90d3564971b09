//! Tail calls: a chain of them takes no stack, its results are where each caller expects them, and what cannot be one is refused.

use clif_cabi::cabi::convention::{Convention, Extension, Group, Part, PartType, Role, Rules};
use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::ir::condcodes::IntCC;
use clif_cabi::cranelift_codegen::ir::{InstBuilder, TrapCode, types};
use clif_cabi::cranelift_module::Module;
use clif_cabi::{Arg, Callee, Function, LowerError, Ret, Returned};

use super::common::{Jit, record};
use super::machine::{self, N_INTS, NAMES};
use super::{FLAGS, LANG, back, define, for_c};

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

/// A result of as many integers and doubles as there are registers, and one that is not, through the pointer that every function in the chain was given.
#[test]
fn results_of_tail_calls() {
    let all = [vec![Type::I64; N_INTS], vec![Type::F64; 8]].concat();
    let all = record("all", &all);
    let large = record("large", &[Type::array(&Type::I64, 40).unwrap()]);
    for opt_level in ["none", "speed"] {
        for ty in [&all, &large] {
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
            let is_sret = plan.abi.ret.to_string().starts_with("sret");
            assert_eq!(is_sret, n > 8 + N_INTS as u64);
            let words: Vec<u64> = (1..=n).map(|i| i * 0x0101_0101).collect();
            let mut found = vec![0u64; words.len()];
            let code = for_c(&mut jit, &sig, &outer);
            // SAFETY: both types are returned through a pointer in C, as any of so many bytes is.
            unsafe {
                if is_sret {
                    let outer: extern "C" fn(*const u64) -> Words<40> = std::mem::transmute(code);
                    found.copy_from_slice(&outer(words.as_ptr()).0);
                } else {
                    let outer: extern "C" fn(*const u64) -> Words<{ 8 + N_INTS }> =
                        std::mem::transmute(code);
                    found.copy_from_slice(&outer(words.as_ptr()).0);
                }
            }
            assert_eq!(found, words);
        }
    }
}

#[repr(C)]
struct Words<const N: usize>([u64; N]);

/// The language's convention with results of one byte extended by the function that returns them.
static EXTENDED: Convention = Convention {
    name: "lang, extended",
    rules: Rules {
        classify: |ty, cx| {
            let group = (machine::LANG.rules.classify)(ty, cx)?;
            Ok(match (*ty == Type::I8, cx.role) {
                (true, Role::Result) => Group {
                    parts: [Part::int(PartType::I8, Extension::Sign)]
                        .into_iter()
                        .collect(),
                    ..group
                },
                _ => group,
            })
        },
        ..machine::LANG.rules
    },
    ..machine::LANG
};

/// A narrow result that is extended by the last function of a chain.
#[test]
fn extended_results_of_tail_calls() {
    for (opt_level, indirect) in [("none", false), ("speed", false), ("speed", true)] {
        let mut jit = Jit::new(opt_level, &["preserve_frame_pointers"]);
        let sig = |result: Type| FnSig::new([Type::I64], result).convention(&EXTENDED);
        let [inner, outer] = ["inner", "outer"].map(|name| jit.declare(name, &sig(Type::I8)));
        define(&mut jit, &inner, |_, module, builder, entry| {
            let wide = entry.value(builder, 0).unwrap();
            let narrow = builder.ins().ireduce(types::I8, wide);
            entry
                .ret(module, builder, Some(&Arg::value(narrow)))
                .unwrap();
        });
        define(&mut jit, &outer, |lower, module, builder, entry| {
            let args = [Arg::value(entry.value(builder, 0).unwrap())];
            let inner_id = inner.id;
            let to = match indirect {
                true => {
                    let func = module.declare_func_in_func(inner_id, builder.func);
                    Callee::Address(builder.ins().func_addr(types::I64, func))
                }
                false => Callee::from(inner_id),
            };
            let sig = sig(Type::I8);
            lower
                .tail_call(module, builder, entry, to, &sig, &args)
                .unwrap();
        });
        // Reads as many bits of the register as have been extended.
        let reader = jit.declare("reader", &sig(Type::I32));
        define(&mut jit, &reader, |lower, module, builder, entry| {
            let args = [Arg::value(entry.value(builder, 0).unwrap())];
            let func = module.declare_func_in_func(outer.id, builder.func);
            let to = builder.ins().func_addr(types::I64, func);
            let sig = sig(Type::I32);
            let read = lower.call_sig(module, builder, to, &sig, &args, Ret::Value);
            let Returned::Value(read) = read.unwrap() else {
                panic!("no value");
            };
            entry.ret(module, builder, Some(&Arg::value(read))).unwrap();
        });
        let code = for_c(&mut jit, &FnSig::new([Type::I64], Type::I32), &reader);
        // SAFETY: the function is of this C signature.
        let reader: extern "C" fn(i64) -> i32 = unsafe { std::mem::transmute(code) };
        assert_eq!(
            [0x1234_5678_9a7f, 0x7fff_ff80].map(|n| reader(n)),
            [127, -128]
        );
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

/// Why a tail call is refused, word for word, and that nothing was emitted.
#[test]
fn refused_tail_calls() {
    let large = || record("large", &[Type::array(&Type::I64, 20).unwrap()]);
    let lang =
        |params: &[Type], result: Type| FnSig::new(params.to_vec(), result).convention(&LANG);
    let [target, c_name] = NAMES;
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
                LowerError::TailCall(..) | LowerError::Isa(..) => error.cause().to_string(),
                other => panic!("{other}"),
            };
            entry.ret(module, builder, Some(&Arg::memory(to))).unwrap();
        });
        words
    };
    let with = &["preserve_frame_pointers"][..];
    let (none, float) = (lang(&[], Type::I64), lang(&[], Type::F64));
    let byte = lang(&[], Type::I8);
    let extended = byte.clone().convention(&EXTENDED);
    // Where frame pointers are kept in any case, nothing is refused for want of them.
    let without = match cfg!(target_arch = "aarch64") {
        true => format!("{target}: a tail call needs the setting preserve_frame_pointers"),
        false => refused(&[], &none, &none, 0),
    };
    let found = [
        without,
        refused(with, &c, &none, 0),
        refused(with, &none, &c, 0),
        refused(with, &none, &float, 0),
        refused(with, &extended, &byte, 0),
        refused(with, &own, &lang(&[large()], Type::I64), 0),
        refused(with, &own, &own, 2),
    ];
    assert_eq!(found.join("\n"), refusals(target, c_name));
}

fn refusals(target: &str, c_name: &str) -> String {
    format!(
        "\
{target}: a tail call needs the setting preserve_frame_pointers
a tail call: the function being built is of the convention {c_name}, whose callers pop the arguments: its frame cannot become another function's
a tail call: what is called is of the convention {c_name}, which leaves its arguments to its caller, so that one has to stay
a tail call: the result of what is called, double, is not returned as that of the function being built is, long long
a tail call: the result of what is called, signed char of lang, is not returned as that of the function being built is, signed char of lang, extended
a tail call: argument 0, struct large: it is passed by the address of a copy, which would be in the frame that is given up
a tail call: argument 1, struct large: the copy it is passed by is another argument's as well"
    )
}
