//! How Cranelift's x64 back end counts parameters and results: `compute_arg_locs` in Cranelift 0.132 to 0.137, as tables.

use cabi::x86_64::{
    R8, R9, R10, RAX, RCX, RDI, RDX, RSI, XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7,
};

use crate::machine::counting::{Counting, Registers, Sret};
use crate::places::MAX_STACK_BYTES;
use crate::signature::{CallConv, ValueType};

/// The counting of each convention.
pub(super) const ALL: &[&Counting] = &[&SYSTEM_V, &FAST, &PRESERVE_ALL, &WINDOWS_FASTCALL, &TAIL];

pub(super) const SYSTEM_V: Counting = Counting {
    call_conv: CallConv::SystemV,
    params: Registers {
        int: &[RDI, RSI, RDX, RCX, R8, R9],
        vector: &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7],
    },
    results: Registers {
        int: &[RAX, RDX],
        vector: &[XMM0, XMM1],
    },
    sret: Sret::FirstInt,
    has_struct_arguments: true,
    positional: false,
    least_slot: 8,
    shadow_bytes: 0,
    stack_align: 16,
    most_stack_bytes: MAX_STACK_BYTES,
    instead: &[],
};

const FAST: Counting = Counting {
    call_conv: CallConv::Fast,
    ..SYSTEM_V
};

pub(super) const PRESERVE_ALL: Counting = Counting {
    call_conv: CallConv::PreserveAll,
    // The pointer could not be returned.
    sret: Sret::Refused,
    // The copy would be a `memcpy` that Cranelift believes to clobber nothing.
    has_struct_arguments: false,
    results: Registers {
        int: &[],
        vector: &[],
    },
    ..SYSTEM_V
};

pub(super) const WINDOWS_FASTCALL: Counting = Counting {
    call_conv: CallConv::WindowsFastcall,
    params: Registers {
        int: &[RCX, RDX, R8, R9],
        vector: &[XMM0, XMM1, XMM2, XMM3],
    },
    // C has one result register of each class. Cranelift's second integer register is its own, for Rust's scalar pairs, and so is a second
    // vector register from 0.137 on, which is left out: the model holds for all releases.
    results: Registers {
        int: SYSTEM_V.results.int,
        vector: &[XMM0],
    },
    positional: true,
    shadow_bytes: 32,
    // A vector of 16 bytes is a result only: as a parameter it would be a pointer to a copy that Cranelift makes. That is C's rule, but the lowering
    // states such pointers itself.
    instead: &[
        (ValueType::F16, ValueType::F32),
        (ValueType::F128, ValueType::I8X16),
    ],
    ..SYSTEM_V
};

/// Cranelift's own: results in more registers than any C function has them in, and callees pop their arguments, at most what `ret imm16` pops.
pub(super) const TAIL: Counting = Counting {
    call_conv: CallConv::Tail,
    results: Registers {
        int: &[RAX, RCX, RDX, RSI, RDI, R8, R9, R10],
        vector: SYSTEM_V.params.vector,
    },
    most_stack_bytes: 0xfff0,
    ..SYSTEM_V
};
