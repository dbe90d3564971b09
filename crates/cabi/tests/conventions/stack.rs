//! What is in the argument area: slots, parts of values, pointers, results.

use crate::*;

fn parts_of(place: &Place) -> Vec<(PartType, u8, Loc)> {
    let Place::Parts(parts) = place else {
        panic!("{place} has no parts");
    };
    let of = |placed: &cabi::PlacedPart| (placed.part.ty, placed.part.size, placed.loc);
    parts.iter().map(of).collect()
}

/// A promoted part is as wide on the stack as it is in a register; so is each part of a group that is sent there.
#[test]
fn promotions_hold_on_the_stack() {
    const RULES: &[Rule] = &[
        IfType(of(&[I8]), &Promote(I32)),
        IfType(of(&[I64]), &BitConvert(F64)),
        IfType(of(&[I32]), &AssignToReg(&[RDI])),
        IfType(of(&[F64]), &AssignToReg(&[XMM0])),
        slot(4, 4),
    ];
    static MINE: Convention = words(RULES);
    let abi = abi(&MINE, "i8 i8 i16 9xi8 9xi8");
    let parts: Vec<_> = abi.args.iter().map(|arg| &arg.place).collect();
    assert_eq!(parts_of(parts[0]), [(I32, 1, Loc::Reg(RDI))]);
    assert_eq!(parts_of(parts[1]), [(I32, 1, Loc::Stack(0))]);
    // Nothing converts it: the value as it is.
    assert_eq!(parts[2].to_string(), "stack 4..6 align 4");
    // Its second part finds no register; the first one, which had, is converted on the stack as it was there.
    let whole = |at| [(F64, 8, Loc::Stack(at)), (I32, 1, Loc::Stack(at + 8))];
    assert_eq!(parts_of(parts[3]), whole(8));
    assert_eq!(parts_of(parts[4]), whole(20));
    assert_eq!(abi.area_bytes, 32);
    static SPLIT: Convention = convention(classify_split, RULES, &[]);
    let abi = crate::abi(&SPLIT, "i8 9xi8");
    let split = [(F64, 8, Loc::Reg(XMM0)), (I32, 1, Loc::Stack(0))];
    assert_eq!(parts_of(&abi.args[1].place), split);
}

/// A size or alignment of 0 is the type's own.
#[test]
fn slots_of_the_types_own_size() {
    static OWN: Convention = words(&[slot(0, 0)]);
    let expected = "stack 0..1 align 1, stack 2..4 align 2, stack 4..5 align 1, stack 8..16 align 8, stack 16..19 align 1, \
                    stack 32..48 align 16";
    check(&OWN, "i8 i16 i8 i64 3xi8 i128", (expected, 48, 0));
    // A part of 10 bytes takes what an object of its type takes.
    fn x87(_: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
        let mut group = Group::new(GroupKind::Registers, 16, 16);
        group.may_split = true;
        Ok(group.with(Part::int(F80, Extension::None)))
    }
    static X87: Convention = convention(x87, &[slot(0, 0)], &[]);
    check(&X87, "i128 i128", ("stack 0..10, stack 16..26", 32, 0));
    static ODD: Convention = words(&[slot(8, 12)]);
    let why = "an alignment that is no power of two, or greater than any type may ask for";
    check_refused(&ODD, "i64", why);
}

/// Parts on the stack are as aligned as they are in their value, beside parts in registers too.
#[test]
fn split_values_keep_their_alignment() {
    static MINE: Convention = convention(
        classify_split,
        &[
            AssignToReg(&[RDI, RSI]),
            AssignToStackWithShadow {
                size: 8,
                align: 8,
                shadow: &[R9],
            },
        ],
        &[],
    );
    // rsi and the first slot; then a word, and 16 bytes that are aligned to 16.
    let expected =
        "rdi, rsi stack 0..8, stack 16..24 stack 24..32, stack 32..40, stack 48..56 stack 56..64";
    check(&MINE, "i64 i128 i128 i64 i128", (expected, 64, 3));
    let expected = "rdi, rsi, stack 0..8, stack 32..40 stack 40..48 stack 48..56 stack 56..64";
    check(&MINE, "i64 i64 i64 1xwide", (expected, 64, 3));
    assert_eq!(abi(&MINE, "i64 i64 i64 1xwide").area_align, 32);
}

/// Pointers to copies and to results are as wide as the target's, and may be on the stack.
#[test]
fn pointers_of_the_targets_width() {
    static MINE: Convention = Convention {
        frame: Frame::new(4, 16),
        ..words(&[
            IfWants(Want::Memory, &PassIndirect { align: 16 }),
            IfType(of(&[I64]), &AssignToReg(&[R10])),
            IfType(of(&[I32]), &AssignToReg(&[RCX])),
            slot(0, 0),
        ])
    };
    for (name, middle, last, sret) in [
        ("i686-unknown-linux-gnu", "stack 4..8 align 4", 8, "rcx"),
        (
            "x86_64-unknown-linux-gnux32",
            "stack 4..8 align 4",
            8,
            "rcx",
        ),
        ("x86_64-unknown-linux-gnu", "rcx", 8, "r10"),
    ] {
        let target = Target::named(name).unwrap();
        let sig = sig("100xi8 i32 100xi8 -> 100xi8", &target).convention(&MINE);
        let found = places(&FnAbi::new(&sig, &target).unwrap());
        let pointer = |at| format!("stack {at}, pointer to a copy aligned 16");
        let (first, last) = (pointer(0), pointer(last));
        assert_eq!(
            found,
            format!("{first}, {middle}, {last}, sret {sret}"),
            "{name}"
        );
    }
}

/// What of a result is on the stack lies after the arguments, and counts as part of the area.
#[test]
fn results_on_the_stack() {
    const ARGS: &[Rule] = &[AssignToReg(&[RDI]), slot(8, 8)];
    const RESULTS: &[Rule] = &[AssignToReg(&[RAX]), slot(8, 8)];
    static MINE: Convention = convention(classify_split, ARGS, RESULTS);
    let expected = "rdi, stack 0..8, rax stack 8..16 stack 16..24";
    check(&MINE, "i64 i64 -> 3xi64", (expected, 24, 1));
    // Aligned as the result is, and no arguments before it.
    let expected = "rdi, stack 0..8, rax stack 32..40 stack 48..56 stack 56..64 stack 64..72 stack 72..80 stack 80..88 stack 88..96";
    check(&MINE, "i64 i64 -> 2xwide", (expected, 96, 1));
    let sig = sig("-> 3xi64", &LINUX).convention(&MINE);
    assert!(FnAbi::return_fits(&sig, &LINUX).unwrap());
    assert_eq!(FnAbi::new(&sig, &LINUX).unwrap().area_bytes, 16);
    assert_eq!(FnAbi::new(&sig.noreturn(), &LINUX).unwrap().area_bytes, 0);
    // The whole of it, where parts do not split; shadow space comes first.
    static WHOLE: Convention = Convention {
        frame: Frame {
            shadow_space: 32,
            ..Frame::new(8, 16)
        },
        ..convention(classify, ARGS, RESULTS)
    };
    let expected = "rdi, stack 32..40 align 8, stack 40..56 align 8";
    check(&WHOLE, "i64 i64 -> 2xi64", (expected, 56, 1));
}

/// A signature can ask for a stack that is aligned more, or less where the convention has callers that do; aligned arguments ask for theirs.
#[test]
fn alignment_of_the_stack() {
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
    static HIGH: Convention = aligned("high", 16, 16);
    static LOW: Convention = aligned("low", 1, 4);
    static NONE: Convention = aligned("none", 1, 0);
    let of = |convention: &'static Convention, align| {
        let sig = sig("i32 -> i32", &LINUX).incoming_stack_align(align);
        let abi = FnAbi::new(&sig.convention(convention), &LINUX);
        abi.map(|abi| abi.area_align)
    };
    assert_eq!(
        [16, 64, 8, 4, 1].map(|n| of(&X86_64_SYSV, n)),
        [16, 64, 8, 4, 1].map(Ok)
    );
    let aligned = FnSig::new(vec![Type::F80; 2], Type::VOID).incoming_stack_align(4);
    assert_eq!(FnAbi::new(&aligned, &LINUX).unwrap().area_align, 16);
    for align in [1, 4, 8] {
        let why = format!(
            "signature: a stack aligned to {align} bytes at calls, where the convention high aligns it to 16: only more can be asked for"
        );
        assert_eq!(of(&HIGH, align).unwrap_err().to_string(), why);
    }
    assert_eq!(of(&LOW, 4), Ok(4));
    for (convention, asked, align) in [(&X86_64_SYSV, 0, 0), (&X86_64_SYSV, 24, 24), (&NONE, 4, 0)]
    {
        assert_eq!(of(convention, asked), Err(Error::InvalidAlign { align }));
    }
}

/// A register that is narrower than a part is refused, not given to it.
#[test]
fn registers_hold_what_they_are_given() {
    static NARROW: Convention = words(&[Promote(V128), AssignToReg(&[RDI])]);
    let sig = sig("i64", &LINUX).convention(&NARROW);
    let why = FnAbi::new(&sig, &LINUX).unwrap_err().to_string();
    assert!(
        why.contains("a rule gives a part a register that is too narrow"),
        "{why}"
    );
}
