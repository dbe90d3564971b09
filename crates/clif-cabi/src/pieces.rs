//! Pieces: what a C value is made of in CLIF, each piece a scalar of at most 8 bytes (16 for vectors and `f128`).

use cabi::{Class, Extension, Kind, Loc, Part, PartType, Place, PlacedPart, Scalar};
use cranelift_codegen::ir::{ArgumentExtension, Type, types};
use smallvec::SmallVec;

/// One piece of a value: which bytes of the object it holds, and as what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Piece {
    /// Bytes from the start of the object.
    pub offset: u32,
    /// How many bytes of the object it holds. Fewer than `ty` has where the object ends or pads; the rest is unspecified.
    pub size: u8,
    /// Its CLIF type.
    pub ty: Type,
    /// How the caller extends it to a register.
    pub extension: ArgumentExtension,
}

/// The pieces of one value.
pub type Pieces = SmallVec<[Piece; 4]>;

/// The CLIF type that a value of `ty` has as one SSA value. `None` for aggregates, complex numbers and x87 values, which travel as
/// pieces or in memory.
///
/// `_BitInt(N)` is the integer of its size; `__bf16` and the decimal formats are the binary floats of their size, data movement only;
/// vectors of 8 bytes are `f64`, narrower ones integers.
///
/// # Example
/// ```
/// use cranelift_codegen::ir::types;
/// assert_eq!(clif_cabi::value_type(&cabi::Type::I128), Some(types::I128));
/// assert_eq!(clif_cabi::value_type(&cabi::Type::F80), None);
/// ```
#[must_use]
pub fn value_type(ty: &cabi::Type) -> Option<Type> {
    match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) => scalar_type(*scalar, ty.size()),
        Kind::Vector(vector) => match ty.size() {
            16 if vector.bools.is_none() => Some(lanes_type(vector.lane)),
            16 => Some(types::I8X16),
            8 => Some(types::F64),
            size => int_type(size),
        },
        Kind::Array(_) => Some(types::I64),
        Kind::Function => Some(types::I64),
        Kind::Record(record) if record.is_transparent() => {
            let first = record.fields().first()?.ty();
            // Inside a record an array is its elements, not a pointer.
            let array = matches!(first.kind(), Kind::Array(_));
            if array { None } else { value_type(first) }
        }
        _ => None,
    }
}

fn scalar_type(scalar: Scalar, size: u64) -> Option<Type> {
    match scalar {
        Scalar::F16 | Scalar::BF16 => Some(types::F16),
        Scalar::F32 | Scalar::Dec32 => Some(types::F32),
        Scalar::F64 | Scalar::Dec64 => Some(types::F64),
        Scalar::F128 | Scalar::Dec128 => Some(types::F128),
        Scalar::F80 => None,
        _ => int_type(size),
    }
}

fn int_type(size: u64) -> Option<Type> {
    match size {
        1 => Some(types::I8),
        2 => Some(types::I16),
        4 => Some(types::I32),
        8 => Some(types::I64),
        16 => Some(types::I128),
        _ => None,
    }
}

/// The 16-byte vector of `lane`s, where Cranelift has one; any other type of 16 bytes travels alike.
fn lanes_type(lane: Scalar) -> Type {
    match lane {
        Scalar::Int { bits: 16, .. } => types::I16X8,
        Scalar::Int { bits: 32, .. } => types::I32X4,
        Scalar::Int { bits: 64, .. } => types::I64X2,
        Scalar::F32 => types::F32X4,
        Scalar::F64 => types::F64X2,
        _ => types::I8X16,
    }
}

/// The pieces of a value of `ty` whose place is `place`: its parts where it travels in registers, otherwise its words.
pub(crate) fn pieces_of(ty: &cabi::Type, place: &Place) -> Pieces {
    match place {
        Place::Parts(parts) => placed_pieces(ty, parts),
        Place::Stack { size, .. } => words(*size, ty),
        Place::Indirect { .. } | Place::PerElement { .. } | Place::Ignore => Pieces::new(),
        _ => Pieces::new(),
    }
}

/// The pieces that travel in the locations of `parts`.
pub(crate) fn placed_pieces(ty: &cabi::Type, parts: &[PlacedPart]) -> Pieces {
    let whole = value_type(ty).filter(|_| parts.len() == 1);
    parts
        .iter()
        .map(|placed| piece(&placed.part, whole))
        .collect()
}

fn piece(part: &Part, whole: Option<Type>) -> Piece {
    let ty = match part.ty {
        PartType::I8 => types::I8,
        PartType::I16 => types::I16,
        PartType::I32 => types::I32,
        PartType::F16 => types::F16,
        PartType::F32 => types::F32,
        PartType::F64 => types::F64,
        PartType::V128 => types::I8X16,
        // An x87 value is two words, see `x87_pieces`; wider vectors are refused before.
        _ => types::I64,
    };
    // A scalar or vector keeps its own type where Cranelift passes both alike: no conversion is needed then.
    let same_bank = |own: &Type| own.bits() == ty.bits() && (own.is_int() == ty.is_int());
    Piece {
        offset: u32::from(part.offset),
        size: part.size,
        ty: whole.filter(same_bank).unwrap_or(ty),
        extension: match part.extension {
            Extension::Sign => ArgumentExtension::Sext,
            Extension::Zero => ArgumentExtension::Uext,
            Extension::None => ArgumentExtension::None,
        },
    }
}

/// The words of a value of `size` bytes in memory. Of x87's format only the 10 bytes that count.
fn words(size: u64, ty: &cabi::Type) -> Pieces {
    if let Kind::Scalar(Scalar::F80) = ty.kind() {
        return x87_pieces(1);
    }
    if let Kind::Complex(Scalar::F80) = ty.kind() {
        return x87_pieces(2);
    }
    let mut pieces = Pieces::new();
    let mut offset = 0;
    while offset < size {
        // At most 8, and the areas that are cut into words have less than 2 GiB.
        let bytes = u8::try_from((size - offset).min(8)).unwrap_or(8);
        let at = u32::try_from(offset).unwrap_or(u32::MAX);
        pieces.push(word(at, bytes));
        offset += 8;
    }
    pieces
}

/// The words of `n` x87 values: the mantissa, then sign and exponent.
pub(crate) fn x87_pieces(n: u32) -> Pieces {
    (0..n)
        .flat_map(|i| [word(16 * i, 8), word(16 * i + 8, 2)])
        .collect()
}

fn word(offset: u32, size: u8) -> Piece {
    Piece {
        offset,
        size,
        ty: types::I64,
        extension: ArgumentExtension::None,
    }
}

/// Why this crate cannot lower a part, if so. Parts may come from a convention of the user's.
pub(crate) fn objection(placed: &PlacedPart) -> Option<&'static str> {
    let Part {
        class,
        ty,
        size,
        extension,
        ..
    } = placed.part;
    // Only words are put together from fewer bytes than they have.
    let holds = match ty {
        PartType::V128 => size == 16,
        _ => (1..=ty.bytes()).contains(&size),
    };
    match (class, ty, placed.loc) {
        (_, PartType::V256 | PartType::V512, _) => {
            Some("vectors wider than 16 bytes are not lowered yet")
        }
        (Class::Memory, ..) => Some("a part without class"),
        _ if !holds => Some("a part of another size than its type"),
        _ if extension != Extension::None && size != ty.bytes() => {
            Some("a widened part is not lowered")
        }
        (_, _, Loc::Reg(_)) => None,
        _ => Some("only places in registers are lowered"),
    }
}
