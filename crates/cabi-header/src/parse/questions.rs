//! Facts that declarations do not state, and that a further run of clang over the header finds:
//!
//! - Values of expressions, as in `aligned` attributes, which libclang shows as text only.
//! - Values and types of macros, which libclang keeps as tokens (C17 6.10.3, object-like macros;
//!   6.6, integer constant expressions).

use std::collections::HashMap;

use clang_sys::{CXCursor_EnumDecl, CXCursor_VarDecl, CXTypeKind};

use crate::clang::{Cursor, Unit};
use crate::parse::errors::mentioned;
use crate::reason::Reason;

/// Prefix of the names of the declarations that questions add. No name in the prelude has it.
const QUESTION: &str = "__cabi_question_";

/// Pragmas that turn warnings into errors: clang's value would not be the one written. clang warns
/// of shifts only outside of constant expressions, as in a variable's initializer.
const CHECKED: &str = "#pragma clang diagnostic error \"-Winteger-overflow\"
#pragma clang diagnostic error \"-Wshift-count-overflow\"
#pragma clang diagnostic error \"-Wshift-count-negative\"
";

/// Answer of a further run to a question.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Answer {
    /// Value of an integer constant expression.
    pub(crate) value: Option<i128>,
    /// Kind of the type of a macro that is a constant expression.
    pub(crate) kind: Option<CXTypeKind>,
    /// Alignment of a type, for a question that is a type in place of an expression.
    pub(crate) align: Option<i128>,
}

/// Answers, by the text of the question. An expression and a macro may have the same text.
#[derive(Clone, Default, Debug)]
pub(crate) struct Answers {
    pub(crate) values: HashMap<String, Answer>,
    pub(crate) macros: HashMap<String, Answer>,
}

/// Questions that arise from reading the declarations.
#[derive(Default, Debug)]
pub(crate) struct Questions {
    pub(crate) values: Vec<String>,
    pub(crate) macros: Vec<String>,
    /// Names on whose declarations expressions must not depend. An expression that refers to one
    /// has no value.
    pub(crate) spoilt: HashMap<String, Reason>,
}

impl Questions {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.macros.is_empty()
    }

    /// Returns a declaration for each question, on a line of its own. A question without an answer
    /// is an error on its line. A name that is no macro at the end of the header has no
    /// declaration.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("\n{CHECKED}");
        for (i, question) in self.values.iter().enumerate() {
            // The header may define a macro of this name afterwards.
            for word in words(question) {
                text += &format!("#pragma push_macro(\"{word}\")\n#undef {word}\n");
            }
            // `aligned` alone.
            let question = match question.as_str() {
                "" => "_Alignof(__cabi_aligned)",
                question => question,
            };
            text += &format!(
                "enum {{ {QUESTION}value_{i} = ({question}) }};\nenum {{ {QUESTION}align_{i} = _Alignof({question}) }};\n"
            );
            for word in words(question) {
                text += &format!("#pragma pop_macro(\"{word}\")\n");
            }
        }
        for (i, name) in (self.values.len()..).zip(&self.macros) {
            text += &format!(
                "#ifdef {name}\nenum {{ {QUESTION}value_{i} = ({name}) }}; __typeof__(+({name})) {QUESTION}kind_{i} = ({name});\n#endif\n"
            );
        }
        text
    }

    /// Adds the answers in `unit`, which ends with the text of the questions. Declarations that are
    /// `wrong` give none. What refers to a `spoilt` name is asked again after other answers, by
    /// which the name's declaration may be read.
    pub(crate) fn answer(
        &self,
        unit: &Unit<'_>,
        wrong: impl Fn(Cursor<'_>) -> bool,
        answers: &mut Answers,
    ) {
        let mut found = vec![Some(Answer::default()); self.values.len() + self.macros.len()];
        for top in unit.cursor().children() {
            let declared = match top.kind() {
                CXCursor_VarDecl => vec![(top, 0)],
                CXCursor_EnumDecl => top.enumerators(),
                _ => continue,
            };
            for (cursor, value) in declared {
                let name = cursor.name();
                let words = name.strip_prefix(QUESTION);
                let Some((fact, i)) = words.and_then(|words| words.split_once('_')) else {
                    continue;
                };
                let Some(of_question) = i.parse().ok().and_then(|i: usize| found.get_mut(i)) else {
                    continue;
                };
                if mentioned(cursor, &self.spoilt).is_some() {
                    *of_question = None;
                }
                match (fact, of_question.as_mut().filter(|_| !wrong(cursor))) {
                    ("value", Some(answer)) => answer.value = Some(value),
                    ("align", Some(answer)) => answer.align = Some(value),
                    ("kind", Some(answer)) => answer.kind = Some(cursor.ty().integer_kind()),
                    _ => {}
                }
            }
        }
        let of_macros = found.split_off(self.values.len());
        let is_last = found.iter().all(Option::is_none);
        let of_questions = [(&self.values, found), (&self.macros, of_macros)];
        let to = [&mut answers.values, &mut answers.macros];
        for ((texts, found), to) in of_questions.into_iter().zip(to) {
            let found = texts.iter().cloned().zip(found);
            to.extend(found.filter_map(|(text, answer)| {
                let answer = answer.or(is_last.then(Answer::default));
                Some((text, answer?))
            }));
        }
    }
}

/// Returns whether an expression refers to declarations by their names.
pub(crate) fn has_names(expression: &str) -> bool {
    const KEYWORDS: &str =
        "sizeof alignof _Alignof __alignof__ char short int long signed unsigned float double void";
    let is_name = |word: &str| KEYWORDS.split(' ').all(|keyword| keyword != word);
    words(expression).any(is_name)
}

/// Returns the identifiers in an expression as clang prints it, where `bool` is the only macro.
fn words(question: &str) -> impl Iterator<Item = &str> {
    let words = question.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
    let is_name = |word: &&str| !word.starts_with(|c: char| c.is_ascii_digit());
    words
        .filter(|word| !["", "bool"].contains(word))
        .filter(is_name)
}
