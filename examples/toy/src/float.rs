//! Literals of every binary floating-point format, rounded to nearest, ties to even (IEEE 754), by
//! `rustc_apfloat`; the host's own floats are not involved. Values are passed as their bits.

use cabi::Scalar;
use rustc_apfloat::ieee::{BFloat, Double, Half, Quad, Single, X87DoubleExtended};
use rustc_apfloat::{Float, Round, Status};

/// Longer literals are refused, and so are greater exponents: no number of so many digits is finite
/// in any format.
const MAX_DIGITS: usize = 5000;

/// The bits of `text`, digits with at most one point and an exponent, in the format `scalar`. The
/// error is the reason in words.
pub(crate) fn to_bits(text: &str, scalar: Scalar) -> Result<u128, &'static str> {
    let read = match scalar {
        Scalar::F16 => read::<Half>,
        Scalar::BF16 => read::<BFloat>,
        Scalar::F32 => read::<Single>,
        Scalar::F64 => read::<Double>,
        Scalar::F80 => read::<X87DoubleExtended>,
        Scalar::F128 => read::<Quad>,
        _ => return Err("there are no literals of this type"),
    };
    let (_, exponent) = text.split_once(['e', 'E']).unwrap_or(("", "0"));
    let is_near = |exponent: i32| exponent.unsigned_abs() as usize <= MAX_DIGITS;
    if text.len() > MAX_DIGITS || !exponent.parse().is_ok_and(is_near) {
        return Err("this number has too many digits");
    }
    read(text)
}

fn read<F: Float>(text: &str) -> Result<u128, &'static str> {
    match F::from_str_r(text, Round::NearestTiesToEven) {
        Ok(read) if read.status.contains(Status::OVERFLOW) => {
            Err("this number is too great for its type")
        }
        Ok(read) => Ok(read.value.to_bits()),
        Err(_) => Err("this is no number"),
    }
}
