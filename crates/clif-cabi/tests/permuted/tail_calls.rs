//! Tail calls that cannot be one are refused. Where the values of those that can are, is looked at in `registers_in_any_order`; that a chain of them takes no stack, also where the
//! arguments on it come and go, in toy's program `tail`.

use clif_cabi::{Arg, LowerError};
use cranelift_codegen::ir::{InstBuilder, types};

use super::conventions::{EXTENDED, OF_THE_LANGUAGE, TARGET};
use super::jit::{Jit, record};
use super::*;

/// Why a function of `caller` cannot end by a call of `callee`, of whose arguments the first `n_copies` are its own last one. Nothing is emitted.
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
    let floats = record("floats", &[Type::F32, Type::F32, Type::F32]);
    let params = [&[Type::I64; 6][..], &[Type::F64; 8], &[floats, large()]];
    let in_area = lang(&params.concat(), Type::I64);
    let with = &["preserve_frame_pointers"][..];
    let (none, float) = (lang(&[], Type::I64), lang(&[], Type::F64));
    let byte = lang(&[], Type::I8);
    let extended = byte.clone().convention(&EXTENDED);
    // Where frame pointers are kept in any case, nothing is refused for want of them.
    let without = match cfg!(target_arch = "aarch64") {
        true => format!("{TARGET}: a tail call needs the setting preserve_frame_pointers"),
        false => refused(&[], &none, &none, 0),
    };
    // The address of its last argument is in the argument area, and no parameter in CLIF; on AArch64 each is.
    let in_area = match cfg!(target_arch = "aarch64") {
        true => "a tail call: argument 0, struct large: it is passed by the address of a copy, which would be in the frame that is given up".into(),
        false => refused(with, &in_area, &lang(&[large()], Type::I64), 1),
    };
    let found = [
        without,
        refused(with, &c, &none, 0),
        refused(with, &none, &c, 0),
        refused(with, &none, &float, 0),
        refused(with, &extended, &byte, 0),
        refused(with, &own, &lang(&[large()], Type::I64), 0),
        refused(with, &own, &own, 2),
        in_area,
    ];
    let c = conventions::C_NAME;
    let expected = format!(
        "\
{TARGET}: a tail call needs the setting preserve_frame_pointers
a tail call: the function being built is of the convention {c}, whose callers pop the arguments: its frame cannot become another function's
a tail call: what is called is of the convention {c}, which leaves its arguments to its caller, so that one has to stay
a tail call: the result of what is called, double, is not returned as that of the function being built is, long long
a tail call: the result of what is called, signed char of lang, is not returned as that of the function being built is, signed char of lang, extended
a tail call: argument 0, struct large: it is passed by the address of a copy, which would be in the frame that is given up
a tail call: argument 1, struct large: the copy it is passed by is another argument's as well
a tail call: argument 0, struct large: it is passed by the address of a copy, which would be in the frame that is given up"
    );
    assert_eq!(found.join("\n"), expected);
}
