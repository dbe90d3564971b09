//! C's types as the program's. Records keep the layout that the header gives them, and get the members that the language can spell;
//! those that only pointers lead to come last, so that long chains of them need no stack.

use super::super::{Checker, Meaning, Progress, Side};
use crate::ast::Convention;
use crate::types::{EnumId, EnumTy, FnTy, MemberTy, RecordId, RecordTy, Ty, TyKind, int};
use cabi::{Field, Kind, Scalar, Type};
use cabi_header::{NamedType, Reason, Written};
use std::rc::Rc;

impl Checker<'_> {
    /// The type that a declaration of the header `at` writes. Records that only pointers lead to are looked into later.
    pub(super) fn c_ty(
        &mut self,
        at: usize,
        written: &Written,
        by_value: bool,
    ) -> Result<Ty, String> {
        match written {
            Written::Void => Ok(Ty::VOID),
            // A value is extended by its sign; what a pointer points to is text, which is of `u8` here.
            Written::Char => self.types.scalar(int(8, self.types.model().char_signed)),
            Written::Named(name) => self.c_named(at, name, by_value),
            Written::Pointer(to) => {
                let to = match &**to {
                    Written::Function {
                        params,
                        ret,
                        variadic,
                    } => return self.c_function_pointer(at, params, ret, *variadic),
                    Written::Char => Ok(Ty::U8),
                    // An array is reached through a pointer to its first element.
                    Written::Array(element, _) => self.c_ty(at, element, false),
                    to => self.c_ty(at, to, false),
                };
                // What the language cannot say is opaque.
                self.types.pointer(to.unwrap_or(Ty::VOID))
            }
            Written::Array(element, len) => {
                let element = match &**element {
                    Written::Char => Ty::U8,
                    element => self.c_ty(at, element, true)?,
                };
                self.types.array(element, *len)
            }
            Written::Type(ty) => self.c_plain(ty),
            Written::Function { .. } => Err("a function is no value".to_string()),
            Written::Other(spelled) => Err(format!("the language has no type `{spelled}`")),
            _ => Err("the language does not have this type".to_string()),
        }
    }

    fn c_function_pointer(
        &mut self,
        at: usize,
        params: &[Written],
        ret: &Written,
        variadic: bool,
    ) -> Result<Ty, String> {
        // Nothing is passed here: what it takes may be incomplete.
        let params = params.iter().map(|param| self.c_passed(at, param));
        let params = params.collect::<Result<Vec<_>, _>>()?;
        let result = self.c_passed(at, ret)?;
        self.types.function(FnTy {
            params,
            variadic,
            convention: Convention::C,
            result,
        })
    }

    /// A parameter or result of a function that is pointed to.
    fn c_passed(&mut self, at: usize, written: &Written) -> Result<Ty, String> {
        let ty = self.c_ty(at, written, false);
        match written {
            Written::Type(layout) => self.same(ty, Some(layout)),
            _ => ty,
        }
    }

    /// A record or enum. Headers that declare the same share it.
    fn c_named(&mut self, at: usize, name: &str, by_value: bool) -> Result<Ty, String> {
        // The name that C has for it on x86-64, and on AArch64 Linux.
        if let "struct __va_list_tag" | "struct __va_list" = name
            && let Some(tag) = name.strip_prefix("struct ")
            && let Some(Meaning::Record(id)) = self.prelude(tag)
        {
            // The compiler's own, in every header the same.
            self.lay_out(id).map_err(|_| "it has no layout")?;
            return Ok(self.types.record(id));
        }
        let ty = match self.known(at, name) {
            Some(ty) => ty,
            None => {
                let ty = self.add_c_named(at, name)?;
                let all = self.taken.types.entry(name.to_string()).or_default();
                all.push((at, ty));
                ty
            }
        };
        if let TyKind::Record(id) = *self.types.kind(ty) {
            if by_value {
                self.fill(at, name, id);
            } else {
                self.taken.pending.push((at, name.to_string(), id));
            }
        }
        Ok(ty)
    }

    fn known(&self, at: usize, name: &str) -> Option<Ty> {
        let own = self.imports[at].ty(name);
        let same = |other: usize| {
            let other = self.imports[other].ty(name);
            match (own, other) {
                (Some(own), Some(other)) => (&own.ty, &own.members) == (&other.ty, &other.members),
                (own, other) => own.is_none() && other.is_none(),
            }
        };
        let all = self.taken.types.get(name)?;
        let found = all.iter().find(|(other, _)| *other == at || same(*other));
        found.map(|(_, ty)| *ty)
    }

    fn add_c_named(&mut self, at: usize, name: &str) -> Result<Ty, String> {
        let named = self.imports[at].ty(name);
        let shown = name.rsplit(' ').next().unwrap_or(name).to_string();
        if let Some(named) = named
            && let Kind::Enum(scalar) = *named.ty.kind()
        {
            return Ok(self.add_c_enum(at, name, shown, scalar, named));
        }
        let id = RecordId(self.records.len());
        self.records.push((Side::User, None, Progress::New));
        self.types.records.push(RecordTy {
            name: shown,
            word: if name.starts_with("union ") {
                "union"
            } else {
                "struct"
            },
            members: Vec::new(),
            layout: None,
        });
        Ok(self.types.record(id))
    }

    fn add_c_enum(
        &mut self,
        at: usize,
        name: &str,
        shown: String,
        scalar: Scalar,
        named: &NamedType,
    ) -> Ty {
        let id = EnumId(self.enums.len());
        self.enums.push((Side::User, None, Progress::Done));
        let variants = self.imports[at]
            .header
            .constants
            .iter()
            .filter(|constant| constant.enumeration == name)
            .map(|constant| {
                (
                    constant.name.as_str().into(),
                    constant.value.cast_unsigned(),
                )
            })
            .collect();
        self.types.enums.push(EnumTy {
            name: shown,
            scalar,
            layout: named.ty.clone(),
            variants,
        });
        self.types.enumeration(id)
    }

    pub(super) fn fill_pending(&mut self) {
        while let Some((at, name, id)) = self.taken.pending.pop() {
            self.fill(at, &name, id);
        }
    }

    /// Gives a record its members and layout, or the reason why it has none.
    fn fill(&mut self, at: usize, name: &str, id: RecordId) {
        let progress = &mut self.records[id.0].2;
        if std::mem::replace(progress, Progress::Done) != Progress::New {
            return;
        }
        let import = &self.imports[at];
        let filled = match import.ty(name) {
            Some(named) => self.c_members(at, named),
            None => match import.header.reason(name) {
                None | Some(Reason::Incomplete(_)) => return,
                Some(reason) => Err(reason.to_string()),
            },
        };
        match filled {
            Ok((members, layout)) => {
                let record = &mut self.types.records[id.0];
                (record.members, record.layout) = (members, Some(layout));
            }
            Err(reason) => {
                self.taken.reasons.insert(id, reason);
            }
        }
    }

    fn c_members(&mut self, at: usize, named: &NamedType) -> Result<(Vec<MemberTy>, Type), String> {
        let fields = named
            .ty
            .as_record()
            .map_or(&[][..], |record| record.fields());
        let mut members = Vec::new();
        for (field, written) in fields.iter().zip(&named.members) {
            let ty = match written {
                Written::Type(ty) => self.c_plain(ty),
                written => self.c_ty(at, written, true),
            };
            members.push(self.c_member(field, ty)?);
        }
        Ok((members, named.ty.clone()))
    }

    fn c_member(&self, field: &Field, ty: Result<Ty, String>) -> Result<MemberTy, String> {
        let name = field.name();
        let wrong = |why: String| format!("member `{}`: {why}", name.unwrap_or("_"));
        let ty = ty.map_err(wrong)?;
        if self.types.size(ty) != field.ty().size() {
            let why = self
                .c_reason(ty)
                .unwrap_or("its type has another size here");
            return Err(wrong(why.to_string()));
        }
        Ok(MemberTy {
            name: name.map(Rc::from),
            ty,
        })
    }

    /// A type whose layout says everything about it; pointers in it are opaque.
    pub(super) fn c_plain(&mut self, ty: &Type) -> Result<Ty, String> {
        match ty.kind() {
            Kind::Void => Ok(Ty::VOID),
            Kind::Scalar(Scalar::Ptr | Scalar::FnPtr) => self.types.pointer(Ty::VOID),
            Kind::Scalar(scalar) | Kind::Enum(scalar) => self.types.scalar(*scalar),
            Kind::Complex(part) => self.types.complex(*part),
            Kind::Vector(vector) => self.types.vector(vector.lane, vector.lanes, vector.bools),
            Kind::Array(array) => {
                let element = self.c_plain(&array.elem)?;
                self.types.array(element, array.len)
            }
            Kind::Record(record) => {
                let mut members = Vec::new();
                for field in record.fields() {
                    let member = self.c_plain(field.ty());
                    members.push(self.c_member(field, member)?);
                }
                let id = RecordId(self.records.len());
                self.records.push((Side::User, None, Progress::Done));
                self.types.records.push(RecordTy {
                    name: "struct {..}".to_string(),
                    word: "struct",
                    members,
                    layout: Some(ty.clone()),
                });
                Ok(self.types.record(id))
            }
            _ => Err(format!("the language has no type that is C's `{ty}`")),
        }
    }
}
