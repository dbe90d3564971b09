//! The one walk over a type: its scalars in memory order, each with its place and what surrounds it.
//!
//! Every classifier is a fold over [`leaves`], and so are the tests' patterns; nothing else looks inside a type to find out what is where.

use core::ops::Range;

use smallvec::SmallVec;

use crate::record::{Field, Record, RecordKind};
use crate::scalar::{Scalar, Vector};
use crate::types::{Array, Kind, Type};

mod context;

pub use context::{Context, EmptyArray, RecordArray};

/// What a leaf is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LeafKind {
    /// A scalar; also each half of a complex number, and a bit-field (its declared type).
    Scalar(Scalar),
    /// A whole vector.
    Vector(Vector),
    /// A member without bytes of its own: an empty record or an array of no elements.
    Empty,
    /// A flexible array member: its elements are not part of the value.
    FlexibleArray,
}

/// A scalar, or a whole vector, inside a type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Leaf {
    /// What it is.
    pub kind: LeafKind,
    /// First bit, counted from the start of the type.
    pub offset_bits: u64,
    /// Bits that carry the value: 80 for x87's format, the declared width of a bit-field, 0 for what is empty.
    pub width_bits: u64,
    /// Whether it is a bit-field.
    pub bit_field: bool,
    /// Whether it is an unnamed bit-field, which is padding to C.
    pub unnamed: bool,
    /// Of a bit-field, the bits of the ordinary integer that a compiler may take it for, otherwise 0: it fills one, starts at a multiple
    /// of its width in a record and is not packed, or it is the member of a union.
    pub integer_bits: u16,
    /// What surrounds it.
    pub context: Context,
}

impl Leaf {
    /// The eightbytes that hold at least one of the leaf's bits: none for an empty one.
    #[must_use]
    pub fn eightbytes(&self) -> Range<usize> {
        if self.width_bits == 0 {
            return 0..0;
        }
        let last = self.offset_bits.saturating_add(self.width_bits - 1) / 64;
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX - 1);
        index(self.offset_bits / 64)..index(last) + 1
    }

    /// The bytes that hold at least one of the leaf's bits.
    #[must_use]
    pub fn bytes(&self) -> Range<u64> {
        if self.width_bits == 0 {
            let at = self.offset_bits / 8;
            return at..at;
        }
        self.offset_bits / 8..self.offset_bits.saturating_add(self.width_bits).div_ceil(8)
    }
}

/// The leaves of `ty` in the order of their declaration, which for structures is the order of their offsets. Members of a
/// union all appear. Zero-width bit-fields appear with width 0, arrays of no elements as empty.
///
/// # Example
/// ```
/// use cabi::{DataModel, RecordBuilder, Type, leaves};
///
/// let inner = Type::array(&Type::F32, 2)?;
/// let ty = RecordBuilder::structure("s").field("n", Type::I32).field("xy", inner).build(&DataModel::LP64)?;
/// let offsets: Vec<u64> = leaves(&ty).map(|leaf| leaf.offset_bits).collect();
/// assert_eq!(offsets, [0, 32, 64]);
/// # Ok::<(), cabi::Error>(())
/// ```
pub fn leaves(ty: &Type) -> Leaves<'_> {
    Leaves::new(Some((ty, Place::START)), false, |_| false)
}

/// The same, and for an array of no elements the leaves that one element would have. Of a record inside `ty` for which `apart` holds an
/// empty leaf is given, behind which [`Leaves::take_aside`] has its own walk.
pub(crate) fn leaves_and_phantoms(ty: &Type, apart: fn(&Type) -> bool) -> Leaves<'_> {
    Leaves::new(Some((ty, Place::START)), true, apart)
}

/// The same leaves, but of each array those of one element only: as many as the type has members, however many elements there are.
pub(crate) fn leaves_of_one_element(ty: &Type) -> Leaves<'_> {
    let mut walk = leaves(ty);
    walk.one_element = true;
    walk
}

/// The leaves of the members of a record of which no type has been made yet.
pub(crate) fn leaves_of_members(record: &Record) -> Leaves<'_> {
    let mut walk = Leaves::new(None, false, |_| false);
    walk.stack.push(Frame::members(record, Place::START));
    walk
}

/// Iterator over the [`leaves`] of a type.
#[derive(Debug)]
pub struct Leaves<'a> {
    /// Records and arrays entered, at most [`MAX_DEPTH`](crate::MAX_DEPTH).
    stack: SmallVec<[Frame<'a>; 4]>,
    /// The type that the walk has yet to enter.
    start: Option<(&'a Type, Place)>,
    /// The second half of a complex number or slice, whose first half has just been given out.
    second: Option<Leaf>,
    phantoms: bool,
    /// Whether one element of an array stands for all.
    one_element: bool,
    /// Records that the walk does not enter but puts aside, one at a time, the outermost type excepted.
    apart: fn(&Type) -> bool,
    set_aside: Option<(&'a Type, Place)>,
}

/// Where the walk is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Bytes from the start of the outermost type.
    offset: u64,
    context: Context,
}

#[derive(Debug)]
enum Frame<'a> {
    Fields {
        rest: core::slice::Iter<'a, Field>,
        place: Place,
    },
    Elements {
        elem: &'a Type,
        left: u64,
        place: Place,
    },
}

impl<'a> Frame<'a> {
    fn members(record: &'a Record, mut place: Place) -> Self {
        place.context.in_union = record.kind() == RecordKind::Union;
        place.context.in_packed = record.attributes().packed;
        Self::Fields {
            rest: record.fields().iter(),
            place,
        }
    }
}

impl<'a> Leaves<'a> {
    fn new(start: Option<(&'a Type, Place)>, phantoms: bool, apart: fn(&Type) -> bool) -> Self {
        Self {
            stack: SmallVec::new(),
            start,
            second: None,
            phantoms,
            one_element: false,
            apart,
            set_aside: None,
        }
    }

    /// The record whose empty leaf has just been given out in its stead: its type, its first byte, and the walk over its leaves.
    pub(crate) fn take_aside(&mut self) -> Option<(&'a Type, u64, Self)> {
        let start = self.set_aside.take()?;
        let (ty, place) = start;
        let walk = Self::new(Some(start), self.phantoms, self.apart);
        Some((ty, place.offset, walk))
    }

    /// Goes into a member or element, or puts it aside.
    fn enter_inner(&mut self, ty: &'a Type, place: Place) -> Option<Leaf> {
        let there = place.context.phantom.is_none();
        if there && ty.as_record().is_some() && (self.apart)(ty) {
            self.set_aside = Some((ty, place));
            return Some(place.leaf(LeafKind::Empty, 0));
        }
        self.enter(ty, place)
    }

    /// Goes into `ty`, which starts at `place`: pushes a frame, or gives the leaf it is.
    fn enter(&mut self, ty: &'a Type, mut place: Place) -> Option<Leaf> {
        let context = &mut place.context;
        context.declared_align = context.declared_align.max(ty.align());
        context.members_aligned &= place.offset.is_multiple_of(u64::from(ty.canonical_align()));
        context.atomic |= ty.is_atomic();
        if ty.is_aggregate() {
            context.end = place.offset.saturating_add(ty.size());
        }
        match ty.kind() {
            Kind::Scalar(scalar) | Kind::Enum(scalar) => {
                Some(scalar_leaf(*scalar, ty.size(), place))
            }
            Kind::Complex(part) => {
                let first = self.pair(*part, *part, ty.size() / 2, place);
                self.second
                    .iter_mut()
                    .for_each(|second| second.context.imaginary = true);
                first
            }
            Kind::Slice => {
                let half = ty.size() / 2;
                let bits = if half == 8 { 64 } else { 32 };
                let length = Scalar::Int {
                    bits,
                    signed: false,
                };
                self.pair(Scalar::Ptr, length, half, place)
            }
            Kind::Vector(vector) => {
                let width = vector_bits(*vector, ty.size());
                Some(place.leaf(LeafKind::Vector(*vector), width))
            }
            Kind::Array(array) => self.enter_array(array, ty.size(), place),
            Kind::Record(record) if record.fields().is_empty() => {
                Some(place.leaf(LeafKind::Empty, 0))
            }
            Kind::Record(record) => {
                self.stack.push(Frame::members(record, place));
                None
            }
            Kind::Void | Kind::Function => None,
        }
    }

    fn enter_array(&mut self, array: &'a Array, size: u64, mut place: Place) -> Option<Leaf> {
        let elem = &array.elem;
        let context = &mut place.context;
        context.array_bits = context
            .array_bits
            .or(array.len.map(|_| size.saturating_mul(8)));
        let left = match array.len {
            None => return Some(place.leaf(LeafKind::FlexibleArray, 0)),
            Some(0)
                if !self.phantoms
                    || elem.size() == 0
                    || context.is_behind_phantom(place.offset) =>
            {
                return Some(place.leaf(LeafKind::Empty, 0));
            }
            Some(0) => {
                let members_aligned = context.members_aligned;
                let here = EmptyArray {
                    offset_bits: place.offset * 8,
                    members_aligned,
                    aggregate_bytes: if elem.is_aggregate() { elem.size() } else { 0 },
                };
                context.phantom = context.phantom.or(Some(here));
                1
            }
            // Elements without bytes are all alike: one stands for them, however many there are.
            Some(_) if elem.size() == 0 => 1,
            Some(len) => len,
        };
        context.in_wide_array |= context.in_union && size > 16 && left > 1;
        context.in_union = false;
        // Inside of what is not there nothing is repeated: it has its first eightbyte and no more.
        if left > 1 && holds_records(elem) && context.phantom.is_none() {
            let (elem_bits, bits) = (elem.size() * 8, size * 8);
            context.push_array(RecordArray {
                offset_bits: place.offset * 8,
                elem_bits,
                bits,
            });
        }
        // Of what is not there only the first eightbyte is ever asked about. Whatever of a later element lies in it, the first element has too;
        // and so one stands for all, however deep such arrays nest.
        let left = match context.phantom {
            Some(_) => 1,
            None if self.one_element => left.min(1),
            None => left,
        };
        self.stack.push(Frame::Elements { elem, left, place });
        None
    }

    fn pair(&mut self, a: Scalar, b: Scalar, half: u64, place: Place) -> Option<Leaf> {
        let at_second = Place {
            offset: place.offset + half,
            ..place
        };
        self.second = Some(scalar_leaf(b, half, at_second));
        Some(scalar_leaf(a, half, place))
    }

    fn enter_field(&mut self, field: &'a Field, place: Place) -> Option<Leaf> {
        let Some(bits) = field.bit_field() else {
            let offset = place.offset + field.offset();
            return self.enter_inner(field.ty(), Place { offset, ..place });
        };
        let mut context = place.context;
        context.declared_align = context.declared_align.max(field.ty().align());
        Some(Leaf {
            kind: LeafKind::Scalar(field.ty().as_scalar()?),
            offset_bits: place.offset * 8 + field.offset_bits(),
            width_bits: u64::from(bits.width),
            bit_field: true,
            unnamed: field.name().is_none(),
            integer_bits: integer_bits(field, bits.width, &context),
            context,
        })
    }
}

/// Whether `ty` is a record, or an array of records however deep.
fn holds_records(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Array(array) => array.of_records,
        kind => matches!(kind, Kind::Record(_)),
    }
}

/// See [`Leaf::integer_bits`].
fn integer_bits(field: &Field, width: u16, context: &Context) -> u16 {
    // No integer is as wide as the widest `_BitInt`s.
    let integer = width.checked_next_power_of_two().unwrap_or(0).max(8);
    let fills = width == integer && field.offset_bits().is_multiple_of(u64::from(width));
    let packed = field.is_packed() || context.in_packed;
    if context.in_union || (fills && !packed) {
        integer
    } else {
        0
    }
}

/// Whether one of the leaves of `ty` has more than 64 bits. Known of each record, so that asking does not walk it.
pub(crate) fn has_wide_leaf(ty: &Type) -> bool {
    let mut ty = ty;
    while let Kind::Array(array) = ty.kind() {
        if matches!(array.len, None | Some(0)) {
            return false;
        }
        ty = &array.elem;
    }
    match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => scalar.value_bits(ty.size()) > 64,
        Kind::Complex(part) => part.value_bits(ty.size() / 2) > 64,
        Kind::Vector(vector) => vector_bits(*vector, ty.size()) > 64,
        Kind::Record(record) => record.wide_leaf,
        _ => false,
    }
}

/// Bits of a vector that carry lanes: three lanes take the place of four, and only three have a value.
fn vector_bits(vector: Vector, size: u64) -> u64 {
    let lanes = u64::from(vector.lanes);
    match vector.bools {
        Some(_) => lanes,
        None => size / lanes.next_power_of_two() * 8 * lanes,
    }
}

impl Place {
    const START: Self = Self {
        offset: 0,
        context: Context::NOTHING,
    };

    fn leaf(self, kind: LeafKind, width_bits: u64) -> Leaf {
        let offset_bits = self.offset * 8;
        let (bit_field, unnamed) = (false, false);
        Leaf {
            kind,
            offset_bits,
            width_bits,
            bit_field,
            unnamed,
            integer_bits: 0,
            context: self.context,
        }
    }
}

fn scalar_leaf(scalar: Scalar, size: u64, place: Place) -> Leaf {
    place.leaf(LeafKind::Scalar(scalar), scalar.value_bits(size))
}

impl Iterator for Leaves<'_> {
    type Item = Leaf;

    fn next(&mut self) -> Option<Leaf> {
        if let Some(leaf) = self.second.take() {
            return Some(leaf);
        }
        if let Some((ty, place)) = self.start.take()
            && let Some(leaf) = self.enter(ty, place)
        {
            return Some(leaf);
        }
        loop {
            let found = match self.stack.last_mut()? {
                Frame::Fields { rest, place } => {
                    let place = *place;
                    match rest.next() {
                        Some(field) => self.enter_field(field, place),
                        None => {
                            self.stack.pop();
                            None
                        }
                    }
                }
                Frame::Elements { left: 0, .. } => {
                    self.stack.pop();
                    None
                }
                Frame::Elements { elem, left, place } => {
                    let (elem, here) = (*elem, *place);
                    *left -= 1;
                    place.offset += elem.size();
                    place.context.in_first_element &= !holds_records(elem);
                    self.enter_inner(elem, here)
                }
            };
            if found.is_some() {
                return found;
            }
        }
    }
}
