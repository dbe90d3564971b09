//! Types as written, made types of the program.

use super::{Check, Checker, LazyItem, Meaning, spoilt};
use crate::ast::{Convention, Expr, Ident, TypeExpr, TypeKind};
use crate::diag::{At, Diagnostic, Span, fail};
use crate::types::{FnTy, Ty, TyKind, scalar_named};
use cabi::{BoolVector, DataModel, Kind, Scalar, Type};

/// Whether `name` is a type's without any declaration.
pub(super) fn is_builtin(name: &str, model: &DataModel) -> bool {
    matches!(name, "void" | "va_list" | "win64_va_list")
        || scalar_named(name, model).is_some()
        || vector_named(name, model).is_some()
}

/// `f32x4` and the like: a scalar's name, `x`, the number of lanes.
fn vector_named(name: &str, model: &DataModel) -> Option<(Scalar, u16)> {
    let (scalar, lanes) = name.rsplit_once('x')?;
    let plain = lanes.bytes().all(|b| b.is_ascii_digit()) && !lanes.starts_with('0');
    let lanes = lanes.parse().ok().filter(|_| plain)?;
    let scalar = scalar_named(scalar, model)
        .filter(|_| !scalar.starts_with("c_") && !scalar.ends_with("size"))?;
    Some((scalar, lanes))
}

impl<'p> Checker<'p> {
    /// The type of something that is an object: a variable, a member, an element.
    pub(super) fn object_ty(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        let ty = self.ty(expr)?;
        self.object(ty, expr.span)
    }

    /// `ty`, if objects can have it.
    pub(super) fn object(&mut self, ty: Ty, span: Span) -> Check<Ty> {
        if let &TyKind::Record(id) = self.types.kind(ty) {
            self.lay_out(id)?;
            let opaque = self.records[id.0]
                .1
                .is_none_or(|decl| decl.members.is_none());
            if self.types.layout(ty).is_none() && !opaque {
                return spoilt(span);
            }
        }
        let name = || self.types.name(ty);
        let message = match self.types.kind(ty) {
            TyKind::Void | TyKind::Never => format!("there are no values of type `{}`", name()),
            TyKind::Array(_, None) => {
                "only the last member of a struct can be a flexible array".to_string()
            }
            _ if self.types.layout(ty).is_none() => match self.c_reason(ty) {
                Some(why) => format!("`{}` cannot be used: {why}", name()),
                None => format!("`{}` is opaque: only pointers to it exist", name()),
            },
            _ => return Ok(ty),
        };
        fail(span, message)
    }

    /// The type of a parameter: arrays are pointers, as in C.
    pub(super) fn param_ty(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        let ty = self.ty(expr)?;
        match *self.types.kind(ty) {
            TyKind::Array(element, _) => self.types.pointer(element).at(expr.span),
            _ => self.object(ty, expr.span),
        }
    }

    pub(super) fn result_ty(&mut self, expr: Option<&'p TypeExpr>) -> Check<Ty> {
        let Some(expr) = expr else {
            return Ok(Ty::VOID);
        };
        let ty = self.ty(expr)?;
        if matches!(ty, Ty::VOID | Ty::NEVER) {
            return Ok(ty);
        }
        if matches!(self.types.kind(ty), TyKind::Array(..)) {
            return Err(
                Diagnostic::new(expr.span, "a function cannot return an array")
                    .note("return a struct that holds it, or a pointer"),
            );
        }
        self.object(ty, expr.span)
    }

    pub(super) fn ty(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        self.enter(expr.span)?;
        let ty = self.ty_inside(expr);
        self.leave();
        ty
    }

    fn ty_inside(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        let span = expr.span;
        let spelled = |why: String| Diagnostic::new(span, why);
        match &expr.kind {
            TypeKind::Name(name) => self.named_ty(name, span),
            TypeKind::Never => Ok(Ty::NEVER),
            TypeKind::Pointer(to) => {
                let to = self.ty(to)?;
                self.types.pointer(to).at(span)
            }
            TypeKind::Fn {
                params,
                variadic,
                convention,
                result,
            } => self.fn_ty(params, (*variadic, *convention), result.as_deref(), span),
            TypeKind::Array(element, len) => {
                let element = self.object_ty(element)?;
                let len = match len {
                    Some(len) => Some(self.count(len, "an array's length")?),
                    None => None,
                };
                self.types.array(element, len).map_err(spelled)
            }
            TypeKind::Complex(part) => {
                let part = self.part(part, "complex number")?;
                self.types.complex(part).map_err(spelled)
            }
            TypeKind::Vector(element, lanes, flavour) => {
                self.vector_ty(element, lanes, flavour.as_ref(), span)
            }
            TypeKind::BitInt { signed, bits } => {
                let bits = self.small_count(bits, "an integer's number of bits")?;
                let signed = *signed;
                let scalar = Scalar::BitInt { bits, signed };
                self.types.scalar(scalar).map_err(spelled)
            }
            TypeKind::Record(record) => {
                let id = self.add_record(record);
                self.lay_out(id)?;
                Ok(self.types.record(id))
            }
        }
    }

    fn fn_ty(
        &mut self,
        params: &'p [TypeExpr],
        (variadic, convention): (bool, Convention),
        result: Option<&'p TypeExpr>,
        span: Span,
    ) -> Check<Ty> {
        let params = params.iter().map(|param| self.param_or_opaque(param));
        let params = params.collect::<Check<Vec<_>>>()?;
        let result = result.map_or(Ok(Ty::VOID), |result| self.ty(result))?;
        let convention = self.convention(Some(convention), span)?;
        let function = FnTy {
            params,
            variadic,
            convention,
            result,
        };
        self.types.function(function).at(span)
    }

    /// Refuses a convention that the target does not have.
    pub(super) fn convention(
        &self,
        convention: Option<Convention>,
        span: Span,
    ) -> Check<Convention> {
        let convention = convention.unwrap_or_default();
        let target = &self.types.target;
        if convention == Convention::C || target.name().starts_with("x86_64") {
            return Ok(convention);
        }
        let mut named = Convention::NAMED.iter();
        let name = named.find_map(|(name, own)| (*own == convention).then_some(*name));
        let message = format!(
            "{} has no functions `extern {:?}`",
            target.name(),
            name.unwrap_or("")
        );
        fail(span, message)
    }

    fn vector_ty(
        &mut self,
        element: &'p TypeExpr,
        lanes: &'p Expr,
        flavour: Option<&Ident>,
        span: Span,
    ) -> Check<Ty> {
        let spelled = |why: String| Diagnostic::new(span, why);
        let lane = self.part(element, "vector")?;
        let lanes = self.small_count(lanes, "a vector's number of lanes")?;
        let flavour = match flavour {
            Some(name) => Some(bool_flavour(lane, name)?),
            None => None,
        };
        self.types.vector(lane, lanes, flavour).map_err(spelled)
    }

    /// A function pointer's parameter may be a record that is not complete yet: nothing is passed here.
    fn param_or_opaque(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        let ty = self.ty(expr)?;
        match *self.types.kind(ty) {
            TyKind::Array(element, _) => self.types.pointer(element).at(expr.span),
            TyKind::Record(_) => Ok(ty),
            _ => self.object(ty, expr.span),
        }
    }

    pub(super) fn named_ty(&mut self, name: &str, span: Span) -> Check<Ty> {
        let unknown = |why: String| Diagnostic::new(span, why);
        if name == "void" {
            return Ok(Ty::VOID);
        }
        if name == "va_list" {
            return self.va_list(Convention::C, span);
        }
        if name == "win64_va_list" {
            return self.va_list(Convention::Win64, span);
        }
        if let Some(scalar) = scalar_named(name, self.types.model()) {
            return self.types.scalar(scalar).map_err(unknown);
        }
        if let Some((lane, lanes)) = vector_named(name, self.types.model()) {
            return self.types.vector(lane, lanes, None).map_err(unknown);
        }
        match self.find_type(name, span)? {
            Some(Meaning::CAlias(ty)) => Ok(ty),
            Some(Meaning::Record(id)) => Ok(self.types.record(id)),
            Some(Meaning::Enum(id)) => {
                self.number_variants(id)?;
                Ok(self.types.enumeration(id))
            }
            Some(Meaning::Lazy(at)) if matches!(self.lazy[at].item, LazyItem::Alias(_)) => {
                self.resolve_lazy(at)?;
                Ok(self.lazy[at].ty)
            }
            Some(_) => Err(unknown(format!("`{name}` is not a type"))),
            None => Err(unknown(format!("there is no type `{name}`"))),
        }
    }

    /// `va_list`: as in C an array of one struct, so that it is passed by its address. That of Windows, which is a pointer, is passed as it is.
    pub(super) fn va_list(&mut self, convention: Convention, span: Span) -> Check<Ty> {
        let layout = match convention {
            Convention::Win64 => Type::PTR,
            _ => self
                .types
                .target
                .va_list()
                .map_err(|why| why.to_string())
                .at(span)?,
        };
        let (name, is_array) = match layout.kind() {
            Kind::Array(_) => ("__va_list_tag", true),
            Kind::Record(_) => ("__va_list", false),
            _ => ("__win64_va_list", false),
        };
        let Some(Meaning::Record(id)) = self.prelude(name) else {
            return spoilt(span);
        };
        self.lay_out(id)?;
        let tag = self.types.record(id);
        match is_array {
            false => Ok(tag),
            true => self.types.array(tag, Some(1)).at(span),
        }
    }

    /// The scalar that a complex number or vector is made of.
    fn part(&mut self, expr: &'p TypeExpr, whole: &str) -> Check<Scalar> {
        let ty = self.ty(expr)?;
        match self.types.kind(ty) {
            TyKind::Scalar(scalar) => Ok(*scalar),
            _ => {
                let message = format!("a {whole} cannot be made of `{}`", self.types.name(ty));
                fail(expr.span, message)
            }
        }
    }
}

fn bool_flavour(lane: Scalar, name: &Ident) -> Check<BoolVector> {
    let message = match &*name.name {
        _ if lane != Scalar::Bool => "only vectors of bools have flavours".to_string(),
        "clang" => return Ok(BoolVector::Clang),
        "zig" => return Ok(BoolVector::Zig),
        other => format!("vectors of bools are `clang`'s or `zig`'s, not `{other}`'s"),
    };
    fail(name.span, message)
}
