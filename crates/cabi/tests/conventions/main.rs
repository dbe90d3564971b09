//! Conventions of a user's own: each action of a list does what it says, in registers and on the stack, or is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

use cabi::convention::{
    Classifier, Classify, Convention, Extension, Frame, Group, GroupKind, Part, PartType,
    PartTypes, Rule, Rules, Want,
};
use cabi::{
    ArgFlags, Error, FnAbi, FnSig, Loc, Place, RecordBuilder, Target, Type, X86_64_SYSV, explain,
    x86_64,
};

mod stack;

const LINUX: Target = Target::X86_64_LINUX;

/// `words` with another classifier.
const fn classified(
    classify: Classifier,
    name: &'static str,
    args: &'static [Rule],
    results: &'static [Rule],
) -> Convention {
    Convention {
        name,
        rules: Rules::new(classify, args, results),
        frame: Frame::new(8, 16),
    }
}

/// A convention of the words of a value: integers of 8 bytes, the last with the bytes that are left; more than 64 bytes are in memory.
const fn words(name: &'static str, args: &'static [Rule], results: &'static [Rule]) -> Convention {
    classified(classify, name, args, results)
}

fn classify(ty: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if ty.size() > 64 {
        return Ok(Group::new(GroupKind::Memory, ty.size(), ty.align()));
    }
    let mut group = Group::new(GroupKind::Registers, ty.size(), ty.align());
    for offset in (0..ty.size()).step_by(8) {
        let size = u8::try_from((ty.size() - offset).min(8)).unwrap();
        let int = match size {
            1 => PartType::I8,
            2 => PartType::I16,
            3..=4 => PartType::I32,
            _ => PartType::I64,
        };
        group = group.with(Part {
            offset: u8::try_from(offset).unwrap(),
            size,
            ..Part::int(int, Extension::Zero)
        });
    }
    Ok(group)
}

fn classify_split(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let mut group = classify(ty, cx)?;
    group.may_split = true;
    Ok(group)
}

fn record(fields: &[Type]) -> Type {
    let record = RecordBuilder::structure("s");
    let named = fields
        .iter()
        .fold(record, |record, ty| record.field("m", ty.clone()));
    named.build(LINUX.data_model()).unwrap()
}

fn pair() -> Type {
    record(&[Type::I64, Type::I64])
}

fn abi(convention: &'static Convention, args: &[Type], ret: Type) -> FnAbi {
    let sig = FnSig::new(args.to_vec(), ret).convention(convention);
    FnAbi::new(&sig, &LINUX).unwrap()
}

fn refused(convention: &'static Convention, args: &[Type], ret: Type) -> String {
    let sig = FnSig::new(args.to_vec(), ret).convention(convention);
    let error = FnAbi::new(&sig, &LINUX).unwrap_err().to_string();
    assert_eq!(explain(&sig, &[], &LINUX).unwrap_err().to_string(), error);
    error
}

fn places(abi: &FnAbi) -> Vec<String> {
    abi.args.iter().map(|arg| arg.place.to_string()).collect()
}

/// A function places what a later part of a group reached it with: what it took of the stack stays taken, and the registers of the earlier
/// parts are free again.
#[test]
fn what_a_function_took_stays_taken() {
    static MINE: Convention = words(
        "copies",
        &[
            Rule::AssignToReg(&[x86_64::RDI, x86_64::RSI, x86_64::RDX]),
            Rule::Custom("a copy, and rcx", |group, state| {
                state.take(x86_64::RCX);
                let offset = state.take_stack(group.size, 8, 8)?;
                Some(Place::Stack {
                    offset,
                    size: group.size,
                    align: 8,
                })
            }),
        ],
        &[],
    );
    let abi = abi(&MINE, &[pair(), pair(), pair(), Type::I64], Type::VOID);
    let expected = [
        "rdi rsi",
        "stack 0..16 align 8",
        "stack 16..32 align 8",
        "rdx",
    ];
    assert_eq!(places(&abi), expected);
    assert_eq!((abi.area_bytes, abi.used.int), (32, 4));
}

/// A function that places nothing has an effect all the same: here an odd register is skipped before a pair, and one is used up by each
/// value that is sent to the stack.
#[test]
fn what_a_function_took_that_placed_nothing_stays_taken() {
    static MINE: Convention = words(
        "even pairs",
        &[
            Rule::If(
                "of two words",
                |given| given.group.parts.len() == 2,
                &Rule::Custom("start at an even register", |_, state| {
                    if state.is_free(x86_64::RSI) && !state.is_free(x86_64::RDI) {
                        state.take(x86_64::RSI);
                    }
                    None
                }),
            ),
            Rule::AssignToReg(&[x86_64::RDI, x86_64::RSI, x86_64::RDX, x86_64::RCX]),
            Rule::Custom("burn r8", |_, state| {
                state.take(x86_64::R8);
                None
            }),
            Rule::AssignToStack { size: 8, align: 8 },
        ],
        &[],
    );
    let abi = abi(&MINE, &[Type::I64, pair(), pair(), pair()], Type::VOID);
    let expected = [
        "rdi",
        "rdx rcx",
        "stack 0..16 align 8",
        "stack 16..32 align 8",
    ];
    assert_eq!(places(&abi), expected);
    assert_eq!(abi.used.int, 5);
}

/// A function may not place a value where no area is.
#[test]
fn a_function_places_inside_of_the_area() {
    static FAR: Convention = words(
        "far",
        &[Rule::Custom("far", |group, _| {
            Some(Place::Stack {
                offset: 8,
                size: group.size,
                align: 8,
            })
        })],
        &[],
    );
    assert_eq!(
        refused(&FAR, &[Type::I64], Type::VOID),
        "long long: a place outside the argument area (x86_64-unknown-linux-gnu)"
    );
}

/// A classifier's flags are kept beside the caller's.
#[test]
fn flags_of_a_classifier() {
    fn flagged(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
        let mut group = classify(ty, cx)?;
        if group.parts.len() > 1 {
            group.flags = ArgFlags::SPLIT;
        }
        Ok(group)
    }
    static MINE: Convention = classified(
        flagged,
        "split",
        &[
            Rule::IfFlag(
                ArgFlags::SPLIT,
                &Rule::IfFlag(
                    ArgFlags::IN_REG,
                    &Rule::AssignToReg(&[x86_64::R14, x86_64::R15]),
                ),
            ),
            Rule::IfFlag(
                ArgFlags::SPLIT,
                &Rule::AssignToReg(&[x86_64::R12, x86_64::R13]),
            ),
            Rule::AssignToReg(&[x86_64::RDI, x86_64::RSI]),
        ],
        &[],
    );
    let sig = FnSig::new([Type::I64, pair(), pair()], Type::VOID)
        .flags(2, ArgFlags::IN_REG)
        .convention(&MINE);
    let abi = FnAbi::new(&sig, &LINUX).unwrap();
    assert_eq!(places(&abi), ["rdi", "r12 r13", "r14 r15"]);
}

fn parts_of(place: &Place) -> Vec<(PartType, u8, Loc)> {
    let Place::Parts(parts) = place else {
        panic!("{place} has no parts");
    };
    let of = parts
        .iter()
        .map(|placed| (placed.part.ty, placed.part.size, placed.loc));
    of.collect()
}

/// A value is in both registers of a pair, or in neither; lanes are in registers that nothing else is in.
#[test]
fn no_register_is_given_out_twice() {
    static BOTH: Convention = words(
        "both",
        &[
            Rule::IfType(
                PartTypes::of(&[PartType::I32]),
                &Rule::AssignToReg(&[x86_64::RSI]),
            ),
            Rule::AssignToBoth(&[[x86_64::RDI, x86_64::RSI], [x86_64::RDX, x86_64::RCX]]),
            Rule::AssignToStack { size: 8, align: 8 },
        ],
        &[],
    );
    let abi = abi(&BOTH, &[Type::I32, Type::I64, Type::I64], Type::VOID);
    assert_eq!(places(&abi), ["rsi", "rdx+rcx", "stack 0..8 align 8"]);

    fn lanes(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
        match ty.as_scalar() {
            Some(_) => classify(ty, cx),
            None => Ok(Group::new(GroupKind::PerElement { lanes: 3 }, 3, 1)),
        }
    }
    static LANES: Convention = Convention {
        name: "lanes",
        rules: Rules {
            classify: lanes,
            args: &[
                Rule::IfType(
                    PartTypes::of(&[PartType::I64]),
                    &Rule::AssignToReg(&[x86_64::RSI]),
                ),
                Rule::AssignLanes {
                    regs: &[x86_64::RDI, x86_64::RSI, x86_64::RDX],
                    slot: 8,
                },
            ],
            ..BOTH.rules
        },
        ..BOTH
    };
    let three = record(&[Type::I8; 3]);
    let abi = crate::abi(&LANES, &[Type::I64, three], Type::VOID);
    assert_eq!(places(&abi), ["rsi", "lanes rdx stack 0..16"]);
}

/// Lists that refer to themselves are refused at once, and can be printed.
#[test]
fn circles_end() {
    static LIST: [Rule; 3] = [
        Rule::DelegateTo(&LOOP),
        Rule::DelegateTo(&LOOP),
        Rule::AssignToReg(&[x86_64::RDI]),
    ];
    static LOOP: [Rule; 1] = [Rule::DelegateTo(&LIST)];
    static CIRCLE: Convention = words("circle", &LIST, &[]);
    let why = "lists of the convention delegate to each other, or guards nest, more than 16 deep, or go on with other lists more than 4096 \
               times (x86_64-unknown-linux-gnu)";
    assert_eq!(
        refused(&CIRCLE, &[Type::I64], Type::VOID),
        format!("long long: {why}")
    );
    static GUARD: Rule = Rule::IfNotVariadic(&GUARD);
    static GUARDS: Convention = words("guards", &[Rule::IfNotVariadic(&GUARD)], &[]);
    assert_eq!(
        refused(&GUARDS, &[Type::I64], Type::VOID),
        format!("long long: {why}")
    );
    assert!(GUARD.to_string().ends_with("if not variadic: ..."));
    let sig = FnSig::new([], Type::VOID).convention(&GUARDS);
    assert!(format!("{sig:?} {GUARD:?}").len() < 10_000);

    // No circle, but as many paths as five levels of 8 make.
    macro_rules! levels {
        ($name:ident $below:expr;) => { static $name: &[Rule] = $below; };
        ($name:ident $below:expr; $next:ident $($rest:ident)*) => {
            static $name: &[Rule] = $below;
            levels!($next &[Rule::DelegateTo($name), Rule::DelegateTo($name), Rule::DelegateTo($name), Rule::DelegateTo($name),
                Rule::DelegateTo($name), Rule::DelegateTo($name), Rule::DelegateTo($name), Rule::DelegateTo($name)]; $($rest)*);
        };
    }
    levels!(A &[]; B C D E F);
    static TREE: Convention = words("tree", F, &[]);
    assert_eq!(
        refused(&TREE, &[Type::I64], Type::VOID),
        format!("long long: {why}")
    );
}

/// The flags of an argument are also those of what it asks for instead: a `byval` one asks for memory, whatever registers are left.
#[test]
fn flags_of_what_is_asked_for_instead() {
    let target = Target::named("riscv64gc-unknown-linux-gnu").unwrap();
    let number = |flags| {
        let sig = FnSig::new(vec![Type::F64; 9], Type::VOID).flags(8, flags);
        let abi = FnAbi::new(&sig, &target).unwrap();
        abi.args[8].place.to_string()
    };
    assert_eq!(number(ArgFlags::NONE), "a0");
    assert_eq!(number(ArgFlags::BYVAL), "a0, pointer to a copy aligned 8");
    assert_eq!(number(ArgFlags::NEST), "t2");
}
