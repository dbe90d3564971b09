//! Statements.

use super::{Parsed, Parser};
use crate::ast::{BinaryOp, Block, Expr, Stmt, StmtKind};
use crate::lex::Token;

impl Parser<'_> {
    pub(super) fn block(&mut self) -> Parsed<Block> {
        self.nested(|parser| {
            parser.expect(Token::LBrace, "`{`")?;
            let outer = std::mem::replace(&mut parser.no_record_literal, false);
            let mut stmts = Vec::new();
            while !matches!(parser.peek(), Token::RBrace | Token::End) {
                stmts.push(parser.stmt()?);
            }
            parser.no_record_literal = outer;
            let end = parser.expect(Token::RBrace, "a statement or `}`")?;
            Ok(Block { stmts, end })
        })
    }

    fn stmt(&mut self) -> Parsed<Stmt> {
        let start = self.span();
        let kind = match self.peek() {
            Token::Let => self.let_stmt()?,
            Token::If => self.if_stmt()?,
            Token::While => {
                self.next();
                StmtKind::While(self.condition()?, self.block()?)
            }
            Token::For => self.for_stmt()?,
            Token::LBrace => StmtKind::Block(self.block()?),
            Token::Fn if self.peek_second() == Token::Name => {
                StmtKind::Fn(Box::new(self.function()?))
            }
            Token::Return => {
                self.next();
                let value = if self.peek() == Token::Semi {
                    None
                } else {
                    Some(self.expr()?)
                };
                self.expect(Token::Semi, "`;`")?;
                StmtKind::Return(value)
            }
            token @ (Token::Break | Token::Continue) => {
                self.next();
                self.expect(Token::Semi, "`;`")?;
                if token == Token::Break {
                    StmtKind::Break
                } else {
                    StmtKind::Continue
                }
            }
            _ => self.expr_stmt()?,
        };
        Ok(Stmt {
            kind,
            span: start.to(self.last_span()),
        })
    }

    fn let_stmt(&mut self) -> Parsed<StmtKind> {
        self.next();
        let name = self.ident("a name for the variable")?;
        let ty = self.after(Token::Colon, Self::ty)?;
        let init = self.after(Token::Assign, Self::expr)?;
        self.expect(Token::Semi, "`;`")?;
        Ok(StmtKind::Let(name, ty, init))
    }

    fn if_stmt(&mut self) -> Parsed<StmtKind> {
        let mut arms = Vec::new();
        let mut otherwise = None;
        while self.accept(Token::If) {
            arms.push((self.condition()?, self.block()?));
            if !self.accept(Token::Else) {
                break;
            }
            if self.peek() != Token::If {
                otherwise = Some(self.block()?);
                break;
            }
        }
        Ok(StmtKind::If(arms, otherwise))
    }

    fn for_stmt(&mut self) -> Parsed<StmtKind> {
        self.next();
        let var = self.ident("a name for the counter")?;
        self.expect(Token::In, "`in`")?;
        let low = self.condition()?;
        self.expect(Token::DotDot, "`..`")?;
        let high = self.condition()?;
        let body = self.block()?;
        Ok(StmtKind::For(var, low, high, body))
    }

    /// An expression before a block.
    fn condition(&mut self) -> Parsed<Expr> {
        let outer = std::mem::replace(&mut self.no_record_literal, true);
        let cond = self.expr();
        self.no_record_literal = outer;
        cond
    }

    fn expr_stmt(&mut self) -> Parsed<StmtKind> {
        let place = self.expr()?;
        let op = match self.peek() {
            Token::Semi => {
                self.next();
                return Ok(StmtKind::Expr(place));
            }
            Token::Assign => None,
            Token::Gt if self.peek_second() == Token::Ge => {
                self.next();
                Some(BinaryOp::Shr)
            }
            _ => {
                let symbol = self.text().strip_suffix('=');
                let op = symbol
                    .and_then(BinaryOp::of)
                    .filter(|_| self.peek() != Token::Ge);
                let unexpected = || self.unexpected("`;` or an operator");
                Some(op.ok_or_else(unexpected)?.0)
            }
        };
        self.next();
        let value = self.expr()?;
        self.expect(Token::Semi, "`;`")?;
        Ok(StmtKind::Assign(place, op, value))
    }
}
