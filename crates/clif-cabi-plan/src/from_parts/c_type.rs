//! C types of objects with given parts.

use std::cmp::Ordering;

use cabi::{DataModel, Member, RecordBuilder, Type};

use super::PartsValue;
use crate::parts::ClifPart;
use crate::signature::{Extension, ValueType};

impl PartsValue {
    /// Returns a C type with these parts: a scalar or vector, or a structure with one member for
    /// each part, or with several integers or floats of two bytes where the part has fewer bytes
    /// than its type.
    pub(super) fn c_type(&self, model: &DataModel) -> Result<Type, &'static str> {
        let mut parts = self.parts.iter();
        if parts.any(|part| part.extension != Extension::None && !part.ty.is_int()) {
            return Err("only integers are extended");
        }
        let own = match &self.parts[..] {
            [part] => scalar(part.ty, part.extension),
            _ => None,
        };
        let fits = |ty: &Type| (ty.size(), ty.align()) == (self.size, self.align);
        let ty = own.filter(fits).or_else(|| self.structure(model));
        ty.filter(fits)
            .ok_or("its parts are not those of an object of its size and alignment")
    }

    fn structure(&self, model: &DataModel) -> Option<Type> {
        if !self.align.is_power_of_two() || self.size > u64::from(u32::MAX) {
            return None;
        }
        let structure = match (&self.parts[..], self.by_reference) {
            ([], true) if self.size == 0 => {
                let nothing = RecordBuilder::structure("value");
                return nothing.build_at(0, self.align).ok();
            }
            _ if self.size == 0 => None,
            ([], true) => self.misaligned(model).or_else(|| self.array(model)),
            ([], false) => self.array(model),
            (parts, _) => self.of_parts(parts, model),
        };
        structure?.build(model).ok()
    }

    /// Returns a structure of one array of integers.
    fn array(&self, model: &DataModel) -> Option<RecordBuilder> {
        let is_aligned = |ty: &Type| ty.align() <= self.align;
        let (element, n) = integers(self.size, is_aligned)?;
        let all = Type::array(&model.adapt(&element), n).ok()?;
        Some(RecordBuilder::structure("value").member(self.member(0, all, self.align)))
    }

    /// Returns a structure with a member at no multiple of its size, if an object of at most 16
    /// bytes has room for it: x86-64 System V returns such a one in memory.
    fn misaligned(&self, model: &DataModel) -> Option<RecordBuilder> {
        let n = self.size.checked_sub(3)?;
        let rest = (n > 0)
            .then(|| Type::array(&Type::U8, n))
            .transpose()
            .ok()?;
        let types = [Some(Type::U8), Some(model.adapt(&Type::U16)), rest];
        let members = (0..).zip(types.into_iter().flatten());
        let with = |structure: RecordBuilder, (i, ty)| structure.member(self.member(i, ty, 1));
        (self.size <= MAX_RETURNED).then(|| members.fold(RecordBuilder::structure("value"), with))
    }

    fn of_parts(&self, parts: &[ClifPart], model: &DataModel) -> Option<RecordBuilder> {
        let mut structure = RecordBuilder::structure("value");
        let (mut n_members, mut end) = (0, 0);
        for part in parts {
            let (offset, size) = (u64::from(part.offset), u64::from(part.size));
            let (element, n) = match part.ty.is_int() {
                true => integers(size, |_| true)?,
                false if size < part.ty.bytes().into() => (Type::F16, size / 2),
                false => (scalar(part.ty, Extension::None)?, 1),
            };
            let element = model.adapt(&element);
            let align = self.align_at(offset, end, element.align())?;
            if size != n * element.size() {
                return None;
            }
            for _ in 0..n {
                structure = structure.member(self.member(n_members, element.clone(), align));
                n_members += 1;
            }
            end = offset + size;
        }
        Some(structure)
    }

    /// Returns the alignment by which a member that is by nature aligned to `natural` begins at
    /// `offset`, where the one before it ends at `end`.
    fn align_at(&self, offset: u64, end: u64, natural: u32) -> Option<u32> {
        let others = (0..=self.align.ilog2()).map(|n| 1 << n);
        let mut aligns = [natural.min(self.align)].into_iter().chain(others);
        aligns.find(|align| end.next_multiple_of(u64::from(*align)) == offset)
    }

    /// Returns the member of index `i`, aligned to `align`. Conventions look at the alignment of
    /// members, so the first one has the object's.
    fn member(&self, i: u32, ty: Type, align: u32) -> Member {
        let (own, align) = (ty.align(), if i == 0 { self.align } else { align });
        let member = Member::named(&format!("m{i}"), ty);
        match own.cmp(&align) {
            Ordering::Less => member.aligned(align),
            Ordering::Equal => member,
            Ordering::Greater => member.packed().aligned(align),
        }
    }
}

/// Most bytes of an object that some convention returns in registers because of its members.
const MAX_RETURNED: u64 = 16;

/// Returns the widest integer that `is_allowed`, of which `size` bytes are some members, and their
/// number.
fn integers(size: u64, is_allowed: impl Fn(&Type) -> bool) -> Option<(Type, u64)> {
    let integers = [Type::U128, Type::U64, Type::U32, Type::U16, Type::U8];
    let fits = |ty: &Type| is_allowed(ty) && size.is_multiple_of(ty.size());
    let widest = integers.into_iter().find(fits)?;
    let n = size / widest.size();
    (n > 0).then_some((widest, n))
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
