//! Places: what can be read, written, and pointed to.

use super::{Check, Checker, Meaning};
use crate::ast::{self, UnaryOp};
use crate::diag::{Diagnostic, Span};
use crate::typed::{Expr, ExprKind, LocalId, Place, PlaceKind};
use crate::types::{RecordId, Ty, TyKind};
use cabi::Scalar;

impl<'p> Checker<'p> {
    /// The place an expression names; a value that has none gets a temporary one.
    pub(super) fn place(&mut self, expr: &'p ast::Expr) -> Check<Place> {
        self.enter(expr.span)?;
        let place = match &expr.kind {
            ast::ExprKind::Name(name) => match self.local(name) {
                Some(id) => Ok(self.local_place(id)),
                None => self.temporary(expr),
            },
            ast::ExprKind::Unary(UnaryOp::Deref, pointer) => {
                let pointer = self.expr(pointer, None)?;
                self.pointed(pointer)
            }
            ast::ExprKind::Index(base, index) => self.indexed(base, index),
            ast::ExprKind::Field(base, member) => self.field(base, member),
            _ => self.temporary(expr),
        };
        self.leave();
        place
    }

    fn temporary(&mut self, expr: &'p ast::Expr) -> Check<Place> {
        let value = self.expr(expr, None)?;
        Ok(Place {
            ty: value.ty,
            kind: PlaceKind::Temporary(Box::new(value)),
        })
    }

    pub(super) fn local(&self, name: &str) -> Option<LocalId> {
        self.scopes
            .iter()
            .rev()
            .find_map(|scope| scope.get(name))
            .copied()
    }

    pub(super) fn local_place(&self, id: LocalId) -> Place {
        let ty = self
            .body
            .locals
            .get(id.0)
            .map_or(Ty::ERROR, |local| local.ty);
        Place {
            ty,
            kind: PlaceKind::Local(id),
        }
    }

    /// `*pointer`
    pub(super) fn pointed(&mut self, pointer: Expr) -> Check<Place> {
        let pointer = self.decay(pointer)?;
        let span = pointer.span;
        let Some(to) = self.types.pointee(pointer.ty) else {
            if pointer.ty == Ty::ERROR {
                return Ok(error_place(span));
            }
            let message = format!("`*` needs a pointer, not `{}`", self.types.name(pointer.ty));
            return Err(Diagnostic::new(span, message));
        };
        self.complete(to, span)?;
        Ok(Place {
            ty: to,
            kind: PlaceKind::Deref(Box::new(pointer)),
        })
    }

    /// Refuses what has no size.
    pub(super) fn complete(&self, ty: Ty, span: Span) -> Check<()> {
        if ty == Ty::ERROR || self.types.layout(ty).is_some() {
            return Ok(());
        }
        let name = self.types.name(ty);
        let message = match ty {
            Ty::VOID => "a `*void` points to nothing of a known size".to_string(),
            _ => match self.c_reason(ty) {
                Some(why) => format!("`{name}` cannot be used: {why}"),
                None => format!("`{name}` is opaque: its size is not known"),
            },
        };
        Err(Diagnostic::new(span, message).note("cast the pointer first: `p as *T`"))
    }

    /// `base[index]`: of an array, a vector, or behind a pointer.
    fn indexed(&mut self, base: &'p ast::Expr, index: &'p ast::Expr) -> Check<Place> {
        let base_place = self.place(base)?;
        let index = self.expr(index, None)?;
        if self.types.as_int(index.ty).is_none() && index.ty != Ty::ERROR {
            let message = format!(
                "an index is an integer, not `{}`",
                self.types.name(index.ty)
            );
            return Err(Diagnostic::new(index.span, message));
        }
        match *self.types.kind(base_place.ty) {
            TyKind::Array { element, len } => {
                if let Some(len) = len {
                    self.in_range(&index, len, "the array has")?;
                }
                let kind = PlaceKind::Element(Box::new(base_place), Box::new(index));
                Ok(Place { ty: element, kind })
            }
            TyKind::Vector { lane, lanes, .. } => {
                self.in_range(&index, u64::from(lanes), "the vector has")?;
                let ty = self
                    .types
                    .scalar(lane)
                    .map_err(|why| Diagnostic::new(base.span, why))?;
                Ok(Place {
                    ty,
                    kind: PlaceKind::Lane(Box::new(base_place), Box::new(index)),
                })
            }
            TyKind::Pointer(_) => {
                let pointer = self.load(base_place, base.span)?;
                let moved = self.offset(pointer, index, false, base.span)?;
                self.pointed(moved)
            }
            TyKind::Error => Ok(error_place(base.span)),
            _ => {
                let message = format!("`{}` has no elements", self.types.name(base_place.ty));
                Err(Diagnostic::new(base.span, message))
            }
        }
    }

    /// A constant index is checked here and now; others are as in C.
    fn in_range(&self, index: &Expr, len: u64, what: &str) -> Check<()> {
        let Some(value) = self.fold(index) else {
            return Ok(());
        };
        if value < u128::from(len) {
            return Ok(());
        }
        let message = format!(
            "index {} is outside: {what} {len} elements",
            value.cast_signed()
        );
        Err(Diagnostic::new(index.span, message))
    }

    /// `base.member`, through a pointer too.
    fn field(&mut self, base: &'p ast::Expr, member: &ast::Ident) -> Check<Place> {
        let mut place = self.place(base)?;
        if self.types.pointee(place.ty).is_some() {
            let pointer = self.load(place, base.span)?;
            place = self.pointed(pointer)?;
        }
        let name = &*member.name;
        match *self.types.kind(place.ty) {
            TyKind::Record(id) => match self.member(id, name) {
                Some((path, ty)) => Ok(Place {
                    ty,
                    kind: PlaceKind::Member(Box::new(place), path),
                }),
                None => {
                    let message = format!("`{}` has no member `{name}`", self.types.name(place.ty));
                    Err(Diagnostic::new(member.span, message))
                }
            },
            TyKind::Complex(part) if name == "re" || name == "im" => {
                let ty = self
                    .types
                    .scalar(part)
                    .map_err(|why| Diagnostic::new(base.span, why))?;
                let place = Box::new(place);
                let kind = if name == "re" {
                    PlaceKind::Real(place)
                } else {
                    PlaceKind::Imaginary(place)
                };
                Ok(Place { ty, kind })
            }
            TyKind::Error => Ok(error_place(base.span)),
            _ => {
                let message = format!("`{}` has no members", self.types.name(place.ty));
                Err(Diagnostic::new(base.span, message))
            }
        }
    }

    /// The way to a member, through anonymous members too.
    pub(super) fn member(&self, id: RecordId, name: &str) -> Option<(Vec<usize>, Ty)> {
        let record = self.types.records.get(id.0)?;
        for (at, member) in record.members.iter().enumerate() {
            match (&member.name, self.types.kind(member.ty)) {
                (Some(own), _) if **own == *name => return Some((vec![at], member.ty)),
                (None, TyKind::Record(inner)) => {
                    if let Some((mut path, ty)) = self.member(*inner, name) {
                        path.insert(0, at);
                        return Some((path, ty));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// What the place holds.
    pub(super) fn load(&self, place: Place, span: Span) -> Check<Expr> {
        let ty = place.ty;
        match place.kind {
            PlaceKind::Temporary(value) => Ok(*value),
            _ => Ok(Expr {
                ty,
                span,
                kind: ExprKind::Load(Box::new(place)),
            }),
        }
    }

    /// `&place`
    pub(super) fn address_of(&mut self, expr: &'p ast::Expr, span: Span) -> Check<Expr> {
        let place = self.place(expr)?;
        if place.ty == Ty::ERROR {
            return Ok(error_expr(span));
        }
        if self.types.as_fn(place.ty).is_some() && matches!(place.kind, PlaceKind::Temporary(_)) {
            // `&f` of a function is `f`, as in C.
            return self.load(place, span);
        }
        self.writable(&place, expr.span, "pointed to")?;
        if let Some(what) = self.unaddressable(&place) {
            return Err(Diagnostic::new(
                expr.span,
                format!("there are no pointers to {what}"),
            ));
        }
        let ty = place.ty;
        self.point(place, ty, span)
    }

    /// A pointer to `target` at `place`.
    pub(super) fn point(&mut self, place: Place, target: Ty, span: Span) -> Check<Expr> {
        self.mark_addressed(&place);
        let ty = self
            .types
            .pointer(target)
            .map_err(|why| Diagnostic::new(span, why))?;
        Ok(Expr {
            ty,
            span,
            kind: ExprKind::AddressOf(Box::new(place)),
        })
    }

    fn mark_addressed(&mut self, place: &Place) {
        let mut place = place;
        loop {
            match &place.kind {
                PlaceKind::Local(id) => {
                    if let Some(local) = self.body.locals.get_mut(id.0) {
                        local.addressed = true;
                    }
                    return;
                }
                PlaceKind::Deref(_) | PlaceKind::Temporary(_) => return,
                PlaceKind::Member(base, _)
                | PlaceKind::Element(base, _)
                | PlaceKind::Lane(base, _)
                | PlaceKind::Real(base)
                | PlaceKind::Imaginary(base) => place = base,
            }
        }
    }

    /// Refuses places inside values that nothing else refers to.
    pub(super) fn writable(&self, place: &Place, span: Span, verb: &str) -> Check<()> {
        let mut inner = place;
        loop {
            match &inner.kind {
                PlaceKind::Local(_) | PlaceKind::Deref(_) => return Ok(()),
                PlaceKind::Temporary(_) => {
                    return Err(Diagnostic::new(
                        span,
                        format!("a value without a name cannot be {verb}"),
                    )
                    .note("put it into a variable first"));
                }
                PlaceKind::Member(base, _)
                | PlaceKind::Element(base, _)
                | PlaceKind::Lane(base, _)
                | PlaceKind::Real(base)
                | PlaceKind::Imaginary(base) => inner = base,
            }
        }
    }

    /// What the place is, if it does not begin at a byte of its own.
    fn unaddressable(&self, place: &Place) -> Option<&'static str> {
        match &place.kind {
            PlaceKind::Lane(base, _) => match self.types.kind(base.ty) {
                TyKind::Vector {
                    lane: Scalar::Bool, ..
                } => Some("a lane of a vector of bools"),
                _ => None,
            },
            PlaceKind::Member(base, path) => {
                let mut layout = self.types.layout(base.ty)?.clone();
                let mut bits = false;
                for &at in path {
                    let field = layout.as_record()?.fields().get(at)?.clone();
                    bits = field.bit_field().is_some();
                    layout = field.ty().clone();
                }
                bits.then_some("a bit-field")
            }
            _ => None,
        }
    }

    /// A value for a name that is no variable: a function or a constant.
    pub(super) fn item_value(
        &mut self,
        name: &str,
        span: Span,
        expected: Option<Ty>,
    ) -> Check<Expr> {
        match self.find_value(name, span)? {
            Some(Meaning::CConstant(ty, value)) => Ok(self.c_constant(ty, value, span, expected)),
            Some(Meaning::Function(id)) => {
                let ty = self
                    .functions
                    .get(id.0)
                    .map_or(Ty::ERROR, |function| function.ty);
                Ok(Expr {
                    ty,
                    span,
                    kind: ExprKind::Function(id),
                })
            }
            Some(Meaning::Lazy(at)) => {
                self.resolve_lazy(at)?;
                let Some(lazy) = self.lazy.get(at) else {
                    return Ok(error_expr(span));
                };
                match lazy.item {
                    super::LazyItem::Const(..) => Ok(Expr {
                        ty: lazy.ty,
                        span,
                        kind: ExprKind::Bits(lazy.bits),
                    }),
                    super::LazyItem::Alias(_) => Err(Diagnostic::new(
                        span,
                        format!("`{name}` is a type, not a value"),
                    )),
                }
            }
            Some(Meaning::Record(_) | Meaning::Enum(_) | Meaning::CAlias(_)) => Err(
                Diagnostic::new(span, format!("`{name}` is a type, not a value")),
            ),
            None if super::ty::is_builtin(name) => Err(Diagnostic::new(
                span,
                format!("`{name}` is a type, not a value"),
            )),
            None => Err(Diagnostic::new(
                span,
                format!("there is nothing called `{name}`"),
            )),
        }
    }
}

pub(super) fn error_expr(span: Span) -> Expr {
    Expr {
        ty: Ty::ERROR,
        span,
        kind: ExprKind::Bits(0),
    }
}

fn error_place(span: Span) -> Place {
    Place {
        ty: Ty::ERROR,
        kind: PlaceKind::Temporary(Box::new(error_expr(span))),
    }
}
