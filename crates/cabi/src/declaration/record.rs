//! Structures and unions of a declaration (C17 6.7.2.1).

use super::specifiers::is_qualifier;
use super::{Built, Parser};
use crate::record_builder::RecordBuilder;
use crate::types::Type;
use crate::types::error::Error;
use crate::types::record::Member;

const TWICE: &str = "this tag already has members";

impl<'t> Parser<'t> {
    /// Reads the structure or union after the word `kind`, at byte `start`.
    pub(super) fn record(&mut self, kind: &'t str, start: usize) -> Result<Built<'t>, Error> {
        let tag = match self.name() {
            None if self.tokens.peek() != "{" => {
                return Err(self.unexpected("expected a tag or `{` after `struct` or `union`"));
            }
            tag => tag.unwrap_or(""),
        };
        let entry = self.tags.get(tag).cloned();
        if entry.as_ref().is_some_and(|entry| entry.0 != kind) {
            let why = "this tag is declared as both `struct` and `union`";
            return Err(self.refused(start, why));
        }
        let members = entry.as_ref().and_then(|entry| entry.1.clone());
        if entry.is_none() && !tag.is_empty() {
            self.tags.insert(tag, (kind, None));
        }
        if !self.tokens.eat("{") {
            return Ok(members.map_or(Built::Incomplete(tag), Built::Object));
        }
        if members.is_some() {
            return Err(self.refused(start, TWICE));
        }
        // A record without a tag has the name that its typedef gives it.
        let called = match self.in_typedef && self.nesting == 0 && tag.is_empty() {
            true => self.tokens.name_after_braces(),
            false => tag,
        };
        let called = if is_qualifier(called) { "" } else { called };
        let builder = match kind {
            "union" => RecordBuilder::union(called),
            _ => RecordBuilder::structure(called),
        };
        let builder = self.nested(|parser| parser.members(builder))?;
        let ty = builder.build(self.model).map_err(self.invalid(start))?;
        if let Some((_, definition)) = self.tags.get_mut(tag)
            && definition.replace(ty.clone()).is_some()
        {
            return Err(self.refused(start, TWICE));
        }
        Ok(Built::Object(ty))
    }

    /// Reads members, and the brace after them.
    fn members(&mut self, mut builder: RecordBuilder) -> Result<RecordBuilder, Error> {
        while !self.tokens.eat("}") {
            while self.tokens.eat("__extension__") {}
            let start = self.tokens.at();
            let is_written = self.is_record_next();
            let base = self.specifiers()?;
            if self.tokens.eat(";") {
                // Not a typedef's: that declares nothing.
                let is_untagged = |ty: &&Type| {
                    is_written && ty.as_record().is_some_and(|own| own.tag().is_none())
                };
                let Built::Object(ty) = &base else {
                    return Err(self.refused(start, "this declares no member"));
                };
                let Some(ty) = Some(ty).filter(is_untagged) else {
                    let why = "this declares no member: only a structure or union without a tag can be unnamed";
                    return Err(self.refused(start, why));
                };
                builder = builder.member(Member::anonymous(ty.clone()));
                continue;
            }
            loop {
                builder = builder.member(self.member(base.clone(), start)?);
                if !self.tokens.eat(",") {
                    break;
                }
            }
            self.expect(";", "expected `,` or `;` after a member")?;
        }
        Ok(builder)
    }

    /// Returns whether `struct` or `union` is next, qualifiers aside.
    fn is_record_next(&self) -> bool {
        let mut ahead = self.tokens;
        while ahead.eat_if(is_qualifier) {}
        ahead.eat("struct") || ahead.eat("union")
    }

    fn member(&mut self, base: Built<'t>, start: usize) -> Result<Member, Error> {
        if self.tokens.eat(":") {
            let width = self.width()?;
            return Ok(Member::unnamed_bit_field(self.object(base, start)?, width));
        }
        let at = self.tokens.at();
        let (name, derived) = self.declarator()?;
        let Some(name) = name else {
            return Err(self.refused(at, "a member needs a name"));
        };
        let built = self.derive(base, derived, start)?;
        let ty = self.object(built, start)?;
        Ok(match self.tokens.eat(":") {
            true => Member::bit_field(name, ty, self.width()?),
            false => Member::named(name, ty),
        })
    }

    /// Reads the width of a bit-field, in bits.
    fn width(&mut self) -> Result<u16, Error> {
        let at = self.tokens.at();
        let width = self.number()?;
        u16::try_from(width).map_err(|_| self.refused(at, "the bit-field is wider than its type"))
    }
}
