//! s390x: the "zSeries ELF Application Binary Interface Supplement", Parameter Passing and Return
//! Values, as Linux has it. Big-endian: what is smaller than its slot of the argument area is at
//! the end of it.
//!
//! Not here: vectors (with and without the vector facility they have different places), `_BitInt`,
//! floats of two bytes: errors.

use super::machine_registers::registers;
use super::parts::{
    ATOMIC, INTS, as_argument, extension_of, has_atomic, int_of, is_compared, memory, not_compared,
    one,
};
use crate::build_record::WIDE_ATOMIC;
use crate::convention::PartType::{F32, F64, I8, I16, I32, I64};
use crate::convention::Rule::{
    AssignToReg, AssignToStack, If, IfFlag, IfType, IfWants, PassIndirect, Promote,
};
use crate::convention::{
    ArgFlags, Classify, Convention, Extension, Frame, Group, GuardInput, Part, PartTypes,
    RegCounts, Role, Rule, Rules, State, VaField, VaListType, WantedKind,
};
use crate::leaf::LeafFlags;
use crate::leaves::{LeafKind, has_flexible_array, leaves};
use crate::policy::Policy;
use crate::scalar::Scalar;
use crate::types::error::Error;
use crate::types::{Kind, Type};

registers! {
    Int 64: R0 "r0" 0 R2 "r2" 2 R3 "r3" 3 R4 "r4" 4 R5 "r5" 5 R6 "r6" 6 R7 "r7" 7 R8 "r8" 8 R9 "r9" 9 R10 "r10" 10 R11 "r11" 11 R12 "r12" 12
        R13 "r13" 13 R15 "r15" 15;
    Vector 64: F0 "f0" 0 F2 "f2" 2 F4 "f4" 4 F6 "f6" 6 F8 "f8" 8 F9 "f9" 9 F10 "f10" 10 F11 "f11" 11 F12 "f12" 12 F13 "f13" 13
        F14 "f14" 14 F15 "f15" 15;
}

const FLOATS: PartTypes = PartTypes::of(&[F32, F64]);

/// Values other than integers and floats of up to eight bytes: the address of a copy.
const LARGE: Rule = IfWants(WantedKind::Memory, &PassIndirect { align: 8 });
/// gcc's register of a static chain.
const NEST: Rule = IfFlag(ArgFlags::NEST, &AssignToReg(&[R0]));
/// Integers are extended to a doubleword by the caller, on the stack too:
/// `CCIfType<[i32], CCIfExtend<CCPromoteToType<i64>>>`. The bytes above a record are unspecified.
const EXTENDED: Rule = If(
    "extended",
    is_extended,
    &IfType(PartTypes::of(&[I8, I16, I32]), &Promote(I64)),
);
const WORDS: Rule = IfType(INTS, &AssignToReg(&[R2, R3, R4, R5, R6]));
const NUMBERS: Rule = IfType(FLOATS, &AssignToReg(&[F0, F2, F4, F6]));

fn is_extended(input: &GuardInput<'_>) -> bool {
    let mut parts = input.group.parts.iter();
    parts.all(|part| part.extension != Extension::None)
}

static VA_LIST: [VaField; 4] = [
    ("__gpr", Type::I64),
    ("__fpr", Type::I64),
    ("__overflow_arg_area", Type::PTR),
    ("__reg_save_area", Type::PTR),
];

/// The ELF ABI. The first 160 bytes above the stack pointer belong to the callee, which saves
/// registers there.
pub static S390X: Convention = Convention {
    name: "s390x ELF",
    rules: Rules {
        adjust: Some(adjust),
        ..Rules::new(
            classify,
            &[
                LARGE,
                NEST,
                EXTENDED,
                WORDS,
                NUMBERS,
                AssignToStack { size: 8, align: 8 },
            ],
            &[
                IfType(INTS, &AssignToReg(&[R2])),
                IfType(FLOATS, &AssignToReg(&[F0])),
            ],
        )
    },
    frame: Frame {
        big_endian: true,
        shadow_space: 160,
        callee_saved: &[
            R6, R7, R8, R9, R10, R11, R12, R13, R15, F8, F9, F10, F11, F12, F13, F14, F15,
        ],
        vector_bank: "fp",
        va_list: VaListType::Array("__va_list_tag", &VA_LIST),
        ..Frame::new(8, 8)
    },
};

/// Refuses a static chain under clang's policy.
fn adjust(
    _: &mut Option<RegCounts>,
    _: &State,
    _: &Type,
    group: &mut Group,
    cx: &mut Classify<'_, '_>,
) -> Result<(), &'static str> {
    let is_of_clang = cx.policy.has(Policy::ATOMIC_MEMBERS_IN_MEMORY);
    match is_of_clang && group.flags.has(ArgFlags::NEST) {
        true => Err("clang passes a static chain as the first ordinary argument, gcc in r0"),
        false => Ok(()),
    }
}

/// Returns the group of `ty`. A scalar has a register. A record as large as an integer has one too,
/// or is passed as the float that it consists of. All else is passed by its address.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let ty = as_argument(ty, cx)?;
    // With the vector facility, vectors and records of one vector have registers and another
    // alignment.
    if ty.contains(&|ty, _| matches!(ty.kind(), Kind::Vector(_))) {
        return not_compared(ty, cx);
    }
    if ty.contains(&|ty, _| ty.is_atomic() && ty.size() == 16) {
        return cx.refuse(ty, WIDE_ATOMIC);
    }
    let Some(integer) = int_of(ty.size()) else {
        return by_address(ty, cx);
    };
    if leaves(ty).any(|leaf| !is_compared(leaf.kind)) {
        return not_compared(ty, cx);
    }
    if has_flexible_array(ty) && cx.role != Role::Result {
        let why = "gcc passes the bytes before the flexible array member, clang passes an address";
        let bit = Policy::FLEXIBLE_ARRAY_IN_MEMORY;
        if cx.decide(bit, ty, why)? {
            return Ok(memory(ty));
        }
    }
    match ty.kind() {
        Kind::Scalar(Scalar::F32) => Ok(one(ty, Part::float(F32))),
        Kind::Scalar(Scalar::F64) => Ok(one(ty, Part::float(F64))),
        Kind::Scalar(scalar) | Kind::Enum(scalar) => {
            let extension = match (integer, extension_of(*scalar, ty, cx)) {
                // All of a register.
                (I64, _) => Extension::None,
                (_, extension) => extension,
            };
            Ok(one(ty, Part::int(integer, extension)))
        }
        Kind::Record(_) if cx.role != Role::Result => {
            let float = float_of(ty);
            if float.is_some() {
                cx.tracer
                    .note("a record of one float: passed as that float");
            }
            let bytes = Part::int(integer, Extension::None);
            // To clang an `_Atomic` type is neither a record nor a float.
            let is_disputed = ty.is_atomic() || float.is_some() && has_atomic(ty);
            let bit = Policy::ATOMIC_MEMBERS_IN_MEMORY;
            let is_of_clang = is_disputed && cx.decide(bit, ty, ATOMIC)?;
            Ok(match is_of_clang {
                true if ty.is_atomic() => memory(ty),
                true => one(ty, bytes),
                false => one(ty, float.unwrap_or(bytes)),
            })
        }
        _ => Ok(memory(ty)),
    }
}

fn by_address(ty: &Type, cx: &Classify<'_, '_>) -> Result<Group, Error> {
    let is_known = |scalar: &Scalar| matches!(scalar, Scalar::Int { .. } | Scalar::F128);
    match ty.kind() {
        Kind::Scalar(scalar) if !is_known(scalar) => not_compared(ty, cx),
        _ => Ok(memory(ty)),
    }
}

/// Returns the float that a record consists of, through records of one member.
fn float_of(ty: &Type) -> Option<Part> {
    let mut walk = leaves(ty);
    let (leaf, None) = (walk.next()?, walk.next()) else {
        return None;
    };
    let part = match (leaf.kind, ty.size()) {
        _ if leaf.around.any(LeafFlags::IN_ARRAY) || ty.contains(&|ty, _| ty.is_union()) => {
            return None;
        }
        (LeafKind::Scalar(Scalar::F32), 4) => F32,
        // A `float` aligned to eight bytes is the left half of the register, as it is of the
        // record.
        (LeafKind::Scalar(Scalar::F32 | Scalar::F64), 8) => F64,
        _ => return None,
    };
    Some(Part::float(part))
}
