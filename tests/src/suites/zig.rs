//! Zig's compiler against Cranelift, in both directions, by both its back ends, each under its own
//! profile. Facts compare extern structs and unions, and vectors of numbers; calls compare vectors
//! of bools. Sizes, alignments and offsets are compared too.
//!
//! Signatures are those of the corpus that Zig can express, those that show its bugs, and vectors
//! of bools from all registers free to none. There are `CABI_RANDOM_COUNT` random ones besides (200
//! by default) from `CABI_RANDOM_SEED`. If Zig's own caller and callee disagree about a random one,
//! the fault is Zig's, and counted as such. Cases that Zig cannot express or compile are counted by
//! reason.

mod bugs;
pub(super) mod cases;

use std::collections::BTreeMap;
use std::sync::Arc;

use cabi::Policy;
use cabi_verify::build::Reference;
use cabi_verify::build::zig::{Mode, Zig, ZigNumber};
use cabi_verify::case::Direction;
use cabi_verify::report::expected::{Bug, Expected};
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{CaseVerdict, CompiledUnit, Mistake, Unit};

use crate::corpus::expected;
use crate::cross_compilers::{self, entries, takes, unit};
use crate::suite::{Result, Suite, number};
use crate::suites::bugs::subject;

/// Finds Zig, and the C compiler that builds the frame around its functions. If one is missing, the
/// report says so.
pub(super) fn zig_and_frame(suite: &mut Suite) -> Option<(Arc<Zig>, Reference)> {
    let why = match (Zig::find(), suite.references().into_iter().next()) {
        (Ok(zig), Some(frame)) => return Some((Arc::new(zig), frame)),
        (Err(why), _) => why,
        (_, None) => "no C compiler for the frame".to_owned(),
    };
    suite.report.absent("zig", &why);
    None
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let Some((zig, frame)) = zig_and_frame(suite) else {
        return Ok(());
    };
    let note = format!("reference: zig {}, frame: {frame}", zig.version());
    suite.report.note(note);
    let mut subjects = suite.corpus(&["x86-64-sysv"])?;
    let expected = Expected::read(&expected())?;
    if !subjects.is_empty() {
        let mut added = Vec::new();
        for bug in of_zig(&expected).filter(|bug| bug.code.is_some()) {
            let mut bug_subject = subject(bug, &subjects)?;
            for case in &mut bug_subject.cases {
                case.name.insert_str(0, "bug-");
            }
            added.push(bug_subject);
        }
        added.extend(cases::random(
            number("CABI_RANDOM_SEED", 1)?,
            number("CABI_RANDOM_FIRST", 0)?,
            number("CABI_RANDOM_COUNT", 200)?,
        ));
        added.extend(cases::bool_vectors()?);
        subjects.extend(added);
    }
    let mut units = Vec::new();
    let compilers = Mode::ALL.map(|mode| Compiler::of_zig(&zig, mode, &frame));
    for compiler in &compilers {
        let levels = entries(&subjects, compiler, |(_, case), admitted| {
            takes(suite, "zig", case, admitted)
        });
        for entries in levels {
            units.push(unit(units.len(), compiler, "-O1", entries));
        }
    }
    let compiled = cross_compilers::compile(&units, |unit, case, why| {
        let why = Err(why.to_string());
        suite.report.outcome(&engine(unit), &case.name, why);
    })?;
    for unit in &compiled {
        let engine = engine(&units[unit.part]);
        let (n, vectors) = (unit.cases.len(), unit.cases[0].vectors);
        let note = format!("{n} cases by {engine}, {vectors:?}");
        suite.report.note(note);
        layouts(unit, &format!("{engine} layout"), suite);
    }
    let outcomes = cross_compilers::run(&compiled, Mistake::NONE)?;
    report(&units, compiled.iter().zip(outcomes), &expected, suite)?;
    controls(&units, compiled, suite)
}

/// Returns the bugs of Zig.
fn of_zig(expected: &Expected) -> impl Iterator<Item = &Bug> {
    expected
        .bugs
        .iter()
        .filter(|bug| bug.compiler.starts_with("zig"))
}

fn mode(unit: &Unit<'_>) -> Mode {
    let zig = unit.compiler.zig.as_ref();
    zig.map_or(Mode::ALL[0], |(_, mode)| *mode)
}

/// Returns the name in reports of the back end of `unit`.
fn engine(unit: &Unit<'_>) -> String {
    format!("zig {}", mode(unit))
}

/// Compares Zig's layouts of the types of `unit`.
pub(super) fn layouts(unit: &CompiledUnit, engine: &str, suite: &mut Suite) {
    for fact in &unit.layout {
        let name = &unit.cases[fact.case].name;
        suite.report.outcome(engine, name, compare(fact));
    }
}

fn compare(fact: &ZigNumber) -> Result<(), String> {
    if fact.zig == fact.ours {
        return Ok(());
    }
    let ZigNumber {
        what, zig, ours, ..
    } = fact;
    Err(format!("{what}: Zig has {zig}, ours {ours}"))
}

fn report<'a>(
    units: &[Unit<'_>],
    outcomes: impl Iterator<Item = (&'a CompiledUnit, Vec<CaseVerdict>)>,
    expected: &Expected,
    suite: &mut Suite,
) -> Result<()> {
    let complete = suite.is_complete();
    let mut n_calls = 0;
    let mut met: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (one, verdicts) in outcomes {
        let unit = &units[one.part];
        // One direction stands after the other.
        for ((subject, case), mut outcome) in unit.cases.iter().cycle().zip(verdicts) {
            let direction = outcome.direction;
            match &mut outcome.verdict {
                Verdict::Passed(calls) => n_calls += *calls,
                Verdict::Differs(found) => {
                    let met_by = bugs::met(expected, case, mode(unit), direction, found);
                    if let Some(name) = met_by {
                        *met.entry((name, engine(unit))).or_default() += 1;
                        continue;
                    }
                    found.why.push_str(&format!("\n{}", subject.block.code));
                }
                _ => {}
            }
            let engine = format!("{} {}", engine(unit), direction.name());
            suite.verdict(&engine, &case.name, outcome.verdict);
        }
    }
    let report = &mut suite.report;
    report.note(format!("{n_calls} calls"));
    for ((name, engine), n) in &met {
        report.note(format!("{engine}: {n} differences by the known bug {name}"));
    }
    for name in bugs::names().filter(|_| complete) {
        let is_met = met.keys().any(|(met, _)| *met == name);
        if !is_met || expected.bug(name).is_none() {
            let why = "expected.toml does not have this bug, or no case differs by it any more";
            report.outcome("zig", name, Err(why.to_owned()));
        }
    }
    Ok(())
}

/// Runs the negative controls. Under clang's profile the blocks of Zig's own bits must differ, and
/// so must a number of a layout that is changed by one.
fn controls(units: &[Unit<'_>], mut compiled: Vec<CompiledUnit>, suite: &mut Suite) -> Result<()> {
    for unit in &mut compiled {
        unit.policy = Policy::CLANG;
        for (case, missing) in unit.cases.iter().zip(&mut unit.missing) {
            if !case.name.starts_with("zig-") {
                *missing = Direction::ALL.map(|_| Some("not asked".to_owned()));
            }
        }
    }
    let report = &mut suite.report;
    for (unit, verdicts) in compiled
        .iter()
        .zip(cross_compilers::run(&compiled, Mistake::NONE)?)
    {
        let engine = format!("{} control", engine(&units[unit.part]));
        for one in verdicts {
            let noticed = match (one.direction, &one.verdict) {
                (Direction::Callee, _) | (_, Verdict::NotRun(_)) => continue,
                (_, Verdict::Differs(_)) => Ok(()),
                (_, other) => Err(format!("clang's profile was not noticed: {other:?}")),
            };
            report.outcome(&engine, &one.case.name, noticed);
        }
        for fact in &unit.layout {
            let changed = ZigNumber {
                zig: fact.zig + 1,
                ..fact.clone()
            };
            if compare(&changed).is_ok() {
                let why = format!("a changed number was not noticed: {}", fact.what);
                report.outcome(&engine, &unit.cases[fact.case].name, Err(why));
            }
        }
    }
    Ok(())
}
