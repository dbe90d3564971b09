//! XCore, after LLVM's `XCoreCallingConv.td`: words in `r0` to `r3`, then slots, where a value of two words may be split. Results that find no
//! register are on the stack after the arguments, unless the function is variadic (`XCoreTargetLowering::CanLowerReturn`).

use cabi::convention::{Classify, FloatLevel, Frame, Group, PartType, Rule, Rules, VaList};
use cabi::{
    Convention, Error, FnAbi, FnSig, Loc, Place, PlacedPart, RecordBuilder, Reg, Target, Type,
};

use crate::assembly::{self, Assembly};
use crate::values::words;
use crate::{Case, Machine, registers};

registers! {
    Int 32: R0 "r0" 0 R1 "r1" 1 R2 "r2" 2 R3 "r3" 3;
}
const R: &[Reg] = &[R0, R1, R2, R3];

fn classify(ty: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let mut group = words(ty, 4);
    group.may_split = true;
    Ok(group)
}

const WORDS: Rule = Rule::IfType(&[PartType::I32], &Rule::AssignToReg(R));
const SLOT: Rule = Rule::AssignToStack { size: 4, align: 4 };

fn is_on_stack(place: &Place) -> bool {
    let is_slot = |placed: &PlacedPart| matches!(placed.loc, Loc::Stack(_));
    matches!(place, Place::Parts(parts) if parts.iter().any(is_slot))
}

const XCORE: Convention = Convention {
    name: "XCore",
    rules: Rules {
        return_fits: Some(|place, variadic| !(variadic && is_on_stack(place))),
        ..Rules::new(classify, &[WORDS, SLOT], &[WORDS, SLOT])
    },
    frame: Frame {
        va_list: VaList::Pointer,
        ..Frame::new(4, 4)
    },
};
static CONVENTION: Convention = XCORE;

pub(crate) fn machine() -> Machine {
    Machine {
        target: Target::new(&"i686-unknown-linux-gnu".parse().unwrap()).unwrap(),
        convention: &CONVENTION,
        floats: FloatLevel::Soft,
        compiler: Some((
            &["--target=xcore"],
            Assembly {
                comment: "#",
                returns: &["retsp"],
                calls: &["bl "],
                register: |word| {
                    R.iter()
                        .find(|reg| reg.name() == word)
                        .map(|reg| reg.to_string())
                },
                slot: ("sp[", "]", 4),
                area: 1,
                results: ["r0"; 3],
            },
        )),
        cases: &[
            Case(
                "void int int int int int int",
                "r0, r1, r2, r3, stack 0, stack 4, void",
            ),
            Case(
                "void int int int llong int",
                "r0, r1, r2, r3 stack 0, stack 4, void",
            ),
            Case("llong", "r0 r1"),
        ],
    }
}

#[test]
fn split_values() {
    static WHOLE: Convention = Convention {
        name: "no value is split",
        rules: Rules {
            classify: |ty, _| Ok(words(ty, 4)),
            ..XCORE.rules
        },
        ..XCORE
    };
    machine().prove(&[("splitting", &WHOLE)]);
}

/// LLVM's own types reach this: clang returns no record in registers. What the callee stores of its result is after its fifth argument, and a
/// variadic function stores all of it through a pointer.
#[test]
fn results_after_the_arguments() {
    static ALWAYS: Convention = Convention {
        name: "variadic functions too",
        rules: Rules {
            return_fits: None,
            ..XCORE.rules
        },
        ..XCORE
    };
    let model = *machine().target.data_model();
    let six = (0..6).fold(RecordBuilder::structure("six"), |six, i| {
        six.field(&format!("m{i}"), Type::I32)
    });
    let six = six.build(&model).unwrap();
    let sig = FnSig::new([Type::I32; 5].to_vec(), six);
    let result = |convention: &'static Convention, sig: FnSig| {
        let abi = FnAbi::new(&sig.convention(convention), &machine().target).unwrap();
        abi.ret.to_string()
    };
    let variadic = sig.clone().variadic();
    assert_eq!(
        result(&CONVENTION, sig.clone()),
        "r0 r1 r2 r3 stack 4 stack 8"
    );
    assert_eq!(result(&CONVENTION, variadic.clone()), "sret r0");
    assert_ne!(
        result(&ALWAYS, variadic),
        "sret r0",
        "return_fits is not tested"
    );

    let six = "{i32, i32, i32, i32, i32, i32}";
    let body =
        "ret {i32, i32, i32, i32, i32, i32} {i32 11, i32 12, i32 13, i32 14, i32 15, i32 16}";
    let args = "i32 %a, i32 %b, i32 %c, i32 %d, i32 %e";
    let ir =
        format!("define {six} @f({args}) {{ {body} }} define {six} @g({args}, ...) {{ {body} }}");
    let Some(text) = assembly::run(&ir, machine().compiler.unwrap().0, &["-O2", "-S", "-xir"])
    else {
        return;
    };
    // Slot 1 is the fifth argument.
    let mut own = stores(&text, "f");
    own.sort();
    assert_eq!(own, ["sp[2]", "sp[3]"]);
    let others = stores(&text, "g");
    let through_pointer = others.iter().filter(|to| to.starts_with("r0["));
    assert_eq!(through_pointer.count(), 6, "{text}");
}

/// Where the words are that `function` stores.
fn stores<'a>(text: &'a str, function: &str) -> Vec<&'a str> {
    let body = text.split_once(&format!("\n{function}:")).unwrap().1;
    let lines = body.split("retsp").next().unwrap().lines().map(str::trim);
    let stores = lines.filter(|line| line.starts_with("stw"));
    stores
        .map(|line| line.split_once(", ").unwrap().1)
        .collect()
}
