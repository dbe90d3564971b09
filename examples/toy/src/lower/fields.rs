//! Records, complex numbers and arrays as their scalars, an SSA value each: what nothing points to, and has few scalars, need not be in memory.

use super::function::FnLowerer;
use super::value::{Address, Val};
use super::{Lower, LowerError, ssa_type};
use crate::typed::{Expr, ExprKind};
use crate::types::{Ty, TyKind, Types};
use clif_cabi::Arg;
use cranelift_codegen::ir::{self, Value};
use cranelift_module::Module;
use std::rc::Rc;

/// What has more scalars is in memory.
const MAX_FIELDS: usize = 16;

/// What has more bytes is not given to clif-cabi by its fields.
const MAX_BYTES: u64 = 64;

/// A scalar inside an aggregate.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(super) offset: u64,
    pub(super) ty: Ty,
    pub(super) ssa: ir::Type,
}

impl Field {
    fn end(&self) -> u64 {
        self.offset + u64::from(self.ssa.bytes())
    }
}

/// The scalars of an aggregate in the order of their offsets; None if it is kept in memory.
pub(super) fn fields(types: &Types, ty: Ty) -> Option<Rc<[Field]>> {
    let mut found = Vec::new();
    let is_apart = |pair: &[Field]| pair[0].end() <= pair[1].offset;
    let is_small = ssa_type(types, ty).is_none() && types.size(ty) <= MAX_BYTES;
    let whole = is_small && collect(types, ty, 0, &mut found).is_some();
    // The members of a union are in one place.
    (whole && found.windows(2).all(is_apart)).then(|| found.into())
}

fn collect(types: &Types, ty: Ty, at: u64, found: &mut Vec<Field>) -> Option<()> {
    if let Some(ssa) = ssa_type(types, ty).filter(|ssa| ssa.bits() <= 64) {
        let offset = at;
        found.push(Field { offset, ty, ssa });
        return (found.len() <= MAX_FIELDS).then_some(());
    }
    match types.kind(ty) {
        TyKind::Complex(part) => {
            let part = types.scalar_ty(*part);
            collect(types, part, at, found)?;
            collect(types, part, at + types.size(part), found)
        }
        TyKind::Array(element, Some(len @ 1..)) => {
            let size = types.size(*element);
            (0..*len).try_for_each(|i| collect(types, *element, at + i * size, found))
        }
        TyKind::Record(id) if types.size(ty) > 0 => {
            let record = &types.records[id.0];
            let layout = record.layout.as_ref()?.as_record()?;
            let mut members = record.members.iter().zip(layout.fields());
            members.try_for_each(|(member, field)| match field.bit_field() {
                Some(_) => None,
                None => collect(types, member.ty, at + field.offset(), found),
            })
        }
        _ => None,
    }
}

impl<M: Module> FnLowerer<'_, '_, M> {
    /// The scalars of an aggregate that need not be in memory.
    pub(super) fn fields(&mut self, ty: Ty) -> Option<Rc<[Field]>> {
        let types = self.types;
        let known = self.declared.fields.entry(ty);
        known.or_insert_with(|| fields(types, ty)).clone()
    }

    /// The indexes of the scalars of what has type `ty` and is `offset` bytes inside an aggregate with the scalars `whole`.
    pub(super) fn fields_at(
        &mut self,
        whole: &[Field],
        offset: u64,
        ty: Ty,
    ) -> Lower<std::ops::Range<usize>> {
        let first = whole.iter().position(|field| field.offset == offset);
        let first = first.ok_or_else(|| LowerError::new("no scalar is there"))?;
        let n = self.fields(ty).map_or(1, |own| own.len());
        Ok(first..first + n)
    }

    pub(super) fn scalars(&mut self, value: Val, ty: Ty) -> Lower<Rc<[Value]>> {
        match (value, self.fields(ty)) {
            (Val::Fields(values), _) => Ok(values),
            (Val::Ssa(value), _) => Ok([value].into()),
            (Val::Memory(address), Some(fields)) => {
                let address = Address::from(address);
                let mut load = |field: &Field| {
                    let loaded = self.load_ssa(field.ssa, address.plus(field.offset))?;
                    Ok(self.normalize(loaded, field.ty))
                };
                fields.iter().map(&mut load).collect()
            }
            _ => Err(LowerError::new("a value without scalars")),
        }
    }

    /// Scalars as clif-cabi gives them.
    pub(super) fn normalized(&mut self, values: &[Value], fields: &[Field]) -> Val {
        let own = values.iter().zip(fields);
        Val::Fields(
            own.map(|(value, field)| self.normalize(*value, field.ty))
                .collect(),
        )
    }

    /// The scalars of what an expression of type `ty` makes of parts; what is left out is zero.
    pub(super) fn build(&mut self, expr: &Expr, fields: &[Field]) -> Lower<Val> {
        let mut values: Vec<Option<Value>> = vec![None; fields.len()];
        let mut put = |own: &mut Self, value: &Expr, offset: u64| -> Lower<()> {
            let at = own.fields_at(fields, offset, value.ty)?;
            let built = own.expr(value)?;
            let scalars = own.scalars(built, value.ty)?;
            for (to, scalar) in values[at].iter_mut().zip(&*scalars) {
                *to = Some(*scalar);
            }
            Ok(())
        };
        match &expr.kind {
            ExprKind::Complex(re, im) => {
                put(self, re, 0)?;
                put(self, im, self.types.size(re.ty))?;
            }
            ExprKind::Record(members) => {
                for (path, value) in members {
                    let (offset, _) = self.member_offset(expr.ty, path)?;
                    put(self, value, offset)?;
                }
            }
            ExprKind::Elements(elements) => {
                for (i, element) in (0..).zip(elements) {
                    put(self, element, i * self.types.size(element.ty))?;
                }
            }
            ExprKind::Repeat(element, _) => {
                let built = self.expr(element)?;
                let scalars = self.scalars(built, element.ty)?;
                let all = scalars.iter().copied().map(Some).cycle();
                values = all.take(fields.len()).collect();
            }
            _ => {}
        }
        let scalar = |(value, field): (Option<Value>, &Field)| match value {
            Some(value) => Ok(value),
            None => self.constant(0, field.ty),
        };
        let all = values.into_iter().zip(fields).map(scalar);
        Ok(Val::Fields(all.collect::<Lower<_>>()?))
    }
}

impl Val {
    /// As clif-cabi takes it: an aggregate's scalars are the leaves that it knows.
    pub(super) fn arg(&self) -> Option<Arg> {
        match self {
            Val::None => None,
            Val::Ssa(value) => Some(Arg::value(*value)),
            Val::Fields(values) => Some(Arg::fields(values)),
            Val::Memory(address) => Some(Arg::memory(*address)),
        }
    }
}
