//! Expressions, by precedence climbing. From loose to tight: `||`, `&&`, comparisons (which do not
//! chain), `|`, `^`, `&`, shifts, `+ -`, `* / %`, `as`, prefix operators, postfix operators.

use super::{Parsed, Parser};
use crate::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::diag::{Diagnostic, Span};
use crate::lex::{Token, integer, unescape};

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.nested(|parser| parser.binary(1))
    }

    /// Without comparisons: between `<` and `>`.
    pub(super) fn additive(&mut self) -> Parsed<Expr> {
        self.nested(|parser| parser.binary(BinaryOp::ADDITIVE))
    }

    fn binary(&mut self, level: u8) -> Parsed<Expr> {
        if level > BinaryOp::TIGHTEST {
            return self.cast();
        }
        let first = self.binary(level + 1)?;
        let mut links = Vec::new();
        while let Some(op) = self.binary_op(level) {
            if level == BinaryOp::COMPARISON && !links.is_empty() {
                return Err(Diagnostic::new(self.span(), "comparisons do not chain")
                    .note("write `a < b && b < c`"));
            }
            self.next();
            if op == BinaryOp::Shr {
                self.next();
            }
            links.push((op, self.beside(|parser| parser.binary(level + 1))?));
        }
        let Some((_, last)) = links.last() else {
            return Ok(first);
        };
        let span = first.span.to(last.span);
        self.node(ExprKind::Chain(Box::new(first), links), span)
    }

    /// The operator at hand, if it is one of this level.
    fn binary_op(&self, level: u8) -> Option<BinaryOp> {
        let (op, its_level) = match (self.peek(), self.after_gt()) {
            (Token::Gt, Token::Gt) => BinaryOp::of(">>")?,
            (Token::Gt, Token::Ge) => return None, // `>>=`
            _ => BinaryOp::of(self.text())?,
        };
        (its_level == level).then_some(op)
    }

    /// The token right after a `>`, without a blank between.
    fn after_gt(&self) -> Token {
        match self.tokens.get(self.at + 1) {
            Some(next) if next.span.start == self.span().end => next.token,
            _ => Token::End,
        }
    }

    fn cast(&mut self) -> Parsed<Expr> {
        let mut value = self.unary()?;
        while self.accept(Token::As) {
            let ty = self.ty()?;
            let span = value.span.to(ty.span);
            value = self.node(ExprKind::Cast(Box::new(value), ty), span)?;
        }
        Ok(value)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let op = match self.peek() {
            Token::Minus => UnaryOp::Neg,
            Token::Not => UnaryOp::Not,
            Token::Tilde => UnaryOp::BitNot,
            Token::Star => UnaryOp::Deref,
            Token::And => UnaryOp::AddressOf,
            _ => return self.postfix(),
        };
        self.next();
        let operand = self.nested(Self::unary)?;
        let span = start.to(operand.span);
        self.node(ExprKind::Unary(op, Box::new(operand)), span)
    }

    fn postfix(&mut self) -> Parsed<Expr> {
        let mut value = self.primary()?;
        loop {
            let start = value.span;
            let kind = match self.peek() {
                Token::LParen => {
                    self.next();
                    let args = self.exprs(Token::RParen, "`,` or `)`")?;
                    ExprKind::Call(Box::new(value), args)
                }
                Token::LBracket => {
                    self.next();
                    let index = self.inside(Self::expr)?;
                    self.expect(Token::RBracket, "`]`")?;
                    ExprKind::Index(Box::new(value), Box::new(index))
                }
                Token::Dot => {
                    self.next();
                    let member = self.ident("a member")?;
                    ExprKind::Field(Box::new(value), member)
                }
                _ => return Ok(value),
            };
            value = self.node(kind, start.to(self.last_span()))?;
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let text = self.text();
        let kind = match self.peek() {
            Token::Int => self.int_literal(text, start)?,
            Token::Float => self.float_literal(text)?,
            Token::Char => {
                let bytes = unescape(text, start)?;
                let [byte] = bytes[..] else {
                    return Err(Diagnostic::new(start, "a character is one byte")
                        .note("longer text is a string: \"...\""));
                };
                self.next();
                ExprKind::Char(byte)
            }
            Token::Str => return self.string_literal(),
            token @ (Token::True | Token::False) => {
                self.next();
                ExprKind::Bool(token == Token::True)
            }
            Token::Null => {
                self.next();
                ExprKind::Null
            }
            Token::LParen => return self.parenthesized(),
            Token::LBracket => return self.array_literal(),
            Token::Name => return self.name(),
            Token::SizeOf | Token::AlignOf | Token::OffsetOf => return self.layout_query(),
            Token::Fn => ExprKind::Closure(Box::new(self.closure()?)),
            Token::VaArg => return self.va_arg(),
            Token::VaStart => {
                self.next();
                self.expect(Token::LParen, "`(`")?;
                self.expect(Token::RParen, "`)`, as in `let list = va_start();`")?;
                ExprKind::VaStart
            }
            Token::Complex => {
                self.next();
                self.expect(Token::LParen, "`(`")?;
                let re = self.inside(Self::expr)?;
                self.expect(Token::Comma, "`,` and the imaginary part")?;
                let im = self.inside(Self::expr)?;
                self.expect(Token::RParen, "`)`")?;
                ExprKind::Complex(Box::new(re), Box::new(im))
            }
            _ => return Err(self.unexpected("an expression")),
        };
        self.node(kind, start.to(self.last_span()))
    }

    /// `7`, `7u8`, but also `7f32`.
    fn int_literal(&mut self, text: &str, span: Span) -> Parsed<ExprKind> {
        let (value, suffix) = integer(text, span)?;
        self.next();
        let float = matches!(
            suffix,
            "i" | "f16" | "bf16" | "f32" | "f64" | "f80" | "f128"
        );
        let decimal = text.strip_suffix(suffix).unwrap_or(text);
        if float && decimal.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
            return Ok(float_kind(decimal, suffix));
        }
        Ok(ExprKind::Int(value, suffix.into()))
    }

    fn float_literal(&mut self, text: &str) -> Parsed<ExprKind> {
        self.next();
        // An exponent's `e` is followed by a digit or a sign, a suffix begins with another letter.
        let suffix_at = text
            .char_indices()
            .position(|(_, c)| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E'))
            .unwrap_or(text.len());
        let (digits, suffix) = text.split_at(suffix_at);
        Ok(float_kind(digits, suffix))
    }

    /// Adjacent strings are one, as in C.
    fn string_literal(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let mut bytes = Vec::new();
        while self.peek() == Token::Str {
            bytes.extend(self.string()?.0);
        }
        self.node(ExprKind::Str(bytes), start.to(self.last_span()))
    }

    fn parenthesized(&mut self) -> Parsed<Expr> {
        let start = self.span();
        self.next();
        let mut inner = self.inside(Self::expr)?;
        self.expect(Token::RParen, "`)`")?;
        inner.span = start.to(self.last_span());
        Ok(inner)
    }

    /// `[a, b, c]` or `[value; count]`
    fn array_literal(&mut self) -> Parsed<Expr> {
        let start = self.span();
        self.next();
        let mut elements = Vec::new();
        if self.peek() != Token::RBracket {
            let first = self.inside(Self::expr)?;
            if self.accept(Token::Semi) {
                let count = self.inside(Self::expr)?;
                self.expect(Token::RBracket, "`]`")?;
                let kind = ExprKind::Repeat(Box::new(first), Box::new(count));
                return self.node(kind, start.to(self.last_span()));
            }
            elements.push(first);
            if self.accept(Token::Comma) {
                elements.extend(self.exprs(Token::RBracket, "`,` or `]`")?);
            } else {
                self.expect(Token::RBracket, "`,`, `;` or `]`")?;
            }
        } else {
            self.next();
        }
        self.node(ExprKind::Array(elements), start.to(self.last_span()))
    }

    /// A variable, a function, `Enum::Variant`, or a record literal.
    fn name(&mut self) -> Parsed<Expr> {
        let ident = self.ident("a name")?;
        let start = ident.span;
        if self.accept(Token::PathSep) {
            let variant = self.ident("a variant")?;
            let kind = ExprKind::Path(ident, variant);
            return self.node(kind, start.to(self.last_span()));
        }
        if self.peek() != Token::LBrace || self.no_record_literal {
            return self.node(ExprKind::Name(ident.name), start);
        }
        self.next();
        let members = self.list(Token::RBrace, "`,` or `}`", |parser| {
            let member = parser.ident("a member or `}`")?;
            parser.expect(Token::Colon, "`:` and the member's value")?;
            Ok((member, parser.inside(Self::expr)?))
        })?;
        let kind = ExprKind::Record(ident, members);
        self.node(kind, start.to(self.last_span()))
    }

    /// `sizeof(T)`, `alignof(T)`, `offsetof(T, member)`
    fn layout_query(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let token = self.next();
        self.expect(Token::LParen, "`(`")?;
        let ty = self.ty()?;
        let kind = match token {
            Token::SizeOf => ExprKind::SizeOf(ty),
            Token::AlignOf => ExprKind::AlignOf(ty),
            _ => {
                self.expect(Token::Comma, "`,` and a member")?;
                ExprKind::OffsetOf(ty, self.ident("a member")?)
            }
        };
        self.expect(Token::RParen, "`)`")?;
        self.node(kind, start.to(self.last_span()))
    }

    /// `va_arg(list, T)`
    fn va_arg(&mut self) -> Parsed<Expr> {
        let start = self.span();
        self.next();
        self.expect(Token::LParen, "`(`")?;
        let list = self.inside(Self::expr)?;
        self.expect(Token::Comma, "`,` and the argument's type")?;
        let ty = self.ty()?;
        self.expect(Token::RParen, "`)`")?;
        let kind = ExprKind::VaArg(Box::new(list), ty);
        self.node(kind, start.to(self.last_span()))
    }

    fn exprs(&mut self, end: Token, what: &str) -> Parsed<Vec<Expr>> {
        self.list(end, what, |parser| parser.inside(Self::expr))
    }

    fn node(&mut self, kind: ExprKind, span: Span) -> Parsed<Expr> {
        self.above(span)?;
        Ok(Expr { kind, span })
    }

    /// Between brackets a record literal is no longer ambiguous.
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.no_record_literal, false);
        let result = read(self);
        self.no_record_literal = outer;
        result
    }
}

fn float_kind(digits: &str, suffix: &str) -> ExprKind {
    let imaginary = suffix == "i";
    let suffix = if imaginary { "" } else { suffix };
    ExprKind::Float {
        digits: digits.replace('_', "").into(),
        suffix: suffix.into(),
        imaginary,
    }
}
