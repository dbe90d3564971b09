//! Tokens. Numbers and strings are taken apart here; what a number's suffix means to its type is
//! the checker's business.

use crate::ast::Number;
use crate::diag::{Check, Diagnostic, Span, fail};
use logos::Logos;

/// The largest source text: a span counts bytes in 32 bits, and a mistaken path should not eat the
/// machine.
const MAX_SOURCE: usize = 16 << 20;

/// Names that mean something to the language.
const WORDS: [&str; 24] = [
    "as", "break", "catch", "complex", "continue", "else", "extern", "false", "fn", "for", "if",
    "in", "let", "null", "return", "sizeof", "struct", "true", "try", "union", "use", "va_arg",
    "va_start", "while",
];

/// The kind of a token; its text is found through its span.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
#[logos(skip r"[ \t\r\n]+", skip(r"//[^\n]*", allow_greedy = true))]
pub(crate) enum Token {
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
    Name,
    #[regex(r"[0-9][A-Za-z0-9_]*")]
    Int,
    #[regex(
        r"[0-9][0-9_]*\.[0-9][0-9_]*([eE][+-]?[0-9][0-9_]*)?([A-Za-z][A-Za-z0-9]*)?",
        priority = 10
    )]
    #[regex(
        r"[0-9][0-9_]*[eE][+-]?[0-9][0-9_]*([A-Za-z][A-Za-z0-9]*)?",
        priority = 10
    )]
    Float,
    #[regex(r#""([^"\\\n]|\\[^\n])*""#)]
    Str,
    #[regex(r#""([^"\\\n]|\\[^\n])*"#)]
    UnterminatedStr,
    #[regex(r"'([^'\\\n]|\\[^\n])+'")]
    Char,
    #[regex(r"[-+*/%&|^!=<>]=?|<<=?|>>=?|&&|\|\||->|\.|\.\.|\.\.\.|[(){}\[\],;:~]")]
    Mark,
    Word,
    /// After the last token, for ever.
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) span: Span,
}

/// All tokens of `source`.
pub(crate) fn lex(source: &str) -> Check<Vec<Spanned>> {
    if source.len() > MAX_SOURCE {
        return fail(Span::default(), "the program is longer than 16 MiB");
    }
    let mut tokens = Vec::new();
    for (result, range) in Token::lexer(source).spanned() {
        let span = Span::from_range(&range);
        let text = source.get(range).unwrap_or("");
        let token = match result {
            Ok(Token::Name) if WORDS.contains(&text) => Token::Word,
            Ok(Token::UnterminatedStr) => return fail(span, "this string is never closed"),
            Ok(token) => token,
            Err(()) if text.starts_with('\'') => {
                return fail(span, "this character is never closed");
            }
            Err(()) => {
                let text = text.escape_debug();
                return fail(span, format!("`{text}` is no token of the language"));
            }
        };
        tokens.push(Spanned { token, span });
    }
    Ok(tokens)
}

impl Token {
    /// How a message names the token.
    pub(crate) fn describe(self, text: &str) -> String {
        match self {
            Token::End => "the end of the program".to_owned(),
            Token::Int | Token::Float => format!("the number `{text}`"),
            Token::Str => "a string".to_owned(),
            _ => format!("`{text}`"),
        }
    }
}

/// The bytes of a string or character with its quotes, without the terminating zero.
pub(crate) fn unescape(text: &str, span: Span) -> Check<Vec<u8>> {
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
    let (mut bytes, mut escaped) = (Vec::new(), false);
    for byte in inner.bytes() {
        let is_escape = escaped;
        escaped = !escaped && byte == b'\\';
        bytes.push(match (is_escape, byte) {
            (false, b'\\') => continue,
            (false, byte) => byte,
            (true, b'n') => b'\n',
            (true, b't') => b'\t',
            (true, b'0') => 0,
            (true, b'\\' | b'"' | b'\'') => byte,
            (true, byte) => {
                let message = format!("`\\{}` is no escape", byte.escape_ascii());
                return Err(Diagnostic::new(span, message)
                    .note("escapes are \\n \\t \\0 \\\\ \\\" and \\'"));
            }
        });
    }
    Ok(bytes)
}

/// The parts of a number: `7`, `0xffu8`, `1_000.5e-3`, `7f32`.
pub(crate) fn number(text: &str, is_float: bool, span: Span) -> Check<Number> {
    let (radix, rest) = match text.strip_prefix("0x") {
        Some(rest) => (16, rest),
        None => (10, text),
    };
    let is_suffix = |c: char| match is_float {
        // An exponent's `e` is followed by a digit or a sign, a suffix begins with another letter.
        true => c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E'),
        false => c != '_' && !c.is_digit(radix),
    };
    let (digits, suffix) = rest.split_at(rest.find(is_suffix).unwrap_or(rest.len()));
    let (digits, suffix) = (digits.replace('_', ""), suffix.into());
    let (mut digits, mut integer) = (digits, None);
    if digits.is_empty() {
        return fail(span, format!("`{text}` has no digits"));
    }
    if !is_float {
        let value = u128::from_str_radix(&digits, radix)
            .map_err(|_| Diagnostic::new(span, "this number needs more than 128 bits"))?;
        (digits, integer) = (value.to_string(), Some(value));
    }
    Ok(Number {
        digits,
        integer,
        suffix,
    })
}
