//! Numbers as C writes them (C17 6.4.4.1 and 6.4.4.2), as far as clang is not asked for them: it gives no values of floating constants.

use super::float;

/// A constant with its sign.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Number {
    pub(crate) negative: bool,
    pub(crate) kind: NumberKind,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum NumberKind {
    Int(u128),
    /// The text without its suffix: as Rust's and C's decimals and hexadecimals agree.
    Float(String),
}

impl Number {
    /// Whether it is `INFINITY`, `HUGE_VAL` or `NAN`.
    pub(crate) fn is_macro(&self) -> bool {
        matches!(&self.kind, NumberKind::Float(text) if text.starts_with(['I', 'N']))
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

/// A floating constant, a macro that is one, or a decimal integer without a suffix. What clang reads alone is neither: it knows the ranks and ranges of the others.
pub(crate) fn constant(token: &str) -> Option<NumberKind> {
    if matches!(token, "INFINITY" | "NAN" | "HUGE_VAL") {
        return Some(NumberKind::Float(token.replace("HUGE_VAL", "INFINITY")));
    }
    if token == "0" || !token.starts_with('0') {
        // `parse` takes a sign, which no token has.
        if let Ok(magnitude) = token.parse() {
            return Some(NumberKind::Int(magnitude));
        }
    }
    const SUFFIXES: [&str; 7] = ["bf16", "f128", "f16", "q", "l", "f", ""];
    let lower = token.to_ascii_lowercase();
    let (mark, point) = match lower.starts_with("0x") {
        true => ('p', "p"),
        false => ('e', ".e"),
    };
    lower.contains(|c| point.contains(c)).then_some(())?;
    let mut without = SUFFIXES.iter().map(|suffix| lower.strip_suffix(suffix));
    let text = without.find_map(|text| text)?;
    // More digits than any format needs would only cost time.
    let is_exponent = |(_, exponent): (&str, &str)| {
        exponent.len() <= 6 && exponent.ends_with(|c: char| c.is_ascii_digit())
    };
    let is_short = text.len() <= 4096 && text.split_once(mark).is_none_or(is_exponent);
    let is_constant = is_short && float::is_constant(text);
    is_constant.then(|| NumberKind::Float(text.to_owned()))
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
