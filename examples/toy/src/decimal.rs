//! Decimal digits to the bits of any binary floating-point format, correctly rounded (IEEE 754, 5.12: to
//! nearest, ties to even). Exact integers throughout; the host's own floats are not involved.

use cabi::Scalar;

/// A binary format: significand bits with the leading one, exponent bits, and whether that one is stored.
#[derive(Clone, Copy)]
struct Format {
    precision: u32,
    exponent_bits: u32,
    explicit_one: bool,
}

/// Literals longer than this are refused.
const MAX_DIGITS: i64 = 6000;

/// No number of so many digits before the point is finite in any format, and none with so many zeros behind
/// it is anything but zero: binary128 ends at 1.2e4932 and 6.5e-4966.
const MAX_MAGNITUDE: i64 = 5000;

/// The bits of `text`, digits with at most one point and an exponent, in the format `scalar`. The error is
/// the reason in words.
pub(crate) fn to_bits(text: &str, scalar: Scalar) -> Result<u128, &'static str> {
    let format = match scalar {
        Scalar::F16 => Format {
            precision: 11,
            exponent_bits: 5,
            explicit_one: false,
        },
        Scalar::BF16 => Format {
            precision: 8,
            exponent_bits: 8,
            explicit_one: false,
        },
        Scalar::F32 => Format {
            precision: 24,
            exponent_bits: 8,
            explicit_one: false,
        },
        Scalar::F64 => Format {
            precision: 53,
            exponent_bits: 11,
            explicit_one: false,
        },
        Scalar::F80 => Format {
            precision: 64,
            exponent_bits: 15,
            explicit_one: true,
        },
        Scalar::F128 => Format {
            precision: 113,
            exponent_bits: 15,
            explicit_one: false,
        },
        _ => return Err("there are no literals of this type"),
    };
    let (digits, exponent) = split(text)?;
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    if length > MAX_DIGITS {
        return Err("this number has too many digits");
    }
    if length == 0 || exponent + length < -MAX_MAGNITUDE {
        return Ok(0);
    }
    if exponent + length > MAX_MAGNITUDE {
        return Err("this number is too great for its type");
    }
    let mut numerator = Big::default();
    for digit in digits {
        numerator.multiply_add(10, u32::from(digit));
    }
    let mut denominator = Big::one();
    let scaled = if exponent < 0 {
        &mut denominator
    } else {
        &mut numerator
    };
    for _ in 0..exponent.unsigned_abs() {
        scaled.multiply_add(10, 0);
    }
    let quotient = divide(numerator, denominator, format.precision);
    encode(quotient, format)
}

/// The digits, and the power of ten they are to be multiplied with.
fn split(text: &str) -> Result<(Vec<u8>, i64), &'static str> {
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
    let digits = whole
        .bytes()
        .chain(fraction.bytes())
        .filter(u8::is_ascii_digit)
        .map(|b| b - b'0');
    let fraction = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    Ok((
        digits.skip_while(|&digit| digit == 0).collect(),
        i64::from(exponent) - fraction,
    ))
}

/// `significand * 2^exponent`, and whether a smaller rest was cut off.
struct Quotient {
    significand: u128,
    exponent: i64,
    rest: bool,
}

/// Two or three bits more than `precision`, so that rounding sees the half and the rest.
fn divide(mut numerator: Big, mut denominator: Big, precision: u32) -> Quotient {
    let bits = i64::from(precision) + 2;
    let shift = bits - (numerator.bits() - denominator.bits());
    match u64::try_from(shift) {
        Ok(left) => numerator.shift_left(left),
        Err(_) => denominator.shift_left(shift.unsigned_abs()),
    }
    let steps = u64::from(precision) + 3;
    denominator.shift_left(steps);
    let mut significand = 0_u128;
    for _ in 0..=steps {
        significand <<= 1;
        if numerator.subtract_if_not_less(&denominator) {
            significand |= 1;
        }
        denominator.halve();
    }
    Quotient {
        significand,
        exponent: -shift,
        rest: !numerator.is_zero(),
    }
}

fn encode(quotient: Quotient, format: Format) -> Result<u128, &'static str> {
    let Quotient {
        significand,
        exponent,
        rest,
    } = quotient;
    let length = i64::from(128 - significand.leading_zeros());
    let bias = (1_i64 << (format.exponent_bits - 1)) - 1;
    let least = 1 - bias;
    let leading = exponent + length - 1;
    // Below the least normal exponent, precision is lost bit by bit.
    let kept = i64::from(format.precision) - (least - leading).max(0);
    let dropped = u32::try_from(length - kept).unwrap_or(0);
    let mut rounded = significand.checked_shr(dropped).unwrap_or(0);
    let half = 1_u128.checked_shl(dropped.saturating_sub(1)).unwrap_or(0);
    let below = significand & half.wrapping_sub(1);
    let at_half = dropped > 0 && half != 0 && significand & half != 0;
    if at_half && (below != 0 || rest || rounded & 1 == 1) {
        rounded += 1;
    }
    let mut leading = leading.max(least);
    if rounded >> format.precision != 0 {
        rounded >>= 1;
        leading += 1;
    }
    if leading > bias {
        return Err("this number is too great for its type");
    }
    let stored = format.precision - 1;
    let normal = rounded >> stored != 0;
    let field = if normal {
        u128::try_from(leading + bias).unwrap_or(0)
    } else {
        0
    };
    Ok(if format.explicit_one {
        field << format.precision | rounded
    } else {
        field << stored | (rounded & ((1 << stored) - 1))
    })
}

/// A natural number, little end first, without leading zeros.
#[derive(Default, Clone)]
struct Big(Vec<u32>);

/// The low 32 bits.
fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(u32::MAX)
}

impl Big {
    fn one() -> Big {
        Big(vec![1])
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn bits(&self) -> i64 {
        let top = self
            .0
            .last()
            .map_or(0, |top| 32 - i64::from(top.leading_zeros()));
        let words = i64::try_from(self.0.len()).unwrap_or(i64::MAX / 64);
        (words - 1).max(0) * 32 + top
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for word in &mut self.0 {
            carry += u64::from(*word) * u64::from(factor);
            *word = low(carry);
            carry >>= 32;
        }
        if carry != 0 {
            self.0.push(low(carry));
        }
    }

    fn shift_left(&mut self, bits: u64) {
        for _ in 0..bits % 32 {
            self.multiply_add(2, 0);
        }
        let words = usize::try_from(bits / 32).unwrap_or(0);
        if !self.is_zero() {
            self.0.splice(0..0, std::iter::repeat_n(0, words));
        }
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for word in self.0.iter_mut().rev() {
            let next = *word & 1;
            *word = *word >> 1 | carry << 31;
            carry = next;
        }
        self.trim();
    }

    /// Subtracts `other` unless the result were negative; says whether it did.
    fn subtract_if_not_less(&mut self, other: &Big) -> bool {
        let less = self
            .0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
            .is_lt();
        if less {
            return false;
        }
        let mut borrow = false;
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        for (word, subtrahend) in self.0.iter_mut().zip(others) {
            let (difference, first) = word.overflowing_sub(subtrahend);
            let (difference, second) = difference.overflowing_sub(u32::from(borrow));
            *word = difference;
            borrow = first || second;
        }
        self.trim();
        true
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rust's own parser is the judge where it knows the format.
    #[test]
    fn f64_and_f32_agree_with_rust() {
        let texts = [
            "0",
            "1",
            "0.1",
            "2.5",
            "1e22",
            "1e23",
            "123456789.125",
            "1.7976931348623157e308",
            "2.2250738585072014e-308",
            "4.9406564584124654e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "9007199254740993",
            "9007199254740991.5",
            "3.4028234e38",
            "1.1754944e-38",
            "1e-45",
            "7e-46",
            "8388608.5",
            "16777217",
            "33554434.9999",
        ];
        for text in texts {
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

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(to_bits("1e39", Scalar::F32).is_err());
        assert!(to_bits("65520", Scalar::F16).is_err());
        assert_eq!(to_bits("65519.99", Scalar::F16), Ok(0x7bff));
        assert!(to_bits("1e999999999999", Scalar::F64).is_err());
        assert_eq!(to_bits("1e-999999", Scalar::F64), Ok(0));
    }
}
