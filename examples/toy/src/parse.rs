//! From tokens to the tree: recursive descent by hand. Items are read here; types, functions,
//! statements and expressions in the files below. The first error ends the parse.

mod expr;
mod stmt;
mod ty;

use crate::ast::{Ident, Linkage, Program, RecordDecl, UseDecl, Uses};
use crate::diag::{Check, Diagnostic, Span, fail};
use crate::lex::{Spanned, Token, lex, unescape};
use std::rc::Rc;

/// How deep a program may nest. Every later pass recurses over the tree.
const MAX_DEPTH: u32 = 64;

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
        program: Program::default(),
    };
    while parser.peek() != Token::End {
        parser.item()?;
    }
    Ok(parser.program)
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Spanned],
    at: usize,
    /// Depth of the construct being read: blocks, expressions and types together.
    depth: u32,
    /// In a condition `name {` begins the block, not a record literal.
    no_record_literal: bool,
    /// Uses of names in the functions being read, the innermost last.
    uses: Vec<Uses>,
    program: Program,
}

impl<'a> Parser<'a> {
    fn item(&mut self) -> Check<()> {
        match self.text() {
            "extern" if !self.is_for_c() => return self.extern_block(),
            "fn" | "extern" => {
                let function = self.function()?;
                self.program.functions.push(function);
            }
            "struct" | "union" => {
                let record = self.record()?;
                self.program.records.push(record);
            }
            "use" => {
                let used = self.use_decl()?;
                self.program.uses.push(used);
            }
            _ => return Err(self.unexpected("`fn`, `extern`, `use`, `struct` or `union`")),
        }
        Ok(())
    }

    fn use_decl(&mut self) -> Check<UseDecl> {
        let start = self.expect("use")?;
        self.expect("c")?;
        let header = self.file_name("header")?;
        let from = self.accept("from");
        let library = from.then(|| self.file_name("library")).transpose()?;
        let span = start.to(self.expect(";")?);
        Ok(UseDecl {
            header,
            library,
            span,
        })
    }

    fn file_name(&mut self, of: &str) -> Check<Rc<str>> {
        if self.peek() != Token::Str {
            return Err(self.unexpected(&format!("the name of a {of} in quotes")));
        }
        let (text, span) = self.next();
        let bad = ['\0', '"', '\n', '\r', '\\'];
        match String::from_utf8(unescape(text, span)?) {
            Ok(name) if !name.is_empty() && !name.contains(bad) => Ok(name.into()),
            _ => fail(span, format!("this is no name of a {of}")),
        }
    }

    /// `extern "library" { .. }`, or without a library.
    fn extern_block(&mut self) -> Check<()> {
        self.expect("extern")?;
        let has_name = self.peek() == Token::Str;
        let library = has_name.then(|| self.file_name("library")).transpose()?;
        self.expect("{")?;
        while !self.accept("}") {
            let mut function = self.fn_head()?;
            let symbol = Rc::clone(&function.name.name);
            function.linkage = Linkage::Import(library.clone(), symbol);
            self.program.functions.push(function);
            self.expect(";")?;
        }
        Ok(())
    }

    /// `struct name { members }`, or opaque: `struct name;`.
    fn record(&mut self) -> Check<RecordDecl> {
        let is_union = self.next().0 == "union";
        let name = self.ident("a name for the record")?;
        let mut members = None;
        if !self.accept(";") {
            self.expect("{")?;
            members = Some(self.list("}", |parser| {
                let member = parser.ident("a member")?;
                parser.expect(":")?;
                Ok((member, parser.ty()?))
            })?);
        }
        Ok(RecordDecl {
            is_union,
            name,
            members,
        })
    }

    fn ident(&mut self, what: &str) -> Check<Ident> {
        if self.peek() != Token::Name {
            return Err(self.unexpected(what));
        }
        let (name, span) = self.next();
        let name = name.into();
        Ok(Ident { name, span })
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

    fn peek(&self) -> Token {
        self.tokens
            .get(self.at)
            .map_or(Token::End, |next| next.token)
    }

    fn span(&self) -> Span {
        let end = self.source.len();
        let next = self.tokens.get(self.at).map(|next| next.span);
        next.unwrap_or_else(|| Span::from_range(&(end..end)))
    }

    fn last_span(&self) -> Span {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        last.map_or(self.span(), |last| last.span)
    }

    fn text(&self) -> &'a str {
        self.source.get(self.span().range()).unwrap_or("")
    }

    fn next(&mut self) -> (&'a str, Span) {
        let next = (self.text(), self.span());
        self.at += 1;
        next
    }

    /// Up to `end`: what `read` reads, with commas between and perhaps after the last.
    fn list<T>(&mut self, end: &str, mut read: impl FnMut(&mut Self) -> Check<T>) -> Check<Vec<T>> {
        let mut list = Vec::new();
        while self.text() != end {
            list.push(read(self)?);
            if !self.accept(",") {
                break;
            }
        }
        self.expect(end)?;
        Ok(list)
    }

    /// Goes past a word or mark, if it is here.
    fn accept(&mut self, text: &str) -> bool {
        let found = self.text() == text;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, text: &str) -> Check<Span> {
        match self.accept(text) {
            true => Ok(self.last_span()),
            false => Err(self.unexpected(&format!("`{text}`"))),
        }
    }

    fn unexpected(&self, what: &str) -> Diagnostic {
        let found = self.peek().describe(self.text());
        Diagnostic::new(self.span(), format!("expected {what}, found {found}"))
    }
}
