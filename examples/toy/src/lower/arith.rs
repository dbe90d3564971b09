//! Arithmetic, comparisons and conversions of numbers that Cranelift has instructions for. Vectors are
//! worked on lane by lane: their types are many, their arithmetic is not what this language is about.

use super::function::FnLowerer;
use super::value::{Address, Val};
use super::{Lower, LowerError, ssa_type};
use crate::ast::BinaryOp;
use crate::typed::{Expr, ExprKind};
use crate::types::{IntTy, Ty, TyKind};
use cabi::Scalar;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, TrapCode, Value, types};
use cranelift_module::Module;

impl<M: Module> FnLowerer<'_, '_, M> {
    /// `-x` or `~x`
    pub(super) fn unary(&mut self, kind: &ExprKind, value: Val, operand: &Expr) -> Lower<Val> {
        let ty = operand.ty;
        let negative = matches!(kind, ExprKind::Neg(_));
        if let TyKind::Complex(part) = *self.types.kind(ty) {
            let part = self.types.scalar_ty(part);
            let parts = self.scalars(value, ty)?;
            let parts = parts
                .iter()
                .map(|&part_of| self.unary_ssa(negative, part_of, part));
            return Ok(Val::Fields(parts.collect()));
        }
        if !matches!(self.types.kind(ty), TyKind::Vector(..)) {
            let value = self.ssa(value, operand.span)?;
            return Ok(Val::Ssa(self.unary_ssa(negative, value, ty)));
        }
        let from = self.in_memory(value, ty)?;
        self.lane_by_lane(ty, [from], |own, lane, [value]| {
            own.unary_ssa(negative, value, lane)
        })
    }

    /// A vector of what `compute` makes of the lanes of the vectors at `operands`.
    fn lane_by_lane<const N: usize>(
        &mut self,
        ty: Ty,
        operands: [Value; N],
        compute: impl Fn(&mut Self, Ty, [Value; N]) -> Value,
    ) -> Lower<Val> {
        let TyKind::Vector(lane, lanes, _) = *self.types.kind(ty) else {
            return Err(LowerError::new("what is no vector has no lanes"));
        };
        let lane = self.types.scalar_ty(lane);
        let ssa = ssa_type(self.types, lane).ok_or_else(|| LowerError::new("no lane"))?;
        let to = Address::from(self.temporary(ty)?);
        for at in (0..u64::from(lanes)).map(|at| at * self.types.size(lane)) {
            let mut loaded = operands;
            for value in &mut loaded {
                *value = self.load_ssa(ssa, Address::from(*value).plus(at))?;
            }
            let value = compute(self, lane, loaded);
            self.store_ssa(value, to.plus(at));
        }
        Ok(Val::Memory(to.base))
    }

    fn unary_ssa(&mut self, negative: bool, value: Value, ty: Ty) -> Value {
        let result = match (self.types.as_float(ty), negative) {
            (Some(_), _) => self.ins().fneg(value),
            (None, true) => self.ins().ineg(value),
            (None, false) => self.ins().bnot(value),
        };
        self.normalize(result, ty)
    }

    /// The left side comes with its value.
    pub(super) fn arithmetic(
        &mut self,
        op: BinaryOp,
        (left, left_value): (&Expr, Val),
        right: &Expr,
    ) -> Lower<Val> {
        let ty = left.ty;
        if let TyKind::Complex(_) = self.types.kind(ty) {
            let a = self.scalars(left_value, ty)?;
            let right_value = self.expr(right)?;
            let b = self.scalars(right_value, ty)?;
            return self.complex(op, [a[0], a[1]], [b[0], b[1]]);
        }
        if !matches!(self.types.kind(ty), TyKind::Vector(..)) {
            let a = self.ssa(left_value, left.span)?;
            let b = self.expr_ssa(right)?;
            let b = if matches!(op, BinaryOp::Shl | BinaryOp::Shr) {
                self.shift_count(b)
            } else {
                b
            };
            return Ok(Val::Ssa(self.arithmetic_ssa(op, a, b, ty)));
        }
        let a = self.in_memory(left_value, ty)?;
        let right_value = self.expr(right)?;
        let b = self.in_memory(right_value, ty)?;
        self.lane_by_lane(ty, [a, b], |own, lane, [a, b]| {
            own.arithmetic_ssa(op, a, b, lane)
        })
    }

    /// By the plain formulas: no care is taken of infinite parts (C, annex G).
    fn complex(&mut self, op: BinaryOp, a: [Value; 2], b: [Value; 2]) -> Lower<Val> {
        let parts = match op {
            BinaryOp::Add => [0, 1].map(|i| self.ins().fadd(a[i], b[i])),
            BinaryOp::Sub => [0, 1].map(|i| self.ins().fsub(a[i], b[i])),
            BinaryOp::Mul => {
                let mut product = |i: usize, j: usize| self.ins().fmul(a[i], b[j]);
                let [rr, ii, ri, ir] = [product(0, 0), product(1, 1), product(0, 1), product(1, 0)];
                [self.ins().fsub(rr, ii), self.ins().fadd(ri, ir)]
            }
            _ => return Err(LowerError::new("no arithmetic of complex numbers")),
        };
        Ok(Val::Fields(parts.into()))
    }

    /// A shift's right side may be of any width; what counts is far below 64.
    fn shift_count(&mut self, count: Value) -> Value {
        match self.builder.func.dfg.value_type(count) {
            types::I128 => self.ins().ireduce(types::I64, count),
            _ => count,
        }
    }

    fn arithmetic_ssa(&mut self, op: BinaryOp, a: Value, b: Value, ty: Ty) -> Value {
        let float = self.types.as_float(ty).is_some();
        let signed = self.types.as_int(ty).is_some_and(|int| int.signed);
        let ins = self.ins();
        let result = match op {
            BinaryOp::Add if float => ins.fadd(a, b),
            BinaryOp::Sub if float => ins.fsub(a, b),
            BinaryOp::Mul if float => ins.fmul(a, b),
            BinaryOp::Div if float => ins.fdiv(a, b),
            BinaryOp::Add => ins.iadd(a, b),
            BinaryOp::Sub => ins.isub(a, b),
            BinaryOp::Mul => ins.imul(a, b),
            BinaryOp::Div if signed => ins.sdiv(a, b),
            BinaryOp::Div => ins.udiv(a, b),
            BinaryOp::Rem if signed => ins.srem(a, b),
            BinaryOp::Rem => ins.urem(a, b),
            BinaryOp::Shl => ins.ishl(a, b),
            BinaryOp::Shr if signed => ins.sshr(a, b),
            BinaryOp::Shr => ins.ushr(a, b),
            BinaryOp::BitAnd => ins.band(a, b),
            BinaryOp::BitOr => ins.bor(a, b),
            _ => ins.bxor(a, b),
        };
        if op == BinaryOp::Div {
            self.check_quotient(result, ty);
        }
        self.normalize(result, ty)
    }

    /// Ends the program if a signed quotient is the one that does not fit a type narrower than its container. In a container of its own width
    /// the machine's division notices.
    fn check_quotient(&mut self, quotient: Value, ty: Ty) {
        let Some(Scalar::BitInt { bits, signed: true }) = self.types.as_scalar(ty) else {
            return;
        };
        if bits < 64 && u32::from(bits) < self.builder.func.dfg.value_type(quotient).bits() {
            let least = 1_i64 << (bits - 1);
            let overflow = self.ins().icmp_imm_s(IntCC::Equal, quotient, least);
            self.ins().trapnz(overflow, TrapCode::INTEGER_OVERFLOW);
        }
    }

    /// An integer whose width is not its container's, extended from its own width again.
    pub(super) fn normalize(&mut self, value: Value, ty: Ty) -> Value {
        let Some(Scalar::BitInt { bits, signed }) = self.types.as_scalar(ty) else {
            return value;
        };
        let container = self.builder.func.dfg.value_type(value).bits();
        let unused = i64::from(container) - i64::from(bits);
        let top = self.shift_left(value, unused);
        self.shift_right(top, unused, signed)
    }

    /// The left side comes with its value.
    pub(super) fn compare(
        &mut self,
        op: BinaryOp,
        (left, left_value): (&Expr, Val),
        right: &Expr,
    ) -> Lower<Value> {
        let ty = left.ty;
        let a = self.scalars(left_value, ty)?;
        let right_value = self.expr(right)?;
        let b = self.scalars(right_value, ty)?;
        let TyKind::Complex(part) = *self.types.kind(ty) else {
            return Ok(self.compare_ssa(op, ty, a[0], b[0]));
        };
        let part = self.types.scalar_ty(part);
        let [re, im] = [0, 1].map(|i| self.compare_ssa(op, part, a[i], b[i]));
        Ok(match op {
            BinaryOp::Eq => self.ins().band(re, im),
            _ => self.ins().bor(re, im),
        })
    }

    fn compare_ssa(&mut self, op: BinaryOp, ty: Ty, a: Value, b: Value) -> Value {
        if self.types.as_float(ty).is_some() {
            let cc = match op {
                BinaryOp::Eq => FloatCC::Equal,
                BinaryOp::Ne => FloatCC::NotEqual,
                BinaryOp::Lt => FloatCC::LessThan,
                BinaryOp::Le => FloatCC::LessThanOrEqual,
                BinaryOp::Gt => FloatCC::GreaterThan,
                _ => FloatCC::GreaterThanOrEqual,
            };
            return self.ins().fcmp(cc, a, b);
        }
        let cc = match op {
            BinaryOp::Eq => IntCC::Equal,
            BinaryOp::Ne => IntCC::NotEqual,
            BinaryOp::Lt => IntCC::SignedLessThan,
            BinaryOp::Le => IntCC::SignedLessThanOrEqual,
            BinaryOp::Gt => IntCC::SignedGreaterThan,
            _ => IntCC::SignedGreaterThanOrEqual,
        };
        let cc = if self.is_signed(ty) {
            cc
        } else {
            cc.unsigned()
        };
        self.ins().icmp(cc, a, b)
    }

    /// Between SSA values, a narrow integer perhaps extended already: integers and pointers are cut or extended, floats rounded; a float that is too
    /// great for an integer becomes its greatest.
    pub(super) fn convert(&mut self, value: Value, from: Ty, to: Ty) -> Lower<Value> {
        let unknown = || LowerError::new("a conversion of what is no number");
        let declared = ssa_type(self.types, from).ok_or_else(unknown)?;
        let source = self.builder.func.dfg.value_type(value);
        let target = ssa_type(self.types, to).ok_or_else(unknown)?;
        let signed = self.is_signed(from);
        Ok(match (source.is_float(), target.is_float()) {
            (true, true) if source == target => value,
            (true, true) if source == types::F32 => self.ins().fpromote(target, value),
            (true, true) => self.ins().fdemote(target, value),
            (true, false) => {
                let wide = match self.types.as_scalar(to).and_then(IntTy::of) {
                    Some(IntTy {
                        signed: false,
                        bits: 33..,
                    }) => self.ins().fcvt_to_uint_sat(types::I64, value),
                    _ => self.ins().fcvt_to_sint_sat(types::I64, value),
                };
                let cut = self.fit(wide, types::I64, target, true);
                self.normalize(cut, to)
            }
            (false, true) => {
                let wide = self.fit(value, source, types::I64, signed);
                if signed || declared != types::I64 {
                    self.ins().fcvt_from_sint(target, wide)
                } else {
                    self.ins().fcvt_from_uint(target, wide)
                }
            }
            (false, false) => {
                let fitted = self.fit(value, source, target, signed);
                self.normalize(fitted, to)
            }
        })
    }

    /// Whether a number or enum of this type is a signed integer.
    fn is_signed(&self, ty: Ty) -> bool {
        let int = self.types.as_scalar(ty).and_then(IntTy::of);
        int.is_some_and(|int| int.signed)
    }

    /// An index as 64 bits.
    pub(super) fn index_word(&mut self, value: Value, ty: Ty) -> Value {
        let signed = self.types.as_int(ty).is_some_and(|int| int.signed);
        let from = self.builder.func.dfg.value_type(value);
        self.fit(value, from, types::I64, signed)
    }
}
