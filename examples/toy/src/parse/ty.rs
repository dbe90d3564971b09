//! Types as written: `*T`, `fn(T) -> U`, `[T; n]`, `complex<T>`, or a name.

use super::Parser;
use crate::ast::{Number, TypeExpr, TypeKind};
use crate::diag::Check;
use crate::lex::{Token, number};

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
        let (token, unknown) = (self.peek(), self.unexpected("a type"));
        match self.next().0 {
            name if token == Token::Name => Ok(TypeKind::Name(name.into())),
            "*" => Ok(TypeKind::Pointer(Box::new(self.ty()?))),
            "fn" => {
                let signature = self.signature(|_| Ok(()))?;
                Ok(TypeKind::Fn(Box::new(signature)))
            }
            "[" => {
                let element = Box::new(self.ty()?);
                self.expect(";")?;
                let len = self.count()?;
                self.expect("]")?;
                Ok(TypeKind::Array(element, len))
            }
            "complex" => {
                self.expect("<")?;
                let part = Box::new(self.ty()?);
                self.expect(">")?;
                Ok(TypeKind::Complex(part))
            }
            _ => Err(unknown),
        }
    }

    fn count(&mut self) -> Check<u64> {
        let unknown = self.unexpected("the number of elements");
        let is_int = self.peek() == Token::Int;
        let (text, span) = self.next();
        match is_int.then(|| number(text, false, span)).transpose()? {
            Some(Number {
                integer: Some(count),
                suffix,
                ..
            }) if suffix.is_empty() => u64::try_from(count).map_err(|_| unknown),
            _ => Err(unknown),
        }
    }
}
