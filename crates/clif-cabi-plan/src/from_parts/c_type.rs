//! C types of objects with given parts.

use cabi::{DataModel, Member, RecordBuilder, Type};

use super::PartsValue;
use crate::signature::{Extension, ValueType};

impl PartsValue {
    /// Returns a C type with these parts: a scalar or vector, or a structure with one member for
    /// each part, or with several integers where the object is aligned to less than the part.
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
        if self.size == 0 || !self.align.is_power_of_two() || self.size > u64::from(u32::MAX) {
            return None;
        }
        let mut structure = RecordBuilder::structure("value");
        if self.parts.is_empty() {
            let (element, n) = self.integers(0, self.size)?;
            let all = Type::array(&model.adapt(&element), n).ok()?;
            structure = structure.member(self.member(0, all));
        }
        let (mut n_members, mut end) = (0, 0);
        for part in &self.parts {
            let (offset, size) = (u64::from(part.offset), u64::from(part.size));
            let (element, n) = match part.ty.is_int() {
                true => self.integers(offset, size)?,
                false => (scalar(part.ty, Extension::None)?, 1),
            };
            let element = model.adapt(&element);
            let align = element.align().min(self.align);
            if size != n * element.size() || offset != u64::next_multiple_of(end, align.into()) {
                return None;
            }
            for _ in 0..n {
                structure = structure.member(self.member(n_members, element.clone()));
                n_members += 1;
            }
            end = offset + size;
        }
        structure.build(model).ok()
    }

    /// Returns the member of index `i`. Conventions look at the alignment of members, so the first
    /// one has the object's.
    fn member(&self, i: u32, ty: Type) -> Member {
        let align = ty.align();
        let member = Member::named(&format!("m{i}"), ty);
        match i == 0 && align < self.align {
            true => member.aligned(self.align),
            false if align > self.align => member.packed().aligned(self.align),
            false => member,
        }
    }

    /// Returns the widest integer of which `size` bytes, `offset` bytes from the start, are some
    /// members, and their number.
    fn integers(&self, offset: u64, size: u64) -> Option<(Type, u64)> {
        let integers = [Type::U128, Type::U64, Type::U32, Type::U16, Type::U8];
        let fits = |ty: &Type| {
            let is_multiple = |n: u64| n.is_multiple_of(ty.size());
            ty.align() <= self.align && is_multiple(offset) && is_multiple(size)
        };
        let widest = integers.into_iter().find(fits)?;
        let n = size / widest.size();
        (n > 0).then_some((widest, n))
    }
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
