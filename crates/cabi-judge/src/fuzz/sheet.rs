//! Many signatures as one file of C, compiled at once.
//!
//! The names of signature `i` start with `r<i>_`. A compiler takes its lines for those of a file `r<i>`: so what it objects to costs that
//! signature, and no other one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::catch_unwind;

use cabi::{DataModel, Error, FnAbi, Policy, VectorLevel};

use super::copies::body;
use super::{Verdict, Who};
use crate::case::{Case, Subject};
use crate::generate::Signature;
use crate::halves::FRAME;
use crate::layout::Table;

/// Signatures that were understood, and the verdicts on those that were not.
pub(super) struct Sheet {
    pub(super) entries: Vec<Entry>,
    /// One per signature; `None` for those that are entries.
    pub(super) verdicts: Vec<Option<Verdict>>,
}

/// A signature that was understood.
#[derive(Clone)]
pub(super) struct Entry {
    /// Its place in the list of signatures.
    pub(super) index: usize,
    case: Case,
    /// Its types and the case, as layouts are asked.
    subject: Subject,
}

impl Entry {
    fn new(
        index: usize,
        signature: &Signature,
        policy: Policy,
        level: VectorLevel,
    ) -> Result<Self, Verdict> {
        let name = format!("r{index}");
        let declared = signature.declared(&format!("{name}_"), &DataModel::LP64);
        let case = declared.case(&name, level);
        let placed = case.and_then(|case| {
            FnAbi::new(&case.sig_under(policy)?, &case.target)?;
            Ok(case)
        });
        let case = placed.map_err(|error| by_cabi(&error))?;
        let code = declared.types.clone() + &declared.prototype();
        let cases = vec![case.clone()];
        Ok(Self {
            index,
            subject: Subject::of_cases(&name, code, declared.named, &[], cases),
            case,
        })
    }

    pub(super) fn case(&self) -> &Case {
        &self.case
    }

    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(super) fn into_case(self) -> Case {
        self.case
    }
}

impl Sheet {
    /// Builds the types of `signatures`, for a compiler of this policy whose vectors are passed as `level` says.
    pub(super) fn build(signatures: &[Signature], policy: Policy, level: VectorLevel) -> Self {
        let mut sheet = Self {
            entries: Vec::new(),
            verdicts: vec![None; signatures.len()],
        };
        for (i, signature) in signatures.iter().enumerate() {
            let entry = catch_unwind(|| Entry::new(i, signature, policy, level));
            let panicked = |_| Err(Verdict::Differs("panic: while it was classified".into()));
            match entry.unwrap_or_else(panicked) {
                Ok(entry) => sheet.entries.push(entry),
                Err(verdict) => sheet.decide(i, verdict),
            }
        }
        sheet
    }

    fn decide(&mut self, i: usize, verdict: Verdict) {
        if let Some(place) = self.verdicts.get_mut(i) {
            *place = Some(verdict);
        }
    }

    /// Takes the entries out that have a verdict.
    pub(super) fn decide_all(&mut self, verdicts: BTreeMap<usize, Verdict>) {
        self.entries
            .retain(|entry| !verdicts.contains_key(&entry.index));
        for (i, verdict) in verdicts {
            self.decide(i, verdict);
        }
    }

    /// Fails all entries that are left, for the same reason.
    pub(super) fn fail_all(&mut self, why: &str) {
        let failed = self.entries.iter();
        let failed = failed.map(|entry| (entry.index, Verdict::Differs(why.to_owned().into())));
        let failed = failed.collect();
        self.decide_all(failed);
    }

    /// A sheet of the one entry with this number.
    pub(super) fn alone(&self, index: usize) -> Self {
        let mine = self.entries.iter().filter(|entry| entry.index == index);
        Self {
            entries: mine.cloned().collect(),
            verdicts: self.verdicts.clone(),
        }
    }

    /// The facts of all layouts.
    pub(super) fn table(&self) -> Table {
        let subjects: Vec<&Subject> = self.entries.iter().map(|entry| &entry.subject).collect();
        Table::of(&subjects)
    }

    /// The file for the C compiler: both halves of every entry, and the table.
    pub(super) fn text(&self, table: &Table) -> String {
        let mut text = FRAME.to_owned();
        for entry in &self.entries {
            let _ = write!(text, "{}{}", marker(entry.index), entry.subject.block.code);
        }
        text.push_str(&table.text());
        for entry in &self.entries {
            let _ = write!(text, "{}{}", marker(entry.index), body(&entry.case));
        }
        text
    }
}

fn marker(i: usize) -> String {
    format!("# 1 \"r{i}\"\n")
}

/// The signature a file's name stands for.
pub(super) fn marked(file: &str) -> Option<usize> {
    file.strip_prefix('r')?.parse().ok()
}

/// What `cabi` is known to refuse of what is drawn has errors of its own. Any other refusal hides something.
fn by_cabi(why: &Error) -> Verdict {
    if let Error::NoKnownRule { .. } | Error::InvalidAtomic { .. } = why {
        return Verdict::NotRun {
            who: Who::Cabi,
            why: why.to_string(),
        };
    }
    Verdict::Differs(format!("refused without need: {why}").into())
}
