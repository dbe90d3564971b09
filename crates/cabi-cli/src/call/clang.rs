//! What clang is asked about the arguments: types that are written in them, and the values of expressions.

use cabi::Type;

use crate::reading::questions::{Answers, Questions};

use super::literal::{Init, Item, Value};
use super::number::{Number, NumberKind};
use super::quoted::{Prefix, Text};

/// What clang calls `wchar_t`, whether a header has that name or not.
const WCHAR: &str = "__WCHAR_TYPE__";

impl Questions {
    /// The questions about arguments with these texts. Any may be one without a parameter, whose own type counts.
    pub(crate) fn of<'a>(args: impl Iterator<Item = (&'a String, &'a Init)>) -> Self {
        let mut questions = Self::default();
        for (text, arg) in args {
            if let Init::Value(Value::Number(_) | Value::Complex(..)) = arg {
                questions.add(text, false);
            }
            questions.look_into(arg);
        }
        questions
    }

    fn look_into(&mut self, init: &Init) {
        let items: &[Item] = match init {
            Init::List(items) => items,
            Init::Value(Value::Compound(ty, items) | Value::Address(ty, items)) => {
                self.add(ty, false);
                items
            }
            Init::Value(Value::Text(text)) if text.prefix == Prefix::Wchar => {
                self.add(WCHAR, false);
                &[]
            }
            Init::Value(Value::Other(text)) => {
                self.add(text, true);
                &[]
            }
            Init::Value(_) => &[],
        };
        items.iter().for_each(|item| self.look_into(&item.init));
    }
}

impl Answers<'_> {
    /// The type that the argument `init`, written as `text`, has by itself after C's default argument promotions, where no parameter says it.
    pub(crate) fn own_type(&self, init: &Init, text: &str) -> Result<Type, String> {
        let asked = match init {
            Init::List(_) => {
                return Err("an initialiser here needs its type: (struct vec2){1, 2}".into());
            }
            Init::Value(Value::Text(_) | Value::Null | Value::Address(..)) => {
                return Ok(Type::PTR);
            }
            // Macros of a header that may not be read.
            Init::Value(Value::Number(number)) if number.is_macro() => return Ok(Type::F64),
            Init::Value(Value::Compound(ty, _)) => ty,
            Init::Value(Value::Other(text)) => text,
            Init::Value(_) => text,
        };
        self.promoted(asked)
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

    /// The value of the expression `text`.
    pub(crate) fn constant(&self, text: &str) -> Result<Number, String> {
        let value = self.value(text)?;
        let kind = NumberKind::Int(value.unsigned_abs());
        Ok(Number {
            negative: value < 0,
            kind,
        })
    }
}
