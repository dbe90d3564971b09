//! RISC-V 64: the psABI's integer and hardware floating-point calling conventions. A record of one or two floats, or of a float and an integer, is
//! passed by its members where both find a register, otherwise as integers; which floats these are is a choice of the ABI (lp64, lp64f, lp64d).

use cabi::convention::{
    Classify, FloatLevel, Frame, Group, GroupKind, Lists, PartType, PartTypes, Role, Rule, Rules,
    VaList, Want,
};
use cabi::{Convention, Error, FnAbi, FnSig, Reg, Target, Type};

use crate::assembly::{self, Assembly};
use crate::values::{Value, floats, int, memory, words};
use crate::{Case, Machine, registers};

registers! {
    Int 64: A0 "a0" 10 A1 "a1" 11 A2 "a2" 12 A3 "a3" 13 A4 "a4" 14 A5 "a5" 15 A6 "a6" 16 A7 "a7" 17;
    Vector 64: FA0 "fa0" 10 FA1 "fa1" 11 FA2 "fa2" 12 FA3 "fa3" 13 FA4 "fa4" 14 FA5 "fa5" 15 FA6 "fa6" 16 FA7 "fa7" 17;
}
const A: &[Reg] = &[A0, A1, A2, A3, A4, A5, A6, A7];
const FA: &[Reg] = &[FA0, FA1, FA2, FA3, FA4, FA5, FA6, FA7];
const INTS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32, PartType::I64]);

fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if ty.size() > 16 {
        return Ok(memory(ty));
    }
    let mut integers = words(ty, 8);
    integers.may_split = true;
    let members = floats(ty);
    let one_or_two =
        matches!(members.len(), 1 | 2) && members.iter().any(|(_, part)| part.is_some());
    if cx.role == Role::Unnamed || !one_or_two {
        return Ok(integers);
    }
    let mut group = Group::new(GroupKind::Registers, ty.size(), ty.align());
    for (at, part) in members {
        let word = int(8, cabi::Extension::None).at(at.try_into().unwrap());
        group = group.with(part.unwrap_or(word));
    }
    Ok(group.or(integers))
}

const LARGE: Rule = Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 8 });
/// "Variadic arguments with 2×XLEN-bit alignment ... are passed in an aligned register pair".
const PAIRS: Rule = Rule::IfUnnamed(&Rule::If(
    "aligned to 16",
    |given| given.group.align == 16,
    &Rule::IfType(INTS, &Rule::AssignToRegPair(A)),
));
const WORDS: Rule = Rule::IfType(INTS, &Rule::AssignToReg(A));
const SLOT: Rule = Rule::AssignToStack { size: 8, align: 8 };
const WORD_RESULTS: Rule = Rule::IfType(INTS, &Rule::AssignToReg(&[A0, A1]));

const fn float_args(types: PartTypes) -> Rule {
    Rule::IfType(types, &Rule::AssignToReg(FA))
}

const fn float_results(types: PartTypes) -> Rule {
    Rule::IfType(types, &Rule::AssignToReg(&[FA0, FA1]))
}

const SOFT: Lists = Lists {
    args: &[LARGE, PAIRS, WORDS, SLOT],
    results: &[WORD_RESULTS],
};
const SINGLE: Lists = Lists {
    args: &[
        LARGE,
        PAIRS,
        float_args(PartTypes::of(&[PartType::F32])),
        WORDS,
        SLOT,
    ],
    results: &[float_results(PartTypes::of(&[PartType::F32])), WORD_RESULTS],
};
const DOUBLE: Lists = Lists {
    args: &[
        LARGE,
        PAIRS,
        float_args(PartTypes::of(&[PartType::F32, PartType::F64])),
        WORDS,
        SLOT,
    ],
    results: &[
        float_results(PartTypes::of(&[PartType::F32, PartType::F64])),
        WORD_RESULTS,
    ],
};

static RISCV64: Convention = Convention {
    name: "RISC-V 64",
    rules: Rules {
        choose: Some(|features, _| match features.floats {
            FloatLevel::Soft => SOFT,
            FloatLevel::Single => SINGLE,
            FloatLevel::Double => DOUBLE,
        }),
        ..Rules::new(classify, DOUBLE.args, DOUBLE.results)
    },
    frame: Frame {
        va_list: VaList::Pointer,
        ..Frame::new(8, 16)
    },
};

const fn mutation(name: &'static str, rules: Rules) -> Convention {
    Convention {
        name,
        rules,
        frame: Frame::new(8, 16),
    }
}

const ASSEMBLY: Assembly = Assembly {
    comment: "#",
    returns: &["ret"],
    calls: &["call"],
    register: |word| {
        let index = word.strip_prefix("fa").or(word.strip_prefix('a'))?;
        index
            .parse::<u8>()
            .is_ok_and(|index| index < 8)
            .then(|| word.to_owned())
    },
    slot: ("", "(sp)", 1),
    area: 0,
    results: ["a0", "fa0", "fa0"],
};

pub(crate) fn machine() -> Machine {
    Machine {
        target: Target::new(&"riscv64gc-unknown-linux-gnu".parse().unwrap()).unwrap(),
        convention: &RISCV64,
        floats: FloatLevel::Double,
        compiler: Some((
            &["--target=riscv64-linux-gnu", "-march=rv64gc", "-mabi=lp64d"],
            ASSEMBLY,
        )),
        cases: &[
            Case("void double mix int", "fa0, fa1 a0, a1, void"),
            Case(
                "void double double double double double double double double mix double",
                "fa0, fa1, fa2, fa3, fa4, fa5, fa6, fa7, a0 a1, a2, void",
            ),
            Case(
                "void double double double double double double double hfa double",
                "fa0, fa1, fa2, fa3, fa4, fa5, fa6, a0 a1, fa7, void",
            ),
            Case(
                "void long long long long long long long pair long",
                "a0, a1, a2, a3, a4, a5, a6, a7 stack 0, stack 8, void",
            ),
            Case(
                "void long long long long long long long long mix i128",
                "a0, a1, a2, a3, a4, a5, a6, a7, stack 0 stack 8, stack 16 stack 24, void",
            ),
            Case(
                "void long i128 large long",
                "a0, a1 a2, a3, pointer to a copy aligned 8, a4, void",
            ),
            Case("mix", "fa0 a0"),
            Case("hfa", "fa0 fa1"),
            Case("pair", "a0 a1"),
            Case("large", "sret a0"),
        ],
    }
}

#[test]
fn alternatives_and_split_values() {
    static NO_ALTERNATIVE: Convention = mutation(
        "floats or the stack",
        Rules::new(
            |ty, cx| {
                let mut group = classify(ty, cx)?;
                group.otherwise = None;
                Ok(group)
            },
            DOUBLE.args,
            DOUBLE.results,
        ),
    );
    static WHOLE: Convention = mutation(
        "no value is split",
        Rules::new(
            |ty, cx| {
                let mut group = classify(ty, cx)?;
                group.may_split = false;
                Ok(group)
            },
            DOUBLE.args,
            DOUBLE.results,
        ),
    );
    machine().prove(&[("alternatives", &NO_ALTERNATIVE), ("splitting", &WHOLE)]);
}

#[test]
fn lists_by_features() {
    static ALWAYS_DOUBLE: Convention = mutation(
        "always lp64d",
        Rules::new(classify, DOUBLE.args, DOUBLE.results),
    );
    let soft = Machine {
        floats: FloatLevel::Soft,
        compiler: Some((
            &[
                "--target=riscv64-linux-gnu",
                "-march=rv64imac",
                "-mabi=lp64",
            ],
            Assembly {
                results: ["a0"; 3],
                ..ASSEMBLY
            },
        )),
        cases: &[
            Case("void double mix float", "a0, a1 a2, a3, void"),
            Case("hfa", "a0 a1"),
        ],
        ..machine()
    };
    soft.prove(&[("the choice of soft floats", &ALWAYS_DOUBLE)]);
    let single = Machine {
        floats: FloatLevel::Single,
        compiler: Some((
            &[
                "--target=riscv64-linux-gnu",
                "-march=rv64imafc",
                "-mabi=lp64f",
            ],
            Assembly {
                results: ["a0", "fa0", "a0"],
                ..ASSEMBLY
            },
        )),
        cases: &[
            Case("void float double single mix", "fa0, a0, fa1, a1 a2, void"),
            Case("single", "fa0"),
        ],
        ..machine()
    };
    single.prove(&[("the choice of single floats", &ALWAYS_DOUBLE)]);
}

/// An unnamed value aligned to 16 is in an aligned pair, a named one is not: a function that passes its own arguments on moves them there.
#[test]
fn unnamed_pairs() {
    static UNALIGNED: Convention = mutation(
        "no pairs",
        Rules::new(classify, &[LARGE, WORDS, SLOT], SOFT.results),
    );
    let machine = machine();
    let options = machine.compiler.as_ref().unwrap().0;
    let passes = "void v(int, ...); void one(int n, __int128 x) { v(n, x); } void two(int n, long m, __int128 x) { v(n, m, x); }";
    let Some(moves) = assembly::moves(passes, options) else {
        return;
    };
    let check = |convention: &'static Convention| {
        ["int i128", "int long i128"]
            .iter()
            .zip(["one", "two"])
            .all(|(args, function)| {
                let types: Vec<Type> = args
                    .split(' ')
                    .map(|word| Value::of(word, machine.target.data_model()).ty)
                    .collect();
                let named = FnSig::new(types.clone(), Type::VOID).convention(&RISCV64);
                let unnamed = FnSig::new(types[..1].to_vec(), Type::VOID)
                    .variadic()
                    .convention(convention);
                let unnamed = unnamed.at_call(types[1..].to_vec()).unwrap();
                let [from, to] = [named, unnamed].map(|sig| {
                    let abi = FnAbi::new(&sig, &machine.target).unwrap();
                    let places: Vec<String> =
                        abi.args.iter().map(|arg| arg.place.to_string()).collect();
                    places
                        .join(" ")
                        .split(' ')
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                });
                let moved = moves.get(function);
                let holds =
                    |to: &String| moved.and_then(|moved| moved.get(to)).unwrap_or(to).clone();
                to.iter().map(holds).collect::<Vec<_>>() == from
            })
    };
    assert!(check(&RISCV64));
    assert!(!check(&UNALIGNED), "clang does not notice aligned pairs");
}
