//! Strings in quotes, with C's escapes and prefixes (C17 6.4.4.4 and 6.4.5). Text is UTF-8, and becomes UTF-16 or UTF-32 in
//! strings of wider elements.

/// A string as it is written, without the NUL after it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Text {
    pub(crate) prefix: Prefix,
    pub(crate) units: Vec<Unit>,
}

/// What elements a string has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Prefix {
    /// `char`, without a prefix or with `u8`.
    Char,
    /// `u`, `char16_t`.
    Char16,
    /// `U`, `char32_t`.
    Char32,
    /// `L`, `wchar_t`, whose width the compiler's options decide.
    Wchar,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    /// Encoded as the elements need it.
    Char(char),
    /// An element given by its value.
    Code(u32),
}

impl Text {
    /// The elements of `bits` bits each, little-endian.
    pub(crate) fn encode(&self, bits: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        for unit in &self.units {
            match (*unit, bits) {
                (Unit::Char(c), 8) => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
                (Unit::Char(c), 16) => {
                    let mut buffer = [0; 2];
                    let encoded = c.encode_utf16(&mut buffer);
                    bytes.extend(encoded.iter().flat_map(|unit| unit.to_le_bytes()));
                }
                (Unit::Char(c), _) => bytes.extend(u32::from(c).to_le_bytes()),
                (Unit::Code(code), _) => {
                    if u64::from(code) >> bits != 0 {
                        return Err(format!("\\x{code:x} does not fit {bits} bits"));
                    }
                    let size = usize::try_from(bits / 8).unwrap_or(4);
                    bytes.extend(code.to_le_bytes().into_iter().take(size));
                }
            }
        }
        Ok(bytes)
    }
}

/// Whether a string begins here, with a prefix or without.
pub(crate) fn is_string(text: &str) -> bool {
    prefixed(text).is_some()
}

/// The prefix of a string, and what follows the opening quote.
fn prefixed(text: &str) -> Option<(Option<Prefix>, &str)> {
    [
        ("u8", Some(Prefix::Char)),
        ("u", Some(Prefix::Char16)),
        ("U", Some(Prefix::Char32)),
        ("L", Some(Prefix::Wchar)),
        ("", None),
    ]
    .into_iter()
    .find_map(|(word, prefix)| Some((prefix, text.strip_prefix(word)?.strip_prefix('"')?)))
}

/// Adjacent strings are one, with the prefix that one of them has.
pub(crate) fn strings(text: &str) -> Result<Text, String> {
    let mut units = Vec::new();
    let mut common = None;
    let mut rest = text;
    while let Some((prefix, inside)) = prefixed(rest) {
        if common.is_some() && prefix.is_some() && common != prefix {
            return Err("strings of different prefixes do not join".into());
        }
        common = common.or(prefix);
        let (part, after) = quoted(inside)?;
        units.extend(part);
        rest = after.trim_start();
    }
    if rest.is_empty() {
        let prefix = common.unwrap_or(Prefix::Char);
        let text = Text { prefix, units };
        if prefix == Prefix::Char {
            text.encode(8)?;
        }
        Ok(text)
    } else {
        Err(format!("unexpected `{rest}` after the string"))
    }
}

/// What stands before the quote, and what is after it. Escapes: C17 6.4.4.4.
fn quoted(text: &str) -> Result<(Vec<Unit>, &str), String> {
    let mut units = Vec::new();
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        match chars.next() {
            None => return Err("the closing \" is missing".into()),
            Some('"') => return Ok((units, chars.as_str())),
            Some('\\') => {
                let (unit, after) = escape(chars.as_str())?;
                units.push(unit);
                rest = after;
            }
            Some(c) => {
                units.push(Unit::Char(c));
                rest = chars.as_str();
            }
        }
    }
}

/// The escape after a backslash, and what follows it.
fn escape(text: &str) -> Result<(Unit, &str), String> {
    let mut chars = text.chars();
    let first = chars.next().ok_or("nothing follows the backslash")?;
    let (radix, skip, most) = match first {
        'x' => (16, 1, usize::MAX),
        'u' => (16, 1, 4),
        'U' => (16, 1, 8),
        '0'..='7' => (8, 0, 3),
        _ => {
            // \a to \r have the codes from 7 on.
            let code = match "abtnvfr".find(first) {
                Some(i) => u32::try_from(i).ok().map(|i| 7 + i),
                None if first == 'e' => Some(27),
                None => Some(first.into()).filter(|_| "\\'\"?".contains(first)),
            };
            let code = code.ok_or_else(|| format!("\\{first} is not an escape of C"))?;
            return Ok((Unit::Code(code), chars.as_str()));
        }
    };
    let digits = text.get(skip..).unwrap_or_default();
    let len = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len())
        .min(most);
    let (digits, rest) = digits.split_at(len);
    let wrong = || {
        let letter = if skip == 1 {
            first.to_string()
        } else {
            String::new()
        };
        format!("\\{letter}{digits} is not a character")
    };
    let code = u32::from_str_radix(digits, radix).map_err(|_| wrong())?;
    if matches!(first, 'u' | 'U') {
        let c = char::from_u32(code).filter(|_| len == most);
        Ok((Unit::Char(c.ok_or_else(wrong)?), rest))
    } else {
        Ok((Unit::Code(code), rest))
    }
}
