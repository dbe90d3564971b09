//! Conventions of a user's own: each action of a list does what it says, in registers and on the stack, or is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

use cabi::rules::{Classify, Convention, Extension, Group, GroupKind, Part, PartType, Rule, Want};
use cabi::{
    ArgFlags, DataModel, Error, FnAbi, FnSig, Loc, Place, RecordBuilder, Reg, RetAbi, Target, Type,
    X86_64_SYSV, X86_64_WIN64, explain,
};

const LINUX: Target = Target::X86_64_LINUX;

/// A convention of the words of a value: integers of 8 bytes, the last with the bytes that are left; more than 64 bytes are in memory.
const fn words(name: &'static str, args: &'static [Rule], results: &'static [Rule]) -> Convention {
    Convention {
        name,
        classify,
        args,
        results,
        shadow_space: 0,
        stack_align: 16,
        slot: 8,
        sret_echo: None,
        variadic_count: None,
    }
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
            Rule::AssignToReg(&[Reg::Rdi, Reg::Rsi, Reg::Rdx]),
            Rule::Custom("a copy, and rcx", |group, state| {
                state.take(Reg::Rcx);
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
    assert_eq!((abi.area_bytes, abi.n_gp), (32, 4));
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
                |group| group.parts.len() == 2,
                &Rule::Custom("start at an even register", |_, state| {
                    if state.is_free(Reg::Rsi) && !state.is_free(Reg::Rdi) {
                        state.take(Reg::Rsi);
                    }
                    None
                }),
            ),
            Rule::AssignToReg(&[Reg::Rdi, Reg::Rsi, Reg::Rdx, Reg::Rcx]),
            Rule::Custom("burn r8", |_, state| {
                state.take(Reg::R8);
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
    assert_eq!(abi.n_gp, 5);
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
    static MINE: Convention = Convention {
        classify: flagged,
        ..words(
            "split",
            &[
                Rule::IfFlag(
                    ArgFlags::SPLIT,
                    &Rule::IfFlag(ArgFlags::IN_REG, &Rule::AssignToReg(&[Reg::R14, Reg::R15])),
                ),
                Rule::IfFlag(ArgFlags::SPLIT, &Rule::AssignToReg(&[Reg::R12, Reg::R13])),
                Rule::AssignToReg(&[Reg::Rdi, Reg::Rsi]),
            ],
            &[],
        )
    };
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

/// A promoted part is as wide on the stack as it is in a register; so is each part of a group that is sent there.
#[test]
fn promotions_hold_on_the_stack() {
    static MINE: Convention = words(
        "wide",
        &[
            Rule::IfType(&[PartType::I8], &Rule::Promote(PartType::I32)),
            Rule::IfType(&[PartType::I64], &Rule::BitConvert(PartType::F64)),
            Rule::IfType(&[PartType::I32], &Rule::AssignToReg(&[Reg::Rdi])),
            Rule::IfType(&[PartType::F64], &Rule::AssignToReg(&[Reg::Xmm0])),
            Rule::AssignToStack { size: 4, align: 4 },
        ],
        &[],
    );
    use PartType::{F64, I32};
    let nine = record(&[Type::I8; 9]);
    let abi = abi(
        &MINE,
        &[Type::I8, Type::I8, Type::I16, nine.clone(), nine],
        Type::VOID,
    );
    let parts: Vec<_> = abi.args.iter().map(|arg| &arg.place).collect();
    assert_eq!(parts_of(parts[0]), [(I32, 1, Loc::Reg(Reg::Rdi))]);
    assert_eq!(parts_of(parts[1]), [(I32, 1, Loc::Stack(0))]);
    // Nothing converts it: the value as it is.
    assert_eq!(parts[2].to_string(), "stack 4..6 align 4");
    // Its second part finds no register; the first one, which had, is converted on the stack as it was there.
    let whole = [(F64, 8, Loc::Stack(8)), (I32, 1, Loc::Stack(16))];
    assert_eq!(parts_of(parts[3]), whole);
    let whole = [(F64, 8, Loc::Stack(20)), (I32, 1, Loc::Stack(28))];
    assert_eq!(parts_of(parts[4]), whole);
    assert_eq!(abi.area_bytes, 32);

    static SPLIT: Convention = Convention {
        name: "wide, split",
        classify: classify_split,
        ..MINE
    };
    let nine = record(&[Type::I8; 9]);
    let abi = crate::abi(&SPLIT, &[Type::I8, nine], Type::VOID);
    let split = [(F64, 8, Loc::Reg(Reg::Xmm0)), (I32, 1, Loc::Stack(0))];
    assert_eq!(parts_of(&abi.args[1].place), split);
}

/// A size or alignment of 0 is the type's own.
#[test]
fn slots_of_the_types_own_size() {
    static OWN: Convention = words("own", &[Rule::AssignToStack { size: 0, align: 0 }], &[]);
    let args = [
        Type::I8,
        Type::I16,
        Type::I8,
        Type::I64,
        record(&[Type::I8; 3]),
        Type::I128,
    ];
    let expected = [
        "stack 0..1 align 1",
        "stack 2..4 align 2",
        "stack 4..5 align 1",
        "stack 8..16 align 8",
        "stack 16..19 align 1",
        "stack 32..48 align 16",
    ];
    let abi = abi(&OWN, &args, Type::VOID);
    assert_eq!(places(&abi), expected);
    assert_eq!(abi.area_bytes, 48);

    // A part of 10 bytes takes what an object of its type takes.
    fn x87(_: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
        let mut group = Group::new(GroupKind::Registers, 16, 16);
        group.may_split = true;
        Ok(group.with(Part::int(PartType::F80, Extension::None)))
    }
    static X87: Convention = Convention {
        name: "x87",
        classify: x87,
        ..OWN
    };
    let abi = crate::abi(&X87, &[Type::F80, Type::F80], Type::VOID);
    assert_eq!(places(&abi), ["stack 0", "stack 16"]);
    assert_eq!(abi.area_bytes, 32);

    static ODD: Convention = words("odd", &[Rule::AssignToStack { size: 8, align: 12 }], &[]);
    assert_eq!(
        refused(&ODD, &[Type::I64], Type::VOID),
        "long long: an alignment that is no power of two, or greater than any type may ask for (x86_64-unknown-linux-gnu)"
    );
}

/// Parts on the stack are as aligned as they are in their value, beside parts in registers too.
#[test]
fn split_values_keep_their_alignment() {
    static MINE: Convention = Convention {
        classify: classify_split,
        ..words(
            "split",
            &[
                Rule::AssignToReg(&[Reg::Rdi, Reg::Rsi]),
                Rule::AssignToStackWithShadow {
                    size: 8,
                    align: 8,
                    shadow: &[Reg::R9],
                },
            ],
            &[],
        )
    };
    // rsi and the first slot; then a word, and 16 bytes that are aligned to 16.
    let abi = abi(
        &MINE,
        &[Type::I64, Type::I128, Type::I128, Type::I64, Type::I128],
        Type::VOID,
    );
    let expected = [
        "rdi",
        "rsi stack 0",
        "stack 16 stack 24",
        "stack 32",
        "stack 48 stack 56",
    ];
    assert_eq!(places(&abi), expected);
    assert_eq!((abi.area_bytes, abi.n_gp), (64, 3));
    let wide = record(&[Type::I128.with_align(32).unwrap()]);
    let abi = crate::abi(&MINE, &[Type::I64, Type::I64, Type::I64, wide], Type::VOID);
    assert_eq!(places(&abi)[3], "stack 32 stack 40 stack 48 stack 56");
    assert_eq!(abi.area_align, 32);
}

/// Pointers to copies and to results are as wide as the target's.
#[test]
fn pointers_of_the_targets_width() {
    static MINE: Convention = Convention {
        slot: 4,
        ..words(
            "cdecl",
            &[
                Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 16 }),
                Rule::IfType(&[PartType::I64], &Rule::AssignToReg(&[Reg::R10])),
                Rule::IfType(&[PartType::I32], &Rule::AssignToReg(&[Reg::Rcx])),
                Rule::AssignToStack { size: 0, align: 0 },
            ],
            &[],
        )
    };
    let large = |target: &Target| {
        let bytes = Type::array(&Type::I8, 100).unwrap();
        let record = RecordBuilder::structure("large").field("x", bytes);
        record.build(target.data_model()).unwrap()
    };
    let call = |target: &Target| {
        let large = large(target);
        let sig = FnSig::new([large.clone(), Type::I32, large.clone()], large);
        FnAbi::new(&sig.convention(&MINE), target).unwrap()
    };
    let narrow = Target::new(&"i686-unknown-linux-gnu".parse().unwrap()).unwrap();
    for target in [
        narrow,
        Target::new(&"x86_64-unknown-linux-gnux32".parse().unwrap()).unwrap(),
    ] {
        let abi = call(&target);
        let expected = [
            "stack 0, pointer to a copy aligned 16",
            "stack 4..8 align 4",
            "stack 8, pointer to a copy aligned 16",
        ];
        assert_eq!(abi.ret.to_string(), "sret rcx");
        assert_eq!(places(&abi), expected);
        assert_eq!(abi.area_bytes, 12);
    }
    let abi = call(&LINUX);
    let expected = [
        "stack 0, pointer to a copy aligned 16",
        "rcx",
        "stack 8, pointer to a copy aligned 16",
    ];
    assert_eq!(abi.ret.to_string(), "sret r10");
    assert_eq!(places(&abi), expected);
}

/// The pointer to a copy, and that to a result, may be on the stack, by whichever action.
#[test]
fn pointers_on_the_stack() {
    static MINE: Convention = Convention {
        name: "pointers",
        args: &[
            Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 8 }),
            Rule::PassByVal { size: 8, align: 8 },
        ],
        ..X86_64_SYSV
    };
    let large = record(&[Type::I64, Type::I64, Type::I64]);
    let abi = abi(&MINE, std::slice::from_ref(&large), large.clone());
    assert_eq!(abi.ret.to_string(), "sret stack 0, echoed in rax");
    assert_eq!(places(&abi), ["stack 8, pointer to a copy aligned 8"]);
    assert_eq!(abi.area_bytes, 16);
}

/// What of a result is on the stack lies after the arguments, and counts as part of the area.
#[test]
fn results_on_the_stack() {
    static MINE: Convention = Convention {
        classify: classify_split,
        ..words(
            "results",
            &[
                Rule::AssignToReg(&[Reg::Rdi]),
                Rule::AssignToStack { size: 8, align: 8 },
            ],
            &[
                Rule::AssignToReg(&[Reg::Rax]),
                Rule::AssignToStack { size: 8, align: 8 },
            ],
        )
    };
    let three = record(&[Type::I64, Type::I64, Type::I64]);
    let abi = abi(&MINE, &[Type::I64, Type::I64], three.clone());
    assert_eq!(places(&abi), ["rdi", "stack 0"]);
    assert_eq!(abi.ret.to_string(), "rax stack 8 stack 16");
    assert_eq!((abi.area_bytes, abi.area_align), (24, 16));
    // Aligned as the result is, and no arguments before it.
    let strict = record(&[Type::I128, Type::I128.with_align(32).unwrap()]);
    let abi = crate::abi(&MINE, &[Type::I64, Type::I64], strict.clone());
    assert_eq!(
        abi.ret.to_string(),
        "rax stack 32 stack 48 stack 56 stack 64 stack 72 stack 80 stack 88"
    );
    let sig = FnSig::new([], three).convention(&MINE);
    assert!(FnAbi::return_fits(&sig, &LINUX).unwrap());
    assert_eq!(FnAbi::new(&sig, &LINUX).unwrap().area_bytes, 16);
    assert_eq!(FnAbi::new(&sig.noreturn(), &LINUX).unwrap().area_bytes, 0);

    // The whole of it, where parts do not split; shadow space comes first.
    static WHOLE: Convention = Convention {
        name: "whole results",
        classify,
        shadow_space: 32,
        ..MINE
    };
    let abi = crate::abi(&WHOLE, &[Type::I64, Type::I64], pair());
    assert_eq!(places(&abi), ["rdi", "stack 32..40 align 8"]);
    assert_eq!(
        abi.ret,
        RetAbi::Stack {
            offset: 40,
            size: 16,
            align: 8
        }
    );
    assert_eq!(abi.ret.to_string(), "stack 40..56 align 8");
    assert_eq!(abi.area_bytes, 56);
}

/// A signature can ask for a stack that is aligned more, not less.
#[test]
fn alignment_of_the_stack() {
    let sig = |align| FnSig::new([Type::I32], Type::I32).incoming_stack_align(align);
    let align = |align| FnAbi::new(&sig(align), &LINUX).unwrap().area_align;
    assert_eq!((align(16), align(64)), (16, 64));
    for align in [1, 4, 8] {
        assert_eq!(
            FnAbi::new(&sig(align), &LINUX).unwrap_err().to_string(),
            format!(
                "signature: a stack aligned to {align} bytes at calls, where the convention x86-64 System V aligns it to 16: only more can be \
                 asked for"
            )
        );
    }
    for align in [0, 24] {
        let error = FnAbi::new(&sig(align), &LINUX).unwrap_err();
        assert_eq!(error, Error::InvalidAlign { align });
    }
    static LOW: Convention = Convention {
        name: "low",
        stack_align: 4,
        ..X86_64_SYSV
    };
    let abi = FnAbi::new(&sig(4).convention(&LOW), &LINUX).unwrap();
    assert_eq!(abi.area_align, 4);
    static NONE: Convention = Convention {
        name: "none",
        stack_align: 0,
        ..X86_64_SYSV
    };
    let error = FnAbi::new(&sig(4).convention(&NONE), &LINUX).unwrap_err();
    assert_eq!(error, Error::InvalidAlign { align: 0 });
}

/// A value is in both registers of a pair, or in neither; lanes are in registers that nothing else is in.
#[test]
fn no_register_is_given_out_twice() {
    static BOTH: Convention = words(
        "both",
        &[
            Rule::IfType(&[PartType::I32], &Rule::AssignToReg(&[Reg::Rsi])),
            Rule::AssignToBoth(&[Reg::Rdi, Reg::Rdx], &[Reg::Rsi, Reg::Rcx]),
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
        classify: lanes,
        args: &[
            Rule::IfType(&[PartType::I64], &Rule::AssignToReg(&[Reg::Rsi])),
            Rule::AssignLanes {
                regs: &[Reg::Rdi, Reg::Rsi, Reg::Rdx],
                slot: 8,
            },
        ],
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
        Rule::AssignToReg(&[Reg::Rdi]),
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

/// The built-in conventions have no rule that these tests found wrong: what they do is unchanged.
#[test]
fn what_is_built_in() {
    let model = DataModel::LP64;
    let bytes = Type::array(&Type::I8, 17).unwrap();
    let large = RecordBuilder::structure("s")
        .field("x", bytes)
        .build(&model)
        .unwrap();
    let args = [large.clone(), Type::F64];
    let sysv = abi(&X86_64_SYSV, &args, large.clone());
    assert_eq!(places(&sysv), ["stack 0..17 align 8", "xmm0"]);
    let win64 = abi(&X86_64_WIN64, &args, large);
    assert_eq!(
        places(&win64),
        ["rdx, pointer to a copy aligned 16", "xmm2"]
    );
}
