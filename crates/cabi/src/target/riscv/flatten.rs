//! Values in floating-point registers: psABI, "Hardware Floating-point Calling Convention", and where gcc and clang do not flatten a record alike: each has
//! its own reading of members without bytes or names (`riscv_flatten_aggregate_field`, `detectFPCCEligibleStructHelper`).

use smallvec::{SmallVec, smallvec};

use crate::convention::PartType::{F16, F32, F64};
use crate::convention::{Classify, Extension, Group, GroupKind, Part};
use crate::leaf::LeafFlags;
use crate::leaves::{Leaf, LeafKind, Leaves, WalkStep, leaves};
use crate::policy::Policy;
use crate::scalar::Scalar;
use crate::target::parts::{ATOMIC, NOT_COMPARED, int, is_compared};
use crate::types::data_model::Language;
use crate::types::error::Error;
use crate::types::record::{Record, is_all_padding};
use crate::types::{Kind, Type};

const OF_ONE: &str = "gcc and clang do not agree on whether its members without bytes or without names count as fields";
const COMPLEX: &str =
    "clang passes its complex integer as two integers, gcc as any record of its size";

/// The parts of `ty` where floats of up to `flen` bytes have registers of their own; `None` where it is passed as integers are.
pub(super) fn in_registers(
    ty: &Type,
    word: u8,
    flen: u64,
    cx: &mut Classify<'_, '_>,
) -> Result<Option<Group>, Error> {
    let [gcc, clang] = [Compiler::Gcc, Compiler::Clang].map(|compiler| {
        let mut flat = Flat::new(ty, compiler, (word, flen));
        flat.walk(&mut leaves(ty)).map(|()| flat)
    });
    let parts = |flat: &Option<Flat>| flat.as_ref().map(|flat| flat.group.parts.clone());
    let is_of_gcc =
        parts(&gcc) == parts(&clang) || cx.decide(Policy::ZERO_LENGTH_ARRAYS_COUNT, ty, OF_ONE)?;
    let Some(flat) = (if is_of_gcc { gcc } else { clang }) else {
        let is_of_clang = is_complex_integer(ty, word.into(), flen)
            && !cx.decide(Policy::ZERO_LENGTH_ARRAYS_COUNT, ty, COMPLEX)?;
        return match is_of_clang {
            true => cx.dispute(ty, COMPLEX),
            false => Ok(None),
        };
    };
    if flat.is_unknown {
        return cx.refuse(ty, NOT_COMPARED);
    }
    // clang sees no scalar in what is `_Atomic`.
    if flat.is_atomic && ty.as_scalar().is_none() {
        let bit = Policy::ATOMIC_MEMBERS_IN_MEMORY;
        if cx.decide(bit, ty, ATOMIC)? {
            return Ok(None);
        }
    }
    if flat.has_wide_bits {
        return cx.dispute(ty, OF_ONE);
    }
    if flat.is_overlapped || flat.end_bits > 8 * ty.size() {
        let why = "clang takes its bit-field for a whole object of the bit-field's type, for which the record has no room";
        return cx.dispute(ty, why);
    }
    Ok(Some(flat.group))
}

#[derive(Clone, Copy, PartialEq)]
enum Compiler {
    Gcc,
    Clang,
}

/// What a compiler has flattened of a value: one or two floats, or a float and an integer, of any size.
struct Flat {
    compiler: Compiler,
    word: u8,
    flen: u64,
    group: Group,
    /// Whether a part is of a type that no compiler was asked about, or is too far from the start.
    is_unknown: bool,
    is_atomic: bool,
    /// Whether a bit-field is of a type that is wider than a register: a field to one compiler only.
    has_wide_bits: bool,
    /// The end of the type of the bit-field before, in bits, and whether a float starts before it: `long n : 32; float x;`.
    end_bits: u64,
    is_overlapped: bool,
}

/// A record that the walk is in.
struct Inside {
    /// Parts before it.
    n_before: usize,
    /// Whether a bit-field of no bits has been met in it.
    has_none: bool,
}

impl Flat {
    fn new(ty: &Type, compiler: Compiler, (word, flen): (u8, u64)) -> Self {
        Self {
            compiler,
            word,
            flen,
            group: Group::new(GroupKind::Registers, ty.size(), ty.canonical_align()),
            is_unknown: false,
            is_atomic: false,
            has_wide_bits: false,
            end_bits: 0,
            is_overlapped: false,
        }
    }

    /// "The struct is flattened", arrays too; `None` if that gives more than two parts, or no float.
    fn walk(&mut self, walk: &mut Leaves<'_>) -> Option<()> {
        let start = |n_before| Inside {
            n_before,
            has_none: false,
        };
        let mut records: SmallVec<[Inside; 4]> = smallvec![start(0)];
        if self.is_union(walk.own_type()) {
            return None;
        }
        while let Some(step) = walk.step() {
            let n_before = self.group.parts.len();
            let inside = records.last_mut()?;
            let (element, n_before) = match step {
                WalkStep::Enter(inner, _) if self.is_union(inner) => return None,
                WalkStep::Enter(..) => {
                    records.push(start(n_before));
                    continue;
                }
                WalkStep::Leaf(leaf) if leaf.bit_field && leaf.width_bits == 0 => {
                    inside.has_none = true;
                    continue;
                }
                WalkStep::Leaf(leaf) => {
                    self.add(&leaf, walk)?;
                    (walk.own_type(), n_before)
                }
                WalkStep::Leave(inner) => (inner, records.pop()?.n_before),
            };
            let n_parts = self.group.parts.len();
            // All elements of an array are like this one, of which nothing counts.
            if n_parts == n_before && walk.skip_elements() && self.stops_at_elements(element) {
                return None;
            }
            // "As a quirk of the ABI, zero-width bitfields aren't ignored for fp+fp structs" (clang).
            let after_none = records.last().is_some_and(|inside| inside.has_none);
            if self.compiler == Compiler::Clang && n_parts == 2 && after_none {
                return None;
            }
        }
        let is_float = |part: &Part| !part.ty.is_int();
        // Two at most: one of them is no integer.
        self.group.parts.iter().any(is_float).then_some(())
    }

    /// Whether `ty` is a union, of which clang does not see one that carries nothing.
    fn is_union(&self, ty: &Type) -> bool {
        ty.is_union() && (self.compiler == Compiler::Gcc || !is_all_padding(ty))
    }

    /// Adds what `leaf` is a part of; `None` if the value is not flattened.
    fn add(&mut self, leaf: &Leaf, walk: &Leaves<'_>) -> Option<()> {
        self.is_atomic |= leaf.around.any(LeafFlags::ATOMIC);
        let scalar = match leaf.kind {
            // An array of no elements, or a record without members.
            LeafKind::Empty => return (!self.is_counted_empty(walk.own_type())).then_some(()),
            LeafKind::Scalar(scalar) => scalar,
            LeafKind::Vector(_) | LeafKind::FlexibleArray => return None,
        };
        let mut inside = walk.path().skip(1);
        if self.compiler == Compiler::Clang && inside.any(|frame| is_all_padding(frame.ty)) {
            return Some(());
        }
        let bytes = leaf.bytes();
        let size = bytes.end - bytes.start;
        let part = match scalar {
            Scalar::F32 if self.flen >= 4 => Part::float(F32),
            Scalar::F64 if self.flen >= 8 => Part::float(F64),
            _ if !is_compared(leaf.kind) => {
                self.is_unknown = true;
                Part::float(F16)
            }
            // A pointer is no integer here, and in this gcc and clang agree.
            Scalar::Bool | Scalar::Int { .. } if size <= u64::from(self.word) => {
                let whole = int(self.word, Extension::None);
                Part {
                    size: u8::try_from(size).ok()?,
                    ..whole
                }
            }
            _ => return None,
        };
        if self.group.parts.len() == 2 {
            return None;
        }
        self.note_bits(leaf);
        let at = u8::try_from(bytes.start);
        self.is_unknown |= at.is_err();
        self.group.parts.push(part.at(at.unwrap_or_default()));
        Some(())
    }

    /// Whether what has no bytes stops gcc: an array, or a union.
    fn is_counted_empty(&self, ty: &Type) -> bool {
        let is_array = matches!(ty.kind(), Kind::Array(_));
        self.compiler == Compiler::Gcc && (is_array || ty.is_union())
    }

    /// Whether an array of elements of which nothing counts is not flattened: by gcc, and in C++ by clang.
    fn stops_at_elements(&self, element: &Type) -> bool {
        let is_cxx = |record: &Record| record.attributes().language == Language::Cxx;
        self.compiler == Compiler::Gcc || element.as_record().is_some_and(is_cxx)
    }

    fn note_bits(&mut self, leaf: &Leaf) {
        self.is_overlapped |= !leaf.bit_field && leaf.offset_bits < self.end_bits;
        if let (LeafKind::Scalar(Scalar::Int { bits, .. }), true) = (leaf.kind, leaf.bit_field) {
            self.end_bits = leaf.offset_bits / 8 * 8 + u64::from(bits);
            self.has_wide_bits |= bits > 8 * self.word;
        }
    }
}

/// Whether `ty` is a record of one complex integer that is not simply two words: clang takes any complex number for one of two floats.
fn is_complex_integer(ty: &Type, word: u64, flen: u64) -> bool {
    let Some((first, second)) = two_leaves(ty) else {
        return false;
    };
    let size = first.width_bits / 8;
    let is_words = size == word && ty.size() == 2 * word;
    matches!(first.kind, LeafKind::Scalar(Scalar::Int { .. }))
        && size <= flen
        && !is_words
        && second.around.any(LeafFlags::IMAGINARY)
        && ty.as_record().is_some()
        && !ty.contains(&|ty, _| ty.is_union() && !is_all_padding(ty))
}

/// The leaves with bits, if there are two.
fn two_leaves(ty: &Type) -> Option<(Leaf, Leaf)> {
    let (mut walk, mut found) = (leaves(ty), SmallVec::<[Leaf; 2]>::new());
    while let Some(step) = walk.step() {
        match step {
            WalkStep::Leaf(leaf) if leaf.width_bits > 0 => found.push(leaf),
            WalkStep::Leave(inner) if !is_all_padding(inner) => {}
            WalkStep::Enter(..) => {}
            _ => drop(walk.skip_elements()),
        }
        if found.len() > 2 {
            return None;
        }
    }
    match found.into_inner() {
        Ok([first, second]) => Some((first, second)),
        Err(_) => None,
    }
}
