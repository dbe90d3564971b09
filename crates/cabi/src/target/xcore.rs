//! XCore: LLVM's `XCoreCallingConv.td` and `XCoreTargetLowering::CanLowerReturn`, and what clang
//! makes of C (`DefaultABIInfo`): scalars in words, every aggregate by its address.
//!
//! Not here: vectors, `_BitInt`, and floats that clang does not have on XCore; they are errors.

use super::machine_registers::registers;
use super::parts::{as_argument, extension, extension_of, int, ir_values, memory, one, words};
use crate::Reg;
use crate::convention::PartType::{I8, I16, I32};
use crate::convention::Rule::{
    AssignToReg, AssignToStack, IfFlag, IfType, IfWants, PassIndirect, Promote,
};
use crate::convention::{
    ArgFlags, Classify, Convention, Extension, Frame, Group, Loc, Part, PartTypes, Place,
    PlacedPart, Role, Rule, Rules, VaListType, WantedKind,
};
use crate::scalar::Scalar;
use crate::types::error::Error;
use crate::types::{Kind, Type};

registers! {
    Int 32: R0 "r0" 0 R1 "r1" 1 R2 "r2" 2 R3 "r3" 3 R4 "r4" 4 R5 "r5" 5 R6 "r6" 6 R7 "r7" 7 R8 "r8" 8 R9 "r9" 9 R10 "r10" 10 R11 "r11" 11
        LR "lr" 15;
}

const R: &[Reg] = &[R0, R1, R2, R3];

/// Aggregates, as values in LLVM's table, and as the address of a copy in C.
const AGGREGATES: Rule = IfWants(WantedKind::Memory, &PassIndirect { align: 4 });
/// `CCIfType<[i8, i16], CCPromoteToType<i32>>`.
const NARROW: Rule = IfType(PartTypes::of(&[I8, I16]), &Promote(I32));
/// `CCIfNest<CCAssignToReg<[R11]>>`.
const NEST: Rule = IfFlag(ArgFlags::NEST, &AssignToReg(&[R11]));
/// `CCIfType<[i32], CCAssignToReg<[R0, R1, R2, R3]>>`.
const WORDS: Rule = IfType(PartTypes::of(&[I32]), &AssignToReg(R));
/// `CCIfType<[i32], CCAssignToStack<4, 4>>`.
const SLOT: Rule = IfType(PartTypes::of(&[I32]), &AssignToStack { size: 4, align: 4 });

/// C on XCore, as clang has it: `CC_XCore` and `RetCC_XCore` over scalars.
pub static XCORE: Convention = Convention {
    name: "XCore",
    rules: Rules {
        return_fits: Some(can_lower_return),
        ..Rules::new(
            classify,
            &[AGGREGATES, NARROW, NEST, WORDS, SLOT],
            &[WORDS, SLOT],
        )
    },
    frame: Frame {
        callee_saved: &[R4, R5, R6, R7, R8, R9, R10, LR],
        va_list: VaListType::Pointer,
        ..Frame::new(4, 4)
    },
};

/// XCore's tables over the values of LLVM IR, where a structure is its scalars, for languages with
/// several results. Results without a register are on the stack after the arguments, unless the
/// function is variadic.
pub static XCORE_VALUES: Convention = Convention {
    name: "XCore, several values",
    rules: Rules {
        classify: classify_values,
        ..XCORE.rules
    },
    ..XCORE
};

/// Checks whether a result has its place (`XCoreTargetLowering::CanLowerReturn`). A variadic
/// function, whose arguments have no known end, has no results on the stack.
fn can_lower_return(place: &Place, variadic: bool) -> bool {
    let is_slot = |placed: &PlacedPart| matches!(placed.loc, Loc::Stack(_));
    let on_stack = match place {
        Place::Parts(parts) => parts.iter().any(is_slot),
        Place::Stack { .. } => true,
        _ => false,
    };
    !(variadic && on_stack)
}

/// Returns a scalar in one word or two; everything else by its address.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let ty = as_argument(ty, cx)?;
    let scalar = match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => *scalar,
        Kind::Vector(_) => return cx.refuse(ty, "no rule for vectors is known"),
        _ => return Ok(memory(ty)),
    };
    match parts(scalar, ty, cx) {
        Some(group) => Ok(Group { align: 4, ..group }),
        None => cx.refuse(ty, "clang does not have this type on this machine"),
    }
}

/// Returns the parts of a scalar that is alone in a value. LLVM converts results to the machine's
/// types before it reads their table.
fn parts(scalar: Scalar, ty: &Type, cx: &mut Classify<'_, '_>) -> Option<Group> {
    match scalar {
        Scalar::Bool | Scalar::Int { .. } | Scalar::Ptr | Scalar::FnPtr if ty.size() <= 4 => {
            // At most 4.
            let part = int(u8::try_from(ty.size()).ok()?, extension_of(scalar, ty, cx));
            Some(one(ty, legal(part, cx.role)))
        }
        Scalar::F32 | Scalar::F64 | Scalar::Int { bits: 64, .. } => Some(words(ty, 4)),
        _ => None,
    }
}

fn legal(part: Part, role: Role) -> Part {
    match role {
        Role::Result => Part { ty: I32, ..part },
        _ => part,
    }
}

/// Returns each scalar of a value by itself. LLVM extends only scalars that are alone: a member of
/// a structure has no `signext`.
fn classify_values(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    ir_values(ty, cx, (4, 0, 4), |part, scalar| {
        let extension = match ty.as_scalar() {
            Some(_) => extension(scalar),
            None => Extension::None,
        };
        legal(Part { extension, ..part }, cx.role)
    })
}
