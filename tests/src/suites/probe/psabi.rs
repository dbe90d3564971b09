//! How far the psABI as it is written goes with each compiler: the corpus under `Policy::PSABI`, as the page `docs/psabi-table.md`. With `CABI_BLESS=1` the
//! page is written anew; otherwise a page that does not say what was measured fails.
//!
//! Only cases that a compiler passes under its own profile are counted: what it gets wrong by its own rules says nothing about the psABI's. A broken rule
//! must show: results in rdx before rax.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use cabi::{Policy, VectorLevel, explain};
use cabi_verify::case::Case;

use super::{Found, Part};
use crate::kept::held;
use crate::mutants::named;
use crate::suite::{Result, Suite, is_blessed};

/// A rule that is broken: results in rdx before rax.
const BROKEN: &str = "rdx-before-rax";

/// What each compiler passes, by its name; in the order of the names.
#[derive(Default)]
pub(super) struct Strays(Vec<(&'static str, Stats)>);

/// What one compiler passes.
#[derive(Default)]
struct Stats {
    /// Cases that pass under the compiler's own profile.
    cases: usize,
    /// Of these, with a rule broken.
    broken: usize,
    /// Of these, the ones that the psABI has elsewhere, with the bits of the profile that decide.
    strays: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Strays {
    /// Adds those of `part` in which nothing was `found` to differ under the compiler's own profile.
    pub(super) fn measure(&mut self, part: &Part<'_>, found: &Found) -> Result<()> {
        let name = part.reference().name();
        // What AVX-512 is needed for is left out: the page is to be the same on a machine without it.
        let level = part.cases.iter().map(|case| case.vectors).max();
        if level.is_none_or(|level| level >= VectorLevel::Avx512) {
            return Ok(());
        }
        let as_psabi = part.differences(Policy::PSABI, None);
        let broken = part.differences(Policy::PSABI, named(BROKEN)?.mistake().convention);
        if self.0.last().is_none_or(|(last, _)| *last != name) {
            self.0.push((name, Stats::default()));
        }
        let Some((_, stats)) = self.0.last_mut() else {
            return Ok(());
        };
        let cases = part.cases.iter();
        for case in cases.filter(|case| found[&case.name].is_empty()) {
            stats.cases += 1;
            stats.broken += usize::from(broken[&case.name].is_empty());
            if !as_psabi[&case.name].is_empty() {
                let bits = deciding(case, part.compiler.policy);
                stats.strays.insert(case.name.clone(), bits);
            }
        }
        Ok(())
    }

    /// The broken rule is seen, each stray has a bit that says why, and the page is as measured.
    pub(super) fn report(&self, suite: &mut Suite) -> Result<()> {
        if !suite.is_complete() && !is_blessed() {
            return Ok(());
        }
        for (name, stats) in &self.0 {
            let engine = suite.engine(&format!("{name} psabi control"));
            let passed = stats.cases - stats.strays.len();
            let seen = match stats.broken + 20 < passed {
                true => Ok(()),
                false => Err(format!(
                    "{} cases pass with a rule broken, {passed} without",
                    stats.broken
                )),
            };
            suite.report.outcome(&engine, BROKEN, seen);
            for (case, _) in stats.strays.iter().filter(|(_, bits)| bits.is_empty()) {
                let why = Err("no bit of the profile explains it".to_owned());
                suite.report.outcome(&engine, case, why);
            }
        }
        if self.0.len() == 2 {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/psabi-table.md");
            let kept = held(&path, &page(&self.0));
            suite.report.outcome("psabi page", "psabi-table.md", kept);
        }
        Ok(())
    }
}

/// The bits of `profile` any of which, added to the psABI, moves something; where it takes several, those any of which does it when taken away from the
/// profile.
fn deciding(case: &Case, profile: Policy) -> BTreeSet<&'static str> {
    let of = |policy: Policy| -> Vec<(&'static str, bool)> {
        let sig = case.sig_under(policy).ok();
        let why = sig.and_then(|sig| explain(&sig, &[], &case.target).ok());
        why.map(|why| why.deciding).unwrap_or_default()
    };
    let is_set = |name: &str| profile.names().any(|set| set == name);
    let alone = of(Policy::PSABI)
        .into_iter()
        .filter(|(name, _)| is_set(name));
    let mut bits: BTreeSet<&str> = alone.map(|(name, _)| name).collect();
    if bits.is_empty() {
        let needed = of(profile).into_iter().filter(|(_, set)| *set);
        bits.extend(needed.map(|(name, _)| name));
    }
    bits
}

fn page(all: &[(&'static str, Stats)]) -> String {
    let mut out = include_str!("psabi.md").to_owned();
    for (name, stats) in all {
        let passed = stats.cases - stats.strays.len();
        let _ = writeln!(
            out,
            "| {name} | {} | {passed} | {} |",
            stats.cases,
            stats.strays.len()
        );
    }
    for (name, stats) in all {
        let mut by_bits: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (case, bits) in &stats.strays {
            let bits: Vec<String> = bits.iter().map(|bit| format!("`{bit}`")).collect();
            by_bits.entry(bits.join(" or ")).or_default().push(case);
        }
        let _ = writeln!(out, "\n## {name}\n\n| bit | cases | which |\n|---|---|---|");
        for (bits, cases) in by_bits {
            let names: Vec<String> = cases.iter().map(|case| format!("`{case}`")).collect();
            let _ = writeln!(out, "| {bits} | {} | {} |", cases.len(), names.join(", "));
        }
    }
    out
}
