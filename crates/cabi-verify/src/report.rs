//! Reports of headers, fuzz runs, transitions and the suites of tests. A [`Report`] has a form for
//! each reader: text (its [`Display`](std::fmt::Display)), [JSON](Report::json), and the [XML of
//! JUnit](Report::junit) that build servers read.
//!
//! ```text
//! Report ── sections: a header under a compiler, a compiler, an engine of a suite
//!     ── items: a case in a direction, a fact, what was left out
//! ```
//!
//! Compiler bugs are listed in `expected.toml` ([`expected`]).

use serde::Serialize;
use serde_json::{Map, Value as Json};

pub mod expected;
mod faces;
mod suite;
#[cfg(test)]
mod tests;

pub use faces::escape;
pub use suite::{missing, references_required};

/// Returns the number `n` of a `noun`, in words: `1 byte`, `2 bytes`.
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Results of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Name of the run: `cabi verify`, or a suite.
    pub name: String,
    /// Lines before the sections: compilers that are not here.
    pub head: Vec<String>,
    /// The parts of the run.
    pub sections: Vec<Section>,
    /// Lines after the sections: totals.
    pub totals: Vec<String>,
    /// Further members of the JSON.
    pub data: Map<String, Json>,
    /// The reason why nothing, or not everything, could be verified.
    pub error: Option<String>,
    /// `true` if a compiler that is shown to disagree with itself is no failure.
    pub allow_self_inconsistent: bool,
}

/// A part of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Section {
    /// Its name, unique in a report.
    pub name: String,
    /// The first lines of its text: the compiler, and counts.
    #[serde(skip)]
    pub head: Vec<String>,
    /// Number of cases that passed and have no items.
    #[serde(skip)]
    pub n_passed: usize,
    /// Its results besides counts.
    pub items: Vec<Item>,
    /// Further members of its JSON: counts.
    #[serde(flatten)]
    pub data: Map<String, Json>,
    /// Seconds that it took, if that is known.
    #[serde(skip)]
    pub seconds: Option<f64>,
}

/// A case in one direction, a fact, or an omission.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Its outcome.
    pub status: Status,
    /// Its subject, or the kind of reason for which it was left out.
    pub kind: String,
    /// The error, or the reason why it was left out; in one line.
    pub why: String,
    /// More about it: lines of text.
    #[serde(skip)]
    pub detail: String,
    /// Further members of its JSON.
    #[serde(flatten)]
    pub data: Map<String, Json>,
}

/// Outcome of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing is wrong.
    #[default]
    Passed,
    /// A difference, or a possible one: a failure.
    Failed,
    /// A program shows that the compiler disagrees with itself: a failure unless that is allowed.
    SelfInconsistent,
    /// Not run, for a reason that is no failure: one on a list of such reasons.
    LeftOut,
    /// Not run, for a reason that may hide a difference: a failure.
    Unlisted,
}

impl Item {
    /// Makes an item of this name with this status, and the reason.
    pub fn new(name: impl Into<String>, status: Status, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status,
            why: why.into(),
            ..Self::default()
        }
    }

    /// Returns this item, of a kind.
    pub fn of_kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Returns this item with further members of its JSON.
    pub fn with(mut self, data: Json) -> Self {
        self.data = members(data);
        self
    }
}

pub(crate) fn members(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(members) => members,
        _ => Map::new(),
    }
}

impl Section {
    /// Returns the items with this status.
    pub fn with(&self, status: Status) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.status == status)
    }

    /// Returns the items with this status by their kinds, in the order of the first of each.
    fn by_kind(&self, status: Status) -> Vec<Vec<&Item>> {
        let mut kinds: Vec<Vec<&Item>> = Vec::new();
        for item in self.with(status) {
            match kinds.iter_mut().find(|of| of[0].kind == item.kind) {
                Some(of) => of.push(item),
                None => kinds.push(vec![item]),
            }
        }
        kinds
    }
}

impl Report {
    /// Makes an empty report.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Makes a report of a run that could not be made, with the reason.
    pub fn of_error(name: &str, why: &str) -> Self {
        Self {
            error: Some(why.to_owned()),
            ..Self::new(name)
        }
    }

    /// Returns the items that fail the run, with their sections.
    pub fn failing(&self) -> impl Iterator<Item = (&Section, &Item)> {
        let items = self
            .sections
            .iter()
            .flat_map(|section| section.items.iter().map(move |item| (section, item)));
        items.filter(|(_, item)| self.fails(item))
    }

    fn fails(&self, item: &Item) -> bool {
        match item.status {
            Status::Failed | Status::Unlisted => true,
            Status::SelfInconsistent => !self.allow_self_inconsistent,
            Status::Passed | Status::LeftOut => false,
        }
    }

    /// Checks whether everything was verified, and nothing fails.
    pub fn is_clean(&self) -> bool {
        self.error.is_none() && self.failing().next().is_none()
    }
}
