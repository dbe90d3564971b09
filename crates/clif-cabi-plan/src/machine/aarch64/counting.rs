//! How Cranelift's aarch64 back end counts parameters and results: `compute_arg_locs` in Cranelift 0.132 to 0.137, as tables.

use cabi::aarch64::{V0, V1, V2, V3, V4, V5, V6, V7, X0, X1, X2, X3, X4, X5, X6, X7, X8};

use crate::machine::counting::{Counting, Registers, Sret};
use crate::places::MAX_STACK_BYTES;
use crate::signature::{CallConv, ValueType};

/// The counting of each convention.
pub(super) const ALL: &[&Counting] = &[&SYSTEM_V, &FAST, &APPLE, &TAIL];

const ALL_EIGHT: Registers = Registers {
    int: &[X0, X1, X2, X3, X4, X5, X6, X7],
    vector: &[V0, V1, V2, V3, V4, V5, V6, V7],
};

pub(super) const SYSTEM_V: Counting = Counting {
    call_conv: CallConv::SystemV,
    params: ALL_EIGHT,
    results: ALL_EIGHT,
    sret: Sret::Own(X8),
    // `StructArgument` is a panic.
    has_struct_arguments: false,
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

/// Stack slots of 1, 2 and 4 bytes.
pub(super) const APPLE: Counting = Counting {
    call_conv: CallConv::AppleAarch64,
    least_slot: 1,
    // A panic.
    instead: &[(ValueType::F128, ValueType::I8X16)],
    ..SYSTEM_V
};

/// Cranelift's own: x0 is kept for its own pointer to results, x1 for the address of a function that is called, and callees pop their arguments.
pub(super) const TAIL: Counting = Counting {
    call_conv: CallConv::Tail,
    params: FROM_X2,
    results: FROM_X2,
    // `StructReturn` is a panic: such a pointer is an ordinary parameter.
    sret: Sret::Refused,
    ..SYSTEM_V
};

const FROM_X2: Registers = Registers {
    int: &[X2, X3, X4, X5, X6, X7],
    vector: ALL_EIGHT.vector,
};
