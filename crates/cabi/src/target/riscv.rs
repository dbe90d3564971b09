//! RISC-V: the psABI's integer and hardware floating-point calling conventions, `ilp32` to `lp64d`,
//! and `ilp32e`; which values are in floating-point registers is in `flatten`.
//!
//! Not here: `lp64e`, `_BitInt`, floats of two bytes, vectors: errors.

mod flatten;

use super::machine_registers::registers;
use super::parts::{
    ATOMIC, INTS, as_argument, byte, extension_of, int, ir_values, is_compared, memory,
    not_compared, one, words,
};
use crate::Reg;
use crate::convention::PartType::{F32, F64};
use crate::convention::Rule::{
    AssignToReg, AssignToRegPair, AssignToStack, AssignToStackWithShadow, If, IfFlag, IfType,
    IfUnnamed, IfWants, PassIndirect,
};
use crate::convention::{
    ArgFlags, Classify, Convention, Extension, Frame, Group, GroupKind, GuardInput, Part,
    PartTypes, Place, Role, Rule, Rules, VaListType, WantedKind,
};
use crate::leaves::{LeafKind, leaves};
use crate::policy::Policy;
use crate::scalar::Scalar;
use crate::types::error::Error;
use crate::types::model_facts::ModelFacts;
use crate::types::{Kind, Type};

registers! {
    Int 64: RA "ra" 1 SP "sp" 2 T0 "t0" 5 T1 "t1" 6 T2 "t2" 7 S0 "s0" 8 S1 "s1" 9
        A0 "a0" 10 A1 "a1" 11 A2 "a2" 12 A3 "a3" 13 A4 "a4" 14 A5 "a5" 15 A6 "a6" 16 A7 "a7" 17
        T3 "t3" 28 T4 "t4" 29 T5 "t5" 30 T6 "t6" 31
        S2 "s2" 18 S3 "s3" 19 S4 "s4" 20 S5 "s5" 21 S6 "s6" 22 S7 "s7" 23 S8 "s8" 24 S9 "s9" 25 S10 "s10" 26 S11 "s11" 27;
    Vector 64: FT0 "ft0" 0 FT1 "ft1" 1 FT2 "ft2" 2 FT3 "ft3" 3 FT4 "ft4" 4 FT5 "ft5" 5 FT6 "ft6" 6 FT7 "ft7" 7
        FT8 "ft8" 28 FT9 "ft9" 29 FT10 "ft10" 30 FT11 "ft11" 31 FS0 "fs0" 8 FS1 "fs1" 9
        FA0 "fa0" 10 FA1 "fa1" 11 FA2 "fa2" 12 FA3 "fa3" 13 FA4 "fa4" 14 FA5 "fa5" 15 FA6 "fa6" 16 FA7 "fa7" 17
        FS2 "fs2" 18 FS3 "fs3" 19 FS4 "fs4" 20 FS5 "fs5" 21 FS6 "fs6" 22 FS7 "fs7" 23 FS8 "fs8" 24 FS9 "fs9" 25 FS10 "fs10" 26 FS11 "fs11" 27;
}

const A: &[Reg] = &[A0, A1, A2, A3, A4, A5, A6, A7];
const A_E: &[Reg] = &[A0, A1, A2, A3, A4, A5];
const FA: &[Reg] = &[FA0, FA1, FA2, FA3, FA4, FA5, FA6, FA7];
const SAVED: &[Reg] = &[S0, S1, S2, S3, S4, S5, S6, S7, S8, S9, S10, S11];
const SAVED_F: &[Reg] = &[
    S0, S1, S2, S3, S4, S5, S6, S7, S8, S9, S10, S11, FS0, FS1, FS2, FS3, FS4, FS5, FS6, FS7, FS8,
    FS9, FS10, FS11,
];
/// The floating-point registers among them.
const FS: &[Reg] = SAVED_F.split_at(SAVED.len()).1;

const LARGE: Rule = IfWants(WantedKind::Memory, &PassIndirect { align: 1 });
/// LLVM's `CCIfNest<T2>`.
const NEST: Rule = IfFlag(ArgFlags::NEST, &AssignToReg(&[T2]));
const FLOATS: Rule = IfType(PartTypes::of(&[F32, F64]), &AssignToReg(FA));
const WORDS: Rule = IfType(INTS, &AssignToReg(A));
const WORDS_E: Rule = IfType(INTS, &AssignToReg(A_E));
const FLOAT_RESULTS: Rule = IfType(PartTypes::of(&[F32, F64]), &AssignToReg(&[FA0, FA1]));
const WORD_RESULTS: Rule = IfType(INTS, &AssignToReg(&[A0, A1]));

const fn slot(word: u32) -> Rule {
    AssignToStack {
        size: word,
        align: word,
    }
}

/// "Variadic arguments with 2×XLEN-bit alignment and size at most 2×XLEN bits are passed in an
/// aligned register pair".
const PAIRS: Rule = IfUnnamed(&If(ALIGNED, is_pair, &IfType(INTS, &AssignToRegPair(A))));
const ALIGNED: &str = "aligned to two words";

/// Checks whether a value is two words, and aligned to both together.
fn is_pair(input: &GuardInput<'_>) -> bool {
    let word = input.group.parts.first().map_or(0, |part| part.ty.bytes());
    input.group.parts.len() == 2 && input.group.align >= 2 * u32::from(word)
}

/// Returns the rule for a value that finds no pair: it is on the stack, and no later argument finds
/// the last register.
const fn no_pair(word: u32) -> Rule {
    AssignToStackWithShadow {
        size: word,
        align: word,
        shadow: &[A7],
    }
}
const NO_PAIR_4: Rule = IfUnnamed(&If(ALIGNED, is_pair, &const { no_pair(4) }));
const NO_PAIR_8: Rule = IfUnnamed(&If(ALIGNED, is_pair, &const { no_pair(8) }));

/// Returns a convention with words of `word` bytes, which are those of `args`.
const fn standard(
    name: &'static str,
    classify: crate::convention::Classifier,
    args: &'static [Rule],
    word: u32,
    saved: &'static [Reg],
) -> Convention {
    Convention {
        name,
        rules: Rules::new(classify, args, &[FLOAT_RESULTS, WORD_RESULTS]),
        frame: Frame {
            callee_saved: saved,
            vector_bank: "fp",
            va_list: VaListType::Pointer,
            ..Frame::new(word, 16)
        },
    }
}

const ARGS_4: &[Rule] = &[LARGE, NEST, PAIRS, NO_PAIR_4, FLOATS, WORDS, slot(4)];
const ARGS_8: &[Rule] = &[LARGE, NEST, PAIRS, NO_PAIR_8, FLOATS, WORDS, slot(8)];
const SOFT_4: &[Rule] = &[LARGE, NEST, PAIRS, NO_PAIR_4, WORDS, slot(4)];
const SOFT_8: &[Rule] = &[LARGE, NEST, PAIRS, NO_PAIR_8, WORDS, slot(8)];

/// 32 bits, all in integer registers.
pub static ILP32: Convention = soft(standard("RISC-V ilp32", classify::<0>, SOFT_4, 4, SAVED));
/// 32 bits, `float` in floating-point registers.
pub static ILP32F: Convention =
    partly(standard("RISC-V ilp32f", classify::<4>, ARGS_4, 4, SAVED_F));
/// 32 bits, `float` and `double` in floating-point registers.
pub static ILP32D: Convention = standard("RISC-V ilp32d", classify::<8>, ARGS_4, 4, SAVED_F);
/// 64 bits, all in integer registers.
pub static LP64: Convention = soft(standard("RISC-V lp64", classify::<0>, SOFT_8, 8, SAVED));
/// 64 bits, `float` in floating-point registers.
pub static LP64F: Convention = partly(standard("RISC-V lp64f", classify::<4>, ARGS_8, 8, SAVED_F));
/// 64 bits, `float` and `double` in floating-point registers.
pub static LP64D: Convention = standard("RISC-V lp64d", classify::<8>, ARGS_8, 8, SAVED_F);
/// 32 bits with 16 registers, six of them for arguments. Nothing on the stack is aligned to more
/// than a word.
pub static ILP32E: Convention = {
    let args = &[LARGE, NEST, WORDS_E, slot(4)];
    let mut own = soft(standard("RISC-V ilp32e", classify_e, args, 4, &[S0, S1]));
    (own.frame.stack_align, own.frame.least_align) = (4, 4);
    own
};

const FAST_WORDS: Rule = IfType(
    INTS,
    &AssignToReg(&[A0, A1, A2, A3, A4, A5, A6, A7, T3, T4, T5, T6]),
);
const FAST_FLOATS: Rule = IfType(
    PartTypes::of(&[F32, F64]),
    &AssignToReg(&[
        FA0, FA1, FA2, FA3, FA4, FA5, FA6, FA7, FT0, FT1, FT2, FT3, FT4, FT5, FT6, FT7, FT8, FT9,
        FT10, FT11,
    ]),
);

const FAST_F64: Rule = IfType(PartTypes::of(&[F64]), &slot(8));
const FAST_F32: Rule = IfType(PartTypes::of(&[F32]), &slot(4));

/// Returns LLVM's `fastcc`, for functions of one compiler (`CC_RISCV_FastCC`; results as in C, by
/// `standard`). Its values are those of LLVM IR: a structure is its scalars, and an integer of more
/// than a word is several. Each part has a place by itself, and no float is in an integer register.
/// The machine's instructions decide which floats have registers: here those that the ABI has
/// registers for.
const fn fast<const FLEN: u64>(
    name: &'static str,
    args: &'static [Rule],
    standard: Convention,
) -> Convention {
    Convention {
        name,
        rules: Rules {
            // "Any return value split in to more than two values can't be returned directly"
            // (`CC_RISCV`).
            return_fits: Some(|place, _| !matches!(place, Place::Parts(parts) if parts.len() > 2)),
            ..Rules::new(classify_values::<FLEN>, args, standard.rules.results)
        },
        ..standard
    }
}

const FAST_4: &[Rule] = &[FAST_WORDS, FAST_FLOATS, slot(4)];
const FAST_4D: &[Rule] = &[FAST_WORDS, FAST_FLOATS, FAST_F64, slot(4)];
const FAST_8: &[Rule] = &[FAST_WORDS, FAST_FLOATS, FAST_F32, slot(8)];

/// LLVM's `fastcc` on 32 bits with `float` and `double` in registers.
pub static FAST_32: Convention = fast::<8>("RISC-V ilp32d fastcc", FAST_4D, ILP32D);
/// LLVM's `fastcc` on 32 bits with `float` in registers.
pub static FAST_32F: Convention = fast::<4>("RISC-V ilp32f fastcc", FAST_4, ILP32F);
/// LLVM's `fastcc` on 32 bits without registers for floats.
pub static FAST_32_SOFT: Convention =
    fast::<0>("RISC-V ilp32 fastcc", &[FAST_WORDS, slot(4)], ILP32);
/// LLVM's `fastcc` on 32 bits with 16 registers.
pub static FAST_32E: Convention = fast::<0>("RISC-V ilp32e fastcc", &[WORDS_E, slot(4)], ILP32E);
/// LLVM's `fastcc` on 64 bits with `float` and `double` in registers.
pub static FAST_64: Convention = fast::<8>("RISC-V lp64d fastcc", FAST_8, LP64D);
/// LLVM's `fastcc` on 64 bits with `float` in registers.
pub static FAST_64F: Convention = fast::<4>("RISC-V lp64f fastcc", FAST_8, LP64F);
/// LLVM's `fastcc` on 64 bits without registers for floats.
pub static FAST_64_SOFT: Convention = fast::<0>("RISC-V lp64 fastcc", &[FAST_WORDS, slot(8)], LP64);

/// Returns `convention` with floating-point registers of which callees preserve a `float` alone.
const fn partly(mut convention: Convention) -> Convention {
    convention.frame.partly_saved = FS;
    convention
}

const fn soft(convention: Convention) -> Convention {
    Convention {
        rules: Rules {
            results: &[WORD_RESULTS],
            ..convention.rules
        },
        ..convention
    }
}

fn classify_e(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    // Nothing on the stack is aligned to more than a word.
    if ty.size() == 0 && !leaves(ty).any(|leaf| leaf.kind == LeafKind::FlexibleArray) {
        return Ok(Group::ignore());
    }
    let mut group = classify::<0>(ty, cx)?;
    if group.kind == GroupKind::Registers {
        group.align = group.align.min(4);
    }
    Ok(group)
}

/// Returns the group of `ty`, where floats of up to `FLEN` bytes have registers of their own.
fn classify<const FLEN: u64>(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let ty = as_argument(ty, cx)?;
    let word = cx.model.pointer;
    if ty.facts().only(ModelFacts::BIG_BIT_INT) != ModelFacts::NONE {
        let why = "gcc aligns a `_BitInt` of more than 64 bits to 16 bytes, clang to 8";
        return cx.dispute(ty, why);
    }
    if cx.role != Role::Result && is_aligned_otherwise(ty, word) {
        let why = "gcc aligns it on the stack as the typedef says, clang as the record";
        return cx.dispute(ty, why);
    }
    let integers = match ty.kind() {
        Kind::Vector(_) => return cx.refuse(ty, "no rule for vectors is known"),
        _ if ty.size() > 2 * u64::from(word) => {
            cx.tracer
                .note("more than two registers wide: in memory, found by a pointer");
            memory(ty)
        }
        _ if ty.size() > 0 && leaves(ty).any(|leaf| !is_compared(leaf.kind)) => {
            return not_compared(ty, cx);
        }
        Kind::Scalar(scalar) | Kind::Enum(scalar) => scalar_words(*scalar, ty, cx)?,
        _ if ty.size() == 0 => return no_bytes(ty, cx),
        Kind::Complex(_) if ty.is_atomic() && ty.size() == 2 * u64::from(word) => {
            let mut group = words(ty, word);
            // gcc aligns the parts alone.
            if !cx.decide(Policy::ATOMIC_MEMBERS_IN_MEMORY, ty, ATOMIC)? {
                group.align = ty.non_atomic().align();
            }
            group
        }
        _ => words(ty, word),
    };
    if FLEN == 0 || cx.role == Role::Unnamed {
        return Ok(integers);
    }
    Ok(match flatten::in_registers(ty, word, FLEN, cx)? {
        Some(floats) => {
            if ty.is_aggregate() {
                cx.tracer.note(match floats.parts.iter().all(|part| part.ty.is_int()) {
                    true => "clang passes a complex integer like a complex float: each half in a register",
                    false => "one or two members, a float among them: each in a register",
                });
            }
            floats.or(integers)
        }
        None => integers,
    })
}

/// Returns the group of a record without bytes. It is not passed, but to gcc its alignment counts
/// on the stack. To clang a record with a flexible array member is not empty: an argument has a
/// word, in which nothing is.
fn no_bytes(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let is_flexible = leaves(ty).any(|leaf| leaf.kind == LeafKind::FlexibleArray);
    let why = "clang passes an empty word, gcc passes nothing";
    if cx.role == Role::Result {
        return Ok(Group::ignore());
    }
    if !is_flexible || !cx.decide(Policy::FLEXIBLE_ARRAY_IN_MEMORY, ty, why)? {
        return empty(ty, cx);
    }
    if cx.role == Role::Unnamed {
        return cx.dispute(
            ty,
            "clang's callers pass a word that clang's `va_arg` does not skip",
        );
    }
    let word = cx.model.pointer;
    let nothing = Part {
        size: 0,
        ..int(word, Extension::None)
    };
    let mut group = Group::new(GroupKind::Registers, 0, word.into()).with(nothing);
    group.may_split = true;
    Ok(group)
}

/// Returns the group of a record that is nothing but its alignment.
fn empty(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let why = "gcc aligns the next argument on the stack like this record, clang does not";
    if ty.align() <= cx.model.pointer.into()
        || !cx.decide(Policy::EMPTY_RECORDS_ALIGN_STACK, ty, why)?
    {
        return Ok(Group::ignore());
    }
    if cx.role == Role::Unnamed {
        let why = "gcc's callers align the next argument on the stack like this record, and gcc's `va_arg` does not";
        return cx.dispute(ty, why);
    }
    Ok(Group::new(GroupKind::Registers, 0, ty.align().min(16)))
}

/// Returns a scalar in integer registers: "narrower than XLEN bits, widened according to the sign
/// of their type up to 32 bits, then sign-extended".
fn scalar_words(scalar: Scalar, ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let word = cx.model.pointer;
    let size = match scalar {
        Scalar::F32 | Scalar::F64 | Scalar::F128 => return Ok(words(ty, word)),
        Scalar::Bool | Scalar::Int { .. } | Scalar::Ptr | Scalar::FnPtr => ty.size(),
        _ => return not_compared(ty, cx),
    };
    if size > u64::from(word) {
        return Ok(words(ty, word));
    }
    let extension = match (size, extension_of(scalar, ty, cx)) {
        (_, Extension::None) => Extension::None,
        (4, _) if word == 8 => Extension::Sign,
        (size, _) if size == u64::from(word) => Extension::None,
        (_, extension) => extension,
    };
    let mut group = one(ty, int(byte(size), extension));
    group.may_split = true;
    Ok(group)
}

/// Checks whether the typedef of a record in words decides whether the record is aligned to two
/// words.
fn is_aligned_otherwise(ty: &Type, word: u8) -> bool {
    let two = 2 * u32::from(word);
    let is_in_words = (1..=u64::from(two)).contains(&ty.size()) && ty.as_record().is_some();
    is_in_words && (ty.align() >= two) != (ty.canonical_align() >= two)
}

/// Returns each scalar of a value by itself, in words: the form of a structure in LLVM's IR.
fn classify_values<const FLEN: u64>(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if cx.variadic {
        let why = "a `fastcc` function cannot be variadic: LLVM's callers pass unnamed arguments where `va_arg` does not look";
        return Err(Error::InvalidSignature { why });
    }
    ir_values(ty, cx, (cx.model.pointer, FLEN, 1), |part, _| part)
}
