//! AArch64: AAPCS64 6.8.2, stage C. A value aligned to 16 starts at an even register, and what finds no register leaves none to later values.
//! Apple's variant packs the argument area by the types' own sizes.

use cabi::convention::{
    Classify, Frame, Group, GroupKind, PartType, PartTypes, Rule, Rules, VaList, Want,
};
use cabi::{ArgFlags, Convention, Error, FnAbi, Reg, Target, Type};

use crate::assembly::Assembly;
use crate::values::{floats, memory, words};
use crate::{Case, Machine, registers};

registers! {
    Int 64: X0 "x0" 0 X1 "x1" 1 X2 "x2" 2 X3 "x3" 3 X4 "x4" 4 X5 "x5" 5 X6 "x6" 6 X7 "x7" 7 X8 "x8" 8;
    Vector 128: V0 "v0" 0 V1 "v1" 1 V2 "v2" 2 V3 "v3" 3 V4 "v4" 4 V5 "v5" 5 V6 "v6" 6 V7 "v7" 7;
}
const X: &[Reg] = &[X0, X1, X2, X3, X4, X5, X6, X7];
const V: &[Reg] = &[V0, V1, V2, V3, V4, V5, V6, V7];
const INTS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32, PartType::I64]);
const FLOATS: PartTypes = PartTypes::of(&[PartType::F32, PartType::F64]);

/// Integers and records of up to 16 bytes in words; up to four floats of one kind, each in a register of its own; others by address.
fn classify(ty: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let members = floats(ty);
    let first = members.first().and_then(|(_, part)| *part);
    let is_homogeneous = first.is_some_and(|first| {
        let alike = |part: Option<cabi::Part>| part.is_some_and(|part| part.ty == first.ty);
        members.len() <= 4 && members.iter().all(|(_, part)| alike(*part))
    });
    if is_homogeneous {
        let group = Group::new(GroupKind::Registers, ty.size(), ty.align());
        return Ok(members
            .iter()
            .filter_map(|(_, part)| *part)
            .fold(group, Group::with));
    }
    Ok(if ty.size() > 16 {
        memory(ty)
    } else {
        words(ty, 8)
    })
}

const SRET: Rule = Rule::IfFlag(ArgFlags::SRET, &Rule::AssignToReg(&[X8]));
const LARGE: Rule = Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 8 });
const PAIRS: Rule = Rule::If(
    "aligned to 16",
    |given| given.group.align == 16,
    &Rule::IfType(INTS, &Rule::AssignToRegPair(X)),
);
const WORDS: Rule = Rule::If(
    "aligned to 8 or less",
    |given| given.group.align <= 8,
    &Rule::IfType(INTS, &Rule::AssignToReg(X)),
);
const VECTORS: Rule = Rule::IfType(FLOATS, &Rule::AssignToReg(V));
const SLOT: Rule = Rule::AssignToStack { size: 8, align: 8 };

const fn last(shadow: &'static [Reg]) -> Rule {
    Rule::AssignToStackWithShadow {
        size: 8,
        align: 8,
        shadow,
    }
}

const AAPCS64: Convention = Convention {
    name: "AAPCS64",
    rules: Rules::new(
        classify,
        &[
            SRET,
            LARGE,
            PAIRS,
            WORDS,
            VECTORS,
            Rule::IfType(INTS, const { &last(X) }),
            Rule::IfType(FLOATS, const { &last(V) }),
        ],
        &[
            Rule::IfType(INTS, &Rule::AssignToReg(&[X0, X1])),
            Rule::IfType(FLOATS, &Rule::AssignToReg(&[V0, V1, V2, V3])),
        ],
    ),
    frame: Frame {
        va_list: VaList::Structure(
            "__va_list",
            &[
                ("__stack", Type::PTR),
                ("__gr_top", Type::PTR),
                ("__vr_top", Type::PTR),
                ("__gr_offs", Type::I32),
                ("__vr_offs", Type::I32),
            ],
        ),
        ..Frame::new(8, 16)
    },
};

const fn with_args(name: &'static str, args: &'static [Rule]) -> Convention {
    Convention {
        name,
        rules: Rules {
            args,
            ..AAPCS64.rules
        },
        ..AAPCS64
    }
}

const ASSEMBLY: Assembly = Assembly {
    comment: "//",
    returns: &["ret"],
    calls: &["bl\t"],
    register: |word| {
        let (bank, index) = word.split_at_checked(1)?;
        let index: u8 = index.parse().ok()?;
        match bank {
            "x" | "w" if index <= 8 => Some(format!("x{index}")),
            "b" | "h" | "s" | "d" | "q" | "v" => Some(format!("v{index}")),
            _ => None,
        }
    },
    slot: ("[sp", "]", 1),
    area: 0,
    results: ["x0", "v0", "v0"],
};

pub(crate) fn machine() -> Machine {
    static CONVENTION: Convention = AAPCS64;
    Machine {
        target: Target::new(&"aarch64-unknown-linux-gnu".parse().unwrap()).unwrap(),
        convention: &CONVENTION,
        floats: cabi::convention::FloatLevel::Double,
        compiler: Some((&["--target=aarch64-linux-gnu"], ASSEMBLY)),
        cases: &[
            Case("void int double float", "x0, v0, v1, void"),
            Case("void long i128 long", "x0, x2 x3, x4, void"),
            Case(
                "void i128 i128 long i128 long",
                "x0 x1, x2 x3, x4, x6 x7, stack 0..8 align 8, void",
            ),
            Case(
                "void long long long long long long long i128 long",
                "x0, x1, x2, x3, x4, x5, x6, stack 0..16 align 16, stack 16..24 align 8, void",
            ),
            Case(
                "void long long long long long long long pair long",
                "x0, x1, x2, x3, x4, x5, x6, stack 0..16 align 8, stack 16..24 align 8, void",
            ),
            Case(
                "void double double double double double double double hfa double",
                "v0, v1, v2, v3, v4, v5, v6, stack 0..16 align 8, stack 16..24 align 8, void",
            ),
            Case(
                "void mix large long",
                "x0 x1, x2, pointer to a copy aligned 8, x3, void",
            ),
            Case("mix", "x0 x1"),
            Case("hfa", "v0 v1"),
            Case("i128", "x0 x1"),
            Case("large", "sret x8"),
        ],
    }
}

#[test]
fn aligned_pairs_and_exhausted_registers() {
    static UNALIGNED: Convention = with_args(
        "no pairs",
        &[
            SRET,
            LARGE,
            Rule::IfType(INTS, &Rule::AssignToReg(X)),
            VECTORS,
            Rule::IfType(INTS, const { &last(X) }),
            Rule::IfType(FLOATS, const { &last(V) }),
        ],
    );
    static BACK_FILL: Convention =
        with_args("back-fill", &[SRET, LARGE, PAIRS, WORDS, VECTORS, SLOT]);
    machine().prove(&[
        ("aligned pairs", &UNALIGNED),
        ("exhausted registers", &BACK_FILL),
    ]);
}

/// Apple: "the caller doesn't pad the argument area", Arguments on the stack of the platform's ABI page.
#[test]
fn slots_of_the_types_own_size() {
    static APPLE: Convention = with_args(
        "Apple's AArch64",
        &[
            SRET,
            LARGE,
            PAIRS,
            WORDS,
            VECTORS,
            Rule::AssignToStack { size: 0, align: 0 },
        ],
    );
    static WORDS_ONLY: Convention =
        with_args("slots of 8", &[SRET, LARGE, PAIRS, WORDS, VECTORS, SLOT]);
    let apple = Machine {
        convention: &APPLE,
        compiler: Some((
            &["--target=arm64-apple-darwin"],
            Assembly {
                comment: ";",
                ..ASSEMBLY
            },
        )),
        cases: &[
            Case(
                "void long long long long long long long long char short int char long",
                "x0, x1, x2, x3, x4, x5, x6, x7, stack 0..1 align 1, stack 2..4 align 2, stack 4..8 align 4, stack 8..9 align 1, \
                 stack 16..24 align 8, void",
            ),
            Case(
                "void double double double double double double double double float float double",
                "v0, v1, v2, v3, v4, v5, v6, v7, stack 0..4 align 4, stack 4..8 align 4, stack 8..16 align 8, void",
            ),
        ],
        ..machine()
    };
    apple.prove(&[("type-sized slots", &WORDS_ONLY)]);
}

/// A register that is narrower than a part is refused, not given to it.
#[test]
fn registers_hold_what_they_are_given() {
    static NARROW: Convention = with_args(
        "vectors in words",
        &[Rule::Promote(PartType::V128), Rule::AssignToReg(X)],
    );
    let sig = cabi::FnSig::new([Type::I64], Type::VOID).convention(&NARROW);
    let why = FnAbi::new(&sig, &machine().target).unwrap_err().to_string();
    assert!(
        why.contains("a rule gives a part a register that is too narrow"),
        "{why}"
    );
}
