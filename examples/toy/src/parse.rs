//! From tokens to the tree: recursive descent by hand. Items are read here; types, statements and
//! expressions in the files below. The first error ends the parse.

mod expr;
mod function;
mod stmt;
mod ty;

use crate::ast::{Attr, EnumDecl, ExternBlock, Ident, Item, Member, Program, RecordDecl};
use crate::ast::{RecordKind, TypeExpr, TypeKind, UseDecl};
use crate::diag::{Diagnostic, Span};
use crate::lex::{Spanned, Token, lex, unescape};

/// How deep a program may nest. Every later pass recurses over the tree without counting again.
const MAX_DEPTH: u32 = 128;

/// The tree of `source`.
pub(crate) fn parse(source: &str) -> Result<Program, Diagnostic> {
    let tokens = lex(source)?;
    let mut parser = Parser {
        source,
        tokens: &tokens,
        at: 0,
        depth: 0,
        below: 0,
        no_record_literal: false,
        uses_c: false,
    };
    let mut program = Program::default();
    while parser.peek() != Token::End {
        program.items.push(parser.item()?);
    }
    Ok(program)
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Spanned],
    at: usize,
    /// Of the construct being read: blocks, expressions and types together.
    depth: u32,
    /// How deep the deepest tree is that was read in it so far, which its links may make deeper. Everything after the parser may recurse.
    below: u32,
    /// In a condition `name {` begins the block, not a record literal.
    no_record_literal: bool,
    /// Whether there was a `use c`: then a word of the language may be meant as a name of C's.
    uses_c: bool,
}

type Parsed<T> = Result<T, Diagnostic>;

impl<'a> Parser<'a> {
    fn item(&mut self) -> Parsed<Item> {
        let attrs = self.attrs()?;
        let token = self.peek();
        if let Some(attr) = attrs.first()
            && !matches!(token, Token::Struct | Token::Union)
        {
            let called = &attr.name.name;
            let message = format!("attribute `{called}` belongs to a struct, a union or a member");
            return Err(Diagnostic::new(attr.name.span, message));
        }
        match token {
            Token::Fn => Ok(Item::Fn(self.function()?)),
            Token::Extern if self.has_convention() => Ok(Item::Fn(self.function()?)),
            Token::Extern => Ok(Item::Extern(self.extern_block()?)),
            Token::Struct | Token::Union => Ok(Item::Record(self.record(attrs, true)?)),
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

    fn use_decl(&mut self) -> Parsed<UseDecl> {
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
        self.uses_c = true;
        Ok(UseDecl {
            header,
            library,
            span,
        })
    }

    /// A word that means something in this place only.
    fn word(&mut self, word: &str) -> Parsed<()> {
        if self.peek() != Token::Name || self.text() != word {
            return Err(self.unexpected(&format!("`{word}`")));
        }
        self.next();
        Ok(())
    }

    fn file_name(&mut self, of: &str) -> Parsed<String> {
        if self.peek() != Token::Str {
            return Err(self.unexpected(&format!("the name of a {of} in quotes")));
        }
        let (bytes, span) = self.string()?;
        match String::from_utf8(bytes) {
            Ok(name) if !name.is_empty() && !name.contains(['\0', '"', '\n', '\r', '\\']) => {
                Ok(name)
            }
            _ => Err(Diagnostic::new(span, format!("this is no name of a {of}"))),
        }
    }

    fn extern_block(&mut self) -> Parsed<ExternBlock> {
        self.expect(Token::Extern, "`extern`")?;
        let library = if self.peek() == Token::Str {
            let (bytes, span) = self.string()?;
            match String::from_utf8(bytes) {
                Ok(name) if !name.is_empty() && !name.contains('\0') => Some((name, span)),
                _ => return Err(Diagnostic::new(span, "this is no name of a library")),
            }
        } else {
            None
        };
        self.expect(Token::LBrace, "`{` or the library's name in quotes")?;
        let mut functions = Vec::new();
        while !self.accept(Token::RBrace) {
            functions.push(self.fn_head()?);
            self.expect(Token::Semi, "`;`: an extern function has no body")?;
        }
        Ok(ExternBlock { library, functions })
    }

    /// `struct name { members }`; an item may also be opaque, `struct name;`.
    fn record(&mut self, attrs: Vec<Attr>, item: bool) -> Parsed<RecordDecl> {
        let start = self.span();
        let kind = match self.next() {
            Token::Union => RecordKind::Union,
            _ => RecordKind::Struct,
        };
        let name = if item {
            Some(self.ident(&format!("a name for the {}", kind.word()))?)
        } else {
            None
        };
        let span = name.as_ref().map_or(start, |name| name.span);
        if item && self.accept(Token::Semi) {
            return Ok(RecordDecl {
                kind,
                name,
                attrs,
                members: None,
                span,
            });
        }
        self.expect(Token::LBrace, "`{`")?;
        let members = self.list(Token::RBrace, "`,` or `}`", Self::member)?;
        Ok(RecordDecl {
            kind,
            name,
            attrs,
            members: Some(members),
            span,
        })
    }

    fn member(&mut self) -> Parsed<Member> {
        let attrs = self.attrs()?;
        let start = self.span();
        if matches!(self.peek(), Token::Struct | Token::Union) {
            // An anonymous member: its attributes are its type's.
            let ty = self.nested_record(attrs)?;
            return Ok(Member {
                name: None,
                span: start.to(ty.span),
                ty,
                bits: None,
                attrs: Vec::new(),
            });
        }
        let name = self.ident("a member or `}`")?;
        let name = if &*name.name == "_" { None } else { Some(name) };
        self.expect(Token::Colon, "`:` and the member's type")?;
        let ty = self.ty()?;
        let bits = self.after(Token::Colon, Self::expr)?;
        let span = start.to(self.last_span());
        if name.is_none() && bits.is_none() {
            return Err(Diagnostic::new(
                span,
                "only a bit-field may go without a name",
            ));
        }
        Ok(Member {
            name,
            ty,
            bits,
            attrs,
            span,
        })
    }

    fn nested_record(&mut self, attrs: Vec<Attr>) -> Parsed<TypeExpr> {
        let start = self.span();
        self.nested(|parser| {
            let record = parser.record(attrs, false)?;
            let span = start.to(parser.last_span());
            parser.type_node(TypeKind::Record(Box::new(record)), span)
        })
    }

    fn attrs(&mut self) -> Parsed<Vec<Attr>> {
        let mut attrs = Vec::new();
        while self.accept(Token::Hash) {
            self.expect(Token::LBracket, "`[`")?;
            let name = self.ident("an attribute")?;
            let value = self.after(Token::LParen, |parser| {
                let value = parser.expr()?;
                parser.expect(Token::RParen, "`)`")?;
                Ok(value)
            })?;
            self.expect(Token::RBracket, "`]`")?;
            attrs.push(Attr { name, value });
        }
        Ok(attrs)
    }

    fn enum_decl(&mut self) -> Parsed<EnumDecl> {
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

    fn string(&mut self) -> Parsed<(Vec<u8>, Span)> {
        let span = self.span();
        let text = self.text();
        self.next();
        Ok((unescape(text, span)?, span))
    }

    fn ident(&mut self, what: &str) -> Parsed<Ident> {
        if self.peek() != Token::Name {
            return Err(self.unexpected(what));
        }
        let ident = Ident {
            name: self.text().into(),
            span: self.span(),
        };
        self.next();
        Ok(ident)
    }

    /// Reads one level deeper, or refuses.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(too_deep(self.span()));
        }
        self.depth += 1;
        let result = self.beside(read);
        self.depth -= 1;
        result
    }

    /// Reads what is as deep as it is, whatever stands before it.
    fn beside<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let before = std::mem::replace(&mut self.below, 0);
        let result = read(self);
        self.below = self.below.max(before);
        result
    }

    /// A node above all that was read so far.
    fn above(&mut self, span: Span) -> Parsed<()> {
        self.below += 1;
        match self.below > MAX_DEPTH {
            true => Err(too_deep(span)),
            false => Ok(()),
        }
    }

    fn type_node(&mut self, kind: TypeKind, span: Span) -> Parsed<TypeExpr> {
        self.above(span)?;
        Ok(TypeExpr { kind, span })
    }

    fn current(&self) -> Spanned {
        let end = u32::try_from(self.source.len()).unwrap_or(u32::MAX);
        let after = Spanned {
            token: Token::End,
            span: Span { start: end, end },
        };
        self.tokens
            .get(self.at)
            .or(self.tokens.last())
            .copied()
            .unwrap_or(after)
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
        self.at
            .checked_sub(1)
            .and_then(|at| self.tokens.get(at))
            .map_or(self.span(), |last| last.span)
    }

    fn text(&self) -> &'a str {
        self.source.get(self.span().range()).unwrap_or("")
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        if token != Token::End {
            self.at += 1;
        }
        token
    }

    /// What follows `token`, where that is here.
    fn after<T>(
        &mut self,
        token: Token,
        read: impl Fn(&mut Self) -> Parsed<T>,
    ) -> Parsed<Option<T>> {
        if self.accept(token) {
            Ok(Some(read(self)?))
        } else {
            Ok(None)
        }
    }

    /// Up to `end`: what `read` reads, with commas between and perhaps after the last.
    fn list<T>(
        &mut self,
        end: Token,
        what: &str,
        mut read: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
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

    fn expect(&mut self, token: Token, what: &str) -> Parsed<Span> {
        let span = self.span();
        if self.accept(token) {
            Ok(span)
        } else {
            Err(self.unexpected(what))
        }
    }

    fn unexpected(&self, what: &str) -> Diagnostic {
        let found = self.peek().describe(self.text());
        let diagnostic = Diagnostic::new(self.span(), format!("expected {what}, found {found}"));
        let is_word = self.text().starts_with(|c: char| c.is_ascii_alphabetic());
        if self.uses_c && is_word && !matches!(self.peek(), Token::Name | Token::End) {
            return diagnostic.note(format!(
                "{found} is a word of the language: what a C header calls so cannot be named"
            ));
        }
        diagnostic
    }
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::new(span, format!("this nests deeper than {MAX_DEPTH} levels"))
        .note("give a part of it a name of its own")
}
