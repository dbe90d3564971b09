//! The results of runs under several compilers: joined, and as a report.

use serde::{Deserialize, Serialize};

use super::{Finding, Tally};
use crate::report::Report;
use crate::verify::Compiler;

/// The results of a run, or of several.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Random signatures that were tried.
    pub spans: Vec<Span>,
    /// One per compiler.
    pub compilers: Vec<Tally>,
}

/// Signatures of one seed, from `first` up to `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Span {
    /// The seed.
    pub seed: u64,
    /// The first number.
    pub first: u64,
    /// The number after the last.
    pub end: u64,
}

impl Results {
    /// Makes results of nothing yet.
    pub(crate) fn new(spans: Vec<Span>, references: &[Compiler]) -> Self {
        let mut compilers: Vec<Tally> = Vec::new();
        for (i, compiler) in references.iter().enumerate() {
            let name = compiler.reference.name();
            let before = references.iter().take(i);
            let n = 1 + before.filter(|one| one.reference.name() == name).count();
            let label = match n {
                1 => name.to_owned(),
                n => format!("{name}-{n}"),
            };
            compilers.push(Tally::new(compiler, label));
        }
        Self { spans, compilers }
    }

    /// Returns how many signatures were tried, each under every compiler.
    pub fn count(&self) -> u64 {
        let counts = self.compilers.iter().map(|tally| tally.signatures);
        counts.max().unwrap_or(0)
    }

    /// Joins `other` to these: the same compiler under the same policy is one.
    ///
    /// # Errors
    /// Results of two targets, a span that ends before it begins, or spans that would be counted
    /// twice.
    pub fn join(&mut self, other: Self) -> Result<(), String> {
        // A span says for all compilers which signatures were tried.
        let target = |results: &Self| results.compilers.first().map(|one| one.target.clone());
        if let (Some(own), Some(new)) = (target(self), target(&other))
            && own != new
        {
            return Err(format!(
                "results of {new} cannot be joined with results of {own}"
            ));
        }
        for new in &other.spans {
            if new.end < new.first {
                return Err(format!("reversed signatures {}..{}", new.first, new.end));
            }
            let overlaps =
                |old: &&Span| old.seed == new.seed && old.first < new.end && new.first < old.end;
            if let Some(old) = self.spans.iter().find(overlaps) {
                return Err(format!(
                    "signatures {}..{} and {}..{} of seed {} would be counted twice",
                    old.first, old.end, new.first, new.end, new.seed
                ));
            }
        }
        self.spans.extend(other.spans);
        self.spans.sort_by_key(|span| (span.seed, span.first));
        for new in other.compilers {
            let is_it = |own: &&mut Tally| {
                (&own.command, &own.version, &own.policy)
                    == (&new.command, &new.version, &new.policy)
                    && (&own.vectors, own.ms_abi) == (&new.vectors, new.ms_abi)
            };
            match self.compilers.iter_mut().find(is_it) {
                Some(own) => own.join(new),
                None => self.compilers.push(new),
            }
        }
        Ok(())
    }

    /// Reports the results. `complete` means that all planned signatures were tried. With
    /// `allow_self_inconsistent`, a compiler that disagrees with itself is no failure.
    pub fn report(&self, complete: bool, allow_self_inconsistent: bool) -> Report {
        let mut report = Report::new("cabi fuzz");
        report.allow_self_inconsistent = allow_self_inconsistent;
        let span = |span: &Span| {
            let n = span.end - span.first;
            format!("seed {}: {n} signatures from {}", span.seed, span.first)
        };
        report.head = self.spans.iter().map(span).collect();
        report.sections = self.compilers.iter().map(Tally::section).collect();
        let fails = report.failing().next().is_some();
        if !fails {
            report.error = self.nothing();
        }
        let count = |of: fn(&Tally) -> &Vec<Finding>| -> usize {
            self.compilers.iter().map(|tally| of(tally).len()).sum()
        };
        let itself = count(|tally| &tally.inconsistent);
        let word = match fails {
            _ if self.count() == 0 => "nothing verified",
            false if complete => "ok",
            false => "incomplete",
            true => "FAILED",
        };
        let mut total = format!("\n{word}: {} unexplained", count(|tally| &tally.failures));
        if itself > 0 {
            total += &format!(", {itself} in which a compiler is self-inconsistent");
        }
        report.totals.push(total);
        report
    }

    /// Returns a sentence that nothing was verified, under which compiler and why, if so.
    fn nothing(&self) -> Option<String> {
        if self.compilers.is_empty() {
            return Some("nothing was verified: the results name no compiler".to_owned());
        }
        let is_silent = |tally: &&Tally| tally.calls == 0 && tally.inconsistent.is_empty();
        let none = self.compilers.iter().find(is_silent)?;
        Some(format!(
            "nothing was verified: {}: none of {} signatures could be tried",
            none.command, none.signatures
        ))
    }

    /// Returns the failures of a run, with the text of a file of the corpus for each.
    pub fn blocks(&self) -> impl Iterator<Item = (&Finding, String)> {
        self.compilers.iter().flat_map(|tally| {
            let findings = tally.failures.iter().chain(&tally.inconsistent);
            findings.map(|finding| (finding, tally.block(finding)))
        })
    }
}
