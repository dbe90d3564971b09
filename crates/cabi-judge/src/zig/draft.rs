//! A file of Zig in the making: which cases it has, what stands on which line, and what the compiler's messages say about which case.

use std::collections::HashSet;

use super::Backend;
use super::functions::{PREAMBLE, Question, Said, said};
use crate::case::Case;
use crate::halves::TABLE;
use crate::judge::first_error;

/// One file in the making.
pub(super) struct Draft {
    /// Of each case, its text; gone with what Zig refuses.
    cases: Vec<Entry>,
}

struct Entry {
    /// What the names of its types begin with.
    prefix: String,
    types: String,
    /// The callee and the caller, or why there is none.
    halves: [Result<String, String>; 2],
    layout: Vec<Question>,
}

/// A file with what stands on its lines.
pub(super) struct Text {
    pub(super) zig: String,
    /// The first line (from 1) of each piece, the case it is of, and which half; no half for types.
    pieces: Vec<(usize, usize, Option<usize>)>,
}

impl Draft {
    pub(super) fn of(cases: &[&Case], backend: Backend) -> Self {
        let entry = |case: &&Case| match said(case, backend) {
            Ok(Said {
                prefix,
                types,
                callee,
                caller,
                layout,
            }) => Entry {
                prefix,
                types,
                halves: [callee, caller].map(|half| half.map_err(|why| why.to_string())),
                layout,
            },
            Err(why) => Entry {
                prefix: String::new(),
                types: String::new(),
                halves: [0; 2].map(|_| Err(why.to_string())),
                layout: Vec::new(),
            },
        };
        Self {
            cases: cases.iter().map(entry).collect(),
        }
    }

    /// The halves that there are: the index of the case, 0 for the callee, 1 for the caller.
    pub(super) fn halves(&self) -> Vec<(usize, usize)> {
        let all = (0..self.cases.len()).flat_map(|case| [(case, 0), (case, 1)]);
        all.filter(|half| self.has(*half)).collect()
    }

    fn half(&self, (case, half): (usize, usize)) -> Option<&str> {
        let half = self.cases.get(case)?.halves.get(half)?;
        half.as_deref().ok()
    }

    pub(super) fn has(&self, half: (usize, usize)) -> bool {
        self.half(half).is_some()
    }

    /// A file of `chosen` halves, in order, with the table of layouts if asked.
    pub(super) fn text(&self, chosen: &[(usize, usize)], table: bool) -> Text {
        let mut zig = PREAMBLE.to_owned();
        let mut line = zig.lines().count() + 1;
        let mut pieces = Vec::new();
        let mut add = |text: &str, case, half| {
            pieces.push((line, case, half));
            line += text.lines().count();
            zig.push_str(text);
        };
        let mut typed = None;
        for (case, half) in chosen.iter().copied() {
            if let Some(entry) = self.cases.get(case)
                && typed != Some(case)
            {
                add(&entry.types, case, None);
                typed = Some(case);
            }
            add(
                self.half((case, half)).unwrap_or_default(),
                case,
                Some(half),
            );
        }
        // What is behind is no case's.
        pieces.push((line, usize::MAX, None));
        let questions = self.questions();
        if table && !questions.is_empty() {
            zig.push_str(&format!("export const {TABLE} = [_]u64{{\n"));
            for (_, question) in questions {
                zig.push_str(&format!("    {},\n", question.expression));
            }
            zig.push_str("};\n");
        }
        Text { zig, pieces }
    }

    /// What is asked, each type once, with the case that has it.
    pub(super) fn questions(&self) -> Vec<(usize, &Question)> {
        let mut seen = HashSet::new();
        let cases = self.cases.iter().enumerate();
        // Types are declared where there is a half.
        let cases = cases.filter(|(_, entry)| entry.halves.iter().any(Result::is_ok));
        let all =
            cases.flat_map(|(i, entry)| entry.layout.iter().map(move |question| (i, question)));
        all.filter(|(_, question)| seen.insert((&question.kind, described(&question.what))))
            .collect()
    }

    /// Takes out what the compiler's messages are about, and keeps the messages. `false` if that is nothing.
    pub(super) fn drop_refused(&mut self, text: &Text, messages: &str) -> bool {
        let mut dropped = false;
        // Last words may name a type, which bears the name of its case's function.
        let panics = messages.lines().filter(|line| line.contains("panic: "));
        for name in panics
            .filter_map(|line| line.split_once("halves."))
            .map(|(_, name)| name)
        {
            let owners = self.cases.iter().enumerate().filter(|(_, entry)| {
                let prefix = entry.prefix.as_str();
                entry.halves.iter().any(Result::is_ok) && name.starts_with(prefix)
            });
            let owners: Vec<usize> = owners.map(|(i, _)| i).collect();
            for case in owners {
                let why = format!("Zig's compiler dies: {}", last_words(messages));
                dropped = true;
                (0..2).for_each(|half| self.drop((case, half), why.clone()));
            }
        }
        for message in messages.lines().filter(|line| line.contains("error: ")) {
            let place = message
                .split_once("halves.zig:")
                .and_then(|(_, rest)| rest.split(':').next());
            let Some(line) = place.and_then(|line| line.parse::<usize>().ok()) else {
                continue;
            };
            let before = text.pieces.partition_point(|(first, ..)| *first <= line);
            let piece = before.checked_sub(1).and_then(|at| text.pieces.get(at));
            let Some((_, case, half)) = piece else {
                continue;
            };
            let why = format!("Zig refuses: {}", without_names(&first_error(message)));
            dropped |= *case < self.cases.len();
            for half in half.map_or(0..2, |half| half..half + 1) {
                self.drop((*case, half), why.clone());
            }
        }
        dropped
    }

    pub(super) fn drop(&mut self, (case, half): (usize, usize), why: String) {
        let half = self
            .cases
            .get_mut(case)
            .and_then(|entry| entry.halves.get_mut(half));
        if let Some(half) = half {
            *half = Err(why);
        }
    }

    pub(super) fn missing(&self) -> Vec<[Option<String>; 2]> {
        let why = |half: &Result<String, String>| half.as_ref().err().cloned();
        let cases = self.cases.iter();
        cases
            .map(|entry| entry.halves.each_ref().map(why))
            .collect()
    }
}

/// A question without the name of the type.
fn described(what: &str) -> &str {
    what.split_once(": ").map_or(what, |(_, what)| what)
}

/// A message without the names of records in one file.
fn without_names(message: &str) -> String {
    let mut words = message.split("halves.");
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        text.push_str("record");
        text.push_str(end.map_or("", |end| &word[end..]));
    }
    text
}

/// What a compiler says when it dies, without the names of one file.
pub(super) fn last_words(messages: &str) -> &str {
    let line = messages.lines().find(|line| line.contains("panic: "));
    let line = line
        .or_else(|| messages.lines().next())
        .unwrap_or("silently");
    let words = line.split_once("panic: ").map_or(line, |(_, words)| words);
    words.split(':').next().unwrap_or(words)
}
