//! Expressions, by precedence climbing. From loose to tight: `||`, `&&`, comparisons (which do not
//! chain), `|`, `^`, `&`, shifts, `+ -`, `* / %`, `as`, prefix operators, postfix operators.

use super::Parser;
use crate::ast::{BinaryOp, CallExpr, Expr, ExprKind, Ident, UnaryOp};
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
        while self.accept("as") {
            let ty = self.ty()?;
            let span = value.span.to(ty.span);
            value = self.above(ExprKind::Cast(Box::new(value), ty), span)?;
        }
        Ok(value)
    }

    fn unary(&mut self) -> Check<Expr> {
        let start = self.span();
        let op = match self.text() {
            "-" => UnaryOp::Neg,
            "!" => UnaryOp::Not,
            "~" => UnaryOp::BitNot,
            "*" => UnaryOp::Deref,
            "&" => UnaryOp::AddressOf,
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
            let kind = if self.accept("(") {
                let (callee, args) = (*base, self.exprs(")")?);
                let span = start.to(self.last_span());
                ExprKind::Call(Box::new(CallExpr { callee, args, span }))
            } else if self.accept("[") {
                let index = self.inside(Self::expr)?;
                self.expect("]")?;
                ExprKind::Index(base, Box::new(index))
            } else if self.accept(".") {
                ExprKind::Field(base, self.ident("a member")?)
            } else {
                return Ok(*base);
            };
            value = self.above(kind, start.to(self.last_span()))?;
        }
    }

    fn primary(&mut self) -> Check<Expr> {
        let (token, unknown) = (self.peek(), self.unexpected("an expression"));
        let (text, start) = self.next();
        let kind = match (token, text) {
            (Token::Name, _) => self.name(text, start)?,
            (Token::Int | Token::Float, _) => {
                ExprKind::Number(number(text, token == Token::Float, start)?)
            }
            (Token::Char, _) => match unescape(text, start)?[..] {
                [byte] => ExprKind::Char(byte),
                _ => return fail(start, "a character is one byte"),
            },
            (Token::Str, _) => ExprKind::Str(unescape(text, start)?),
            (_, "true") => ExprKind::Bool(true),
            (_, "false") => ExprKind::Bool(false),
            (_, "null") => ExprKind::Null,
            (_, "(") => {
                let inner = self.inside(Self::expr)?;
                self.expect(")")?;
                inner.kind
            }
            (_, "[") => ExprKind::Array(self.exprs("]")?),
            (_, "fn") => ExprKind::Closure(Box::new(self.closure()?)),
            (_, "sizeof" | "va_arg" | "va_start" | "complex") => {
                self.expect("(")?;
                let kind = self.inside(|parser| parser.builtin(text))?;
                self.expect(")")?;
                kind
            }
            _ => return Err(unknown),
        };
        let span = start.to(self.last_span());
        Ok(Expr { kind, span })
    }

    /// `sizeof(T)`, `va_start()`, `va_arg(list, T)`, `complex(re, im)`: between the parentheses.
    fn builtin(&mut self, name: &str) -> Check<ExprKind> {
        match name {
            "va_start" => Ok(ExprKind::VaStart),
            "sizeof" => Ok(ExprKind::SizeOf(self.ty()?)),
            "va_arg" => {
                let list = self.expr()?;
                self.point_to(&list);
                self.expect(",")?;
                Ok(ExprKind::VaArg(Box::new(list), self.ty()?))
            }
            _ => {
                let re = Box::new(self.expr()?);
                self.expect(",")?;
                Ok(ExprKind::Complex(re, Box::new(self.expr()?)))
            }
        }
    }

    /// A variable, a function, or a record literal.
    fn name(&mut self, text: &str, span: Span) -> Check<ExprKind> {
        let name: Rc<str> = text.into();
        if self.text() == "{" && !self.no_record_literal {
            self.next();
            let members = self.list("}", |parser| {
                let member = parser.ident("a member")?;
                parser.expect(":")?;
                Ok((member, parser.inside(Self::expr)?))
            })?;
            return Ok(ExprKind::Record(Ident { name, span }, members));
        }
        if let Some(uses) = self.uses.last_mut() {
            uses.names.insert(Rc::clone(&name));
        }
        if self.text() != "(" {
            self.program.values.insert(Rc::clone(&name));
        }
        Ok(ExprKind::Name(name))
    }

    /// Notes that something points to `place`, in the function being read.
    fn point_to(&mut self, place: &Expr) {
        let Some(uses) = self.uses.last_mut() else {
            return;
        };
        uses.has_pointers = true;
        let (mut root, mut names) = (place, &mut uses.addressed);
        while let ExprKind::Index(base, _) | ExprKind::Field(base, _) = &root.kind {
            (root, names) = (base, &mut uses.parts);
        }
        if let ExprKind::Name(name) = &root.kind {
            names.insert(Rc::clone(name));
        }
    }

    fn exprs(&mut self, end: &str) -> Check<Vec<Expr>> {
        self.list(end, |parser| parser.inside(Self::expr))
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
