//! What Cranelift has no instruction for on x86-64 (arithmetic on `f16`, `bf16`, `f80`, `f128` and complex
//! numbers, division of 128-bit integers) becomes a call of a function of the prelude.

use super::ops::Both;
use super::{Check, Checker, Meaning, Side};
use crate::ast::BinaryOp;
use crate::diag::{At, Diagnostic, Span};
use crate::typed::{Callee, Expr, ExprKind};
use crate::types::{Ty, TyKind, int};
use cabi::Scalar;

impl Checker<'_> {
    /// `op(value)`, say `__neg_f80`.
    pub(super) fn runtime_unary(&mut self, op: &str, value: Expr, span: Span) -> Check<Expr> {
        let name = format!("__{op}_{}", self.runtime_name(value.ty));
        self.runtime_call(&name, op, vec![value], span)
    }

    /// Arithmetic on two values of one type.
    pub(super) fn runtime_binary(&mut self, op: BinaryOp, both: Both, span: Span) -> Check<Expr> {
        let (left, right) = both;
        let word = match op {
            BinaryOp::Add => "add",
            BinaryOp::Sub => "sub",
            BinaryOp::Mul => "mul",
            BinaryOp::Div => "div",
            BinaryOp::Rem => "rem",
            _ => "no",
        };
        let name = format!("__{word}_{}", self.runtime_name(left.ty));
        self.runtime_call(&name, op.symbol(), vec![left, right], span)
    }

    /// A comparison of two values of one type: `eq`, `lt` and `le` make them all.
    pub(super) fn runtime_compare(&mut self, op: BinaryOp, both: Both, span: Span) -> Check<Expr> {
        let (left, right) = both;
        let (word, swap) = match op {
            BinaryOp::Lt => ("lt", false),
            BinaryOp::Le => ("le", false),
            BinaryOp::Gt => ("lt", true),
            BinaryOp::Ge => ("le", true),
            _ => ("eq", false),
        };
        let name = format!("__{word}_{}", self.runtime_name(left.ty));
        let args = if swap {
            vec![right, left]
        } else {
            vec![left, right]
        };
        let compared = self.runtime_call(&name, op.symbol(), args, span)?;
        Ok(match op {
            BinaryOp::Ne => Expr::new(Ty::BOOL, span, ExprKind::Not(Box::new(compared))),
            _ => compared,
        })
    }

    /// From any number to any float, by way of an exact form that holds them all.
    pub(super) fn runtime_to_float(&mut self, value: Expr, ty: Ty, span: Span) -> Check<Expr> {
        let value = match self.types.as_int(value.ty) {
            Some(of) => self.widen(value, if of.bits > 64 { 128 } else { 64 }, span)?,
            None => value,
        };
        let exact = self.runtime_unary("unpack", value, span)?;
        let name = format!("__pack_{}", self.runtime_name(ty));
        self.runtime_call(&name, "this conversion", vec![exact], span)
    }

    /// From a float to `i128`, cut off at the point; what does not fit is cut off too.
    pub(super) fn runtime_to_i128(&mut self, value: Expr, span: Span) -> Check<Expr> {
        let exact = self.runtime_unary("unpack", value, span)?;
        self.runtime_call("__to_i128", "this conversion", vec![exact], span)
    }

    /// Division of integers wider than a register.
    pub(super) fn wide_division(&mut self, op: BinaryOp, both: Both, span: Span) -> Check<Expr> {
        let (left, right) = both;
        let ty = left.ty;
        let left = self.widen(left, 128, span)?;
        let right = self.widen(right, 128, span)?;
        // Checked here, where the program's own line is known.
        let right = Expr::new(right.ty, span, ExprKind::NonZero(Box::new(right)));
        let result = self.runtime_binary(op, (left, right), span)?;
        Ok(result.convert(ty, span))
    }

    /// An integer as one of `bits` bits.
    fn widen(&mut self, value: Expr, bits: u8, span: Span) -> Check<Expr> {
        let signed = self.types.as_int(value.ty).is_some_and(|int| int.signed);
        let ty = self.types.scalar(int(bits, signed)).at(span)?;
        Ok(value.convert(ty, span))
    }

    fn runtime_name(&self, ty: Ty) -> String {
        match *self.types.kind(ty) {
            TyKind::Complex(part) if part.is_float() => {
                let part = match part {
                    Scalar::F32 => "f32",
                    Scalar::F64 => "f64",
                    Scalar::F80 => "f80",
                    _ => "other",
                };
                format!("complex_{part}")
            }
            _ => self.types.name(ty),
        }
    }

    /// A call of a function of the prelude.
    pub(super) fn runtime_call(
        &mut self,
        name: &str,
        op: &str,
        args: Vec<Expr>,
        span: Span,
    ) -> Check<Expr> {
        let Some(Meaning::Function(id)) = self.prelude(name) else {
            let ty = args
                .first()
                .map_or(String::new(), |arg| self.types.name(arg.ty));
            let message = format!("`{op}` is not available for `{ty}`");
            return Err(Diagnostic::new(span, message)
                .note("values of this type can be stored, loaded and passed"));
        };
        let function = self.types.as_fn(self.functions[id.0].ty);
        let ty = function.map_or(Ty::ERROR, |function| function.result);
        Ok(Expr::new(
            ty,
            span,
            ExprKind::Call(Callee::Direct(id), args),
        ))
    }

    pub(super) fn prelude(&self, name: &str) -> Option<Meaning> {
        let names = &self.names[Side::Prelude as usize];
        names.get(name).map(|named| named.meaning)
    }
}
