//! Declarations: types as written, made types of the program; records and enums, laid out when first needed, in any order; and what integers amount to.

use super::{Meaning, Progress, Session};
use crate::ast::{Convention, EnumDecl, RecordDecl, TypeExpr, TypeKind};
use crate::diag::{At, Check, Diagnostic, Span, fail};
use crate::types::{EnumTy, FnTy, MemberTy, RecordTy, Ty, TyKind, holds, scalar_named};
use cabi::{Member, RecordBuilder, Scalar, Type};
use std::collections::HashSet;
use std::rc::Rc;

impl<'p> Session<'p> {
    /// Whether `name` is a type's without any declaration.
    pub(super) fn is_builtin(&self, name: &str) -> bool {
        let is_named = |name| scalar_named(name, self.types.model()).is_some();
        matches!(name, "void" | "va_list" | "win64_va_list")
            || is_named(name)
            || self.vector_named(name).is_some()
    }

    /// `f32x4` and the like: a scalar's name, `x`, the number of lanes.
    fn vector_named(&self, name: &str) -> Option<(Scalar, u16)> {
        let (scalar, lanes) = name.rsplit_once('x')?;
        Some((
            scalar_named(scalar, self.types.model())?,
            lanes.parse().ok()?,
        ))
    }

    pub(super) fn named_ty(&mut self, name: &str, span: Span) -> Check<Ty> {
        match name {
            "void" => return Ok(Ty::VOID),
            "va_list" => return Ok(self.va_list),
            "win64_va_list" => return Ok(Ty::BYTES),
            _ => {}
        }
        if let Some(scalar) = scalar_named(name, self.types.model()) {
            return self.types.scalar(scalar).at(span);
        }
        if let Some((lane, lanes)) = self.vector_named(name) {
            return self.types.vector(lane, lanes).at(span);
        }
        match self.find_type(name, span)? {
            Some(Meaning::CAlias(ty)) => Ok(ty),
            Some(Meaning::Record(id)) => Ok(self.types.named(TyKind::Record(id))),
            Some(Meaning::Enum(id)) => {
                self.number_variants(id)?;
                Ok(self.types.named(TyKind::Enum(id)))
            }
            Some(Meaning::Alias(expr)) => match self.aliases.get(&expr.span) {
                Some(ty) => Ok(*ty),
                None => {
                    let ty = self.ty(expr)?;
                    self.aliases.insert(expr.span, ty);
                    Ok(ty)
                }
            },
            Some(_) => fail(span, format!("`{name}` is not a type")),
            None => fail(span, format!("there is no type `{name}`")),
        }
    }

    pub(super) fn ty(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        self.look(expr.span, |own| own.ty_inside(expr))
    }

    fn ty_inside(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        let span = expr.span;
        match &expr.kind {
            TypeKind::Name(name) => self.named_ty(name, span),
            TypeKind::Never => Ok(Ty::NEVER),
            TypeKind::Pointer(to) => {
                let to = self.ty(to)?;
                Ok(self.types.pointer(to))
            }
            TypeKind::Fn {
                params,
                variadic,
                convention,
                result,
            } => {
                // Nothing is passed here: a record may be incomplete yet.
                let params = params.iter().map(|param| {
                    let ty = self.ty(param)?;
                    match *self.types.kind(ty) {
                        TyKind::Array(element, _) => Ok(self.types.pointer(element)),
                        TyKind::Record(_) => Ok(ty),
                        _ => self.object(ty, param.span),
                    }
                });
                let params = params.collect::<Check<_>>()?;
                let result = result
                    .as_ref()
                    .map_or(Ok(Ty::VOID), |result| self.ty(result))?;
                let convention = self.convention(Some(*convention), span)?;
                let variadic = *variadic;
                let function = FnTy {
                    params,
                    variadic,
                    convention,
                    result,
                };
                Ok(self.types.function(function))
            }
            TypeKind::Array(element, len) => {
                let element = self.object_ty(element)?;
                let len = len.as_ref().map(|len| self.count(len)).transpose()?;
                self.types.array(element, len).at(span)
            }
            TypeKind::Complex(part) => {
                let part = self.part(part)?;
                self.types.complex(part).at(span)
            }
            TypeKind::Vector(lane, lanes) => {
                let (lane, count) = (self.part(lane)?, self.count(lanes)?);
                let count = u16::try_from(count).at(lanes.span)?;
                self.types.vector(lane, count).at(span)
            }
            TypeKind::Record(record) => {
                let id = self.add_record(record);
                self.lay_out(id)?;
                Ok(self.types.named(TyKind::Record(id)))
            }
        }
    }

    /// The scalar that a complex number or vector is made of.
    fn part(&mut self, expr: &'p TypeExpr) -> Check<Scalar> {
        let ty = self.ty(expr)?;
        match self.types.kind(ty) {
            TyKind::Scalar(scalar) => Ok(*scalar),
            _ => self.wrong(expr.span, ty, "`{}` is no number"),
        }
    }

    /// The type of something that is an object: a variable, a member, an element.
    pub(super) fn object_ty(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        let ty = self.ty(expr)?;
        self.object(ty, expr.span)
    }

    /// `ty`, if objects can have it.
    fn object(&mut self, ty: Ty, span: Span) -> Check<Ty> {
        if let TyKind::Record(id) = *self.types.kind(ty) {
            self.lay_out(id)?;
        }
        let name = self.types.name(ty);
        match self.types.kind(ty) {
            TyKind::Void | TyKind::Never => {
                fail(span, format!("there are no values of type `{name}`"))
            }
            TyKind::Array(_, None) => fail(
                span,
                "only the last member of a struct can be a flexible array",
            ),
            _ if self.types.layout(ty).is_none() => fail(span, self.incomplete(ty)),
            _ => Ok(ty),
        }
    }

    /// The type of a parameter: arrays are pointers, as in C.
    pub(super) fn param_ty(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        let ty = self.ty(expr)?;
        match *self.types.kind(ty) {
            TyKind::Array(element, _) => Ok(self.types.pointer(element)),
            _ => self.object(ty, expr.span),
        }
    }

    pub(super) fn result_ty(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        let ty = self.ty(expr)?;
        match self.types.kind(ty) {
            TyKind::Void | TyKind::Never => Ok(ty),
            TyKind::Array(..) => fail(expr.span, "a function cannot return an array"),
            _ => self.object(ty, expr.span),
        }
    }

    /// Refuses a convention that the target does not have.
    pub(super) fn convention(
        &self,
        convention: Option<Convention>,
        span: Span,
    ) -> Check<Convention> {
        let (convention, target) = (convention.unwrap_or_default(), self.types.target.name());
        if convention == Convention::C || target.starts_with("x86_64") {
            return Ok(convention);
        }
        fail(
            span,
            format!(
                "{target} has no functions `extern \"{}\"`",
                convention.name()
            ),
        )
    }

    pub(super) fn add_record(&mut self, decl: &'p RecordDecl) -> usize {
        let name = decl
            .name
            .as_ref()
            .map_or("struct {..}".to_owned(), |name| name.name.to_string());
        self.new_record(name, decl.is_union, Some(decl))
    }

    pub(super) fn new_record(
        &mut self,
        name: String,
        is_union: bool,
        decl: Option<&'p RecordDecl>,
    ) -> usize {
        self.records.push((decl, Progress::New));
        self.types.records.push(RecordTy {
            name,
            is_union,
            members: Vec::new(),
            layout: None,
        });
        self.records.len() - 1
    }

    pub(super) fn add_enum(&mut self, decl: &'p EnumDecl) -> usize {
        let (name, scalar) = (
            decl.name.name.to_string(),
            Scalar::Int {
                bits: 32,
                signed: false,
            },
        );
        self.enums.push((Some(decl), Progress::New));
        self.types.enums.push(EnumTy {
            name,
            scalar,
            layout: Type::U32,
            variants: Vec::new(),
        });
        self.enums.len() - 1
    }

    /// Lays out a record, and those it contains. A record that contains itself is refused.
    pub(super) fn lay_out(&mut self, id: usize) -> Check<()> {
        let (Some(decl), progress) = self.records[id] else {
            return Ok(());
        };
        match progress {
            Progress::Done => return Ok(()),
            Progress::Running => {
                let name = &self.types.records[id].name;
                let why = Diagnostic::new(decl.span, format!("`{name}` contains itself"));
                return Err(why.note("a pointer to itself is fine: `next: *name`"));
            }
            Progress::New => self.records[id].1 = Progress::Running,
        }
        let result = self.look(decl.span, |own| own.record_layout(id, decl));
        self.records[id].1 = if result.is_ok() {
            Progress::Done
        } else {
            Progress::New
        };
        result
    }

    fn record_layout(&mut self, id: usize, decl: &'p RecordDecl) -> Check<()> {
        let tag = decl.name.as_ref().map_or("", |name| &*name.name);
        let mut builder = match decl.is_union {
            false => RecordBuilder::structure(tag),
            true => RecordBuilder::union(tag),
        };
        if decl.packed {
            builder = builder.packed();
        }
        if let Some(align) = &decl.align {
            let count = self.count(align)?;
            builder = builder.aligned(u32::try_from(count).at(align.span)?);
        }
        let Some(members) = &decl.members else {
            return Ok(());
        };
        let mut kept = Vec::new();
        for member in members {
            let ty = self.ty(&member.ty)?;
            let ty = match self.types.kind(ty) {
                TyKind::Array(_, None) => ty,
                _ => self.object(ty, member.ty.span)?,
            };
            let layout = self.types.layout(ty).cloned().unwrap_or(Type::VOID);
            let name = member.name.as_ref().map(|name| Rc::clone(&name.name));
            let width = member.bits.as_ref().map(|bits| {
                self.count(bits)
                    .and_then(|n| u16::try_from(n).at(bits.span))
            });
            builder = builder.member(match (name.as_deref(), width.transpose()?) {
                (Some(name), Some(width)) => Member::bit_field(name, layout, width),
                (None, Some(width)) => Member::unnamed_bit_field(layout, width),
                (Some(name), None) => Member::named(name, layout),
                (None, None) => Member::anonymous(layout),
            });
            kept.push((name, ty));
        }
        self.no_twins(decl, &kept)?;
        let layout = builder.build(self.types.model()).at(decl.span)?;
        let record = &mut self.types.records[id];
        (record.members, record.layout) = (kept, Some(layout));
        Ok(())
    }

    /// No two members by one name, those of anonymous members included.
    fn no_twins(&self, decl: &RecordDecl, members: &[MemberTy]) -> Check<()> {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut queue: Vec<_> = members.iter().collect();
        while let Some((name, ty)) = queue.pop() {
            match (name, self.types.kind(*ty)) {
                (Some(name), _) if !seen.insert(name) => {
                    return fail(decl.span, format!("two members are called `{name}`"));
                }
                (None, TyKind::Record(id)) => queue.extend(&self.types.records[*id].members),
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives an enum's variants their values, and the enum its integer type: without a chosen one `unsigned int`, or `int` when a value is negative, as gcc
    /// has it.
    pub(super) fn number_variants(&mut self, id: usize) -> Check<()> {
        let (Some(decl), progress) = self.enums[id] else {
            return Ok(());
        };
        match progress {
            Progress::Done => return Ok(()),
            Progress::Running => {
                return fail(
                    decl.name.span,
                    format!("enum `{}` needs its own values", decl.name.name),
                );
            }
            Progress::New => self.enums[id].1 = Progress::Running,
        }
        let result = self.look(decl.name.span, |own| own.enum_ty(decl));
        self.enums[id].1 = if result.is_ok() {
            Progress::Done
        } else {
            Progress::New
        };
        self.types.enums[id] = result?;
        Ok(())
    }

    fn enum_ty(&mut self, decl: &'p EnumDecl) -> Check<EnumTy> {
        let (mut next, mut variants, mut seen) = (0_i128, Vec::new(), HashSet::new());
        for (name, value) in &decl.variants {
            next = value.as_ref().map_or(Ok(next), |value| self.eval(value))?;
            if !seen.insert(&name.name) {
                return fail(
                    name.span,
                    format!("two variants are called `{}`", name.name),
                );
            }
            variants.push((Rc::clone(&name.name), next));
            next = next.wrapping_add(1);
        }
        let is_negative = variants.iter().any(|(_, value)| *value < 0);
        let ty = match &decl.underlying {
            Some(chosen) => self.ty(chosen)?,
            None if is_negative => Ty::I32,
            None => Ty::U32,
        };
        let name = decl.name.name.to_string();
        let (Some(int), Some(scalar)) = (self.types.as_int(ty), self.types.as_scalar(ty)) else {
            return self.wrong(decl.name.span, ty, "an enum cannot be made of `{}`");
        };
        if let Some((variant, _)) = variants.iter().find(|(_, value)| !holds(int, *value)) {
            return fail(
                decl.name.span,
                format!("`{variant}` does not fit into `{}`", self.types.name(ty)),
            );
        }
        let layout = self.types.layout(ty).map_or(Type::U32, Type::clone);
        let layout = Type::enumeration(&layout).at(decl.name.span)?;
        Ok(EnumTy {
            name,
            scalar,
            layout,
            variants,
        })
    }
}
