//! The probe over the corpus: where each reference compiler's code has every byte of arguments and results, as it is called and as it calls, is observed without an
//! expectation (`cabi_verify::probe`) and then compared with `FnAbi` under the compiler's profile. So are types in every position of an argument (`tests/corpus/positions`), and
//! unions of a vector and an array in wide registers (`unions`). For each case that passes, an `FnAbi` with a part moved must differ from the same facts.

mod controls;
mod unions;

use std::collections::BTreeMap;

use cabi::{FnAbi, Policy, Type};
use cabi_verify::build::Reference;
use cabi_verify::case::{Case, Subject};
use cabi_verify::compare::compare;
use cabi_verify::facts::Facts;
use cabi_verify::probe::{Observed, has_room};
use cabi_verify::run::HERE;
use cabi_verify::threads::at_once;
use cabi_verify::verify::units::{self, Unit};
use cabi_verify::verify::{Compiler, known_bug};

use crate::compiled::{compile, compilers, compilers_of_programs, entries, takes, unit};
use crate::positions;
use crate::suite::{Result, Suite};

/// Differences of each case, by its name: none if it passes.
type Found = BTreeMap<String, Vec<String>>;

/// Folders of the corpus with another convention: Win64 beside System V, and those of programs.
const OTHERS: [&str; 7] = [
    "x86-64-win64",
    "aarch64-linux",
    "aarch64-apple",
    "aarch64-windows",
    "riscv64-linux",
    "s390x-linux",
    "x86-64-windows",
];

/// The levels of optimization at which compilers are asked.
const LEVELS: [&str; 2] = ["-O0", "-O2"];

/// Positions of types that show a known bug, by compiler.
const KNOWN: [(&str, usize); 2] = [("gcc-12", 1), ("clang-19", 6)];

/// Cases that one program holds at most.
const CHUNK: usize = 256;

/// Cases of one vector level, and the facts of a reference compiler's code for them at each level
/// of optimization.
struct Part<'a> {
    compiler: &'a Compiler,
    cases: Vec<Case>,
    facts: Vec<Vec<Observed>>,
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    if HERE != cabi::Target::X86_64_LINUX {
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
    let mut compilers = compilers(suite)?;
    compilers.extend(compilers_of_programs(suite, |_, _| true)?);
    let mut all = Vec::new();
    let mut kinds = Vec::new();
    for compiler in &compilers {
        let engine = suite.engine(&name(compiler));
        for (subjects, levels) in [
            (&sysv, &LEVELS[..]),
            (&others, &LEVELS),
            (&positions, &LEVELS),
            (&unions, &["-O2"]),
        ] {
            let own = subjects.iter();
            let own = own.filter(|subject| subject.target == compiler.target());
            let levels_of_vectors = entries(own, compiler, |(subject, case), admitted| {
                let admitted = admitted.and_then(|()| has_places(compiler, subject, case));
                takes(suite, &engine, case, admitted)
            });
            for entries in levels_of_vectors {
                kinds.push(subjects.as_ptr_range());
                let chunks = levels.iter().flat_map(|&one| {
                    let chunks = entries.chunks(CHUNK);
                    chunks.map(move |entries| (one, entries))
                });
                let part = kinds.len() - 1;
                all.extend(
                    chunks.map(|(optimize, entries)| {
                        unit(part, compiler, optimize, entries.to_vec())
                    }),
                );
            }
        }
    }
    let parts = observe(&all, suite)?;
    let mut n_known = BTreeMap::<String, usize>::new();
    for (part, kind) in parts.iter().zip(kinds) {
        let found = part.differences(part.compiler.policy);
        if kind == unions.as_ptr_range() {
            unions::report(part, &found, suite);
        } else {
            let known = part.report(&found, kind == positions.as_ptr_range(), suite);
            *n_known
                .entry(part.reference().versioned_name())
                .or_default() += known;
        }
    }
    if suite.is_complete() {
        report_known(&n_known, suite);
    }
    Ok(())
}

/// Returns the name of a compiler in the report: one whose code runs in programs has its command.
fn name(compiler: &Compiler) -> String {
    match compiler.programs {
        Some(_) => compiler.reference.command(),
        None => compiler.reference.name().to_owned(),
    }
}

/// Reports compilers of which another number of positions shows a known bug than when they were measured.
fn report_known(n_known: &BTreeMap<String, usize>, suite: &mut Suite) {
    for (name, n) in n_known {
        let expected = KNOWN.iter().find(|(known, _)| known == name);
        let outcome = match expected.is_none_or(|(_, known)| known == n) {
            true => Ok(()),
            false => Err(format!("{n} positions show a known bug of the compiler")),
        };
        let engine = suite.engine(name);
        suite.report.outcome(&engine, "known bugs", outcome);
    }
}

/// Checks whether the probe can look at a case.
fn has_places(compiler: &Compiler, subject: &Subject, case: &Case) -> Result<(), String> {
    if subject.expects_refusal() {
        return Err("the convention has no place for it, as the block says".to_owned());
    }
    has_room(case)?;
    if compiler.reference.name() == "clang" && case.unnamed.iter().any(Type::is_atomic) {
        return Err("clang's `va_arg` takes no `_Atomic`".to_owned());
    }
    unions::refused(&compiler.reference, case).map_or(Ok(()), Err)
}

/// Compiles and observes all units. Refused cases are reported.
fn observe<'a>(all: &[Unit<'a>], suite: &mut Suite) -> Result<Vec<Part<'a>>> {
    let compiled = compile(all, |unit, case, why| {
        let engine = suite.engine(&name(unit.compiler));
        (suite.report).outcome(&engine, &case.name, Err(why.to_string()));
    })?;
    units::observe(&compiled, at_once())?;
    let mut parts: BTreeMap<usize, Part<'a>> = BTreeMap::new();
    for one in &compiled {
        let Some(unit) = all.iter().find(|unit| unit.part == one.part) else {
            continue;
        };
        let part = parts.entry(one.part).or_insert_with(|| Part {
            compiler: unit.compiler,
            cases: Vec::new(),
            facts: Vec::new(),
        });
        for (case, seen) in one.cases.iter().zip(one.seen()) {
            let seen = seen.clone().unwrap_or_else(Err);
            match part.cases.iter().position(|own| own.name == case.name) {
                Some(i) => part.facts[i].push(seen),
                None => {
                    part.cases.push(case.clone());
                    part.facts.push(vec![seen]);
                }
            }
        }
    }
    Ok(parts.into_values().collect())
}

impl<'a> Part<'a> {
    fn reference(&self) -> &Reference {
        &self.compiler.reference
    }

    /// Each case with its facts, as far as its process did not end.
    fn observed(&self) -> impl Iterator<Item = (&Case, &Facts)> {
        let all = self.cases.iter().zip(&self.facts);
        all.flat_map(|(case, facts)| facts.iter().flatten().map(move |facts| (case, facts)))
    }

    /// Returns the differences of each case, on both sides and at every level of optimization, from
    /// its places under `policy`.
    fn differences(&self, policy: Policy) -> Found {
        let mut found = Found::new();
        for (case, facts) in self.cases.iter().zip(&self.facts) {
            let differs = found.entry(case.name.clone()).or_default();
            let abi = match case.abi_under(policy) {
                Ok(abi) => abi,
                Err(why) => {
                    differs.push(why.to_string());
                    continue;
                }
            };
            for facts in facts {
                match facts {
                    Ok(facts) => differs.extend(differences(self.reference(), facts, case, &abi)),
                    Err(ending) => differs.push(format!("it ends the process: {ending}")),
                }
            }
        }
        found
    }

    /// Reports the differences `found`, and the controls of cases that passed. If types are
    /// tried in every position, known bugs of the compiler are counted; the corpus lists the cases
    /// that show one. Returns their number.
    fn report(&self, found: &Found, is_every_position: bool, suite: &mut Suite) -> usize {
        let engine = suite.engine(&name(self.compiler));
        let name = self.reference().name();
        let mut n_known = 0;
        for case in &self.cases {
            let differs = &found[&case.name];
            match is_every_position && !differs.is_empty() && known_bug(name, case).is_some() {
                true => n_known += 1,
                false => (suite.report).outcome(&engine, &case.name, outcome(differs)),
            }
        }
        suite.report.note(format!(
            "{engine}: {} cases, {n_known} show a known bug",
            found.len()
        ));
        let policy = self.compiler.policy;
        let mut seen = std::collections::BTreeSet::new();
        for (case, facts) in self.observed() {
            if !found[&case.name].is_empty() || !seen.insert(&case.name) {
                continue;
            }
            let Ok(abi) = case.abi_under(policy) else {
                continue;
            };
            for control in controls::controls(case, &abi) {
                let engine = format!("probe control {}", control.what);
                let is_noticed = control.is_noticed(self.reference(), facts, case);
                let noticed = match is_noticed {
                    true => Ok(()),
                    false => Err("a part in the wrong place was not noticed".to_owned()),
                };
                suite.report.outcome(&engine, &case.name, noticed);
            }
        }
        n_known
    }
}

fn differences(reference: &Reference, facts: &Facts, case: &Case, abi: &FnAbi) -> Vec<String> {
    let all = compare(reference.name(), facts, &case.argument_types(), abi);
    let all = all.into_iter().flatten();
    all.map(|difference| difference.why).collect()
}

/// Returns the first difference.
fn outcome(differs: &[String]) -> Result<(), String> {
    differs.first().cloned().map_or(Ok(()), Err)
}
