//! Odd conventions of a user's own: lowered right, or refused.

use clif_cabi::cabi::convention::{Convention, Frame, FrameKind, PartType, PartTypes, Rule, Rules};
use clif_cabi::cabi::x86_64::{R10, R11, RCX, RDI, RDX, RSI, XMM0};
use clif_cabi::cabi::{
    ArgFlags, BoolVector, FnSig, Place, Reg, Type, X86_64_SYSV, X86_64_WIN64, zig,
};

use super::{bytes, lowering};

const fn mine(name: &'static str, args: &'static [Rule]) -> Convention {
    Convention {
        name,
        rules: Rules {
            args,
            ..X86_64_SYSV.rules
        },
        ..X86_64_SYSV
    }
}

/// Conventions with other fields of System V's frame.
macro_rules! framed {
    ($($own:ident $name:literal: $($field:ident: $value:expr),*;)*) => {
        $(static $own: Convention = Convention {
            name: $name,
            frame: Frame { $($field: $value,)* ..X86_64_SYSV.frame },
            ..X86_64_SYSV
        };)*
    };
}

/// The place that one rule gives to everything.
macro_rules! placed {
    ($name:literal, $place:expr) => {
        mine($name, &[Rule::Custom($name, |_, _| Some($place))])
    };
}

const LANES_OF_16: Rule = Rule::AssignLanes {
    regs: &[],
    slot: 16,
};

const fn slots(size: u32, align: u32) -> Rule {
    Rule::AssignToStack { size, align }
}

static SYSV: Convention = X86_64_SYSV;
static WIN64: Convention = X86_64_WIN64;
static WIDE_SLOTS: Convention = mine("wide slots", &[slots(1 << 20, 8)]);
static WIDE_LAST: Convention = mine("wide last slot", &[slots(64, 8)]);
static OWN_SLOTS: Convention = mine("own slots", &[slots(0, 0)]);
static BOTH: Convention = mine("both", &[Rule::AssignToBoth(&[[RDI, RSI]])]);
static WIDER: Convention = mine(
    "wider",
    &[Rule::Promote(PartType::I32), Rule::AssignToReg(&[RDI])],
);
static VECTORS: Convention = mine(
    "vectors",
    &[Rule::Promote(PartType::V128), Rule::AssignToReg(&[XMM0])],
);
static LANES: Convention = mine("lanes", &[LANES_OF_16]);
static FAR: Convention = placed!("far", stack(u64::MAX - 3, 8));
static LONG: Convention = placed!("long", stack(0, u64::MAX));
static MORE: Convention = placed!("more", lanes(&[RDI, RSI]));
static ENDLESS: Convention = placed!("endless", lanes(&[]));

framed! {
    SHADOW "shadow": shadow_space: u32::MAX;
    SAVES_LESS "saves less": kind: FrameKind::Win64, shadow_space: 32;
    SAVES_MORE "saves more": callee_saved: X86_64_WIN64.frame.callee_saved;
    COUNT "count": variadic_count: Some(R10);
    SRET_IN_R11 "sret in r11": sret_returned_in: Some(R11);
    CARRIES "carries": carried: Some(R10);
    LOW "low": stack_align: 8;
}

const fn of_win64(name: &'static str, args: &'static [Rule]) -> Convention {
    Convention {
        frame: X86_64_WIN64.frame,
        ..mine(name, args)
    }
}

static CROSSED: Convention = of_win64("crossed", &[Rule::AssignToBoth(&[[XMM0, RDX]])]);
static UNSHADOWED: Convention = of_win64(
    "unshadowed",
    &[
        Rule::IfType(PartTypes::of(&[PartType::I64]), &Rule::AssignToReg(&[RCX])),
        Rule::AssignToReg(&[XMM0]),
    ],
);

fn stack(offset: u64, size: u64) -> Place {
    Place::Stack {
        offset,
        size,
        align: 8,
    }
}

fn lanes(regs: &'static [Reg]) -> Place {
    Place::PerElement {
        lanes: 1,
        regs,
        offset: u64::MAX,
        slot: 8,
    }
}

/// What the plans of a call and of an entry say of `sig`, without the target.
fn answer(sig: &FnSig) -> String {
    let lower = lowering();
    let why = |error: clif_cabi::LowerError| {
        let message = error.to_string();
        message.replace(" (x86_64-unknown-linux-gnu)", "")
    };
    let call = lower.call_plan(sig).err().map(why);
    let entry = lower.entry_plan(sig).err().map(why);
    match (call, entry) {
        (None, None) => "lowered".into(),
        (Some(call), Some(entry)) if call == entry => call,
        (Some(call), None) => format!("call: {call}"),
        (None, Some(entry)) => format!("entry: {entry}"),
        (Some(call), Some(entry)) => format!("call: {call}; entry: {entry}"),
    }
}

/// A signature, its convention, and what is said of it, in each row.
macro_rules! answered {
    ($($sig:expr, $own:path => $expected:expr;)*) => {
        $(assert_eq!(answer(&$sig.convention(&$own)), $expected, stringify!($own));)*
    };
}

fn of(ty: Type) -> FnSig {
    FnSig::new([ty], Type::VOID)
}

fn no_args() -> FnSig {
    FnSig::new([], Type::VOID)
}

fn in_memory() -> FnSig {
    FnSig::new([], bytes(40))
}

#[test]
fn frames_of_a_users_own() {
    let registers = "callees preserve other registers than Cranelift's functions do";
    answered! {
        // A copy of the table is as good as the table.
        of(Type::F64), WIN64 => "lowered";
        no_args(), SHADOW => "the convention shadow: shadow space of other than 32 bytes, or in a frame that is not Win64's, is not lowered";
        no_args(), SAVES_LESS => format!("the convention saves less: {registers}");
        no_args(), SAVES_MORE => format!("the convention saves more: {registers}");
        of(Type::I64), zig::AUTO => format!("the convention zig-auto: {registers}");
        no_args(), CARRIES => "the convention carries: Cranelift passes no address beside the arguments, and aligns the stack to 16 bytes";
        of(Type::F64), CROSSED => "argument 0, double: a part in registers of two positions is not lowered";
        // Two arguments in the registers of one position.
        FnSig::new([Type::I64, Type::F64], Type::VOID), UNSHADOWED => "CLIF parameter 1: the convention has it in xmm0, Cranelift in xmm1";
        no_args(), COUNT => "the convention count: vector registers are counted in another register than C counts them in";
        // Entered through a stub that aligns the stack.
        no_args(), LOW => "lowered";
    }
}

#[test]
fn places_of_a_users_own() {
    let bools = || Type::bool_vector(100, BoolVector::Zig).unwrap();
    answered! {
        in_memory(), SRET_IN_R11 => "entry: the returned pointer to the result: the convention has it in r11, Cranelift in rax";
        FnSig::new([Type::I64; 2], Type::VOID), WIDE_SLOTS => "call: the convention wide slots: wide gaps in the argument area are not lowered";
        // The slots after the argument are padding arguments.
        of(Type::I64), WIDE_LAST => "lowered";
        of(Type::I64), OWN_SLOTS => "lowered";
        // One part, two CLIF parameters.
        of(Type::I64), BOTH => "lowered";
        in_memory(), BOTH => "result, struct bytes: this kind of result is not lowered";
        of(Type::I8), WIDER => "argument 0, signed char: a widened part is not lowered";
        of(Type::F32), VECTORS => "argument 0, float: a part of another size than its type";
        of(bools()), LANES => "argument 0, @Vector(100, bool): lanes in slots of other than 8 bytes are not lowered";
        of(bytes(40)).flags(0, ArgFlags::NEST), SYSV => "argument 0, struct bytes: a static chain elsewhere than in its register is not lowered";
    }
}

/// Refused by `cabi` already, which does not count arguments.
#[test]
fn places_that_there_are_not() {
    answered! {
        of(Type::I64), FAR => "long long: a place outside the argument area";
        of(Type::I64), LONG => "long long: a place outside the argument area";
        of(Type::I64), ENDLESS => "long long: a place outside the argument area";
        of(Type::I64), MORE => "argument 0, long long: more registers than lanes";
    }
}
