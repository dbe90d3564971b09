//! Expressions.

use super::function::FnLowerer;
use super::place::Target;
use super::value::{Address, Val};
use super::{Lower, LowerError, ssa_type};
use crate::ast::BinaryOp;
use crate::diag::Span;
use crate::typed::{Expr, ExprKind, FnId, Place, PlaceKind};
use crate::types::{Ty, TyKind};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{
    BlockArg, InstBuilder, MemFlagsData, SourceLoc, TrapCode, Value, types,
};
use cranelift_module::Module;
use std::rc::Rc;

/// Up to so many elements are stored one by one, more in a loop.
const MAX_UNROLLED: u64 = 16;

impl<M: Module> FnLowerer<'_, '_, M> {
    /// The value of an expression. Chains of operators are followed in a loop, from the operand that is evaluated first; the code of each
    /// belongs to its own place in the source.
    pub(super) fn expr(&mut self, expr: &Expr) -> Lower<Val> {
        let around = self.builder.srcloc();
        let mut first = Val::None;
        let chain = expr.chain();
        for (at, expr) in chain.iter().enumerate().rev() {
            self.builder.set_srcloc(SourceLoc::new(expr.span.start));
            let outer = at.checked_sub(1).map(|at| &chain[at].kind);
            first = match (&expr.kind, outer) {
                (ExprKind::Load(place), Some(ExprKind::Convert(_))) => {
                    self.load_to_convert(place, chain[at - 1].ty)?
                }
                _ => self.one(expr, first)?,
            };
        }
        self.builder.set_srcloc(around);
        Ok(first)
    }

    /// An expression whose first operand has the value `first`.
    fn one(&mut self, expr: &Expr, first: Val) -> Lower<Val> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Bits(bits) if self.is_ssa(expr.ty) => {
                self.constant(*bits, expr.ty).map(Val::Ssa)
            }
            ExprKind::Str(bytes) => self.string(bytes),
            ExprKind::Function(id) => self.function_address(*id, span),
            ExprKind::Load(place) => {
                let target = self.place(place)?;
                self.touch(place, &target)?;
                self.read(&target, expr.ty)
            }
            ExprKind::Old => {
                (self.old.clone()).ok_or_else(|| LowerError::at(span, "nothing is updated here"))
            }
            ExprKind::AddressOf(place) => {
                let address = self.memory_place(place)?;
                Ok(Val::Ssa(self.address(address)))
            }
            ExprKind::Call(callee, args) => {
                let first = expr.first_operand().map(|_| first);
                self.call(callee, (args, first), expr.ty, None, span)
            }
            ExprKind::Captures(id) => self.captures(*id).map(Val::Ssa),
            ExprKind::VaArg(_, convention) => {
                let list = self.ssa(first, span)?;
                self.va_arg(list, *convention, expr.ty, span)
            }
            ExprKind::Bits(0)
            | ExprKind::Complex(..)
            | ExprKind::Record(_)
            | ExprKind::Elements(_)
            | ExprKind::Repeat(..) => match self.fields(expr.ty) {
                Some(fields) => self.build(expr, &fields),
                None => self.build_in_memory(expr),
            },
            ExprKind::VaStart | ExprKind::Bits(_) => self.build_in_memory(expr),
            _ => self.operator(expr, first),
        }
    }

    /// What a place holds, for a conversion to `to`: an integer in memory is extended as it is loaded.
    fn load_to_convert(&mut self, place: &Place, to: Ty) -> Lower<Val> {
        let target = self.place(place)?;
        let (Target::Memory(address), Some(int)) = (&target, self.types.as_int(place.ty)) else {
            return self.read(&target, place.ty);
        };
        let wide = match ssa_type(self.types, to) {
            Some(to @ (types::I32 | types::I64)) if u32::from(int.bits) < to.bits() => to,
            Some(types::F32 | types::F64) if int.bits < 64 => types::I64,
            _ => return self.read(&target, place.ty),
        };
        let (base, offset) = self.reach(*address);
        let (ins, flags) = (self.ins(), MemFlagsData::new());
        Ok(Val::Ssa(match (int.bits, int.signed) {
            (8, true) => ins.sload8(wide, flags, base, offset),
            (8, false) => ins.uload8(wide, flags, base, offset),
            (16, true) => ins.sload16(wide, flags, base, offset),
            (16, false) => ins.uload16(wide, flags, base, offset),
            (32, true) => ins.sload32(flags, base, offset),
            (32, false) => ins.uload32(flags, base, offset),
            _ => return self.load(*address, place.ty),
        }))
    }

    fn build_in_memory(&mut self, expr: &Expr) -> Lower<Val> {
        let address = self.temporary(expr.ty)?;
        self.expr_into(expr, address.into())?;
        Ok(Val::Memory(address))
    }

    /// An operator whose first operand has the value `first`.
    fn operator(&mut self, expr: &Expr, first: Val) -> Lower<Val> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Not(_) => {
                let value = self.ssa(first, span)?;
                Ok(Val::Ssa(self.ins().bxor_imm_u(value, 1)))
            }
            ExprKind::Neg(value) | ExprKind::BitNot(value) => self.unary(&expr.kind, first, value),
            ExprKind::NonZero(_) => {
                let value = self.ssa(first, span)?;
                let is_not_zero = self.ins().icmp_imm_s(IntCC::NotEqual, value, 0);
                let code = TrapCode::INTEGER_DIVISION_BY_ZERO;
                self.ins().trapz(is_not_zero, code);
                Ok(Val::Ssa(value))
            }
            ExprKind::Arith(op, left, right) => self.arithmetic(*op, (left, first), right),
            ExprKind::Compare(op, left, right) => {
                self.compare(*op, (left, first), right).map(Val::Ssa)
            }
            ExprKind::Logic(op, left, right) => {
                let left = self.ssa(first, left.span)?;
                self.logic(*op, left, right)
            }
            ExprKind::Offset {
                index,
                scale,
                negative,
                ..
            } => {
                let pointer = self.ssa(first, span)?;
                self.offset(pointer, index, *scale, *negative).map(Val::Ssa)
            }
            ExprKind::Distance(_, right, scale) => {
                let left = self.ssa(first, span)?;
                self.distance(left, right, *scale)
            }
            ExprKind::Convert(value) => {
                let operand = self.ssa(first, span)?;
                self.convert(operand, value.ty, expr.ty).map(Val::Ssa)
            }
            _ => Err(LowerError::at(span, "this is no operator")),
        }
    }

    /// Reads a byte of what a pointer points to, where only the address of it is taken here: a null pointer ends the program in this line,
    /// not in the function that copies the value.
    fn touch(&mut self, place: &Place, target: &Target) -> Lower<()> {
        if let Target::Memory(address) = *target
            && !self.is_ssa(place.ty)
            && self.fields(place.ty).is_none()
            && self.types.size(place.ty) > 0
            && matches!(place.root().kind, PlaceKind::Deref(_))
        {
            self.load_ssa(types::I8, address)?;
        }
        Ok(())
    }

    fn function_address(&mut self, id: FnId, span: Span) -> Lower<Val> {
        let func = self.entry_point(id, span)?;
        let func = self.module.declare_func_in_func(func, self.builder.func);
        Ok(Val::Ssa(self.ins().func_addr(types::I64, func)))
    }

    fn distance(&mut self, left: Value, right: &Expr, scale: u64) -> Lower<Val> {
        let right = self.expr_ssa(right)?;
        let bytes = self.ins().isub(left, right);
        let scale = i64::try_from(scale).map_err(LowerError::new)?;
        let scale = self.ins().iconst(types::I64, scale);
        Ok(Val::Ssa(self.ins().sdiv(bytes, scale)))
    }

    pub(super) fn expr_ssa(&mut self, expr: &Expr) -> Lower<Value> {
        let value = self.expr(expr)?;
        self.ssa(value, expr.span)
    }

    /// Builds the value at `address`, which nothing in the expression can read.
    pub(super) fn expr_into(&mut self, expr: &Expr, address: Address) -> Lower<()> {
        match &expr.kind {
            ExprKind::Bits(bits) if !self.is_ssa(expr.ty) => {
                self.bits_into(*bits, expr.ty, address)
            }
            ExprKind::VaStart => {
                let list = self.address(address);
                self.va_start(list, expr.span)
            }
            ExprKind::Complex(re, im) => {
                self.expr_into(re, address)?;
                self.expr_into(im, address.plus(self.types.size(re.ty)))
            }
            ExprKind::Record(members) => {
                if !self.covers(members, expr.ty) {
                    self.zero(address, self.types.size(expr.ty))?;
                }
                for (path, value) in members {
                    let ty = value.ty;
                    let record = (expr.ty, Target::Memory(address));
                    match self.member(record, path, ty)? {
                        Target::Memory(address) => self.expr_into(value, address)?,
                        target => {
                            let value = self.expr(value)?;
                            self.write(&target, value, ty)?;
                        }
                    }
                }
                Ok(())
            }
            ExprKind::Call(callee, args) if !self.is_ssa(expr.ty) => {
                let address = self.address(address);
                self.call(callee, (args, None), expr.ty, Some(address), expr.span)
                    .map(|_| ())
            }
            ExprKind::Elements(elements) => self.elements_into(elements, expr.ty, address),
            ExprKind::Repeat(element, count) => self.repeat_into(element, *count, expr.ty, address),
            _ => {
                let value = self.expr(expr)?;
                self.store(value, address, expr.ty)
            }
        }
    }

    /// Whether the members of a record literal are all its bytes, so that there is nothing to clear.
    fn covers(&self, members: &[(Vec<usize>, Expr)], ty: Ty) -> bool {
        let record = self.types.layout(ty).and_then(cabi::Type::as_record);
        let size = |(path, value): &(Vec<usize>, Expr)| match (&path[..], record) {
            ([at], Some(record)) => {
                let field = record.fields().get(*at)?;
                (field.bit_field().is_none()).then(|| self.types.size(value.ty))
            }
            _ => None,
        };
        let total: Option<u64> = members.iter().map(size).sum();
        total == Some(self.types.size(ty))
    }

    /// The bytes of a float that is not an SSA value.
    fn bits_into(&mut self, bits: u128, ty: Ty, address: Address) -> Lower<()> {
        let size = self.types.size(ty);
        if bits == 0 {
            return self.zero(address, size);
        }
        let ty = if size == 2 { Ty::U16 } else { Ty::U64 };
        for (at, shift) in (0..size).step_by(8).zip([0, 64]) {
            let word = self.constant(bits >> shift, ty)?;
            self.store_ssa(word, address.plus(at));
        }
        Ok(())
    }

    fn elements_into(&mut self, elements: &[Expr], ty: Ty, address: Address) -> Lower<()> {
        if let Some(bools) = self.bool_lanes(ty) {
            self.zero(address, self.types.size(ty))?;
            for (lane, element) in (0..bools).zip(elements) {
                let value = self.expr_ssa(element)?;
                self.set_bool_lane(lane, value, address)?;
            }
            return Ok(());
        }
        let mut at = address;
        for element in elements {
            self.expr_into(element, at)?;
            at = at.plus(self.types.size(element.ty));
        }
        Ok(())
    }

    fn repeat_into(&mut self, element: &Expr, count: u64, ty: Ty, address: Address) -> Lower<()> {
        let all_zero = matches!(element.kind, ExprKind::Bits(0));
        let value = self.expr(element)?;
        if all_zero || count == 0 {
            return self.zero(address, self.types.size(ty));
        }
        if let Some(bools) = self.bool_lanes(ty) {
            self.zero(address, self.types.size(ty))?;
            let value = self.ssa(value, element.span)?;
            for lane in 0..bools {
                self.set_bool_lane(lane, value, address)?;
            }
            return Ok(());
        }
        let size = self.types.size(element.ty);
        if count <= MAX_UNROLLED {
            for at in 0..count {
                self.store(value.clone(), address.plus(at * size), element.ty)?;
            }
            return Ok(());
        }
        let start = self.address(address);
        let end = self.address(Address::from(start).plus(count.saturating_mul(size)));
        let body = self.builder.create_block();
        let after = self.builder.create_block();
        let cursor = self.builder.append_block_param(body, types::I64);
        self.ins().jump(body, &[BlockArg::Value(start)]);
        self.builder.switch_to_block(body);
        self.store(value, cursor.into(), element.ty)?;
        let next = self.address(Address::from(cursor).plus(size));
        let more = self.ins().icmp(IntCC::UnsignedLessThan, next, end);
        self.ins()
            .brif(more, body, &[BlockArg::Value(next)], after, &[]);
        self.builder.seal_block(body);
        self.begin(after);
        Ok(())
    }

    /// The number of lanes, if this is a vector of bools.
    fn bool_lanes(&self, ty: Ty) -> Option<i64> {
        match self.types.kind(ty) {
            TyKind::Vector(cabi::Scalar::Bool, lanes, _) => Some(i64::from(*lanes)),
            _ => None,
        }
    }

    fn set_bool_lane(&mut self, lane: i64, value: Value, address: Address) -> Lower<()> {
        let vector = self.address(address);
        let lane = self.ins().iconst(types::I64, lane);
        let bits = self.lane_bits(vector, lane);
        self.write_bits(bits, value, Ty::BOOL)
    }

    /// A number, pointer or bool that is known.
    pub(super) fn constant(&mut self, bits: u128, ty: Ty) -> Lower<Value> {
        let ssa = ssa_type(self.types, ty)
            .ok_or_else(|| LowerError::new("a constant that is no number"))?;
        let low = u64::try_from(bits & u128::from(u64::MAX)).map_err(LowerError::new)?;
        let high = u64::try_from(bits >> 64).map_err(LowerError::new)?;
        Ok(match ssa {
            types::F32 => {
                let bits = u32::try_from(low & u64::from(u32::MAX)).map_err(LowerError::new)?;
                self.ins().f32const(Ieee32::with_bits(bits))
            }
            types::F64 => self.ins().f64const(Ieee64::with_bits(low)),
            types::I128 => {
                let low = self.ins().iconst(types::I64, low.cast_signed());
                let high = self.ins().iconst(types::I64, high.cast_signed());
                self.ins().iconcat(low, high)
            }
            _ => {
                let unused = 64_u32.saturating_sub(ssa.bits());
                self.ins()
                    .iconst(ssa, (low << unused >> unused).cast_signed())
            }
        })
    }

    fn string(&mut self, bytes: &Rc<[u8]>) -> Lower<Val> {
        let data = self.declared.string(self.module, bytes)?;
        let data = self.module.declare_data_in_func(data, self.builder.func);
        Ok(Val::Ssa(self.ins().symbol_value(types::I64, data)))
    }

    /// `&&` and `||`: the right side runs only if the left one does not decide.
    fn logic(&mut self, op: BinaryOp, left: Value, right: &Expr) -> Lower<Val> {
        let right_block = self.builder.create_block();
        let after = self.builder.create_block();
        let result = self.builder.append_block_param(after, types::I8);
        let decided = [BlockArg::Value(left)];
        if op == BinaryOp::And {
            self.ins().brif(left, right_block, &[], after, &decided);
        } else {
            self.ins().brif(left, after, &decided, right_block, &[]);
        }
        self.begin(right_block);
        let right = self.expr_ssa(right)?;
        self.ins().jump(after, &[BlockArg::Value(right)]);
        self.begin(after);
        Ok(Val::Ssa(result))
    }
}
