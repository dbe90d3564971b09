//! Names from C headers. They come after the program's own, and each is looked into when it is first used: a header may be full of what
//! the language does not have, as long as the program does not name it. Records keep the layout that the header gives them, and get the members that
//! the language can spell.

use super::{Function, Meaning, Origin, Progress, Session};
use crate::ast::Convention;
use crate::diag::{Check, Diagnostic, Span};
use crate::header::Import;
use crate::types::{EnumTy, FnTy, MemberTy, Ty, TyKind};
use cabi::{Field, Kind, Scalar, Type, VectorLevel};
use cabi_header::{Prototype, Reason, Written};
use std::collections::HashMap;
use std::rc::Rc;

/// How C distinguishes the names of types, in the order in which they are looked for.
const SPACES: [&str; 4] = ["", "struct ", "union ", "enum "];

/// What has been taken from the headers so far.
#[derive(Default)]
pub(super) struct Taken {
    functions: HashMap<Rc<str>, usize>,
    /// Records and enums by their C names, with the header that each is from.
    types: HashMap<(usize, String), Ty>,
    /// Records whose members are to be looked into.
    pending: Vec<(usize, String, usize)>,
    /// Why a record has no layout.
    pub(super) reasons: HashMap<usize, String>,
}

impl<'p> Session<'p> {
    pub(super) fn find_type(&mut self, name: &str, span: Span) -> Check<Option<Meaning<'p>>> {
        match self.names.get(name) {
            Some((meaning, _)) => Ok(Some(*meaning)),
            None => self.c_type(name, span),
        }
    }

    pub(super) fn find_value(&mut self, name: &str, span: Span) -> Check<Option<Meaning<'p>>> {
        if let Some((meaning, _)) = self.names.get(name) {
            return Ok(Some(*meaning));
        }
        match self.c_value(name, span)? {
            Some(meaning) => Ok(Some(meaning)),
            // A type where a value is wanted.
            None => self.c_type(name, span),
        }
    }

    fn c_type(&mut self, name: &str, span: Span) -> Check<Option<Meaning<'p>>> {
        for (at, import) in self.imports.iter().enumerate() {
            for spelled in SPACES.map(|space| format!("{space}{name}")) {
                let (written, layout) = match import.written(&spelled) {
                    Some((written, layout)) => (written, Some(layout)),
                    None => match skipped(import, &spelled) {
                        Some(Ok(written)) => (written, None),
                        Some(Err(why)) => return Err(refusal(import, name, &why, span)),
                        None => continue,
                    },
                };
                let ty = self.c_ty(at, &written, true);
                self.fill_pending();
                let ty = self.same(ty, layout);
                let ty = ty.map_err(|why| refusal(import, name, &why, span))?;
                return Ok(Some(match *self.types.kind(ty) {
                    TyKind::Record(id) => Meaning::Record(id),
                    TyKind::Enum(id) => Meaning::Enum(id),
                    _ => Meaning::CAlias(ty),
                }));
            }
        }
        Ok(None)
    }

    fn c_value(&mut self, name: &str, span: Span) -> Check<Option<Meaning<'p>>> {
        if let Some(&id) = self.taken.functions.get(name) {
            return Ok(Some(Meaning::Function(id)));
        }
        for (at, import) in self.imports.iter().enumerate() {
            let found = if let Some(prototype) = import.header.prototype(name) {
                let ty = self.c_function(at, prototype);
                ty.map(|ty| Meaning::Function(self.add_c_function(import, prototype, ty)))
            } else if let Some(constant) = import.header.constant(name) {
                let ty = match &*constant.enumeration {
                    "" => self.c_plain(&constant.ty),
                    tag => self.c_ty(at, &Written::Named(tag.to_owned()), true),
                };
                ty.map(|ty| Meaning::CConstant(ty, constant.value))
            } else if import.header.overloads(name).next().is_some() {
                Err("several functions have this name".to_owned())
            } else {
                match import.header.reason(name) {
                    Some(reason) if !matches!(reason, Reason::Incomplete(_)) => {
                        Err(reason.to_string())
                    }
                    _ => continue,
                }
            };
            self.fill_pending();
            return found
                .map(Some)
                .map_err(|why| refusal(import, name, &why, span));
        }
        Ok(None)
    }

    fn c_function(&mut self, at: usize, prototype: &Prototype) -> Result<Ty, String> {
        if let Some(convention) = prototype.convention {
            return Err(format!("it is called as on {}", convention.name));
        }
        if prototype.vectors != VectorLevel::Baseline {
            return Err("it is for processors with wider vectors".to_string());
        }
        let mut params = Vec::new();
        for (written, (_, layout)) in prototype.written_params.iter().zip(&prototype.params) {
            let ty = self.c_ty(at, written, true);
            let ty = self.same(ty, Some(layout));
            params.push(ty.map_err(|why| format!("parameter {}: {why}", params.len() + 1))?);
        }
        let result = if prototype.noreturn {
            Ty::NEVER
        } else {
            let ty = self.c_ty(at, &prototype.written_ret, true);
            let layout = Some(&prototype.ret).filter(|ret| *ret.kind() != Kind::Void);
            self.same(ty, layout)
                .map_err(|why| format!("result: {why}"))?
        };
        let (variadic, convention) = (prototype.variadic || prototype.unprototyped, Convention::C);
        Ok(self.types.function(FnTy {
            params,
            variadic,
            convention,
            result,
        }))
    }

    fn add_c_function(&mut self, import: &Import, prototype: &Prototype, ty: Ty) -> usize {
        let name: Rc<str> = prototype.name.as_str().into();
        let params = prototype.params.iter();
        self.functions.push(Function {
            name: Rc::clone(&name),
            span: import.span,
            decl: None,
            ty: Some(ty),
            origin: Origin::Extern(import.library.clone(), prototype.symbol.as_str().into()),
            params: params
                .map(|(name, _)| name.as_deref().unwrap_or("_").into())
                .collect(),
            declared: None,
        });
        self.taken.functions.insert(name, self.functions.len() - 1);
        self.functions.len() - 1
    }

    /// `ty`, if it is laid out as C has it: an alignment or `_Atomic` of a typedef has no name in the language.
    fn same(&self, ty: Result<Ty, String>, layout: Option<&Type>) -> Result<Ty, String> {
        let ty = ty?;
        match (self.types.layout(ty), layout) {
            (None, Some(_)) if self.types.kind(ty) != &TyKind::Void => Err(self.incomplete(ty)),
            (Some(ours), Some(c)) if ours != c => {
                let atomic = if c.is_atomic() { "_Atomic " } else { "" };
                let align = c.align();
                Err(format!(
                    "the language has no type that is C's `{atomic}{c}` aligned to {align} bytes"
                ))
            }
            _ => Ok(ty),
        }
    }

    /// The type that a declaration of the header `at` writes. Records that only pointers lead to are looked into later.
    fn c_ty(&mut self, at: usize, written: &Written, by_value: bool) -> Result<Ty, String> {
        match written {
            Written::Void => Ok(Ty::VOID),
            // A value is extended by its sign; what a pointer points to is text, which is of `u8` here.
            Written::Char => self.c_plain(&self.types.model().char()),
            Written::Named(name) => self.c_named(at, name, by_value),
            Written::Pointer(to) => {
                let to = match &**to {
                    Written::Function {
                        params,
                        ret,
                        variadic,
                    } => {
                        let params = params.iter().map(|param| self.c_passed(at, param));
                        let params = params.collect::<Result<Vec<_>, _>>()?;
                        let (result, variadic) = (self.c_passed(at, ret)?, *variadic);
                        let convention = Convention::C;
                        return Ok(self.types.function(FnTy {
                            params,
                            variadic,
                            convention,
                            result,
                        }));
                    }
                    Written::Char => Ok(Ty::U8),
                    // An array is reached through a pointer to its first element.
                    Written::Array(element, _) => self.c_ty(at, element, false),
                    to => self.c_ty(at, to, false),
                };
                // What the language cannot say is opaque.
                Ok(self.types.pointer(to.unwrap_or(Ty::VOID)))
            }
            Written::Array(element, len) => {
                let element = match &**element {
                    Written::Char => Ty::U8,
                    element => self.c_ty(at, element, true)?,
                };
                self.types.array(element, *len)
            }
            Written::Type(ty) => self.c_plain(ty),
            _ => Err("the language does not have this type".to_string()),
        }
    }

    /// A parameter or result of a function that is pointed to, which may be incomplete.
    fn c_passed(&mut self, at: usize, written: &Written) -> Result<Ty, String> {
        let ty = self.c_ty(at, written, false);
        match written {
            Written::Type(layout) => self.same(ty, Some(layout)),
            _ => ty,
        }
    }

    /// A record or enum.
    fn c_named(&mut self, at: usize, name: &str, by_value: bool) -> Result<Ty, String> {
        if name.starts_with("struct __va_list") {
            // The compiler's own, in every header the same.
            return Ok(match *self.types.kind(self.va_list) {
                TyKind::Array(tag, _) => tag,
                _ => self.va_list,
            });
        }
        // Headers that declare the same share it.
        let same = |(other, import): (usize, &Import)| {
            let own = self.imports[at].ty(name).map(|own| (&own.ty, &own.members));
            let is_same = own == import.ty(name).map(|other| (&other.ty, &other.members));
            is_same.then(|| self.taken.types.get(&(other, name.to_owned())).copied())?
        };
        let known = self.imports.iter().enumerate().find_map(same);
        let ty = match known {
            Some(ty) => ty,
            None => self.add_c_named(at, name),
        };
        self.taken.types.insert((at, name.to_owned()), ty);
        if let TyKind::Record(id) = *self.types.kind(ty) {
            match by_value {
                true => self.fill(at, name, id),
                false => self.taken.pending.push((at, name.to_string(), id)),
            }
        }
        Ok(ty)
    }

    fn add_c_named(&mut self, at: usize, tag: &str) -> Ty {
        let import = &self.imports[at];
        let name = tag.rsplit(' ').next().unwrap_or(tag).to_string();
        let Some((layout, &Kind::Enum(scalar))) =
            import.ty(tag).map(|own| (&own.ty, own.ty.kind()))
        else {
            let id = self.new_record(name, tag.starts_with("union "), None);
            return self.types.named(TyKind::Record(id));
        };
        let all = import
            .header
            .constants
            .iter()
            .filter(|constant| constant.enumeration == tag);
        let variants = all.map(|constant| (constant.name.as_str().into(), constant.value));
        let (variants, layout) = (variants.collect(), layout.clone());
        self.enums.push((None, Progress::Done));
        self.types.enums.push(EnumTy {
            name,
            scalar,
            layout,
            variants,
        });
        self.types.named(TyKind::Enum(self.enums.len() - 1))
    }

    fn fill_pending(&mut self) {
        while let Some((at, name, id)) = self.taken.pending.pop() {
            self.fill(at, &name, id);
        }
    }

    /// Gives a record its members and layout, or the reason why it has none.
    fn fill(&mut self, at: usize, name: &str, id: usize) {
        if std::mem::replace(&mut self.records[id].1, Progress::Done) != Progress::New {
            return;
        }
        let import = &self.imports[at];
        let filled = match (import.ty(name), import.header.reason(name)) {
            (Some(named), _) => self.c_members(&named.ty, |own, n| match named.members.get(n) {
                Some(Written::Type(ty)) => own.c_plain(ty),
                Some(written) => own.c_ty(at, written, true),
                None => Err("it has no type".to_owned()),
            }),
            (None, None | Some(Reason::Incomplete(_))) => return,
            (None, Some(reason)) => Err(reason.to_string()),
        };
        match filled {
            Ok(members) => {
                let record = &mut self.types.records[id];
                (record.members, record.layout) =
                    (members, import.ty(name).map(|named| named.ty.clone()));
            }
            Err(reason) => _ = self.taken.reasons.insert(id, reason),
        }
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
            Kind::Void => Ok(Ty::VOID),
            Kind::Scalar(Scalar::Ptr | Scalar::FnPtr) => Ok(Ty::VOID_POINTER),
            Kind::Scalar(scalar) | Kind::Enum(scalar) => self.types.scalar(*scalar),
            Kind::Complex(part) => self.types.complex(*part),
            Kind::Vector(vector) => self.types.vector(vector.lane, vector.lanes),
            Kind::Array(array) => {
                let element = self.c_plain(&array.elem)?;
                self.types.array(element, array.len)
            }
            Kind::Record(record) => {
                let members = self.c_members(ty, |own, n| match record.fields().get(n) {
                    Some(field) => own.c_plain(field.ty()),
                    None => Err("it has no type".to_owned()),
                })?;
                let id = self.new_record("struct {..}".to_string(), false, None);
                self.records[id].1 = Progress::Done;
                (
                    self.types.records[id].members,
                    self.types.records[id].layout,
                ) = (members, Some(ty.clone()));
                Ok(self.types.named(TyKind::Record(id)))
            }
            _ => Err(format!("the language has no type that is C's `{ty}`")),
        }
    }
}

/// What a type is that was left out, or why: a typedef of something incomplete is as opaque as that.
fn skipped(import: &Import, name: &str) -> Option<Result<Written, String>> {
    let header = &import.header;
    if header.incomplete.iter().any(|known| known == name) {
        return Some(Ok(Written::Named(name.to_string())));
    }
    let found = header.skipped.iter().find(|skipped| skipped.name == name);
    match &found.filter(|_| header.prototype(name).is_none())?.reason {
        Reason::Incomplete(tag) => Some(Ok(Written::Named(tag.clone()))),
        reason => Some(Err(reason.to_string())),
    }
}

fn refusal(import: &Import, name: &str, why: &str, span: Span) -> Diagnostic {
    let message = format!("`{name}` of `{}` cannot be used: {why}", import.name);
    Diagnostic::new(span, message).other(import.span, "the header is used here")
}
