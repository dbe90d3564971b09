//! Cranelift's s390x back end: `compute_arg_locs` in Cranelift 0.132 to 0.137, as tables.

use cabi::s390x::{F0, F2, F4, F6, R0, R2, R3, R4, R5, R6, S390X};

use crate::machine::convention::{ClifConvention, NOT_PASSED};
use crate::machine::registers::{PerClass, Registers};
use crate::machine::va_list::{SaveArea, SavedClass, VaCounter, VaListLayout, member};
use crate::signature::{CallConv, ValueType};

pub(super) const ALL: &[&ClifConvention] = &[&SYSTEM_V];

pub(super) const PARAMS: Registers = Registers {
    int: &[R2, R3, R4, R5, R6],
    vector: &[F0, F2, F4, F6],
};

const RESULTS: Registers = Registers {
    int: &[R2, R3, R4, R5],
    ..PARAMS
};

/// The 160 bytes below the argument area.
const SAVE_AREA: SaveArea = SaveArea {
    saved: PerClass {
        int: SavedClass {
            first: 16,
            slot: 8,
            ty: ValueType::I64,
            counter: counter(0),
            base_at: 0,
            zero_at: 16,
        },
        vector: SavedClass {
            first: 128,
            slot: 8,
            ty: ValueType::F64,
            counter: counter(1),
            base_at: 0,
            zero_at: 128,
        },
    },
    before_area: Some(160),
    list_bytes: member(&S390X, 4),
    overflow: member(&S390X, 2),
    exhausts: false,
    in_pairs: false,
    by_reference: true,
};

/// Narrow integers are extended to 64 bits. The callee's 160 bytes are where a variadic function
/// saves registers.
pub(super) const SYSTEM_V: ClifConvention = ClifConvention {
    most_slot_align: 8,
    ends_slot: true,
    extended: ValueType::I64,
    shadow_bytes: 160,
    stack_align: 8,
    // `f128` is passed by a hidden copy. Vectors of 16 bytes are in other registers than C's, and
    // narrower ones are an error.
    instead: &NOT_PASSED,
    ..ClifConvention::new(
        CallConv::SystemV,
        &S390X,
        PARAMS,
        RESULTS,
        R0,
        VaListLayout::counts(&S390X, SAVE_AREA),
    )
};

/// Returns a `long` that counts registers, member `at` of the `va_list`.
const fn counter(at: usize) -> VaCounter {
    VaCounter {
        bytes: 8,
        unit: 8,
        ..VaCounter::of(&S390X, at, 3, false)
    }
}
