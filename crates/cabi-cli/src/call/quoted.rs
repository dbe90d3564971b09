//! Strings and characters in quotes, with C's escapes (C17 6.4.4.4 and 6.4.5). UTF-8 in, UTF-8 out; no prefixes.

/// Adjacent strings are one.
pub(crate) fn strings(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('"') {
        let (part, behind) = quoted(inside, '"')?;
        bytes.extend(part);
        rest = behind.trim_start();
    }
    if rest.is_empty() {
        Ok(bytes)
    } else {
        Err(format!("what is `{rest}` behind the string?"))
    }
}

/// The value of a character constant: a `char`, which is signed here, as an `int`.
pub(crate) fn character(text: &str) -> Result<i32, String> {
    let inside = text.strip_prefix('\'').unwrap_or(text);
    match quoted(inside, '\'')? {
        (bytes, "") if bytes.len() == 1 => Ok(i32::from(i8::from_ne_bytes([bytes[0]]))),
        _ => Err(format!("{text} is not one character of one byte")),
    }
}

/// The bytes up to the quote, and what is behind it. Escapes: C17 6.4.4.4.
fn quoted(text: &str, quote: char) -> Result<(Vec<u8>, &str), String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        match chars.next() {
            None => return Err(format!("the closing {quote} is missing")),
            Some(c) if c == quote => return Ok((bytes, chars.as_str())),
            Some('\\') => rest = escape(chars.as_str(), &mut bytes)?,
            Some(c) => {
                bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = chars.as_str();
            }
        }
    }
}

/// The escape behind a backslash; gives what follows it.
fn escape<'t>(text: &'t str, bytes: &mut Vec<u8>) -> Result<&'t str, String> {
    let mut chars = text.chars();
    let first = chars.next().ok_or("nothing follows the backslash")?;
    let (radix, skip, most) = match first {
        'x' => (16, 1, usize::MAX),
        'u' => (16, 1, 4),
        'U' => (16, 1, 8),
        '0'..='7' => (8, 0, 3),
        _ => {
            let simple = [
                ('n', b'\n'),
                ('t', b'\t'),
                ('r', b'\r'),
                ('a', 7),
                ('b', 8),
                ('f', 12),
                ('v', 11),
                ('e', 27),
                ('\\', b'\\'),
                ('\'', b'\''),
                ('"', b'"'),
                ('?', b'?'),
            ];
            let found = simple.iter().find(|(c, _)| *c == first);
            let (_, byte) = found.ok_or_else(|| format!("\\{first} is not an escape of C"))?;
            bytes.push(*byte);
            return Ok(chars.as_str());
        }
    };
    let digits = text.get(skip..).unwrap_or_default();
    let len = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len())
        .min(most);
    let (digits, rest) = digits.split_at(len);
    let wrong = || {
        format!(
            "\\{}{digits} is not a character",
            if skip == 1 {
                first.to_string()
            } else {
                String::new()
            }
        )
    };
    let code = u32::from_str_radix(digits, radix).map_err(|_| wrong())?;
    if matches!(first, 'u' | 'U') {
        let c = char::from_u32(code)
            .filter(|_| len == most)
            .ok_or_else(wrong)?;
        bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        bytes.push(u8::try_from(code).map_err(|_| wrong())?);
    }
    Ok(rest)
}
