//! Tokens. Numbers, strings and comments are taken apart here; what a number's suffix means to its
//! type is the checker's business.

use crate::ast::Number;
use crate::diag::{Check, Diagnostic, Span, fail};
use logos::Logos;

/// The largest source text: a span counts bytes in 32 bits, and a mistaken path should not eat the machine.
const MAX_SOURCE: usize = 16 << 20;

/// The enum of all tokens; a word or punctuation mark is a token by itself.
macro_rules! tokens {
    ($($text:tt $name:ident,)*) => {
        /// One token; its text is found through its span.
        #[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
        #[logos(skip r"[ \t\r\n]+", skip(r"//[^\n]*", allow_greedy = true))]
        pub(crate) enum Token {
            #[regex(r"/\*", block_comment)]
            UnterminatedComment,
            #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
            Name,
            #[regex(r"[0-9][A-Za-z0-9_]*")]
            Int,
            #[regex(r"[0-9][0-9_]*\.[0-9][0-9_]*([eE][+-]?[0-9][0-9_]*)?([A-Za-z][A-Za-z0-9]*)?", priority = 10)]
            #[regex(r"[0-9][0-9_]*[eE][+-]?[0-9][0-9_]*([A-Za-z][A-Za-z0-9]*)?", priority = 10)]
            Float,
            #[regex(r#""([^"\\\n]|\\[^\n])*""#)]
            Str,
            #[regex(r#""([^"\\\n]|\\[^\n])*"#)]
            UnterminatedStr,
            #[regex(r"'([^'\\\n]|\\[^\n])+'")]
            Char,
            $(#[token($text)] $name,)*
            /// After the last token, for ever.
            End,
        }
    };
}

tokens! {
    "alignof" AlignOf, "as" As, "break" Break, "complex" Complex, "const" Const,
    "continue" Continue, "else" Else, "extern" Extern, "false" False, "fn" Fn, "for" For,
    "if" If, "in" In, "let" Let, "null" Null, "return" Return, "sizeof" SizeOf,
    "struct" Struct, "true" True, "union" Union, "use" Use, "va_arg" VaArg,
    "va_start" VaStart, "while" While,
    "(" LParen, ")" RParen, "[" LBracket, "]" RBracket, "{" LBrace, "}" RBrace,
    "," Comma, ";" Semi, ":" Colon, "->" Arrow, "..." Ellipsis, ".." DotDot, "." Dot,
    "=" Assign, "==" Eq, "!=" Ne, "<=" Le, "<" Lt, ">=" Ge, ">" Gt, "<<" Shl, ">>" Shr,
    "&&" AndAnd, "||" OrOr, "+=" PlusAssign, "-=" MinusAssign, "*=" StarAssign,
    "/=" SlashAssign, "%=" PercentAssign, "&=" AndAssign, "|=" OrAssign, "^=" XorAssign,
    "<<=" ShlAssign, ">>=" ShrAssign,
    "+" Plus, "-" Minus, "*" Star, "/" Slash, "%" Percent, "&" And, "|" Or, "^" Xor, "!" Not,
    "~" Tilde,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) span: Span,
}

/// All tokens of `source`, ended by [`Token::End`].
pub(crate) fn lex(source: &str) -> Check<Vec<Spanned>> {
    let end = u32::try_from(source.len()).unwrap_or(u32::MAX);
    if source.len() > MAX_SOURCE {
        let at = Span { start: 0, end: 0 };
        return fail(at, "the program is longer than 16 MiB");
    }
    let mut tokens = Vec::new();
    for (result, range) in Token::lexer(source).spanned() {
        let span = Span::from_range(&range);
        let text = source.get(range).unwrap_or("");
        match result {
            Ok(Token::UnterminatedComment) => return fail(span, "this comment is never closed"),
            Ok(Token::UnterminatedStr) => return fail(span, "this string is never closed"),
            Ok(token) => tokens.push(Spanned { token, span }),
            Err(()) if text.starts_with('\'') => {
                return fail(span, "this character is never closed");
            }
            Err(()) => {
                let text = text.escape_debug();
                return fail(span, format!("`{text}` is no token of the language"));
            }
        }
    }
    let span = Span { start: end, end };
    let token = Token::End;
    tokens.push(Spanned { token, span });
    Ok(tokens)
}

/// Skips to the end of a block comment; an open one becomes a token, so that it can be reported.
fn block_comment(lexer: &mut logos::Lexer<'_, Token>) -> logos::Filter<()> {
    match lexer.remainder().find("*/") {
        Some(at) => {
            lexer.bump(at + 2);
            logos::Filter::Skip
        }
        None => logos::Filter::Emit(()),
    }
}

impl Token {
    /// How a message names the token.
    pub(crate) fn describe(self, text: &str) -> String {
        match self {
            Token::End => "the end of the program".to_string(),
            Token::Int | Token::Float => format!("the number `{text}`"),
            Token::Str => "a string".to_string(),
            _ => format!("`{text}`"),
        }
    }
}

/// The bytes of a string literal with its quotes, without the terminating zero.
pub(crate) fn unescape(text: &str, span: Span) -> Check<Vec<u8>> {
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
    let mut bytes = Vec::with_capacity(inner.len() + 1);
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match chars.next() {
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('r') => b'\r',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('"') => b'"',
            Some('\'') => b'\'',
            Some('x') => hex_escape(&mut chars, span)?,
            other => {
                let shown = other.map(String::from).unwrap_or_default();
                let message = format!("`\\{}` is no escape", shown.escape_debug());
                return Err(Diagnostic::new(span, message)
                    .note("escapes are \\n \\t \\r \\0 \\\\ \\\" \\' and \\xHH"));
            }
        });
    }
    Ok(bytes)
}

fn hex_escape(chars: &mut std::str::Chars<'_>, span: Span) -> Check<u8> {
    let digits: String = chars.by_ref().take(2).collect();
    let valid = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match u8::from_str_radix(&digits, 16) {
        Ok(byte) if valid => Ok(byte),
        _ => fail(span, "`\\x` takes two hexadecimal digits"),
    }
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
    let digits = digits.replace('_', "");
    let suffix = suffix.into();
    if is_float {
        let (digits, integer) = (digits.into(), None);
        return Ok(Number {
            digits,
            integer,
            suffix,
        });
    }
    if digits.is_empty() {
        return fail(span, format!("`{text}` has no digits"));
    }
    let value = u128::from_str_radix(&digits, radix)
        .map_err(|_| Diagnostic::new(span, "this number needs more than 128 bits"))?;
    let (digits, integer) = (value.to_string().into(), Some(value));
    Ok(Number {
        digits,
        integer,
        suffix,
    })
}
