//! The types of a program. Each distinct type has an id, so that types compare and copy for free; its
//! layout is `cabi`'s. Pointers know what they point to here, and are opaque there.

mod scalar;

pub(crate) use scalar::scalar_named;

use crate::ast::Convention;
use cabi::{BoolVector, DataModel, FnAbi, FnSig, Scalar, Target, Type};
use scalar::{SCALARS, scalar_layout, scalar_name};
use std::collections::HashMap;
use std::rc::Rc;

/// How deep types may nest, also through aliases.
const MAX_DEPTH: u32 = 64;

/// The id of a type in [`Types`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ty(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RecordId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EnumId(pub(crate) usize);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TyKind {
    /// Of what is not declared yet, or wrongly.
    Error,
    Void,
    Never,
    /// Every scalar but pointers.
    Scalar(Scalar),
    /// The type of `null` until something says which pointer it is.
    Null,
    Pointer(Ty),
    Fn(Rc<FnTy>),
    Complex(Scalar),
    /// Lane and number of lanes. Vectors of bools have a flavour, and are passed accordingly.
    Vector(Scalar, u16, Option<BoolVector>),
    /// Element and length; without a length it is flexible.
    Array(Ty, Option<u64>),
    Record(RecordId),
    Enum(EnumId),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FnTy {
    pub(crate) params: Vec<Ty>,
    pub(crate) variadic: bool,
    pub(crate) convention: Convention,
    pub(crate) result: Ty,
}

/// A struct or union: its members, and the layout once they are known.
#[derive(Debug)]
pub(crate) struct RecordTy {
    pub(crate) name: String,
    pub(crate) word: &'static str,
    pub(crate) members: Vec<MemberTy>,
    /// None while the record is opaque or being laid out.
    pub(crate) layout: Option<Type>,
}

/// A member in the order of declaration, which is also `cabi`'s.
#[derive(Debug)]
pub(crate) struct MemberTy {
    pub(crate) name: Option<Rc<str>>,
    pub(crate) ty: Ty,
}

#[derive(Debug)]
pub(crate) struct EnumTy {
    pub(crate) name: String,
    pub(crate) scalar: Scalar,
    pub(crate) layout: Type,
    pub(crate) variants: Vec<(Rc<str>, u128)>,
}

struct Entry {
    kind: TyKind,
    /// None for records and enums, which keep it themselves, and for what is no object.
    layout: Option<Type>,
    depth: u32,
}

/// All types of a program, as its target has them.
pub(crate) struct Types {
    pub(crate) target: Target,
    entries: Vec<Entry>,
    numbers: HashMap<TyKind, Ty>,
    pub(crate) records: Vec<RecordTy>,
    pub(crate) enums: Vec<EnumTy>,
}

impl Ty {
    pub(crate) const ERROR: Ty = Ty(0);
    pub(crate) const VOID: Ty = Ty(1);
    pub(crate) const NEVER: Ty = Ty(2);
    pub(crate) const NULL: Ty = Ty(3);
    pub(crate) const BOOL: Ty = Ty(4);
    pub(crate) const U8: Ty = Ty(6);
    pub(crate) const U16: Ty = Ty(8);
    pub(crate) const I32: Ty = Ty(9);
    pub(crate) const U32: Ty = Ty(10);
    pub(crate) const I64: Ty = Ty(11);
    pub(crate) const U64: Ty = Ty(12);
    pub(crate) const F32: Ty = Ty(17);
    pub(crate) const F64: Ty = Ty(18);
    pub(crate) const VOID_POINTER: Ty = Ty(24);
}

/// The integers that have a name of their own.
pub(crate) const fn int(bits: u8, signed: bool) -> Scalar {
    Scalar::Int { bits, signed }
}

impl Types {
    pub(crate) fn new(target: &Target) -> Types {
        let mut types = Types {
            target: target.clone(),
            entries: Vec::new(),
            numbers: HashMap::new(),
            records: Vec::new(),
            enums: Vec::new(),
        };
        // In the order of the constants above, which a test compares.
        for kind in [TyKind::Error, TyKind::Void, TyKind::Never, TyKind::Null] {
            types.insert(kind, None, 0);
        }
        for (_, scalar, layout) in &SCALARS {
            types.insert(TyKind::Scalar(*scalar), Some(layout.clone()), 0);
        }
        types.insert(TyKind::Pointer(Ty::VOID), Some(Type::PTR), 1);
        types
    }

    pub(crate) fn kind(&self, ty: Ty) -> &TyKind {
        &self.entries[ty.0 as usize].kind
    }

    /// The C type, if the type is an object's and complete.
    pub(crate) fn layout(&self, ty: Ty) -> Option<&Type> {
        match self.kind(ty) {
            TyKind::Record(id) => self.records[id.0].layout.as_ref(),
            TyKind::Enum(id) => Some(&self.enums[id.0].layout),
            _ => self.entries[ty.0 as usize].layout.as_ref(),
        }
    }

    /// Bytes of a value; 0 where there is none.
    pub(crate) fn size(&self, ty: Ty) -> u64 {
        self.layout(ty).map_or(0, Type::size)
    }

    pub(crate) fn pointer(&mut self, to: Ty) -> Result<Ty, String> {
        self.intern(TyKind::Pointer(to), Some(Type::PTR), &[to])
    }

    pub(crate) fn function(&mut self, function: FnTy) -> Result<Ty, String> {
        let parts: Vec<Ty> = function
            .params
            .iter()
            .copied()
            .chain([function.result])
            .collect();
        self.intern(TyKind::Fn(Rc::new(function)), Some(Type::FN_PTR), &parts)
    }

    /// Of `len` elements, or flexible.
    pub(crate) fn array(&mut self, element: Ty, len: Option<u64>) -> Result<Ty, String> {
        let Some(of) = self.layout(element) else {
            return Err(format!(
                "`{}` cannot be an element of an array",
                self.name(element)
            ));
        };
        let layout = match len {
            Some(len) => Type::array(of, len),
            None => Type::flexible_array(of),
        };
        let layout = layout.map_err(|error| error.to_string())?;
        self.intern(TyKind::Array(element, len), Some(layout), &[element])
    }

    pub(crate) fn scalar(&mut self, scalar: Scalar) -> Result<Ty, String> {
        let layout = self.scalar_layout(scalar)?;
        self.intern(TyKind::Scalar(scalar), Some(layout), &[])
    }

    /// Refuses what the target does not have, in `cabi`'s words.
    fn scalar_layout(&self, scalar: Scalar) -> Result<Type, String> {
        let layout = scalar_layout(scalar, self.model()).map_err(|error| error.to_string())?;
        if scalar.is_float() {
            let sig = FnSig::new([layout.clone()], Type::VOID);
            FnAbi::new(&sig, &self.target).map_err(|error| {
                let (target, name) = (self.target.name(), scalar_name(scalar));
                format!("{target} has no `{name}`: {error}")
            })?;
        }
        Ok(layout)
    }

    pub(crate) fn model(&self) -> &DataModel {
        self.target.data_model()
    }

    /// The type of a scalar with a name, or of one that is a lane or a complex number's part.
    pub(crate) fn scalar_ty(&self, scalar: Scalar) -> Ty {
        let ty = self.numbers.get(&TyKind::Scalar(scalar));
        ty.copied().unwrap_or(Ty::ERROR)
    }

    pub(crate) fn complex(&mut self, part: Scalar) -> Result<Ty, String> {
        self.scalar(part)?;
        let layout =
            Type::complex(&self.scalar_layout(part)?).map_err(|error| error.to_string())?;
        self.intern(TyKind::Complex(part), Some(layout), &[])
    }

    pub(crate) fn vector(
        &mut self,
        lane: Scalar,
        lanes: u16,
        flavour: Option<BoolVector>,
    ) -> Result<Ty, String> {
        self.scalar(lane)?;
        let flavour = match lane {
            Scalar::Bool => flavour.or(Some(BoolVector::Clang)),
            _ => None,
        };
        let layout = match flavour {
            Some(flavour) => Type::bool_vector(lanes, flavour),
            None => Type::vector(&self.scalar_layout(lane)?, lanes),
        };
        let layout = layout.map_err(|error| error.to_string())?;
        let kind = TyKind::Vector(lane, lanes, flavour);
        self.intern(kind, Some(layout), &[])
    }

    pub(crate) fn record(&mut self, id: RecordId) -> Ty {
        self.named(TyKind::Record(id))
    }

    pub(crate) fn enumeration(&mut self, id: EnumId) -> Ty {
        self.named(TyKind::Enum(id))
    }

    fn named(&mut self, kind: TyKind) -> Ty {
        match self.numbers.get(&kind) {
            Some(&ty) => ty,
            None => self.insert(kind, None, 0),
        }
    }

    fn intern(&mut self, kind: TyKind, layout: Option<Type>, parts: &[Ty]) -> Result<Ty, String> {
        if let Some(&ty) = self.numbers.get(&kind) {
            return Ok(ty);
        }
        let below = parts
            .iter()
            .map(|part| self.entries[part.0 as usize].depth)
            .max();
        let depth = below.unwrap_or(0) + 1;
        if depth > MAX_DEPTH {
            return Err(format!("this type nests deeper than {MAX_DEPTH} levels"));
        }
        Ok(self.insert(kind, layout, depth))
    }

    fn insert(&mut self, kind: TyKind, layout: Option<Type>, depth: u32) -> Ty {
        // A program of 16 MiB cannot spell 2^32 types.
        let ty = Ty(u32::try_from(self.entries.len()).unwrap_or(0));
        self.numbers.insert(kind.clone(), ty);
        self.entries.push(Entry {
            kind,
            layout,
            depth,
        });
        ty
    }

    /// The type as the language spells it; what is deep inside is left out.
    pub(crate) fn name(&self, ty: Ty) -> String {
        self.name_to(ty, 4)
    }

    fn name_to(&self, ty: Ty, levels: u32) -> String {
        let Some(levels) = levels.checked_sub(1) else {
            return "..".to_string();
        };
        match self.kind(ty) {
            TyKind::Error => "?".to_string(),
            TyKind::Void => "void".to_string(),
            TyKind::Never => "!".to_string(),
            TyKind::Null => "null".to_string(),
            TyKind::Scalar(scalar) => scalar_name(*scalar),
            TyKind::Pointer(to) => format!("*{}", self.name_to(*to, levels)),
            TyKind::Complex(part) => format!("complex<{}>", scalar_name(*part)),
            TyKind::Vector(_, lanes, Some(BoolVector::Zig)) => format!("vec<bool, {lanes}, zig>"),
            TyKind::Vector(lane, lanes, _) => format!("vec<{}, {lanes}>", scalar_name(*lane)),
            TyKind::Array(element, Some(len)) => {
                format!("[{}; {len}]", self.name_to(*element, levels))
            }
            TyKind::Array(element, None) => format!("[{}]", self.name_to(*element, levels)),
            TyKind::Record(id) => self.records[id.0].name.clone(),
            TyKind::Enum(id) => self.enums[id.0].name.clone(),
            TyKind::Fn(function) => {
                let mut params: Vec<String> = function
                    .params
                    .iter()
                    .take(8)
                    .map(|&param| self.name_to(param, levels))
                    .collect();
                if function.params.len() > 8 {
                    params.push("..".to_string());
                }
                if function.variadic {
                    params.push("...".to_string());
                }
                let mut name = format!("fn({})", params.join(", "));
                let mut named = Convention::NAMED.iter().skip(1);
                if let Some((own, _)) = named.find(|(_, own)| *own == function.convention) {
                    name = format!("extern \"{own}\" {name}");
                }
                if function.result != Ty::VOID {
                    name += " -> ";
                    name += &self.name_to(function.result, levels);
                }
                name
            }
        }
    }

    /// The scalar a value consists of: a number, a bool, an enum's integer. Not a pointer.
    pub(crate) fn as_scalar(&self, ty: Ty) -> Option<Scalar> {
        match self.kind(ty) {
            TyKind::Scalar(scalar) => Some(*scalar),
            TyKind::Enum(id) => Some(self.enums[id.0].scalar),
            _ => None,
        }
    }

    /// The integer a value of type `ty` is, if arithmetic on it is integer arithmetic.
    pub(crate) fn as_int(&self, ty: Ty) -> Option<IntTy> {
        match self.kind(ty) {
            TyKind::Scalar(scalar) => IntTy::of(*scalar),
            _ => None,
        }
    }

    pub(crate) fn as_float(&self, ty: Ty) -> Option<Scalar> {
        match self.kind(ty) {
            TyKind::Scalar(scalar) if scalar.is_float() => Some(*scalar),
            _ => None,
        }
    }

    pub(crate) fn pointee(&self, ty: Ty) -> Option<Ty> {
        match self.kind(ty) {
            TyKind::Pointer(to) => Some(*to),
            _ => None,
        }
    }

    pub(crate) fn as_fn(&self, ty: Ty) -> Option<Rc<FnTy>> {
        match self.kind(ty) {
            TyKind::Fn(function) => Some(Rc::clone(function)),
            _ => None,
        }
    }

    pub(crate) fn is_pointer_like(&self, ty: Ty) -> bool {
        matches!(self.kind(ty), TyKind::Pointer(_) | TyKind::Fn(_))
    }
}

/// An integer's width and sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IntTy {
    pub(crate) bits: u16,
    pub(crate) signed: bool,
}

impl IntTy {
    /// Of a scalar that is an integer; wider than 128 bits there is no arithmetic.
    pub(crate) fn of(scalar: Scalar) -> Option<IntTy> {
        match scalar {
            Scalar::Int { bits, signed } => Some(IntTy {
                bits: u16::from(bits),
                signed,
            }),
            Scalar::BitInt { bits, signed } if bits <= 128 => Some(IntTy { bits, signed }),
            _ => None,
        }
    }

    /// The greatest value.
    pub(crate) fn max(self) -> u128 {
        let bits = if self.signed {
            self.bits.saturating_sub(1)
        } else {
            self.bits
        };
        u128::MAX
            .checked_shr(128_u32.saturating_sub(u32::from(bits)))
            .unwrap_or(0)
    }

    /// `value` cut to the type's width and extended again by its sign.
    pub(crate) fn wrap(self, value: u128) -> u128 {
        let unused = 128_u32.saturating_sub(u32::from(self.bits));
        let high = value.checked_shl(unused).unwrap_or(0);
        if self.signed {
            (high.cast_signed() >> unused).cast_unsigned()
        } else {
            high >> unused
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, Ty, Types, scalar_named};

    #[test]
    fn constants_are_the_types_of_their_names() {
        let mut types = Types::new(&Target::X86_64_LINUX);
        assert_eq!(types.pointer(Ty::VOID), Ok(Ty::VOID_POINTER));
        for (name, ty) in [
            ("bool", Ty::BOOL),
            ("u8", Ty::U8),
            ("u16", Ty::U16),
            ("i32", Ty::I32),
            ("u32", Ty::U32),
            ("i64", Ty::I64),
            ("u64", Ty::U64),
            ("f32", Ty::F32),
            ("f64", Ty::F64),
        ] {
            assert_eq!(
                scalar_named(name, types.model()).map(|scalar| types.scalar_ty(scalar)),
                Some(ty)
            );
        }
    }
}
