//! Types as written: `*T`, `fn(T) -> U`, `[T; n]`, `complex<T>`, or a name.

use super::Parser;
use crate::ast::{TypeExpr, TypeKind};
use crate::diag::Check;
use crate::lex::Token;

impl Parser<'_> {
    pub(super) fn ty(&mut self) -> Check<TypeExpr> {
        self.nested(|parser| {
            let start = parser.span();
            let kind = parser.type_kind()?;
            let span = start.to(parser.last_span());
            Ok(TypeExpr { kind, span })
        })
    }

    fn type_kind(&mut self) -> Check<TypeKind> {
        let (token, text, unknown) = (self.peek(), self.text(), self.unexpected("a type"));
        self.next();
        match token {
            Token::Name => Ok(TypeKind::Name(text.into())),
            Token::Star => Ok(TypeKind::Pointer(Box::new(self.ty()?))),
            Token::Not => Ok(TypeKind::Never),
            Token::Fn => self.fn_ty(),
            Token::LBracket => {
                let element = Box::new(self.ty()?);
                self.expect(Token::Semi, "`;` and the number of elements")?;
                let len = Box::new(self.expr()?);
                self.expect(Token::RBracket, "`]`")?;
                Ok(TypeKind::Array(element, len))
            }
            Token::Complex => {
                self.expect(Token::Lt, "`<`")?;
                let part = Box::new(self.ty()?);
                self.expect(Token::Gt, "`>`")?;
                Ok(TypeKind::Complex(part))
            }
            _ => Err(unknown),
        }
    }

    fn fn_ty(&mut self) -> Check<TypeKind> {
        self.expect(Token::LParen, "`(`")?;
        let (params, variadic) = self.params(Self::ty)?;
        let result = self.after(Token::Arrow, Self::ty)?.map(Box::new);
        Ok(TypeKind::Fn {
            params,
            variadic,
            result,
        })
    }
}
