//! The one walk over a type: its scalars in memory order, each with its place and what surrounds it.
//!
//! Every classifier is a fold over [`leaves`], and so are the tests' patterns; nothing else looks inside a type to find out what is where.

use core::ops::Range;

use smallvec::SmallVec;

use crate::record::{Field, RecordKind};
use crate::types::{Kind, Scalar, Type, Vector};

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
    /// Whether it, or something around it, is `_Atomic`.
    pub atomic: bool,
    /// The greatest declared alignment, in bytes, of the leaf's own type and the members around it.
    pub declared_align: u32,
    /// Whether the leaf and every member around it start at a multiple of their type's alignment. Of a bit-field only the
    /// members around it count.
    pub members_aligned: bool,
    /// Whether it lies in an array that is a member of a union, has more than 16 bytes and more than one element.
    pub in_wide_array: bool,
    /// Whether every array of records around it is at its first element.
    pub in_first_element: bool,
    /// The arrays of records around it, the innermost first; only the two outermost are known.
    pub arrays: [Option<RecordArray>; 2],
}

/// An array of records around a leaf.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecordArray {
    /// First bit, counted from the start of the type.
    pub offset_bits: u64,
    /// Bits of one element.
    pub elem_bits: u64,
    /// Bits of all.
    pub bits: u64,
}

impl RecordArray {
    /// The eightbytes that repeat eightbyte `i` of the first element in the later ones, if a compiler classifies only that and repeats it.
    pub(crate) fn repeats(&self, i: usize) -> impl Iterator<Item = usize> {
        let start = self.offset_bits % 64;
        let words = |bits: u64| usize::try_from((start + bits).div_ceil(64)).unwrap_or(usize::MAX);
        let first = usize::try_from(self.offset_bits / 64).unwrap_or(usize::MAX);
        let (step, end) = (
            words(self.elem_bits).max(1),
            first.saturating_add(words(self.bits)),
        );
        (i.saturating_add(step)..end).step_by(step)
    }
}

impl Leaf {
    /// The eightbytes that hold at least one of the leaf's bits: none for an empty one.
    #[must_use]
    pub fn eightbytes(&self) -> Range<usize> {
        if self.width_bits == 0 {
            return 0..0;
        }
        let last = (self.offset_bits + self.width_bits - 1) / 64;
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
        self.offset_bits / 8..(self.offset_bits + self.width_bits).div_ceil(8)
    }
}

/// The leaves of `ty` in the order of their declaration, which for structures is the order of their offsets. Members of a
/// union all appear. Zero-width bit-fields appear with width 0.
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
    let mut walk = Leaves {
        stack: SmallVec::new(),
        first: None,
        second: None,
    };
    walk.first = walk.enter(ty, Around::NOTHING);
    walk
}

/// Iterator over the [`leaves`] of a type.
#[derive(Debug)]
pub struct Leaves<'a> {
    /// Records and arrays entered, at most [`MAX_DEPTH`](crate::MAX_DEPTH).
    stack: SmallVec<[Frame<'a>; 4]>,
    /// The leaf that the type is, or starts with.
    first: Option<Leaf>,
    /// The second half of a complex number or slice, whose first half has just been given out.
    second: Option<Leaf>,
}

/// What a leaf has around it.
#[derive(Clone, Copy, Debug)]
struct Around {
    /// Bytes from the start of the outermost type.
    offset: u64,
    align: u32,
    aligned: bool,
    atomic: bool,
    /// Whether the innermost record around is a union.
    in_union: bool,
    in_wide_array: bool,
    in_first_element: bool,
    arrays: [Option<RecordArray>; 2],
}

#[derive(Debug)]
enum Frame<'a> {
    Fields {
        rest: core::slice::Iter<'a, Field>,
        around: Around,
    },
    Elements {
        elem: &'a Type,
        left: u64,
        around: Around,
    },
}

impl<'a> Leaves<'a> {
    /// Goes into `ty`, which starts at `around.offset`: pushes a frame, or gives the leaf it is.
    fn enter(&mut self, ty: &'a Type, mut around: Around) -> Option<Leaf> {
        around.align = around.align.max(ty.align());
        around.aligned &= around
            .offset
            .is_multiple_of(u64::from(ty.canonical_align()));
        around.atomic |= ty.is_atomic();
        match ty.kind() {
            Kind::Scalar(scalar) | Kind::Enum(scalar) => {
                Some(scalar_leaf(*scalar, ty.size(), around))
            }
            Kind::Complex(part) => self.pair(*part, *part, ty.size() / 2, around),
            Kind::Slice => {
                let half = ty.size() / 2;
                let bits = if half == 8 { 64 } else { 32 };
                let length = Scalar::Int {
                    bits,
                    signed: false,
                };
                self.pair(Scalar::Ptr, length, half, around)
            }
            Kind::Vector(vector) => {
                let width = vector_bits(*vector, ty.size());
                Some(around.leaf(LeafKind::Vector(*vector), width))
            }
            Kind::Array(array) => match array.len {
                None => Some(around.leaf(LeafKind::FlexibleArray, 0)),
                Some(0) => Some(around.leaf(LeafKind::Empty, 0)),
                Some(len) => {
                    around.in_wide_array |= around.in_union && ty.size() > 16 && len > 1;
                    if len > 1 && array.elem.as_record().is_some() {
                        around.enter_array(array.elem.size(), ty.size());
                    }
                    // Elements without bytes are all alike: one stands for them, however many there are.
                    let left = if array.elem.size() == 0 { 1 } else { len };
                    self.stack.push(Frame::Elements {
                        elem: &array.elem,
                        left,
                        around,
                    });
                    None
                }
            },
            Kind::Record(record) if record.fields().is_empty() => {
                Some(around.leaf(LeafKind::Empty, 0))
            }
            Kind::Record(record) => {
                around.in_union = record.kind() == RecordKind::Union;
                self.stack.push(Frame::Fields {
                    rest: record.fields().iter(),
                    around,
                });
                None
            }
            Kind::Void | Kind::Function => None,
        }
    }

    fn pair(&mut self, a: Scalar, b: Scalar, half: u64, around: Around) -> Option<Leaf> {
        let at_second = Around {
            offset: around.offset + half,
            ..around
        };
        self.second = Some(scalar_leaf(b, half, at_second));
        Some(scalar_leaf(a, half, around))
    }

    fn enter_field(&mut self, field: &'a Field, around: Around) -> Option<Leaf> {
        let Some(bits) = field.bit_field() else {
            let offset = around.offset + field.offset();
            return self.enter(field.ty(), Around { offset, ..around });
        };
        Some(Leaf {
            kind: LeafKind::Scalar(field.ty().as_scalar()?),
            offset_bits: around.offset * 8 + field.offset_bits(),
            width_bits: u64::from(bits.width),
            bit_field: true,
            unnamed: field.name().is_none(),
            atomic: around.atomic,
            declared_align: around.align.max(field.ty().align()),
            members_aligned: around.aligned,
            in_wide_array: around.in_wide_array,
            in_first_element: around.in_first_element,
            arrays: around.arrays,
        })
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

impl Around {
    const NOTHING: Self = Self {
        offset: 0,
        align: 1,
        aligned: true,
        atomic: false,
        in_union: false,
        in_wide_array: false,
        in_first_element: true,
        arrays: [None; 2],
    };

    fn enter_array(&mut self, elem: u64, size: u64) {
        let array = RecordArray {
            offset_bits: self.offset * 8,
            elem_bits: elem * 8,
            bits: size * 8,
        };
        self.arrays = match self.arrays {
            [None, _] => [Some(array), None],
            [outer, None] => [Some(array), outer],
            known => known,
        };
    }

    fn leaf(self, kind: LeafKind, width_bits: u64) -> Leaf {
        Leaf {
            kind,
            offset_bits: self.offset * 8,
            width_bits,
            bit_field: false,
            unnamed: false,
            atomic: self.atomic,
            declared_align: self.align,
            members_aligned: self.aligned,
            in_wide_array: self.in_wide_array,
            in_first_element: self.in_first_element,
            arrays: self.arrays,
        }
    }
}

fn scalar_leaf(scalar: Scalar, size: u64, around: Around) -> Leaf {
    around.leaf(LeafKind::Scalar(scalar), scalar.value_bits(size))
}

impl Iterator for Leaves<'_> {
    type Item = Leaf;

    fn next(&mut self) -> Option<Leaf> {
        if let Some(leaf) = self.first.take().or_else(|| self.second.take()) {
            return Some(leaf);
        }
        loop {
            let found = match self.stack.last_mut()? {
                Frame::Fields { rest, around } => {
                    let around = *around;
                    match rest.next() {
                        Some(field) => self.enter_field(field, around),
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
                Frame::Elements { elem, left, around } => {
                    let (elem, here) = (*elem, *around);
                    *left -= 1;
                    around.in_first_element &= elem.as_record().is_none();
                    around.offset += elem.size();
                    self.enter(elem, here)
                }
            };
            if found.is_some() {
                return found;
            }
        }
    }
}
