//! Zig's compiler against Cranelift, in both directions, by both its back ends, each under its own profile: extern structs and unions, vectors of numbers
//! and of bools. Sizes, alignments and offsets are compared too.
//!
//! The signatures are those of the corpus that Zig has words for, those that show its bugs, vectors of bools from all registers free to none, and random ones:
//! `CABI_RANDOM_COUNT` of them (usually 200) from `CABI_RANDOM_SEED`. Where Zig's own caller and callee disagree about a random one, it is Zig's
//! fault, and counted as such. What Zig cannot say or compile is counted by reason.

pub(super) mod cases;

use std::collections::BTreeMap;
use std::time::Instant;

use cabi::{Policy, VectorLevel};
use cabi_verify::build::zig::{CompiledZig, Fact, Mode, Zig};
use cabi_verify::build::{Capability, Reference, ReferenceError};
use cabi_verify::case::Case;
use cabi_verify::check::calls::{Direction, Harness};
use cabi_verify::report::expected::Expected;
use cabi_verify::run::child::Outcome;
use cabi_verify::run::guard::GuardedBuffers;
use cabi_verify::run::zig::ZigCode;
use cabi_verify::threads::{at_once, in_threads};
use clif_cabi_jit::Settings;

use crate::compiled::{buffers, in_children};
use crate::conformance::bugs::subject;
use crate::conformance::known::KnownBugs;
use crate::conformance::observed;
use crate::corpus::expected;
use crate::suite::{Result, Suite, number};
use cases::ZigCase;

/// Cases of one vector level with their sides by one back end.
struct Batch<'a> {
    mode: Mode,
    asked: Vec<&'a ZigCase>,
    /// Under names that differ.
    cases: Vec<Case>,
    loaded: ZigCode,
}

/// Cases of one vector level that one back end is to compile.
struct ToCompile<'a> {
    mode: Mode,
    level: VectorLevel,
    asked: Vec<&'a ZigCase>,
    /// Under names that differ.
    cases: Vec<Case>,
}

impl<'a> ToCompile<'a> {
    fn new(mode: Mode, level: VectorLevel, asked: Vec<&'a ZigCase>) -> Self {
        let numbered = asked.iter().enumerate().map(|(i, one)| {
            let mut case = one.case.clone();
            case.function.name = format!("c{i}_{}", case.function.name);
            case
        });
        Self {
            mode,
            level,
            cases: numbered.collect(),
            asked,
        }
    }

    fn compile(&self, zig: &Zig, frame: &Reference) -> Result<CompiledZig, ReferenceError> {
        let all: Vec<&Case> = self.cases.iter().collect();
        zig.compile(frame, self.mode, self.level, &all)
    }
}

/// Zig, and the C compiler that builds the frame around its functions. Where one is missing, the report says so.
pub(super) fn found(suite: &mut Suite) -> Option<(Zig, Reference)> {
    let why = match (Zig::find(), suite.references().into_iter().next()) {
        (Ok(zig), Some(frame)) => return Some((zig, frame)),
        (Err(why), _) => why,
        (_, None) => "no C compiler for the frame".to_owned(),
    };
    suite.report.absent("zig", &why);
    None
}

/// Whether the machine and the frame's compiler have vectors of `level`; why not.
pub(super) fn has_level(frame: &Reference, level: VectorLevel) -> Result<(), &str> {
    match level {
        VectorLevel::Avx => frame.has(Capability::Avx),
        VectorLevel::Avx512 => frame.has(Capability::Avx512f),
        VectorLevel::Baseline => Ok(()),
    }
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let Some((zig, frame)) = found(suite) else {
        return Ok(());
    };
    let note = format!("reference: zig {}, frame: {frame}", zig.version());
    suite.report.note(note);
    let subjects = suite.corpus(&["x86-64-sysv"])?;
    let expected = Expected::read(&expected())?;
    let known = KnownBugs::of(&expected)?;
    let mut asked = cases::of_corpus(&subjects);
    if !subjects.is_empty() {
        for bug in known.bugs().filter(|bug| bug.code.is_some()) {
            let mut shown = cases::of_corpus(&[subject(bug, &subjects)?]);
            for one in &mut shown {
                one.case.name.insert_str(0, "bug-");
            }
            asked.extend(shown);
        }
        asked.extend(cases::bool_vectors()?);
        asked.extend(cases::random(
            number("CABI_RANDOM_SEED", 1)?,
            number("CABI_RANDOM_FIRST", 0)?,
            number("CABI_RANDOM_COUNT", 200)?,
        ));
    }
    asked.retain(|one| suite.wants(&one.case.name));
    let batches = build_all(&zig, &frame, &asked, suite)?;
    for batch in &batches {
        layouts(batch, suite);
    }
    calls(&batches, &known, suite)?;
    controls(&batches, suite)
}

/// Builds the sides of all that this machine can run.
fn build_all<'a>(
    zig: &Zig,
    frame: &Reference,
    asked: &'a [ZigCase],
    suite: &mut Suite,
) -> Result<Vec<Batch<'a>>> {
    let report = &mut suite.report;
    let mut levels: BTreeMap<VectorLevel, Vec<&ZigCase>> = BTreeMap::new();
    for one in asked {
        levels.entry(one.case.vectors).or_default().push(one);
    }
    let mut files = Vec::new();
    for (level, asked) in levels {
        if let Err(why) = has_level(frame, level) {
            for one in asked {
                report.not_run("zig", &one.case.name, why);
            }
            continue;
        }
        let by = |mode| ToCompile::new(mode, level, asked.clone());
        files.extend(Mode::ALL.map(by));
    }
    let compile = |file: &ToCompile<'_>| {
        let start = Instant::now();
        (file.compile(zig, frame), start.elapsed())
    };
    let compiled = in_threads(&files, at_once(), compile, |_| {});
    let mut batches = Vec::new();
    for (file, (compiled, time)) in files.into_iter().zip(compiled) {
        let (n, mode, level) = (file.asked.len(), file.mode, file.level);
        report.note(format!("{n} cases by zig {mode}, {level:?}: {time:.1?}"));
        let all: Vec<&Case> = file.cases.iter().collect();
        batches.push(Batch {
            loaded: ZigCode::load(compiled?, &all)?,
            mode,
            asked: file.asked,
            cases: file.cases,
        });
    }
    Ok(batches)
}

fn layouts(batch: &Batch<'_>, suite: &mut Suite) {
    let engine = format!("zig {} layout", batch.mode);
    for fact in &batch.loaded.layout {
        let name = &batch.cases[fact.case].name;
        suite.report.outcome(&engine, name, compare(fact));
    }
}

pub(super) fn compare(fact: &Fact) -> Result<(), String> {
    if fact.zig == fact.ours {
        return Ok(());
    }
    let Fact {
        what, zig, ours, ..
    } = fact;
    Err(format!("{what}: Zig has {zig}, ours {ours}"))
}

/// A back end's cases in one direction.
type Job<'a> = (&'a Batch<'a>, Direction);

fn calls(batches: &[Batch<'_>], known: &KnownBugs<'_>, suite: &mut Suite) -> Result<()> {
    let both = |batch| Direction::ALL.map(|direction| (batch, direction));
    let jobs: Vec<Job<'_>> = batches.iter().flat_map(both).collect();
    let buffers = buffers()?;
    let settings = Settings::default().memory(1 << 20);
    let n_cases = |(batch, _): &Job<'_>| batch.cases.len();
    let outcomes = in_children(&jobs, n_cases, |(batch, direction), index| {
        batch.call(&buffers, &settings, index, *direction, Policy::ZIG)
    })?;
    let complete = suite.is_complete();
    let report = &mut suite.report;
    let mut n_calls = 0;
    let mut met: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for ((batch, direction), outcomes) in jobs.iter().zip(outcomes) {
        let engine = format!("zig {} {}", batch.mode, direction.name());
        for (one, outcome) in batch.asked.iter().zip(outcomes) {
            let name = &one.case.name;
            let why = match outcome {
                Outcome::Passed(calls) => {
                    n_calls += calls;
                    report.outcome(&engine, name, Ok(()));
                    continue;
                }
                Outcome::Refused(why) => {
                    report.not_run(&engine, name, &why);
                    continue;
                }
                Outcome::Failed(why) => why,
                Outcome::Crashed(why) => format!("dies of {why}"),
            };
            match known.explanation(&one.case, Policy::ZIG, batch.mode, *direction) {
                Some(bug) => *met.entry((&bug.name, batch.mode.to_string())).or_default() += 1,
                None => report.outcome(&engine, name, Err(format!("{why}\n{}", one.code))),
            }
        }
    }
    report.note(format!("{n_calls} calls"));
    for ((name, mode), n) in &met {
        report.note(format!("zig {mode} does otherwise, {name}: {n}"));
    }
    for bug in known.bugs().filter(|bug| complete && !bug.by_chance) {
        if !met.keys().any(|(name, _)| *name == bug.name) {
            let why = "nothing differs because of it any more: take it off the list";
            report.outcome("zig", &bug.name, Err(why.to_owned()));
        }
    }
    Ok(())
}

impl Batch<'_> {
    /// Makes the calls of case `index` in one direction, as far as Zig has what it takes.
    fn call(
        &self,
        buffers: &GuardedBuffers,
        settings: &Settings,
        index: usize,
        direction: Direction,
        policy: Policy,
    ) -> Outcome {
        let harness = Harness {
            loaded: &self.loaded.loaded,
            settings,
            buffers,
        };
        match self.loaded.has(index, direction) {
            Ok(()) => observed(&harness, &self.cases[index], policy, index, direction),
            Err(why) => Outcome::Refused(why.to_owned()),
        }
    }
}

/// Negative controls: under clang's profile the blocks of Zig's own bits must differ, and a number of a layout that is changed by one too.
fn controls(batches: &[Batch<'_>], suite: &mut Suite) -> Result<()> {
    let buffers = buffers()?;
    let settings = Settings::default().memory(1 << 20);
    let report = &mut suite.report;
    for batch in batches {
        let engine = format!("zig {} control", batch.mode);
        let own: Vec<usize> = (0..batch.cases.len())
            .filter(|i| batch.cases[*i].name.starts_with("zig-"))
            .filter(|i| batch.loaded.has(*i, Direction::Call).is_ok())
            .collect();
        let outcomes = in_children(
            &own,
            |_| 1,
            |index, _| batch.call(&buffers, &settings, *index, Direction::Call, Policy::CLANG),
        )?;
        for (i, outcome) in own.iter().zip(outcomes.concat()) {
            let noticed = match outcome {
                Outcome::Failed(_) | Outcome::Crashed(_) => Ok(()),
                other => Err(format!("clang's profile was not noticed: {other:?}")),
            };
            report.outcome(&engine, &batch.cases[*i].name, noticed);
        }
        for fact in &batch.loaded.layout {
            let changed = Fact {
                zig: fact.zig + 1,
                ..fact.clone()
            };
            if compare(&changed).is_ok() {
                let why = format!("a changed number was not noticed: {}", fact.what);
                report.outcome(&engine, &batch.cases[fact.case].name, Err(why));
            }
        }
    }
    Ok(())
}
