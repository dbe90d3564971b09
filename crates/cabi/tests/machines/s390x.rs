//! s390x: the ELF ABI supplement, Parameter Passing. Big-endian: integers are extended to a doubleword, and what is smaller than its slot of the
//! argument area is at the end of it.

use cabi::convention::{
    Classify, Extension, FloatLevel, Frame, Group, GroupKind, PartType, PartTypes, Role, Rule,
    Rules, VaList, Want,
};
use cabi::{Convention, Error, Reg, Target, Type};

use crate::assembly::Assembly;
use crate::values::{floats, int, memory};
use crate::{Case, Machine, registers};

registers! {
    Int 64: R2 "r2" 2 R3 "r3" 3 R4 "r4" 4 R5 "r5" 5 R6 "r6" 6;
    Vector 64: F0 "f0" 0 F2 "f2" 2 F4 "f4" 4 F6 "f6" 6;
}
const R: &[Reg] = &[R2, R3, R4, R5, R6];
const F: &[Reg] = &[F0, F2, F4, F6];
const INTS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32, PartType::I64]);
const FLOATS: PartTypes = PartTypes::of(&[PartType::F32, PartType::F64]);

/// Scalars, and records that hold one float or are as large as an integer; others by address. Results that are records are in memory.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let is_record = ty.as_record().is_some();
    if !matches!(ty.size(), 1 | 2 | 4 | 8) || (is_record && cx.role == Role::Result) {
        return Ok(memory(ty));
    }
    let extension = if is_record {
        Extension::None
    } else {
        Extension::Sign
    };
    let part = match floats(ty)[..] {
        [(_, Some(float))] => float,
        _ => int(ty.size(), extension),
    };
    Ok(Group::new(GroupKind::Registers, ty.size(), ty.align()).with(part))
}

const LARGE: Rule = Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 8 });
const EXTENDED: Rule = Rule::If(
    "an integer that is no record",
    |given| {
        given
            .group
            .parts
            .iter()
            .all(|part| part.extension != Extension::None)
    },
    &Rule::IfType(INTS, &Rule::Promote(PartType::I64)),
);
const WORDS: Rule = Rule::IfType(INTS, &Rule::AssignToReg(R));
const NUMBERS: Rule = Rule::IfType(FLOATS, &Rule::AssignToReg(F));
const SLOT: Rule = Rule::AssignToStack { size: 8, align: 8 };

const S390X: Convention = Convention {
    name: "s390x",
    rules: Rules::new(
        classify,
        &[LARGE, EXTENDED, WORDS, NUMBERS, SLOT],
        &[
            Rule::IfType(INTS, &Rule::AssignToReg(&[R2])),
            Rule::IfType(FLOATS, &Rule::AssignToReg(&[F0])),
        ],
    ),
    frame: Frame {
        big_endian: true,
        va_list: VaList::Array(
            "__va_list_tag",
            &[
                ("__gpr", Type::I64),
                ("__fpr", Type::I64),
                ("__overflow_arg_area", Type::PTR),
                ("__reg_save_area", Type::PTR),
            ],
        ),
        ..Frame::new(8, 8)
    },
};

pub(crate) fn machine() -> Machine {
    static CONVENTION: Convention = S390X;
    Machine {
        // No type here is laid out otherwise than on x86-64.
        target: Target::X86_64_LINUX,
        convention: &CONVENTION,
        floats: FloatLevel::Double,
        compiler: Some((
            &["--target=s390x-linux-gnu"],
            Assembly {
                comment: "#",
                returns: &["br\t%r14"],
                calls: &["brasl"],
                register: |word| {
                    let name = word.strip_prefix('%')?;
                    let all = R.iter().chain(F);
                    all.into_iter()
                        .find(|reg| reg.name() == name)
                        .map(|reg| reg.to_string())
                },
                slot: ("", "(%r15)", 1),
                area: 160,
                results: ["r2", "f0", "f0"],
            },
        )),
        cases: &[
            Case("void int long float double", "r2, r3, f0, f2, void"),
            Case(
                "void float float float float float",
                "f0, f2, f4, f6, stack 4..8 align 4, void",
            ),
            Case(
                "void double double double double double float long",
                "f0, f2, f4, f6, stack 0..8 align 8, stack 12..16 align 4, r2, void",
            ),
            Case(
                "void long long long long long int char long",
                "r2, r3, r4, r5, r6, stack 0, stack 8, stack 16..24 align 8, void",
            ),
            Case(
                "void long long long long long narrow",
                "r2, r3, r4, r5, r6, stack 6..8 align 2, void",
            ),
            Case(
                "void large single pair",
                "r2, pointer to a copy aligned 8, f0, r3, pointer to a copy aligned 8, void",
            ),
            Case("long", "r2"),
            Case("double", "f0"),
            Case("single", "sret r2"),
        ],
    }
}

#[test]
fn big_endian_slots() {
    static LITTLE_ENDIAN: Convention = Convention {
        name: "little-endian",
        frame: Frame {
            big_endian: false,
            ..S390X.frame
        },
        ..S390X
    };
    static NOT_PROMOTED: Convention = Convention {
        name: "integers as they are",
        rules: Rules {
            args: &[LARGE, WORDS, NUMBERS, SLOT],
            ..S390X.rules
        },
        ..S390X
    };
    machine().prove(&[
        ("big-endian slots", &LITTLE_ENDIAN),
        ("promotion on the stack", &NOT_PROMOTED),
    ]);
}
