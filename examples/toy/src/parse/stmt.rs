//! Functions and statements.

use super::Parser;
use crate::ast::{BinaryOp, Expr, FnDecl, Ident, Stmt, StmtKind, Uses};
use crate::diag::{Check, Diagnostic};
use crate::lex::Token;

impl Parser<'_> {
    /// `fn name(params) -> result { .. }`
    pub(super) fn function(&mut self) -> Check<FnDecl> {
        let head = self.fn_head()?;
        self.body(head)
    }

    /// `fn(params) -> result { .. }`, after the `fn`. What it uses is captured by its address.
    pub(super) fn closure(&mut self) -> Check<FnDecl> {
        let (name, span) = ("closure".into(), self.last_span());
        let head = self.signature(Ident { name, span }, false)?;
        let closure = self.body(head)?;
        if let Some(around) = self.uses.last_mut() {
            around.has_pointers = true;
            around.addressed.extend(closure.uses.names.iter().cloned());
            around.names.extend(closure.uses.names.iter().cloned());
        }
        Ok(closure)
    }

    fn body(&mut self, head: FnDecl) -> Check<FnDecl> {
        self.uses.push(Uses::default());
        let body = self.block()?;
        let uses = self.uses.pop().unwrap_or_default();
        Ok(FnDecl { body, uses, ..head })
    }

    /// `fn name(params) -> result`, up to the body or the semicolon.
    pub(super) fn fn_head(&mut self) -> Check<FnDecl> {
        let for_c = self.is_for_c();
        if for_c {
            self.next();
            let (name, span) = self.string()?;
            if name != b"C" {
                let name = name.escape_ascii();
                let message = format!("there is no calling convention `{name}`");
                return Err(Diagnostic::new(span, message).note("there is `extern \"C\"`"));
            }
        }
        self.expect(Token::Fn, "`fn`")?;
        let name = self.ident("a name for the function")?;
        self.signature(name, for_c)
    }

    /// Whether `extern "convention" fn` follows.
    pub(super) fn is_for_c(&self) -> bool {
        let next = self.tokens.iter().skip(self.at).map(|next| next.token);
        next.take(3).eq([Token::Extern, Token::Str, Token::Fn])
    }

    fn signature(&mut self, name: Ident, for_c: bool) -> Check<FnDecl> {
        self.expect(Token::LParen, "`(`")?;
        let (params, variadic) = self.params(|parser| {
            let param = parser.ident("a parameter, `...` or `)`")?;
            parser.expect(Token::Colon, "`:` and the parameter's type")?;
            Ok((param, parser.ty()?))
        })?;
        let result = self.after(Token::Arrow, Self::ty)?;
        Ok(FnDecl {
            name,
            params,
            variadic,
            for_c,
            result,
            body: Vec::new(),
            uses: Uses::default(),
        })
    }

    /// The rest of a list of parameters, and whether `...` ends it.
    pub(super) fn params<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Check<T>,
    ) -> Check<(Vec<T>, bool)> {
        let (mut params, mut variadic) = (Vec::new(), false);
        while self.peek() != Token::RParen {
            variadic = self.accept(Token::Ellipsis);
            if variadic {
                break;
            }
            params.push(read(self)?);
            if !self.accept(Token::Comma) {
                break;
            }
        }
        self.expect(Token::RParen, "`,` or `)`")?;
        Ok((params, variadic))
    }

    fn block(&mut self) -> Check<Vec<Stmt>> {
        self.nested(|parser| {
            parser.expect(Token::LBrace, "`{`")?;
            parser.inside(|parser| {
                let mut stmts = Vec::new();
                while !matches!(parser.peek(), Token::RBrace | Token::End) {
                    stmts.push(parser.stmt()?);
                }
                parser.expect(Token::RBrace, "a statement or `}`")?;
                Ok(stmts)
            })
        })
    }

    fn stmt(&mut self) -> Check<Stmt> {
        let start = self.span();
        let kind = match self.peek() {
            Token::Let => self.let_stmt()?,
            Token::If => self.nested(Self::if_stmt)?,
            Token::While => {
                self.next();
                StmtKind::While(self.condition()?, self.block()?)
            }
            Token::For => self.for_stmt()?,
            Token::LBrace => StmtKind::Block(self.block()?),
            Token::Return => {
                self.next();
                let is_bare = self.peek() == Token::Semi;
                let value = if is_bare { None } else { Some(self.expr()?) };
                self.expect(Token::Semi, "`;`")?;
                StmtKind::Return(value)
            }
            token @ (Token::Break | Token::Continue) => {
                self.next();
                self.expect(Token::Semi, "`;`")?;
                match token {
                    Token::Break => StmtKind::Break,
                    _ => StmtKind::Continue,
                }
            }
            _ => self.expr_stmt()?,
        };
        let span = start.to(self.last_span());
        Ok(Stmt { kind, span })
    }

    fn let_stmt(&mut self) -> Check<StmtKind> {
        self.next();
        let name = self.ident("a name for the variable")?;
        let ty = self.after(Token::Colon, Self::ty)?;
        let init = self.after(Token::Assign, Self::expr)?;
        self.expect(Token::Semi, "`;`")?;
        Ok(StmtKind::Let(name, ty, init))
    }

    fn if_stmt(&mut self) -> Check<StmtKind> {
        self.next();
        let (condition, then) = (self.condition()?, self.block()?);
        let otherwise = match self.accept(Token::Else) {
            true if self.peek() == Token::If => vec![self.stmt()?],
            true => self.block()?,
            false => Vec::new(),
        };
        Ok(StmtKind::If(condition, then, otherwise))
    }

    fn for_stmt(&mut self) -> Check<StmtKind> {
        self.next();
        let var = self.ident("a name for the counter")?;
        self.expect(Token::In, "`in`")?;
        let low = self.condition()?;
        self.expect(Token::DotDot, "`..`")?;
        let high = self.condition()?;
        Ok(StmtKind::For(var, low, high, self.block()?))
    }

    /// An expression before a block.
    fn condition(&mut self) -> Check<Expr> {
        let outer = std::mem::replace(&mut self.no_record_literal, true);
        let condition = self.expr();
        self.no_record_literal = outer;
        condition
    }

    fn expr_stmt(&mut self) -> Check<StmtKind> {
        let place = self.expr()?;
        if self.accept(Token::Semi) {
            return Ok(StmtKind::Expr(place));
        }
        let op = match self.peek() {
            Token::Assign => None,
            // `<=` is no `<` and `=`.
            Token::Le | Token::Ge => return Err(self.unexpected("`;` or an operator")),
            _ => {
                let op = self.text().strip_suffix('=').and_then(BinaryOp::of);
                Some(op.ok_or_else(|| self.unexpected("`;` or an operator"))?.0)
            }
        };
        self.next();
        let value = self.expr()?;
        self.expect(Token::Semi, "`;`")?;
        Ok(StmtKind::Assign(place, op, value))
    }
}
