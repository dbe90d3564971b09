//! Cranelift's riscv64 back end: `compute_arg_locs` in Cranelift 0.132 to 0.137, as tables.

use cabi::riscv::{
    A0, A1, A2, A3, A4, A5, A6, A7, FA0, FA1, FA2, FA3, FA4, FA5, FA6, FA7, LP64D, T2,
};

use crate::machine::convention::{ClifConvention, NOT_PASSED};
use crate::machine::registers::Registers;
use crate::machine::va_list::{Home, VaListLayout};
use crate::signature::{CallConv, ValueType};

pub(super) const ALL: &[&ClifConvention] = &[&SYSTEM_V];

pub(super) const PARAMS: Registers = Registers {
    int: &[A0, A1, A2, A3, A4, A5, A6, A7],
    vector: &[FA0, FA1, FA2, FA3, FA4, FA5, FA6, FA7],
};

const RESULTS: Registers = Registers {
    int: &[A0, A1],
    vector: &[FA0, FA1],
};

/// No float is in an integer register, and a narrow integer is extended to 64 bits: `cabi` has the
/// former as integers, and the way of the latter.
pub(super) const SYSTEM_V: ClifConvention = ClifConvention {
    most_slot_align: 8,
    extended: ValueType::I64,
    // Vectors are on the stack, and panics without the V extension; `f128` is two integers.
    instead: &NOT_PASSED,
    // Cranelift's frames have two words where the registers have to be.
    ..ClifConvention::new(
        CallConv::SystemV,
        &LP64D,
        PARAMS,
        RESULTS,
        T2,
        VaListLayout::address(&LP64D, Some(Home::Stub)),
    )
};
