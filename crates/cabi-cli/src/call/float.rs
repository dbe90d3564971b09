//! Floating-point constants and results in every binary format of C, rounded to nearest.
//!
//! A result is written with the fewest digits that read back as the same bits.

use std::fmt::Display;

use cabi::Scalar;
use rustc_apfloat::ieee::{BFloat, Double, Half, Quad, Single, X87DoubleExtended};
use rustc_apfloat::{Float, Round, Status};

/// `$call` with `F` as the format of `$scalar`; `$other` for what is no binary format.
macro_rules! with_format {
    ($scalar:expr, $call:ident($($arg:expr),*), $other:expr) => {
        match $scalar {
            Scalar::F16 => $call::<Half>($($arg),*),
            Scalar::BF16 => $call::<BFloat>($($arg),*),
            Scalar::F32 => $call::<Single>($($arg),*),
            Scalar::F64 => $call::<Double>($($arg),*),
            Scalar::F80 => $call::<X87DoubleExtended>($($arg),*),
            Scalar::F128 => $call::<Quad>($($arg),*),
            _ => $other,
        }
    };
}

/// Whether `text`, without a suffix, is a floating constant. What has no digits in its exponent may be one here.
pub(crate) fn is_constant(text: &str) -> bool {
    Quad::from_str_r(text, Round::NearestTiesToEven).is_ok()
}

/// The bits of the constant `text` (as `number.rs` has checked it) in the format `scalar`; `None` if it is too large for it.
pub(crate) fn from_text(text: &str, negative: bool, scalar: Scalar) -> Option<u128> {
    with_format!(scalar, read(text, negative), None)
}

/// The bits of the integer `magnitude` in the format `scalar`; `None` if it is too large for it.
pub(crate) fn from_int(magnitude: u128, negative: bool, scalar: Scalar) -> Option<u128> {
    from_text(&format!("{magnitude}.0"), negative, scalar)
}

/// `bits` as a constant of C, with the suffix of `scalar`'s format.
pub(crate) fn to_text(bits: u128, scalar: Scalar) -> String {
    let suffix = match scalar {
        Scalar::F16 => "f16",
        Scalar::BF16 => "bf16",
        Scalar::F32 => "f",
        Scalar::F80 => "L",
        Scalar::F128 => "f128",
        _ => "",
    };
    with_format!(scalar, write(bits, suffix), format!("{bits:#x}"))
}

fn read<F: Float>(text: &str, negative: bool) -> Option<u128> {
    let value = match text {
        "NAN" => F::qnan(None),
        "INFINITY" => F::INFINITY,
        _ => {
            let read = F::from_str_r(text, Round::NearestTiesToEven).ok()?;
            if read.status.contains(Status::OVERFLOW) {
                return None;
            }
            read.value
        }
    };
    Some(if negative { -value } else { value }.to_bits())
}

fn write<F: Float + Display>(bits: u128, suffix: &str) -> String {
    let value = F::from_bits(bits);
    let sign = if value.is_negative() { "-" } else { "" };
    if value.is_nan() {
        return format!("{sign}NAN");
    }
    if value.is_infinite() {
        return format!("{sign}INFINITY");
    }
    if value.is_zero() {
        return format!("{sign}0.0{suffix}");
    }
    // Width 0 asks for a mantissa and an exponent.
    let with_digits = |n: usize| format!("{:1$.2$}", value.abs(), 0, n);
    let reads_back = |text: &str| {
        F::from_str_r(text, Round::NearestTiesToEven)
            .is_ok_and(|read| read.value.bitwise_eq(value.abs()))
    };
    // 40 digits are more than a binary128 has. If so many suffice, more do too.
    let (mut too_few, mut enough) = (0, 40);
    while enough - too_few > 1 {
        let n = (too_few + enough) / 2;
        if reads_back(&with_digits(n)) {
            enough = n;
        } else {
            too_few = n;
        }
    }
    format!("{sign}{}{suffix}", plain(&with_digits(enough)))
}

/// `D.DDDE+N` with its digits in the places they have, unless that needs many zeros.
fn plain(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('E') else {
        return text.to_owned();
    };
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return text.to_owned();
    };
    let point = usize::try_from(exponent + 1).unwrap_or(0);
    match exponent {
        -5..0 => {
            let zeros = usize::try_from(-1 - exponent).unwrap_or(0);
            format!("0.{}{digits}", "0".repeat(zeros))
        }
        0..=20 => {
            let digits = format!("{digits:0<0$}", point + 1);
            let (whole, fraction) = digits.split_at(point);
            format!("{whole}.{fraction}")
        }
        _ => {
            let (whole, fraction) = digits.split_at(1);
            let dot = if fraction.is_empty() { "" } else { "." };
            format!("{whole}{dot}{fraction}e{exponent}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patterns all over a format's exponents.
    fn patterns() -> impl Iterator<Item = u64> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let random = (0..300).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        });
        random.chain([
            0,
            1,
            1 << 63,
            f64::MAX.to_bits(),
            f64::MIN_POSITIVE.to_bits(),
        ])
    }

    /// The digits and the exponent, however they are written.
    fn digits(text: &str) -> String {
        format!("{:e}", text.parse::<f64>().unwrap())
    }

    /// Rust writes the shortest digits too.
    #[test]
    fn doubles_are_written_as_rust_writes_them() {
        for bits in patterns() {
            let value = f64::from_bits(bits);
            let ours = to_text(bits.into(), Scalar::F64);
            if !value.is_finite() {
                continue;
            }
            let count = |text: &str| {
                let mantissa = text.split('e').next().unwrap().to_owned();
                let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
                digits.trim_matches('0').len()
            };
            assert_eq!(digits(&ours), format!("{value:e}"), "{bits:#x}");
            assert_eq!(count(&ours), count(&format!("{value:e}")), "{bits:#x}");
        }
    }

    #[test]
    fn doubles_and_floats_are_read_as_rust_reads_them() {
        for bits in patterns() {
            let value = f64::from_bits(bits).abs();
            if !value.is_finite() {
                continue;
            }
            let text = format!("{value:e}");
            let read = from_text(&text, false, Scalar::F64);
            assert_eq!(read, Some(value.to_bits().into()), "{text}");
            let narrow: f32 = text.parse().unwrap();
            let expected = narrow.is_finite().then_some(u128::from(narrow.to_bits()));
            assert_eq!(from_text(&text, false, Scalar::F32), expected, "{text}");
        }
    }

    #[test]
    fn long_formats_read_back() {
        for (i, bits) in patterns().take(20).enumerate() {
            let exponent = (i as u128 * 109) % 0x7fff;
            let f80 = exponent << 64 | u128::from(bits | 1 << 63);
            let text = to_text(f80, Scalar::F80);
            let number = text.strip_suffix('L').unwrap();
            // A denormal's exponent is that of the smallest normal number.
            let expected = if exponent == 0 { f80 | 1 << 64 } else { f80 };
            assert_eq!(
                from_text(number, false, Scalar::F80),
                Some(expected),
                "{text}"
            );
            let f128 = exponent << 112 | u128::from(bits) << 20;
            let text = to_text(f128, Scalar::F128);
            let number = text.strip_suffix("f128").unwrap();
            assert_eq!(from_text(number, false, Scalar::F128), Some(f128), "{text}");
        }
        assert_eq!(to_text(0x3c00, Scalar::F16), "1.0f16");
        assert_eq!(to_text(0xbf80, Scalar::BF16), "-1.0bf16");
        assert_eq!(to_text(0x7ff8 << 48, Scalar::F64), "NAN");
        assert_eq!(from_text("1e5000", false, Scalar::F80), None);
    }
}
