//! Conventions of a user's own, for `tests/tables/own_conventions.txt`, each for an action of
//! lists.

use cabi::convention::PartType::{F64, F80, I8, I16, I32, I64, V128};
use cabi::convention::Rule::{
    AssignLanes, AssignToBoth, AssignToReg, AssignToStack, AssignToStackWithShadow, BitConvert,
    Custom, DelegateTo, If, IfFlag, IfNotVariadic, IfType, IfWants, PassIndirect, Promote,
};
use cabi::convention::{
    CalleePops, Classifier, Classify, Convention, Extension, Frame, Group, GroupKind, Part,
    PartType, PartTypes, Rule, Rules, WantedKind,
};
use cabi::x86_64::{R8, R9, R10, R12, R13, R14, R15, RAX, RCX, RDI, RDX, RSI, XMM0};
use cabi::{ArgFlags, Error, FnAbi, FnSig, Place, Type, X86_64_SYSV};

use crate::LINUX;
use crate::i386::I386;

/// Returns the convention called `name`.
pub(crate) fn named(name: &str) -> &'static Convention {
    let own = OWN
        .iter()
        .chain([&HIGH, &LOW, &NONE, &WHOLE, &POINTERS, &I386, &STDCALL]);
    let mut own = own.filter(|own| own.name == name);
    let mut known = cabi::conventions().iter().filter(|own| own.name == name);
    let found = own.next().or_else(|| Some(known.next()?.convention));
    found.unwrap_or_else(|| panic!("{name}"))
}

const fn of(types: &[PartType]) -> PartTypes {
    PartTypes::of(types)
}

const fn slot(size: u32, align: u32) -> Rule {
    AssignToStack { size, align }
}

const fn convention(
    name: &'static str,
    classify: Classifier,
    args: &'static [Rule],
    results: &'static [Rule],
) -> Convention {
    Convention {
        name,
        rules: Rules::new(classify, args, results),
        frame: Frame::new(8, 16),
    }
}

const fn words(name: &'static str, args: &'static [Rule]) -> Convention {
    convention(name, classify, args, &[])
}

/// Returns a value as words: integers of 8 bytes, the last with the bytes that are left. A value of
/// more than 64 bytes is in memory.
fn classify(ty: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if ty.size() > 64 {
        return Ok(Group::new(GroupKind::Memory, ty.size(), ty.align()));
    }
    let mut group = Group::new(GroupKind::Registers, ty.size(), ty.align());
    for offset in (0..ty.size()).step_by(8) {
        let size = u8::try_from((ty.size() - offset).min(8)).unwrap();
        let int = match size {
            1 => I8,
            2 => I16,
            3..=4 => I32,
            _ => I64,
        };
        group = group.with(Part {
            offset: u8::try_from(offset).unwrap(),
            size,
            ..Part::int(int, Extension::Zero)
        });
    }
    Ok(group)
}

fn split(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let mut group = classify(ty, cx)?;
    group.may_split = true;
    Ok(group)
}

/// Returns a value as words, and flags several words.
fn flagged(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let mut group = classify(ty, cx)?;
    if group.parts.len() > 1 {
        group.flags = ArgFlags::SPLIT;
    }
    Ok(group)
}

fn lanes(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    match ty.as_scalar() {
        Some(_) => classify(ty, cx),
        None => Ok(Group::new(GroupKind::PerElement { lanes: 3 }, 3, 1)),
    }
}

/// Returns a value that is one part of 10 bytes.
fn x87(_: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let mut group = Group::new(GroupKind::Registers, 16, 16);
    group.may_split = true;
    Ok(group.with(Part::int(F80, Extension::None)))
}

fn place(offset: u64, size: u64) -> Option<Place> {
    let align = 8;
    Some(Place::Stack {
        offset,
        size,
        align,
    })
}

const CONVERTED: &[Rule] = &[
    IfType(of(&[I8]), &Promote(I32)),
    IfType(of(&[I64]), &BitConvert(F64)),
    IfType(of(&[I32]), &AssignToReg(&[RDI])),
    IfType(of(&[F64]), &AssignToReg(&[XMM0])),
    slot(4, 4),
];
const ONE_THEN_SLOTS: &[Rule] = &[AssignToReg(&[RDI]), slot(8, 8)];
const RAX_THEN_SLOTS: &[Rule] = &[AssignToReg(&[RAX]), slot(8, 8)];

// Lists that refer to themselves, and lists without a circle but with the paths of five levels of
// 8.
static LIST: [Rule; 3] = [DelegateTo(&LOOP), DelegateTo(&LOOP), AssignToReg(&[RDI])];
static LOOP: [Rule; 1] = [DelegateTo(&LIST)];
static GUARD: Rule = IfNotVariadic(&GUARD);
const ONE: &[Rule] = &[DelegateTo(&[]); 8];
const TWO: &[Rule] = &[DelegateTo(ONE); 8];
const THREE: &[Rule] = &[DelegateTo(TWO); 8];
const FOUR: &[Rule] = &[DelegateTo(THREE); 8];

static OWN: [Convention; 17] = [
    words(
        "takes-and-places",
        &[
            AssignToReg(&[RDI, RSI, RDX]),
            Custom("a copy, and rcx", |group, state| {
                state.take(RCX);
                place(state.take_stack(group.size, 8, 8)?, group.size)
            }),
        ],
    ),
    words(
        "takes",
        &[
            If(
                "of two words",
                |given| given.group.parts.len() == 2,
                &Custom("start at an even register", |_, state| {
                    if state.is_free(RSI) && !state.is_free(RDI) {
                        state.take(RSI);
                    }
                    None
                }),
            ),
            AssignToReg(&[RDI, RSI, RDX, RCX]),
            Custom("burn r8", |_, state| {
                state.take(R8);
                None
            }),
            slot(8, 8),
        ],
    ),
    words("far", &[Custom("far", |group, _| place(8, group.size))]),
    convention(
        "flagged",
        flagged,
        &[
            IfFlag(
                ArgFlags::SPLIT,
                &IfFlag(ArgFlags::IN_REG, &AssignToReg(&[R14, R15])),
            ),
            IfFlag(ArgFlags::SPLIT, &AssignToReg(&[R12, R13])),
            AssignToReg(&[RDI, RSI]),
        ],
        &[],
    ),
    words(
        "both",
        &[
            IfType(of(&[I32]), &AssignToReg(&[RSI])),
            AssignToBoth(&[[RDI, RSI], [RDX, RCX]]),
            slot(8, 8),
        ],
    ),
    convention(
        "lanes",
        lanes,
        &[
            IfType(of(&[I64]), &AssignToReg(&[RSI])),
            AssignLanes {
                regs: &[RDI, RSI, RDX],
                slot: 8,
            },
        ],
        &[],
    ),
    words("circle", &LIST),
    words("guards", &const { [IfNotVariadic(&GUARD)] }),
    words("tree", &[DelegateTo(FOUR); 8]),
    words("converted", CONVERTED),
    convention("converted-split", split, CONVERTED, &[]),
    words("own-slots", &[slot(0, 0)]),
    convention("x87-slots", x87, &[slot(0, 0)], &[]),
    words("odd-slots", &[slot(8, 12)]),
    convention(
        "shadowed-slots",
        split,
        &[
            AssignToReg(&[RDI, RSI]),
            AssignToStackWithShadow {
                size: 8,
                align: 8,
                shadow: &[R9],
            },
        ],
        &[],
    ),
    convention("stack-results", split, ONE_THEN_SLOTS, RAX_THEN_SLOTS),
    words("narrow", &[Promote(V128), AssignToReg(&[RDI])]),
];

static POINTERS: Convention = Convention {
    frame: Frame::new(4, 16),
    ..words(
        "pointers",
        &[
            IfWants(WantedKind::Memory, &PassIndirect { align: 16 }),
            IfType(of(&[I64]), &AssignToReg(&[R10])),
            IfType(of(&[I32]), &AssignToReg(&[RCX])),
            slot(0, 0),
        ],
    )
};

/// Convention whose results are whole on the stack, because parts do not split. Shadow space comes
/// first.
static WHOLE: Convention = Convention {
    frame: Frame {
        shadow_space: 32,
        ..Frame::new(8, 16)
    },
    ..convention("whole-results", classify, ONE_THEN_SLOTS, RAX_THEN_SLOTS)
};

static STDCALL: Convention = Convention {
    name: "stdcall",
    frame: Frame {
        callee_pops: CalleePops::Everything,
        ..I386.frame
    },
    ..I386
};

static HIGH: Convention = aligned("high", 16, 16);
static LOW: Convention = aligned("low", 1, 4);
static NONE: Convention = aligned("none", 1, 0);

const fn aligned(name: &'static str, least_align: u32, stack_align: u32) -> Convention {
    Convention {
        name,
        frame: Frame {
            least_align,
            stack_align,
            ..X86_64_SYSV.frame
        },
        ..X86_64_SYSV
    }
}

/// Tests that lists that refer to themselves can be printed.
#[test]
fn circles_are_printed_with_an_end() {
    assert!(GUARD.to_string().ends_with("if not variadic: ..."));
    let sig = FnSig::new([], Type::VOID).convention(named("guards"));
    assert!(format!("{sig:?} {GUARD:?}").len() < 10_000);
}

#[test]
fn results_on_the_stack_fit() {
    let three = cabi::Type::parse("struct { long a[3]; }", &crate::LP64).unwrap();
    let sig = FnSig::new([], three).convention(named("stack-results"));
    assert!(FnAbi::return_fits(&sig, &LINUX).unwrap());
}
