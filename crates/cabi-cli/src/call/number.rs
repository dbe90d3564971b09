//! Numbers as C writes them (C17 6.4.4.1 and 6.4.4.2).

/// A constant with its sign.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Number {
    pub(crate) negative: bool,
    pub(crate) kind: NumberKind,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum NumberKind {
    Int {
        magnitude: u128,
        /// Decimal constants never become unsigned by themselves.
        decimal: bool,
        unsigned: bool,
        long: bool,
    },
    /// The text without its suffix, which the format follows: as Rust's and C's decimals and hexadecimals agree.
    Float { text: String, suffix: Suffix },
}

/// The suffix of a floating constant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Suffix {
    None,
    F,
    L,
    F16,
    Bf16,
    F128,
}

impl Number {
    pub(crate) fn int(value: i32) -> Self {
        let kind = NumberKind::Int {
            magnitude: u128::from(value.unsigned_abs()),
            decimal: true,
            unsigned: false,
            long: false,
        };
        Self {
            negative: value < 0,
            kind,
        }
    }
}

/// A constant without the `i` that makes it imaginary, before or after another suffix; and whether there was one.
pub(crate) fn without_i(token: &str) -> (String, bool) {
    let last = token.chars().next_back();
    let suffix = last.filter(|c| "fFlL".contains(*c)).map(String::from);
    let suffix = suffix.unwrap_or_default();
    let before = token.strip_suffix(suffix.as_str()).unwrap_or(token);
    match before.strip_suffix(['i', 'I', 'j', 'J']) {
        Some(own) => (format!("{own}{suffix}"), true),
        None => match token.strip_suffix(['i', 'I', 'j', 'J']) {
            Some(own) => (own.to_owned(), true),
            None => (token.to_owned(), false),
        },
    }
}

/// The length of a preprocessing number (C17 6.4.8) or word at the start of `text`.
pub(crate) fn constant_len(text: &str) -> usize {
    let hex = text.starts_with("0x") || text.starts_with("0X");
    let mut before = ' ';
    text.char_indices()
        .find(|(_, c)| {
            let exponent = if hex { "pP" } else { "eE" };
            let part = is_word(*c) || *c == '.' || ("+-".contains(*c) && exponent.contains(before));
            before = *c;
            !part
        })
        .map_or(text.len(), |(at, _)| at)
}

pub(crate) fn constant(token: &str) -> Result<NumberKind, String> {
    let hex = token
        .strip_prefix("0x")
        .or_else(|| token.strip_prefix("0X"));
    let floating = match hex {
        Some(digits) => digits.contains(['.', 'p', 'P']),
        None => token.contains(['.', 'e', 'E']) && !token.starts_with("0b"),
    };
    // Of a hexadecimal without exponent f would be a digit, but C asks for the exponent.
    let kind = if floating {
        floating_constant(token, hex.is_some())
    } else {
        integer_constant(token)
    };
    kind.ok_or_else(|| format!("{token} is not a constant of C"))
}

fn floating_constant(token: &str, hex: bool) -> Option<NumberKind> {
    const SUFFIXES: [(&str, Suffix); 7] = [
        ("bf16", Suffix::Bf16),
        ("f128", Suffix::F128),
        ("f16", Suffix::F16),
        ("q", Suffix::F128),
        ("l", Suffix::L),
        ("f", Suffix::F),
        ("", Suffix::None),
    ];
    let lower = token.to_ascii_lowercase();
    let (text, suffix) = SUFFIXES
        .iter()
        .find_map(|(text, suffix)| Some((lower.strip_suffix(text)?, *suffix)))?;
    let digits = if hex { text.get(2..)? } else { text };
    let (mantissa, exponent) = match digits.split_once(if hex { 'p' } else { 'e' }) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digit = |c: char| c.is_digit(if hex { 16 } else { 10 });
    let has_digits = !(whole.is_empty() && fraction.is_empty())
        && whole.chars().all(is_digit)
        && fraction.chars().all(is_digit);
    let is_exponent = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        // More digits than any format needs would only cost time.
        !digits.is_empty() && digits.len() <= 6 && digits.chars().all(|c| c.is_ascii_digit())
    };
    let exponent_fits = exponent.map_or(!hex, is_exponent);
    (has_digits && exponent_fits && text.len() <= 4096).then(|| NumberKind::Float {
        text: text.to_owned(),
        suffix,
    })
}

fn integer_constant(token: &str) -> Option<NumberKind> {
    let lower = token.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['u', 'l']);
    let suffix = lower.get(digits.len()..)?;
    matches!(suffix, "" | "u" | "l" | "ul" | "lu" | "ll" | "ull" | "llu").then_some(())?;
    let (radix, digits) = match (digits.get(..2), digits.get(2..)) {
        (Some("0x"), Some(digits)) => (16, digits),
        (Some("0b"), Some(digits)) => (2, digits),
        (Some(_), _) if digits.starts_with('0') => (8, digits),
        _ => (10, digits),
    };
    Some(NumberKind::Int {
        magnitude: u128::from_str_radix(digits, radix).ok()?,
        decimal: radix == 10,
        unsigned: suffix.contains('u'),
        long: suffix.contains('l'),
    })
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
