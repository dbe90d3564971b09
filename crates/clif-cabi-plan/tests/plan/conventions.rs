//! Odd conventions of a user's own: lowered right, or refused.

use cabi::aarch64::{AAPCS64, AARCH64_LANG, X5};
use cabi::convention::{Convention, Frame, FrameKind, PartType, PartTypes, Rule, Rules};
use cabi::x86_64::{R10, R11, RCX, RDI, RDX, RSI, XMM0, XMM5, XMM7, XMM8};
use cabi::{Extension, Loc, Part, Place, PlacedPart, Reg, X86_64_LANG, X86_64_SYSV, X86_64_WIN64};

/// The convention of that name.
pub(crate) fn named(name: &str) -> &'static Convention {
    let mut own = RULES.iter().chain(FRAMES).filter(|own| own.name == name);
    let mut known = cabi::conventions().iter().filter(|own| own.name == name);
    let found = own.next().or_else(|| Some(known.next()?.convention));
    found.unwrap_or_else(|| panic!("{name}"))
}

/// Conventions with other rules, and with other fields of System V's frame.
macro_rules! conventions {
    ($($name:literal $base:ident: $($field:ident $rules:expr),*;)*) => {
        &[$(Convention {
            name: $name,
            rules: Rules { $($field: $rules,)* ..X86_64_SYSV.rules },
            ..$base
        },)*]
    };
    ($($name:literal { $($frame:tt)* };)*) => {
        &[$(Convention {
            name: $name,
            frame: Frame { $($frame)*, ..X86_64_SYSV.frame },
            ..X86_64_SYSV
        },)*]
    };
}

static RULES: &[Convention] = conventions! {
    "wide slots" X86_64_SYSV: args &[slots(1 << 20, 8)];
    "wide last slot" X86_64_SYSV: args &[slots(64, 8)];
    "own slots" X86_64_SYSV: args &[slots(0, 0)];
    "both registers" X86_64_SYSV: args &[Rule::AssignToBoth(&[[RDI, RSI]])];
    "wider" X86_64_SYSV: args &[Rule::Promote(PartType::I32), Rule::AssignToReg(&[RDI])];
    "widest" X86_64_SYSV: args &[Rule::Promote(PartType::I64), Rule::AssignToReg(&[RDI])];
    "vectors" X86_64_SYSV: args &[Rule::Promote(PartType::V128), Rule::AssignToReg(&[XMM0])];
    "lanes" X86_64_SYSV: args &[Rule::AssignLanes { regs: &[], slot: 16 }];
    "far" X86_64_SYSV: args &[Rule::Custom("far", |_, _| stack(u64::MAX - 3, 8))];
    "long" X86_64_SYSV: args &[Rule::Custom("long", |_, _| stack(0, u64::MAX))];
    "more" X86_64_SYSV: args &[Rule::Custom("more", |_, _| lanes(&[RDI, RSI]))];
    "endless" X86_64_SYSV: args &[Rule::Custom("endless", |_, _| lanes(&[]))];
    "no bytes" X86_64_SYSV: args NO_BYTES, results NO_BYTES;
    "r10" X86_64_SYSV: args &[Rule::AssignToReg(&[R10])];
    "r11" X86_64_SYSV: args &[Rule::AssignToReg(&[R11])];
    "fifth" X86_64_SYSV: args &[Rule::AssignToReg(&[XMM5])], results &[Rule::AssignToReg(&[XMM7])];
    "results in rcx" X86_64_SYSV: results &[Rule::AssignToReg(&[RCX])];
    "results in rsi" X86_64_SYSV: results &[Rule::AssignToReg(&[RSI])];
    "results in rdx" X86_64_SYSV: results &[Rule::AssignToReg(&[RDX])];
    "ninth" X86_64_SYSV: args &[Rule::AssignToReg(&[XMM8])], results &[Rule::AssignToReg(&[XMM8])];
    "crossed" WIN64: args &[Rule::AssignToBoth(&[[XMM0, RDX]])];
    "unshadowed" WIN64: args &[Rule::IfType(WORDS, &Rule::AssignToReg(&[RCX])), Rule::AssignToReg(&[XMM0])];
    "aligned" AAPCS64: args &[slots(8, 32)], classify AAPCS64.rules.classify;
    "records by value" X86_64_LANG: args &[Rule::PassByVal { size: 8, align: 8 }];
    "by value" AARCH64_LANG: args &[Rule::PassByVal { size: 8, align: 8 }];
    "context in x5" IN_X5: args AARCH64_LANG.rules.args, classify AARCH64_LANG.rules.classify;
};

static FRAMES: &[Convention] = conventions! {
    "shadow" { shadow_space: u32::MAX };
    "saves less" { kind: FrameKind::Win64, shadow_space: 32 };
    "saves more" { callee_saved: X86_64_WIN64.frame.callee_saved };
    "saves in part" { partly_saved: X86_64_SYSV.frame.callee_saved };
    "count" { variadic_count: Some(R10) };
    "sret in r11" { sret_returned_in: Some(R11) };
    "carries" { carried: Some(R10) };
    "low" { stack_align: 8 };
    "spills" { spills: true };
};

const WORDS: PartTypes = PartTypes::of(&[PartType::I64]);

/// System V's rules in Win64's frame.
const WIN64: Convention = Convention {
    frame: X86_64_WIN64.frame,
    ..X86_64_SYSV
};

/// A context elsewhere than in CLIF's register for it.
const IN_X5: Convention = Convention {
    frame: Frame {
        context: Some(X5),
        ..AARCH64_LANG.frame
    },
    ..AARCH64_LANG
};

const fn slots(size: u32, align: u32) -> Rule {
    Rule::AssignToStack { size, align }
}

fn stack(offset: u64, size: u64) -> Option<Place> {
    let place = |align| Place::Stack {
        offset,
        size,
        align,
    };
    Some(place(8))
}

/// Each value in a part that has none of its bytes.
const NO_BYTES: &[Rule] = &[Rule::Custom("no bytes", |_, _| {
    let part = Part {
        size: 0,
        ..Part::int(PartType::I64, Extension::None)
    };
    let loc = Loc::Reg(RSI);
    Some(Place::Parts(
        [PlacedPart { part, loc }].into_iter().collect(),
    ))
})];

fn lanes(regs: &'static [Reg]) -> Option<Place> {
    let (lanes, offset, slot) = (1, u64::MAX, 8);
    Some(Place::PerElement {
        lanes,
        regs,
        offset,
        slot,
    })
}
