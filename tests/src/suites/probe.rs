//! The probe over the corpus. It observes where each reference compiler's code has every byte of
//! arguments and results, as the code is called and as it calls (`cabi_verify::probe`). No
//! expectation is needed for that: the facts are compared with `FnAbi` under the compiler's profile
//! afterwards. Types in every position of an argument (`tests/corpus/positions`), and unions of a
//! vector and an array in wide registers (`unions`), are cases too. For each case that passes, an
//! `FnAbi` with a part moved must differ from the same facts.
//!
//! Other measured versions of clang compile the corpus too, each under its own profile. If two
//! profiles differ, a version must fail under the other's.

mod controls;
mod unions;

use std::collections::{BTreeMap, BTreeSet};

use cabi::{Policy, Profile, Target, Type};
use cabi_verify::build::Reference;
use cabi_verify::case::{Case, Subject, SubjectCase};
use cabi_verify::facts::Facts;
use cabi_verify::probe::{CaseFacts, has_room, verdicts};
use cabi_verify::processor;
use cabi_verify::run::HERE;
use cabi_verify::threads::at_once;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{self, Unit};

use crate::corpus::OTHERS;
use crate::cross_compilers::{compile, compilers, compilers_of_programs, entries, takes, unit};
use crate::positions;
use crate::suite::{Result, Suite};
use crate::suites::conventions::corpus;

/// Verdict on each case, by its name.
type Verdicts = BTreeMap<String, Verdict>;

/// The levels of optimization at which compilers are compared.
const LEVELS: [&str; 2] = ["-O0", "-O2"];

/// Cases that one program holds at most.
const CHUNK: usize = 256;

/// Source of the cases of a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Corpus,
    Positions,
    Unions,
    /// The corpus, for a version of clang beside the one that `clang` means.
    OtherVersion,
}

/// Cases of one vector level, and the facts of a reference compiler's code for them at each level
/// of optimization.
struct Part<'a> {
    compiler: &'a Compiler,
    engine: String,
    source: Source,
    cases: Vec<Case>,
    facts: Vec<Vec<CaseFacts>>,
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    if HERE != Target::X86_64_LINUX {
        suite
            .report
            .absent("probe", "this machine is not x86-64 Linux");
        return Ok(());
    }
    let sysv = suite.corpus(&["x86-64-sysv"])?;
    let others = suite.corpus(&OTHERS)?;
    let positions = match sysv.is_empty() {
        // Without libclang, as the suite has said.
        true => Vec::new(),
        false => positions::subjects("probe", suite)?,
    };
    let unions = unions::subjects(suite)?;
    let mut usual = compilers(suite)?;
    usual.extend(compilers_of_programs(suite, |_, _| true)?);
    let other_clangs = suite.other_clangs().into_iter();
    let other_clangs = other_clangs.map(|reference| Compiler::new(reference, None));
    let other_clangs: Vec<Compiler> = other_clangs.collect::<std::result::Result<_, _>>()?;
    let (mut all, mut parts) = (Vec::new(), Vec::new());
    for (source, compilers, subjects, levels) in [
        (Source::Corpus, &usual, &sysv, &LEVELS[..]),
        (Source::Corpus, &usual, &others, &LEVELS),
        (Source::Positions, &usual, &positions, &LEVELS),
        (Source::Unions, &usual, &unions, &["-O2"]),
        (Source::OtherVersion, &other_clangs, &sysv, &["-O1"]),
        (Source::OtherVersion, &other_clangs, &others, &["-O1"]),
    ] {
        for compiler in compilers {
            for (own, entries) in parts_of(compiler, source, subjects, suite) {
                for optimize in levels {
                    let chunks = entries.chunks(CHUNK);
                    let part = parts.len();
                    all.extend(chunks.map(|chunk| unit(part, compiler, optimize, chunk.to_vec())));
                }
                parts.push(own);
            }
        }
    }
    observe(&all, &mut parts, suite)?;
    if suite.is_whole() && !sysv.is_empty() {
        hold_facts(&parts, &[&*sysv, &others, &positions].concat(), suite)?;
    }
    for part in &parts {
        let verdicts = part.verdicts(part.compiler.policy);
        part.report(&verdicts, suite);
        match part.source {
            Source::Unions => unions::control(part, &verdicts, suite),
            _ => part.control(&verdicts, suite),
        }
    }
    for compiler in &other_clangs {
        let is_its = |part: &&Part<'_>| std::ptr::eq(part.compiler, compiler);
        let own = parts.iter().filter(is_its);
        let own: Vec<&Part<'_>> = own.filter(|part| !part.cases.is_empty()).collect();
        report_versions(&own, suite);
    }
    Ok(())
}

/// Reports whether the optimized code of each compiler has the facts that are stored.
fn hold_facts(parts: &[Part<'_>], subjects: &[Subject], suite: &mut Suite) -> Result<()> {
    if !processor::has("avx512f") {
        let why = "this machine has no avx512f";
        suite.report.not_run("probe", "facts", why);
        return Ok(());
    }
    let measured = |compiler: &str, target: &Target| {
        let is_its = |part: &&Part<'_>| {
            [Source::Corpus, Source::Positions].contains(&part.source)
                && part.reference().name() == compiler
                && part.compiler.target() == *target
        };
        let parts: Vec<&Part<'_>> = parts.iter().filter(is_its).collect();
        let version = parts.first()?.reference().version().lines().next();
        let cases = parts
            .iter()
            .flat_map(|part| part.cases.iter().zip(&part.facts));
        let facts = cases.filter_map(|(case, facts)| Some((&*case.name, facts.last()?)));
        Some((version.unwrap_or_default().to_owned(), facts.collect()))
    };
    corpus::hold(subjects, measured, suite)
}

/// Returns the parts of `subjects` that `compiler` compiles, one for each vector level, and the
/// cases of each, which are not observed yet.
fn parts_of<'a>(
    compiler: &'a Compiler,
    source: Source,
    subjects: &'a [Subject],
    suite: &mut Suite,
) -> Vec<(Part<'a>, Vec<SubjectCase<'a>>)> {
    let engine = suite.engine(&name(compiler, source));
    // Features that a compiler lacks are looked for in the wanted cases alone.
    let is_wanted = |subject: &&Subject| {
        let mut cases = subject.cases.iter();
        subject.target == compiler.target() && cases.any(|case| suite.wants(&case.name))
    };
    let subjects: Vec<&Subject> = subjects.iter().filter(is_wanted).collect();
    let by_vectors = entries(subjects, compiler, |(subject, case), admitted| {
        let has_places = || has_places(compiler, source, subject, case);
        takes(suite, &engine, case, admitted.and_then(|()| has_places()))
    });
    let part = || Part {
        compiler,
        engine: engine.clone(),
        source,
        cases: Vec::new(),
        facts: Vec::new(),
    };
    by_vectors.into_iter().map(|own| (part(), own)).collect()
}

/// Reports whether some case of these parts, of one version of clang, has another place by each bit
/// that another version's profile has otherwise.
fn report_versions(parts: &[&Part<'_>], suite: &mut Suite) {
    // Without a case the report says why. A few may have no such value.
    let Some(first) = parts.first().filter(|_| suite.only.is_none()) else {
        return;
    };
    let own = first.compiler.policy;
    let clangs = Profile::MEASURED.iter();
    let clangs = clangs.filter(|one| one.to_string().starts_with(first.reference().name()));
    for bits in clangs.map(|one| flipped(one.on(&HERE), own)) {
        let shows = |part: &&Part<'_>| part.n_noticed(&part.verdicts(own), flipped(own, bits)) > 0;
        if bits != Policy::NONE {
            let what = format!("without a difference of {bits:?}");
            let engine = format!("{} control", first.engine);
            let noticed = parts.iter().any(shows);
            (suite.report).check(&engine, &what, noticed, "nothing differs");
        }
    }
}

/// Returns `policy` with each of `bits` the other way.
fn flipped(policy: Policy, bits: Policy) -> Policy {
    policy.without(bits) | bits.without(policy)
}

/// Returns the name of a compiler in the report: one whose code runs in programs has its command.
fn name(compiler: &Compiler, source: Source) -> String {
    match (&compiler.programs, source) {
        (Some(_), _) => compiler.reference.command(),
        (None, Source::OtherVersion) => compiler.reference.versioned_name(),
        (None, _) => compiler.reference.name().to_owned(),
    }
}

/// Checks whether the probe can look at a case.
fn has_places(
    compiler: &Compiler,
    source: Source,
    subject: &Subject,
    case: &Case,
) -> Result<(), String> {
    if source == Source::OtherVersion {
        // The corpus names types without a rule for the versions that `gcc` and `clang` mean.
        case.abi_under(compiler.policy)
            .map_err(|why| why.to_string())?;
    }
    if subject.block.refused.is_some() {
        return Err("the convention has no place for the case, as the block states".to_owned());
    }
    has_room(case)?;
    if compiler.reference.name() == "clang" && case.unnamed.iter().any(Type::is_atomic) {
        return Err("clang's `va_arg` takes no `_Atomic`".to_owned());
    }
    unions::refused(&compiler.reference, case).map_or(Ok(()), Err)
}

/// Compiles and observes all units, and adds their cases to their parts. Refused cases are
/// reported.
fn observe<'a>(units: &[Unit<'a>], parts: &mut [Part<'a>], suite: &mut Suite) -> Result<()> {
    let compiled = compile(units, |unit, case, why| {
        let engine = &parts[unit.part].engine;
        (suite.report).outcome(engine, &case.name, Err(why.to_string()));
    })?;
    units::observe(&compiled, at_once())?;
    for unit in &compiled {
        let part = &mut parts[unit.part];
        for (case, facts) in unit.cases.iter().zip(unit.facts()) {
            let facts = facts.clone();
            match part.cases.iter().position(|own| own.name == case.name) {
                Some(i) => part.facts[i].push(facts),
                None => {
                    part.cases.push(case.clone());
                    part.facts.push(vec![facts]);
                }
            }
        }
    }
    Ok(())
}

impl<'a> Part<'a> {
    fn reference(&self) -> &Reference {
        &self.compiler.reference
    }

    /// Returns each case with its facts, as far as its process did not end.
    fn observed(&self) -> impl Iterator<Item = (&Case, &Facts)> {
        let all = self.cases.iter().zip(&self.facts);
        all.flat_map(|(case, facts)| facts.iter().flatten().map(move |facts| (case, facts)))
    }

    /// Returns the verdict on each case, on both sides and at every level of optimization, for its
    /// places under `policy`.
    fn verdicts(&self, policy: Policy) -> Verdicts {
        let name = self.reference().name();
        let of = |case: &Case, facts: &[CaseFacts]| {
            let abi = case.abi_under(policy).map_err(|why| why.to_string())?;
            let each = facts.iter().flat_map(|facts| {
                verdicts(
                    name,
                    facts,
                    (case.argument_types(), &case.prototype.ret),
                    &abi,
                )
            });
            each.reduce(Verdict::and)
                .ok_or("the case was not observed".to_owned())
        };
        let all = self.cases.iter().zip(&self.facts);
        let all = all.map(|(case, facts)| {
            let verdict = of(case, facts).unwrap_or_else(|why| Verdict::Differs(why.into()));
            (case.name.clone(), verdict)
        });
        all.collect()
    }

    /// Returns the number of cases that pass by `verdicts`, and differ from their places under
    /// `policy`.
    fn n_noticed(&self, verdicts: &Verdicts, policy: Policy) -> usize {
        let broken = self.verdicts(policy);
        // The same cases, in order.
        let pairs = broken.values().zip(verdicts.values());
        let differs = |verdict: &Verdict| matches!(verdict, Verdict::Differs(_));
        let noticed = pairs.filter(|(broken, verdict)| differs(broken) && passes(verdict));
        noticed.count()
    }

    /// Reports what was found.
    fn report(&self, found: &Verdicts, suite: &mut Suite) {
        for (case, verdict) in found {
            suite.verdict(&self.engine, case, verdict.clone());
        }
        let vectors = self.cases.iter().map(|case| case.vectors).max();
        let note = format!("{}: {} cases, {vectors:?}", self.engine, found.len());
        suite.report.note(note);
    }

    /// Reports the controls of cases that passed.
    fn control(&self, verdicts: &Verdicts, suite: &mut Suite) {
        let policy = self.compiler.policy;
        let mut seen = BTreeSet::new();
        for (case, facts) in self.observed() {
            if !passes(&verdicts[&case.name]) || !seen.insert(&case.name) {
                continue;
            }
            let Ok(abi) = case.abi_under(policy) else {
                continue;
            };
            for control in controls::controls(case, &abi) {
                let engine = format!("probe control {}", control.what);
                let is_noticed = control.is_noticed(self.reference(), facts, case);
                let why = "a part in the wrong place was not noticed";
                (suite.report).check(&engine, &case.name, is_noticed, why);
            }
        }
    }
}

fn passes(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Passed(_))
}
