//! How clang is run: its arguments, the text in memory, and the further runs that answer what declarations do not say.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;

use crate::clang::{Cursor, Place, Session, Unit};
use crate::header_error::HeaderError;
use crate::options::Options;
use crate::parse::errors::Errors;
use crate::parse::macros;
use crate::parse::pragmas::Pragmas;
use crate::parse::prelude;
use crate::parse::questions::{Answers, Questions};

/// The text and the arguments as libclang takes them.
pub(crate) struct Source<'s> {
    session: &'s Session,
    text: &'s str,
    name: CString,
    args: Vec<CString>,
    given_args: &'s [String],
}

/// Whether the last of the arguments about it turns the x87 registers off.
fn without_x87(args: &[String]) -> bool {
    let off = |arg: &String| match arg.as_str() {
        "-mno-80387" | "-mno-x87" => Some(true),
        "-m80387" | "-mx87" => Some(false),
        _ => None,
    };
    args.iter().rev().find_map(off).unwrap_or(false)
}

impl<'s> Source<'s> {
    pub(crate) fn new(
        session: &'s Session,
        text: &'s str,
        options: &'s Options,
    ) -> Result<Self, HeaderError> {
        let mut args = vec![format!("-x{}", options.language())];
        // Before what the options include.
        args.extend(["-include".to_owned(), prelude::NAME.to_owned()]);
        args.extend(options.args.iter().cloned());
        // clang has no macro for it.
        args.extend(without_x87(&options.args).then(|| "-D__cabi_without_x87".to_owned()));
        // Each error costs its declaration, so all of them have to be known.
        args.push("-ferror-limit=0".to_owned());
        args.extend(options.system_includes(session.library_path()));
        let args = args
            .into_iter()
            .map(|arg| c_string(arg, "an argument"))
            .collect::<Result<_, _>>()?;
        let name = c_string(
            options.name.to_string_lossy().into_owned(),
            "the name of the header",
        )?;
        Ok(Self {
            session,
            text,
            name,
            args,
            given_args: &options.args,
        })
    }

    /// Parses the text with `more` after it.
    pub(crate) fn run(&self, more: &str) -> Result<Unit<'s>, HeaderError> {
        let unsaved = [
            (
                self.name.clone(),
                c_string(format!("{}{more}", self.text), "the text")?,
            ),
            (
                c_string(prelude::NAME.to_owned(), "")?,
                c_string(prelude::TEXT.to_owned(), "")?,
            ),
        ];
        self.session
            .parse(&self.name, &self.args, &unsaved)
            .ok_or_else(|| HeaderError::Refused {
                args: self.given_args.to_vec(),
            })
    }

    /// Adds to `answers` what `questions` ask.
    pub(crate) fn answer(
        &self,
        questions: &Questions,
        answers: &mut Answers,
    ) -> Result<(), HeaderError> {
        if !questions.values.is_empty() {
            // libclang shows the expression of an attribute, not its value: clang computes it in a second run.
            let mut values = self.evaluate(questions)?;
            for expression in &questions.values {
                let value = values.remove(expression);
                let known = answers.values.entry(expression.clone());
                known.or_insert(value);
            }
        }
        if !questions.macros.is_empty() {
            let (unit, wrong) = self.run_after(&macros::questions(&questions.macros))?;
            let spoilt = Errors::with_spoilt(questions.spoilt.clone());
            let is_wrong = |cursor: &Cursor<'_>| {
                wrong.contains(&cursor.place().line) || spoilt.mentioned(*cursor).is_some()
            };
            let mut values = macros::answers(&unit, &questions.macros, is_wrong);
            for name in &questions.macros {
                answers.macros.insert(name.clone(), values.remove(name));
            }
        }
        Ok(())
    }

    /// Parses the text with `more` after it, and says which lines of that are wrong.
    fn run_after(&self, more: &str) -> Result<(Unit<'s>, HashSet<u32>), HeaderError> {
        let first_line = u32::try_from(self.text.lines().count()).unwrap_or(u32::MAX);
        let unit = self.run(more)?;
        let main = self.name.to_string_lossy();
        let in_more = |place: &Place| place.file == main && place.line >= first_line;
        let wrong = unit
            .diagnostics()
            .into_iter()
            .filter(|diagnostic| diagnostic.is_error && in_more(&diagnostic.place))
            .map(|diagnostic| diagnostic.place.line)
            .collect();
        Ok((unit, wrong))
    }

    /// The pragmas in all that `unit` read, and in arguments.
    pub(crate) fn pragmas(&self, unit: &Unit<'_>) -> Pragmas {
        let main = self.name.to_string_lossy();
        let mut found = Pragmas::of_args(self.given_args);
        found.look(self.text);
        for file in unit.files().iter().filter(|file| **file != main) {
            // What cannot be read was in memory: the prelude, which has none.
            if let Ok(bytes) = std::fs::read(file) {
                found.look(&String::from_utf8_lossy(&bytes));
            }
        }
        found
    }

    /// The values of constant expressions or alignments of types; what has neither is left out.
    fn evaluate(&self, questions: &Questions) -> Result<HashMap<String, u32>, HeaderError> {
        let expressions = &questions.values;
        let spoilt = Errors::with_spoilt(questions.spoilt.clone());
        let mut more = String::from("\n");
        for (i, expression) in expressions.iter().enumerate() {
            // `_Alignas` takes either; one of the two lines is an error. `aligned` alone is the target's greatest alignment.
            let value = if expression.is_empty() {
                "__BIGGEST_ALIGNMENT__"
            } else {
                expression
            };
            more += &format!(
                "enum {{ __cabi_value_{i} = ({value}) }};\nenum {{ __cabi_type_{i} = _Alignof({value}) }};\n"
            );
        }
        let (unit, wrong) = self.run_after(&more)?;
        let mut found = HashMap::new();
        for constant in unit
            .cursor()
            .children()
            .into_iter()
            .flat_map(Cursor::children)
        {
            let (name, line) = (constant.name(), constant.place().line);
            let index = name
                .strip_prefix("__cabi_value_")
                .or_else(|| name.strip_prefix("__cabi_type_"));
            let expression = index
                .and_then(|i| i.parse().ok())
                .and_then(|i: usize| expressions.get(i));
            if let (Some(expression), Ok(value)) =
                (expression, u32::try_from(constant.enum_value()))
                && !wrong.contains(&line)
                && spoilt.mentioned(constant).is_none()
            {
                // The value's line comes first; `_Alignof` of an expression is clang's extension and means something else.
                found.entry(expression.clone()).or_insert(value);
            }
        }
        Ok(found)
    }
}

fn c_string(text: String, place: &str) -> Result<CString, HeaderError> {
    CString::new(text).map_err(|_| HeaderError::Nul {
        place: place.to_owned(),
    })
}
