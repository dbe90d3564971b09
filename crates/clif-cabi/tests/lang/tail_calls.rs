//! Tail calls: a narrow result is extended by the last function of a chain, and what cannot be a tail call is refused. That a chain takes no stack, whatever
//! its arguments and results are, `tail.toy` shows.

use clif_cabi::cabi::convention::{Convention, Extension, Group, Part, PartType, Role, Rules};
use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, types};
use clif_cabi::cranelift_module::Module;
use clif_cabi::{Arg, Callee, LowerError, Ret, Returned};

use super::common::{Jit, record};
use super::machine::{self, NAMES};
use super::{LANG, define, for_c};

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
