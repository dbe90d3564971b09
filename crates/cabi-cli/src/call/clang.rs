//! What clang is asked about the arguments: types that are written in them, and the values of expressions.
//!
//! The questions are typedefs after the header's text. An array type carries a number in its length, so that a value needs nothing
//! that a reader of types has not.

use std::collections::HashMap;
use std::fmt::Write;

use cabi::{Kind, Type};
use cabi_header::{Header, HeaderError, Options, SourceError};

use crate::reading::COMMAND_LINE;

use super::literal::{Init, Item, Value};
use super::number::{Number, NumberKind};
use super::quoted::{Prefix, Text};

/// What clang calls `wchar_t`, whether a header has that name or not.
const WCHAR: &str = "__WCHAR_TYPE__";

/// What is to be found out, each once.
#[derive(Default)]
pub(crate) struct Questions {
    types: Vec<String>,
    constants: Vec<String>,
    /// What clang says about those that are no C.
    refused: HashMap<String, String>,
}

/// What was found out, or why not.
pub(crate) struct Answers {
    /// `long double` of the target that clang reads for.
    pub(crate) long_double: Type,
    types: HashMap<String, Result<Type, String>>,
    /// The `types` after C's default argument promotions.
    promoted: HashMap<String, Type>,
    constants: HashMap<String, Result<(Type, Number), String>>,
}

impl Questions {
    pub(crate) fn of(args: &[Init]) -> Self {
        let mut questions = Self::default();
        args.iter().for_each(|arg| questions.look_into(arg));
        questions
    }

    fn look_into(&mut self, init: &Init) {
        let items: &[Item] = match init {
            Init::List(items) => items,
            Init::Value(Value::Compound(ty, items) | Value::Address(ty, items)) => {
                add(&mut self.types, ty);
                items
            }
            Init::Value(Value::Text(text)) if text.prefix == Prefix::Wchar => {
                add(&mut self.types, WCHAR);
                &[]
            }
            Init::Value(Value::Other(text)) => {
                add(&mut self.constants, text);
                &[]
            }
            Init::Value(_) => &[],
        };
        items.iter().for_each(|item| self.look_into(&item.init));
    }

    /// Reads `includes`, one to a line, with the questions after them.
    ///
    /// # Errors
    /// What is wrong with the header. What is wrong with a question is its answer.
    pub(crate) fn ask(&mut self, includes: &str, options: &Options) -> Result<Header, HeaderError> {
        let read = cabi_header::parse(&format!("{includes}{}", self.text()), options);
        match read {
            Err(HeaderError::Source { errors })
                if self.refuse(includes.lines().count(), &errors) =>
            {
                cabi_header::parse(&format!("{includes}{}", self.text()), options)
            }
            read => read,
        }
    }

    /// The declarations that ask, a line each.
    fn text(&self) -> String {
        let mut text =
            "_Pragma(\"clang diagnostic error \\\"-Wgnu-folding-constant\\\"\") ".to_owned();
        // Writing to a string cannot fail.
        for (i, ty) in self.types.iter().enumerate() {
            if !self.refused.contains_key(ty) {
                let _ = writeln!(text, "typedef __typeof__({ty}) cabi_type_{i};");
            }
        }
        for (i, expr) in self.constants.iter().enumerate() {
            if self.refused.contains_key(expr) {
                continue;
            }
            let bits = format!("(unsigned long long)({expr})");
            // What clang folds and C leaves undefined, as `1 << 32`, is an error as an enumerator.
            let _ = writeln!(
                text,
                "enum {{ cabi_is_constant_{i} = !({expr}) }}; \
                 typedef __typeof__({expr}) cabi_constant_{i}; \
                 typedef char cabi_low_{i}[({bits} & 0xffffffff) + 1]; \
                 typedef char cabi_high_{i}[({bits} >> 32) + 1];"
            );
        }
        text
    }

    /// Takes out the questions that `errors` are about, if there are any: errors in lines after the first `n` of the text.
    fn refuse(&mut self, n: usize, errors: &[SourceError]) -> bool {
        let asked: Vec<&String> = self.types.iter().chain(&self.constants).collect();
        let mut refused = HashMap::new();
        for error in errors {
            let Some(location) = &error.location else {
                continue;
            };
            let line = usize::try_from(location.line).unwrap_or(0);
            let idx = line.checked_sub(n + 1);
            if let Some(text) = idx.and_then(|idx| asked.get(idx))
                && location.file == COMMAND_LINE
            {
                let text: &String = text;
                refused
                    .entry(text.clone())
                    .or_insert_with(|| error.message.clone());
            }
        }
        self.refused = refused;
        !self.refused.is_empty()
    }

    /// What the header that was read with them says.
    pub(crate) fn answers(&self, header: &Header) -> Answers {
        let types = self.types.iter().enumerate().map(|(i, ty)| {
            let answer = self.typedef(header, &format!("cabi_type_{i}"), ty);
            (ty.clone(), answer)
        });
        let constants = self
            .constants
            .iter()
            .enumerate()
            .map(|(i, expr)| (expr.clone(), self.constant(header, i, expr)));
        let promoted = self.types.iter().enumerate().filter_map(|(i, ty)| {
            let name = format!("cabi_type_{i}");
            let named = header.typedefs.iter().find(|named| named.name == name)?;
            Some((ty.clone(), named.written.promoted(&named.ty)))
        });
        Answers {
            long_double: header.model.long_double(),
            types: types.collect(),
            promoted: promoted.collect(),
            constants: constants.collect(),
        }
    }

    fn typedef(&self, header: &Header, name: &str, asked: &str) -> Result<Type, String> {
        if let Some(why) = self.refused.get(asked) {
            return Err(format!("{asked}: clang says: {why}"));
        }
        header
            .ty(name)
            .cloned()
            .ok_or_else(|| match header.reason(name) {
                Some(reason) => format!("{asked}: {reason}"),
                None => format!("{asked} is not C"),
            })
    }

    fn constant(&self, header: &Header, i: usize, expr: &str) -> Result<(Type, Number), String> {
        let ty = self
            .typedef(header, &format!("cabi_constant_{i}"), expr)
            .map_err(|why| {
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                if expr.chars().all(is_word) {
                    why + " (a string needs its quotes: '\"text\"')"
                } else {
                    why
                }
            })?;
        let half = |name: &str| -> Option<u64> {
            match header.ty(&format!("{name}_{i}"))?.kind() {
                Kind::Array(array) => array.len?.checked_sub(1),
                _ => None,
            }
        };
        let scalar = ty.as_scalar();
        let (Some(low), Some(high), Some(scalar)) = (half("cabi_low"), half("cabi_high"), scalar)
        else {
            return Err(format!("{expr} is not an integer constant"));
        };
        if !scalar.is_integer_like() {
            return Err(format!("{expr} is not an integer constant"));
        }
        let value = high << 32 | low;
        let negative = scalar.is_signed() && value.cast_signed() < 0;
        let magnitude = if negative {
            value.wrapping_neg()
        } else {
            value
        };
        let kind = NumberKind::Int {
            magnitude: magnitude.into(),
            decimal: true,
            unsigned: false,
            long: false,
        };
        Ok((ty, Number { negative, kind }))
    }
}

fn add(list: &mut Vec<String>, text: &str) {
    if !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}

impl Answers {
    /// The type written as `text`.
    pub(crate) fn ty(&self, text: &str) -> Result<Type, String> {
        let unknown = || Err(format!("{text}: clang was not asked"));
        self.types.get(text).cloned().unwrap_or_else(unknown)
    }

    /// The type written as `text` after C's default argument promotions.
    pub(crate) fn promoted(&self, text: &str) -> Result<Type, String> {
        let ty = self.ty(text)?;
        Ok(self.promoted.get(text).cloned().unwrap_or(ty))
    }

    /// The width of a string's elements.
    pub(crate) fn text_bits(&self, text: &Text) -> Result<u64, String> {
        Ok(match text.prefix {
            Prefix::Char => 8,
            Prefix::Char16 => 16,
            Prefix::Char32 => 32,
            Prefix::Wchar => self.ty(WCHAR)?.size() * 8,
        })
    }

    /// The value of the expression `text`, an integer or an address, and its type.
    pub(crate) fn constant(&self, text: &str) -> Result<(Type, Number), String> {
        let unknown = || Err(format!("{text}: clang was not asked"));
        self.constants.get(text).cloned().unwrap_or_else(unknown)
    }
}
