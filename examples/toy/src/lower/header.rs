//! Names from C headers. They come after the program's own, and each is looked into when it is first used: a header may be full of what
//! the language does not have, as long as the program does not name it. Records keep the layout that the header gives them, if the language can spell their
//! members. An enum is its integer.

use super::{Function, Meaning, Session};
use crate::ast::Linkage;
use crate::diag::{Check, Diagnostic, Span};
use crate::types::{FnTy, MemberTy, Ty};
use cabi::{Field, Kind, Scalar, Type, VectorLevel};
use cabi_header::{Header, NamedType, Prototype, Reason, Written};
use std::collections::HashMap;
use std::rc::Rc;

/// How C distinguishes the names of types, in the order in which they are looked for.
const SPACES: [&str; 4] = ["", "struct ", "union ", "enum "];

/// What has been taken from the headers so far.
#[derive(Default)]
pub(super) struct Taken {
    functions: HashMap<Rc<str>, usize>,
    /// Records by their C names.
    records: HashMap<String, Ty>,
    /// Why a record has no layout.
    pub(super) reasons: HashMap<Ty, String>,
}

impl<'p> Session<'p> {
    pub(super) fn find_type(&mut self, name: &str, span: Span) -> Check<Option<Meaning>> {
        match self.names.get(name) {
            Some((meaning, _)) => Ok(Some(*meaning)),
            None => self.c_meaning(name, span, Self::c_type),
        }
    }

    pub(super) fn find_value(&mut self, name: &str, span: Span) -> Check<Option<Meaning>> {
        if let Some((meaning, _)) = self.names.get(name) {
            return Ok(Some(*meaning));
        }
        self.c_meaning(name, span, Self::c_value)
    }

    /// What `look` finds in the headers.
    fn c_meaning(
        &mut self,
        name: &str,
        span: Span,
        look: impl Fn(&mut Self, &'p Header, &str) -> Result<Option<Meaning>, String>,
    ) -> Check<Option<Meaning>> {
        let Some(import) = self.import else {
            return Ok(None);
        };
        look(self, &import.header, name).map_err(|why| {
            let message = format!("`{name}` of a C header cannot be used: {why}");
            Diagnostic::new(span, message).other(import.span, "headers are used here")
        })
    }

    fn c_type(&mut self, header: &'p Header, name: &str) -> Result<Option<Meaning>, String> {
        for spelled in SPACES.map(|space| format!("{space}{name}")) {
            let mut named = header.records.iter().chain(&header.enums);
            let typedef = header.typedefs.iter().find(|named| named.name == spelled);
            // A record without a tag goes by its typedef's name.
            let written = match (typedef, skipped(header, &spelled)) {
                _ if named.any(|named| named.name == spelled) => Written::Named(spelled.clone()),
                (Some(typedef), _) => typedef.written.clone(),
                (None, Some(skipped)) => skipped?,
                (None, None) => continue,
            };
            let ty = self.c_ty(header, &written)?;
            return self
                .same_as(ty, header.ty(&spelled))
                .map(Meaning::Type)
                .map(Some);
        }
        Ok(None)
    }

    fn c_value(&mut self, header: &'p Header, name: &str) -> Result<Option<Meaning>, String> {
        if let Some(&id) = self.taken.functions.get(name) {
            return Ok(Some(Meaning::Function(id)));
        }
        if let Some(prototype) = header.prototype(name) {
            let id = self.c_function(header, prototype)?;
            return Ok(Some(Meaning::Function(id)));
        }
        if let Some(constant) = header.constant(name) {
            let ty = self.c_plain(&constant.ty)?;
            return Ok(Some(Meaning::Constant(ty, constant.value)));
        }
        if header.overloads(name).next().is_some() {
            return Err("several functions have this name".to_owned());
        }
        match header.reason(name) {
            Some(reason) if !is_incomplete(reason) => Err(reason.to_string()),
            _ => Ok(None),
        }
    }

    fn c_function(&mut self, header: &Header, prototype: &Prototype) -> Result<usize, String> {
        if let Some(convention) = prototype.convention {
            return Err(format!("it is called as on {}", convention.name));
        }
        if prototype.vectors != VectorLevel::Baseline {
            return Err("it is for processors with wider vectors".to_owned());
        }
        let mut params = Vec::new();
        for (written, (_, layout)) in prototype.written_params.iter().zip(&prototype.params) {
            let ty = self.c_ty(header, written);
            let ty = ty.and_then(|ty| self.same_as(ty, Some(layout)));
            params.push(ty.map_err(|why| format!("parameter {}: {why}", params.len() + 1))?);
        }
        let result = self.c_ty(header, &prototype.written_ret);
        let layout = Some(&prototype.ret).filter(|ret| *ret.kind() != Kind::Void);
        let result = result.and_then(|ty| self.same_as(ty, layout));
        let result = result.map_err(|why| format!("result: {why}"))?;
        let variadic = prototype.variadic || prototype.unprototyped;
        let ty = FnTy {
            params,
            variadic,
            result,
        };
        let name: Rc<str> = prototype.name.as_str().into();
        self.functions.push(Function {
            name: Rc::clone(&name),
            span: self.import.map_or(Span::default(), |import| import.span),
            decl: None,
            ty: Rc::new(ty),
            linkage: Linkage::Import(None, prototype.symbol.as_str().into()),
            declared: None,
        });
        self.taken.functions.insert(name, self.functions.len() - 1);
        Ok(self.functions.len() - 1)
    }

    /// `ty`, if it is laid out as C has it: an alignment or `_Atomic` of a typedef has no name in the language.
    fn same_as(&self, ty: Ty, layout: Option<&Type>) -> Result<Ty, String> {
        let (Some(c), true) = (layout, ty != Ty::Void) else {
            return Ok(ty);
        };
        let Some(own) = self.types.layout(ty) else {
            return Err(self.incomplete(ty));
        };
        let is_enum = matches!(c.kind(), Kind::Enum(_)) && !c.is_atomic();
        let is_enum = is_enum && (own.size(), own.align()) == (c.size(), c.align());
        if own == c || is_enum {
            return Ok(ty);
        }
        let atomic = if c.is_atomic() { "_Atomic " } else { "" };
        let align = c.align();
        Err(format!(
            "the language has no type that is C's `{atomic}{c}` aligned to {align} bytes"
        ))
    }

    /// The type that a declaration writes.
    fn c_ty(&mut self, header: &Header, written: &Written) -> Result<Ty, String> {
        match written {
            Written::Void => Ok(Ty::Void),
            // A value is extended by its sign; what a pointer points to is text, which is of `u8` here.
            Written::Char => self.c_plain(&self.types.model().char()),
            Written::Named(name) => self.c_named(header, name),
            Written::Pointer(to) => {
                let to = match &**to {
                    Written::Function {
                        params,
                        ret,
                        variadic,
                    } => {
                        let params = params.iter().map(|param| self.c_passed(header, param));
                        let params = params.collect::<Result<Vec<_>, _>>()?;
                        let (result, variadic) = (self.c_passed(header, ret)?, *variadic);
                        return Ok(self.types.function(FnTy {
                            params,
                            variadic,
                            result,
                        }));
                    }
                    Written::Char => Ok(Ty::U8),
                    // An array is reached through a pointer to its first element.
                    Written::Array(element, _) => self.c_ty(header, element),
                    to => self.c_ty(header, to),
                };
                // What the language cannot say is opaque.
                Ok(self.types.pointer(to.unwrap_or(Ty::Void)))
            }
            Written::Array(element, len) => {
                let element = match &**element {
                    Written::Char => Ty::U8,
                    element => self.c_ty(header, element)?,
                };
                // A flexible array has no elements that belong to its record.
                self.types.array(element, len.unwrap_or(0))
            }
            Written::Type(ty) => self.c_plain(ty),
            _ => Err("the language does not have this type".to_owned()),
        }
    }

    /// A parameter or result of a function that is pointed to, which may be incomplete.
    fn c_passed(&mut self, header: &Header, written: &Written) -> Result<Ty, String> {
        let ty = self.c_ty(header, written)?;
        match written {
            Written::Type(layout) => self.same_as(ty, Some(layout)),
            _ => Ok(ty),
        }
    }

    /// A record or enum.
    fn c_named(&mut self, header: &Header, name: &str) -> Result<Ty, String> {
        if let Some(Kind::Enum(scalar)) = header.ty(name).map(Type::kind) {
            return self.types.scalar(*scalar);
        }
        if name.starts_with("struct __va_list") {
            // The compiler's own, in every header the same.
            let element = self.types.element(self.va_list);
            return Ok(element.map_or(self.va_list, |(tag, _)| tag));
        }
        if let Some(ty) = self.taken.records.get(name) {
            return Ok(*ty);
        }
        let own = name.rsplit(' ').next().unwrap_or(name);
        let ty = self.types.add_record(own, name.starts_with("union "));
        self.taken.records.insert(name.to_owned(), ty);
        if let Some(reason) = header.reason(name).filter(|reason| !is_incomplete(reason)) {
            self.taken.reasons.insert(ty, reason.to_string());
        }
        Ok(ty)
    }

    /// Gives all records their members and layout, or the reason why one has none. Those that a record contains come before it.
    pub(super) fn read_records(&mut self, header: &Header) -> Result<(), String> {
        let own = |named: &&NamedType| !named.name.starts_with("struct __va_list");
        for named in header.records.iter().filter(own) {
            self.c_named(header, &named.name)?;
        }
        for named in header.records.iter().filter(own) {
            let ty = self.c_named(header, &named.name)?;
            let members = self.c_members(&named.ty, |own, n| match named.members.get(n) {
                Some(Written::Type(ty)) => own.c_plain(ty),
                Some(written) => own.c_ty(header, written),
                None => Err("it has no type".to_owned()),
            });
            match (members, self.types.record_mut(ty)) {
                (Ok(members), Some(record)) => {
                    (record.members, record.layout) = (members, Some(named.ty.clone()));
                }
                (Ok(_), None) => {}
                (Err(reason), _) => _ = self.taken.reasons.insert(ty, reason),
            }
        }
        Ok(())
    }

    fn c_members(
        &mut self,
        record: &Type,
        mut ty_of: impl FnMut(&mut Self, usize) -> Result<Ty, String>,
    ) -> Result<Vec<MemberTy>, String> {
        let fields: &[Field] = record.as_record().map_or(&[], |record| record.fields());
        let mut members = Vec::new();
        for (n, field) in fields.iter().enumerate() {
            let name = field.name();
            let wrong = |why: &str| format!("member `{}`: {why}", name.unwrap_or("_"));
            let ty = ty_of(self, n).map_err(|why| wrong(&why))?;
            if self.types.size(ty) != field.ty().size() {
                return Err(wrong(&self.incomplete(ty)));
            }
            members.push((name.map(Rc::from), ty));
        }
        Ok(members)
    }

    /// A type whose layout says everything about it; pointers in it are opaque.
    pub(super) fn c_plain(&mut self, ty: &Type) -> Result<Ty, String> {
        match ty.kind() {
            Kind::Void => Ok(Ty::Void),
            Kind::Scalar(Scalar::Ptr | Scalar::FnPtr) => Ok(Ty::VOID_POINTER),
            Kind::Scalar(scalar) | Kind::Enum(scalar) => {
                let own = self.types.scalar(*scalar);
                own.map_err(|why| format!("`{ty}`: {why}"))
            }
            Kind::Complex(part) => self.types.complex(*part),
            Kind::Vector(vector) => self.types.vector(vector.lane, vector.lanes),
            Kind::Array(array) => {
                let element = self.c_plain(&array.elem)?;
                self.types.array(element, array.len.unwrap_or(0))
            }
            Kind::Record(record) => {
                let members = self.c_members(ty, |own, n| match record.fields().get(n) {
                    Some(field) => own.c_plain(field.ty()),
                    None => Err("it has no type".to_owned()),
                })?;
                let own = self.types.add_record("struct {..}", false);
                if let Some(record) = self.types.record_mut(own) {
                    (record.members, record.layout) = (members, Some(ty.clone()));
                }
                Ok(own)
            }
            _ => Err(format!("the language has no type that is C's `{ty}`")),
        }
    }
}

fn is_incomplete(reason: &Reason) -> bool {
    matches!(reason, Reason::Incomplete(_))
}

/// What a type is that was left out, or why: a typedef of something incomplete is as opaque as that.
fn skipped(header: &Header, name: &str) -> Option<Result<Written, String>> {
    if header.incomplete.iter().any(|known| known == name) {
        return Some(Ok(Written::Named(name.to_owned())));
    }
    let found = header.skipped.iter().find(|skipped| skipped.name == name);
    match &found.filter(|_| header.prototype(name).is_none())?.reason {
        Reason::Incomplete(tag) => Some(Ok(Written::Named(tag.clone()))),
        reason => Some(Err(reason.to_string())),
    }
}
