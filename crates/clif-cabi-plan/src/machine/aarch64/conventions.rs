//! Cranelift's aarch64 back end: `compute_arg_locs` in Cranelift 0.132 to 0.137, as tables.

use cabi::Convention;
use cabi::aarch64::{
    AAPCS64, AARCH64_LANG, APPLE_ARM64, V0, V1, V2, V3, V4, V5, V6, V7, WINDOWS_ARM64, X0, X1, X2,
    X3, X4, X5, X6, X7, X8, X18,
};
use cabi::convention::{ArgFlags, Rule, Rules};

use super::stub::X17;
use crate::machine::convention::{ClifConvention, Sret};
use crate::machine::registers::{PerClass, Registers};
use crate::machine::va_list::{Home, SaveArea, SavedClass, VaCounter, VaListLayout, member};
use crate::signature::{CallConv, ValueType};

pub(super) const ALL: &[&ClifConvention] = &[&SYSTEM_V, &FAST, &APPLE, &WINDOWS, &TAIL];

pub(super) const PARAMS: Registers = Registers {
    int: &[X0, X1, X2, X3, X4, X5, X6, X7],
    vector: &[V0, V1, V2, V3, V4, V5, V6, V7],
};

const CHAIN_IN_X17: Rule = Rule::IfFlag(ArgFlags::NEST, &Rule::AssignToReg(&[X17]));

/// Apple's C with a static chain.
static APPLE_CLOSURES: Convention = Convention {
    name: "Apple arm64, closures",
    rules: Rules {
        args: &[CHAIN_IN_X17, Rule::DelegateTo(APPLE_ARM64.rules.args)],
        ..APPLE_ARM64.rules
    },
    ..APPLE_ARM64
};

/// Windows's C with a static chain.
static WINDOWS_CLOSURES: Convention = Convention {
    name: "Windows arm64, closures",
    rules: Rules {
        args: &[CHAIN_IN_X17, Rule::DelegateTo(WINDOWS_ARM64.rules.args)],
        ..WINDOWS_ARM64.rules
    },
    ..WINDOWS_ARM64
};

/// AAPCS64, Appendix B: Variable Argument Lists.
const SAVE_AREA: SaveArea = SaveArea {
    saved: PerClass {
        int: SavedClass {
            first: 0,
            slot: 8,
            ty: ValueType::I64,
            counter: VaCounter::of(&AAPCS64, 3, 1, true),
            base_at: 64,
            zero_at: 0,
        },
        vector: SavedClass {
            first: 64,
            slot: 16,
            ty: ValueType::I8X16,
            counter: VaCounter::of(&AAPCS64, 4, 2, true),
            base_at: 192,
            zero_at: 0,
        },
    },
    before_area: None,
    list_bytes: member(&AAPCS64, 5),
    overflow: member(&AAPCS64, 0),
    exhausts: true,
    in_pairs: true,
    by_reference: true,
};

const SYSTEM_V: ClifConvention = ClifConvention {
    sret: Sret::Own(X8),
    ..ClifConvention::new(
        CallConv::SystemV,
        &AAPCS64,
        PARAMS,
        PARAMS,
        X18,
        VaListLayout::counts(&AAPCS64, SAVE_AREA),
    )
};

const FAST: ClifConvention = ClifConvention {
    call_conv: CallConv::Fast,
    ..SYSTEM_V
};

/// Stack slots of 1, 2 and 4 bytes. x18 is the system's, and C has no static chain. Closures have
/// theirs in x17, the address register of stubs.
const APPLE: ClifConvention = ClifConvention {
    call_conv: CallConv::AppleAarch64,
    least_slot: 1,
    // clang declares them extended; `cabi` refuses them, for their slots.
    extends_bit_ints: true,
    // A panic.
    instead: &[(ValueType::F128, ValueType::I8X16)],
    chain: X17,
    closures: Some(&APPLE_CLOSURES),
    frame: &APPLE_ARM64.frame,
    va_list: VaListLayout::address(&APPLE_ARM64, None),
    ..SYSTEM_V
};

/// x18 is the system's, and C has no static chain; closures have theirs in x17, as on Apple's. A
/// variadic function has all of its arguments in integer registers, and then on the stack.
const WINDOWS: ClifConvention = ClifConvention {
    call_conv: CallConv::WindowsFastcall,
    chain: X17,
    frame: &WINDOWS_ARM64.frame,
    closures: Some(&WINDOWS_CLOSURES),
    // Cranelift's frames have two words where the registers have to be.
    va_list: VaListLayout::address(&WINDOWS_ARM64, Some(Home::Stub)),
    ..SYSTEM_V
};

/// Cranelift's own: x0 is kept for the pointer to results, x1 for a callee's address, and callees
/// pop their arguments.
const TAIL: ClifConvention = ClifConvention {
    call_conv: CallConv::Tail,
    params: FROM_X2,
    results: FROM_X2,
    // `StructReturn` is a panic: such a pointer is an ordinary parameter.
    sret: Sret::Refused,
    frame: &AARCH64_LANG.frame,
    has_stubs: false,
    ..SYSTEM_V
};

const FROM_X2: Registers = Registers {
    int: &[X2, X3, X4, X5, X6, X7],
    vector: PARAMS.vector,
};
