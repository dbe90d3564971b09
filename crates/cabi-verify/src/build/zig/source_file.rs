//! A file of Zig: the sides of cases in it, the text on each line, and the sides that the
//! compiler's messages blame.

use std::collections::{BTreeMap, HashSet};

use super::Backend;
use crate::build::first_error;
use crate::case::Case;
use crate::emit::c::TABLE;
use crate::emit::zig::{CaseText, NotExpressible, PREAMBLE, Question, case_text};

/// Cases whose sides share a file. Side `2 * i` is the callee of case `i`, side `2 * i + 1` its
/// caller.
pub(super) struct SourceFile {
    cases: Vec<Result<CaseText, NotExpressible>>,
}

/// A file, and the sides that its lines belong to.
pub(super) struct Text {
    pub(super) zig: String,
    /// The first line (from 1) of each text, and its sides.
    lines: Vec<(usize, Vec<usize>)>,
}

impl SourceFile {
    pub(super) fn of(cases: &[Case], backend: Backend) -> Self {
        let cases = cases.iter().map(|case| case_text(case, backend));
        Self {
            cases: cases.collect(),
        }
    }

    fn side(&self, side: usize) -> Result<&str, String> {
        let case = self.cases.get(side / 2);
        let case = case.ok_or("there is no such case")?.as_ref();
        let case = case.map_err(ToString::to_string)?;
        match side % 2 {
            0 => case.callee.as_deref().map_err(ToString::to_string),
            _ => Ok(&case.caller),
        }
    }

    /// Returns all sides, and for each that Zig cannot express the reason.
    pub(super) fn sides(&self) -> (Vec<usize>, BTreeMap<usize, String>) {
        let (mut sides, mut missing) = (Vec::new(), BTreeMap::new());
        for side in 0..2 * self.cases.len() {
            match self.side(side) {
                Ok(_) => sides.push(side),
                Err(why) => drop(missing.insert(side, why)),
            }
        }
        (sides, missing)
    }

    /// Returns a file of `chosen` sides, in order, with the table of layouts.
    pub(super) fn text(&self, chosen: &[usize]) -> Text {
        let mut zig = PREAMBLE.to_owned();
        let mut line = zig.lines().count() + 1;
        let mut lines = Vec::new();
        let mut add = |text: &str, of: Vec<usize>| {
            lines.push((line, of));
            line += text.lines().count();
            zig.push_str(text);
        };
        let mut typed = None;
        for &side in chosen {
            let case = side / 2;
            if let Some(Ok(text)) = self.cases.get(case)
                && typed != Some(case)
            {
                add(&text.types, vec![2 * case, 2 * case + 1]);
                typed = Some(case);
            }
            add(self.side(side).unwrap_or_default(), vec![side]);
        }
        // The lines after this belong to no case.
        add("", Vec::new());
        let questions = self.questions(chosen);
        if !questions.is_empty() {
            zig.push_str(&format!("export const {TABLE} = [_]u64{{\n"));
            for (_, question) in questions {
                zig.push_str(&format!("    {},\n", question.expression));
            }
            zig.push_str("};\n");
        }
        Text { zig, lines }
    }

    /// Returns the questions in a file of `chosen` sides, each type once, with the case that has
    /// it.
    pub(super) fn questions(&self, chosen: &[usize]) -> Vec<(usize, &Question)> {
        let mut seen = HashSet::new();
        let mut cases: Vec<usize> = chosen.iter().map(|side| side / 2).collect();
        cases.dedup();
        let of = |case: usize| {
            let text = self.cases.get(case).and_then(|text| text.as_ref().ok());
            let layout = text.into_iter().flat_map(|text| &text.layout);
            layout.map(move |question| (case, question))
        };
        let all = cases.into_iter().flat_map(of);
        all.filter(|(_, question)| seen.insert((&question.kind, described(&question.what))))
            .collect()
    }

    /// Returns the sides that the compiler's messages name, with its words. The messages are about
    /// `text`, a file of `chosen` sides.
    pub(super) fn rejections(
        &self,
        text: &Text,
        messages: &str,
        chosen: &[usize],
    ) -> BTreeMap<usize, String> {
        let mut blamed = BTreeMap::new();
        // Last words may name a type, which bears the name of its case's function.
        let panics = messages.lines().filter(|line| line.contains("panic: "));
        for name in panics.filter_map(|line| Some(line.split_once("sides.")?.1)) {
            for &side in chosen {
                if let Some(Ok(text)) = self.cases.get(side / 2)
                    && name.starts_with(&text.prefix)
                {
                    blamed.insert(side, dies(messages));
                }
            }
        }
        for message in messages.lines().filter(|line| line.contains("error: ")) {
            let place = message.split_once("sides.zig:");
            let place = place.and_then(|(_, rest)| rest.split(':').next());
            let Some(line) = place.and_then(|line| line.parse::<usize>().ok()) else {
                continue;
            };
            let n_before = text.lines.partition_point(|(first, _)| *first <= line);
            let sides = n_before.checked_sub(1).and_then(|at| text.lines.get(at));
            let sides = sides.map(|(_, sides)| sides.as_slice()).unwrap_or_default();
            for side in sides.iter().filter(|side| chosen.contains(side)) {
                let why = format!("Zig refuses: {}", without_names(&first_error(message)));
                blamed.insert(*side, why);
            }
        }
        if let ([side], true) = (chosen, blamed.is_empty()) {
            blamed.insert(*side, dies(messages));
        }
        blamed
    }
}

/// Returns the message for a side on which the compiler crashes.
fn dies(messages: &str) -> String {
    format!("Zig's compiler crashes: {}", last_words(messages))
}

/// Returns a question without the name of the type.
fn described(what: &str) -> &str {
    what.split_once(": ").map_or(what, |(_, what)| what)
}

/// Returns a message without the names of records in one file.
fn without_names(message: &str) -> String {
    let mut words = message.split("sides.");
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        text.push_str("record");
        text.push_str(end.map_or("", |end| &word[end..]));
    }
    text
}

/// Returns the last message of a compiler that crashes, without the names of one file.
fn last_words(messages: &str) -> &str {
    let line = messages.lines().find(|line| line.contains("panic: "));
    let line = line
        .or_else(|| messages.lines().next())
        .unwrap_or("silently");
    let words = line.split_once("panic: ").map_or(line, |(_, words)| words);
    words.split(':').next().unwrap_or(words)
}
