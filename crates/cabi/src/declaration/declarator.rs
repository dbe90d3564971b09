//! Declarators: names with their pointers, arrays and parameters (C17 6.7.6).

use alloc::vec::Vec;

use super::specifiers;
use super::{Built, Derivation, Parser};
use crate::types::Type;
use crate::types::error::Error;

impl<'t> Parser<'t> {
    /// Reads a declarator, with its name if it has one.
    pub(super) fn declarator(&mut self) -> Result<(Option<&'t str>, Vec<Derivation>), Error> {
        let mut pointers = Vec::new();
        while self.tokens.eat("*") {
            let mut restrict = None;
            loop {
                let at = self.tokens.at();
                match self.tokens.eat_if(specifiers::is_restrict) {
                    true => restrict = Some(at),
                    false if self.tokens.eat_if(specifiers::is_qualifier) => {}
                    false => break,
                }
            }
            pointers.push(Derivation::Pointer { restrict });
        }
        let (name, mut derived) = if self.opens_declarator() {
            self.tokens.eat("(");
            let inner = self.nested(Self::declarator)?;
            self.expect(")", "expected `)` after the declarator")?;
            inner
        } else {
            (self.name(), Vec::new())
        };
        loop {
            let at = self.tokens.at();
            if self.tokens.eat("[") {
                let (len, only_param) = self.array_len()?;
                derived.push(Derivation::Array {
                    at,
                    len,
                    only_param,
                });
            } else if self.tokens.eat("(") {
                let (params, variadic) = self.nested(Self::params)?;
                derived.push(Derivation::Function {
                    at,
                    params,
                    variadic,
                });
            } else {
                break;
            }
        }
        derived.extend(pointers.into_iter().rev());
        Ok((name, derived))
    }

    /// Reads the name that is next, if one is.
    pub(super) fn name(&mut self) -> Option<&'t str> {
        let is_name = |word: &&str| !specifiers::is_reserved(word);
        let name = self.tokens.word().filter(is_name)?;
        self.tokens.advance();
        Some(name)
    }

    /// Returns whether a parenthesis is around a declarator, not around parameters.
    fn opens_declarator(&self) -> bool {
        let mut ahead = self.tokens;
        ahead.eat("(")
            && match ahead.word() {
                Some(word) => !self.begins_type(word) && specifiers::not_read(word).is_none(),
                None => matches!(ahead.peek(), "*" | "(" | "["),
            }
    }

    fn begins_type(&self, word: &str) -> bool {
        specifiers::is_reserved(word)
            || specifiers::header_type(word, self.model).is_some()
            || self.typedefs.contains_key(word)
    }

    /// Reads the length between the brackets of an array, and the second bracket.
    fn array_len(&mut self) -> Result<(Option<u64>, bool), Error> {
        let mut only_param = false;
        while self.tokens.eat("static") || self.tokens.eat_if(specifiers::is_qualifier) {
            only_param = true;
        }
        let len = match self.tokens.is_number() {
            true => Some(self.number()?),
            false => None,
        };
        if len.is_none() && self.tokens.eat("*") {
            only_param = true;
        }
        self.expect(
            "]",
            "expected `]`: a length is one number, because expressions are not read",
        )?;
        Ok((len, only_param))
    }

    /// Reads an integer constant, decimal, octal or hexadecimal (C17 6.4.4.1).
    pub(super) fn number(&mut self) -> Result<u64, Error> {
        if !self.tokens.is_number() {
            return Err(self.unexpected("expected a number: expressions are not read"));
        }
        let text = self.tokens.peek();
        let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
        let suffix = text.get(digits.len()..).unwrap_or("");
        let long = suffix.trim_matches(['u', 'U']);
        let is_suffix =
            suffix.len() - long.len() <= 1 && ["", "l", "L", "ll", "LL"].contains(&long);
        let (digits, radix) = match digits.get(..2) {
            Some("0x" | "0X") => (digits.get(2..).unwrap_or(""), 16),
            Some(_) if digits.starts_with('0') => (digits, 8),
            _ => (digits, 10),
        };
        match u64::from_str_radix(digits, radix) {
            Ok(number) if is_suffix => {
                self.tokens.advance();
                Ok(number)
            }
            _ => Err(self.unexpected("this is not an integer of at most 64 bits")),
        }
    }

    /// Reads the parameters between parentheses, and the second parenthesis.
    fn params(&mut self) -> Result<(Vec<Type>, bool), Error> {
        let mut params = Vec::new();
        loop {
            let start = self.tokens.at();
            if self.tokens.eat("...") {
                if params.is_empty() {
                    return Err(self.refused(start, "C before C23 needs a parameter before `...`"));
                }
                self.expect(")", "expected `)`: `...` is the last parameter")?;
                return Ok((params, true));
            }
            if params.is_empty() && self.tokens.peek() == ")" {
                let why = "the parameters are missing: write `(void)` for none";
                return Err(self.unexpected(why));
            }
            let base = self.specifiers()?;
            let qualified = self.qualified;
            let (name, mut derived) = self.declarator()?;
            let array = match derived.first() {
                Some(Derivation::Array { .. }) => Some(derived.remove(0)),
                _ => None,
            };
            let built = self.derive(base, derived, start)?;
            let is_void = matches!(&built, Built::Object(ty) if *ty == Type::VOID);
            let is_alone = array.is_none() && name.is_none() && params.is_empty();
            if is_void && is_alone && !qualified && self.tokens.eat(")") {
                return Ok((params, false));
            }
            params.push(match (array, built) {
                (None, Built::Function(_)) => self.model.fn_pointer(),
                (None, built) => self.model.decay(&self.object(built, start)?),
                (Some(_), built) => {
                    // Its elements are objects too.
                    let element = self.object(built, start)?;
                    Type::array(&element, 1).map_err(self.invalid(start))?;
                    self.model.pointer()
                }
            });
            if !self.tokens.eat(",") {
                self.expect(")", "expected `,` or `)` after a parameter")?;
                return Ok((params, false));
            }
        }
    }
}
