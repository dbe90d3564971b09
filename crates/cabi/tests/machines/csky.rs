//! C-SKY, after LLVM's `CSKYCallingConv.td` and `CSKYTargetLowering::CCAssignFnForCall`: one list for soft floats and variadic functions, another for
//! hard floats. clang is built without it, so the places stand here as the table gives them.

use cabi::convention::{
    Classify, Extension, Features, FloatLevel, Frame, Group, GroupKind, Lists, Part, PartType,
    PartTypes, Rule, Rules,
};
use cabi::{Convention, Error, FnAbi, FnSig, Reg, Target, Type};

use crate::values::{floats, int, words};
use crate::{Case, Machine, registers};

registers! {
    Int 32: R0 "r0" 0 R1 "r1" 1 R2 "r2" 2 R3 "r3" 3;
    Vector 64: FR0 "fr0" 0 FR1 "fr1" 1 FR2 "fr2" 2 FR3 "fr3" 3;
}
const R: &[Reg] = &[R0, R1, R2, R3];
const FR: &[Reg] = &[FR0, FR1, FR2, FR3];

/// A `double` is two words where floats are soft.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let soft = cx.floats == FloatLevel::Soft || cx.variadic;
    let one = |part: Part| Group::new(GroupKind::Registers, ty.size(), 4).with(part);
    let mut group = match floats(ty)[..] {
        [(_, Some(float))] if !soft || ty.size() == 4 => one(float),
        _ if ty.size() <= 4 => one(int(ty.size(), Extension::Sign)),
        _ => words(ty, 4),
    };
    group.may_split = true;
    Ok(group)
}

const NARROW: Rule = Rule::IfType(
    PartTypes::of(&[PartType::I8, PartType::I16]),
    &Rule::Promote(PartType::I32),
);
const BITS: Rule = Rule::IfType(
    PartTypes::of(&[PartType::F32]),
    &Rule::BitConvert(PartType::I32),
);
const WORDS: Rule = Rule::IfType(PartTypes::of(&[PartType::I32]), &Rule::AssignToReg(R));
const SLOT: Rule = Rule::IfType(
    PartTypes::of(&[PartType::I32, PartType::F32]),
    &Rule::AssignToStack { size: 4, align: 4 },
);
const DOUBLES: Rule = Rule::IfType(
    PartTypes::of(&[PartType::F64]),
    &Rule::AssignToStack { size: 8, align: 4 },
);
const NUMBERS: Rule = Rule::IfType(
    PartTypes::of(&[PartType::F32, PartType::F64]),
    &Rule::AssignToReg(FR),
);
const WORD_RESULTS: Rule = Rule::IfType(
    PartTypes::of(&[PartType::I32]),
    &Rule::AssignToReg(&[R0, R1]),
);

/// `CC_CSKY_ABIV2_SOFT`, `RetCC_CSKY_ABIV2_SOFT`.
const SOFT: Lists = Lists {
    args: &[NARROW, BITS, WORDS, SLOT],
    results: &[NARROW, BITS, WORD_RESULTS],
};

/// `CC_CSKY_ABIV2_FP`, `RetCC_CSKY_ABIV2_FP`.
const HARD: Lists = Lists {
    args: &[NARROW, WORDS, NUMBERS, SLOT, DOUBLES],
    results: &[
        NARROW,
        WORD_RESULTS,
        Rule::IfType(
            PartTypes::of(&[PartType::F32, PartType::F64]),
            &Rule::AssignToReg(&[FR0]),
        ),
    ],
};

const CSKY: Convention = Convention {
    name: "C-SKY",
    rules: Rules {
        choose: Some(|features, variadic| match features.floats {
            FloatLevel::Soft => SOFT,
            _ if variadic => SOFT,
            _ => HARD,
        }),
        ..Rules::new(classify, HARD.args, HARD.results)
    },
    frame: Frame::new(4, 4),
};
static CONVENTION: Convention = CSKY;

fn machine(floats: FloatLevel, cases: &'static [crate::Case]) -> Machine {
    Machine {
        target: Target::new(&"i686-unknown-linux-gnu".parse().unwrap()).unwrap(),
        convention: &CONVENTION,
        floats,
        compiler: None,
        cases,
    }
}

#[test]
fn lists_by_features() {
    static ALWAYS_HARD: Convention = Convention {
        name: "always hard",
        rules: Rules {
            choose: None,
            ..CSKY.rules
        },
        ..CSKY
    };
    static ALWAYS_SOFT: Convention = Convention {
        name: "always soft",
        rules: Rules {
            choose: Some(|_, _| SOFT),
            ..CSKY.rules
        },
        ..CSKY
    };
    let hard = machine(
        FloatLevel::Double,
        &[
            Case(
                "double int float double int llong int",
                "r0, fr0, fr1, r1, r2 r3, stack 0, fr0",
            ),
            Case(
                "float double double double double float",
                "fr0, fr1, fr2, fr3, stack 0, fr0",
            ),
            Case("llong char", "r0, r0 r1"),
        ],
    );
    hard.prove(&[("the choice of hard floats", &ALWAYS_SOFT)]);
    let soft = machine(
        FloatLevel::Soft,
        &[
            Case(
                "double int float double int",
                "r0, r1, r2 r3, stack 0, r0 r1",
            ),
            Case(
                "float int int int double float",
                "r0, r1, r2, r3 stack 0, stack 4, r0",
            ),
        ],
    );
    soft.prove(&[("the choice of soft floats", &ALWAYS_HARD)]);
}

/// A variadic function has the list of soft floats whatever the features are.
#[test]
fn variadic_functions_are_soft() {
    let places = |sig: FnSig| {
        let sig = sig
            .convention(&CONVENTION)
            .features(Features::from(FloatLevel::Double));
        let abi = FnAbi::new(&sig, &machine(FloatLevel::Double, &[]).target).unwrap();
        abi.args
            .iter()
            .map(|arg| arg.place.to_string())
            .collect::<Vec<_>>()
    };
    let sig = || FnSig::new([Type::I32, Type::F32], Type::VOID);
    assert_eq!(places(sig()), ["r0", "fr0"]);
    assert_eq!(places(sig().variadic()), ["r0", "r1"]);
}
