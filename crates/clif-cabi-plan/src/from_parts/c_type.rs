//! C types of objects with given parts.

use cabi::{DataModel, Member, RecordBuilder, Type};
use smallvec::SmallVec;

use super::PartsValue;
use crate::parts::ClifPart;
use crate::signature::{Extension, ValueType};

impl PartsValue {
    /// Returns a C type with these parts: a scalar, a vector, or a structure with a member for each
    /// part. A part with fewer bytes than its type is a member of several integers, or of floats of
    /// two bytes.
    pub(super) fn c_type(&self, model: &DataModel) -> Result<Type, &'static str> {
        let mut parts = self.parts.iter();
        if parts.any(|part| part.extension != Extension::None && !part.ty.is_int()) {
            return Err("only integers can be extended");
        }
        let own = match &self.parts[..] {
            [part] => scalar(part.ty, part.extension),
            _ => None,
        };
        let fits = |ty: &Type| (ty.size(), ty.align()) == (self.size, self.align);
        let ty = own.filter(fits).or_else(|| self.structure(model));
        ty.filter(fits)
            .ok_or("the parts do not fit an object of this size and alignment")
    }

    fn structure(&self, model: &DataModel) -> Option<Type> {
        let runs = match &self.parts[..] {
            [] => Some(in_memory(self.size, self.align)),
            parts => parts.iter().map(run).collect(),
        };
        let mut structure = RecordBuilder::structure("value");
        let (mut end, mut most_align) = (0, 1);
        for (i, (offset, element, n)) in runs?.into_iter().enumerate() {
            let element = model.adapt(&element);
            let ty = match n {
                1 => element,
                _ => Type::array(&element, n).ok()?,
            };
            let align = ty.align();
            // A record in the object may be aligned so, and have padding at its end.
            most_align = most_align.max(align.into());
            if offset > end {
                most_align = most_align.max(1 << offset.trailing_zeros());
            }
            end = offset.checked_add(ty.size())?;
            let mut member = Member::named(&format!("m{i}"), ty).at(offset);
            if align > self.align {
                member = member.packed();
            }
            // Conventions look at the alignment of members, so the first one has the object's.
            if align != self.align && i == 0 {
                member = member.aligned(self.align);
            }
            structure = structure.member(member);
        }
        let mut aligns = [self.align.into(), most_align].into_iter();
        let is_whole = self.size.is_multiple_of(self.align.into())
            && aligns.any(|align| end.checked_next_multiple_of(align) == Some(self.size));
        let structure = is_whole.then(|| structure.build_at(self.size, self.align));
        structure?.ok()
    }
}

/// Offset, type and number of elements that are one member.
type Run = (u64, Type, u64);

/// Largest object of integers that a convention passes in registers, in bytes.
const MAX_IN_REGISTERS: u64 = 16;

/// Returns the members of an object of `size` bytes in memory. A small one has an integer at no
/// multiple of its size: conventions that look at members pass such an object in memory.
fn in_memory(size: u64, align: u32) -> SmallVec<[Run; 3]> {
    let (mut members, mut at) = (SmallVec::new(), 0);
    if (3..=MAX_IN_REGISTERS).contains(&size) {
        members.extend([(0, Type::U8, 1), (1, Type::U16, 1)]);
        at = 3;
    }
    let aligned = INTEGERS.into_iter().filter(|ty| ty.align() <= align);
    members.extend(elements(at, size - at, aligned));
    members
}

const INTEGERS: [Type; 5] = [Type::U128, Type::U64, Type::U32, Type::U16, Type::U8];

/// Returns the member of a part: one element, or several if the part has fewer bytes than its type.
fn run(part: &ClifPart) -> Option<Run> {
    let (at, size) = (part.offset.into(), part.size.into());
    match part.ty.is_int() {
        true => elements(at, size, INTEGERS),
        false if size < part.ty.bytes().into() => elements(at, size, [Type::F16]),
        false => elements(at, size, scalar(part.ty, Extension::None)),
    }
}

/// Returns `size` bytes at offset `at` as elements of the first of these types that divides them.
fn elements(at: u64, size: u64, types: impl IntoIterator<Item = Type>) -> Option<Run> {
    let fits = |ty: &Type| size > 0 && size.is_multiple_of(ty.size());
    let ty = types.into_iter().find(fits)?;
    let n = size / ty.size();
    Some((at, ty, n))
}

/// Returns the C type of a CLIF value that is extended so.
fn scalar(ty: ValueType, extension: Extension) -> Option<Type> {
    use ValueType::*;
    let is_signed = extension == Extension::Sign;
    let lanes = |lane: &Type| {
        let n = u64::from(ty.bytes()) / lane.size();
        Type::vector(lane, u16::try_from(n).ok()?).ok()
    };
    Some(match ty {
        I8 if is_signed => Type::I8,
        I16 if is_signed => Type::I16,
        I32 if is_signed => Type::I32,
        I8 => Type::U8,
        I16 => Type::U16,
        I32 => Type::U32,
        I64 => Type::U64,
        I128 => Type::U128,
        F16 => Type::F16,
        F32 => Type::F32,
        F64 => Type::F64,
        F128 => Type::F128,
        I8X2 | I8X4 | I8X8 | I8X16 => return lanes(&Type::I8),
        I16X2 | I16X4 | I16X8 => return lanes(&Type::I16),
        I32X2 | I32X4 => return lanes(&Type::I32),
        I64X2 => return lanes(&Type::I64),
        F16X2 | F16X4 | F16X8 => return lanes(&Type::F16),
        F32X2 | F32X4 => return lanes(&Type::F32),
        F64X2 => return lanes(&Type::F64),
    })
}
