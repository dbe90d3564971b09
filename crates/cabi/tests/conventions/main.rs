//! Conventions of a user's own: each action of a list does what it says, in registers and on the stack, or is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

use cabi::convention::PartType::{F64, F80, I8, I16, I32, I64, V128};
use cabi::convention::Rule::{
    AssignLanes, AssignToBoth, AssignToReg, AssignToStack, AssignToStackWithShadow, BitConvert,
    Custom, DelegateTo, If, IfFlag, IfNotVariadic, IfType, IfWants, PassIndirect, Promote,
};
use cabi::convention::{
    Classifier, Classify, Convention, Extension, Frame, Group, GroupKind, Part, PartType,
    PartTypes, Rule, Rules, Want,
};
use cabi::x86_64::{R8, R9, R10, R12, R13, R14, R15, RAX, RCX, RDI, RDX, RSI, XMM0};
use cabi::{
    ArgFlags, Error, FnAbi, FnSig, Loc, Place, RecordBuilder, Target, Type, X86_64_SYSV, explain,
};

mod stack;

const LINUX: Target = Target::X86_64_LINUX;

const fn of(types: &[PartType]) -> PartTypes {
    PartTypes::of(types)
}

const fn slot(size: u32, align: u32) -> Rule {
    AssignToStack { size, align }
}

const fn convention(
    classify: Classifier,
    args: &'static [Rule],
    results: &'static [Rule],
) -> Convention {
    Convention {
        name: "mine",
        rules: Rules::new(classify, args, results),
        frame: Frame::new(8, 16),
    }
}

/// Arguments as the words of a value: integers of 8 bytes, the last with the bytes that are left; more than 64 bytes are in memory.
const fn words(args: &'static [Rule]) -> Convention {
    convention(classify, args, &[])
}

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

fn classify_split(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let mut group = classify(ty, cx)?;
    group.may_split = true;
    Ok(group)
}

/// The type of a name: integers by their bits, `4xi64` a record of four.
fn ty(name: &str, target: &Target) -> Type {
    let Some((n, member)) = name.split_once('x') else {
        return match name {
            "i8" => Type::I8,
            "i16" => Type::I16,
            "i32" => Type::I32,
            "i64" => Type::I64,
            "i128" => Type::I128,
            "wide" => Type::I128.with_align(32).unwrap(),
            _ => Type::VOID,
        };
    };
    let record = RecordBuilder::structure("s");
    let member = ty(member, target);
    let record = (0..n.parse().unwrap()).fold(record, |record, _| record.field("", member.clone()));
    record.build(target.data_model()).unwrap()
}

/// The signature of names of types, the result after `->`.
fn sig(text: &str, target: &Target) -> FnSig {
    let (args, ret) = text.split_once("->").unwrap_or((text, "void"));
    let args = args.split_whitespace().map(|name| ty(name, target));
    FnSig::new(args, ty(ret.trim(), target))
}

fn abi(convention: &'static Convention, text: &str) -> FnAbi {
    FnAbi::new(&sig(text, &LINUX).convention(convention), &LINUX).unwrap()
}

/// The places of all arguments, then that of the result, if there is one.
fn places(abi: &FnAbi) -> String {
    let mut all: Vec<String> = abi.args.iter().map(|arg| arg.place.to_string()).collect();
    all.extend(Some(abi.ret.to_string()).filter(|ret| ret != "void"));
    all.join(", ")
}

/// Where everything is, and the bytes and integer registers that are used.
fn all(convention: &'static Convention, text: &str) -> (String, u64, u8) {
    let abi = abi(convention, text);
    (places(&abi), abi.area_bytes, abi.used.int)
}

fn check(convention: &'static Convention, text: &str, (expected, bytes, ints): (&str, u64, u8)) {
    assert_eq!(
        all(convention, text),
        (expected.to_owned(), bytes, ints),
        "{text}"
    );
}

fn check_refused(convention: &'static Convention, text: &str, why: &str) {
    let sig = sig(text, &LINUX).convention(convention);
    let error = FnAbi::new(&sig, &LINUX).unwrap_err().to_string();
    assert_eq!(explain(&sig, &[], &LINUX).unwrap_err().to_string(), error);
    assert_eq!(
        error,
        format!("long long: {why} (x86_64-unknown-linux-gnu)")
    );
}

/// A function places what a later part of a group reached it with: what it took of the stack stays taken, and the registers of the earlier
/// parts are free again.
#[test]
fn what_a_function_took_stays_taken() {
    static MINE: Convention = words(&[
        AssignToReg(&[RDI, RSI, RDX]),
        Custom("a copy, and rcx", |group, state| {
            state.take(RCX);
            let (size, align) = (group.size, 8);
            let offset = state.take_stack(size, 8, 8)?;
            Some(Place::Stack {
                offset,
                size,
                align,
            })
        }),
    ]);
    let expected = "rdi rsi, stack 0..16 align 8, stack 16..32 align 8, rdx";
    check(&MINE, "2xi64 2xi64 2xi64 i64", (expected, 32, 4));
}

/// A function that places nothing has an effect all the same: here an odd register is skipped before a pair, and one is used up by each
/// value that is sent to the stack.
#[test]
fn what_a_function_took_that_placed_nothing_stays_taken() {
    static MINE: Convention = words(&[
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
    ]);
    let expected = "rdi, rdx rcx, stack 0..16 align 8, stack 16..32 align 8";
    check(&MINE, "i64 2xi64 2xi64 2xi64", (expected, 32, 5));
}

/// A function may not place a value where no area is.
#[test]
fn a_function_places_inside_of_the_area() {
    static FAR: Convention = words(&[Custom("far", |group, _| {
        let (offset, size, align) = (8, group.size, 8);
        Some(Place::Stack {
            offset,
            size,
            align,
        })
    })]);
    check_refused(&FAR, "i64", "a place outside the argument area");
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
    static MINE: Convention = convention(
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
    );
    let sig = sig("i64 2xi64 2xi64", &LINUX).flags(2, ArgFlags::IN_REG);
    let abi = FnAbi::new(&sig.convention(&MINE), &LINUX).unwrap();
    assert_eq!(places(&abi), "rdi, r12 r13, r14 r15");
}

/// A value is in both registers of a pair, or in neither; lanes are in registers that nothing else is in.
#[test]
fn no_register_is_given_out_twice() {
    static BOTH: Convention = words(&[
        IfType(of(&[I32]), &AssignToReg(&[RSI])),
        AssignToBoth(&[[RDI, RSI], [RDX, RCX]]),
        slot(8, 8),
    ]);
    check(
        &BOTH,
        "i32 i64 i64",
        ("rsi, rdx+rcx, stack 0..8 align 8", 8, 3),
    );
    fn lanes(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
        match ty.as_scalar() {
            Some(_) => classify(ty, cx),
            None => Ok(Group::new(GroupKind::PerElement { lanes: 3 }, 3, 1)),
        }
    }
    static LANES: Convention = convention(
        lanes,
        &[
            IfType(of(&[I64]), &AssignToReg(&[RSI])),
            AssignLanes {
                regs: &[RDI, RSI, RDX],
                slot: 8,
            },
        ],
        &[],
    );
    check(&LANES, "i64 3xi8", ("rsi, lanes rdx stack 0..16", 16, 2));
}

/// Lists that refer to themselves are refused at once, and can be printed.
#[test]
fn circles_end() {
    static LIST: [Rule; 3] = [DelegateTo(&LOOP), DelegateTo(&LOOP), AssignToReg(&[RDI])];
    static LOOP: [Rule; 1] = [DelegateTo(&LIST)];
    static CIRCLE: Convention = words(&LIST);
    static GUARD: Rule = IfNotVariadic(&GUARD);
    static GUARDS: Convention = words(&[IfNotVariadic(&GUARD)]);
    // No circle, but as many paths as five levels of 8 make.
    const ONE: &[Rule] = &[DelegateTo(&[]); 8];
    const TWO: &[Rule] = &[DelegateTo(ONE); 8];
    const THREE: &[Rule] = &[DelegateTo(TWO); 8];
    const FOUR: &[Rule] = &[DelegateTo(THREE); 8];
    static TREE: Convention = words(&[DelegateTo(FOUR); 8]);
    let why = "lists of the convention delegate to each other, or guards nest, more than 16 deep, or go on with other lists more than 4096 \
               times";
    for convention in [&CIRCLE, &GUARDS, &TREE] {
        check_refused(convention, "i64", why);
    }
    assert!(GUARD.to_string().ends_with("if not variadic: ..."));
    let sig = FnSig::new([], Type::VOID).convention(&GUARDS);
    assert!(format!("{sig:?} {GUARD:?}").len() < 10_000);
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
