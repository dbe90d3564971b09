//! The compiler bugs of `expected.toml`, checked again: each is shown by its compiler, and by no
//! other.
//!
//! Negative controls: each bug of gcc must fail if it is attributed to clang, and the other way
//! round.

use std::collections::BTreeMap;
use std::sync::Arc;

use cabi::Policy;
use cabi_verify::build::zig::{Backend, Mode, Zig};
use cabi_verify::build::{Reference, ReferenceError};
use cabi_verify::case::Subject;
use cabi_verify::layout::{Reply, ask_data};
use cabi_verify::report::expected::{Bug, Expected, Symptom};
use cabi_verify::threads::at_once;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{self, CaseVerdict, Mistake};

use crate::corpus;
use crate::cross_compilers::{admits, compile, compilers, compilers_of_programs, unit};
use crate::suite::{Result, Suite};

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut compilers = compilers(suite)?;
    let riscv = |_: &Suite, target: &str| target.starts_with("riscv64");
    let zig = Zig::find().map_err(|why| suite.report.absent("zig", &why));
    let corpus = suite.corpus(&["x86-64-sysv"])?;
    let (true, Ok(zig), false) = (suite.every_reference, zig, corpus.is_empty()) else {
        return Ok(());
    };
    compilers.extend(compilers_of_programs(suite, riscv)?);
    let expected = Expected::read(&corpus::expected())?;
    let mut inspected = inspect(
        &CompilerAtLevel::all(&compilers, zig),
        expected.bugs,
        &corpus,
    )?;
    inspected.retain(|inspection| {
        let why = "no compiler for its target is installed";
        let is_asked = inspection.affected().next().is_some();
        if !is_asked {
            suite.report.not_run("bugs", &inspection.bug.name, why);
        }
        is_asked
    });
    for inspection in &inspected {
        let outcome = inspection.objection().map_or(Ok(()), Err);
        suite.report.outcome("bugs", &inspection.bug.name, outcome);
    }
    for inspection in inspected.into_iter().filter_map(Inspection::of_another) {
        let noticed = inspection.bug.by_chance || inspection.objection().is_some();
        let name = format!("{} of {}", inspection.bug.name, inspection.bug.compiler);
        (suite.report).check("bugs control", &name, noticed, "the change was not noticed");
    }
    Ok(())
}

/// The levels of optimization at which bugs of C compilers are looked for.
const C_LEVELS: [&str; 3] = ["-O0", "-O1", "-O2"];

/// A compiler at one level of optimization.
struct CompilerAtLevel {
    /// Its name in `expected.toml`; that of Zig names the back end.
    name: &'static str,
    /// The flag of its level.
    level: &'static str,
    compiler: Compiler,
}

impl CompilerAtLevel {
    /// Returns the compilers of C, and Zig's back ends.
    fn all(compilers: &[Compiler], zig: Zig) -> Vec<Self> {
        let of_c = compilers.iter().flat_map(|compiler| {
            C_LEVELS.map(|level| Self {
                name: compiler.reference.name(),
                level,
                compiler: compiler.clone(),
            })
        });
        let zig = Arc::new(zig);
        let of_zig = compilers.first().into_iter().flat_map(|frame| {
            Mode::ALL.map(|mode| Self {
                name: backend_name(mode.backend),
                level: if mode.fast {
                    "-OReleaseFast"
                } else {
                    "-ODebug"
                },
                compiler: Compiler::of_zig(&zig, mode, &frame.reference),
            })
        });
        of_c.chain(of_zig).collect()
    }
}

/// Returns the name of a back end of Zig's.
pub(super) fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Own => "zig own",
        Backend::Llvm => "zig llvm",
    }
}

/// A bug, and its traces in compilers.
struct Inspection {
    bug: Bug,
    subject: Subject,
    looks: Vec<BugCheck>,
}

/// Result of a check of a bug at a level of optimization.
#[derive(Clone, Copy, Debug)]
struct BugCheck {
    compiler: &'static str,
    level: &'static str,
    shows: bool,
}

impl Inspection {
    /// Returns the results of the compilers that have it.
    fn affected(&self) -> impl Iterator<Item = &BugCheck> {
        self.looks.iter().filter(|one| self.bug.is_of(one.compiler))
    }

    /// Returns the same, with the bug attributed to another compiler of C.
    fn of_another(mut self) -> Option<Self> {
        self.bug.compiler = match &*self.bug.compiler {
            "gcc" => "clang".to_owned(),
            "clang" => "gcc".to_owned(),
            _ => return None,
        };
        Some(self)
    }

    /// Returns an error of the list, if there is one.
    fn objection(&self) -> Option<String> {
        let name = &self.bug.name;
        let shows = |compiler| {
            let mut looks = self.looks.iter();
            looks.any(|one| one.compiler == compiler && one.shows)
        };
        let hidden = self.affected().find(|one| !shows(one.compiler));
        if let Some(BugCheck { compiler, .. }) = hidden.filter(|_| !self.bug.by_chance) {
            return Some(format!("{name}: {compiler} does not show this bug"));
        }
        let mut looks = self.looks.iter();
        let other = looks.find(|one| one.shows && !self.bug.is_of(one.compiler));
        if let Some(BugCheck { compiler, .. }) = other {
            return Some(format!(
                "{name}: {compiler} shows this bug too, so cabi may be wrong"
            ));
        }
        None
    }
}

/// Looks at every bug; `corpus` has the samples of some.
fn inspect(
    compilers: &[CompilerAtLevel],
    bugs: Vec<Bug>,
    corpus: &[Subject],
) -> Result<Vec<Inspection>> {
    let mut inspections = Vec::new();
    for bug in bugs {
        let subject = subject(&bug, corpus);
        inspections.push(Inspection {
            subject: subject.map_err(|why| format!("{}: {why}", bug.name))?,
            looks: Vec::new(),
            bug,
        });
    }
    let questions = questions(compilers, &mut inspections)?;
    let key = |(at, look, compiler): &Question| {
        let Inspection { bug, subject, .. } = &inspections[*at];
        // A file that stops its compiler would be searched for the case that does.
        let stops = bug.shows == Symptom::Compilation && bug.is_of(look.compiler);
        let (alone, features) = (stops.then_some(at), &subject.block.features);
        let (command, policy) = (compiler.reference.command(), compiler.policy);
        format!("{look:?} {command} {policy:?} {features:?} {alone:?}")
    };
    let mut by_key: BTreeMap<_, Vec<&Question>> = BTreeMap::new();
    for question in &questions {
        by_key.entry(key(question)).or_default().push(question);
    }
    let files: Vec<Vec<&Question>> = by_key.into_values().collect();
    let units = files.iter().enumerate().filter_map(|(part, file)| {
        let (_, look, compiler) = file.first()?;
        let subjects = file.iter().map(|(at, ..)| &inspections[*at].subject);
        // All functions of each: one may be spoiled by another.
        let entries = subjects.flat_map(|one| one.cases.iter().map(move |case| (one, case)));
        Some(unit(part, compiler, look.level, entries.collect()))
    });
    let mut refused = BTreeMap::new();
    let compiled = compile(&units.collect::<Vec<_>>(), |unit, case, why| {
        let crashed = matches!(why, ReferenceError::Refused { crashed: true, .. });
        refused.insert((unit.part, case.name.clone()), (crashed, why.to_string()));
    })?;
    // Our own code is not compared.
    let verdicts = units::compare(&compiled, Mistake::NONE, at_once())?;
    let verdicts = compiled.iter().map(|one| one.part).zip(verdicts);
    let verdicts: BTreeMap<usize, Vec<CaseVerdict>> = verdicts.collect();
    for (part, file) in files.iter().enumerate() {
        let verdicts = verdicts.get(&part).map(Vec::as_slice).unwrap_or_default();
        for (at, look, _) in file {
            let inspection = &mut inspections[*at];
            let mut cases = inspection.subject.cases.iter();
            let refused = cases.find_map(|case| refused.get(&(part, case.name.clone())));
            let outcome = bug_shows(&inspection.bug, verdicts, &inspection.subject, refused);
            let shows = outcome.map_err(|why| format!("{}: {why}", inspection.bug.name))?;
            inspection.looks.push(BugCheck { shows, ..*look });
        }
    }
    Ok(inspections)
}

/// A bug that calls are to show, by its place in the list, and the compiler and level.
type Question = (usize, BugCheck, Compiler);

/// Returns the questions about calls. Results of initializers are added to `inspections`.
fn questions(levels: &[CompilerAtLevel], inspections: &mut [Inspection]) -> Result<Vec<Question>> {
    let mut questions = Vec::new();
    for (at, inspection) in inspections.iter_mut().enumerate() {
        let (bug, subject, looks) = (&inspection.bug, &inspection.subject, &mut inspection.looks);
        for at_level in levels {
            let (compiler, level) = (&at_level.compiler, at_level.level);
            if compiler.target() != subject.target {
                continue;
            }
            // Zig is compared for its own bugs alone: it has few words for these types.
            let is_of_c = compiler.zig.is_none();
            let is_asked = is_of_c && admits(compiler, &subject.block).is_ok();
            if !bug.is_of(at_level.name) && !is_asked {
                continue;
            }
            let mut look = BugCheck {
                compiler: at_level.name,
                level,
                shows: false,
            };
            if bug.shows == Symptom::Initializer && is_of_c {
                look.shows = shows_in_initializer(&compiler.reference, level, subject)?;
                looks.push(look);
                continue;
            }
            let policy = policy(compiler.policy, subject);
            let compiler = compiler.clone();
            questions.push((at, look, Compiler { policy, ..compiler }));
        }
    }
    Ok(questions)
}

/// Returns the bug's block: one of the corpus, or its own.
pub(super) fn subject(bug: &Bug, corpus: &[Subject]) -> Result<Subject> {
    if let Some(case) = &bug.case {
        let subject = corpus.iter().find(|subject| subject.block.name == *case);
        let subject = subject.cloned();
        return subject.ok_or_else(|| format!("the corpus has no block {case}").into());
    }
    let Bug { name, code, .. } = bug;
    let code = code.as_deref().unwrap_or_default();
    let text = format!(
        "== {name}
proves: {name}
{code}"
    );
    Ok(Subject::parse(&text)?)
}

/// Returns whether the bug shows in the outcomes of the functions of `subject`. `refused` says
/// whether the compiler crashes, and its words.
fn bug_shows(
    bug: &Bug,
    verdicts: &[CaseVerdict],
    subject: &Subject,
    refused: Option<&(bool, String)>,
) -> Result<bool> {
    let stopped = Ok(bug.shows == Symptom::Compilation);
    match refused {
        Some((true, _)) => return stopped,
        Some((false, why)) => return Err(why.as_str().into()),
        None => {}
    }
    let first = subject.cases.first().ok_or("the block has no function")?;
    let of_first = verdicts.iter().filter(|one| one.case.name == first.name);
    let verdicts: Vec<&Verdict> = of_first.map(|one| &one.verdict).collect();
    let not_run = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::NotRun(why) => Some(why.as_str()),
        _ => None,
    });
    let not_run: Vec<&str> = not_run.collect();
    if not_run.iter().any(|why| why.starts_with("Zig refuses")) {
        return stopped;
    }
    let is_wrong = verdicts.iter().any(|one| one.difference().is_some());
    let is_inconsistent = |one: &&Verdict| matches!(one, Verdict::SelfInconsistent(_));
    match (bug.shows, not_run.first()) {
        _ if verdicts.len() != 2 => Err("the block was not run".into()),
        (_, Some(why)) if not_run.len() == 2 => Err((*why).into()),
        (Symptom::Calls, Some(why)) => Err((*why).into()),
        (Symptom::Calls, None) => Ok(verdicts.iter().any(is_inconsistent)),
        (Symptom::Placement, _) => Ok(is_wrong),
        (Symptom::Compilation | Symptom::Initializer, _) => Ok(false),
    }
}

/// Checks whether an initializer loses bits, and nothing else differs.
fn shows_in_initializer(reference: &Reference, level: &str, subject: &Subject) -> Result<bool> {
    let replies = ask_data(reference, &[level], &subject.block.code, subject)?;
    let differs = replies
        .iter()
        .filter(|(fact, reply)| *reply != Reply::Is(fact.ours.clone()));
    let mut lost =
        differs.map(|(fact, reply)| matches!(reply, Reply::Is(theirs) if fact.is_lost(theirs)));
    Ok(lost.next() == Some(true) && lost.all(|lost| lost))
}

/// Returns the choices by which the bug's case has places. The compiler's profile may refuse a type
/// that it has no rule for: then the compiler breaks the psABI's own rule.
fn policy(own: Policy, subject: &Subject) -> Policy {
    let without = own.without(Policy::INT128_USES_UP_INTEGER_REGISTERS);
    let mut placed = [own, without, Policy::GCC, Policy::CLANG].into_iter();
    let has_places = |policy: &Policy| {
        let case = subject.cases.first();
        case.is_some_and(|case| case.abi_under(*policy).is_ok())
    };
    placed.find(has_places).unwrap_or(own)
}
