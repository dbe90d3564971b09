//! Literals and constant arithmetic of every binary floating-point format, rounded to nearest, ties to even (IEEE 754), by `rustc_apfloat`;
//! the host's own floats are not involved. Values are passed as their bits.

use crate::ast::BinaryOp;
use cabi::Scalar;
use rustc_apfloat::ieee::{BFloat, Double, Half, Quad, Single, X87DoubleExtended};
use rustc_apfloat::{Float, Round, Status};

/// Literals longer than this are refused.
const MAX_DIGITS: i64 = 6000;

/// No number of so many digits before the point is finite in any format, and none with so many zeros after
/// it is anything but zero: binary128 ends at 1.2e4932 and 6.5e-4966.
const MAX_MAGNITUDE: i64 = 5000;

const TOO_GREAT: &str = "this number is too great for its type";

/// The function `$function::<F>`, `F` being the format of the scalar.
macro_rules! for_format {
    ($scalar:expr, $function:ident) => {
        match $scalar {
            Scalar::F16 => Some($function::<Half> as fn(_) -> _),
            Scalar::BF16 => Some($function::<BFloat> as fn(_) -> _),
            Scalar::F32 => Some($function::<Single> as fn(_) -> _),
            Scalar::F64 => Some($function::<Double> as fn(_) -> _),
            Scalar::F80 => Some($function::<X87DoubleExtended> as fn(_) -> _),
            Scalar::F128 => Some($function::<Quad> as fn(_) -> _),
            _ => None,
        }
    };
}

/// `left op right`; None for what is no arithmetic on floats.
pub(crate) fn fold(op: BinaryOp, scalar: Scalar, left: u128, right: u128) -> Option<u128> {
    for_format!(scalar, compute)?((op, left, right))
}

fn compute<F: Float>((op, left, right): (BinaryOp, u128, u128)) -> Option<u128> {
    let (left, right) = (F::from_bits(left), F::from_bits(right));
    let result = match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        _ => return None,
    };
    // The machine's own NaN has its sign bit set.
    let is_new_nan = result.status.contains(Status::INVALID_OP);
    Some(if is_new_nan { -F::NAN } else { result.value }.to_bits())
}

/// The bits of `text`, digits with at most one point and an exponent, in the format `scalar`. The error is
/// the reason in words.
pub(crate) fn to_bits(text: &str, scalar: Scalar) -> Result<u128, &'static str> {
    let Some(read) = for_format!(scalar, read) else {
        return Err("there are no literals of this type");
    };
    let (length, exponent) = measure(text)?;
    if length > MAX_DIGITS {
        return Err("this number has too many digits");
    }
    if length == 0 || exponent + length < -MAX_MAGNITUDE {
        return Ok(0);
    }
    if exponent + length > MAX_MAGNITUDE {
        return Err(TOO_GREAT);
    }
    read(text)
}

fn read<F: Float>(text: &str) -> Result<u128, &'static str> {
    match F::from_str_r(text, Round::NearestTiesToEven) {
        Ok(read) if read.status.contains(Status::OVERFLOW) => Err(TOO_GREAT),
        Ok(read) => Ok(read.value.to_bits()),
        Err(_) => Err("this is no number"),
    }
}

/// The number of digits without leading zeros, and the power of ten they are to be multiplied with.
fn measure(text: &str) -> Result<(i64, i64), &'static str> {
    let (significand, exponent) = match text.split_once(['e', 'E']) {
        Some((significand, exponent)) => (
            significand,
            exponent
                .parse::<i32>()
                .map_err(|_| "this number's exponent is out of range")?,
        ),
        None => (text, 0),
    };
    let (whole, fraction) = significand.split_once('.').unwrap_or((significand, ""));
    let digits = whole.bytes().chain(fraction.bytes());
    let length = digits.skip_while(|digit| *digit == b'0').count();
    let size = |length| i64::try_from(length).unwrap_or(i64::MAX / 2);
    Ok((size(length), i64::from(exponent) - size(fraction.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::scalar_named;

    fn read(text: &str, scalar: &str) -> Result<u128, &'static str> {
        to_bits(text, scalar_named(scalar, &cabi::DataModel::LP64).unwrap())
    }

    /// What gcc 12 stores, and clang 19 for `bf16`: `0.1` in each format, and the ends of the formats, where the limits of this file must not matter.
    #[test]
    fn literals_agree_with_compilers() {
        let cases = "
            0.1 f16 0x2e66
            0.1 bf16 0x3dcd
            0.1 f32 0x3dcc_cccd
            0.1 f64 0x3fb9_9999_9999_999a
            0.1 f80 0x3ffb_cccc_cccc_cccc_cccd
            0.1 f128 0x3ffb_9999_9999_9999_9999_9999_9999_999a
            65519.99 f16 0x7bff
            3.6451995318824746025e-4951 f80 0x1
            1.8225997659412373012e-4951 f80 0x0
            1.18973149535723176502e+4932 f80 0x7ffe_ffff_ffff_ffff_ffff
            6.475175119438025110924438958227646552e-4966 f128 0x1
            1.18973149535723176508575932662800702e+4932 f128 0x7ffe_ffff_ffff_ffff_ffff_ffff_ffff_ffff";
        for case in cases.lines().skip(1) {
            let [text, scalar, bits] = case.split_whitespace().collect::<Vec<_>>()[..] else {
                panic!("{case}");
            };
            let bits = u128::from_str_radix(&bits.replace('_', "")[2..], 16).unwrap();
            assert_eq!(read(text, scalar), Ok(bits), "{case}");
        }
        let long = format!("0.{}1e5000", "0".repeat(4999));
        assert_eq!(read(&long, "f80"), read("1", "f80"));
        let barely_more = format!("1.{}1", "0".repeat(5990));
        assert_eq!(read(&barely_more, "f64"), read("1", "f64"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(read("1e39", "f32"), Err(TOO_GREAT));
        assert_eq!(read("65520", "f16"), Err(TOO_GREAT));
        assert!(read("1e999999999999", "f64").is_err());
        assert_eq!(read("1e-999999", "f64"), Ok(0));
    }
}
