//! Functions: of the program, in other functions, and without a name.

use super::{Parsed, Parser};
use crate::ast::{Convention, FnDecl, Ident};
use crate::diag::Diagnostic;
use crate::lex::Token;

impl Parser<'_> {
    /// `fn name(params) -> result { .. }`
    pub(super) fn function(&mut self) -> Parsed<FnDecl> {
        let mut function = self.fn_head()?;
        function.body = Some(self.block()?);
        Ok(function)
    }

    /// `fn(params) -> result { .. }`
    pub(super) fn closure(&mut self) -> Parsed<FnDecl> {
        let span = self.expect(Token::Fn, "`fn`")?;
        let name = "closure".into();
        let mut closure = self.signature(Ident { name, span }, None)?;
        closure.body = Some(self.block()?);
        Ok(closure)
    }

    /// `fn name(params) -> result`, up to the body or the semicolon.
    pub(super) fn fn_head(&mut self) -> Parsed<FnDecl> {
        let convention = self.convention()?;
        self.expect(Token::Fn, "`fn`")?;
        let name = self.ident("a name for the function")?;
        self.signature(name, convention)
    }

    /// Whether `extern "convention" fn` follows.
    pub(super) fn has_convention(&self) -> bool {
        let next = self.tokens.iter().skip(self.at).map(|next| next.token);
        next.take(3).eq([Token::Extern, Token::Str, Token::Fn])
    }

    /// The calling convention before `fn`, if there is one.
    pub(super) fn convention(&mut self) -> Parsed<Option<Convention>> {
        if !self.has_convention() {
            return Ok(None);
        }
        self.next();
        let (name, span) = self.string()?;
        let mut named = Convention::NAMED.iter();
        match named.find(|(own, _)| own.as_bytes() == name) {
            Some((_, convention)) => Ok(Some(*convention)),
            None => {
                let name = name.escape_ascii();
                let message = format!("there is no calling convention `{name}`");
                Err(Diagnostic::new(span, message)
                    .note("there are `C`, `win64`, `avx` and `avx512`"))
            }
        }
    }

    fn signature(&mut self, name: Ident, convention: Option<Convention>) -> Parsed<FnDecl> {
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
            convention,
            result,
            body: None,
        })
    }

    /// The rest of a list of parameters, and whether `...` ends it.
    pub(super) fn params<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Parsed<T>,
    ) -> Parsed<(Vec<T>, bool)> {
        let mut params = Vec::new();
        let mut variadic = false;
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
}
