//! C-SKY ABIv2: LLVM's `CSKYCallingConv.td` and `CSKYTargetLowering::CCAssignFnForCall`, and what
//! clang makes of C (`CSKYABIInfo`): one list for soft floats and variadic functions, another for
//! hard floats.
//!
//! Not here: vectors, `_BitInt`, values of more than 252 bytes: errors.

use super::machine_registers::registers;
use super::parts::{
    MAX_PART_END, TOO_LARGE, as_argument, byte, extension_of, int, is_compared, one, words,
};
use crate::Reg;
use crate::convention::PartType::{F32, F64, I8, I16, I32};
use crate::convention::Rule::{AssignToReg, AssignToStack, BitConvert, Custom, IfType, Promote};
use crate::convention::{
    Classify, Convention, Extension, FloatLevel, Frame, Group, GroupKind, Lists, Loc, Part,
    PartTypes, Place, PlacedPart, PlacedParts, Role, Rule, Rules, State, VaListType,
};
use crate::leaves::{Leaf, LeafKind, leaves, leaves_of_one_element};
use crate::scalar::Scalar;
use crate::types::error::Error;
use crate::types::record::Field;
use crate::types::{Kind, Type};

registers! {
    Int 32: R0 "r0" 0 R1 "r1" 1 R2 "r2" 2 R3 "r3" 3 R4 "r4" 4 R5 "r5" 5 R6 "r6" 6 R7 "r7" 7 R8 "r8" 8 R9 "r9" 9 R10 "r10" 10 R11 "r11" 11
        R15 "r15" 15 R16 "r16" 16 R17 "r17" 17 R28 "r28" 28;
    Vector 64: VR0 "vr0" 0 VR1 "vr1" 1 VR2 "vr2" 2 VR3 "vr3" 3 VR8 "vr8" 8 VR9 "vr9" 9 VR10 "vr10" 10 VR11 "vr11" 11 VR12 "vr12" 12
        VR13 "vr13" 13 VR14 "vr14" 14 VR15 "vr15" 15;
}

const R: &[Reg] = &[R0, R1, R2, R3];
const VR: &[Reg] = &[VR0, VR1, VR2, VR3];

/// `CCIfType<[i8, i16], CCPromoteToType<i32>>`.
const NARROW: Rule = IfType(PartTypes::of(&[I8, I16]), &Promote(I32));
/// `CCIfType<[f32], CCBitConvertToType<i32>>`.
const BITS: Rule = IfType(PartTypes::of(&[F32]), &BitConvert(I32));
/// `CCIfType<[f64], CCCustom<"CC_CSKY_ABIV2_SOFT_64">>`.
const SOFT_64: Rule = IfType(
    PartTypes::of(&[F64]),
    &Custom("CC_CSKY_ABIV2_SOFT_64", two_words),
);
/// `CCIfType<[i32], CCAssignToReg<[R0, R1, R2, R3]>>`.
const WORDS: Rule = IfType(PartTypes::of(&[I32]), &AssignToReg(R));
/// `CCIfType<[i32, f32], CCAssignToStack<4, 4>>`.
const SLOT: Rule = IfType(
    PartTypes::of(&[I32, F32]),
    &AssignToStack { size: 4, align: 4 },
);
/// `CCIfType<[f64], CCAssignToStack<8, 4>>`.
const DOUBLES: Rule = IfType(PartTypes::of(&[F64]), &AssignToStack { size: 8, align: 4 });
/// `CCIfType<[f32, f64], CCAssignToReg<[F0, F1, F2, F3]>>`.
const FLOATS: Rule = IfType(PartTypes::of(&[F32, F64]), &AssignToReg(VR));
const WORD_RESULTS: Rule = IfType(PartTypes::of(&[I32]), &AssignToReg(&[R0, R1]));
const FLOAT_RESULTS: Rule = IfType(PartTypes::of(&[F32, F64]), &AssignToReg(&[VR0]));

/// `CC_CSKY_ABIV2_SOFT`, `RetCC_CSKY_ABIV2_SOFT`.
const SOFT: Lists = Lists {
    args: &[NARROW, BITS, WORDS, SLOT, SOFT_64],
    results: &[NARROW, BITS, WORD_RESULTS, SOFT_64],
};

/// `CC_CSKY_ABIV2_FP`, `RetCC_CSKY_ABIV2_FP`.
const HARD: Lists = Lists {
    args: &[NARROW, WORDS, FLOATS, SLOT, DOUBLES],
    results: &[NARROW, WORD_RESULTS, FLOAT_RESULTS],
};

/// ABIv2 with the floats of the signature's [`Features`](crate::convention::Features): none,
/// `float` (`fpuv2_sf`, `fpuv3_sf`), or `double` too (`fpuv2_df`, `fpuv3_df`) in floating-point
/// registers.
pub static CSKY: Convention = Convention {
    name: "C-SKY ABIv2",
    rules: Rules {
        choose: Some(|features, variadic| match features.floats {
            FloatLevel::Soft => SOFT,
            _ if variadic => SOFT,
            _ => HARD,
        }),
        ..Rules::new(classify, HARD.args, HARD.results)
    },
    frame: Frame {
        callee_saved: &[
            R4, R5, R6, R7, R8, R9, R10, R11, R15, R16, R17, R28, VR8, VR9, VR10, VR11, VR12, VR13,
            VR14, VR15,
        ],
        vector_bank: "vr",
        va_list: VaListType::Pointer,
        ..Frame::new(4, 4)
    },
};

/// ABIv2 with soft floats whatever a signature's features are: that of
/// `csky-unknown-linux-gnuabiv2`.
pub static CSKY_SOFT: Convention = Convention {
    name: "C-SKY ABIv2, soft floats",
    rules: Rules::new(classify_soft, SOFT.args, SOFT.results),
    frame: Frame {
        callee_saved: &[R4, R5, R6, R7, R8, R9, R10, R11, R15, R16, R17, R28],
        ..CSKY.frame
    },
};

/// Puts each `double` in the next two words, registers first: two, one and a slot, or two slots.
fn two_words(group: &Group, state: &mut State) -> Option<Place> {
    let mut parts = PlacedParts::new();
    let starts = group.parts.iter().map(|part| part.offset);
    for at in starts.flat_map(|at| [at, at.saturating_add(4)]) {
        let loc = match R.iter().find(|reg| state.is_free(**reg)) {
            Some(reg) => {
                state.take(*reg);
                Loc::Reg(*reg)
            }
            None => Loc::Stack(state.take_stack(4, 4, 4)?),
        };
        let part = Part::int(I32, Extension::None).at(at);
        parts.push(PlacedPart { part, loc });
    }
    Some(Place::Parts(parts))
}

fn classify_soft(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    cx.floats = FloatLevel::Soft;
    classify(ty, cx)
}

/// Returns a scalar, or a record of one element as that element; other values in words, some in
/// registers and others on the stack. A result has two words at most.
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let ty = as_argument(ty, cx)?;
    let group = match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => return scalar_group(*scalar, ty, cx),
        Kind::Vector(_) => return cx.refuse(ty, "no rule for vectors is known"),
        // Only if the walk is short: larger values are refused, or are results in memory.
        _ if ty.size() <= MAX_PART_END && leaves(ty).any(|leaf| !is_known(leaf.kind)) => {
            return cx.refuse(ty, "no rule is known for the type of a member");
        }
        // clang's `isEmptyRecord`: a record with a flexible array member is not empty.
        _ if ty.size() == 0 || leaves_of_one_element(ty).all(|leaf| is_padding(&leaf)) => {
            return Ok(Group::ignore());
        }
        _ if cx.role == Role::Result && ty.size() > 8 => {
            return Ok(Group::new(GroupKind::Memory, ty.size(), 4));
        }
        _ if ty.size() > MAX_PART_END => return cx.refuse(ty, TOO_LARGE),
        _ => float_parts(ty, cx).unwrap_or_else(|| words(ty, 4)),
    };
    Ok(Group { align: 4, ..group })
}

fn is_padding(leaf: &Leaf) -> bool {
    leaf.kind != LeafKind::FlexibleArray && (leaf.width_bits == 0 || leaf.unnamed)
}

/// Returns a record of one float as the float, and a complex argument as its two parts, where these
/// have registers.
fn float_parts(ty: &Type, cx: &mut Classify<'_, '_>) -> Option<Group> {
    if let Kind::Complex(scalar) = ty.kind() {
        let part = match (scalar, cx.floats) {
            (Scalar::F32, FloatLevel::Single | FloatLevel::Double) => F32,
            (Scalar::F64, FloatLevel::Double) => F64,
            _ => return None,
        };
        // clang does not look into an `_Atomic` number.
        let parts = (cx.role != Role::Result && !ty.is_atomic()).then_some(Part::float(part))?;
        let mut group = one(ty, parts).with(parts.at(parts.size));
        group.may_split = true;
        return Some(group);
    }
    match single_element(ty).filter(|_| !ty.is_union())? {
        scalar @ (Scalar::F32 | Scalar::F64) => Some(scalar_part(scalar, ty, cx)),
        _ => None,
    }
}

/// Returns the scalar that a record consists of (clang's `isSingleElementStruct`). Records, unions
/// and arrays of one element, none of them larger, may be around it. No other member has bytes.
fn single_element(ty: &Type) -> Option<Scalar> {
    let record = ty.as_record().filter(|_| !ty.is_atomic())?;
    let mut element = None;
    for field in record.fields().iter().filter(|field| !is_empty(field)) {
        let mut member = field.ty();
        while let Kind::Array(array) = member.kind()
            && array.len == Some(1)
        {
            member = &array.elem;
        }
        let scalar = member.as_scalar().or_else(|| single_element(member));
        if element.replace(scalar?).is_some() || member.size() != ty.size() {
            return None;
        }
    }
    element
}

/// Checks whether a member is empty (clang's `isEmptyField`): an unnamed bit-field, or a record or
/// array without members. A flexible array counts as a member.
fn is_empty(field: &Field) -> bool {
    let (ty, unnamed) = (field.ty(), field.name().is_none());
    let has_none = |ty| leaves(ty).all(|leaf| leaf.kind != LeafKind::FlexibleArray);
    field.bit_field().is_some() && unnamed
        || ty.size() == 0 && ty.is_object() && ty.is_aggregate() && has_none(ty)
}

/// Returns whether clang has members of this kind on this machine. Vectors do not count.
fn is_known(kind: LeafKind) -> bool {
    let is_wide = |scalar| match scalar {
        Scalar::Int { bits, .. } => bits > 64,
        scalar => scalar == Scalar::F128,
    };
    is_compared(kind) && !matches!(kind, LeafKind::Scalar(scalar) if is_wide(scalar))
}

fn scalar_group(scalar: Scalar, ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if !is_known(LeafKind::Scalar(scalar)) {
        return cx.refuse(ty, "clang does not have this type on this machine");
    }
    let group = scalar_part(scalar, ty, cx);
    Ok(Group { align: 4, ..group })
}

/// Returns a scalar in the registers that the features have for it.
fn scalar_part(scalar: Scalar, ty: &Type, cx: &mut Classify<'_, '_>) -> Group {
    match scalar {
        Scalar::F32 => one(ty, Part::float(F32)),
        Scalar::F64 if cx.floats == FloatLevel::Double => one(ty, Part::float(F64)),
        Scalar::F64 => words(ty, 4),
        _ if ty.size() <= 4 => one(ty, int(byte(ty.size()), extension_of(scalar, ty, cx))),
        _ => words(ty, 4),
    }
}
