//! The one walk over a type: its scalars in memory order, each with its place.
//!
//! Every classifier, and every pattern of the tests, is a fold over [`leaves`]. Nothing else looks
//! for scalars inside a type. The types around a leaf are not copied into it: [`Leaves`] has the
//! path to the leaf, for the few uses that need it.

use smallvec::SmallVec;

pub(crate) use crate::leaf::LeafFlags;
pub use crate::leaf::{Leaf, LeafKind};
use crate::scalar::Scalar;
use crate::types::record::{Field, Record, RecordKind};
use crate::types::{Array, Kind, Type};

/// Returns the leaves of `ty` in the order of their declaration, which for structures is the order
/// of their offsets. Members of a union all appear. Zero-width bit-fields appear with width 0,
/// arrays of no elements as empty.
///
/// # Example
/// ```
/// use cabi::{DataModel, RecordBuilder, Type, leaves};
///
/// let inner = Type::array(&Type::F32, 2)?;
/// let ty = RecordBuilder::structure("s")
///     .field("n", Type::I32)
///     .field("xy", inner)
///     .build(&DataModel::LP64)?;
/// let offsets: Vec<u64> = leaves(&ty).map(|leaf| leaf.offset_bits).collect();
/// assert_eq!(offsets, [0, 32, 64]);
/// # Ok::<(), cabi::Error>(())
/// ```
#[inline]
pub fn leaves(ty: &Type) -> Leaves<'_> {
    Leaves {
        inner: None,
        outer: SmallVec::new(),
        own: ty,
        start: Some((0, LeafFlags::NOTHING)),
        second: None,
        one_element: false,
    }
}

/// Returns the [`leaves`] of `ty`, with one element for each array. Their number depends on the
/// members of the type, not on the lengths of its arrays.
pub(crate) fn leaves_of_one_element(ty: &Type) -> Leaves<'_> {
    Leaves {
        one_element: true,
        ..leaves(ty)
    }
}

/// Checks whether `ty`, or a record that is a member of it, ends in a flexible array. Elements of
/// arrays do not count.
pub(crate) fn has_flexible_array(ty: &Type) -> bool {
    let mut leaves = leaves_of_one_element(ty);
    leaves.any(|leaf| leaf.kind == LeafKind::FlexibleArray && !leaf.around.any(LeafFlags::IN_ARRAY))
}

/// Returns the leaves that one element of an array of no elements, which is a leaf itself, would
/// have.
pub(crate) fn leaves_of_absent<'a>(elem: &'a Type, array: &Leaf) -> Leaves<'a> {
    let around = array.around.without(LeafFlags::IN_UNION);
    Leaves {
        start: Some((array.offset_bits / 8, around)),
        ..leaves_of_one_element(elem)
    }
}

/// Iterator over the [`leaves`] of a type.
#[derive(Debug)]
pub struct Leaves<'a> {
    /// The record or array that the walk is in, apart from those around it: each step looks at it.
    inner: Option<Aggregate<'a>>,
    /// The records and arrays around `inner`, the outermost first, at most
    /// [`MAX_DEPTH`](crate::MAX_DEPTH).
    outer: SmallVec<[Aggregate<'a>; 2]>,
    /// The type of the leaf given last, or of the record entered last.
    own: &'a Type,
    /// First byte of the outermost type, if it has yet to be entered, and the flags around it.
    start: Option<(u64, LeafFlags)>,
    /// The second half of a complex number or slice, whose first half has just been given.
    second: Option<Leaf>,
    /// `true` if one element of an array stands for all.
    one_element: bool,
}

/// Step of a walk.
#[derive(Debug)]
pub(crate) enum WalkStep<'a> {
    Leaf(Leaf),
    /// A record inside the type, and its first byte: its leaves follow.
    Enter(&'a Type, u64),
    /// The end of such a record.
    Leave(&'a Type),
}

/// A record or array that the walk is in.
#[derive(Debug)]
pub(crate) struct Aggregate<'a> {
    pub(crate) ty: &'a Type,
    /// Its first byte.
    pub(crate) offset: u64,
    /// Flags around its members or elements.
    pub(crate) around: LeafFlags,
    rest: Remainder<'a>,
}

/// Rest of a record or array.
#[derive(Debug)]
enum Remainder<'a> {
    Fields(core::slice::Iter<'a, Field>),
    /// Type and number of the elements that are left, and the byte at which the next starts.
    Elements(&'a Type, u64, u64),
}

impl<'a> Aggregate<'a> {
    /// Returns the member that the walk is in, of a record.
    pub(crate) fn field(&self) -> Option<&'a Field> {
        let (record, Remainder::Fields(rest)) = (self.ty.as_record()?, &self.rest) else {
            return None;
        };
        let next = record.fields().len() - rest.len();
        record.fields().get(next.checked_sub(1)?)
    }

    /// Returns the number of the element that the walk is in, of an array.
    pub(crate) fn element(&self) -> Option<u64> {
        match &self.rest {
            Remainder::Elements(elem, next, _) => {
                let n_begun = (next - self.offset).checked_div(elem.size()).unwrap_or(1);
                n_begun.checked_sub(1)
            }
            Remainder::Fields(_) => None,
        }
    }
}

impl<'a> Leaves<'a> {
    /// Returns the records and arrays around the last leaf, the outermost first.
    pub(crate) fn path(&self) -> impl DoubleEndedIterator<Item = &Aggregate<'a>> + Clone {
        self.outer.iter().chain(&self.inner)
    }

    /// Returns the innermost record or array around the last leaf.
    pub(crate) fn innermost(&self) -> Option<&Aggregate<'a>> {
        self.inner.as_ref()
    }

    /// Returns the type of the last leaf. A half of a complex number has the type of the whole.
    pub(crate) fn own_type(&self) -> &'a Type {
        self.own
    }

    /// Skips the remaining elements of the arrays that the last leaf, or the record left last, is
    /// an element of. Returns `false` if it is in no array.
    pub(crate) fn skip_elements(&mut self) -> bool {
        let mut is_element = false;
        for frame in self.inner.iter_mut().chain(self.outer.iter_mut().rev()) {
            let Remainder::Elements(_, _, left) = &mut frame.rest else {
                break;
            };
            (*left, is_element) = (0, true);
        }
        is_element
    }

    /// Skips the remaining elements of all arrays around the last leaf, which begin after the leaf.
    pub(crate) fn skip_all_elements(&mut self) {
        for frame in self.inner.iter_mut().chain(&mut self.outer) {
            if let Remainder::Elements(_, _, left) = &mut frame.rest {
                *left = 0;
            }
        }
    }

    /// Returns the end of the last leaf, `leaf`, in bytes. For an element of an array of scalars,
    /// returns the end of the array, and the walk skips the other elements.
    #[inline]
    pub(crate) fn skip_scalars(&mut self, leaf: &Leaf) -> u64 {
        // No type has so many bits that this wraps around.
        let end_bits = leaf.offset_bits.wrapping_add(leaf.width_bits);
        let end = end_bits.wrapping_add(7) / 8;
        if !leaf.around.any(LeafFlags::IN_ARRAY) {
            return end;
        }
        match self.inner.as_mut().map(|frame| &mut frame.rest) {
            Some(Remainder::Elements(elem, _, left)) if elem.as_scalar().is_some() => {
                end + elem.size() * core::mem::take(left)
            }
            _ => end,
        }
    }

    /// Returns the member that the last leaf is, if it is one of a record.
    pub(crate) fn field(&self) -> Option<(&'a Record, &'a Field)> {
        let frame = self.innermost()?;
        Some((frame.ty.as_record()?, frame.field()?))
    }

    /// Returns the next leaf, or the start or end of a record inside the type.
    #[inline(always)]
    pub(crate) fn step(&mut self) -> Option<WalkStep<'a>> {
        if self.second.is_some() {
            return self.second.take().map(WalkStep::Leaf);
        }
        loop {
            let Some(frame) = &mut self.inner else {
                let (offset, around) = self.start.take()?;
                match self.enter(self.own, offset, around) {
                    step @ Some(WalkStep::Leaf(_)) => return step,
                    _ => continue,
                }
            };
            let around = frame.around;
            let (ty, offset) = match &mut frame.rest {
                Remainder::Fields(rest) => match rest.next() {
                    Some(field) if field.declared.bits.is_none() => {
                        (field.ty(), frame.offset + field.offset_bits / 8)
                    }
                    Some(field) => match bit_field(field, frame.offset, around) {
                        step @ Some(_) => return step,
                        None => continue,
                    },
                    None => {
                        let record = frame.ty;
                        self.inner = self.outer.pop();
                        // The end of the outermost record is no step.
                        return self.inner.is_some().then_some(WalkStep::Leave(record));
                    }
                },
                Remainder::Elements(_, _, 0) => {
                    self.inner = self.outer.pop();
                    continue;
                }
                Remainder::Elements(elem, at, n_left) => {
                    let (elem, offset) = (*elem, *at);
                    (*at, *n_left) = (offset + elem.size(), *n_left - 1);
                    if around.any(LeafFlags::REPEATED) {
                        frame.around = around.with(LeafFlags::LATER, elem.holds_records());
                    }
                    (elem, offset)
                }
            };
            if let Kind::Scalar(scalar) = ty.kind() {
                self.own = ty;
                let around = around.with(LeafFlags::ATOMIC, ty.is_atomic());
                return Some(scalar_leaf(*scalar, ty.size(), offset, around));
            }
            let step = self.enter(ty, offset, around);
            if step.is_some() {
                return step;
            }
        }
    }

    /// Enters `ty` at byte `offset`. Returns its leaf if it is one; otherwise its members come
    /// next.
    #[inline]
    fn enter(&mut self, ty: &'a Type, offset: u64, around: LeafFlags) -> Option<WalkStep<'a>> {
        self.own = ty;
        let around = around.with(LeafFlags::ATOMIC, ty.is_atomic());
        match ty.kind() {
            Kind::Scalar(scalar) | Kind::Enum(scalar) => {
                Some(scalar_leaf(*scalar, ty.size(), offset, around))
            }
            Kind::Record(record) => {
                let around = around.at(offset, ty.canonical_align());
                if record.fields().is_empty() {
                    return Some(leaf(LeafKind::Empty, offset, 0, around));
                }
                let union = record.kind() == RecordKind::Union;
                self.push(Aggregate {
                    ty,
                    offset,
                    around: around
                        .without(LeafFlags::IN_UNION)
                        .with(LeafFlags::IN_UNION, union),
                    rest: Remainder::Fields(record.fields().iter()),
                });
                Some(WalkStep::Enter(ty, offset))
            }
            Kind::Array(array) => {
                self.enter_array(ty, array, offset, around.at(offset, ty.canonical_align()))
            }
            _ => self.enter_other(ty, offset, around),
        }
    }

    #[inline]
    fn push(&mut self, frame: Aggregate<'a>) {
        if let Some(around) = self.inner.replace(frame) {
            self.outer.push(around);
        }
    }

    fn enter_array(
        &mut self,
        ty: &'a Type,
        array: &'a Array,
        offset: u64,
        around: LeafFlags,
    ) -> Option<WalkStep<'a>> {
        let elem = &array.elem;
        let n_elements = match array.len {
            None => return Some(leaf(LeafKind::FlexibleArray, offset, 0, around)),
            Some(0) => return Some(leaf(LeafKind::Empty, offset, 0, around)),
            // Elements without bytes are all alike: one stands for them, however many there are.
            Some(_) if elem.size() == 0 => 1,
            Some(len) => len,
        };
        let around = around
            .without(LeafFlags::IN_UNION)
            .with(LeafFlags::IN_ARRAY, true)
            .with(LeafFlags::REPEATED, n_elements > 1 && elem.holds_records());
        let n_elements = if self.one_element { 1 } else { n_elements };
        self.push(Aggregate {
            ty,
            offset,
            around,
            rest: Remainder::Elements(elem, offset, n_elements),
        });
        None
    }

    fn enter_other(
        &mut self,
        ty: &'a Type,
        offset: u64,
        around: LeafFlags,
    ) -> Option<WalkStep<'a>> {
        let half = ty.size() / 2;
        match ty.kind() {
            Kind::Complex(part) => {
                let imaginary = around.with(LeafFlags::IMAGINARY, true);
                self.second = scalar_leaf(*part, half, offset + half, imaginary).leaf();
                Some(scalar_leaf(*part, half, offset, around))
            }
            Kind::Slice => {
                let bits = if half == 8 { 64 } else { 32 };
                let length = Scalar::Int {
                    bits,
                    signed: false,
                };
                self.second = scalar_leaf(length, half, offset + half, around).leaf();
                Some(scalar_leaf(Scalar::Ptr, half, offset, around))
            }
            Kind::Vector(vector) => {
                let width = vector.value_bits(ty.size());
                let around = around.at(offset, ty.canonical_align());
                Some(leaf(LeafKind::Vector(*vector), offset, width, around))
            }
            _ => None,
        }
    }
}

impl WalkStep<'_> {
    fn leaf(self) -> Option<Leaf> {
        match self {
            Self::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }
}

impl Iterator for Leaves<'_> {
    type Item = Leaf;

    #[inline]
    fn next(&mut self) -> Option<Leaf> {
        loop {
            if let WalkStep::Leaf(leaf) = self.step()? {
                return Some(leaf);
            }
        }
    }
}

#[inline]
fn leaf<'a>(kind: LeafKind, offset: u64, width_bits: u64, around: LeafFlags) -> WalkStep<'a> {
    WalkStep::Leaf(Leaf {
        kind,
        offset_bits: offset * 8,
        width_bits,
        bit_field: false,
        unnamed: false,
        around,
    })
}

#[inline]
fn scalar_leaf<'a>(scalar: Scalar, size: u64, offset: u64, around: LeafFlags) -> WalkStep<'a> {
    leaf(
        LeafKind::Scalar(scalar),
        offset,
        scalar.value_bits(size),
        around,
    )
}

/// Returns the bit-field `field` of a record at byte `offset`.
fn bit_field<'a>(field: &Field, offset: u64, around: LeafFlags) -> Option<WalkStep<'a>> {
    Some(WalkStep::Leaf(Leaf {
        kind: LeafKind::Scalar(field.ty().as_scalar()?),
        offset_bits: offset * 8 + field.offset_bits,
        width_bits: u64::from(field.declared.bits?),
        bit_field: true,
        unnamed: field.name().is_none(),
        around,
    }))
}
