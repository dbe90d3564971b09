//! x86-64 System V: psABI 3.2.3, Passing and Returning of Values, as Linux and the BSDs have it.
//!
//! The rules of classification are in [`psabi`], and the deviations of compilers in [`quirks`].

mod class;
mod classify;
mod psabi;
mod quirks;
mod registers;

pub use self::class::Class;
use self::registers::{ARG_GPRS, ARG_VECTORS};
use super::registers::{
    R10, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDX, ST0, ST1, XMM0, XMM1, XMM2, XMM3,
};
use crate::convention::PartType::{F16, F32, F64, F80, V128, V256, V512};
use crate::convention::Rule::{AssignLanes, AssignToReg, IfFlag, IfType, IfWants, PassByVal};
use crate::convention::{
    ArgFlags, Convention, Frame, PartTypes, Rules, VaField, VaListType, WantedKind,
};
use crate::target::parts::INTS;
use crate::types::Type;

const FLOATS: PartTypes = PartTypes::of(&[F64, F32, F16, V128, V256, V512]);

/// The members of `va_list` (psABI 3.5.7).
static VA_LIST: [VaField; 4] = [
    ("gp_offset", Type::U32),
    ("fp_offset", Type::U32),
    ("overflow_arg_area", Type::PTR),
    ("reg_save_area", Type::PTR),
];

/// x86-64 System V, as Linux and the BSDs use it.
pub static X86_64_SYSV: Convention = Convention {
    name: "x86-64 System V",
    rules: Rules {
        classify: classify::classify,
        args: &[
            IfFlag(ArgFlags::NEST, &AssignToReg(&[R10])),
            IfType(INTS, &AssignToReg(ARG_GPRS)),
            IfType(FLOATS, &AssignToReg(ARG_VECTORS)),
            IfWants(
                WantedKind::PerElement,
                &AssignLanes {
                    regs: ARG_GPRS,
                    slot: 8,
                },
            ),
            // Memory, x87, and groups that do not fit. The end of Passing: each argument takes a
            // multiple of 8 bytes.
            PassByVal { size: 8, align: 8 },
        ],
        results: &[
            // Beyond two: vectors wider than their registers, where a policy splits them.
            IfType(INTS, &AssignToReg(&[RAX, RDX, RCX])),
            IfFlag(ArgFlags::SPLIT, &AssignToReg(&[XMM0, XMM1, ST0])),
            IfType(FLOATS, &AssignToReg(&[XMM0, XMM1, XMM2, XMM3])),
            IfType(PartTypes::of(&[F80]), &AssignToReg(&[ST0, ST1])),
        ],
        choose: None,
        return_fits: None,
        adjust: Some(quirks::clang::adjust),
        va_arg: Some(quirks::clang::va_arg),
    },
    frame: Frame {
        callee_saved: &[RBX, RBP, R12, R13, R14, R15],
        sret_returned_in: Some(RAX),
        variadic_count: Some(RAX),
        vector_bank: "sse",
        va_list: VaListType::Array("__va_list_tag", &VA_LIST),
        least_align: 1,
        ..Frame::new(8, 16)
    },
};
