//! Functions and statements.

use super::Parser;
use crate::ast::{BinaryOp, Expr, FnDecl, Ident, Linkage, Signature, Stmt, StmtKind, Uses};
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
        let head = self.declared(Ident { name, span }, Linkage::Closure)?;
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
        let mut linkage = Linkage::Own;
        if self.accept("extern") {
            let (name, span) = self.next();
            if name != "\"C\"" {
                let message = format!("there is no calling convention `{name}`");
                return Err(Diagnostic::new(span, message).note("there is `extern \"C\"`"));
            }
            linkage = Linkage::C;
        }
        self.expect("fn")?;
        let name = self.ident("a name for the function")?;
        self.declared(name, linkage)
    }

    /// Returns whether `extern "convention" fn` follows.
    pub(super) fn is_for_c(&self) -> bool {
        let next = self.tokens.iter().skip(self.at).map(|next| next.token);
        self.text() == "extern" && next.take(3).eq([Token::Word, Token::Str, Token::Word])
    }

    fn declared(&mut self, name: Ident, linkage: Linkage) -> Check<FnDecl> {
        let mut params = Vec::new();
        let signature = self.signature(|parser| {
            params.push(parser.ident("a parameter, `...` or `)`")?);
            parser.expect(":")?;
            Ok(())
        })?;
        Ok(FnDecl {
            name,
            params,
            signature,
            linkage,
            body: Vec::new(),
            uses: Uses::default(),
        })
    }

    /// `(params, ...) -> result`; `before` reads what stands before a parameter's type.
    pub(super) fn signature(
        &mut self,
        mut before: impl FnMut(&mut Self) -> Check<()>,
    ) -> Check<Signature> {
        self.expect("(")?;
        let (mut params, mut variadic) = (Vec::new(), false);
        self.list(")", |parser| {
            if variadic {
                return Err(parser.unexpected("`)`"));
            }
            variadic = parser.accept("...");
            if !variadic {
                before(parser)?;
                params.push(parser.ty()?);
            }
            Ok(())
        })?;
        let result = self.accept("->").then(|| self.ty()).transpose()?;
        Ok(Signature {
            params,
            variadic,
            result,
        })
    }

    fn block(&mut self) -> Check<Vec<Stmt>> {
        self.nested(|parser| {
            parser.expect("{")?;
            parser.inside(|parser| {
                let mut stmts = Vec::new();
                while !parser.accept("}") {
                    if parser.peek() == Token::End {
                        return Err(parser.unexpected("a statement or `}`"));
                    }
                    stmts.push(parser.stmt()?);
                }
                Ok(stmts)
            })
        })
    }

    fn stmt(&mut self) -> Check<Stmt> {
        let start = self.span();
        let kind = match self.text() {
            "if" => self.nested(Self::if_stmt)?,
            "while" => {
                self.next();
                StmtKind::While(self.condition()?, self.block()?)
            }
            "for" => self.for_stmt()?,
            "try" => {
                self.next();
                let body = self.block()?;
                self.expect("catch")?;
                StmtKind::Try(body, self.block()?)
            }
            "{" => StmtKind::Block(self.block()?),
            _ => {
                let kind = self.simple_stmt()?;
                self.expect(";")?;
                kind
            }
        };
        let span = start.to(self.last_span());
        Ok(Stmt { kind, span })
    }

    fn if_stmt(&mut self) -> Check<StmtKind> {
        self.next();
        let (condition, then) = (self.condition()?, self.block()?);
        let otherwise = match self.accept("else") {
            true if self.text() == "if" => vec![self.stmt()?],
            true => self.block()?,
            false => Vec::new(),
        };
        Ok(StmtKind::If(condition, then, otherwise))
    }

    fn for_stmt(&mut self) -> Check<StmtKind> {
        self.next();
        let var = self.ident("a name for the counter")?;
        self.expect("in")?;
        let low = self.condition()?;
        self.expect("..")?;
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

    /// Reads a statement that a semicolon ends.
    fn simple_stmt(&mut self) -> Check<StmtKind> {
        if self.accept("let") {
            let name = self.ident("a name for the variable")?;
            let ty = self.accept(":").then(|| self.ty()).transpose()?;
            let init = self.accept("=").then(|| self.expr()).transpose()?;
            return Ok(StmtKind::Let(name, ty, init));
        }
        if self.accept("return") {
            let is_bare = self.text() == ";";
            let value = (!is_bare).then(|| self.expr()).transpose()?;
            return Ok(StmtKind::Return(value));
        }
        if self.accept("break") {
            return Ok(StmtKind::Break);
        }
        if self.accept("continue") {
            return Ok(StmtKind::Continue);
        }
        let place = self.expr()?;
        if self.text() == ";" {
            return Ok(StmtKind::Expr(place));
        }
        // `<=` is no `<` and `=`, and ends an expression only where another one has been.
        let symbol = self.text().strip_suffix('=').unwrap_or("?");
        let op = BinaryOp::of(symbol).map(|(op, _)| op);
        if !symbol.is_empty() && op.is_none_or(BinaryOp::is_comparison) {
            return Err(self.unexpected("`;` or an operator"));
        }
        self.next();
        Ok(StmtKind::Assign(place, op, self.expr()?))
    }
}
