//! Types as written: `*T`, `fn(T) -> U`, `[T; n]`, `complex<T>`, `vec<T, n>`, `bitint<n>`, a name,
//! or a record on the spot.

use super::{Parsed, Parser};
use crate::ast::{TypeExpr, TypeKind};
use crate::lex::Token;

impl Parser<'_> {
    pub(super) fn ty(&mut self) -> Parsed<TypeExpr> {
        self.nested(Self::ty_unlimited)
    }

    fn ty_unlimited(&mut self) -> Parsed<TypeExpr> {
        let start = self.span();
        let kind = match self.peek() {
            Token::Name => {
                let name = self.text().into();
                self.next();
                TypeKind::Name(name)
            }
            Token::Star => {
                self.next();
                TypeKind::Pointer(Box::new(self.ty()?))
            }
            Token::Not => {
                self.next();
                TypeKind::Never
            }
            Token::Fn | Token::Extern => self.fn_ty()?,
            Token::LBracket => self.array_ty()?,
            Token::Complex | Token::Vec | Token::BitInt | Token::UBitInt => self.generic_ty()?,
            Token::Hash => {
                let attrs = self.attrs()?;
                if !matches!(self.peek(), Token::Struct | Token::Union) {
                    return Err(self.unexpected("`struct` or `union`"));
                }
                return self.nested_record(attrs);
            }
            Token::Struct | Token::Union => return self.nested_record(Vec::new()),
            _ => return Err(self.unexpected("a type")),
        };
        self.type_node(kind, start.to(self.last_span()))
    }

    /// A keyword with parameters in angle brackets.
    fn generic_ty(&mut self) -> Parsed<TypeKind> {
        let keyword = self.next();
        self.expect(Token::Lt, "`<`")?;
        let kind = match keyword {
            Token::Complex => TypeKind::Complex(Box::new(self.ty()?)),
            Token::Vec => {
                let element = Box::new(self.ty()?);
                self.expect(Token::Comma, "`,` and the number of lanes")?;
                let lanes = Box::new(self.additive()?);
                let flavour = self.after(Token::Comma, |own| own.ident("`zig` or `clang`"))?;
                TypeKind::Vector(element, lanes, flavour)
            }
            _ => TypeKind::BitInt {
                signed: keyword == Token::BitInt,
                bits: Box::new(self.additive()?),
            },
        };
        self.expect(Token::Gt, "`>`")?;
        Ok(kind)
    }

    fn fn_ty(&mut self) -> Parsed<TypeKind> {
        let convention = self.convention()?;
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
            convention: convention.unwrap_or_default(),
            result,
        })
    }

    fn array_ty(&mut self) -> Parsed<TypeKind> {
        self.next();
        let element = Box::new(self.ty()?);
        let len = self.after(Token::Semi, Self::expr)?.map(Box::new);
        self.expect(Token::RBracket, "`;` or `]`")?;
        Ok(TypeKind::Array(element, len))
    }
}
