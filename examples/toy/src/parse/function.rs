//! Functions: of the program, in other functions, and without a name.

use super::{Parsed, Parser};
use crate::ast::{FnDecl, Ident};
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
        let mut closure = self.signature(Ident { name, span })?;
        closure.body = Some(self.block()?);
        Ok(closure)
    }

    /// `fn name(params) -> result`, up to the body or the semicolon.
    pub(super) fn fn_head(&mut self) -> Parsed<FnDecl> {
        self.expect(Token::Fn, "`fn`")?;
        let name = self.ident("a name for the function")?;
        self.signature(name)
    }

    fn signature(&mut self, name: Ident) -> Parsed<FnDecl> {
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
