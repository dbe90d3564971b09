//! Records, enums, aliases and constants: looked into when first needed, in any order.

use super::{Check, Checker, LazyItem, Progress, spoilt};
use crate::ast::{self, Attr, EnumDecl, Expr, RecordDecl, RecordKind};
use crate::diag::{Diagnostic, fail};
use crate::types::{EnumId, EnumTy, IntTy, MemberTy, RecordId, RecordTy, Ty, TyKind, Types, int};
use cabi::{Member, RecordBuilder, Type};
use std::collections::HashSet;
use std::rc::Rc;

const RECORD_ATTRS: &str = "`packed`, `packed(n)`, `align(n)` and `transparent`";
const MEMBER_ATTRS: &str = "`packed`, `align(n)` and `type_align(n)`";

impl<'p> Checker<'p> {
    pub(super) fn add_record(&mut self, decl: &'p RecordDecl) -> RecordId {
        let id = RecordId(self.records.len());
        let word = decl.kind.word();
        let name = decl
            .name
            .as_ref()
            .map_or_else(|| format!("{word} {{..}}"), |name| name.name.to_string());
        self.records.push((self.side, Some(decl), Progress::New));
        self.types.records.push(RecordTy {
            name,
            word,
            members: Vec::new(),
            layout: None,
        });
        id
    }

    pub(super) fn add_enum(&mut self, decl: &'p EnumDecl) -> EnumId {
        let id = EnumId(self.enums.len());
        self.enums.push((self.side, Some(decl), Progress::New));
        let name = decl.name.name.to_string();
        self.types.enums.push(EnumTy {
            name,
            scalar: int(32, false),
            layout: Type::U32,
            variants: Vec::new(),
        });
        id
    }

    /// Lays out a record, and those it contains. A record that contains itself is refused.
    pub(super) fn lay_out(&mut self, id: RecordId) -> Check<()> {
        let (side, Some(decl), progress) = &mut self.records[id.0] else {
            return Ok(());
        };
        let (side, decl) = (*side, *decl);
        let begun = progress.begin(|| {
            let name = &self.types.records[id.0].name;
            let message = format!("`{name}` contains itself");
            Diagnostic::new(decl.span, message).note("a pointer to itself is fine: `next: *name`")
        });
        if !begun? {
            return Ok(());
        }
        let result = self.look(side, decl.span, |checker| checker.record_layout(id, decl));
        self.records[id.0].2 = Progress::Done;
        result
    }

    fn record_layout(&mut self, id: RecordId, decl: &'p RecordDecl) -> Check<()> {
        let tag = decl.name.as_ref().map_or("", |name| &*name.name);
        let mut builder = match decl.kind {
            RecordKind::Struct => RecordBuilder::structure(tag),
            RecordKind::Union => RecordBuilder::union(tag),
        };
        for attr in &decl.attrs {
            builder = match (&*attr.name.name, &attr.value) {
                ("packed", None) => builder.packed(),
                ("packed", Some(value)) => builder.pack(self.alignment(value)?),
                ("align", Some(value)) => builder.aligned(self.alignment(value)?),
                ("transparent", None) => builder.transparent(),
                _ => return Err(bad_attr(attr, RECORD_ATTRS)),
            };
        }
        let Some(members) = &decl.members else {
            return Ok(());
        };
        let mut kept = Vec::new();
        for member in members {
            let ty = self.member_ty(&member.ty)?;
            let Some(layout) = self.types.layout(ty).cloned() else {
                return spoilt(member.span);
            };
            builder = builder.member(self.member_layout(member, layout)?);
            let name = member.name.as_ref().map(|name| Rc::clone(&name.name));
            kept.push(MemberTy { name, ty });
        }
        self.no_twins(decl, &kept)?;
        let layout = builder.build(self.types.model()).map_err(|error| {
            let span = blamed(members, &error).map_or(decl.span, |member| member.span);
            Diagnostic::new(span, error.to_string())
        })?;
        let record = &mut self.types.records[id.0];
        (record.members, record.layout) = (kept, Some(layout));
        Ok(())
    }

    /// A member as `cabi` takes it, with its attributes.
    fn member_layout(&mut self, member: &'p ast::Member, mut layout: Type) -> Check<Member> {
        let type_aligns = |attr: &&Attr| &*attr.name.name == "type_align";
        for attr in member.attrs.iter().filter(type_aligns) {
            let Some(value) = &attr.value else {
                return Err(bad_attr(attr, "`type_align(n)`"));
            };
            let align = self.alignment(value)?;
            let wrong = |error: cabi::Error| Diagnostic::new(attr.name.span, error.to_string());
            layout = layout.with_align(align).map_err(wrong)?;
        }
        let width = match &member.bits {
            Some(bits) => Some(self.small_count(bits, "a bit-field's width")?),
            None => None,
        };
        let name = member.name.as_ref().map(|name| &*name.name);
        let mut part = match (name, width) {
            (Some(name), Some(width)) => Member::bit_field(name, layout, width),
            (None, Some(width)) => Member::unnamed_bit_field(layout, width),
            (Some(name), None) => Member::named(name, layout),
            (None, None) => Member::anonymous(layout),
        };
        for attr in &member.attrs {
            part = match (&*attr.name.name, &attr.value) {
                ("packed", None) => part.packed(),
                ("align", Some(value)) => part.aligned(self.alignment(value)?),
                ("type_align", Some(_)) => part,
                _ => return Err(bad_attr(attr, MEMBER_ATTRS)),
            };
        }
        Ok(part)
    }

    /// A member's type; here an array may be flexible.
    fn member_ty(&mut self, expr: &'p ast::TypeExpr) -> Check<Ty> {
        let ty = self.ty(expr)?;
        match *self.types.kind(ty) {
            TyKind::Array(_, None) => Ok(ty),
            _ => self.object(ty, expr.span),
        }
    }

    /// No two members by one name, those of anonymous members included.
    fn no_twins(&self, decl: &RecordDecl, members: &[MemberTy]) -> Check<()> {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut queue: Vec<&MemberTy> = members.iter().collect();
        while let Some(member) = queue.pop() {
            match (&member.name, self.types.kind(member.ty)) {
                (Some(name), _) => {
                    if !seen.insert(name) {
                        let message = format!("two members are called `{name}`");
                        return fail(decl.span, message);
                    }
                }
                (None, TyKind::Record(id)) => {
                    queue.extend(&self.types.records[id.0].members);
                }
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// Gives an enum's variants their values, and the enum its integer type.
    pub(super) fn number_variants(&mut self, id: EnumId) -> Check<()> {
        let (side, Some(decl), progress) = &mut self.enums[id.0] else {
            return Ok(());
        };
        let (side, decl) = (*side, *decl);
        let begun = progress.begin(|| {
            let name = &decl.name.name;
            let message = format!("enum `{name}` needs its own values to have values");
            Diagnostic::new(decl.name.span, message)
        });
        if !begun? {
            return Ok(());
        }
        let span = decl.name.span;
        let result = self.look(side, span, |checker| checker.enum_values(id, decl));
        self.enums[id.0].2 = Progress::Done;
        result
    }

    fn enum_values(&mut self, id: EnumId, decl: &'p EnumDecl) -> Check<()> {
        let chosen = match &decl.underlying {
            Some(expr) => {
                let ty = self.ty(expr)?;
                if self.types.as_int(ty).is_none() {
                    let message = format!("an enum cannot be made of `{}`", self.types.name(ty));
                    return fail(expr.span, message);
                }
                Some(ty)
            }
            None => None,
        };
        let variants = self.variants(decl, chosen.unwrap_or(Ty::I64))?;
        let ty = match chosen {
            Some(ty) => ty,
            None => gcc_choice(decl, &variants)?,
        };
        let underlying = self.types.layout(ty).cloned().unwrap_or(Type::U32);
        let layout = Type::enumeration(&underlying).map_err(|error| {
            let chosen = decl.underlying.as_ref();
            let span = chosen.map_or(decl.name.span, |expr| expr.span);
            Diagnostic::new(span, error.to_string())
        })?;
        let scalar = self.types.as_scalar(ty).unwrap_or(int(32, false));
        self.types.enums[id.0] = EnumTy {
            name: decl.name.name.to_string(),
            scalar,
            layout,
            variants,
        };
        Ok(())
    }

    /// A variant without a value is one more than the one before.
    fn variants(&mut self, decl: &'p EnumDecl, ty: Ty) -> Check<Vec<(Rc<str>, u128)>> {
        let fits = |types: &Types, value| {
            let int = types.as_int(ty);
            int.is_none_or(|int| int.wrap(value) == value)
        };
        let mut next: u128 = 0;
        let mut seen = HashSet::new();
        let mut variants = Vec::new();
        for (name, value) in &decl.variants {
            if let Some(expr) = value {
                next = self.constant(expr, ty)?;
            } else if !fits(&self.types, next) {
                let message = format!("`{}` has no value left in its type", name.name);
                return fail(name.span, message);
            }
            if !seen.insert(&name.name) {
                let message = format!("two variants are called `{}`", name.name);
                return fail(name.span, message);
            }
            variants.push((Rc::clone(&name.name), next));
            next = next.wrapping_add(1);
        }
        Ok(variants)
    }

    /// Resolves an alias or a constant.
    pub(super) fn resolve_lazy(&mut self, at: usize) -> Check<()> {
        let lazy = &mut self.lazy[at];
        let (side, name) = (lazy.side, lazy.name);
        let message = || format!("`{}` is defined by itself", name.name);
        let begun = lazy
            .progress
            .begin(|| Diagnostic::new(name.span, message()));
        if !begun? {
            return match lazy.ty {
                Ty::ERROR => spoilt(name.span),
                _ => Ok(()),
            };
        }
        let (ty, value) = match lazy.item {
            LazyItem::Alias(ty) => (ty, None),
            LazyItem::Const(ty, value) => (ty, Some(value)),
        };
        // A constant does not see the variables of the function that mentions it.
        let frame = std::mem::take(&mut self.frame);
        let outer = std::mem::take(&mut self.outer);
        let result = self.look(side, name.span, |checker| checker.lazy_value(ty, value));
        (self.frame, self.outer) = (frame, outer);
        let lazy = &mut self.lazy[at];
        lazy.progress = Progress::Done;
        (lazy.ty, lazy.bits) = result?;
        Ok(())
    }

    fn lazy_value(&mut self, ty: &'p ast::TypeExpr, value: Option<&'p Expr>) -> Check<(Ty, u128)> {
        match value {
            None => Ok((self.ty(ty)?, 0)),
            Some(value) => {
                let constant_ty = self.object_ty(ty)?;
                if !matches!(
                    self.types.kind(constant_ty),
                    TyKind::Scalar(_) | TyKind::Enum(_)
                ) {
                    let name = self.types.name(constant_ty);
                    let message = format!("a constant is a number, not `{name}`");
                    return fail(ty.span, message);
                }
                Ok((constant_ty, self.constant(value, constant_ty)?))
            }
        }
    }

    /// A constant that counts something.
    pub(super) fn count(&mut self, expr: &'p Expr, what: &str) -> Check<u64> {
        let value = self.constant(expr, Ty::I64)?;
        u64::try_from(value.cast_signed())
            .map_err(|_| Diagnostic::new(expr.span, format!("{what} cannot be negative")))
    }

    /// The same in the type that `cabi` takes it in.
    pub(super) fn small_count<T: TryFrom<u64>>(&mut self, expr: &'p Expr, what: &str) -> Check<T> {
        let count = self.count(expr, what)?;
        let too_great = |_| Diagnostic::new(expr.span, format!("{what} of {count} is too great"));
        T::try_from(count).map_err(too_great)
    }

    fn alignment(&mut self, expr: &'p Expr) -> Check<u32> {
        self.small_count(expr, "an alignment")
    }
}

/// Without a chosen type, an enum is `unsigned int`, or `int` when a value is negative, as gcc has it.
fn gcc_choice(decl: &EnumDecl, variants: &[(Rc<str>, u128)]) -> Check<Ty> {
    let signed = variants.iter().any(|(_, value)| value.cast_signed() < 0);
    let int = IntTy { bits: 32, signed };
    match variants
        .iter()
        .find(|(_, value)| int.wrap(*value) != *value)
    {
        None if signed => Ok(Ty::I32),
        None => Ok(Ty::U32),
        Some((name, _)) => {
            let message = format!("`{name}` does not fit the 32 bits of an enum");
            let diagnostic = Diagnostic::new(decl.name.span, message);
            Err(diagnostic.note("choose a type: `enum name: i64 { .. }`"))
        }
    }
}

/// The member that a layout error is about.
fn blamed<'m>(members: &'m [ast::Member], error: &cabi::Error) -> Option<&'m ast::Member> {
    let cabi::Error::InvalidField { field, .. } = error else {
        return None;
    };
    let named = |member: &&ast::Member| {
        let name = member.name.as_ref();
        name.is_some_and(|name| *name.name == **field)
    };
    members.iter().find(named)
}

fn bad_attr(attr: &Attr, known: &str) -> Diagnostic {
    let called = &attr.name.name;
    let message = format!("attribute `{called}` has no meaning here, or not in this form");
    Diagnostic::new(attr.name.span, message).note(format!("known here: {known}"))
}
