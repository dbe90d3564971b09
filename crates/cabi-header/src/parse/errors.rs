//! Errors of clang by their place: which declarations they stand in, and what those declarations take with them.
//!
//! clang recovers from an error and goes on with something else than was written: a member is missing, a constant is 0, a declaration
//! ends early. So an error costs the declaration it stands in, and what depends on it. An error that no named declaration accounts for
//! costs the header.

use std::collections::{HashMap, HashSet};

use clang_sys::{CXCursor_DeclRefExpr, CXCursor_TypeRef};

use crate::clang::{Cursor, Diagnostic, SourcePlace};
use crate::reason::Reason;

/// How deep expressions are looked into; clang bounds the nesting of brackets, not that of operators.
const MAX_NESTING: u32 = 512;

/// Places of one kind, ordered, so that those within a declaration are found without looking at the others.
#[derive(Default)]
pub(crate) struct Places {
    /// Offset and index, by file.
    by_file: HashMap<String, Vec<(u32, usize)>>,
}

impl Places {
    pub(crate) fn new<'p>(places: impl IntoIterator<Item = &'p SourcePlace>) -> Self {
        let mut by_file: HashMap<String, Vec<(u32, usize)>> = HashMap::new();
        for (i, place) in places.into_iter().enumerate() {
            match by_file.get_mut(&place.file) {
                Some(offsets) => offsets.push((place.offset, i)),
                None => {
                    by_file.insert(place.file.clone(), vec![(place.offset, i)]);
                }
            }
        }
        by_file
            .values_mut()
            .for_each(|offsets| offsets.sort_unstable());
        Self { by_file }
    }

    /// Whether one is in the text of `declaration`.
    pub(crate) fn is_in(&self, declaration: Cursor<'_>) -> bool {
        if self.by_file.is_empty() {
            return false;
        }
        let (start, end) = declaration.full_extent();
        self.within(&start, &end).next().is_some()
    }

    /// The places from `start` to `end`, by their index.
    pub(crate) fn within(
        &self,
        start: &SourcePlace,
        end: &SourcePlace,
    ) -> impl Iterator<Item = usize> {
        let offsets = self.by_file.get(&start.file).map_or(&[][..], Vec::as_slice);
        let first = offsets.partition_point(|(offset, _)| *offset < start.offset);
        let rest = offsets.get(first..).unwrap_or_default();
        let end = end.offset;
        let within = rest.iter().take_while(move |(offset, _)| *offset <= end);
        within.map(|(_, i)| *i)
    }

    /// The last place at or before `place`.
    pub(crate) fn last_before(&self, place: &SourcePlace) -> Option<usize> {
        let offsets = self.by_file.get(&place.file)?;
        let n = offsets.partition_point(|(offset, _)| *offset <= place.offset);
        offsets.get(n.checked_sub(1)?).map(|(_, i)| *i)
    }
}

/// The errors of one unit.
#[derive(Default)]
pub(crate) struct Errors {
    all: Vec<Diagnostic>,
    /// Whether a declaration was left out for the error of this index, and is named among those left out.
    explained: Vec<bool>,
    places: Places,
    /// What was left out for an error, as expressions refer to it: `A` of an enumeration, `struct s`.
    names: HashSet<String>,
}

impl Errors {
    pub(crate) fn new(all: Vec<Diagnostic>) -> Self {
        Self {
            explained: vec![false; all.len()],
            places: Places::new(all.iter().map(|error| &error.place)),
            names: HashSet::new(),
            all,
        }
    }

    /// Why the declaration `cursor` is not what was written: an error in its text, or an expression that refers to what was left out
    /// for an error.
    pub(crate) fn reason(&self, cursor: Cursor<'_>) -> Option<Reason> {
        if self.all.is_empty() {
            return None;
        }
        let (start, end) = cursor.full_extent();
        let mut within = self.places.within(&start, &end);
        if let Some(error) = within.next().and_then(|i| self.all.get(i)) {
            return Some(Reason::Invalid(error.message.clone()));
        }
        let name = self.mentioned(cursor)?;
        Some(Reason::Invalid(format!("{name} is not validly declared")))
    }

    /// What an expression within `cursor` refers to and was left out for an error.
    pub(crate) fn mentioned(&self, cursor: Cursor<'_>) -> Option<String> {
        if self.names.is_empty() {
            return None;
        }
        self.mentioned_at(cursor, false, 0)
    }

    fn mentioned_at(&self, cursor: Cursor<'_>, is_inside: bool, depth: u32) -> Option<String> {
        let is_inside = is_inside || cursor.is_expression();
        if is_inside && [CXCursor_DeclRefExpr, CXCursor_TypeRef].contains(&cursor.kind()) {
            let name = cursor.name();
            if self.names.contains(&name) {
                return Some(name);
            }
        }
        if depth >= MAX_NESTING {
            return None;
        }
        let mut children = cursor.children().into_iter();
        children.find_map(|child| self.mentioned_at(child, is_inside, depth + 1))
    }

    /// The errors in the text of `cursor` are accounted for: it is left out by name. Returns the names of what clang skipped after it.
    pub(crate) fn explain(&mut self, cursor: Cursor<'_>) -> Vec<(String, String)> {
        let (start, end) = cursor.full_extent();
        let own_end = cursor.extent().1;
        let mut skipped = Vec::new();
        for i in self.places.within(&start, &end) {
            let (Some(explained), Some(error)) = (self.explained.get_mut(i), self.all.get(i))
            else {
                continue;
            };
            // clang goes on after the next semicolon: a declaration that starts at the error has no cursor.
            if !*explained
                && error.place.offset >= own_end.offset
                && let Some(name) = declared(&error.rest)
            {
                skipped.push((name.to_owned(), error.message.clone()));
            }
            *explained = true;
        }
        skipped
    }

    /// `name` is left out for an error, which changes the expressions that refer to it.
    pub(crate) fn spoils(&mut self, name: &str) {
        if !name.is_empty() {
            self.names.insert(name.to_owned());
        }
    }

    /// What was left out for errors, as expressions refer to it.
    pub(crate) fn spoilt(&self) -> &HashSet<String> {
        &self.names
    }

    /// With these names left out, in another unit of the same text.
    pub(crate) fn with_spoilt(names: HashSet<String>) -> Self {
        Self {
            names,
            ..Self::default()
        }
    }

    /// The errors that no declaration was left out for.
    pub(crate) fn unexplained(&self) -> impl Iterator<Item = &Diagnostic> {
        let all = self.all.iter().zip(&self.explained);
        all.filter(|(_, explained)| !**explained)
            .map(|(error, _)| error)
    }
}

/// The name that `text`, the rest of a declaration, declares: the first that parameters follow, else the last before what ends a
/// declarator.
fn declared(text: &str) -> Option<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut last = None;
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        if !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()) {
            last = Some(word);
        }
        let after = after.trim_start();
        match after.chars().next() {
            Some(c) if is_word(c) => rest = after,
            Some('*') => rest = after.strip_prefix('*')?.trim_start(),
            _ => return last,
        }
    }
}
