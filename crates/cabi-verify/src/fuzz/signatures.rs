//! Random signatures that share one translation unit: their types as `cabi` builds them, and the verdicts on those that it refuses.
//!
//! The names of signature `i` start with `r<i>_`, and a compiler takes its lines for those of a file `r<i>`.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use cabi::{DataModel, Error, FnAbi, Policy, VectorLevel};

use super::Compared;
use crate::build::{Reference, Unit, UnitCase};
use crate::case::{Case, Subject};
use crate::emit::c::Values;
use crate::generate::Signature;
use crate::verdict::Verdict;

/// Signatures that were understood, and the verdicts on those that were not.
pub(super) struct Signatures {
    pub(super) entries: Vec<Drawn>,
    /// One per signature; `None` for those that are entries.
    pub(super) verdicts: Vec<Option<Compared>>,
}

/// A signature that was understood.
#[derive(Clone)]
pub(super) struct Drawn {
    /// Its place in the list of signatures.
    pub(super) index: usize,
    case: Case,
    /// Its types and the case, as layouts are asked.
    subject: Subject,
}

impl Drawn {
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

impl Signatures {
    /// Builds the types of `signatures`, for a compiler of this policy whose vectors are passed as `level` says.
    pub(super) fn build(signatures: &[Signature], policy: Policy, level: VectorLevel) -> Self {
        let mut unit = Self {
            entries: Vec::new(),
            verdicts: signatures.iter().map(|_| None).collect(),
        };
        for (i, signature) in signatures.iter().enumerate() {
            let entry = catch_unwind(|| Drawn::new(i, signature, policy, level));
            let panicked = |_| Err(Verdict::Differs("panic: while it was classified".into()));
            match entry.unwrap_or_else(panicked) {
                Ok(entry) => unit.entries.push(entry),
                Err(verdict) => unit.decide(i, verdict.into()),
            }
        }
        unit
    }

    fn decide(&mut self, i: usize, verdict: Compared) {
        if let Some(place) = self.verdicts.get_mut(i) {
            *place = Some(verdict);
        }
    }

    /// Takes the entries out that have a verdict.
    pub(super) fn decide_all(&mut self, verdicts: BTreeMap<usize, Compared>) {
        self.entries
            .retain(|entry| !verdicts.contains_key(&entry.index));
        for (i, verdict) in verdicts {
            self.decide(i, verdict);
        }
    }

    /// Fails all entries that are left, for the same reason.
    pub(super) fn fail_all(&mut self, why: &str) {
        let failed = self.entries.iter();
        let failed =
            failed.map(|entry| (entry.index, Verdict::Differs(why.to_owned().into()).into()));
        let failed = failed.collect();
        self.decide_all(failed);
    }

    /// The types of the signatures with these places among the entries.
    pub(super) fn subjects(&self, chosen: &[usize]) -> Vec<&Subject> {
        let chosen = chosen.iter().filter_map(|at| self.entries.get(*at));
        chosen.map(|entry| &entry.subject).collect()
    }

    /// Both sides of every entry, and `layouts`, a text about the types of those that are in the file.
    pub(super) fn unit<'a>(
        &'a self,
        reference: &'a Reference,
        optimize: Option<&'a str>,
        layouts: &'a (dyn Fn(&[usize]) -> String + Sync),
    ) -> Unit<'a> {
        // What is not asked about need not be made. See `emit/c/sides.rs` for aliasing.
        let flags = [
            "-w",
            "-fno-asynchronous-unwind-tables",
            "-Wno-psabi",
            "-fno-strict-aliasing",
        ];
        let cases = self.entries.iter().map(|entry| UnitCase {
            case: &entry.case,
            own: Some(&entry.subject),
        });
        Unit {
            reference,
            flags: flags.into_iter().chain(optimize).collect(),
            declarations: "",
            cases: cases.collect(),
            values: Values::ThroughLvalues,
            more: Some(layouts),
        }
    }
}

/// The signature that a file's name stands for.
pub(super) fn signature_of(file: &str) -> Option<usize> {
    file.strip_prefix('r')?.parse().ok()
}

/// What `cabi` is known to refuse of what is drawn has errors of its own. Any other refusal hides something.
fn by_cabi(why: &Error) -> Verdict {
    if let Error::NoKnownRule { .. } | Error::InvalidAtomic { .. } = why {
        return Verdict::NotRun(format!("cabi: {why}"));
    }
    Verdict::Differs(format!("refused without need: {why}").into())
}
