//! The types of a program. Each distinct type has an id, so that types compare and copy for free; its
//! layout is `cabi`'s. Pointers know what they point to here, and are opaque there.

mod scalar;

pub(crate) use scalar::{scalar_named, vector_named};

use cabi::{DataModel, FnAbi, FnSig, Scalar, Target, Type};
use scalar::{SCALARS, scalar_name};
use std::collections::HashMap;
use std::rc::Rc;

/// The id of a type in [`Types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ty(u32);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TyKind {
    Void,
    /// Every scalar but pointers.
    Scalar(Scalar),
    Pointer(Ty),
    Fn(Rc<FnTy>),
    Complex(Scalar),
    Vector(Scalar, u16),
    /// Element and length.
    Array(Ty, u64),
    /// Into `Types::records`.
    Record(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FnTy {
    pub(crate) params: Vec<Ty>,
    pub(crate) variadic: bool,
    pub(crate) result: Ty,
}

/// A member's name, if it has one, and its type.
pub(crate) type MemberTy = (Option<Rc<str>>, Ty);

/// A struct or union: its members in the order of declaration, which is also `cabi`'s, and the layout once they are known.
#[derive(Debug)]
pub(crate) struct RecordTy {
    pub(crate) name: String,
    pub(crate) is_union: bool,
    pub(crate) members: Vec<MemberTy>,
    /// None while the record is opaque or not yet laid out.
    pub(crate) layout: Option<Type>,
}

struct Entry {
    kind: TyKind,
    /// None for records, which keep it themselves, and for what is no object.
    layout: Option<Type>,
}

/// All types of a program, as its target has them.
pub(crate) struct Types {
    pub(crate) target: Target,
    entries: Vec<Entry>,
    ids: HashMap<TyKind, Ty>,
    pub(crate) records: Vec<RecordTy>,
}

impl Ty {
    pub(crate) const VOID: Ty = Ty(0);
    pub(crate) const BOOL: Ty = Ty(1);
    pub(crate) const U8: Ty = Ty(3);
    pub(crate) const I32: Ty = Ty(6);
    pub(crate) const I64: Ty = Ty(8);
    pub(crate) const U64: Ty = Ty(9);
    pub(crate) const F64: Ty = Ty(15);
    pub(crate) const VOID_POINTER: Ty = Ty(18);
    pub(crate) const BYTES: Ty = Ty(19);
}

impl Types {
    pub(crate) fn new(target: &Target) -> Types {
        let mut types = Types {
            target: target.clone(),
            entries: Vec::new(),
            ids: HashMap::new(),
            records: Vec::new(),
        };
        // In the order of the constants above, which a test compares.
        types.intern(TyKind::Void, None);
        for (_, scalar, _) in &SCALARS {
            let layout = scalar::layout(*scalar, types.model());
            types.intern(TyKind::Scalar(*scalar), layout);
        }
        types.intern(TyKind::Pointer(Ty::VOID), Some(Type::PTR));
        types.intern(TyKind::Pointer(Ty::U8), Some(Type::PTR));
        types
    }

    pub(crate) fn kind(&self, ty: Ty) -> &TyKind {
        &self.entries[ty.0 as usize].kind
    }

    pub(crate) fn model(&self) -> &DataModel {
        self.target.data_model()
    }

    /// The C type, if the type is an object's and complete.
    pub(crate) fn layout(&self, ty: Ty) -> Option<&Type> {
        match self.kind(ty) {
            TyKind::Record(id) => self.records[*id].layout.as_ref(),
            _ => self.entries[ty.0 as usize].layout.as_ref(),
        }
    }

    /// Bytes of a value; 0 where there is none.
    pub(crate) fn size(&self, ty: Ty) -> u64 {
        self.layout(ty).map_or(0, Type::size)
    }

    pub(crate) fn pointer(&mut self, to: Ty) -> Ty {
        self.intern(TyKind::Pointer(to), Some(Type::PTR))
    }

    pub(crate) fn function(&mut self, function: impl Into<Rc<FnTy>>) -> Ty {
        self.intern(TyKind::Fn(function.into()), Some(Type::FN_PTR))
    }

    pub(crate) fn array(&mut self, element: Ty, len: u64) -> Result<Ty, String> {
        let Some(of) = self.layout(element) else {
            let name = self.name(element);
            return Err(format!("`{name}` cannot be an element of an array"));
        };
        let layout = Type::array(of, len).map_err(|error| error.to_string())?;
        Ok(self.intern(TyKind::Array(element, len), Some(layout)))
    }

    pub(crate) fn scalar(&mut self, scalar: Scalar) -> Result<Ty, String> {
        let layout = self.scalar_layout(scalar)?;
        Ok(self.intern(TyKind::Scalar(scalar), Some(layout)))
    }

    /// Refuses what the target does not have, in `cabi`'s words.
    fn scalar_layout(&self, scalar: Scalar) -> Result<Type, String> {
        let layout = scalar::layout(scalar, self.model()).ok_or("the language has no such type")?;
        if scalar.is_float() {
            let sig = FnSig::new([layout.clone()], Type::VOID);
            FnAbi::new(&sig, &self.target).map_err(|error| {
                let (target, name) = (self.target.name(), scalar_name(scalar));
                format!("{target} has no `{name}`: {error}")
            })?;
        }
        Ok(layout)
    }

    /// The type of a scalar with a name, or of one that is a lane or a complex number's part.
    pub(crate) fn scalar_ty(&self, scalar: Scalar) -> Ty {
        let ty = self.ids.get(&TyKind::Scalar(scalar));
        ty.copied().unwrap_or(Ty::VOID)
    }

    pub(crate) fn complex(&mut self, part: Scalar) -> Result<Ty, String> {
        self.scalar(part)?;
        let layout =
            Type::complex(&self.scalar_layout(part)?).map_err(|error| error.to_string())?;
        Ok(self.intern(TyKind::Complex(part), Some(layout)))
    }

    pub(crate) fn vector(&mut self, lane: Scalar, lanes: u16) -> Result<Ty, String> {
        self.scalar(lane)?;
        let layout = Type::vector(&self.scalar_layout(lane)?, lanes);
        let layout = layout.map_err(|error| error.to_string())?;
        match lane {
            Scalar::Bool => Err("a vector of bools is not in the language".to_owned()),
            _ => Ok(self.intern(TyKind::Vector(lane, lanes), Some(layout))),
        }
    }

    /// A record of which nothing but the name is known.
    pub(crate) fn add_record(&mut self, name: &str, is_union: bool) -> Ty {
        self.records.push(RecordTy {
            name: name.to_owned(),
            is_union,
            members: Vec::new(),
            layout: None,
        });
        self.intern(TyKind::Record(self.records.len() - 1), None)
    }

    pub(crate) fn record_mut(&mut self, ty: Ty) -> Option<&mut RecordTy> {
        match *self.kind(ty) {
            TyKind::Record(id) => self.records.get_mut(id),
            _ => None,
        }
    }

    fn intern(&mut self, kind: TyKind, layout: Option<Type>) -> Ty {
        if let Some(&ty) = self.ids.get(&kind) {
            return ty;
        }
        // A program of 16 MiB cannot spell 2^32 types.
        let ty = Ty(u32::try_from(self.entries.len()).unwrap_or(0));
        self.ids.insert(kind.clone(), ty);
        self.entries.push(Entry { kind, layout });
        ty
    }

    /// The type as the language spells it.
    pub(crate) fn name(&self, ty: Ty) -> String {
        let name = |ty: &Ty| self.name(*ty);
        match self.kind(ty) {
            TyKind::Void => "void".to_owned(),
            TyKind::Scalar(scalar) => scalar_name(*scalar).to_owned(),
            TyKind::Pointer(to) => format!("*{}", name(to)),
            TyKind::Complex(part) => format!("complex<{}>", scalar_name(*part)),
            TyKind::Vector(lane, lanes) => format!("{}x{lanes}", scalar_name(*lane)),
            TyKind::Array(element, len) => format!("[{}; {len}]", name(element)),
            TyKind::Record(id) => self.records[*id].name.clone(),
            TyKind::Fn(function) => {
                let mut params: Vec<String> = function.params.iter().map(name).collect();
                params.extend(function.variadic.then(|| "...".to_owned()));
                let params = params.join(", ");
                match function.result {
                    Ty::VOID => format!("fn({params})"),
                    result => format!("fn({params}) -> {}", name(&result)),
                }
            }
        }
    }

    /// The number or bool that a value is. Not a pointer.
    pub(crate) fn as_scalar(&self, ty: Ty) -> Option<Scalar> {
        match self.kind(ty) {
            TyKind::Scalar(scalar) => Some(*scalar),
            _ => None,
        }
    }

    /// The width and sign of an integer.
    pub(crate) fn as_int(&self, ty: Ty) -> Option<(u8, bool)> {
        match self.as_scalar(ty) {
            Some(Scalar::Int { bits, signed }) => Some((bits, signed)),
            _ => None,
        }
    }

    pub(crate) fn is_signed(&self, ty: Ty) -> bool {
        self.as_int(ty).is_some_and(|(_, signed)| signed)
    }

    pub(crate) fn as_float(&self, ty: Ty) -> Option<Scalar> {
        self.as_scalar(ty).filter(|scalar| scalar.is_float())
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

#[cfg(test)]
mod tests {
    use super::{Target, Ty, TyKind, Types, scalar_named};

    #[test]
    fn constants_are_the_types_of_their_names() {
        let types = Types::new(&Target::X86_64_LINUX);
        let named = [("bool", Ty::BOOL), ("u8", Ty::U8), ("i32", Ty::I32)];
        let more = [("i64", Ty::I64), ("u64", Ty::U64), ("f64", Ty::F64)];
        for (name, ty) in named.into_iter().chain(more) {
            let scalar = scalar_named(name, types.model());
            assert_eq!(scalar.map(|scalar| types.scalar_ty(scalar)), Some(ty));
        }
        assert_eq!(types.kind(Ty::VOID_POINTER), &TyKind::Pointer(Ty::VOID));
        assert_eq!(types.kind(Ty::BYTES), &TyKind::Pointer(Ty::U8));
    }
}
