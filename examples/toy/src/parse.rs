//! From tokens to the tree: recursive descent by hand. Items and types are read here; functions, statements and expressions in the files below. The first
//! error ends the parse.

mod expr;
mod stmt;
mod ty;

use crate::ast::{Expr, ExprKind, Ident, Item, Names, Program, RecordDecl, UnaryOp, UseDecl, Uses};
use crate::diag::{Check, Diagnostic, Span, fail};
use crate::lex::{Spanned, Token, lex, unescape};
use std::rc::Rc;

/// How deep a program may nest. Every later pass recurses over the tree.
const MAX_DEPTH: u32 = 128;

/// The tree of `source`.
pub(crate) fn parse(source: &str) -> Check<Program> {
    let tokens = lex(source)?;
    let mut parser = Parser {
        source,
        tokens: &tokens,
        at: 0,
        depth: 0,
        no_record_literal: false,
        uses: Vec::new(),
        values: Names::new(),
    };
    let mut items = Vec::new();
    while parser.peek() != Token::End {
        items.push(parser.item()?);
    }
    let values = parser.values;
    Ok(Program { items, values })
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Spanned],
    at: usize,
    /// Of the construct being read: blocks, expressions and types together.
    depth: u32,
    /// In a condition `name {` begins the block, not a record literal.
    no_record_literal: bool,
    /// Of the functions being read, the innermost last.
    uses: Vec<Uses>,
    values: Names,
}

impl<'a> Parser<'a> {
    fn item(&mut self) -> Check<Item> {
        match self.peek() {
            Token::Fn => Ok(Item::Fn(self.function()?)),
            Token::Extern if self.is_for_c() => Ok(Item::Fn(self.function()?)),
            Token::Extern => self.extern_block(),
            Token::Struct | Token::Union => Ok(Item::Record(self.record()?)),
            Token::Use => Ok(Item::Use(self.use_decl()?)),
            Token::Const => self.const_item(),
            _ => Err(self.unexpected("`fn`, `extern`, `use`, `struct`, `union` or `const`")),
        }
    }

    fn const_item(&mut self) -> Check<Item> {
        self.next();
        let name = self.ident("a name for the constant")?;
        self.expect(Token::Colon, "`:` and the constant's type")?;
        let ty = self.ty()?;
        self.expect(Token::Assign, "`=`")?;
        let value = self.expr()?;
        let number = match &value.kind {
            ExprKind::Unary(UnaryOp::Neg, number) => number,
            _ => &value,
        };
        if !matches!(
            number.kind,
            ExprKind::Number(_) | ExprKind::Char(_) | ExprKind::Bool(_)
        ) {
            return fail(value.span, "a constant is a number as written, or a `bool`");
        }
        self.expect(Token::Semi, "`;`")?;
        Ok(Item::Const(name, ty, value))
    }

    fn use_decl(&mut self) -> Check<UseDecl> {
        let start = self.expect(Token::Use, "`use`")?;
        self.word("c")?;
        let header = self.file_name("header")?;
        let mut library = None;
        if self.peek() == Token::Name {
            self.word("from")?;
            library = Some(self.file_name("library")?);
        }
        let span = start.to(self.last_span());
        self.expect(Token::Semi, "`;` or `from` and a library")?;
        Ok(UseDecl {
            header,
            library,
            span,
        })
    }

    /// A word that means something in this place only.
    fn word(&mut self, word: &str) -> Check<()> {
        if self.peek() != Token::Name || self.text() != word {
            return Err(self.unexpected(&format!("`{word}`")));
        }
        self.next();
        Ok(())
    }

    fn file_name(&mut self, of: &str) -> Check<Rc<str>> {
        if self.peek() != Token::Str {
            return Err(self.unexpected(&format!("the name of a {of} in quotes")));
        }
        let (bytes, span) = self.string()?;
        let bad = ['\0', '"', '\n', '\r', '\\'];
        match String::from_utf8(bytes) {
            Ok(name) if !name.is_empty() && !name.contains(bad) => Ok(name.into()),
            _ => fail(span, format!("this is no name of a {of}")),
        }
    }

    fn extern_block(&mut self) -> Check<Item> {
        self.expect(Token::Extern, "`extern`")?;
        let library = match self.peek() {
            Token::Str => Some(self.file_name("library")?),
            _ => None,
        };
        self.expect(Token::LBrace, "`{` or the library's name in quotes")?;
        let mut functions = Vec::new();
        while !self.accept(Token::RBrace) {
            functions.push(self.fn_head()?);
            self.expect(Token::Semi, "`;`: an extern function has no body")?;
        }
        Ok(Item::Extern(library, functions))
    }

    /// `struct name { members }`, or opaque: `struct name;`.
    fn record(&mut self) -> Check<RecordDecl> {
        let is_union = self.next() == Token::Union;
        let name = self.ident("a name for the record")?;
        let mut members = None;
        if !self.accept(Token::Semi) {
            self.expect(Token::LBrace, "`{` or `;`")?;
            members = Some(self.list(Token::RBrace, "`,` or `}`", |parser| {
                let member = parser.ident("a member or `}`")?;
                parser.expect(Token::Colon, "`:` and the member's type")?;
                Ok((member, parser.ty()?))
            })?);
        }
        Ok(RecordDecl {
            is_union,
            name,
            members,
        })
    }

    fn string(&mut self) -> Check<(Vec<u8>, Span)> {
        let (span, text) = (self.span(), self.text());
        self.next();
        Ok((unescape(text, span)?, span))
    }

    fn ident(&mut self, what: &str) -> Check<Ident> {
        if self.peek() != Token::Name {
            return Err(self.unexpected(what));
        }
        let (name, span) = (self.text().into(), self.span());
        self.next();
        Ok(Ident { name, span })
    }

    /// Notes that something points to `place`, in the function being read.
    fn point_to(&mut self, place: &Expr) {
        let Some(uses) = self.uses.last_mut() else {
            return;
        };
        uses.has_pointers = true;
        let mut root = place;
        while let ExprKind::Index(base, _) | ExprKind::Field(base, _) = &root.kind {
            root = base;
        }
        if let ExprKind::Name(name) = &root.kind {
            let is_whole = matches!(place.kind, ExprKind::Name(_));
            let names = match is_whole {
                true => &mut uses.addressed,
                false => &mut uses.parts,
            };
            names.insert(Rc::clone(name));
        }
    }

    /// Reads one level deeper, or refuses.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Check<T>) -> Check<T> {
        let depth = self.depth;
        self.deeper()?;
        let result = read(self);
        self.depth = depth;
        result
    }

    /// A tree grows a level on top, which counts until the construct around it ends.
    fn deeper(&mut self) -> Check<()> {
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            return Ok(());
        }
        let message = format!("this nests deeper than {MAX_DEPTH} levels");
        Err(Diagnostic::new(self.span(), message).note("give a part of it a name of its own"))
    }

    fn current(&self) -> Spanned {
        let (start, token) = (
            u32::try_from(self.source.len()).unwrap_or(u32::MAX),
            Token::End,
        );
        let span = Span { start, end: start };
        let found = self.tokens.get(self.at).or(self.tokens.last());
        found.copied().unwrap_or(Spanned { token, span })
    }

    fn peek(&self) -> Token {
        self.current().token
    }

    fn span(&self) -> Span {
        self.current().span
    }

    fn last_span(&self) -> Span {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        last.map_or(self.span(), |last| last.span)
    }

    fn text(&self) -> &'a str {
        self.source.get(self.span().range()).unwrap_or("")
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        self.at += usize::from(token != Token::End);
        token
    }

    /// What follows `token`, where that is here.
    fn after<T>(&mut self, token: Token, read: impl Fn(&mut Self) -> Check<T>) -> Check<Option<T>> {
        match self.accept(token) {
            true => read(self).map(Some),
            false => Ok(None),
        }
    }

    /// Up to `end`: what `read` reads, with commas between and perhaps after the last.
    fn list<T>(
        &mut self,
        end: Token,
        what: &str,
        mut read: impl FnMut(&mut Self) -> Check<T>,
    ) -> Check<Vec<T>> {
        let mut list = Vec::new();
        while self.peek() != end {
            list.push(read(self)?);
            if !self.accept(Token::Comma) {
                break;
            }
        }
        self.expect(end, what)?;
        Ok(list)
    }

    fn accept(&mut self, token: Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, token: Token, what: &str) -> Check<Span> {
        let span = self.span();
        if self.accept(token) {
            Ok(span)
        } else {
            Err(self.unexpected(what))
        }
    }

    fn unexpected(&self, what: &str) -> Diagnostic {
        let found = self.peek().describe(self.text());
        Diagnostic::new(self.span(), format!("expected {what}, found {found}"))
    }
}
