//! Names from C headers. They come after the program's own. Each is read when it is first used, so
//! a header may be full of declarations that the language does not have. Records keep the layout
//! that the header gives them, if the language can spell their members. An enum is its integer. All
//! pointers are `*void`, which converts to and from every other.

use super::{Function, Meaning, Session};
use crate::ast::Linkage;
use crate::diag::Check;
use crate::types::{FnTy, Ty};
use cabi::{Kind, Scalar, Type, VectorLevel};
use cabi_header::{Header, Prototype, Reason};
use std::rc::Rc;

/// Prefixes of the names of types in C, in the order in which they are looked for.
const SPACES: [&str; 4] = ["", "struct ", "union ", "enum "];

/// Meaning of a name of the headers, if they have it and the language can use it.
type Lookup = Result<Option<Meaning>, String>;

impl<'p> Session<'p> {
    /// Returns the meaning of `name` in the program, or the one that `look` finds in the headers.
    pub(super) fn find(
        &mut self,
        name: &str,
        look: impl Fn(&mut Self, &'p Header, &str) -> Lookup,
    ) -> Check<Option<Meaning>> {
        if let Some(meaning) = self.names.get(name) {
            return Ok(Some(*meaning));
        }
        let meaning = self.header.map(|header| look(self, header, name));
        let meaning = meaning.unwrap_or(Ok(None));
        meaning.map_err(|why| format!("`{name}` of a C header cannot be used: {why}").into())
    }

    /// Returns the type `name` of the headers.
    pub(super) fn c_named(&mut self, header: &'p Header, name: &str) -> Lookup {
        for spelled in SPACES.map(|space| format!("{space}{name}")) {
            if let Some(ty) = header.ty(&spelled) {
                return self.c_value_ty(ty).map(Meaning::Type).map(Some);
            }
            let skipped = header.skipped.iter().find(|own| own.name == spelled);
            let reason = skipped.map(|own| &own.reason);
            let is_incomplete = header.incomplete.contains(&spelled);
            match reason {
                // An incomplete type has pointers only.
                _ if is_incomplete => return Ok(Some(Meaning::Type(Ty::Void))),
                Some(Reason::Incomplete(_)) => return Ok(Some(Meaning::Type(Ty::Void))),
                Some(reason) if header.prototype(name).is_none() => return Err(reason.to_string()),
                _ => {}
            }
        }
        Ok(None)
    }

    pub(super) fn c_value(&mut self, header: &'p Header, name: &str) -> Lookup {
        if let Some(prototype) = header.prototype(name) {
            let id = self.c_function(prototype)?;
            return Ok(Some(Meaning::Function(id)));
        }
        if let Some(constant) = header.constant(name) {
            let ty = self.c_ty(&constant.ty)?;
            return Ok(Some(Meaning::Constant(ty, constant.value)));
        }
        let reason = header.reason(name);
        let reason = reason.filter(|reason| !matches!(reason, Reason::Incomplete(_)));
        reason.map_or(Ok(None), |reason| Err(reason.to_string()))
    }

    fn c_function(&mut self, prototype: &Prototype) -> Result<usize, String> {
        if let Some(convention) = prototype.convention {
            return Err(format!("its calling convention is {}", convention.name));
        }
        if prototype.vectors != VectorLevel::Baseline {
            return Err("it needs a processor with wider vectors".to_owned());
        }
        let mut params = Vec::new();
        for (_, ty) in &prototype.params {
            let ty = self.c_value_ty(ty);
            params.push(ty.map_err(|why| format!("parameter {}: {why}", params.len() + 1))?);
        }
        let result = self.c_value_ty(&prototype.ret);
        let ty = FnTy {
            params,
            // A function without a prototype takes no arguments here.
            variadic: prototype.variadic,
            result: result.map_err(|why| format!("result: {why}"))?,
        };
        self.functions.push(Function {
            name: prototype.name.as_str().into(),
            decl: None,
            ty: Rc::new(ty),
            linkage: Linkage::Import(prototype.symbol.as_str().into()),
            declared: None,
        });
        Ok(self.functions.len() - 1)
    }

    /// Returns the type of a value, which has to be laid out as in C. An alignment or `_Atomic` of
    /// a typedef has no name in the language.
    fn c_value_ty(&mut self, c: &Type) -> Result<Ty, String> {
        let ty = self.c_ty(c)?;
        let is_same = self.types.layout(ty).is_none_or(|own| match c.kind() {
            Kind::Enum(_) => !c.is_atomic() && (own.size(), own.align()) == (c.size(), c.align()),
            Kind::Scalar(Scalar::FnPtr) => true,
            _ => own == c,
        });
        let none = "the language has no type for C's";
        let wrong = || format!("{none} `{c}` aligned to {} bytes", c.align());
        is_same.then_some(ty).ok_or_else(wrong)
    }

    /// Returns a C type as the language has it.
    pub(super) fn c_ty(&mut self, ty: &Type) -> Result<Ty, String> {
        match ty.kind() {
            _ if ty.align() > 16 => Err(format!("`{ty}` is aligned to more than 16 bytes")),
            Kind::Void => Ok(Ty::Void),
            Kind::Scalar(Scalar::Ptr | Scalar::FnPtr) => Ok(Ty::VOID_POINTER),
            Kind::Scalar(scalar) | Kind::Enum(scalar) => {
                let own = self.types.scalar(*scalar);
                own.map_err(|why| format!("`{ty}`: {why}"))
            }
            Kind::Complex(part) => self.types.complex(*part),
            Kind::Array(array) => {
                let element = self.c_ty(&array.elem)?;
                // A flexible array has no elements that belong to its record.
                self.types.array(element, array.len.unwrap_or(0))
            }
            Kind::Record(record) => {
                if let Some(known) = self.header_records.get(ty) {
                    return Ok(*known);
                }
                let mut members = Vec::new();
                for field in record.fields() {
                    let wrong = |why| format!("member `{}`: {why}", field.name().unwrap_or("_"));
                    let member = self.c_ty(field.ty()).map_err(wrong)?;
                    if self.types.size(member) != field.ty().size() {
                        return Err(wrong("its type has another size in C".to_owned()));
                    }
                    members.push((field.name().map(Rc::from), member));
                }
                let spelled = ty.to_string();
                let name = spelled.rsplit(' ').next().unwrap_or("");
                let own = self.types.add_record(name);
                self.types.complete(own, members, ty.clone());
                self.header_records.insert(ty.clone(), own);
                Ok(own)
            }
            _ => Err(format!("the language has no type for C's `{ty}`")),
        }
    }
}
