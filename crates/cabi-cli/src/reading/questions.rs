//! Questions for clang about types and constants of the command line: typedefs and macros after the
//! text that is read.

use std::fmt::Write;

use cabi::Type;
use cabi_header::{Constant, Header, HeaderError, NamedType, Options, SourceError};

use super::OWN;

/// Types and constants of the command line, each once.
#[derive(Default)]
pub(crate) struct Questions(Vec<Question>);

struct Question {
    /// A type or an expression.
    text: String,
    /// `true` for the value of the expression, `false` for its type.
    is_value: bool,
    /// clang's message if the type is no C.
    refused: Option<String>,
}

/// Answers of a header that was read with questions.
pub(crate) struct Answers<'a>(&'a Questions, &'a Header);

impl Questions {
    /// Adds the question for the type of `text`.
    ///
    /// # Errors
    /// A text of several lines: errors are found by their lines.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), String> {
        if text.contains('\n') {
            return Err(format!("{text}: a type must be one line"));
        }
        self.push(text, false);
        Ok(())
    }

    /// Adds the question for the value of `text`, unless its characters are those of no constant
    /// expression.
    pub(crate) fn add_value(&mut self, text: &str) {
        let is_its = |c: char| c.is_ascii_alphanumeric() || "_|&^~+-*%<>() ".contains(c);
        if text.chars().all(is_its) {
            self.push(text, true);
        }
    }

    fn push(&mut self, text: &str, is_value: bool) {
        let mut all = self.0.iter();
        if !all.any(|known| (known.text.as_str(), known.is_value) == (text, is_value)) {
            self.0.push(Question {
                text: text.to_owned(),
                is_value,
                refused: None,
            });
        }
    }

    /// Reads `source`, lines of a text called `name`, with the questions after them.
    ///
    /// # Errors
    /// Errors of the text. An error of a question is its answer.
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

    /// Returns the declarations of the questions, a line each, without those refused.
    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for (i, question) in self.0.iter().enumerate() {
            let asked = &question.text;
            if question.is_value {
                let _ = write!(text, "#define {OWN}value_{i} {asked}");
            } else if question.refused.is_none() {
                let _ = write!(text, "typedef __typeof__({asked}) {OWN}type_{i};");
            }
            text.push('\n');
        }
        text
    }

    /// Marks the questions that `errors` are about as refused, and returns whether there are any.
    /// They are the errors in lines after the first `n` of the text `name`.
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

    /// Returns the answers of the header that was read with the questions.
    pub(crate) fn answers<'a>(&'a self, header: &'a Header) -> Answers<'a> {
        Answers(self, header)
    }
}

impl<'a> Answers<'a> {
    /// Returns the typedef that answers the question `text`: the type, and how it was written.
    pub(crate) fn named(&self, text: &str) -> Result<&'a NamedType, String> {
        let Self(Questions(all), header) = self;
        let i = all.iter().position(|own| own.text == text && !own.is_value);
        let i = i.ok_or_else(|| format!("{text}: clang has not read this type"))?;
        let name = format!("{OWN}type_{i}");
        if let Some(why) = &all[i].refused {
            return Err(format!("{text}: clang says: {why}"));
        }
        let named = header.typedefs.iter().find(|named| named.name == name);
        named.ok_or_else(|| match header.reason(&name) {
            Some(reason) => format!("{text}: {reason}"),
            None => format!("{text} is not C"),
        })
    }

    /// Returns the value and the type of the constant expression `text`.
    pub(crate) fn value(&self, text: &str) -> Result<&'a Constant, String> {
        let Self(Questions(all), header) = self;
        let i = all.iter().position(|own| own.text == text && own.is_value);
        let constant = i.and_then(|i| header.constant(&format!("{OWN}value_{i}")));
        constant.ok_or_else(|| format!("expected JSON or an integer constant of C, not {text}"))
    }

    /// Returns the type that `text` spells, or the type of the expression `text`, after C's default
    /// argument promotions.
    pub(crate) fn promoted(&self, text: &str) -> Result<Type, String> {
        let named = self.named(text)?;
        Ok(named.written.promoted(&named.ty))
    }
}
