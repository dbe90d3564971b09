//! Names from C headers. They come after the program's own, and each is looked into when it is first used: a header may be full of what
//! the language does not have, as long as the program does not name it. C's types become the program's in `header/ty.rs`.

mod ty;

use super::{Check, Checker, Meaning, Side, Wanted};
use crate::ast::Convention;
use crate::diag::{Diagnostic, Span};
use crate::header::Import;
use crate::typed::{Expr, ExprKind, FnId, Function, Origin};
use crate::types::{FnTy, IntTy, RecordId, Ty, TyKind};
use cabi::{Kind, Type, VectorLevel};
use cabi_header::{Prototype, Reason, Skipped, Written};
use std::collections::HashMap;
use std::rc::Rc;

/// How C distinguishes the names of types, in the order in which they are looked for.
const SPACES: [&str; 4] = ["", "struct ", "union ", "enum "];

/// What has been taken from the headers so far.
#[derive(Default)]
pub(super) struct Taken {
    functions: HashMap<Rc<str>, FnId>,
    /// Records and enums by their C names, with the header that each is from.
    types: HashMap<String, Vec<(usize, Ty)>>,
    /// Records whose members are to be looked into.
    pending: Vec<(usize, String, RecordId)>,
    /// Why a record has no layout.
    reasons: HashMap<RecordId, String>,
}

impl<'p> Checker<'p> {
    pub(super) fn find_type(&mut self, name: &str, span: Span) -> Check<Option<Meaning>> {
        match self.find(name) {
            Some(named) => Ok(Some(named.meaning)),
            None => self.c_type(name, span),
        }
    }

    pub(super) fn find_value(&mut self, name: &str, span: Span) -> Check<Option<Meaning>> {
        if let Some(named) = self.find(name) {
            return Ok(Some(named.meaning));
        }
        match self.c_value(name, span)? {
            Some(meaning) => Ok(Some(meaning)),
            // A type where a value is wanted.
            None => self.c_type(name, span),
        }
    }

    /// A constant of C behaves like a literal: it takes the type that is wanted of it, if that can hold it.
    pub(super) fn c_constant(&self, ty: Ty, value: i128, want: Wanted) -> Expr {
        let Wanted { span, expected } = want;
        let holds = |wanted: &Ty| {
            if let TyKind::Enum(id) = self.types.kind(*wanted) {
                let variants = &self.types.enums[id.0].variants;
                let mut values = variants.iter().map(|(_, value)| *value);
                return *wanted == ty || values.any(|known| known == value.cast_unsigned());
            }
            let scalar = self.types.as_scalar(*wanted).and_then(IntTy::of);
            scalar.is_some_and(|int| int.wrap(value.cast_unsigned()) == value.cast_unsigned())
        };
        Expr::new(
            expected.filter(holds).unwrap_or(ty),
            span,
            ExprKind::Bits(value.cast_unsigned()),
        )
    }

    /// Why there is no value of the record, if a header says so.
    pub(super) fn c_reason(&self, ty: Ty) -> Option<&str> {
        match self.types.kind(ty) {
            TyKind::Record(id) => self.taken.reasons.get(id).map(String::as_str),
            _ => None,
        }
    }

    fn c_type(&mut self, name: &str, span: Span) -> Check<Option<Meaning>> {
        if self.side != Side::User {
            return Ok(None);
        }
        for (at, import) in self.imports.iter().enumerate() {
            let mut spelled = SPACES.iter().map(|space| format!("{space}{name}"));
            let found = spelled.find_map(|spelled| {
                let (written, layout) = match import.written(&spelled) {
                    Some((written, layout)) => (written, Some(layout)),
                    None => (skipped_type(import, &spelled)?, None),
                };
                Some((spelled, written, layout))
            });
            let Some((spelled, written, layout)) = found else {
                continue;
            };
            if let (None, Some(reason)) = (layout, import.header.reason(&spelled))
                && !matches!(reason, Reason::Incomplete(_))
            {
                return Err(refusal(import, name, &reason.to_string(), span));
            }
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
        Ok(None)
    }

    fn c_value(&mut self, name: &str, span: Span) -> Check<Option<Meaning>> {
        if self.side != Side::User {
            return Ok(None);
        }
        if let Some(&id) = self.taken.functions.get(name) {
            return Ok(Some(Meaning::Function(id)));
        }
        for (at, import) in self.imports.iter().enumerate() {
            if let Some(prototype) = import.header.prototype(name) {
                let function = self.c_function(at, prototype);
                self.fill_pending();
                let ty = function.map_err(|why| refusal(import, name, &why, span))?;
                return Ok(Some(Meaning::Function(
                    self.add_c_function(import, prototype, ty),
                )));
            }
            if import.header.overloads(name).next().is_some() {
                let why = "several functions have this name";
                return Err(refusal(import, name, why, span));
            }
            if let Some(constant) = import.header.constant(name) {
                let ty = if constant.enumeration.is_empty() {
                    self.c_plain(&constant.ty)
                } else {
                    self.c_ty(at, &Written::Named(constant.enumeration.clone()), true)
                };
                self.fill_pending();
                let ty = ty.map_err(|why| refusal(import, name, &why, span))?;
                return Ok(Some(Meaning::CConstant(ty, constant.value)));
            }
            let mut skipped = import
                .header
                .skipped
                .iter()
                .chain(&import.header.other_macros);
            if let Some(Skipped { reason, .. }) = skipped.find(|skipped| skipped.name == name)
                && !matches!(reason, Reason::Incomplete(_))
            {
                return Err(refusal(import, name, &reason.to_string(), span));
            }
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
        for (n, (written, (_, layout))) in prototype
            .written_params
            .iter()
            .zip(&prototype.params)
            .enumerate()
        {
            let ty = self.c_ty(at, written, true);
            let ty = self.same(ty, Some(layout));
            params.push(ty.map_err(|why| format!("parameter {}: {why}", n + 1))?);
        }
        let result = if prototype.noreturn {
            Ty::NEVER
        } else {
            let ty = self.c_ty(at, &prototype.written_ret, true);
            let layout = Some(&prototype.ret).filter(|ret| *ret.kind() != Kind::Void);
            self.same(ty, layout)
                .map_err(|why| format!("result: {why}"))?
        };
        self.types.function(FnTy {
            params,
            variadic: prototype.variadic || prototype.unprototyped,
            convention: Convention::C,
            result,
        })
    }

    fn add_c_function(&mut self, import: &Import, prototype: &Prototype, ty: Ty) -> FnId {
        let id = FnId(self.functions.len());
        let name: Rc<str> = prototype.name.as_str().into();
        let param_names = prototype
            .params
            .iter()
            .map(|(name, _)| name.as_deref().unwrap_or("_").into())
            .collect();
        self.functions.push(Function {
            name: Rc::clone(&name),
            span: Some(import.span),
            ty,
            origin: Origin::Extern {
                library: import.library.clone(),
                symbol: prototype.symbol.as_str().into(),
            },
            param_names,
            for_c: false,
            n_pointers: 0,
        });
        self.taken.functions.insert(name, id);
        id
    }

    /// `ty`, if it is laid out as C has it: an alignment or `_Atomic` of a typedef has no name in the language.
    fn same(&self, ty: Result<Ty, String>, layout: Option<&Type>) -> Result<Ty, String> {
        let ty = ty?;
        match (self.types.layout(ty), layout) {
            (None, Some(_)) => match self.c_reason(ty) {
                Some(reason) => Err(reason.to_string()),
                None => Ok(ty),
            },
            (Some(ours), Some(c)) if ours != c => {
                let atomic = if c.is_atomic() { "_Atomic " } else { "" };
                let aligned = if c.align() == ours.align() {
                    String::new()
                } else {
                    format!(" aligned to {} bytes", c.align())
                };
                Err(format!(
                    "the language has no type that is C's `{atomic}{c}`{aligned}"
                ))
            }
            _ => Ok(ty),
        }
    }
}

/// What a type is that was left out: a typedef of something incomplete is as opaque as that.
fn skipped_type(import: &Import, name: &str) -> Option<Written> {
    if import.header.incomplete.iter().any(|known| known == name) {
        return Some(Written::Named(name.to_string()));
    }
    let mut skipped = import.header.skipped.iter();
    let found =
        skipped.find(|skipped| skipped.name == name && import.header.prototype(name).is_none())?;
    Some(match &found.reason {
        Reason::Incomplete(tag) => Written::Named(tag.clone()),
        _ => Written::Named(name.to_string()),
    })
}

fn refusal(import: &Import, name: &str, why: &str, span: Span) -> Diagnostic {
    let header = &import.name;
    Diagnostic::new(
        span,
        format!("`{name}` of `{header}` cannot be used: {why}"),
    )
    .other(import.span, "the header is used here")
}
