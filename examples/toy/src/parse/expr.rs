//! Expressions, by precedence climbing. From loose to tight: `||`, `&&`, comparisons (which do not
//! chain), `|`, `^`, `&`, shifts, `+ -`, `* / %`, `as`, prefix operators, postfix operators.

use super::Parser;
use crate::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::diag::{Check, Diagnostic, Span, fail};
use crate::lex::{Token, integer, unescape};

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Check<Expr> {
        self.nested(|parser| parser.binary(1))
    }

    /// Without comparisons: between `<` and `>`.
    pub(super) fn additive(&mut self) -> Check<Expr> {
        self.nested(|parser| parser.binary(BinaryOp::ADDITIVE))
    }

    fn binary(&mut self, level: u8) -> Check<Expr> {
        if level > BinaryOp::TIGHTEST {
            return self.cast();
        }
        let mut left = self.binary(level + 1)?;
        let mut is_first = true;
        while let Some(op) = self.binary_op(level) {
            if level == BinaryOp::COMPARISON && !is_first {
                let why = Diagnostic::new(self.span(), "comparisons do not chain");
                return Err(why.note("write `a < b && b < c`"));
            }
            is_first = false;
            self.at += if op == BinaryOp::Shr { 2 } else { 1 };
            let right = self.beside(|parser| parser.binary(level + 1))?;
            let span = left.span.to(right.span);
            left = self.node(ExprKind::Binary(op, Box::new(left), Box::new(right)), span)?;
        }
        Ok(left)
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

    fn cast(&mut self) -> Check<Expr> {
        let mut value = self.unary()?;
        while self.accept(Token::As) {
            let ty = self.ty()?;
            let span = value.span.to(ty.span);
            value = self.node(ExprKind::Cast(Box::new(value), ty), span)?;
        }
        Ok(value)
    }

    fn unary(&mut self) -> Check<Expr> {
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

    fn postfix(&mut self) -> Check<Expr> {
        let mut value = self.primary()?;
        loop {
            let start = value.span;
            let base = Box::new(value);
            let kind = match self.peek() {
                Token::LParen => {
                    self.next();
                    ExprKind::Call(base, self.exprs(Token::RParen, "`,` or `)`")?)
                }
                Token::LBracket => {
                    self.next();
                    let index = self.inside(Self::expr)?;
                    self.expect(Token::RBracket, "`]`")?;
                    ExprKind::Index(base, Box::new(index))
                }
                Token::Dot => {
                    self.next();
                    ExprKind::Field(base, self.ident("a member")?)
                }
                _ => return Ok(*base),
            };
            value = self.node(kind, start.to(self.last_span()))?;
        }
    }

    fn primary(&mut self) -> Check<Expr> {
        let (start, text) = (self.span(), self.text());
        let token = self.peek();
        match token {
            Token::Name => return self.name(),
            Token::LParen => {
                self.next();
                let mut inner = self.inside(Self::expr)?;
                self.expect(Token::RParen, "`)`")?;
                inner.span = start.to(self.last_span());
                return Ok(inner);
            }
            Token::Fn => {
                let kind = ExprKind::Closure(Box::new(self.closure()?));
                return self.node(kind, start.to(self.last_span()));
            }
            Token::Str => {}
            _ => _ = self.next(),
        }
        let kind = match token {
            Token::Int => int_literal(text, start)?,
            Token::Float => float_literal(text),
            Token::Char => match unescape(text, start)?[..] {
                [byte] => ExprKind::Char(byte),
                _ => return fail(start, "a character is one byte"),
            },
            // Adjacent strings are one, as in C.
            Token::Str => {
                let mut bytes = Vec::new();
                while self.peek() == Token::Str {
                    bytes.extend(self.string()?.0);
                }
                ExprKind::Str(bytes)
            }
            Token::True | Token::False => ExprKind::Bool(token == Token::True),
            Token::Null => ExprKind::Null,
            Token::LBracket => self.array_literal()?,
            Token::SizeOf
            | Token::AlignOf
            | Token::OffsetOf
            | Token::VaArg
            | Token::VaStart
            | Token::Complex => {
                self.expect(Token::LParen, "`(`")?;
                let kind = self.builtin(token)?;
                self.expect(Token::RParen, "`)`")?;
                kind
            }
            _ => {
                self.at -= usize::from(token != Token::End);
                return Err(self.unexpected("an expression"));
            }
        };
        self.node(kind, start.to(self.last_span()))
    }

    /// `sizeof(T)`, `alignof(T)`, `offsetof(T, member)`, `va_start()`, `va_arg(list, T)`, `complex(re, im)`: between the parentheses.
    fn builtin(&mut self, token: Token) -> Check<ExprKind> {
        match token {
            Token::VaStart => Ok(ExprKind::VaStart),
            Token::SizeOf => Ok(ExprKind::SizeOf(self.ty()?)),
            Token::AlignOf => Ok(ExprKind::AlignOf(self.ty()?)),
            Token::OffsetOf => {
                let ty = self.ty()?;
                self.expect(Token::Comma, "`,` and a member")?;
                Ok(ExprKind::OffsetOf(ty, self.ident("a member")?))
            }
            Token::VaArg => {
                let list = self.inside(Self::expr)?;
                self.expect(Token::Comma, "`,` and the argument's type")?;
                Ok(ExprKind::VaArg(Box::new(list), self.ty()?))
            }
            _ => {
                let re = self.inside(Self::expr)?;
                self.expect(Token::Comma, "`,` and the imaginary part")?;
                Ok(ExprKind::Complex(
                    Box::new(re),
                    Box::new(self.inside(Self::expr)?),
                ))
            }
        }
    }

    /// `[a, b, c]` or `[value; count]`, after the bracket.
    fn array_literal(&mut self) -> Check<ExprKind> {
        if self.accept(Token::RBracket) {
            return Ok(ExprKind::Array(Vec::new()));
        }
        let first = self.inside(Self::expr)?;
        if self.accept(Token::Semi) {
            let count = self.inside(Self::expr)?;
            self.expect(Token::RBracket, "`]`")?;
            return Ok(ExprKind::Repeat(Box::new(first), Box::new(count)));
        }
        let mut elements = vec![first];
        if self.accept(Token::Comma) {
            elements.extend(self.exprs(Token::RBracket, "`,` or `]`")?);
        } else {
            self.expect(Token::RBracket, "`,`, `;` or `]`")?;
        }
        Ok(ExprKind::Array(elements))
    }

    /// A variable, a function, `Enum::Variant`, or a record literal.
    fn name(&mut self) -> Check<Expr> {
        let ident = self.ident("a name")?;
        let start = ident.span;
        let kind = if self.accept(Token::PathSep) {
            ExprKind::Path(ident, self.ident("a variant")?)
        } else if self.peek() != Token::LBrace || self.no_record_literal {
            ExprKind::Name(ident.name)
        } else {
            self.next();
            let members = self.list(Token::RBrace, "`,` or `}`", |parser| {
                let member = parser.ident("a member or `}`")?;
                parser.expect(Token::Colon, "`:` and the member's value")?;
                Ok((member, parser.inside(Self::expr)?))
            })?;
            ExprKind::Record(ident, members)
        };
        self.node(kind, start.to(self.last_span()))
    }

    fn exprs(&mut self, end: Token, what: &str) -> Check<Vec<Expr>> {
        self.list(end, what, |parser| parser.inside(Self::expr))
    }

    fn node(&mut self, kind: ExprKind, span: Span) -> Check<Expr> {
        self.above(span)?;
        Ok(Expr { kind, span })
    }

    /// Between brackets a record literal is no longer ambiguous.
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Check<T>) -> Check<T> {
        let outer = std::mem::replace(&mut self.no_record_literal, false);
        let result = read(self);
        self.no_record_literal = outer;
        result
    }
}

/// `7`, `7u8`, but also `7f32`.
fn int_literal(text: &str, span: Span) -> Check<ExprKind> {
    let (value, suffix) = integer(text, span)?;
    let decimal = text.strip_suffix(suffix).unwrap_or(text);
    let is_float = suffix.starts_with(['f', 'b']);
    if is_float && decimal.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return Ok(float_literal(text));
    }
    Ok(ExprKind::Int(value, suffix.into()))
}

fn float_literal(text: &str) -> ExprKind {
    // An exponent's `e` is followed by a digit or a sign, a suffix begins with another letter.
    let is_suffix = |c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E');
    let (digits, suffix) = text.split_at(text.find(is_suffix).unwrap_or(text.len()));
    ExprKind::Float(digits.replace('_', "").into(), suffix.into())
}
