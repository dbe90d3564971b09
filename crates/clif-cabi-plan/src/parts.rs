//! Parts of a C value in CLIF, each a scalar of at most 8 bytes (16 for vectors and `f128`).

use cabi::{Bank, Kind, Leaf, LeafKind, Loc, PartType, PlacedPart, Scalar};
use smallvec::{Array, SmallVec};

use crate::signature::{Extension, ValueType};

/// The integer a word of the argument area is passed as.
pub(crate) const WORD: ValueType = ValueType::I64;

/// One part of a value: the bytes of the object that it holds, and their type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct ClifPart {
    /// Bytes from the start of the object.
    pub offset: u32,
    /// Number of bytes of the object that it holds. Fewer than `ty` has where the object ends or
    /// has padding; the rest is unspecified.
    pub size: u8,
    /// Its CLIF type.
    pub ty: ValueType,
    /// Its extension by the passing side.
    pub extension: Extension,
    /// Type of the parameter or result in the passing side's signature. For an extended part it is
    /// a wider integer, to which the emitter extends the value, so that one instruction can load
    /// and extend. The receiving side uses `ty` alone.
    pub passed_as: ValueType,
}

impl ClifPart {
    /// Makes a part of `size` bytes at `offset`, as `ty`, not extended.
    #[must_use]
    pub const fn new(offset: u32, size: u8, ty: ValueType) -> Self {
        Self {
            offset,
            size,
            ty,
            extension: Extension::None,
            passed_as: ty,
        }
    }

    /// Returns the part, extended so to `least` or to the next integer.
    pub(crate) fn extended(self, extension: Extension, least: ValueType) -> Self {
        let passed_as = match extension {
            Extension::None => self.ty,
            _ if self.ty.bytes() < least.bytes() => least,
            _ => WORD,
        };
        Self {
            extension,
            passed_as,
            ..self
        }
    }

    /// Cuts an object of `size` bytes into integers of type `slot`; the last one may have fewer
    /// bytes.
    pub fn slots(size: u32, slot: ValueType) -> impl Iterator<Item = Self> {
        let step = slot.bytes();
        let offsets = (0..size).step_by(step as usize);
        offsets.map(move |at| Self::new(at, narrow((size - at).min(step)), slot))
    }

    /// Returns the bytes of an object of `size` bytes after its last whole word, which Cranelift
    /// does not copy ([`PassMode::Area`](crate::PassMode::Area)).
    #[must_use]
    pub fn tail(size: u32) -> Option<Self> {
        let rest = size % WORD.bytes();
        let bytes = u8::try_from(rest).ok().filter(|rest| *rest > 0)?;
        Some(Self::new(size - rest, bytes, WORD))
    }

    /// An object that is a word, or the address of one.
    pub(crate) const WHOLE_WORD: Self = Self::new(0, 8, WORD);

    /// Returns these bytes as a type that is passed in registers of `bank`, where there is one of
    /// their size.
    pub(crate) fn in_bank(self, bank: Bank) -> Self {
        let ty = match (self.ty, bank) {
            (ValueType::F16, Bank::Int) => ValueType::I16,
            (ValueType::F32, Bank::Int) => ValueType::I32,
            (ValueType::F64, Bank::Int) => ValueType::I64,
            (ValueType::I16, Bank::Vector) => ValueType::F16,
            (ValueType::I32, Bank::Vector) => ValueType::F32,
            (ValueType::I64, Bank::Vector) => ValueType::F64,
            _ => return self,
        };
        Self::new(self.offset, self.size, ty)
    }
}

/// The parts of one value.
pub type ClifParts = SmallVec<[ClifPart; 4]>;

/// Returns the CLIF type that a value of `ty` has as one SSA value. `None` for records, complex
/// numbers and x87 values, which are passed in parts or in memory, and for arrays, which C does not
/// pass.
///
/// `_BitInt(N)` is the integer of its size; `__bf16` and the decimal formats are the binary floats
/// of their size, for data movement only; vectors of 8 bytes are `f64`, narrower ones integers.
///
/// # Example
/// ```
/// use clif_cabi_plan::{ValueType, cabi, value_type};
/// assert_eq!(value_type(&cabi::Type::I128), Some(ValueType::I128));
/// assert_eq!(value_type(&cabi::Type::F80), None);
/// assert_eq!(value_type(&cabi::Type::array(&cabi::Type::I32, 2)?), None);
/// # Ok::<(), cabi::Error>(())
/// ```
#[must_use]
#[inline]
pub fn value_type(ty: &cabi::Type) -> Option<ValueType> {
    match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => scalar_type(*scalar, ty.size()),
        Kind::Vector(vector) if vector.bools.is_some() && ty.size() == 16 => Some(ValueType::I8X16),
        Kind::Vector(vector) => vector_type(vector.lane, ty.size()),
        Kind::Function => Some(WORD),
        Kind::Record(record) if record.is_transparent() => value_type(ty.as_argument()),
        _ => None,
    }
}

/// Returns the CLIF type that one leaf of a value has as an SSA value; a bit-field has that of its
/// declared type. `None` for x87's format, and for vectors of bools or without a CLIF type.
#[must_use]
pub fn leaf_type(leaf: &Leaf) -> Option<ValueType> {
    let bits = match leaf.kind {
        LeafKind::Scalar(Scalar::Int { bits, .. }) => u64::from(bits),
        LeafKind::Scalar(Scalar::BitInt { bits, .. }) => u64::from(bits),
        LeafKind::Scalar(Scalar::Bool) => 8,
        _ => leaf.width_bits,
    };
    let size = bits.div_ceil(8).next_power_of_two();
    match leaf.kind {
        LeafKind::Scalar(scalar) => scalar_type(scalar, size),
        LeafKind::Vector(vector) if vector.bools.is_none() => vector_type(vector.lane, size),
        _ => None,
    }
}

fn vector_type(lane: Scalar, size: u64) -> Option<ValueType> {
    match size {
        16 => Some(lanes_type(lane)),
        8 => Some(ValueType::F64),
        size => int_type(size),
    }
}

fn scalar_type(scalar: Scalar, size: u64) -> Option<ValueType> {
    match scalar {
        Scalar::F16 | Scalar::BF16 => Some(ValueType::F16),
        Scalar::F32 | Scalar::Dec32 => Some(ValueType::F32),
        Scalar::F64 | Scalar::Dec64 => Some(ValueType::F64),
        Scalar::F128 | Scalar::Dec128 => Some(ValueType::F128),
        Scalar::F80 => None,
        _ => int_type(size),
    }
}

fn int_type(size: u64) -> Option<ValueType> {
    match size {
        1 => Some(ValueType::I8),
        2 => Some(ValueType::I16),
        4 => Some(ValueType::I32),
        8 => Some(ValueType::I64),
        16 => Some(ValueType::I128),
        _ => None,
    }
}

/// Returns the 16-byte vector of `lane`s, where Cranelift has one; any other type of 16 bytes is
/// passed alike.
fn lanes_type(lane: Scalar) -> ValueType {
    match lane {
        Scalar::Int { bits: 16, .. } => ValueType::I16X8,
        Scalar::Int { bits: 32, .. } => ValueType::I32X4,
        Scalar::Int { bits: 64, .. } => ValueType::I64X2,
        Scalar::F32 => ValueType::F32X4,
        Scalar::F64 => ValueType::F64X2,
        _ => ValueType::I8X16,
    }
}

/// Checks whether `part` is a vector that no CLIF type has.
pub(crate) fn is_wide(part: &cabi::Part) -> bool {
    matches!(part.ty, PartType::V256 | PartType::V512)
}

/// Type of the parts of a wide vector.
pub(crate) const CHUNK: ValueType = ValueType::I8X16;

/// Returns how many parts of CLIF hold the contents of one register: a wide vector has several
/// [`CHUNK`]s.
pub(crate) fn n_chunks(part: &cabi::Part) -> u32 {
    if is_wide(part) {
        u32::from(part.size) / CHUNK.bytes()
    } else {
        1
    }
}

/// Returns a part that has no place yet.
pub(crate) fn unplaced(part: &cabi::Part) -> ClifPart {
    self::part(part, None, WORD).in_bank(part.bank)
}

/// Returns `part` of a value whose CLIF type is `whole`, if it is one. An extended part has the
/// type `least` at least.
pub(crate) fn part(part: &cabi::Part, whole: Option<ValueType>, least: ValueType) -> ClifPart {
    let ty = match part.ty {
        PartType::I8 => ValueType::I8,
        PartType::I16 => ValueType::I16,
        PartType::I32 => ValueType::I32,
        PartType::F16 => ValueType::F16,
        PartType::F32 => ValueType::F32,
        PartType::F64 => ValueType::F64,
        PartType::V128 | PartType::V256 | PartType::V512 => CHUNK,
        // An x87 value is two words, see `x87_parts`.
        _ => WORD,
    };
    let size = match is_wide(part) {
        true => PartType::V128.bytes(),
        false => part.size,
    };
    // A convention may name the extended type; the part has no more bytes for that.
    let (ty, least) = match part.extension {
        Extension::None => (ty, least),
        _ if ty.bytes() > size.into() => (int_type(size.into()).unwrap_or(ty), ty),
        _ => (ty, least),
    };
    // A scalar or vector keeps its own type where Cranelift passes it as it passes the part's type.
    // So it needs no conversion.
    let same_bank = |own: &ValueType| own.bits() == ty.bits() && (own.is_int() == ty.is_int());
    let ty = whole.filter(same_bank).unwrap_or(ty);
    ClifPart::new(part.offset.into(), size, ty).extended(part.extension, least)
}

/// Returns the bits and the sign of a `_BitInt` of fewer bits than an `int` and than its bytes
/// have.
#[inline]
pub(crate) fn narrow_bit_int(ty: &cabi::Type) -> Option<(u16, bool)> {
    match ty.as_scalar()? {
        Scalar::BitInt { bits, signed } if bits < 32 && u64::from(bits) < 8 * ty.size() => {
            Some((bits, signed))
        }
        _ => None,
    }
}

/// Appends the parts of a value of `size` bytes in the argument area: its words, or smaller
/// integers if slots are smaller. The value is aligned to `align` there, and a part has at least
/// `least` bytes. x87's format has only its 10 bytes of value.
pub(crate) fn slots(
    least: u32,
    (size, align): (u64, u32),
    ty: &cabi::Type,
    to: &mut SmallVec<impl Array<Item = ClifPart>>,
) {
    let slot_type = match (ty.kind(), align.max(least)) {
        (Kind::Scalar(Scalar::F80), _) => return to.extend(x87_parts(1)),
        (Kind::Complex(Scalar::F80), _) => return to.extend(x87_parts(2)),
        (_, 1) => ValueType::I8,
        (_, 2) => ValueType::I16,
        (_, 4) => ValueType::I32,
        _ => WORD,
    };
    to.extend(ClifPart::slots(narrow(size), slot_type));
}

/// Narrows `n`, which was checked to fit: sizes and offsets in an argument area, which has at most
/// [`MAX_STACK_BYTES`](crate::MAX_STACK_BYTES), and the numbers of its words.
pub(crate) fn narrow<T: TryFrom<S> + Limit, S>(n: S) -> T {
    let narrow = T::try_from(n);
    debug_assert!(narrow.is_ok(), "a number that was to be refused before");
    narrow.unwrap_or(T::LIMIT)
}

/// A type with a greatest number, at which Cranelift places nothing.
pub(crate) trait Limit {
    const LIMIT: Self;
}

impl Limit for u8 {
    const LIMIT: Self = Self::MAX;
}

impl Limit for u32 {
    const LIMIT: Self = Self::MAX;
}

impl Limit for i32 {
    const LIMIT: Self = Self::MAX;
}

/// Bytes from one x87 value in memory to the next.
pub(crate) const X87_BYTES: u8 = 16;

/// Returns the words of `n` x87 values: the mantissa, then sign and exponent.
pub(crate) fn x87_parts(n: u8) -> ClifParts {
    let mut parts = ClifParts::new();
    for i in 0..n {
        let at = u32::from(i * X87_BYTES);
        parts.push(ClifPart::new(at, 8, WORD));
        parts.push(ClifPart::new(at + 8, 2, WORD));
    }
    parts
}

/// Returns the reason why a part cannot be lowered, if so. Parts may come from a user's convention.
pub(crate) fn objection(placed: &PlacedPart) -> Option<&'static str> {
    let cabi::Part {
        ty,
        size,
        extension,
        ..
    } = placed.part;
    // Only words are put together from fewer bytes than they have, or from none.
    let holds = match ty {
        PartType::V128 | PartType::V256 | PartType::V512 => size == ty.bytes(),
        _ => size <= ty.bytes(),
    };
    let why = match (ty, placed.loc) {
        _ if !holds => "a part with another size than its type is not lowered",
        _ if extension != Extension::None
            && (int_type(size.into()).is_none() || !part(&placed.part, None, WORD).ty.is_int()) =>
        {
            "a part that is extended must have 1, 2, 4 or 8 bytes"
        }
        (_, Loc::Reg(_) | Loc::Both(..)) => return None,
        (PartType::F80 | PartType::V256 | PartType::V512, Loc::Stack(_)) => {
            "a part of a split value on the stack must be at most 16 bytes of a scalar or vector"
        }
        (_, Loc::Stack(_)) => return None,
        _ => "this kind of location is not lowered",
    };
    Some(why)
}
