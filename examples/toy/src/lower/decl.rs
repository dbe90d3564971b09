//! Declarations. Types as written become types of the program, and records are laid out in the
//! order of the program.

use super::{Meaning, Session};
use crate::ast::{RecordDecl, Signature, TypeExpr, TypeKind, twice};
use crate::diag::{AtPlace, Check, fail};
use crate::types::{FnTy, Ty};
use cabi::{Member, RecordBuilder, Type};
use std::rc::Rc;

impl<'p> Session<'p> {
    /// Returns the type that has the name without any declaration.
    pub(super) fn builtin(&self, name: &str) -> Option<Result<Ty, String>> {
        match name {
            "void" => Some(Ok(Ty::Void)),
            _ => Some(self.types.scalar(self.types.scalar_named(name)?)),
        }
    }

    pub(super) fn named_ty(&mut self, name: &str) -> Check<Ty> {
        if let Some(ty) = self.builtin(name) {
            return Ok(ty?);
        }
        match self.find(name, Self::c_named)? {
            Some(Meaning::Type(ty)) => Ok(ty),
            Some(_) => fail(format!("`{name}` is not a type")),
            None => fail(format!("there is no type `{name}`")),
        }
    }

    fn ty(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        self.ty_kind(&expr.kind).at(expr.start)
    }

    fn ty_kind(&mut self, kind: &'p TypeKind) -> Check<Ty> {
        match kind {
            TypeKind::Name(name) => self.named_ty(name),
            TypeKind::Pointer(to) => {
                let to = self.ty(to)?;
                Ok(self.types.pointer(to))
            }
            TypeKind::Fn(signature) => {
                let function = self.fn_ty(signature)?;
                Ok(self.types.function(function))
            }
            TypeKind::Array(element, len) => {
                let element = self.object_ty(element)?;
                Ok(self.types.array(element, *len)?)
            }
            TypeKind::Complex(part) => match self.ty(part)? {
                Ty::Scalar(part) => Ok(self.types.complex(part)?),
                ty => self.wrong(ty, "`{}` is not a number"),
            },
        }
    }

    /// Returns the type of an object: a variable, a member, an element.
    pub(super) fn object_ty(&mut self, expr: &'p TypeExpr) -> Check<Ty> {
        let ty = self.ty(expr)?;
        self.object(ty).at(expr.start)
    }

    /// Refuses a type, whose name replaces `{}` in `text`.
    pub(super) fn wrong<T>(&self, ty: Ty, text: &str) -> Check<T> {
        fail(text.replace("{}", &self.types.name(ty)))
    }

    /// Returns the layout of `ty`, if objects can have it.
    pub(super) fn layout(&self, ty: Ty) -> Check<Type> {
        let opaque = "`{}` is opaque or defined later: use a pointer to it";
        match self.types.layout(ty) {
            Some(layout) => Ok(layout.clone()),
            None if ty == Ty::Void => fail("there are no values of type `void`"),
            None => self.wrong(ty, opaque),
        }
    }

    /// Returns `ty`, if objects can have it.
    pub(super) fn object(&self, ty: Ty) -> Check<Ty> {
        self.layout(ty).map(|_| ty)
    }

    /// Returns the type of functions. Parameters that are arrays are pointers, as in C. Records may
    /// be incomplete until values of them are passed.
    pub(super) fn fn_ty(&mut self, signature: &'p Signature) -> Check<FnTy> {
        let mut decayed = |expr: &'p TypeExpr, is_result| match self.ty(expr)? {
            Ty::Void if is_result => Ok(Ty::Void),
            Ty::Array(..) if is_result => fail("a function cannot return an array").at(expr.start),
            Ty::Record(id) => Ok(Ty::Record(id)),
            ty => self.object(self.types.decayed(ty)).at(expr.start),
        };
        let params = signature.params.iter().map(|param| decayed(param, false));
        Ok(FnTy {
            params: params.collect::<Check<_>>()?,
            variadic: signature.variadic,
            result: match &signature.result {
                Some(result) => decayed(result, true)?,
                None => Ty::Void,
            },
        })
    }

    /// Gives a record its members and layout. Records that it contains come before it in the
    /// program.
    pub(super) fn lay_out(&mut self, decl: &'p RecordDecl) -> Check<()> {
        let (record, name) = (self.named_ty(&decl.name.name)?, &decl.name.name);
        let Some(declared) = &decl.members else {
            return Ok(());
        };
        twice(declared.iter().map(|(name, _)| name))?;
        let mut builder = match decl.is_union {
            false => RecordBuilder::structure(name),
            true => RecordBuilder::union(name),
        };
        let mut members = Vec::new();
        for (name, ty) in declared {
            let ty = self.object_ty(ty)?;
            builder = builder.member(Member::named(&name.name, self.layout(ty)?));
            members.push((Some(Rc::clone(&name.name)), ty));
        }
        let layout = builder.build(self.types.model())?;
        self.types.complete(record, members, layout);
        Ok(())
    }

    /// Returns a member's type, and its offset in the record in bytes, `None` for a bit-field.
    /// Members of C's anonymous members are found too.
    pub(super) fn find_member(&self, id: usize, name: &str) -> Option<(Ty, Option<u64>)> {
        let record = &self.types.records[id];
        let fields = record.layout.as_ref()?.as_record()?.fields();
        let mut members = record.members.iter().zip(fields);
        members.find_map(|((own, ty), field)| match (own, *ty) {
            (Some(own), _) if **own == *name => {
                let is_bits = field.bit_field().is_some();
                Some((*ty, (!is_bits).then_some(field.offset())))
            }
            (None, Ty::Record(inner)) => {
                let (ty, offset) = self.find_member(inner, name)?;
                Some((ty, offset.map(|offset| field.offset() + offset)))
            }
            _ => None,
        })
    }
}
