//! Numbers of any width at any bit of an object: little-endian, as the machines are whose code runs
//! here.

/// Writes the lowest `width` bits of `value` at bit `at` of `bytes`; bits outside are left out,
/// bits above 128 are zero.
pub(crate) fn set(bytes: &mut [u8], at: u64, width: u64, value: u128) {
    for i in 0..width {
        let bit = at + i;
        let Some(byte) = usize::try_from(bit / 8).ok().and_then(|i| bytes.get_mut(i)) else {
            return;
        };
        let mask = 1u8 << (bit % 8);
        if i < 128 && value >> i & 1 == 1 {
            *byte |= mask;
        } else {
            *byte &= !mask;
        }
    }
}

/// Returns the `width` bits from bit `at` on, at most 128; bits outside of `bytes` are zero.
pub(crate) fn get(bytes: &[u8], at: u64, width: u64) -> u128 {
    let bit = |i: u64| {
        let byte = usize::try_from((at + i) / 8)
            .ok()
            .and_then(|i| bytes.get(i));
        byte.is_some_and(|byte| byte >> ((at + i) % 8) & 1 == 1)
    };
    (0..width.min(128)).fold(0, |value, i| value | u128::from(bit(i)) << i)
}

/// Returns the `width` bits from bit `at` on, as a number of two's complement.
pub(crate) fn get_signed(bytes: &[u8], at: u64, width: u64) -> i128 {
    let unused = 128u64.saturating_sub(width);
    (get(bytes, at, width) << unused).cast_signed() >> unused
}

/// Returns a number in `width` bits, if it fits there. As in C an unsigned type takes `-1`, and a
/// signed one `0xffffffff`.
pub(crate) fn fit(magnitude: u128, negative: bool, width: u64) -> Option<u128> {
    // Above 128 bits there is no sign to extend with.
    if width > 128 {
        return (!negative).then_some(magnitude);
    }
    let all = match width {
        0 => 0,
        _ => u128::MAX >> (128 - width),
    };
    let most = if negative { all / 2 + 1 } else { all };
    let value = if negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    };
    (magnitude <= most).then_some(value & all)
}
