//! C types as the ABI sees them: the composition of a value, its size and its alignment.
//!
//! A [`Type`] knows its layout. Scalars carry their size and alignment. Composites are laid out
//! when they are built (`layout.rs`), for the [`DataModel`](crate::DataModel) given then.
//! Everything after this file only reads the layout. Pointers are opaque: a type is a finite tree,
//! which builders keep shallow ([`MAX_DEPTH`]) and small ([`MAX_NODES`]).
//!
//! Not here: names of typedefs (they are not passed), qualifiers, and C++ classes that are not
//! trivial for calls (the front end passes a pointer).

mod build;
pub(crate) mod data_model;
pub(crate) mod error;
mod field;
pub(crate) mod model_facts;
mod of_model;
pub(crate) mod record;

use alloc::sync::Arc;
use core::fmt;

pub(crate) use self::build::{check_align, is_align};
use crate::scalar::{Scalar, Vector};
use crate::types::data_model::DataModel;
use crate::types::model_facts::ModelFacts;
use crate::types::record::{Field, Record, RecordKind};

/// The largest object, in bytes. `ptrdiff_t` can count it on a 64-bit machine, and its number of
/// bits fits 64 bits.
pub(crate) const MAX_SIZE: u64 = 1 << 60;

/// Depth to which types may nest: a record in an array in a record counts three. Deeper is an
/// error, never a stack overflow.
pub const MAX_DEPTH: u16 = 128;

/// Number of members that a type may have, those of nested types counted each time they occur
/// (elements of an array count once).
pub const MAX_NODES: u32 = 1 << 16;

/// The greatest alignment a type or member may ask for, in bytes: gcc's limit.
pub const MAX_ALIGN: u32 = 1 << 28;

/// An array, `len` elements of `elem`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Array {
    /// The element.
    pub elem: Type,
    /// Number of elements; `None` for a flexible array member, `T x[]`.
    pub len: Option<u64>,
    pub(crate) depth: u16,
    pub(crate) nodes: u32,
    /// `true` if its elements are records, or arrays of records however deep.
    pub(crate) of_records: bool,
    /// The natural alignment of its elements.
    canonical_align: u32,
}

/// Kind of a [`Type`]. `Type`'s constructors make these; they are public to be matched on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// `void`, for functions without a result.
    Void,
    /// A function: as a parameter it decays to a pointer, elsewhere it is an error.
    Function,
    /// One scalar.
    Scalar(Scalar),
    /// An enumeration; is passed as the integer it is made of.
    Enum(Scalar),
    /// `_Complex`: real part, then imaginary part.
    Complex(Scalar),
    /// A vector.
    Vector(Vector),
    /// A language's slice: a pointer, then a length of the same size.
    Slice,
    /// An array.
    Array(Arc<Array>),
    /// A structure or union.
    Record(Arc<Record>),
}

/// A C type with its size and alignment, both in bytes. Cheap to clone (at most one reference
/// count) and to compare.
///
/// The constants are the types that are alike under every LP64 data model.
/// [`DataModel`](crate::DataModel)'s methods make those that differ: `long`, pointers of 4 bytes,
/// `long double`. A type knows the facts of a data model that its layout depends on. A signature
/// with the type on a target of another model is an error
/// ([`Error::DataModel`](crate::Error::DataModel)).
///
/// # Example
/// ```
/// use cabi::{DataModel, RecordBuilder, Type};
///
/// let lp64 = DataModel::LP64;
/// let node = RecordBuilder::structure("node")
///     .field("value", Type::F64)
///     .field("next", Type::PTR)
///     .field("tag", Type::I8)
///     .build(&lp64)?;
/// assert_eq!((node.size(), node.align()), (24, 8));
/// # Ok::<(), cabi::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    kind: Kind,
    size: u64,
    align: u32,
    /// Facts of a data model that the layout depends on ([`ModelFacts`]), and above them [`ATOMIC`]
    /// and [`ASKS_ALIGN`]: one number to compare and to hash.
    marks: u32,
}

const ATOMIC: u32 = 1 << ModelFacts::BITS;
/// A typedef asks for the alignment, which may be the type's own.
const ASKS_ALIGN: u32 = 2 << ModelFacts::BITS;

const fn scalar(scalar: Scalar, size: u64) -> Type {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "sizes of scalars, at most 16"
    )]
    let align = size as u32;
    let facts = ModelFacts::of(&DataModel::LP64).only(questions(scalar, size));
    Type::new(Kind::Scalar(scalar), size, align, facts)
}

/// Returns the facts that the layout of a scalar of `size` bytes depends on.
pub(crate) const fn questions(scalar: Scalar, size: u64) -> ModelFacts {
    let eight = match size {
        8 => ModelFacts::EIGHT,
        16 => ModelFacts::NOT_SIXTEEN,
        _ => ModelFacts::NONE,
    };
    match scalar {
        Scalar::Ptr | Scalar::FnPtr => ModelFacts::POINTER.and(eight),
        Scalar::F80 => ModelFacts::X87.and(ModelFacts::SIXTEEN),
        Scalar::BitInt { bits, .. } if bits > 64 => ModelFacts::BIG_BIT_INT,
        _ => eight,
    }
}

const fn int(bits: u8, signed: bool) -> Type {
    scalar(Scalar::Int { bits, signed }, (bits / 8) as u64)
}

impl Type {
    /// `void`.
    pub const VOID: Self = Self::new(Kind::Void, 0, 1, ModelFacts::NONE);
    /// A function, as a parameter is declared: it decays to a pointer.
    pub const FUNCTION: Self = Self::new(Kind::Function, 0, 1, ModelFacts::NONE);
    /// `_Bool`.
    pub const BOOL: Self = scalar(Scalar::Bool, 1);
    /// `signed char`.
    pub const I8: Self = int(8, true);
    /// `unsigned char`.
    pub const U8: Self = int(8, false);
    /// `short`.
    pub const I16: Self = int(16, true);
    /// `unsigned short`.
    pub const U16: Self = int(16, false);
    /// `int`.
    pub const I32: Self = int(32, true);
    /// `unsigned int`.
    pub const U32: Self = int(32, false);
    /// `long` (LP64) and `long long`.
    pub const I64: Self = int(64, true);
    /// `unsigned long` (LP64) and `unsigned long long`.
    pub const U64: Self = int(64, false);
    /// `__int128`.
    pub const I128: Self = int(128, true);
    /// `unsigned __int128`.
    pub const U128: Self = int(128, false);
    /// `_Float16`.
    pub const F16: Self = scalar(Scalar::F16, 2);
    /// `__bf16`.
    pub const BF16: Self = scalar(Scalar::BF16, 2);
    /// `float`.
    pub const F32: Self = scalar(Scalar::F32, 4);
    /// `double`.
    pub const F64: Self = scalar(Scalar::F64, 8);
    /// `long double` of x86-64: 10 bytes that count, 16 in memory.
    pub const F80: Self = scalar(Scalar::F80, 16);
    /// `__float128`.
    pub const F128: Self = scalar(Scalar::F128, 16);
    /// `_Decimal32`.
    pub const DEC32: Self = scalar(Scalar::Dec32, 4);
    /// `_Decimal64`.
    pub const DEC64: Self = scalar(Scalar::Dec64, 8);
    /// `_Decimal128`.
    pub const DEC128: Self = scalar(Scalar::Dec128, 16);
    /// A pointer of 8 bytes to an object.
    pub const PTR: Self = scalar(Scalar::Ptr, 8);
    /// A pointer of 8 bytes to a function.
    pub const FN_PTR: Self = scalar(Scalar::FnPtr, 8);

    pub(crate) const fn new(kind: Kind, size: u64, align: u32, facts: ModelFacts) -> Self {
        Self {
            kind,
            size,
            align,
            marks: facts.bits(),
        }
    }

    /// Returns the facts of a data model that the layout depends on.
    #[inline]
    pub(crate) const fn facts(&self) -> ModelFacts {
        ModelFacts::of_bits(self.marks)
    }

    /// Returns the kind of the type.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Returns the size in bytes, as `sizeof` counts them. 0 for `void`, functions and incomplete
    /// arrays.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the alignment in bytes, as `_Alignof` states it, a power of two. Includes a
    /// typedef's `aligned` attribute.
    #[must_use]
    pub fn align(&self) -> u32 {
        self.align
    }

    /// Returns whether the type is `_Atomic`.
    #[must_use]
    pub fn is_atomic(&self) -> bool {
        self.marks & ATOMIC != 0
    }

    /// Returns the scalar this type consists of, also of an enumeration.
    #[must_use]
    #[inline]
    pub fn as_scalar(&self) -> Option<Scalar> {
        match self.kind {
            Kind::Scalar(scalar) | Kind::Enum(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Returns the record, if this is one.
    #[must_use]
    pub fn as_record(&self) -> Option<&Record> {
        match &self.kind {
            Kind::Record(record) => Some(record),
            _ => None,
        }
    }

    /// Returns the type as which an argument of this type is passed: the first member of a
    /// transparent union, otherwise the type itself.
    #[must_use]
    pub fn as_argument(&self) -> &Self {
        let transparent = self.as_record().filter(|record| record.is_transparent());
        let first = transparent.and_then(|record| record.fields().first());
        first.map_or(self, |field| field.ty().as_argument())
    }

    /// Returns whether this is a record, or an array of records however deep.
    pub(crate) fn holds_records(&self) -> bool {
        match &self.kind {
            Kind::Array(array) => array.of_records,
            kind => matches!(kind, Kind::Record(_)),
        }
    }

    /// Returns whether this is a union.
    #[must_use]
    pub fn is_union(&self) -> bool {
        self.as_record().map(Record::kind) == Some(RecordKind::Union)
    }

    /// Returns whether `is` holds for this type, or for one that it is made of, however deep. `is`
    /// gets each type with its first bit, counted from the start of this type. The type of an
    /// array's elements counts once, at the first element, even if there are none: only
    /// [`leaves`](crate::leaves()) have the scalars of a value.
    ///
    /// # Example
    /// ```
    /// use cabi::{DataModel, RecordBuilder, Type};
    ///
    /// let no_floats = Type::array(&Type::F32, 0)?;
    /// let ty = RecordBuilder::structure("s")
    ///     .field("n", Type::I32)
    ///     .field("x", no_floats)
    ///     .build(&DataModel::LP64)?;
    /// assert!(ty.contains(&|ty, at| *ty == Type::F32 && at == 32));
    /// assert!(!ty.contains(&|ty, _| ty.is_union()));
    /// # Ok::<(), cabi::Error>(())
    /// ```
    #[must_use]
    pub fn contains(&self, is: &impl Fn(&Self, u64) -> bool) -> bool {
        self.contains_at(0, is)
    }

    fn contains_at(&self, at: u64, is: &impl Fn(&Self, u64) -> bool) -> bool {
        let inside = |field: &Field| {
            field
                .ty()
                .contains_at(at.saturating_add(field.offset_bits), is)
        };
        is(self, at)
            || match &self.kind {
                Kind::Array(array) => array.elem.contains_at(at, is),
                Kind::Record(record) => record.fields.iter().any(inside),
                _ => false,
            }
    }

    /// Returns whether C calls this an aggregate or union: arrays and records. Vectors and complex
    /// numbers are neither.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        matches!(self.kind, Kind::Array(_) | Kind::Record(_))
    }

    /// Returns whether an object can have this type: not `void`, not a function, not an incomplete
    /// array.
    #[must_use]
    pub fn is_object(&self) -> bool {
        match &self.kind {
            Kind::Void | Kind::Function => false,
            Kind::Array(array) => array.len.is_some(),
            _ => true,
        }
    }

    /// Returns the type of a value that is read from an object of this type: without `_Atomic`, and
    /// without the alignment that it adds.
    #[must_use]
    pub fn non_atomic(&self) -> Self {
        let mut plain = self.clone();
        if plain.is_atomic() {
            plain.marks = plain.facts().bits();
            plain.align = plain.canonical_align();
        }
        plain
    }

    /// Returns whether a typedef asks for the type's alignment ([`Type::with_align`]). With
    /// Microsoft's compilers, `packed` does not lower that alignment.
    #[must_use]
    pub const fn asks_align(&self) -> bool {
        self.marks & ASKS_ALIGN != 0
    }

    /// Returns the natural alignment of the type, in bytes, without what an `aligned` typedef asks
    /// for. It includes a record's own attributes.
    #[must_use]
    #[inline]
    pub fn canonical_align(&self) -> u32 {
        let plain = match &self.kind {
            Kind::Record(record) => record.align(),
            Kind::Array(array) => array.canonical_align,
            // Scalars, complex numbers and vectors: the alignment of one unit is its size, at most
            // the vector's own.
            Kind::Scalar(_) | Kind::Enum(_) => self.scalar_align(self.size),
            Kind::Complex(_) | Kind::Slice => self.scalar_align(self.size / 2),
            Kind::Vector(_) => match u32::try_from(self.size) {
                Ok(size @ 17..) => size.min(self.facts().vector_align()),
                Ok(size) => size,
                Err(_) => self.align,
            },
            Kind::Void | Kind::Function => 1,
        };
        match u32::try_from(self.size) {
            Ok(size @ (1 | 2 | 4 | 8 | 16)) if self.is_atomic() => size.max(plain),
            _ => plain,
        }
    }

    fn scalar_align(&self, size: u64) -> u32 {
        match self.as_scalar() {
            Some(Scalar::BitInt { bits, .. }) if bits > 64 => self.facts().bit_int_align(),
            _ => match u32::try_from(size) {
                Ok(size) if size.is_power_of_two() && size <= 16 => size,
                _ => self.align,
            },
        }
    }

    /// Returns the depth of nesting and the number of members, as [`MAX_DEPTH`] and [`MAX_NODES`]
    /// count them.
    pub(crate) fn complexity(&self) -> (u16, u32) {
        match &self.kind {
            Kind::Array(array) => (array.depth, array.nodes),
            Kind::Record(record) => record.complexity(),
            _ => (1, 1),
        }
    }
}

/// C's spelling under LP64, without qualifiers.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_atomic() {
            f.write_str("_Atomic ")?;
        }
        match &self.kind {
            Kind::Void => f.write_str("void"),
            Kind::Function => f.write_str("function"),
            Kind::Scalar(scalar) => scalar.fmt(f),
            Kind::Enum(scalar) => write!(f, "enum : {scalar}"),
            Kind::Complex(part) => write!(f, "_Complex {part}"),
            Kind::Vector(vector) => vector.fmt(f),
            Kind::Slice => f.write_str("slice"),
            Kind::Array(array) => {
                let (mut ty, mut elem) = (self, &array.elem);
                while let Kind::Array(inner) = &elem.kind {
                    elem = &inner.elem;
                }
                elem.fmt(f)?;
                // C writes the outermost length first.
                while let Kind::Array(outer) = &ty.kind {
                    match outer.len {
                        Some(len) => write!(f, "[{len}]")?,
                        None => f.write_str("[]")?,
                    }
                    ty = &outer.elem;
                }
                Ok(())
            }
            Kind::Record(record) => record.fmt(f),
        }
    }
}
