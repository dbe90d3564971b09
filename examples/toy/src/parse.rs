//! From tokens to the tree: recursive descent by hand. Items are read here; types, functions, statements and expressions in the files
//! below. The first error ends the parse.

mod expr;
mod stmt;
mod ty;

use crate::ast::{EnumDecl, Expr, Ident, Item, Member, RecordDecl, TypeExpr, UseDecl};
use crate::diag::{Check, Diagnostic, Span, fail};
use crate::lex::{Spanned, Token, lex, unescape};
use std::rc::Rc;

/// How deep a program may nest. Every later pass recurses over the tree.
const MAX_DEPTH: u32 = 128;

/// The tree of `source`.
pub(crate) fn parse(source: &str) -> Check<Vec<Item>> {
    let tokens = lex(source)?;
    let mut parser = Parser {
        source,
        tokens: &tokens,
        at: 0,
        depth: 0,
        below: 0,
        no_record_literal: false,
    };
    let mut items = Vec::new();
    while parser.peek() != Token::End {
        items.push(parser.item()?);
    }
    Ok(items)
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Spanned],
    at: usize,
    /// Of the construct being read: blocks, expressions and types together.
    depth: u32,
    /// How deep the deepest tree is that was read in it so far.
    below: u32,
    /// In a condition `name {` begins the block, not a record literal.
    no_record_literal: bool,
}

impl<'a> Parser<'a> {
    fn item(&mut self) -> Check<Item> {
        match self.peek() {
            Token::Fn => Ok(Item::Fn(self.function()?)),
            Token::Extern if self.has_convention() => Ok(Item::Fn(self.function()?)),
            Token::Extern => self.extern_block(),
            Token::Struct | Token::Union | Token::Hash => Ok(Item::Record(self.record(true)?)),
            Token::Enum => Ok(Item::Enum(self.enum_decl()?)),
            Token::Use => Ok(Item::Use(self.use_decl()?)),
            Token::Type => {
                self.next();
                let name = self.ident("a name for the type")?;
                self.expect(Token::Assign, "`=`")?;
                let ty = self.ty()?;
                self.expect(Token::Semi, "`;`")?;
                Ok(Item::Alias(name, ty))
            }
            Token::Const => {
                self.next();
                let name = self.ident("a name for the constant")?;
                self.expect(Token::Colon, "`:` and the constant's type")?;
                let ty = self.ty()?;
                self.expect(Token::Assign, "`=`")?;
                let value = self.expr()?;
                self.expect(Token::Semi, "`;`")?;
                Ok(Item::Const(name, ty, value))
            }
            _ => Err(self
                .unexpected("`fn`, `extern`, `use`, `struct`, `union`, `enum`, `type` or `const`")),
        }
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

    /// `#[packed] #[align(n)] struct name { members }`; an item may also be opaque, `struct name;`.
    fn record(&mut self, is_item: bool) -> Check<RecordDecl> {
        let start = self.span();
        let (packed, align) = self.attrs()?;
        let is_union = self.peek() == Token::Union;
        if !is_union && self.peek() != Token::Struct {
            return Err(self.unexpected("`struct` or `union`"));
        }
        self.next();
        let (mut name, mut members) = (None, None);
        if is_item {
            name = Some(self.ident("a name for the record")?);
        }
        if !(is_item && self.accept(Token::Semi)) {
            self.expect(Token::LBrace, "`{`")?;
            members = Some(self.list(Token::RBrace, "`,` or `}`", Self::member)?);
        }
        let span = name.as_ref().map_or(start, |name| name.span);
        Ok(RecordDecl {
            is_union,
            name,
            packed,
            align,
            members,
            span,
        })
    }

    fn attrs(&mut self) -> Check<(bool, Option<Expr>)> {
        let (mut packed, mut align) = (false, None);
        while self.accept(Token::Hash) {
            self.expect(Token::LBracket, "`[`")?;
            let name = self.ident("an attribute")?;
            let value = self.after(Token::LParen, |parser| {
                let value = parser.expr()?;
                parser.expect(Token::RParen, "`)`")?;
                Ok(value)
            })?;
            self.expect(Token::RBracket, "`]`")?;
            match (&*name.name, value) {
                ("packed", None) => packed = true,
                ("align", Some(value)) => align = Some(value),
                (name_, _) => {
                    let message = format!("attribute `{name_}` has no meaning here, or not so");
                    let known = "known are `#[packed]` and `#[align(n)]`, of records";
                    return Err(Diagnostic::new(name.span, message).note(known));
                }
            }
        }
        Ok((packed, align))
    }

    fn member(&mut self) -> Check<Member> {
        let start = self.span();
        if matches!(self.peek(), Token::Struct | Token::Union | Token::Hash) {
            let (name, ty, bits) = (None, self.ty()?, None);
            return Ok(Member { name, ty, bits });
        }
        let name = self.ident("a member or `}`")?;
        let name = (&*name.name != "_").then_some(name);
        self.expect(Token::Colon, "`:` and the member's type")?;
        let ty = self.ty()?;
        let bits = self.after(Token::Colon, Self::expr)?;
        if name.is_none() && bits.is_none() {
            let span = start.to(self.last_span());
            return fail(span, "only a bit-field may go without a name");
        }
        Ok(Member { name, ty, bits })
    }

    fn enum_decl(&mut self) -> Check<EnumDecl> {
        self.expect(Token::Enum, "`enum`")?;
        let name = self.ident("a name for the enum")?;
        let underlying = self.after(Token::Colon, Self::ty)?;
        self.expect(Token::LBrace, "`{` or `:`")?;
        let variants = self.list(Token::RBrace, "`,` or `}`", |parser| {
            let variant = parser.ident("a variant or `}`")?;
            Ok((variant, parser.after(Token::Assign, Self::expr)?))
        })?;
        Ok(EnumDecl {
            name,
            underlying,
            variants,
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

    /// Reads one level deeper, or refuses.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Check<T>) -> Check<T> {
        if self.depth >= MAX_DEPTH {
            return too_deep(self.span());
        }
        self.depth += 1;
        let result = self.beside(read);
        self.depth -= 1;
        result
    }

    /// Reads what is as deep as it is, whatever stands before it.
    fn beside<T>(&mut self, read: impl FnOnce(&mut Self) -> Check<T>) -> Check<T> {
        let before = std::mem::replace(&mut self.below, 0);
        let result = read(self);
        self.below = self.below.max(before);
        result
    }

    /// A node above all that was read so far.
    fn above(&mut self, span: Span) -> Check<()> {
        self.below += 1;
        if self.below > MAX_DEPTH {
            too_deep(span)
        } else {
            Ok(())
        }
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

    fn peek_second(&self) -> Token {
        self.tokens
            .get(self.at + 1)
            .map_or(Token::End, |next| next.token)
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

    fn type_node(&mut self, kind: crate::ast::TypeKind, span: Span) -> Check<TypeExpr> {
        self.above(span)?;
        Ok(TypeExpr { kind, span })
    }
}

fn too_deep<T>(span: Span) -> Check<T> {
    let message = format!("this nests deeper than {MAX_DEPTH} levels");
    Err(Diagnostic::new(span, message).note("give a part of it a name of its own"))
}
