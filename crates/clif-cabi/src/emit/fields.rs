//! Records by their fields: the scalars and vectors of a type, each one SSA value. `convert` puts them together to parts, and takes them out of parts, in registers.

use crate::cranelift::codegen::ir::Type;
use cabi::{LeafKind, Scalar, leaves};
use clif_cabi_plan::ClifPart;
use smallvec::SmallVec;

use crate::clif_types::clif_type;
use crate::error::LowerError;

/// One scalar or vector of a type, as [`Arg::Fields`](crate::Arg::Fields) takes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FieldValue {
    /// Bits from the start of the object.
    pub offset_bits: u32,
    /// Its bits in the object: those of its type, or the width of a bit-field.
    pub width_bits: u32,
    /// The CLIF type of its value; of a bit-field that of its declared type.
    pub ty: Type,
    /// Whether a bit-field that is taken out is extended by its sign.
    pub is_signed: bool,
}

impl FieldValue {
    /// Whether it is a bit-field of fewer bits than its type has.
    pub(super) fn is_narrow(&self) -> bool {
        self.width_bits < self.ty.bits()
    }
}

/// The fields of a type, in the order of their declaration.
pub type Fields = SmallVec<[FieldValue; 8]>;

/// Most bytes of a value that is given by its fields.
const MAX_BYTES: u64 = 64;

/// The fields by which a value of `ty` can be given ([`Arg::Fields`](crate::Arg::Fields)) and taken: its scalars and vectors however deep, the two numbers of a
/// complex one, bit-fields that have a name.
///
/// # Errors
/// [`LowerError::Value`] for a type of more than 64 bytes, one whose members overlap (a union), and one with a member that is no CLIF value (`long
/// double`, a vector of more than 16 bytes or of bools; a bit-field of `__int128`; a `_BitInt` or vector
/// whose width no CLIF type has).
///
/// # Example
/// ```
/// use clif_cabi::cabi::{DataModel, RecordBuilder, Type};
/// use clif_cabi::cranelift_codegen::ir::types;
///
/// // struct event { int kind; float at[2]; };
/// let event = RecordBuilder::structure("event").field("kind", Type::I32).field("at", Type::array(&Type::F32, 2)?);
/// let event = event.build(&DataModel::LP64)?;
/// let fields = clif_cabi::fields(&event)?;
/// let fields: Vec<_> = fields.iter().map(|field| (field.ty, field.offset_bits)).collect();
/// assert_eq!(fields, [(types::I32, 0), (types::F32, 32), (types::F32, 64)]);
///
/// let word = RecordBuilder::union("word").field("n", Type::I32).field("x", Type::F32);
/// let error = clif_cabi::fields(&word.build(&DataModel::LP64)?).unwrap_err();
/// assert_eq!(error.to_string(), "fields, union word: expected an object in memory, found members that overlap, as a union's do");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fields(ty: &cabi::Type) -> Result<Fields, LowerError> {
    let refused = |why| LowerError::value([&"fields", ty, &"an object in memory", &why]);
    fields_of(ty).map_err(refused)
}

/// [`fields`], or why there are none.
pub(super) fn fields_of(ty: &cabi::Type) -> Result<Fields, &'static str> {
    if ty.size() > MAX_BYTES {
        return Err("more than 64 bytes");
    }
    let mut taken = [0_u64; 8];
    let mut fields = Fields::new();
    for leaf in leaves(ty).filter(|leaf| leaf.width_bits > 0 && !leaf.unnamed) {
        let own = clif_cabi_plan::leaf_type(&leaf).map(clif_type);
        let own = own.ok_or("a member that is no CLIF value")?;
        if leaf.bit_field && own.bits() > 64 {
            return Err("a bit-field of a type of more than 8 bytes");
        }
        // A _Bool has one bit that counts, and is a byte to CLIF as to C.
        let is_bool = matches!(leaf.kind, LeafKind::Scalar(Scalar::Bool));
        if !leaf.bit_field && !is_bool && leaf.width_bits != u64::from(own.bits()) {
            return Err("a _BitInt or vector of a width that no CLIF type has");
        }
        let width_bits = match leaf.bit_field {
            true => leaf.width_bits,
            false => own.bits().into(),
        };
        let narrow = |bits: u64| u32::try_from(bits).map_err(|_| "more than 64 bytes");
        let (offset_bits, width_bits) = (narrow(leaf.offset_bits)?, narrow(width_bits)?);
        for bit in offset_bits..offset_bits.saturating_add(width_bits) {
            let word = taken.get_mut(bit as usize / 64);
            let word = word.ok_or("a member that is not inside of it")?;
            let mask = 1 << (bit % 64);
            if *word & mask != 0 {
                return Err("members that overlap, as a union's do");
            }
            *word |= mask;
        }
        fields.push(FieldValue {
            offset_bits,
            width_bits,
            ty: own,
            is_signed: matches!(leaf.kind, LeafKind::Scalar(scalar) if scalar.is_signed()),
        });
    }
    Ok(fields)
}

/// Whether each bit of `fields` is in one of `parts`: what is not passed cannot be taken.
pub(super) fn are_in(fields: &[FieldValue], parts: &[ClifPart]) -> bool {
    let in_part = |field: &FieldValue, part: &ClifPart| {
        let first = field.offset_bits.max(8 * part.offset);
        let end = 8 * (part.offset + u32::from(part.size));
        end.min(field.offset_bits + field.width_bits)
            .saturating_sub(first)
    };
    fields.iter().all(|field| {
        let passed = parts.iter().map(|part| in_part(field, part));
        passed.sum::<u32>() == field.width_bits
    })
}
