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

    /// Rust's own parser is the reference where it knows the format.
    #[test]
    fn f64_and_f32_agree_with_rust() {
        let texts = "
            0 1 0.1 2.5 1e22 1e23 123456789.125 1.7976931348623157e308 2.2250738585072014e-308
            4.9406564584124654e-324 2.4703282292062327e-324 2.4703282292062328e-324
            9007199254740993 9007199254740991.5 3.4028234e38 1.1754944e-38 1e-45 7e-46 8388608.5
            16777217 33554434.9999";
        for text in texts.split_whitespace() {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(
                to_bits(text, Scalar::F64),
                Ok(u128::from(expected.to_bits())),
                "{text} as f64"
            );
            let expected: f32 = text.parse().unwrap();
            if expected.is_finite() {
                assert_eq!(
                    to_bits(text, Scalar::F32),
                    Ok(u128::from(expected.to_bits())),
                    "{text} as f32"
                );
            }
        }
    }

    /// What gcc 12 stores for `1.0L`, `0.1L`, `-`, `3.14159265358979323846264338327950288L` and `1e-4950L`.
    #[test]
    fn f80_agrees_with_gcc() {
        assert_eq!(to_bits("1", Scalar::F80), Ok(0x3fff_8000_0000_0000_0000));
        assert_eq!(to_bits("0.1", Scalar::F80), Ok(0x3ffb_cccc_cccc_cccc_cccd));
        assert_eq!(
            to_bits("3.14159265358979323846264338327950288", Scalar::F80),
            Ok(0x4000_c90f_daa2_2168_c235)
        );
    }

    /// What gcc 12 stores: the least and the greatest numbers, halfway between two and beside that, subnormal ones and long texts.
    #[test]
    fn the_ends_of_f80_f128_and_f16_agree_with_gcc() {
        // 2.980232238769532e-8 is clang 19's: gcc 12 rounds what is barely more than a half down.
        let cases = "
            3.6451995318824746025e-4951 f80 0x1
            1.8225997659412373013e-4951 f80 0x1
            1.8225997659412373012e-4951 f80 0x0
            1.18973149535723176502e+4932 f80 0x7ffe_ffff_ffff_ffff_ffff
            3.3621031431120935063e-4932 f80 0x1_8000_0000_0000_0000
            3.362103143112093506e-4932 f80 0x7fff_ffff_ffff_ffff
            9223372036854775809.5 f80 0x403e_8000_0000_0000_0002
            18446744073709551615.5 f80 0x403f_8000_0000_0000_0000
            18446744073709551616.5 f80 0x403f_8000_0000_0000_0000
            18446744073709551617 f80 0x403f_8000_0000_0000_0000
            0.1 f128 0x3ffb_9999_9999_9999_9999_9999_9999_999a
            3.14159265358979323846264338327950288 f128 0x4000_921f_b544_42d1_8469_898c_c517_01b8
            6.475175119438025110924438958227646552e-4966 f128 0x1
            1.18973149535723176508575932662800702e+4932 f128 0x7ffe_ffff_ffff_ffff_ffff_ffff_ffff_ffff
            3.3621031431120935062626778173217526e-4932 f128 0x1_0000_0000_0000_0000_0000_0000_0000
            0.1 f16 0x2e66
            5.9604644775390625e-8 f16 0x1
            2.98023223876953125e-8 f16 0x0
            2.980232238769532e-8 f16 0x1
            2049 f16 0x6800
            2051 f16 0x6802
            6.1e-5 f16 0x3ff";
        for case in cases.split_terminator('\n').filter(|case| !case.is_empty()) {
            let [text, scalar, bits] = case.split_whitespace().collect::<Vec<_>>()[..] else {
                panic!("{case}");
            };
            let bits = u128::from_str_radix(&bits.replace('_', "")[2..], 16).unwrap();
            assert_eq!(
                to_bits(text, scalar_named(scalar).unwrap()),
                Ok(bits),
                "{case}"
            );
        }
        let long = format!("0.{}1e5000", "0".repeat(4999));
        assert_eq!(to_bits(&long, Scalar::F80), to_bits("1", Scalar::F80));
        let halfway = format!("1.{}1", "0".repeat(5990));
        assert_eq!(to_bits(&halfway, Scalar::F64), to_bits("1", Scalar::F64));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(to_bits("1e39", Scalar::F32).is_err());
        assert!(to_bits("65520", Scalar::F16).is_err());
        assert_eq!(to_bits("65519.99", Scalar::F16), Ok(0x7bff));
        assert!(to_bits("1e999999999999", Scalar::F64).is_err());
        assert_eq!(to_bits("1e-999999", Scalar::F64), Ok(0));
    }
}
