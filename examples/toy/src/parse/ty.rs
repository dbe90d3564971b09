//! Types as written: `*T`, `fn(T) -> U`, `[T; n]`, `complex<T>`, `vec<T, n>`, a name, or a record on the spot.

use super::Parser;
use crate::ast::{TypeExpr, TypeKind};
use crate::diag::Check;
use crate::lex::Token;

impl Parser<'_> {
    pub(super) fn ty(&mut self) -> Check<TypeExpr> {
        self.nested(|parser| {
            let start = parser.span();
            let kind = parser.type_kind()?;
            parser.type_node(kind, start.to(parser.last_span()))
        })
    }

    fn type_kind(&mut self) -> Check<TypeKind> {
        let token = self.peek();
        if let Token::Struct | Token::Union | Token::Hash = token {
            return Ok(TypeKind::Record(Box::new(self.record(false)?)));
        }
        if let Token::Extern | Token::Fn = token {
            return self.fn_ty();
        }
        let text = self.text();
        if let Token::Name
        | Token::Star
        | Token::Not
        | Token::LBracket
        | Token::Complex
        | Token::Vec = token
        {
            self.next();
        }
        match token {
            Token::Name => Ok(TypeKind::Name(text.into())),
            Token::Star => Ok(TypeKind::Pointer(Box::new(self.ty()?))),
            Token::Not => Ok(TypeKind::Never),
            Token::LBracket => {
                let element = Box::new(self.ty()?);
                let len = self.after(Token::Semi, Self::expr)?.map(Box::new);
                self.expect(Token::RBracket, "`;` or `]`")?;
                Ok(TypeKind::Array(element, len))
            }
            Token::Complex => {
                self.expect(Token::Lt, "`<`")?;
                let part = Box::new(self.ty()?);
                self.expect(Token::Gt, "`>`")?;
                Ok(TypeKind::Complex(part))
            }
            Token::Vec => {
                self.expect(Token::Lt, "`<`")?;
                let lane = Box::new(self.ty()?);
                self.expect(Token::Comma, "`,` and the number of lanes")?;
                let lanes = Box::new(self.additive()?);
                self.expect(Token::Gt, "`>`")?;
                Ok(TypeKind::Vector(lane, lanes))
            }
            _ => Err(self.unexpected("a type")),
        }
    }

    fn fn_ty(&mut self) -> Check<TypeKind> {
        let convention = self.convention()?.unwrap_or_default();
        self.expect(Token::Fn, "`extern \"convention\" fn`")?;
        self.expect(Token::LParen, "`(`")?;
        let (params, variadic) = self.params(|parser| {
            // A name is allowed and means nothing, as in C.
            if parser.peek() == Token::Name && parser.peek_second() == Token::Colon {
                parser.next();
                parser.next();
            }
            parser.ty()
        })?;
        let result = self.after(Token::Arrow, Self::ty)?.map(Box::new);
        Ok(TypeKind::Fn {
            params,
            variadic,
            convention,
            result,
        })
    }
}
