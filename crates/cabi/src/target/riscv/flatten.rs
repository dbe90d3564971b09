//! Values in floating-point registers: psABI, "Hardware Floating-point Calling Convention", in the
//! readings of gcc and clang. These differ on members without bytes or names
//! (`riscv_flatten_aggregate_field`, `detectFPCCEligibleStructHelper`).

use core::ops::Range;

use smallvec::{SmallVec, smallvec};

use crate::convention::PartType::{F16, F32, F64};
use crate::convention::{Classify, Extension, Group, GroupKind, Part};
use crate::leaf::LeafFlags;
use crate::leaves::{Leaf, LeafKind, Leaves, WalkStep, leaves};
use crate::policy::Policy;
use crate::scalar::Scalar;
use crate::target::parts::{ATOMIC, has_atomic, int, is_compared, not_compared, sort};
use crate::types::data_model::Language;
use crate::types::error::Error;
use crate::types::record::{Field, Record, is_all_padding};
use crate::types::{Kind, Type};

const OF_ONE: &str = "gcc and clang do not agree on whether its members without bytes or without names count as fields";
const COMPLEX: &str =
    "clang passes its complex integer as two integers, gcc like any record of that size";

/// Returns the parts of `ty` where floats of up to `flen` bytes have registers of their own; `None`
/// where it is passed as integers are.
pub(super) fn in_registers(
    ty: &Type,
    word: u8,
    flen: u64,
    cx: &mut Classify<'_, '_>,
) -> Result<Option<Group>, Error> {
    let [old_gcc, gcc, clang] = Compiler::ALL.map(|compiler| {
        let mut flat = Flat::new(ty, compiler, (word, flen));
        match flat.walk(&mut leaves(ty)) {
            None if compiler != Compiler::Clang => flat.of_mode(ty),
            found => found.map(|()| flat),
        }
    });
    let parts = |flat: &Option<Flat>| flat.as_ref().map(|flat| flat.group.parts.clone());
    let is_of_any = parts(&old_gcc) == parts(&gcc) && parts(&gcc) == parts(&clang);
    let why = match &clang {
        Some(flat) if flat.is_complex_integer => COMPLEX,
        _ => OF_ONE,
    };
    let chosen = if !is_of_any && !cx.decide(Policy::ZERO_LENGTH_ARRAYS_COUNT, ty, why)? {
        clang
    } else if parts(&old_gcc) == parts(&gcc) || cx.choose(Policy::EMPTY_ARRAYS_STOP_FLATTENING) {
        old_gcc
    } else {
        gcc
    };
    let Some(flat) = chosen else {
        return Ok(None);
    };
    if flat.is_unknown {
        return not_compared(ty, cx);
    }
    // clang sees no scalar in what is `_Atomic`.
    if flat.is_atomic && ty.as_scalar().is_none() {
        let bit = Policy::ATOMIC_MEMBERS_IN_MEMORY;
        if cx.decide(bit, ty, ATOMIC)? {
            return Ok(None);
        }
    }
    if flat.has_wide_bits {
        return cx.dispute(ty, why);
    }
    if flat.is_overlapped() {
        let why = "clang treats its bit-field as a whole object of that type, for which the record is too small";
        return cx.dispute(ty, why);
    }
    let mut group = flat.group;
    sort(&mut group.parts);
    Ok(Some(group))
}

#[derive(Clone, Copy, PartialEq)]
enum Compiler {
    /// gcc through version 15.
    OldGcc,
    Gcc,
    Clang,
}

impl Compiler {
    const ALL: [Self; 3] = [Self::OldGcc, Self::Gcc, Self::Clang];
}

/// Result of a compiler's flattening of a value: one or two floats, or a float and an integer, of
/// any size.
struct Flat {
    compiler: Compiler,
    word: u8,
    flen: u64,
    group: Group,
    /// `true` if a part is of a type that was compared with no compiler, or is too far from the
    /// start.
    is_unknown: bool,
    is_atomic: bool,
    /// `true` if an integer is of a type that is wider than a register: a field to one compiler
    /// only.
    has_wide_bits: bool,
    /// `true` if the parts are the two halves of a complex integer in a structure.
    is_complex_integer: bool,
    /// The bits that an object of the bit-field's type would have.
    bit_field: Range<u64>,
}

/// A record that the walk is in.
struct OpenRecord {
    /// Parts before it.
    n_before: usize,
    /// `true` if a bit-field of no bits has been met in it.
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
            is_complex_integer: false,
            bit_field: 0..0,
        }
    }

    /// Flattens the value: "The struct is flattened", and arrays too. `None` if that gives more
    /// than two parts, or no float.
    fn walk(&mut self, walk: &mut Leaves<'_>) -> Option<()> {
        let start = |n_before| OpenRecord {
            n_before,
            has_none: false,
        };
        let mut records: SmallVec<[OpenRecord; 4]> = smallvec![start(0)];
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
            // All elements of an array are like this one, in which nothing counts.
            if n_parts == n_before && walk.skip_elements() && self.stops_at_elements(element) {
                return None;
            }
            // "As a quirk of the ABI, zero-width bitfields aren't ignored for fp+fp structs"
            // (clang).
            let after_none = records.last().is_some_and(|inside| inside.has_none);
            if self.compiler == Compiler::Clang && n_parts == 2 && after_none {
                return None;
            }
        }
        let is_float = |part: &Part| !part.ty.is_int();
        // At most two parts, one of them a float. Any complex number is one of two floats to clang.
        (self.is_complex_integer || self.group.parts.iter().any(is_float)).then_some(())
    }

    /// Flattens a structure as the float or complex number whose mode it has in gcc, which does not
    /// flatten the structure itself (`compute_record_mode`).
    fn of_mode(self, ty: &Type) -> Option<Self> {
        let mut flat = Self::new(ty, self.compiler, (self.word, self.flen));
        // A scalar is flattened, so nothing here is one.
        flat.walk(&mut leaves(float_mode(ty)?))?;
        flat.is_atomic = has_atomic(ty);
        Some(flat)
    }

    /// Checks whether `ty` is a union that the compiler sees. Unseen are one that carries nothing
    /// (clang), and one without bytes (gcc from version 16 on).
    fn is_union(&self, ty: &Type) -> bool {
        let is_seen = match self.compiler {
            Compiler::OldGcc => true,
            Compiler::Gcc => ty.size() > 0,
            Compiler::Clang => !is_all_padding(ty),
        };
        ty.is_union() && is_seen
    }

    /// Adds the part of `leaf`, if it has one; `None` if the value is not flattened.
    fn add(&mut self, leaf: &Leaf, walk: &Leaves<'_>) -> Option<()> {
        self.is_atomic |= leaf.around.any(LeafFlags::ATOMIC);
        if self.is_unseen(walk) {
            return Some(());
        }
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
            Scalar::Bool | Scalar::Int { .. } if size <= self.integer_bytes(leaf, walk) => {
                let word = int(self.word, Extension::None);
                Part {
                    size: u8::try_from(size).ok()?,
                    ..word
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

    /// Returns the most bytes of an integer that is a field. A half of a complex number may have as
    /// many as a float.
    fn integer_bytes(&mut self, leaf: &Leaf, walk: &Leaves<'_>) -> u64 {
        if !matches!(walk.own_type().kind(), Kind::Complex(_)) {
            return self.word.into();
        }
        let half = leaf.width_bits / 8;
        let is_two_words = half == self.word.into() && self.group.size == 2 * half;
        let is_alone = walk.path().next().is_none();
        self.is_complex_integer = self.compiler == Compiler::Clang && !is_two_words && !is_alone;
        self.has_wide_bits |= self.is_complex_integer && half > self.word.into();
        self.flen
    }

    /// Returns whether `ty`, which has no bytes, stops gcc: an array, or a union.
    fn is_counted_empty(&self, ty: &Type) -> bool {
        let is_array = matches!(ty.kind(), Kind::Array(_));
        self.compiler != Compiler::Clang && (is_array || ty.is_union())
    }

    /// Returns whether the last leaf is in a union or an array that gcc from version 16 on does not
    /// see.
    fn is_unseen(&self, walk: &Leaves<'_>) -> bool {
        let is_empty = |ty: &Type| match ty.kind() {
            Kind::Array(array) => array.elem.size() == 0,
            _ => ty.is_union() && ty.size() == 0,
        };
        let mut around = walk.path();
        self.compiler == Compiler::Gcc
            && (is_empty(walk.own_type()) || around.any(|frame| is_empty(frame.ty)))
    }

    /// Checks whether an array stops the flattening if nothing in its elements counts. It does so
    /// in gcc, from version 16 on if the elements have bytes, and in clang for C++.
    fn stops_at_elements(&self, element: &Type) -> bool {
        let is_cxx = |record: &Record| record.attributes().language == Language::Cxx;
        match self.compiler {
            Compiler::OldGcc => true,
            Compiler::Gcc => element.size() > 0,
            Compiler::Clang => element.as_record().is_some_and(is_cxx),
        }
    }

    fn note_bits(&mut self, leaf: &Leaf) {
        if let (LeafKind::Scalar(Scalar::Int { bits, .. }), true) = (leaf.kind, leaf.bit_field) {
            let start = leaf.offset_bits / 8 * 8;
            self.bit_field = start..start + u64::from(bits);
            self.has_wide_bits |= bits > 8 * self.word;
        }
    }

    /// Returns whether an object of the bit-field's type would reach into a float or out of the
    /// record: `long n : 32; float x;`.
    fn is_overlapped(&self) -> bool {
        let Range { start, end } = self.bit_field;
        let mut starts = self
            .group
            .parts
            .iter()
            .map(|part| 8 * u64::from(part.offset));
        end > 8 * self.group.size || starts.any(|at| (start + 1..end).contains(&at))
    }
}

/// Returns the float or complex number whose mode a structure has. Structures, and arrays of one
/// element, may be around the number. They have its size, at least its alignment, and no other
/// members with bytes.
fn float_mode(ty: &Type) -> Option<&Type> {
    let inner = match ty.kind() {
        Kind::Scalar(Scalar::F32 | Scalar::F64) | Kind::Complex(Scalar::F32 | Scalar::F64) => {
            return Some(ty);
        }
        Kind::Array(array) if array.len == Some(1) => &array.elem,
        Kind::Record(record) if !ty.is_union() => {
            let fields = record.fields().iter();
            let mut fields = fields
                .filter(|field| field.bit_field().is_none())
                .map(Field::ty);
            if fields.clone().any(|field| !field.is_object()) {
                return None;
            }
            fields.find(|field| field.size() == ty.size())?
        }
        _ => return None,
    };
    let align = match ty.kind() {
        Kind::Array(_) => ty.align(),
        _ => ty.canonical_align(),
    };
    float_mode(inner).filter(|float| align >= float.canonical_align())
}
