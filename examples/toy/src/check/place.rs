//! Places: what can be read, written, and pointed to.

use super::{Check, Checker, Meaning, Wanted, spoilt};
use crate::ast::{self, UnaryOp};
use crate::diag::{At, Diagnostic, Span, fail};
use crate::typed::{Expr, ExprKind, LocalId, Place, PlaceKind};
use crate::types::{RecordId, Ty, TyKind};
use cabi::Scalar;

impl<'p> Checker<'p> {
    /// The place an expression names; a value that has none gets a temporary one.
    pub(super) fn place(&mut self, expr: &'p ast::Expr) -> Check<Place> {
        self.enter(expr.span)?;
        let place = match &expr.kind {
            ast::ExprKind::Name(name) => match self.local(name) {
                Some(id) if self.frame.body.locals[id.0].function.is_none() => {
                    self.local_place(id, expr.span)
                }
                _ => self.temporary(expr),
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
        Ok(Place::new(value.ty, PlaceKind::Temporary(Box::new(value))))
    }

    pub(super) fn local_place(&self, id: LocalId, span: Span) -> Check<Place> {
        match self.frame.body.locals[id.0].ty {
            Ty::ERROR => spoilt(span),
            ty => Ok(Place::new(ty, PlaceKind::Local(id))),
        }
    }

    /// `*pointer`
    pub(super) fn pointed(&mut self, pointer: Expr) -> Check<Place> {
        let pointer = self.decay(pointer)?;
        let span = pointer.span;
        let Some(to) = self.types.pointee(pointer.ty) else {
            let message = format!("`*` needs a pointer, not `{}`", self.types.name(pointer.ty));
            return fail(span, message);
        };
        self.complete(to, span)?;
        Ok(Place::new(to, PlaceKind::Deref(Box::new(pointer))))
    }

    /// Refuses what has no size.
    pub(super) fn complete(&self, ty: Ty, span: Span) -> Check<()> {
        if self.types.layout(ty).is_some() {
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

    /// `base[index]`: of an array, a vector, or through a pointer.
    fn indexed(&mut self, base: &'p ast::Expr, index: &'p ast::Expr) -> Check<Place> {
        let base_place = self.place(base)?;
        let index = self.expr(index, None)?;
        if self.types.as_int(index.ty).is_none() {
            let name = self.types.name(index.ty);
            let message = format!("an index is an integer, not `{name}`");
            return fail(index.span, message);
        }
        let (element, len) = match *self.types.kind(base_place.ty) {
            TyKind::Array(element, len) => (element, len),
            TyKind::Vector(lane, lanes, _) => (self.types.scalar_ty(lane), Some(lanes.into())),
            TyKind::Pointer(_) => {
                let pointer = self.load(base_place, base.span)?;
                let moved = self.offset(pointer, index, false, base.span)?;
                return self.pointed(moved);
            }
            _ => {
                let message = format!("`{}` has no elements", self.types.name(base_place.ty));
                return fail(base.span, message);
            }
        };
        // A constant index is checked here and now; others are as in C.
        if let (Some(value), Some(len)) = (self.fold(&index), len)
            && value >= u128::from(len)
        {
            let (value, name) = (value.cast_signed(), self.types.name(base_place.ty));
            let message = format!("index {value} is outside of `{name}`");
            return fail(index.span, message);
        }
        if !matches!(index.kind, ExprKind::Bits(_)) {
            self.keep_in_memory(&base_place);
        }
        let kind = PlaceKind::Element(Box::new(base_place), Box::new(index));
        Ok(Place::new(element, kind))
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
                Some((path, ty)) => Ok(Place::new(ty, PlaceKind::Member(Box::new(place), path))),
                None => {
                    let message = format!("`{}` has no member `{name}`", self.types.name(place.ty));
                    fail(member.span, message)
                }
            },
            TyKind::Complex(part) if name == "re" || name == "im" => {
                let ty = self.types.scalar_ty(part);
                let place = Box::new(place);
                let kind = if name == "re" {
                    PlaceKind::Real(place)
                } else {
                    PlaceKind::Imaginary(place)
                };
                Ok(Place::new(ty, kind))
            }
            _ => {
                let message = format!("`{}` has no members", self.types.name(place.ty));
                fail(base.span, message)
            }
        }
    }

    /// The way to a member, through anonymous members too.
    pub(super) fn member(&self, id: RecordId, name: &str) -> Option<(Vec<usize>, Ty)> {
        let record = &self.types.records[id.0];
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
            _ => Ok(Expr::new(ty, span, ExprKind::Load(Box::new(place)))),
        }
    }

    /// `&place`
    pub(super) fn address_of(&mut self, expr: &'p ast::Expr, span: Span) -> Check<Expr> {
        let place = self.place(expr)?;
        if self.types.as_fn(place.ty).is_some() && matches!(place.kind, PlaceKind::Temporary(_)) {
            // `&f` of a function is `f`, as in C.
            return self.load(place, span);
        }
        self.writable(&place, expr.span, "pointed to")?;
        if let Some(what) = self.unaddressable(&place) {
            return fail(expr.span, format!("there are no pointers to {what}"));
        }
        let ty = place.ty;
        self.point(place, ty, span)
    }

    /// A pointer to `target` at `place`.
    pub(super) fn point(&mut self, place: Place, target: Ty, span: Span) -> Check<Expr> {
        self.keep_in_memory(&place);
        self.frame.body.has_pointers |= !matches!(place.root().kind, PlaceKind::Deref(_));
        let ty = self.types.pointer(target).at(span)?;
        Ok(Expr::new(ty, span, ExprKind::AddressOf(Box::new(place))))
    }

    fn keep_in_memory(&mut self, place: &Place) {
        if let PlaceKind::Local(id) = place.root().kind {
            self.frame.body.locals[id.0].addressed = true;
        }
    }

    /// Refuses places inside values that nothing else refers to.
    pub(super) fn writable(&self, place: &Place, span: Span, action: &str) -> Check<()> {
        if !matches!(place.root().kind, PlaceKind::Temporary(_)) {
            return Ok(());
        }
        let message = format!("a value without a name cannot be {action}");
        Err(Diagnostic::new(span, message).note("put it into a variable first"))
    }

    /// What the place is, if it does not begin at a byte of its own.
    fn unaddressable(&self, place: &Place) -> Option<&'static str> {
        match &place.kind {
            PlaceKind::Element(base, _) => match self.types.kind(base.ty) {
                TyKind::Vector(Scalar::Bool, ..) => Some("a lane of a vector of bools"),
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
    pub(super) fn item_value(&mut self, name: &str, want: Wanted) -> Check<Expr> {
        let span = want.span;
        match self.find_value(name, span)? {
            Some(Meaning::CConstant(ty, value)) => return Ok(self.c_constant(ty, value, want)),
            Some(Meaning::Function(id)) => {
                let function = &mut self.functions[id.0];
                function.n_pointers += 1;
                return match function.ty {
                    // Its declaration is wrong, or a constant wants it before it is declared.
                    Ty::ERROR => Err(self.no_constant(span).consequence()),
                    ty => Ok(Expr::new(ty, span, ExprKind::Function(id))),
                };
            }
            Some(Meaning::Lazy(at)) => {
                self.resolve_lazy(at)?;
                let lazy = &self.lazy[at];
                if let super::LazyItem::Const(..) = lazy.item {
                    return Ok(Expr::new(lazy.ty, span, ExprKind::Bits(lazy.bits)));
                }
            }
            Some(Meaning::Record(_) | Meaning::Enum(_) | Meaning::CAlias(_)) => {}
            None if super::ty::is_builtin(name, self.types.model()) => {}
            None => return fail(span, format!("there is nothing called `{name}`")),
        }
        fail(span, format!("`{name}` is a type, not a value"))
    }
}
