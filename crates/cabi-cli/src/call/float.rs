//! Numbers of every binary floating-point format of C, rounded to nearest. A result has the fewest
//! digits that read back as the same bits.

use std::fmt::Display;

use cabi::Scalar;
use rustc_apfloat::ieee::{BFloat, Double, Half, Quad, Single, X87DoubleExtended};
use rustc_apfloat::{Float, Round, Status};

/// `$call` with the format of `$scalar`, or `$other` for a scalar without a binary format.
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

/// Checks whether `text` names a value that JSON has no number for.
pub(crate) fn is_name(text: &str) -> bool {
    ["INFINITY", "NAN"].contains(&text.strip_prefix('-').unwrap_or(text))
}

/// Returns the bits of the number `text`, decimal or as `0x1.8p3`. Returns `None` if `text` is no
/// number, or too large.
pub(crate) fn from_text(text: &str, scalar: Scalar) -> Option<u128> {
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    if !is_name(text) && !magnitude.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    with_format!(scalar, read(&text.replace("NAN", "nan")), None)
}

/// Writes `bits` as a number of JSON, or as a string where JSON has none.
pub(crate) fn to_text(bits: u128, scalar: Scalar) -> String {
    with_format!(scalar, write(bits), format!("\"{bits:#x}\""))
}

fn read<F: Float>(text: &str) -> Option<u128> {
    let read = F::from_str_r(text, Round::NearestTiesToEven).ok()?;
    (!read.status.contains(Status::OVERFLOW)).then(|| read.value.to_bits())
}

fn write<F: Float + Display>(bits: u128) -> String {
    let value = F::from_bits(bits);
    let sign = if value.is_negative() { "-" } else { "" };
    if !value.is_finite() {
        let name = if value.is_nan() { "NAN" } else { "INFINITY" };
        return format!("\"{sign}{name}\"");
    }
    // Width 21: up to that many zeros are written out in place of an exponent.
    let with_digits = |n: usize| format!("{:21.n$}", value.abs());
    let reads_back = |n: &usize| {
        let read = F::from_str_r(&with_digits(*n), Round::NearestTiesToEven);
        read.is_ok_and(|read| read.value.bitwise_eq(value.abs()))
    };
    // 40 digits are more than a binary128 has.
    let text = with_digits((1..40).find(reads_back).unwrap_or(40));
    let dot = if text.contains(['.', 'E']) { "" } else { ".0" };
    format!("{sign}{text}{dot}")
}
