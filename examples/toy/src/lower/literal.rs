//! Literals: numbers of every scalar type, rounded to nearest, ties to even (IEEE 754), by
//! `rustc_apfloat`; the host's own floats are not involved. A literal has the type of its suffix,
//! else the type that is wanted. Without either it is `i32` or `f64`.

use super::function::Lowerer;
use super::value::{Operand, ssa_type};
use crate::ast::Number;
use crate::diag::{Check, fail};
use crate::types::Ty;
use cabi::Scalar;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use rustc_apfloat::ieee::{BFloat, Double, Half, Quad, Single, X87DoubleExtended};
use rustc_apfloat::{Float, Round, Status};

impl Lowerer<'_, '_, '_> {
    pub(super) fn number(
        &mut self,
        number: &Number,
        negative: bool,
        expected: Option<Ty>,
    ) -> Check<Operand> {
        let (suffix, is_float) = (&*number.suffix, |ty: &Ty| ty.as_float().is_some());
        let integer = number.digits.parse::<u128>().ok();
        let ty = match integer {
            _ if !suffix.is_empty() => match self.s.types.scalar_named(suffix) {
                Some(scalar) => self.s.types.scalar(scalar)?,
                None => Ty::Void,
            },
            Some(value) => {
                let expected = expected.filter(|ty| ty.is_int() || is_float(ty));
                let is_small = i32::try_from(value).is_ok();
                expected.unwrap_or(if is_small { Ty::I32 } else { Ty::I64 })
            }
            None => expected.filter(is_float).unwrap_or(Ty::F64),
        };
        let text = format!("{}{}", if negative { "-" } else { "" }, number.digits);
        match (ty.as_float(), integer) {
            (Some(scalar), _) => self.constant(ty, float_bits(&text, scalar)?),
            (_, Some(value)) if holds(ty, value, negative) => {
                let negated = value.wrapping_neg();
                self.constant(ty, if negative { negated } else { value })
            }
            (_, Some(_)) if ty.is_int() => self.wrong(ty, &format!("{text} does not fit `{{}}`")),
            _ => fail(format!("`{suffix}` is not a suffix of {text}")),
        }
    }

    /// Returns a constant of the type that is wanted, if that can be `value`, else of its own.
    pub(super) fn known(&mut self, value: i128, own: Ty, expected: Option<Ty>) -> Check<Operand> {
        let fits = |ty: &Ty| holds(*ty, value.unsigned_abs(), value < 0);
        self.constant(expected.filter(fits).unwrap_or(own), value.cast_unsigned())
    }

    /// Returns a number by its bits.
    pub(super) fn constant(&mut self, ty: Ty, bits: u128) -> Check<Operand> {
        if let Some(ssa) = ssa_type(ty) {
            return Ok(Operand::ssa(ty, self.bits(bits, ssa)));
        }
        // Values that Cranelift does not compute with live in memory.
        let size = self.s.types.size(ty);
        let (address, is_half) = (self.temporary(size)?, size == 2);
        let value = self.bits(bits, if is_half { types::I16 } else { types::I128 });
        self.store_ssa(value, address, 0);
        Ok(Operand::memory(ty, address))
    }

    pub(super) fn bits(&mut self, bits: u128, ssa: Type) -> Value {
        let low = (bits & 0xffff_ffff_ffff_ffff) as u64;
        match ssa {
            types::F32 => self
                .ins()
                .f32const(Ieee32::with_bits((bits & 0xffff_ffff) as u32)),
            types::F64 => self.ins().f64const(Ieee64::with_bits(low)),
            types::I128 => {
                let [low, high] = [bits, bits >> 64].map(|half| self.bits(half, types::I64));
                self.ins().iconcat(low, high)
            }
            _ => {
                let unused = 64 - ssa.bits();
                let word = low << unused >> unused;
                self.ins().iconst(ssa, word.cast_signed())
            }
        }
    }
}

/// Returns whether an integer of the type `ty` can be `value`, or `-value` if `negative`.
fn holds(ty: Ty, value: u128, negative: bool) -> bool {
    ty.as_int().is_some_and(|(bits, signed)| {
        let greatest = u128::MAX >> (128 - u32::from(bits) + u32::from(signed));
        match negative {
            true => value == 0 || signed && value <= greatest + 1,
            false => value <= greatest,
        }
    })
}

/// Returns the bits of `text`, digits with at most one point and an exponent, in the format
/// `scalar`. The error is the reason in words.
fn float_bits(text: &str, scalar: Scalar) -> Result<u128, &'static str> {
    let read = match scalar {
        Scalar::F16 => read::<Half>,
        Scalar::BF16 => read::<BFloat>,
        Scalar::F32 => read::<Single>,
        Scalar::F64 => read::<Double>,
        Scalar::F80 => read::<X87DoubleExtended>,
        Scalar::F128 => read::<Quad>,
        _ => return Err("there are no literals of this type"),
    };
    let (_, exponent) = text.split_once(['e', 'E']).unwrap_or_default();
    // No format needs as many digits.
    if text.len() > 5000 || exponent.len() > 6 {
        return Err("this number has too many digits");
    }
    read(text)
}

fn read<F: Float>(text: &str) -> Result<u128, &'static str> {
    match F::from_str_r(text, Round::NearestTiesToEven) {
        Ok(read) if read.status.contains(Status::OVERFLOW) => {
            Err("this number is too large for its type")
        }
        Ok(read) => Ok(read.value.to_bits()),
        Err(_) => Err("this is not a number"),
    }
}
