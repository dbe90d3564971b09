//! The types of a program. They compare and copy for free; their layout is `cabi`'s. Pointers know
//! their targets here, and are opaque in `cabi`.

use cabi::{DataModel, FnAbi, FnSig, Scalar, Target, Type};
use std::collections::HashMap;
use std::rc::Rc;

/// A type. Its parts are places in [`Types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ty {
    Void,
    /// Every scalar but pointers.
    Scalar(Scalar),
    Pointer(usize),
    Fn(usize),
    Complex(Scalar),
    /// Element and length.
    Array(usize, u64),
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

/// A struct or union: its members in the order of declaration, which is also `cabi`'s, and the
/// layout once they are known.
#[derive(Debug)]
pub(crate) struct RecordTy {
    pub(crate) name: String,
    pub(crate) members: Vec<MemberTy>,
    /// None while the record is opaque or not yet laid out.
    pub(crate) layout: Option<Type>,
}

const fn int(bits: u8, signed: bool) -> Scalar {
    Scalar::Int { bits, signed }
}

/// Names of scalars, and their layout.
static SCALARS: [(&str, Type); 17] = [
    ("bool", Type::BOOL),
    ("i8", Type::I8),
    ("u8", Type::U8),
    ("i16", Type::I16),
    ("u16", Type::U16),
    ("i32", Type::I32),
    ("u32", Type::U32),
    ("i64", Type::I64),
    ("u64", Type::U64),
    ("i128", Type::I128),
    ("u128", Type::U128),
    ("f16", Type::F16),
    ("bf16", Type::BF16),
    ("f32", Type::F32),
    ("f64", Type::F64),
    ("f80", Type::F80),
    ("f128", Type::F128),
];

static POINTER: Type = Type::PTR;
static FUNCTION: Type = Type::FN_PTR;

impl Ty {
    pub(crate) const BOOL: Ty = Ty::Scalar(Scalar::Bool);
    pub(crate) const U8: Ty = Ty::Scalar(int(8, false));
    pub(crate) const I32: Ty = Ty::Scalar(int(32, true));
    pub(crate) const I64: Ty = Ty::Scalar(int(64, true));
    pub(crate) const U64: Ty = Ty::Scalar(int(64, false));
    pub(crate) const F64: Ty = Ty::Scalar(Scalar::F64);
    /// The first two places, which [`Types::new`] takes.
    pub(crate) const VOID_POINTER: Ty = Ty::Pointer(0);
    pub(crate) const BYTES: Ty = Ty::Pointer(1);

    /// Returns the width and sign of an integer.
    pub(crate) fn as_int(self) -> Option<(u8, bool)> {
        match self {
            Ty::Scalar(Scalar::Int { bits, signed }) => Some((bits, signed)),
            _ => None,
        }
    }

    pub(crate) fn is_int(self) -> bool {
        self.as_int().is_some()
    }

    pub(crate) fn is_signed(self) -> bool {
        self.as_int().is_some_and(|(_, signed)| signed)
    }

    pub(crate) fn as_float(self) -> Option<Scalar> {
        match self {
            Ty::Scalar(scalar) if scalar.is_float() => Some(scalar),
            _ => None,
        }
    }

    pub(crate) fn is_pointer_like(self) -> bool {
        matches!(self, Ty::Pointer(_) | Ty::Fn(_))
    }
}

/// All types of a program, as its target has them.
pub(crate) struct Types {
    pub(crate) target: Target,
    /// Targets of pointers, and elements of arrays.
    parts: Vec<Ty>,
    functions: Vec<Rc<FnTy>>,
    pub(crate) records: Vec<RecordTy>,
    /// Layouts of all types but pointers and records.
    layouts: HashMap<Ty, Type>,
}

impl Types {
    pub(crate) fn new(target: &Target) -> Types {
        let model = target.data_model();
        let scalars = SCALARS.iter().filter_map(|(_, layout)| {
            let ty = Ty::Scalar(layout.as_scalar()?);
            Some((ty, model.adapt(layout)))
        });
        Types {
            target: target.clone(),
            parts: vec![Ty::Void, Ty::U8],
            functions: Vec::new(),
            records: Vec::new(),
            layouts: scalars.collect(),
        }
    }

    pub(crate) fn model(&self) -> &DataModel {
        self.target.data_model()
    }

    /// Returns the C type of `ty`, if objects can have it and it is complete.
    pub(crate) fn layout(&self, ty: Ty) -> Option<&Type> {
        match ty {
            Ty::Record(id) => self.records[id].layout.as_ref(),
            Ty::Pointer(_) => Some(&POINTER),
            Ty::Fn(_) => Some(&FUNCTION),
            _ => self.layouts.get(&ty),
        }
    }

    /// Returns the bytes of a value; 0 if the type has no values.
    pub(crate) fn size(&self, ty: Ty) -> u64 {
        self.layout(ty).map_or(0, Type::size)
    }

    pub(crate) fn pointer(&mut self, to: Ty) -> Ty {
        Ty::Pointer(place(&mut self.parts, to))
    }

    pub(crate) fn function(&mut self, function: impl Into<Rc<FnTy>>) -> Ty {
        Ty::Fn(place(&mut self.functions, function.into()))
    }

    pub(crate) fn array(&mut self, element: Ty, len: u64) -> Result<Ty, String> {
        let of = self
            .layout(element)
            .ok_or("this type cannot be an array element")?;
        let layout = Type::array(of, len).map_err(|error| error.to_string())?;
        let ty = Ty::Array(place(&mut self.parts, element), len);
        self.layouts.insert(ty, layout);
        Ok(ty)
    }

    /// Refuses a scalar that the target or the language does not have, with `cabi`'s message.
    pub(crate) fn scalar(&self, scalar: Scalar) -> Result<Ty, String> {
        let ty = Ty::Scalar(scalar);
        let layout = self.layout(ty).ok_or("the language lacks this type")?;
        if scalar.is_float() {
            let sig = FnSig::new([layout.clone()], Type::VOID);
            FnAbi::new(&sig, &self.target).map_err(|error| {
                let (target, name) = (self.target.name(), self.name(ty));
                format!("{target} has no `{name}`: {error}")
            })?;
        }
        Ok(ty)
    }

    pub(crate) fn complex(&mut self, part: Scalar) -> Result<Ty, String> {
        let (ty, part) = (Ty::Complex(part), self.scalar(part)?);
        if let Some(part) = self.layout(part) {
            let layout = Type::complex(part).map_err(|error| error.to_string())?;
            self.layouts.insert(ty, layout);
        }
        Ok(ty)
    }

    /// Adds a record of which only the name is known.
    pub(crate) fn add_record(&mut self, name: &str) -> Ty {
        self.records.push(RecordTy {
            name: name.to_owned(),
            members: Vec::new(),
            layout: None,
        });
        Ty::Record(self.records.len() - 1)
    }

    /// Gives a record its members and layout.
    pub(crate) fn complete(&mut self, ty: Ty, members: Vec<MemberTy>, layout: Type) {
        if let Ty::Record(id) = ty {
            (self.records[id].members, self.records[id].layout) = (members, Some(layout));
        }
    }

    /// Returns the scalar called `name`, which may depend on the target.
    pub(crate) fn scalar_named(&self, name: &str) -> Option<Scalar> {
        let model = self.model();
        let layout = match name {
            "c_char" => model.char(),
            "c_int" => Type::I32,
            "c_uint" => Type::U32,
            "c_long" => model.long(),
            "c_ulong" => model.unsigned_long(),
            "c_longdouble" => model.long_double(),
            "usize" => Type::U64,
            "isize" => Type::I64,
            name => SCALARS.iter().find(|(own, _)| *own == name)?.1.clone(),
        };
        layout.as_scalar()
    }

    /// Returns the type as the language spells it.
    pub(crate) fn name(&self, ty: Ty) -> String {
        let name = |ty: &Ty| self.name(*ty);
        match ty {
            Ty::Void => "void".to_owned(),
            Ty::Scalar(scalar) => {
                let named = SCALARS
                    .iter()
                    .find(|(_, scalar_type)| scalar_type.as_scalar() == Some(scalar));
                named.map_or("?", |(name, _)| name).to_owned()
            }
            Ty::Pointer(to) => format!("*{}", name(&self.parts[to])),
            Ty::Complex(part) => format!("complex<{}>", name(&Ty::Scalar(part))),
            Ty::Array(element, len) => format!("[{}; {len}]", name(&self.parts[element])),
            Ty::Record(id) => self.records[id].name.clone(),
            Ty::Fn(id) => {
                let function = &self.functions[id];
                let mut params: Vec<String> = function.params.iter().map(name).collect();
                params.extend(function.variadic.then(|| "...".to_owned()));
                let params = params.join(", ");
                match function.result {
                    Ty::Void => format!("fn({params})"),
                    result => format!("fn({params}) -> {}", name(&result)),
                }
            }
        }
    }

    pub(crate) fn pointee(&self, ty: Ty) -> Option<Ty> {
        let Ty::Pointer(to) = ty else { return None };
        Some(self.parts[to])
    }

    /// Returns the type of an array's elements.
    pub(crate) fn element(&self, ty: Ty) -> Option<Ty> {
        let Ty::Array(of, _) = ty else { return None };
        Some(self.parts[of])
    }

    /// Returns the pointer that an array becomes; other types as they are.
    pub(crate) fn decayed(&self, ty: Ty) -> Ty {
        match ty {
            Ty::Array(element, _) => Ty::Pointer(element),
            _ => ty,
        }
    }

    pub(crate) fn as_fn(&self, ty: Ty) -> Option<Rc<FnTy>> {
        let Ty::Fn(id) = ty else { return None };
        Some(Rc::clone(&self.functions[id]))
    }
}

/// Returns the index of `item`, which is added if it is new.
fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    let index = list.iter().position(|own| *own == item);
    index.unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}
