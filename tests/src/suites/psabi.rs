//! How far the psABI as it is written goes with each compiler: the corpus under `Policy::PSABI`, by the register-dump probe, as the page
//! `docs/psabi-table.md`. With `CABI_BLESS=1` the page is written anew; otherwise a page that does not say what was measured fails.
//!
//! Only cases that a compiler passes under its own profile are counted: what it gets wrong by its own rules says nothing about the psABI's. A broken rule
//! must show: results in rdx before rax.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use cabi::{FnAbi, FnSig, Policy, VectorLevel, explain};
use cabi_verify::case::Case;
use cabi_verify::check::calls::{Verdict, admitted};
use cabi_verify::check::registers::Probe;

use crate::compiled::{Compiled, ToCompile, compile_all, each_in_child};
use crate::conformance::LEVELS;
use crate::kept::held;
use crate::mutants::RDX_FIRST;
use crate::suite::{Result, Suite, is_blessed};

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

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let subjects = suite.corpus(&["x86-64-sysv"])?;
    if subjects.is_empty() {
        // Without libclang, as the suite has said.
        return Ok(());
    }
    let mut all = Vec::new();
    for reference in suite.references() {
        let mut stats = Stats::default();
        let mut levels = admitted(&subjects, &reference, |_, _| ());
        for entries in &mut levels {
            // What AVX-512 is needed for is left out: the page is to be the same on a machine without it.
            entries.retain(|(subject, case)| {
                !subject.expects_refusal() && case.vectors < VectorLevel::Avx512
            });
        }
        let file = |entries| ToCompile {
            reference: &reference,
            optimize: &LEVELS,
            entries,
        };
        let files = levels.into_iter().map(file).collect();
        for compiled in compile_all(files, |_, _, _| ())? {
            measure(&compiled, &mut stats)?;
        }
        let engine = suite.engine(reference.name());
        control(&stats, &engine, suite);
        *suite.n_passed.get_or_insert(0) += stats.cases - stats.strays.len();
        all.push((reference.name(), stats));
    }
    if (suite.is_complete() || is_blessed()) && all.len() == 2 {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/psabi-table.md");
        let kept = held(&path, &page(&all));
        suite.report.outcome("psabi page", "psabi-table.md", kept);
    }
    Ok(())
}

/// The signature under which a case is asked about.
type Question<'a> = &'a dyn Fn(&Case) -> Option<FnSig>;

fn measure(compiled: &Compiled<'_>, stats: &mut Stats) -> Result<()> {
    let profile = compiled.reference.profile().policy();
    let under = |case: &Case, policy: Policy| case.sig_under(policy).ok();
    let questions: [Question<'_>; 3] = [
        &|case| under(case, profile),
        &|case| under(case, Policy::PSABI),
        &|case| under(case, Policy::PSABI).map(|sig| sig.convention(&RDX_FIRST)),
    ];
    let entries = &compiled.entries;
    let mut passes = Vec::new();
    for sig in questions {
        let one = |index: usize| {
            let case = entries[index].1;
            let abi = sig(case).and_then(|sig| FnAbi::new(&sig, &case.target).ok());
            let mut probes = compiled
                .levels
                .iter()
                .map(|code| Probe::new(code, case.vectors));
            match abi {
                Some(abi) if probes.all(|probe| probe.check(index, case, &abi).is_ok()) => {
                    Verdict::Passed(1)
                }
                _ => Verdict::Differs("elsewhere".into()),
            }
        };
        let found = each_in_child(entries.len(), one)?.into_iter();
        passes.push(found.map(|one| one.passed().is_ok()).collect::<Vec<_>>());
    }
    for (index, (_, case)) in entries
        .iter()
        .enumerate()
        .filter(|(index, _)| passes[0][*index])
    {
        stats.cases += 1;
        stats.broken += usize::from(passes[2][index]);
        if !passes[1][index] {
            stats
                .strays
                .insert(case.name.clone(), deciding(case, profile));
        }
    }
    Ok(())
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

/// The broken rule is seen, and each stray has a bit that says why.
fn control(stats: &Stats, engine: &str, suite: &mut Suite) {
    let passed = stats.cases - stats.strays.len();
    let seen = match stats.broken + 20 < passed {
        true => Ok(()),
        false => Err(format!(
            "{} cases pass with a rule broken, {passed} without",
            stats.broken
        )),
    };
    let engine = format!("{engine} control");
    suite.report.outcome(&engine, RDX_FIRST.name, seen);
    for (case, bits) in stats.strays.iter().filter(|(_, bits)| bits.is_empty()) {
        let why = format!("no bit of the profile explains it: {bits:?}");
        suite.report.outcome(&engine, case, Err(why));
    }
}

fn page(all: &[(&'static str, Stats)]) -> String {
    let mut out = String::from(HEAD);
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

const HEAD: &str = "\
# The psABI and the compilers

How far each compiler strays from the psABI as it is written: the corpus of `tests/corpus/x86-64-sysv` under `Policy::PSABI`, by the register-dump
probe, caller side and callee side, optimized or not. Counted are the cases that pass under the compiler's own profile. The tables name each case that
the psABI has elsewhere, and the bit of `cabi::Policy` that moves it ([policy.md](policy.md)).

`cargo test -p cabi-tests --test psabi` holds this page to what it measures; with `CABI_BLESS=1` it writes it.

| compiler | cases | as the psABI says | elsewhere |
|---|---|---|---|
";
