//! Expressions, by precedence climbing. From loose to tight: `||`, `&&`, comparisons (which do not
//! chain), `|`, `^`, `&`, shifts, `+ -`, `* / %`, `as`, prefix operators, postfix operators.

use super::Parser;
use crate::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::diag::{Check, Diagnostic, Span, fail};
use crate::lex::{Token, number, unescape};
use std::rc::Rc;

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Check<Expr> {
        self.nested(|parser| parser.binary(1))
    }

    fn binary(&mut self, level: u8) -> Check<Expr> {
        if level > BinaryOp::TIGHTEST {
            return self.cast();
        }
        let mut left = self.binary(level + 1)?;
        let mut is_first = true;
        while let Some((op, _)) = BinaryOp::of(self.text()).filter(|(_, own)| *own == level) {
            if level == BinaryOp::COMPARISON && !is_first {
                let why = Diagnostic::new(self.span(), "comparisons do not chain");
                return Err(why.note("write `a < b && b < c`"));
            }
            is_first = false;
            self.next();
            let right = self.binary(level + 1)?;
            let span = left.span.to(right.span);
            left = self.above(ExprKind::Binary(op, Box::new(left), Box::new(right)), span)?;
        }
        Ok(left)
    }

    fn cast(&mut self) -> Check<Expr> {
        let mut value = self.unary()?;
        while self.accept(Token::As) {
            let ty = self.ty()?;
            let span = value.span.to(ty.span);
            value = self.above(ExprKind::Cast(Box::new(value), ty), span)?;
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
        if op == UnaryOp::AddressOf {
            self.point_to(&operand);
        }
        let span = start.to(operand.span);
        let kind = ExprKind::Unary(op, Box::new(operand));
        Ok(Expr { kind, span })
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
            value = self.above(kind, start.to(self.last_span()))?;
        }
    }

    fn primary(&mut self) -> Check<Expr> {
        let (start, text) = (self.span(), self.text());
        let unknown = self.unexpected("an expression");
        let kind = match self.next() {
            Token::Name => self.name(text, start)?,
            token @ (Token::Int | Token::Float) => {
                ExprKind::Number(number(text, token == Token::Float, start)?)
            }
            Token::Char => match unescape(text, start)?[..] {
                [byte] => ExprKind::Char(byte),
                _ => return fail(start, "a character is one byte"),
            },
            Token::Str => ExprKind::Str(unescape(text, start)?),
            Token::True => ExprKind::Bool(true),
            Token::False => ExprKind::Bool(false),
            Token::Null => ExprKind::Null,
            Token::LParen => {
                let inner = self.inside(Self::expr)?;
                self.expect(Token::RParen, "`)`")?;
                inner.kind
            }
            Token::LBracket => ExprKind::Array(self.exprs(Token::RBracket, "`,` or `]`")?),
            Token::Fn => ExprKind::Closure(Box::new(self.closure()?)),
            token @ (Token::SizeOf
            | Token::AlignOf
            | Token::VaArg
            | Token::VaStart
            | Token::Complex) => {
                self.expect(Token::LParen, "`(`")?;
                let kind = self.inside(|parser| parser.builtin(token))?;
                self.expect(Token::RParen, "`)`")?;
                kind
            }
            _ => return Err(unknown),
        };
        let span = start.to(self.last_span());
        Ok(Expr { kind, span })
    }

    /// `sizeof(T)`, `alignof(T)`, `va_start()`, `va_arg(list, T)`, `complex(re, im)`: between the parentheses.
    fn builtin(&mut self, token: Token) -> Check<ExprKind> {
        match token {
            Token::VaStart => Ok(ExprKind::VaStart),
            Token::SizeOf => Ok(ExprKind::SizeOf(self.ty()?)),
            Token::AlignOf => Ok(ExprKind::AlignOf(self.ty()?)),
            Token::VaArg => {
                let list = self.expr()?;
                self.point_to(&list);
                self.expect(Token::Comma, "`,` and the argument's type")?;
                Ok(ExprKind::VaArg(Box::new(list), self.ty()?))
            }
            _ => {
                let re = Box::new(self.expr()?);
                self.expect(Token::Comma, "`,` and the imaginary part")?;
                Ok(ExprKind::Complex(re, Box::new(self.expr()?)))
            }
        }
    }

    /// A variable, a function, or a record literal.
    fn name(&mut self, text: &str, span: Span) -> Check<ExprKind> {
        let name: Rc<str> = text.into();
        if self.peek() == Token::LBrace && !self.no_record_literal {
            self.next();
            let members = self.list(Token::RBrace, "`,` or `}`", |parser| {
                let member = parser.ident("a member or `}`")?;
                parser.expect(Token::Colon, "`:` and the member's value")?;
                Ok((member, parser.inside(Self::expr)?))
            })?;
            return Ok(ExprKind::Record(crate::ast::Ident { name, span }, members));
        }
        if let Some(uses) = self.uses.last_mut() {
            uses.names.insert(Rc::clone(&name));
        }
        if self.peek() != Token::LParen {
            self.values.insert(Rc::clone(&name));
        }
        Ok(ExprKind::Name(name))
    }

    fn exprs(&mut self, end: Token, what: &str) -> Check<Vec<Expr>> {
        self.list(end, what, |parser| parser.inside(Self::expr))
    }

    /// A node on top of what was read before it.
    fn above(&mut self, kind: ExprKind, span: Span) -> Check<Expr> {
        self.deeper()?;
        Ok(Expr { kind, span })
    }

    /// Between brackets a record literal is no longer ambiguous.
    pub(super) fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Check<T>) -> Check<T> {
        let outer = std::mem::replace(&mut self.no_record_literal, false);
        let result = read(self);
        self.no_record_literal = outer;
        result
    }
}
