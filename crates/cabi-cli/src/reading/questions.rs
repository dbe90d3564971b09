//! What clang is asked about types and expressions that the command line has: typedefs and enumerators after the text that is read.

use std::collections::HashMap;
use std::fmt::Write;

use cabi::Type;
use cabi_header::{Header, HeaderError, Options, SourceError};

use super::OWN;

/// What is to be found out, each once.
#[derive(Default)]
pub(crate) struct Questions(Vec<Question>);

struct Question {
    /// A type, or an expression.
    text: String,
    /// Whether its value is asked for too.
    has_value: bool,
    /// What clang says about it if it is no C.
    refused: Option<String>,
}

/// What was found out, by the text of the question.
pub(crate) struct Answers(HashMap<String, Answer>);

struct Answer {
    ty: Result<Type, String>,
    /// The type after C's default argument promotions.
    promoted: Option<Type>,
    /// Of an integer constant expression.
    value: Option<i128>,
}

impl Questions {
    /// Asks for the type of `text`, and for its value.
    pub(crate) fn add(&mut self, text: &str, has_value: bool) {
        match self.0.iter_mut().find(|known| known.text == text) {
            Some(known) => known.has_value |= has_value,
            None => self.0.push(Question {
                text: text.to_owned(),
                has_value,
                refused: None,
            }),
        }
    }

    /// Reads `source`, lines of a text called `name`, with the questions after them.
    ///
    /// # Errors
    /// What is wrong with the text. What is wrong with a question is its answer.
    pub(crate) fn ask(
        &mut self,
        (name, source): (&str, &str),
        options: &Options,
    ) -> Result<Header, HeaderError> {
        let parse = |own: &Self| cabi_header::parse(&format!("{source}{}", own.text()), options);
        match parse(self) {
            Err(HeaderError::Source { errors })
                if self.refuse((name, source.lines().count()), &errors) =>
            {
                parse(self)
            }
            read => read,
        }
    }

    /// The declarations that ask, a line each, without those that were refused.
    fn text(&self) -> String {
        let mut text = match self.0.is_empty() {
            true => String::new(),
            false => {
                "_Pragma(\"clang diagnostic error \\\"-Wgnu-folding-constant\\\"\") ".to_owned()
            }
        };
        // Writing to a string cannot fail.
        for (i, question) in self.0.iter().enumerate() {
            let asked = &question.text;
            if question.refused.is_none() {
                let _ = write!(text, "typedef __typeof__({asked}) {OWN}type_{i};");
                // What clang folds and C leaves undefined, as `1 << 32`, is an error as an enumerator.
                if question.has_value {
                    let _ = write!(
                        text,
                        " enum {{ cabi_value_{i} = (unsigned long long)({asked}) }};"
                    );
                }
            }
            text.push('\n');
        }
        text
    }

    /// Takes out the questions that `errors` are about, if there are any: errors in lines after the first `n` of the text `name`.
    fn refuse(&mut self, (name, n): (&str, usize), errors: &[SourceError]) -> bool {
        let mut is_any = false;
        for error in errors {
            let own = error.location.as_ref();
            let line = own.filter(|location| location.file == name);
            let line = line.and_then(|location| usize::try_from(location.line).ok());
            let idx = line.and_then(|line| line.checked_sub(n + 1));
            if let Some(question) = idx.and_then(|idx| self.0.get_mut(idx)) {
                let message = || error.message.clone();
                question.refused.get_or_insert_with(message);
                is_any = true;
            }
        }
        is_any
    }

    /// What the header that was read with them says.
    pub(crate) fn answers(&self, header: &Header) -> Answers {
        let all = self.0.iter().enumerate();
        let answers = all.map(|(i, question)| (question.text.clone(), question.answer(header, i)));
        Answers(answers.collect())
    }
}

impl Question {
    /// The answer to this question, the one with the index `i`.
    fn answer(&self, header: &Header, i: usize) -> Answer {
        let asked = &self.text;
        let name = format!("{OWN}type_{i}");
        let named = header.typedefs.iter().find(|named| named.name == name);
        let ty = match (&self.refused, named) {
            (Some(why), _) if why.starts_with("expression is not an integer constant") => {
                Err(format!("{asked} is not an integer constant"))
            }
            (Some(why), _) => {
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                let is_name = asked.chars().all(is_word) && !asked.starts_with(char::is_numeric);
                let hint = match self.has_value && is_name {
                    true => " (a string needs its quotes: '\"text\"')",
                    false => "",
                };
                Err(format!("{asked}: clang says: {why}{hint}"))
            }
            (None, Some(named)) => Ok(named.ty.clone()),
            (None, None) => Err(match header.reason(&name) {
                Some(reason) => format!("{asked}: {reason}"),
                None => format!("{asked} is not C"),
            }),
        };
        let scalar = ty.as_ref().ok().and_then(Type::as_scalar);
        let scalar = scalar.filter(|scalar| scalar.is_integer_like());
        let value = header.constant(&format!("cabi_value_{i}"));
        let value = value.and_then(|value| u64::try_from(value.value).ok());
        let value = scalar
            .zip(value)
            .map(|(scalar, value)| match scalar.is_signed() {
                true => value.cast_signed().into(),
                false => value.into(),
            });
        Answer {
            promoted: named.map(|named| named.written.promoted(&named.ty)),
            ty,
            value,
        }
    }
}

impl Answers {
    fn get(&self, text: &str) -> Result<&Answer, String> {
        let unknown = || format!("{text}: clang was not asked");
        self.0.get(text).ok_or_else(unknown)
    }

    /// The type written as `text`.
    pub(crate) fn ty(&self, text: &str) -> Result<Type, String> {
        self.get(text)?.ty.clone()
    }

    /// The type written as `text`, or that of an expression, after C's default argument promotions.
    pub(crate) fn promoted(&self, text: &str) -> Result<Type, String> {
        let ty = self.ty(text)?;
        Ok(self.get(text)?.promoted.clone().unwrap_or(ty))
    }

    /// The value of the expression `text`.
    pub(crate) fn value(&self, text: &str) -> Result<i128, String> {
        self.ty(text)?;
        let none = || format!("{text} is not an integer constant");
        self.get(text)?.value.ok_or_else(none)
    }
}
