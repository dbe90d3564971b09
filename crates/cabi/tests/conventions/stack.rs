//! What is in the argument area: slots, parts of values, pointers, results.

use crate::*;

/// A promoted part is as wide on the stack as it is in a register; so is each part of a group that is sent there.
#[test]
fn promotions_hold_on_the_stack() {
    static MINE: Convention = words(
        "wide",
        &[
            Rule::IfType(
                PartTypes::of(&[PartType::I8]),
                &Rule::Promote(PartType::I32),
            ),
            Rule::IfType(
                PartTypes::of(&[PartType::I64]),
                &Rule::BitConvert(PartType::F64),
            ),
            Rule::IfType(
                PartTypes::of(&[PartType::I32]),
                &Rule::AssignToReg(&[x86_64::RDI]),
            ),
            Rule::IfType(
                PartTypes::of(&[PartType::F64]),
                &Rule::AssignToReg(&[x86_64::XMM0]),
            ),
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
    assert_eq!(parts_of(parts[0]), [(I32, 1, Loc::Reg(x86_64::RDI))]);
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
        rules: Rules {
            classify: classify_split,
            ..MINE.rules
        },
        ..MINE
    };
    let nine = record(&[Type::I8; 9]);
    let abi = crate::abi(&SPLIT, &[Type::I8, nine], Type::VOID);
    let split = [(F64, 8, Loc::Reg(x86_64::XMM0)), (I32, 1, Loc::Stack(0))];
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
        rules: Rules {
            classify: x87,
            ..OWN.rules
        },
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
    static MINE: Convention = classified(
        classify_split,
        "split",
        &[
            Rule::AssignToReg(&[x86_64::RDI, x86_64::RSI]),
            Rule::AssignToStackWithShadow {
                size: 8,
                align: 8,
                shadow: &[x86_64::R9],
            },
        ],
        &[],
    );
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
    assert_eq!((abi.area_bytes, abi.used.int), (64, 3));
    let wide = record(&[Type::I128.with_align(32).unwrap()]);
    let abi = crate::abi(&MINE, &[Type::I64, Type::I64, Type::I64, wide], Type::VOID);
    assert_eq!(places(&abi)[3], "stack 32 stack 40 stack 48 stack 56");
    assert_eq!(abi.area_align, 32);
}

/// Pointers to copies and to results are as wide as the target's.
#[test]
fn pointers_of_the_targets_width() {
    static MINE: Convention = Convention {
        frame: Frame::new(4, 16),
        ..words(
            "cdecl",
            &[
                Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 16 }),
                Rule::IfType(
                    PartTypes::of(&[PartType::I64]),
                    &Rule::AssignToReg(&[x86_64::R10]),
                ),
                Rule::IfType(
                    PartTypes::of(&[PartType::I32]),
                    &Rule::AssignToReg(&[x86_64::RCX]),
                ),
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
        rules: Rules {
            args: &[
                Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 8 }),
                Rule::PassByVal { size: 8, align: 8 },
            ],
            ..X86_64_SYSV.rules
        },
        ..X86_64_SYSV
    };
    let large = record(&[Type::I64, Type::I64, Type::I64]);
    let abi = abi(&MINE, std::slice::from_ref(&large), large.clone());
    assert_eq!(abi.ret.to_string(), "sret stack 0, returned in rax");
    assert_eq!(places(&abi), ["stack 8, pointer to a copy aligned 8"]);
    assert_eq!(abi.area_bytes, 16);
}

/// What of a result is on the stack lies after the arguments, and counts as part of the area.
#[test]
fn results_on_the_stack() {
    static MINE: Convention = classified(
        classify_split,
        "results",
        &[
            Rule::AssignToReg(&[x86_64::RDI]),
            Rule::AssignToStack { size: 8, align: 8 },
        ],
        &[
            Rule::AssignToReg(&[x86_64::RAX]),
            Rule::AssignToStack { size: 8, align: 8 },
        ],
    );
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
        rules: Rules {
            classify,
            ..MINE.rules
        },
        frame: Frame {
            shadow_space: 32,
            ..MINE.frame
        },
    };
    let abi = crate::abi(&WHOLE, &[Type::I64, Type::I64], pair());
    assert_eq!(places(&abi), ["rdi", "stack 32..40 align 8"]);
    assert_eq!(
        abi.ret.place,
        Place::Stack {
            offset: 40,
            size: 16,
            align: 8
        }
    );
    assert_eq!(abi.ret.to_string(), "stack 40..56 align 8");
    assert_eq!(abi.area_bytes, 56);
}

/// A signature can ask for a stack that is aligned more, or less where the convention has callers that do; aligned arguments ask for theirs.
#[test]
fn alignment_of_the_stack() {
    let sig = |align| FnSig::new([Type::I32], Type::I32).incoming_stack_align(align);
    let align = |align| FnAbi::new(&sig(align), &LINUX).unwrap().area_align;
    assert_eq!([16, 64, 8, 4, 1].map(align), [16, 64, 8, 4, 1]);
    let aligned = FnSig::new(vec![Type::F80; 2], Type::VOID).incoming_stack_align(4);
    assert_eq!(FnAbi::new(&aligned, &LINUX).unwrap().area_align, 16);
    static HIGH: Convention = Convention {
        name: "high",
        frame: Frame {
            least_align: 16,
            ..X86_64_SYSV.frame
        },
        ..X86_64_SYSV
    };
    for align in [1, 4, 8] {
        assert_eq!(
            FnAbi::new(&sig(align).convention(&HIGH), &LINUX)
                .unwrap_err()
                .to_string(),
            format!(
                "signature: a stack aligned to {align} bytes at calls, where the convention high aligns it to 16: only more can be asked for"
            )
        );
    }
    for align in [0, 24] {
        let error = FnAbi::new(&sig(align), &LINUX).unwrap_err();
        assert_eq!(error, Error::InvalidAlign { align });
    }
    static LOW: Convention = Convention {
        name: "low",
        frame: Frame {
            stack_align: 4,
            ..X86_64_SYSV.frame
        },
        ..X86_64_SYSV
    };
    let abi = FnAbi::new(&sig(4).convention(&LOW), &LINUX).unwrap();
    assert_eq!(abi.area_align, 4);
    static NONE: Convention = Convention {
        name: "none",
        frame: Frame {
            stack_align: 0,
            ..X86_64_SYSV.frame
        },
        ..X86_64_SYSV
    };
    let error = FnAbi::new(&sig(4).convention(&NONE), &LINUX).unwrap_err();
    assert_eq!(error, Error::InvalidAlign { align: 0 });
}

/// A register that is narrower than a part is refused, not given to it.
#[test]
fn registers_hold_what_they_are_given() {
    static NARROW: Convention = words(
        "vectors in words",
        &[
            Rule::Promote(PartType::V128),
            Rule::AssignToReg(&[x86_64::RDI]),
        ],
        &[],
    );
    let sig = FnSig::new([Type::I64], Type::VOID).convention(&NARROW);
    let why = FnAbi::new(&sig, &LINUX).unwrap_err().to_string();
    assert!(
        why.contains("a rule gives a part a register that is too narrow"),
        "{why}"
    );
}
