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

/// The bits of the constant `text` (as `literal.rs` has checked it) in the format `scalar`; `None` if it is too large for it.
pub(crate) fn from_text(text: &str, negative: bool, scalar: Scalar) -> Option<u128> {
    with_format!(scalar, read(text, negative), None)
}

/// The same for an integer.
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
    // Width 0 asks for a mantissa and an exponent; 40 digits are more than a binary128 has.
    let digits = (1..40)
        .map(|n| format!("{:1$.2$}", value.abs(), 0, n))
        .find(|text| {
            F::from_str_r(text, Round::NearestTiesToEven)
                .is_ok_and(|read| read.value.bitwise_eq(value.abs()))
        });
    let text = digits.unwrap_or_else(|| format!("{:1$.2$}", value.abs(), 0, 40));
    format!("{sign}{}{suffix}", plain(&text))
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
        0..=20 if digits.len() > point => {
            let (whole, fraction) = digits.split_at(point);
            format!("{whole}.{fraction}")
        }
        0..=20 => format!("{digits}{}.0", "0".repeat(point - digits.len())),
        _ => {
            let (whole, fraction) = digits.split_at(1);
            let dot = if fraction.is_empty() { "" } else { "." };
            format!("{whole}{dot}{fraction}e{exponent}")
        }
    }
}
