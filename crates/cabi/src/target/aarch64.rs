//! AArch64: AAPCS64, stages B and C of "Parameter passing", as Linux has it; the variants of Apple
//! and of Windows are in `apple` and `windows`.
//!
//! Not here: big-endian machines, ILP32, scalable vectors, vectors of bools, `_BitInt` of more than
//! 128 bits: errors.

mod align;
mod apple;
mod lang;
mod vectors;
mod windows;

use smallvec::SmallVec;

use self::align::argument_align;
pub use self::apple::APPLE_ARM64;
pub use self::lang::{AARCH64_LANG, AARCH64_LANG_CONTEXT};
use self::vectors::{short_vector, vector_group};
pub use self::windows::WINDOWS_ARM64;
use super::machine_registers::registers;
use super::parts::{
    ATOMIC, FLOATS, INTS, as_argument, byte, has_atomic, int, is_compared, memory, not_compared,
    one, sort, words,
};
use crate::Reg;
use crate::convention::PartType::{F16, F32, F64, V128};
use crate::convention::Rule::{
    AssignToReg, AssignToRegPair, AssignToStackWithShadow, IfFlag, IfType, IfWants, PassIndirect,
};
use crate::convention::{
    ArgFlags, Classify, Convention, Extension, Frame, Group, GroupKind, Part, Parts, RegCounts,
    Role, Rule, Rules, State, VaField, VaListType, WantedKind,
};
use crate::leaves::{Leaf, LeafFlags, LeafKind, Leaves, WalkStep, leaves};
use crate::policy::Policy;
use crate::scalar::{Scalar, Vector};
use crate::types::error::Error;
use crate::types::record::{Attributes, is_all_padding};
use crate::types::{Kind, Type};

registers! {
    Int 64: X0 "x0" 0 X1 "x1" 1 X2 "x2" 2 X3 "x3" 3 X4 "x4" 4 X5 "x5" 5 X6 "x6" 6 X7 "x7" 7 X8 "x8" 8 X18 "x18" 18
        X19 "x19" 19 X20 "x20" 20 X21 "x21" 21 X22 "x22" 22 X23 "x23" 23 X24 "x24" 24 X25 "x25" 25 X26 "x26" 26 X27 "x27" 27
        X28 "x28" 28 X29 "x29" 29;
    Vector 128: V0 "v0" 0 V1 "v1" 1 V2 "v2" 2 V3 "v3" 3 V4 "v4" 4 V5 "v5" 5 V6 "v6" 6 V7 "v7" 7 V8 "v8" 8 V9 "v9" 9 V10 "v10" 10
        V11 "v11" 11 V12 "v12" 12 V13 "v13" 13 V14 "v14" 14 V15 "v15" 15;
}

const X: &[Reg] = &[X0, X1, X2, X3, X4, X5, X6, X7];
const V: &[Reg] = &[V0, V1, V2, V3, V4, V5, V6, V7];

/// The result register: `CCIfSRet<CCIfType<[i64], CCAssignToReg<[X8]>>>`.
const SRET: Rule = IfFlag(ArgFlags::SRET, &AssignToReg(&[X8]));
const NEST: Rule = IfFlag(ArgFlags::NEST, &AssignToReg(&[X18]));
/// B.4.
const LARGE: Rule = IfWants(WantedKind::Memory, &PassIndirect { align: 8 });
/// C.10: the next register is even where the alignment is 16.
const PAIRS: Rule = IfFlag(ArgFlags::SPLIT, &AssignToRegPair(X));
/// C.9, C.12.
const WORDS: Rule = IfType(INTS, &AssignToReg(X));
/// C.1, C.2.
const VECTORS: Rule = IfType(FLOATS, &AssignToReg(V));
/// Returns rule C.3 or C.13: a value that does not fit leaves no register to later arguments. A
/// size of 0 is the type's own.
const fn last(size: u32, shadow: &'static [Reg]) -> Rule {
    AssignToStackWithShadow {
        size,
        align: size,
        shadow,
    }
}
const LAST_WORDS: Rule = IfType(INTS, &last(8, X));
const LAST_VECTORS: Rule = IfType(FLOATS, &last(8, V));

static VA_LIST: [VaField; 5] = [
    ("__stack", Type::PTR),
    ("__gr_top", Type::PTR),
    ("__vr_top", Type::PTR),
    ("__gr_offs", Type::I32),
    ("__vr_offs", Type::I32),
];

/// AAPCS64 on Linux. Functions preserve the low-order 8 bytes of v8 to v15.
pub static AAPCS64: Convention = Convention {
    name: "AAPCS64",
    rules: Rules {
        adjust: Some(adjust),
        ..Rules::new(
            classify,
            &[
                SRET,
                NEST,
                LARGE,
                PAIRS,
                WORDS,
                VECTORS,
                LAST_WORDS,
                LAST_VECTORS,
            ],
            &[
                IfType(INTS, &AssignToReg(&[X0, X1])),
                IfType(FLOATS, &AssignToReg(&[V0, V1, V2, V3])),
            ],
        )
    },
    frame: Frame {
        callee_saved: &[
            X19, X20, X21, X22, X23, X24, X25, X26, X27, X28, X29, V8, V9, V10, V11, V12, V13, V14,
            V15,
        ],
        partly_saved: &[V8, V9, V10, V11, V12, V13, V14, V15],
        vector_bank: "v",
        va_list: VaListType::Structure("__va_list", &VA_LIST),
        ..Frame::new(8, 16)
    },
};

/// Refuses a static chain under the policy of a clang after version 20.
fn adjust(
    _: &mut Option<RegCounts>,
    _: &State,
    _: &Type,
    group: &mut Group,
    cx: &mut Classify<'_, '_>,
) -> Result<(), &'static str> {
    match group.flags.has(ArgFlags::NEST) && cx.choose(Policy::STATIC_CHAIN_IN_X15) {
        true => Err("clang after version 20 passes a static chain in x15, gcc in x18"),
        false => Ok(()),
    }
}

/// Returns the group of `ty` (stage B).
fn classify(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
    let ty = as_argument(ty, cx)?;
    if ty.size() > 0 && is_all_padding(ty) {
        let why = "gcc and clang do not agree on whether a record without named bits is passed";
        return cx.dispute(ty, why);
    }
    // No HFA is larger, and no walk over an array is longer.
    if ty.size() > 64 {
        return Ok(large(ty, cx));
    }
    check_leaves(ty, cx)?;
    match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => return Ok(scalar_group(*scalar, ty, cx)),
        Kind::Vector(vector) => return vector_group(*vector, ty, cx),
        _ => {}
    }
    if let Some(group) = homogeneous(ty, cx)? {
        return Ok(group);
    }
    if ty.size() <= 16 && has_packed_wide_bit_field(ty) {
        let why = "gcc and clang do not agree on the alignment of its bit-field of 16 bytes";
        return cx.dispute(ty, why);
    }
    if ty.size() == 16 && ty.is_atomic() {
        let why = "gcc and clang do not agree on the alignment of an `_Atomic` value of 16 bytes";
        return cx.dispute(ty, why);
    }
    Ok(match ty.size() {
        0 => Group::ignore(),
        1..=16 => {
            cx.tracer.note(
                "at most 16 bytes, not a homogeneous aggregate (C.12): words of 8 bytes, all in registers or none",
            );
            all_words(ty, argument_align(ty))
        }
        _ => large(ty, cx),
    })
}

/// Returns a composite of more than 16 bytes that is not homogeneous (B.4).
fn large(ty: &Type, cx: &Classify<'_, '_>) -> Group {
    cx.tracer.note(
        "more than 16 bytes, not a homogeneous aggregate (B.4): in memory, found by a pointer",
    );
    memory(ty)
}

/// Refuses a type with a leaf that is not known ([`is_known`]).
fn check_leaves(ty: &Type, cx: &Classify<'_, '_>) -> Result<(), Error> {
    match leaves(ty).all(|leaf| is_known(leaf.kind)) {
        true => Ok(()),
        false => not_compared(ty, cx),
    }
}

/// Checks whether values of such a leaf are compared with compilers, and these agree.
fn is_known(kind: LeafKind) -> bool {
    match kind {
        // gcc 12 has no `_BitInt`, clang up to 128 bits.
        LeafKind::Scalar(Scalar::F16 | Scalar::BF16 | Scalar::BitInt { bits: ..=128, .. }) => true,
        // clang returns one of `__int128` in integer registers. gcc passes one of `long double` in
        // two vector registers.
        LeafKind::Vector(Vector { lane, bools, .. }) => {
            bools.is_none() && !matches!(lane, Scalar::Int { bits: 128, .. } | Scalar::F128)
        }
        kind => is_compared(kind),
    }
}

/// Checks whether a record has a packed bit-field of a type that is aligned to 16 bytes or more. To
/// gcc the record has this alignment, packed or not.
fn has_packed_wide_bit_field(ty: &Type) -> bool {
    ty.as_record().is_some_and(|record| {
        let Attributes { packed, pack, .. } = record.attributes();
        record.fields().iter().any(|field| {
            let is_packed = packed || pack.is_some() || field.is_packed();
            is_packed && field.bit_field().is_some() && field.ty().align() >= 16
        })
    })
}

/// Returns a value in words, all of them in registers or none.
fn all_words(ty: &Type, align: u32) -> Group {
    let mut group = words(ty, 8);
    group.may_split = false;
    group.align = align;
    if align == 16 {
        group.flags = ArgFlags::SPLIT;
    }
    group
}

fn scalar_group(scalar: Scalar, ty: &Type, cx: &Classify<'_, '_>) -> Group {
    let float = float(scalar);
    cx.tracer.note(match (&float, ty.size()) {
        (Some(_), _) => "a floating-point number (C.1)",
        (None, 9..=16) => "an integer of 16 bytes: two registers, the first one even (C.10, C.11)",
        (None, _) => "an integer or pointer (C.9)",
    });
    match (float, ty.size()) {
        (Some(part), _) => one(ty, part),
        (None, 9..=16) => all_words(ty, 16),
        // The bits above a narrow integer are unspecified.
        (None, size) => one(ty, int(byte(size), Extension::None)),
    }
}

fn float(scalar: Scalar) -> Option<Part> {
    Some(Part::float(match scalar {
        Scalar::F16 | Scalar::BF16 => F16,
        Scalar::F32 => F32,
        Scalar::F64 => F64,
        Scalar::F128 => V128,
        _ => return None,
    }))
}

/// Returns the members of an HFA or HVA ("Homogeneous Aggregates"): one to four floats of one
/// format, or short vectors of one size. Members of a union count once where they overlap. No
/// record has padding. Compilers decide which members spoil the aggregate.
fn members(ty: &Type) -> Option<Homogeneous> {
    let mut members = Homogeneous::default();
    let mut walk = leaves(ty);
    let mut outer = SmallVec::<[u64; 4]>::new();
    while let Some(step) = walk.step() {
        match step {
            WalkStep::Leaf(leaf) => {
                let counts = Counts::of(&leaf, &walk);
                if !members.add(&leaf, counts) {
                    return None;
                }
            }
            WalkStep::Enter(..) => outer.push(core::mem::take(&mut members.bytes)),
            WalkStep::Leave(inner) => {
                if u64::from(members.bytes.count_ones()) != inner.size() && !is_all_padding(inner) {
                    return None;
                }
                members.bytes |= outer.pop().unwrap_or_default();
            }
        }
    }
    sort(&mut members.parts);
    let bytes: u64 = members.parts.iter().map(|part| u64::from(part.size)).sum();
    (!members.parts.is_empty() && bytes == ty.size()).then_some(members)
}

/// Returns the members of a homogeneous aggregate as gcc and clang agree on them.
fn homogeneous(ty: &Type, cx: &mut Classify<'_, '_>) -> Result<Option<Group>, Error> {
    let Some(members) = members(ty) else {
        return Ok(None);
    };
    let why = "clang counts `__bf16` in a structure as a float, gcc 12 does not";
    if members.has_bf16 && !cx.decide(Policy::BF16_MEMBERS_ARE_FLOATS, ty, why)? {
        return Ok(None);
    }
    // gcc takes a structure of one vector or complex number for that one, whatever is beside it.
    let is_one_value = match members.parts.len() {
        1 => members.of_vectors == Some(true),
        n => n == 2 && members.is_complex,
    };
    if members.is_spoiled && !is_one_value {
        return Ok(None);
    }
    let bit = Policy::ATOMIC_MEMBERS_IN_MEMORY;
    if has_atomic(ty) && cx.decide(bit, ty, ATOMIC)? {
        return Ok(None);
    }
    if members.is_disputed || members.is_spoiled {
        let why = "gcc and clang do not agree on whether its members without bytes or names count as members";
        return cx.dispute(ty, why);
    }
    members.group(ty, argument_align(ty), cx).map(Some)
}

/// Findings about a possible homogeneous aggregate.
#[derive(Default)]
struct Homogeneous {
    parts: Parts,
    of_vectors: Option<bool>,
    /// `true` if a half of a complex number is among the members.
    is_complex: bool,
    /// `true` if a `__bf16` is among the members, outside of vectors.
    has_bf16: bool,
    /// `true` if the first member is a `__bf16`, which to clang is the format of all.
    starts_with_bf16: bool,
    /// `true` if a leaf beside the members [spoils](Counts::Spoils) the aggregate.
    is_spoiled: bool,
    is_disputed: bool,
    /// Bytes that members have in the record that the walk is in, one bit each.
    bytes: u64,
}

impl Homogeneous {
    /// Returns a register for each member, for all of them or none.
    ///
    /// # Errors
    /// The aggregate is an unnamed argument, and clang's `va_arg` may look elsewhere than its
    /// callers put it.
    fn group(self, ty: &Type, align: u32, cx: &mut Classify<'_, '_>) -> Result<Group, Error> {
        let may_split = self.starts_with_bf16
            && self.parts.len() > 1
            && cx.choose(Policy::BF16_AGGREGATES_SPLIT);
        if may_split && cx.role == Role::Unnamed {
            let why = "clang's callers split an unnamed aggregate of `__bf16`, and clang's `va_arg` reads it whole";
            return cx.dispute(ty, why);
        }
        let (name, why) = match self.of_vectors {
            Some(true) => (
                "HVA",
                "a homogeneous vector aggregate (HVA): one to four short vectors of one size, each in a register (C.2)",
            ),
            _ => (
                "HFA",
                "a homogeneous floating-point aggregate (HFA): one to four floats of one format, each in a register (C.2)",
            ),
        };
        cx.tracer.note(why);
        cx.tracer.classes([name]);
        let group = Group {
            may_split,
            ..Group::new(GroupKind::Registers, ty.size(), align)
        };
        Ok(self.parts.into_iter().fold(group, Group::with))
    }

    /// Adds a leaf; `false` if the aggregate is not homogeneous.
    fn add(&mut self, leaf: &Leaf, counts: Counts) -> bool {
        match counts {
            Counts::Nothing => return true,
            Counts::Spoils => {
                self.is_spoiled = true;
                return true;
            }
            Counts::Disputed => {
                self.is_disputed = true;
                return true;
            }
            Counts::Member => {}
        }
        let is_vector = matches!(leaf.kind, LeafKind::Vector(_));
        let part = match leaf.kind {
            LeafKind::Scalar(scalar) => float(scalar),
            // A vector of three lanes has the bytes of four.
            LeafKind::Vector(_) => short_vector((leaf.width_bits / 8).next_power_of_two()),
            _ => None,
        };
        let (Some(part), Ok(at)) = (part, u8::try_from(leaf.offset_bits / 8)) else {
            return false;
        };
        self.is_complex |= leaf.around.any(LeafFlags::IMAGINARY);
        let is_bf16 = leaf.kind == LeafKind::Scalar(Scalar::BF16);
        self.has_bf16 |= is_bf16;
        self.starts_with_bf16 |= is_bf16 && self.parts.is_empty();
        // At most 64 bytes.
        (at..at + part.size).for_each(|byte| self.bytes |= 1 << (byte % 64));
        let is_new = self.parts.iter().all(|other| other.offset != at);
        if is_new {
            self.parts.push(part.at(at));
        }
        let is_alike = self.parts.iter().all(|other| other.ty == part.ty);
        is_alike && self.parts.len() <= 4 && *self.of_vectors.get_or_insert(is_vector) == is_vector
    }
}

/// Checks whether the last leaf of `walk` is in a record of no bytes.
fn is_in_nothing(walk: &Leaves<'_>) -> bool {
    let mut records = walk.path().filter(|frame| frame.ty.as_record().is_some());
    records.any(|frame| frame.ty.size() == 0)
}

/// Role of a leaf for compilers that look for a homogeneous aggregate.
enum Counts {
    /// A member.
    Member,
    /// No member: an empty record, or a bit-field of no bits in a structure.
    Nothing,
    /// No member, and the aggregate is not homogeneous because of it: an array of no elements.
    Spoils,
    /// gcc and clang disagree. To clang a record of padding, and a bit-field of no bits in a union,
    /// are nothing.
    Disputed,
}

impl Counts {
    /// Returns the role of the last leaf of `walk`.
    fn of(leaf: &Leaf, walk: &Leaves<'_>) -> Self {
        // An array of arrays of no elements has no elements either.
        let mut inside = walk
            .path()
            .skip(1)
            .filter(|frame| frame.ty.as_record().is_some());
        let in_padding = inside.any(|frame| is_all_padding(frame.ty));
        let is_empty_bit_field = leaf.bit_field && leaf.width_bits == 0;
        match leaf.kind {
            LeafKind::Empty if walk.own_type().as_record().is_some() => Self::Nothing,
            _ if is_empty_bit_field && !leaf.around.any(LeafFlags::IN_UNION) => Self::Nothing,
            _ if is_empty_bit_field || in_padding => Self::Disputed,
            LeafKind::Empty => Self::Spoils,
            LeafKind::FlexibleArray if is_in_nothing(walk) => Self::Spoils,
            _ => Self::Member,
        }
    }
}
