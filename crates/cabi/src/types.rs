//! C types as the ABI sees them: what a value is made of, its size and its alignment.
//!
//! A [`Type`] already knows its layout. Scalars carry their size and alignment, composites are laid out when they are built
//! (`layout.rs`), for the [`DataModel`](crate::DataModel) given then; so everything after this file only reads. Pointers are opaque: a type is a
//! finite tree, which builders keep shallow ([`MAX_DEPTH`]) and small ([`MAX_NODES`]).
//!
//! Not here: names of typedefs (they do not travel), qualifiers, and C++ classes that are not trivial for calls (the front end
//! passes a pointer instead).

use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt;

use crate::data_model::DataModel;
use crate::error::Error;
use crate::model_facts::ModelFacts;
use crate::plain::Plain;
use crate::record::Record;
use crate::scalar::{BoolVector, Scalar, Vector};

/// How deep types may nest: a record in an array in a record counts three. Deeper is an error, never a stack overflow.
pub const MAX_DEPTH: u16 = 128;

/// How many members a type may have, those of nested types counted each time they occur (elements of an array count once).
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
    /// Whether its elements are records, or arrays of records however deep.
    pub(crate) of_records: bool,
    /// The alignment its elements have by nature.
    canonical_align: u32,
}

/// What kind of thing a [`Type`] is. `Type`'s constructors make these; they are public to be matched on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// `void`: the absence of a result, and no other thing.
    Void,
    /// A function: as a parameter it decays to a pointer, elsewhere it is an error.
    Function,
    /// One scalar.
    Scalar(Scalar),
    /// An enumeration; travels as the integer it is made of.
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

/// A C type with its size and alignment, both in bytes. Cheap to clone (at most one reference count) and to compare.
///
/// The constants are the types that look alike under every LP64 data model; what depends on the model (`long`, pointers of 4 bytes,
/// `long double`) is made by [`DataModel`](crate::DataModel)'s methods. A type knows what of a data model its layout depends on: a signature
/// that has it on a target of another model is an error ([`Error::DataModel`]).
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
    atomic: bool,
    /// What of a data model the layout depends on.
    facts: ModelFacts,
}

const fn scalar(scalar: Scalar, size: u64) -> Type {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "sizes of scalars, at most 16"
    )]
    Type {
        kind: Kind::Scalar(scalar),
        size,
        align: size as u32,
        atomic: false,
        facts: ModelFacts::of(&DataModel::LP64).only(questions(scalar, size)),
    }
}

/// What the layout of a scalar of `size` bytes depends on.
pub(crate) const fn questions(scalar: Scalar, size: u64) -> ModelFacts {
    let eight = match size {
        8 => ModelFacts::EIGHT,
        16 => ModelFacts::OTHER,
        _ => ModelFacts::NONE,
    };
    match scalar {
        Scalar::Ptr | Scalar::FnPtr => ModelFacts::POINTER.and(eight),
        Scalar::F80 => ModelFacts::X87,
        Scalar::BitInt { bits, .. } if bits > 64 => ModelFacts::BIG_BIT_INT,
        _ => eight,
    }
}

const fn int(bits: u8, signed: bool) -> Type {
    scalar(Scalar::Int { bits, signed }, (bits / 8) as u64)
}

impl Type {
    /// `void`.
    pub const VOID: Self = Self {
        kind: Kind::Void,
        size: 0,
        align: 1,
        atomic: false,
        facts: ModelFacts::NONE,
    };
    /// A function, as a parameter is declared: it decays to a pointer.
    pub const FUNCTION: Self = Self {
        kind: Kind::Function,
        size: 0,
        align: 1,
        atomic: false,
        facts: ModelFacts::NONE,
    };
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
            atomic: false,
            facts,
        }
    }

    /// What of a data model the layout depends on.
    #[inline]
    pub(crate) const fn facts(&self) -> ModelFacts {
        self.facts
    }

    /// What kind of type this is.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Bytes that `sizeof` counts. 0 for `void`, functions and incomplete arrays.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that `_Alignof` states, a power of two. Includes what a typedef's `aligned` attribute asked for.
    #[must_use]
    pub fn align(&self) -> u32 {
        self.align
    }

    /// Whether the type is `_Atomic`.
    #[must_use]
    pub fn is_atomic(&self) -> bool {
        self.atomic
    }

    /// The scalar this type consists of, also of an enumeration.
    #[must_use]
    pub fn as_scalar(&self) -> Option<Scalar> {
        match self.kind {
            Kind::Scalar(scalar) | Kind::Enum(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The record, if this is one.
    #[must_use]
    pub fn as_record(&self) -> Option<&Record> {
        match &self.kind {
            Kind::Record(record) => Some(record),
            _ => None,
        }
    }

    /// Whether C calls this an aggregate or union: arrays and records. Vectors and complex numbers are neither.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        matches!(self.kind, Kind::Array(_) | Kind::Record(_))
    }

    /// Whether an object can have this type: not `void`, not a function, not an incomplete array.
    #[must_use]
    pub fn is_object(&self) -> bool {
        match &self.kind {
            Kind::Void | Kind::Function => false,
            Kind::Array(array) => array.len.is_some(),
            _ => true,
        }
    }

    /// An enumeration made of the integer type `underlying`.
    ///
    /// # Errors
    /// [`Error::InvalidType`] if `underlying` is not an integer.
    pub fn enumeration(underlying: &Self) -> Result<Self, Error> {
        match underlying.kind {
            Kind::Scalar(int @ (Scalar::Int { .. } | Scalar::Bool)) => Ok(Self {
                kind: Kind::Enum(int),
                ..underlying.clone()
            }),
            _ => Err(Error::invalid_type(
                underlying,
                "an enumeration is made of an integer type",
            )),
        }
    }

    /// `_Complex part`, where `part` is a floating-point or an integer type.
    ///
    /// # Errors
    /// [`Error::InvalidType`] if `part` is neither.
    pub fn complex(part: &Self) -> Result<Self, Error> {
        match part.kind {
            Kind::Scalar(of) if of.is_float() || matches!(of, Scalar::Int { .. }) => {
                let kind = Kind::Complex(of);
                Ok(Self::new(kind, part.size * 2, part.align, part.facts))
            }
            _ => Err(Error::invalid_type(
                part,
                "the parts of a complex number are floats or integers",
            )),
        }
    }

    /// A vector of `lanes` times `lane`, 1 to 64 bytes, aligned to its size. Where `lanes` is no power of two it has the size and
    /// alignment of the next that is (`ext_vector_type`).
    ///
    /// # Errors
    /// [`Error::InvalidType`] for lanes that are neither integers nor floats, or a size that no C compiler makes a vector of.
    pub fn vector(lane: &Self, lanes: u16) -> Result<Self, Error> {
        let Kind::Scalar(scalar) = lane.kind else {
            return Err(Error::invalid_type(
                lane,
                "the lanes of a vector are integers or floats",
            ));
        };
        let fits = matches!(
            scalar,
            Scalar::Int { .. }
                | Scalar::F16
                | Scalar::BF16
                | Scalar::F32
                | Scalar::F64
                | Scalar::F128
        );
        if !fits {
            return Err(Error::invalid_type(
                lane,
                "the lanes of a vector are integers or floats",
            ));
        }
        let size = lane.size * u64::from(lanes).next_power_of_two();
        match u32::try_from(size) {
            Ok(align) if lanes > 0 && align <= 64 => {
                let vector = Vector {
                    lane: scalar,
                    lanes,
                    bools: None,
                };
                // Aligned to its size, whatever its lanes are.
                let facts = ModelFacts::NONE;
                Ok(Self::new(Kind::Vector(vector), size, align, facts))
            }
            _ => Err(Error::invalid_type(lane, "a vector has 1 to 64 bytes")),
        }
    }

    /// A vector of `lanes` bools, one bit each, in the bytes of the next power of two.
    ///
    /// # Errors
    /// [`Error::InvalidType`] unless there are 1 to 512 lanes.
    pub fn bool_vector(lanes: u16, flavour: BoolVector) -> Result<Self, Error> {
        if !(1..=512).contains(&lanes) {
            return Err(Error::invalid_type(
                &Self::BOOL,
                "a vector of bools has 1 to 512 lanes",
            ));
        }
        let align = u32::from(lanes).div_ceil(8).next_power_of_two();
        let vector = Vector {
            lane: Scalar::Bool,
            lanes,
            bools: Some(flavour),
        };
        let (kind, facts) = (Kind::Vector(vector), ModelFacts::NONE);
        Ok(Self::new(kind, u64::from(align), align, facts))
    }

    /// An array of `len` elements. Arrays of arrays are C's multi-dimensional arrays, innermost dimension first built.
    ///
    /// # Errors
    /// [`Error::InvalidType`] for elements that cannot stand in an array, [`Error::TooLarge`] when the size overflows,
    /// [`Error::TooComplex`] when types nest too deep.
    pub fn array(elem: &Self, len: u64) -> Result<Self, Error> {
        let size = elem
            .size
            .checked_mul(len)
            .ok_or_else(|| Error::too_large(elem))?;
        if size > crate::layout::MAX_SIZE {
            return Err(Error::too_large(elem));
        }
        Self::array_of(elem, Some(len), size)
    }

    /// A flexible array member, `elem x[]`: allowed as the last member of a structure.
    ///
    /// # Errors
    /// As [`Type::array`].
    pub fn flexible_array(elem: &Self) -> Result<Self, Error> {
        Self::array_of(elem, None, 0)
    }

    fn array_of(elem: &Self, len: Option<u64>, size: u64) -> Result<Self, Error> {
        if !elem.is_object() {
            return Err(Error::invalid_type(
                elem,
                "an array needs elements of a complete type",
            ));
        }
        if !elem.size.is_multiple_of(u64::from(elem.align)) {
            return Err(Error::invalid_type(
                elem,
                "the alignment of an array's elements is greater than their size",
            ));
        }
        let (depth, nodes) = elem.complexity();
        if depth >= MAX_DEPTH {
            return Err(Error::too_complex(elem));
        }
        let array = Array {
            elem: elem.clone(),
            len,
            depth: depth + 1,
            nodes,
            of_records: match elem.kind() {
                Kind::Array(array) => array.of_records,
                kind => matches!(kind, Kind::Record(_)),
            },
            canonical_align: elem.canonical_align(),
        };
        let kind = Kind::Array(Arc::new(array));
        Ok(Self::new(kind, size, elem.align, elem.facts))
    }

    /// The type that `typedef ... __attribute__((aligned(align)))` makes: same object, other alignment, lower or higher.
    ///
    /// # Errors
    /// [`Error::InvalidAlign`] if `align` is not a power of two up to [`MAX_ALIGN`].
    pub fn with_align(&self, align: u32) -> Result<Self, Error> {
        check_align(align)?;
        Ok(Self {
            align,
            ..self.clone()
        })
    }

    /// `_Atomic` of this type.
    ///
    /// # Errors
    /// [`Error::InvalidAtomic`] for arrays, functions, `void`, and for records whose size is not a power of two up to 16 (there the compilers
    /// add padding, each its own).
    pub fn atomic(&self) -> Result<Self, Error> {
        let scalar = matches!(
            self.kind,
            Kind::Scalar(_) | Kind::Enum(_) | Kind::Complex(_)
        );
        let record = self.as_record().is_some() && self.size.is_power_of_two() && self.size <= 16;
        if !(scalar || record) {
            return Err(Error::InvalidAtomic {
                ty: self.to_string(),
            });
        }
        // An atomic object of 1 to 16 bytes is aligned to its size, also where the plain type is not (`long long` on i386).
        let align = match u32::try_from(self.size) {
            Ok(size) if size.is_power_of_two() && size <= 16 => size,
            _ => self.align,
        };
        Ok(Self {
            atomic: true,
            align: align.max(self.align),
            ..self.clone()
        })
    }

    /// The type of a value that is read from an object of this type: without `_Atomic`, and without the alignment it brought.
    #[must_use]
    pub fn non_atomic(&self) -> Self {
        let mut plain = self.clone();
        if plain.atomic {
            plain.atomic = false;
            plain.align = plain.canonical_align();
        }
        plain
    }

    /// The alignment the type has by nature, in bytes, without what an `aligned` typedef did to it. A record's own
    /// attributes are part of its nature.
    #[must_use]
    pub fn canonical_align(&self) -> u32 {
        match &self.kind {
            Kind::Record(record) => record.align().max(if self.atomic { self.align } else { 1 }),
            Kind::Array(array) => array.canonical_align,
            // Scalars, complex numbers and vectors: the alignment of one unit is its size, at most the vector's own.
            Kind::Scalar(_) | Kind::Enum(_) => self.scalar_align(self.size),
            Kind::Complex(_) => self.scalar_align(self.size / 2),
            Kind::Slice => self.scalar_align(self.size / 2),
            Kind::Vector(_) => u32::try_from(self.size).unwrap_or(self.align),
            Kind::Void | Kind::Function => 1,
        }
    }

    fn scalar_align(&self, size: u64) -> u32 {
        match self.as_scalar() {
            Some(Scalar::BitInt { bits, .. }) if bits > 64 => 8,
            _ => match u32::try_from(size) {
                Ok(size) if size.is_power_of_two() && size <= 16 => size,
                _ => self.align,
            },
        }
    }

    /// What the record consists of, where this is one and no compiler asks for more.
    pub(crate) fn as_plain(&self) -> Option<Plain> {
        match &self.kind {
            Kind::Record(record) if !self.atomic => record.plain,
            _ => None,
        }
    }

    /// Depth of nesting and number of members, as [`MAX_DEPTH`] and [`MAX_NODES`] count them.
    pub(crate) fn complexity(&self) -> (u16, u32) {
        match &self.kind {
            Kind::Array(array) => (array.depth, array.nodes),
            Kind::Record(record) => record.complexity(),
            _ => (1, 1),
        }
    }
}

/// `align`, if C allows it as an alignment.
pub(crate) fn check_align(align: u32) -> Result<u32, Error> {
    if align.is_power_of_two() && align <= MAX_ALIGN {
        Ok(align)
    } else {
        Err(Error::InvalidAlign { align })
    }
}

/// C's spelling under LP64, without qualifiers.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.atomic {
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
            Kind::Array(array) => match array.len {
                Some(len) => write!(f, "{}[{len}]", array.elem),
                None => write!(f, "{}[]", array.elem),
            },
            Kind::Record(record) => record.fmt(f),
        }
    }
}
