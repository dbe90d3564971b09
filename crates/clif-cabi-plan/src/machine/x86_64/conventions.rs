//! Cranelift's x64 back end: `compute_arg_locs` in Cranelift 0.132 to 0.137, as tables.

use cabi::x86_64::{
    R8, R9, R10, RAX, RCX, RDI, RDX, RSI, XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7,
};

use cabi::{VectorLevel, X86_64_LANG, X86_64_PRESERVE_ALL, X86_64_SYSV, X86_64_WIN64};

use crate::machine::convention::{ClifConvention, Sret};
use crate::machine::registers::{PerClass, Registers};
use crate::machine::va_list::{Home, SaveArea, SavedClass, VaCounter, VaListLayout, member};
use crate::signature::{CallConv, ValueType};

pub(super) const ALL: &[&ClifConvention] =
    &[&SYSTEM_V, &FAST, &PRESERVE_ALL, &WINDOWS_FASTCALL, &TAIL];

pub(super) const PARAMS: Registers = Registers {
    int: &[RDI, RSI, RDX, RCX, R8, R9],
    vector: &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7],
};

const RESULTS: Registers = Registers {
    int: &[RAX, RDX],
    vector: &[XMM0, XMM1],
};

pub(super) const MOVED: Registers = Registers {
    int: &[RAX, RDX, RCX],
    vector: PARAMS.vector,
};

/// psABI 3.5.7, The Register Save Area.
const SAVE_AREA: SaveArea = SaveArea {
    saved: PerClass {
        int: SavedClass {
            first: 0,
            slot: 8,
            ty: ValueType::I64,
            counter: VaCounter::of(&X86_64_SYSV, 0, 3, false),
            base_at: 0,
            zero_at: 0,
        },
        vector: SavedClass {
            first: 48,
            slot: 16,
            ty: ValueType::I8X16,
            counter: VaCounter::of(&X86_64_SYSV, 1, 3, false),
            base_at: 0,
            zero_at: 0,
        },
    },
    before_area: None,
    list_bytes: member(&X86_64_SYSV, 4),
    overflow: member(&X86_64_SYSV, 2),
    exhausts: false,
    in_pairs: false,
    by_reference: false,
};

pub(super) const SYSTEM_V: ClifConvention = ClifConvention {
    has_sarg: true,
    // clang's callees do.
    extends_bit_ints: true,
    reads_wide: true,
    ..ClifConvention::new(
        CallConv::SystemV,
        &X86_64_SYSV,
        PARAMS,
        RESULTS,
        R10,
        VaListLayout::counts(&X86_64_SYSV, SAVE_AREA),
    )
};

const FAST: ClifConvention = ClifConvention {
    call_conv: CallConv::Fast,
    ..SYSTEM_V
};

/// Its functions preserve r11 as well. C's do not, so a call of one is like any other C function's.
const PRESERVE_ALL: ClifConvention = ClifConvention {
    call_conv: CallConv::PreserveAll,
    // The pointer could not be returned.
    sret: Sret::Refused,
    // The copy would be a `memcpy` that Cranelift believes to clobber nothing.
    has_sarg: false,
    results: Registers::NONE,
    frame: &X86_64_PRESERVE_ALL.frame,
    preserved_vectors: Some(VectorLevel::Baseline),
    has_stubs: false,
    calls: Some(&SYSTEM_V),
    ..SYSTEM_V
};

pub(super) const WINDOWS_FASTCALL: ClifConvention = ClifConvention {
    call_conv: CallConv::WindowsFastcall,
    params: Registers {
        int: &[RCX, RDX, R8, R9],
        vector: &[XMM0, XMM1, XMM2, XMM3],
    },
    // C has one result register of each class. Cranelift's second integer register is its own, for
    // Rust's scalar pairs. So is a second vector register from 0.137 on. Both are left out, so that
    // the model holds for all releases.
    results: Registers {
        int: RESULTS.int,
        vector: &[XMM0],
    },
    positional: true,
    extends_bit_ints: false,
    shadow_bytes: 32,
    // A vector of 16 bytes is a result only. As a parameter it would be a pointer to a copy that
    // Cranelift makes, as C's rule says, but the lowering states such pointers itself.
    instead: &[
        (ValueType::F16, ValueType::F32),
        (ValueType::F128, ValueType::I8X16),
    ],
    frame: &X86_64_WIN64.frame,
    // Records of more than 8 bytes are passed by reference.
    reads_wide: false,
    // Callees of Win64 preserve all that those of System V do; the shadow space is padding.
    general_calls: Some(&SYSTEM_V),
    va_list: VaListLayout::address(&X86_64_WIN64, Some(Home::ShadowSpace)),
    ..SYSTEM_V
};

/// Cranelift's own: results in more registers than any C function has, and callees pop their
/// arguments, at most as many bytes as `ret imm16` pops.
const TAIL: ClifConvention = ClifConvention {
    call_conv: CallConv::Tail,
    results: Registers {
        int: &[RAX, RCX, RDX, RSI, RDI, R8, R9, R10],
        vector: SYSTEM_V.params.vector,
    },
    most_stack_bytes: 0xfff0,
    frame: &X86_64_LANG.frame,
    has_stubs: false,
    reads_wide: false,
    ..SYSTEM_V
};
