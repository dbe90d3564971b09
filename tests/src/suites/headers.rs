//! `verify` over headers. Those of the C library and of installed packages have no mismatch. In a
//! header of our own, deliberate mistakes must be reported.
//!
//! The packages are chosen for their many aggregates by value. A package that is not installed is
//! `not run`.

use std::collections::BTreeMap;

use cabi::convention::{Convention, Frame};
use cabi::{Kind, Target, Type, X86_64_SYSV};
use cabi_header::{HeaderError, Options};
use cabi_verify::corpus::{TESTED_LIBCLANG, libclang};
use cabi_verify::header::NO_PLACE;
use cabi_verify::report::Report;
use cabi_verify::run::HERE;
use cabi_verify::threads::{at_once, in_threads};
use cabi_verify::verdict::Difference;
use cabi_verify::verify::{
    Compiler, HeaderRun, Mistake, OTHER_MEMBERS, PreparedRun, ReadHeader, Verification, VerifyError,
};

use super::conventions::mutations;
use crate::mutants::named;
use crate::suite::{Result, Suite};

/// The headers that are verified. A line has the package, the header's name, and the number of
/// functions that take or return an aggregate by value. After `|` there is a line to put before the
/// header. Fewer functions show that it is another header than was meant.
const SYSTEM: &str = include_str!("headers/system.txt");

/// The header in which mistakes show.
const OURS: &str = include_str!("../../corpus/headers/aggregates.h");

const STANDARD: &str = "-std=gnu17";

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut compilers = Vec::new();
    for reference in suite.references() {
        compilers.push(Compiler::new(reference, None)?);
    }
    let flags = vec![STANDARD.to_owned()];
    if let Err(why) = libclang(TESTED_LIBCLANG) {
        suite.report.absent("headers", &why);
        return Ok(());
    }
    let lines: Vec<&str> = SYSTEM.lines().collect();
    let report = &suite.report;
    let read = |line: &&str| {
        let mut report = Report::new(&report.name);
        let read = read(line, &mut report).map_err(|why| why.to_string());
        read.map(|read| (read, report))
    };
    let mut headers = Vec::new();
    for read in in_threads(&lines, at_once(), read, |_| ()) {
        let (read, report) = read?;
        headers.extend(read);
        suite.report.take_part(report);
    }
    let plan = Verification::new(headers, compilers, flags.clone());
    if !plan.compilers.is_empty() && !plan.headers.is_empty() {
        let run = plan.run(&|_, _, _| {})?;
        suite.take("headers", "", &run.report(true));
        for part in &run.parts {
            report_omissions(part, &mut suite.report);
        }
    }
    if plan.compilers.is_empty() {
        return Ok(());
    }
    match read_text("aggregates.h", OURS, "headers mutants", &mut suite.report)? {
        Some(ours) => {
            let plan = Verification::new(vec![ours], plan.compilers.clone(), flags);
            mutants(&plan.prepare(&|_, _, _| {})?, suite)
        }
        None => Ok(()),
    }
}

/// Reads the header of a line of [`SYSTEM`], if it is installed.
fn read(line: &str, report: &mut Report) -> Result<Option<ReadHeader>> {
    let (line, before) = line.split_once(" | ").unwrap_or((line, ""));
    let words: Vec<&str> = line.split_whitespace().collect();
    let [package, header, by_value] = words[..] else {
        return Err(format!("{line}: expected three words").into());
    };
    let engine = format!("headers {package}");
    let text = format!("{before}\n#include <{header}>\n");
    let Some(read) = read_text(header, &text, &engine, report)? else {
        return Ok(None);
    };
    let is = |ty: &Type| matches!(ty.kind(), Kind::Record(_) | Kind::Complex(_));
    let prototypes = read.subject.header.prototypes.iter();
    let aggregates = prototypes
        .filter(|prototype| is(&prototype.ret) || prototype.params.iter().any(|(_, ty)| is(ty)));
    let aggregates = aggregates.count();
    report.note(format!(
        "{header} ({package}): {aggregates} functions with aggregates by value, {} record types",
        read.n_records
    ));
    if aggregates < by_value.parse()? {
        let why = format!("{aggregates} functions with aggregates by value, not {by_value}");
        report.outcome(&engine, header, Err(why));
    }
    Ok(Some(read))
}

/// Reads `text`; `None`, and a note, if the header is not installed.
fn read_text(
    name: &str,
    text: &str,
    engine: &str,
    report: &mut Report,
) -> Result<Option<ReadHeader>> {
    let is_absent = |error: &HeaderError| match error {
        HeaderError::Source { errors } => errors
            .iter()
            .any(|error| error.message.contains("file not found")),
        _ => false,
    };
    let options = Options::new().arg(STANDARD);
    let all = |_: &_, _: &_| true;
    match ReadHeader::text(name, text, &options, (&HERE, HERE.convention()), all) {
        Ok(read) => Ok(Some(read)),
        Err(VerifyError::Header { source, .. }) if is_absent(&source) => {
            report.absent(engine, &format!("not installed: {source}"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Reports the kinds of omissions, which the command allows, and one of which must not occur here.
fn report_omissions(part: &HeaderRun<'_>, report: &mut Report) {
    let name = &part.read.name;
    let engine = format!("headers {}", part.compiler.reference.name());
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for omission in &part.skipped {
        *skipped.entry(omission.key).or_default() += 1;
        let is_known = match omission.key {
            // The one type that the compilers' own headers declare differently from libclang's.
            OTHER_MEMBERS => omission.name.contains("max_align_t"),
            // No function of these headers is refused here: its case would be lost.
            NO_PLACE => false,
            _ => true,
        };
        if !is_known {
            let why = format!("{} left out: {}", omission.name, omission.why);
            report.outcome(&engine, name, Err(why));
        }
    }
    report.note(format!("{engine} {name}: left out {skipped:?}"));
}

/// A convention that no function of x86-64 is lowered under.
static BIG_ENDIAN: Convention = Convention {
    name: "big-endian",
    frame: Frame {
        big_endian: true,
        ..X86_64_SYSV.frame
    },
    ..X86_64_SYSV
};

/// Returns a mistake that every compiler notices; all of them are the suite `emission`'s. On
/// AArch64 a rule of its convention is dropped.
fn mistake() -> Result<(&'static str, Mistake)> {
    if HERE == Target::X86_64_LINUX {
        let mutant = named("no-rollback")?;
        return Ok((mutant.name, mutant.mistake()));
    }
    let convention = HERE.convention().ok_or("the target has no convention")?;
    let broken = mutations::dropped(convention).next();
    let broken = broken.ok_or("the convention has no rule")?;
    Ok((broken.name, Mistake::of_convention(broken)))
}

/// Checks that there is no mismatch without a mistake, and one with it.
fn mutants(prepared: &PreparedRun<'_>, suite: &mut Suite) -> Result<()> {
    const ENGINE: &str = "headers mutants";
    const REFUSED: &str = "a variadic function can be defined only in a convention with";
    let right = prepared.run(Mistake::NONE, &|_, _, _| {})?;
    suite.take(ENGINE, "no mistake", &right.report(true));
    let report = &mut suite.report;
    let (name, mistake) = mistake()?;
    let run = prepared.run(mistake, &|_, _, _| {})?;
    // The callee of a variadic function is not lowered under any other convention: such a refusal
    // shows nothing of this one.
    let is_shown = |(_, difference): &(_, &Difference)| !difference.why.contains(REFUSED);
    let differences = run.parts.iter().flat_map(HeaderRun::differences);
    let n = differences.filter(is_shown).count();
    report.note(format!("{name}: {n} mismatches"));
    report.check(ENGINE, name, n > 0, "not noticed");
    // A lowering that refuses every signature, for a reason that none of the header's has, passes
    // no case. Each is refused without need, also one that is not lowered for another reason.
    let refusing = Mistake::of_convention(&BIG_ENDIAN);
    let run = prepared.run(refusing, &|_, _, _| {})?;
    let verdicts = || run.parts.iter().flat_map(|part| &part.verdicts);
    let is_needless = |found: &Difference| found.why.starts_with("refused without need: ");
    let mut others = verdicts().filter(|one| !one.verdict.difference().is_some_and(is_needless));
    let noticed = match others.next() {
        None if verdicts().next().is_none() => Err("nothing was called".to_owned()),
        None => Ok(()),
        Some(other) => Err(format!("{}: {:?}", other.case.name, other.verdict)),
    };
    suite
        .report
        .note(format!("{} refusals", verdicts().count()));
    suite.report.outcome("headers refusals", "all", noticed);
    Ok(())
}
