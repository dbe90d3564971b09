//! `verify` over headers: those of the C library and of installed packages, without a mismatch; and a header of our own, which every
//! deliberate mistake must make it report.
//!
//! The packages are chosen for their many aggregates by value. Where one is not installed, it is `not run`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cabi::convention::{Convention, Frame};
use cabi::{Kind, Target, Type, X86_64_SYSV};
use cabi_header::{HeaderError, Options};
use cabi_verify::check::calls::Difference;
use cabi_verify::header::Omitted;
use cabi_verify::report::Report;
use cabi_verify::run::HERE;
use cabi_verify::verify::{
    Compiler, Mistake, OTHER_MEMBERS, Part, Prepared, Read, Run, Verification, VerifyError,
    may_be_skipped,
};

use super::conventions::mutations::{self, Mutation};
use crate::mutants::{MUTANTS, Mutant};
use crate::suite::{Result, Suite};

/// A header that is verified, and the package that has it.
struct System {
    package: &'static str,
    header: &'static str,
    /// Functions that take or return an aggregate by value: so many at least, or it is another header than was meant.
    by_value: usize,
    /// Lines before it.
    before: &'static str,
}

macro_rules! system {
    ($($package:literal $header:literal $by_value:literal $before:literal;)*) => {
        &[$(System { package: $package, header: $header, by_value: $by_value, before: $before }),*]
    };
}

const SYSTEM: &[System] = system! {
    "libc6-dev"          "stdlib.h"               3 "";
    "libc6-dev"          "complex.h"             60 "";
    "libc6-dev"          "math.h"                 0 "";
    "libc6-dev"          "signal.h"               0 "";
    "chipmunk-dev"       "chipmunk/chipmunk.h"   90 "";
    "libtree-sitter-dev" "tree_sitter/api.h"     40 "";
    "libcsfml-dev"       "SFML/Graphics.h"      100 "";
    "libgsl-dev"         "gsl/gsl_complex_math.h" 50 "";
    "libcerf-dev"        "cerf.h"                10 "";
    "libxxhash-dev"      "xxhash.h"               7 "";
    "libzstd-dev"        "zstd.h"                10 "#define ZSTD_STATIC_LINKING_ONLY\n";
};

const STANDARD: &str = "-std=gnu17";

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut compilers = Vec::new();
    for reference in suite.references() {
        compilers.push(Compiler::new(reference, None)?);
    }
    let flags = vec![STANDARD.to_owned()];
    if let Err(error @ HeaderError::NoLibclang { .. }) = cabi_header::parse("", &Options::new()) {
        suite.report.absent("headers", &error.to_string());
        return Ok(());
    }
    let mut headers = Vec::new();
    for system in SYSTEM {
        headers.extend(read(system, &mut suite.report)?);
    }
    let plan = Verification::new(headers, compilers, flags.clone());
    if !plan.compilers.is_empty() && !plan.headers.is_empty() {
        let run = plan.run(&|_, _, _| {})?;
        system_headers(&run, &mut suite.report);
        suite.report.note(run.coverage().to_string());
    }
    if plan.compilers.is_empty() {
        return Ok(());
    }
    // With wide vectors, if this machine has them.
    let wide = with_avx(&plan.compilers)?;
    let has_avx = wide.is_some();
    let avx = has_avx.then(|| AVX.to_owned());
    let flags_of_ours: Vec<String> = flags.iter().cloned().chain(avx).collect();
    if let Some(ours) = ours(&flags_of_ours, &mut suite.report)? {
        let compilers = wide.unwrap_or_else(|| plan.compilers.clone());
        let plan = Verification::new(vec![ours], compilers, flags_of_ours);
        mutants(&plan.prepare(&|_, _, _| {})?, has_avx, suite)?;
    }
    needless(plan.compilers, flags, suite)
}

const AVX: &str = "-mavx";

/// The compilers with AVX. `None` if this machine does not have it.
fn with_avx(compilers: &[Compiler]) -> Result<Option<Vec<Compiler>>, VerifyError> {
    let mut wide = Vec::new();
    for own in compilers {
        match Compiler::new(own.reference.with_flags(&[AVX]), Some(own.policy)) {
            Ok(compiler) => wide.push(compiler),
            Err(VerifyError::Machine { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(wide))
}

/// The header, if it is installed.
fn read(system: &System, report: &mut Report) -> Result<Option<Read>> {
    let System {
        package,
        header,
        before,
        by_value,
    } = system;
    let engine = format!("headers {package}");
    let text = format!("{before}#include <{header}>\n");
    let flags = [STANDARD.to_owned()];
    let Some(read) = read_text(header, &text, &flags, &engine, report)? else {
        return Ok(None);
    };
    let is = |ty: &Type| matches!(ty.kind(), Kind::Record(_) | Kind::Complex(_));
    let prototypes = read.found.subject.header.prototypes.iter();
    let aggregates = prototypes
        .filter(|prototype| is(&prototype.ret) || prototype.params.iter().any(|(_, ty)| is(ty)));
    let aggregates = aggregates.count();
    report.note(format!(
        "{header} ({package}): {aggregates} functions with aggregates by value, {} record types",
        read.found.n_records
    ));
    if aggregates < *by_value {
        let why = format!("{aggregates} functions with aggregates by value, not {by_value}");
        report.outcome(&engine, header, Err(why));
    }
    Ok(Some(read))
}

/// `text` read; `None`, and a note, if the header is not installed.
fn read_text(
    name: &str,
    text: &str,
    flags: &[String],
    engine: &str,
    report: &mut Report,
) -> Result<Option<Read>> {
    let is_absent = |error: &HeaderError| match error {
        HeaderError::Source { errors } => errors
            .iter()
            .any(|error| error.message.contains("file not found")),
        _ => false,
    };
    let options = flags
        .iter()
        .fold(Options::new(), |options, flag| options.arg(flag));
    match Read::text(name, text, &options, (&HERE, HERE.convention()), |_, _| {
        true
    }) {
        Ok(read) => Ok(Some(read)),
        Err(VerifyError::Header { source, .. }) if is_absent(&source) => {
            report.absent(engine, &format!("not installed: {source}"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Every part must be clean.
fn system_headers(run: &Run<'_>, report: &mut Report) {
    for part in &run.parts {
        let name = &run.plan.headers[part.header].name;
        let reference = run.plan.compilers[part.compiler].reference.name();
        let passed = part.called.len() - part.differences().count();
        let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
        for left in run.skipped(part) {
            *skipped.entry(left.key).or_default() += 1;
        }
        report.note(format!(
            "{reference} {name}: {} sizes and offsets, {passed} of {} cases, left out {skipped:?}",
            part.n_facts,
            part.called.len(),
        ));
        report.outcome(&format!("headers {reference}"), name, is_clean(run, part));
    }
}

fn is_clean(run: &Run<'_>, part: &Part) -> Result<(), String> {
    if let Some(first) = first_difference(part) {
        return Err(first);
    }
    let unlisted = |left: &&Omitted| {
        // The one type that the compilers' own headers declare otherwise than libclang's.
        let foreign = left.key == OTHER_MEMBERS && !left.name.contains("max_align_t");
        foreign || !may_be_skipped(left.key)
    };
    let settings: BTreeSet<&str> = part.called.iter().map(|c| c.setting.as_str()).collect();
    let n_settings = run.plan.settings.len();
    if part.called.len() >= 8 * n_settings && settings.len() < n_settings {
        return Err(format!("only {settings:?} of {n_settings} engine settings"));
    }
    match run.skipped(part).find(unlisted) {
        Some(Omitted { name, key, why, .. }) => Err(format!("{name} left out, {key}: {why}")),
        None if !part.itself.is_empty() => Err(format!(
            "{}: the compiler disagrees with itself",
            part.itself[0].case.name
        )),
        None if part.called.is_empty() => Err("no case was run".to_owned()),
        None => Ok(()),
    }
}

fn first_difference(part: &Part) -> Option<String> {
    if let Some(layout) = part.prototypes.iter().chain(&part.layouts).next() {
        return Some(format!(
            "{}: {}, {} here",
            layout.what, layout.theirs, layout.ours
        ));
    }
    let (called, difference) = part.differences().next()?;
    let (name, direction) = (&called.case.name, called.direction.name());
    Some(format!("{name}, {direction}: {}", difference.why))
}

/// The header in which each mutant shows.
fn ours(flags: &[String], report: &mut Report) -> Result<Option<Read>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder.join("corpus/headers/aggregates.h");
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
    read_text("aggregates.h", &text, flags, "headers mutants", report)
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

/// A lowering that refuses everything, for what no signature of the header has, passes no case: not a plain one, nor one of which something
/// else is not lowered.
fn needless(compilers: Vec<Compiler>, flags: Vec<String>, suite: &mut Suite) -> Result<()> {
    const ENGINE: &str = "headers refusals";
    let report = &mut suite.report;
    let text = "struct over { long x __attribute__((aligned(32))); };\n\
                int plain(int n);\nint takes(struct over o);\nint print(const char *format, ...);\n";
    let Some(read) = read_text("refusals.h", text, &flags, ENGINE, report)? else {
        return Ok(());
    };
    let plan = Verification::new(vec![read], compilers, flags);
    let prepared = plan.prepare(&|_, _, _| {})?;
    let right = prepared.run(Mistake::default(), &|_, _, _| {})?;
    for part in &right.parts {
        report.outcome(ENGINE, "none", is_clean(&right, part));
    }
    let mistake = Mistake {
        convention: Some(&BIG_ENDIAN),
        ..Mistake::default()
    };
    let wrong = prepared.run(mistake, &|_, _, _| {})?;
    let mut n = 0;
    for called in wrong.parts.iter().flat_map(|part| &part.called) {
        let name = format!("{}, {}", called.case.name, called.direction.name());
        let needless = |found: &Difference| found.why.starts_with("refused without need: ");
        let outcome = match called.difference() {
            Some(found) if needless(found) => Ok(()),
            _ => Err(format!("{:?}", called.verdict)),
        };
        n += usize::from(outcome.is_ok());
        report.outcome(ENGINE, &name, outcome);
    }
    // Two functions in both directions; of the variadic one there are calls with several lists of arguments.
    let least = 6 * wrong.parts.len();
    let enough = (n >= least).then_some(());
    let enough = enough.ok_or_else(|| format!("{n} refusals, not {least}"));
    report.outcome(ENGINE, "all", enough);
    Ok(())
}

/// Mistakes in how this machine's C is called: on AArch64 each rule of its convention dropped.
fn mistakes(report: &mut Report) -> Result<Vec<Mutant>> {
    if HERE == Target::X86_64_LINUX {
        return Ok(MUTANTS.to_vec());
    }
    let convention = HERE.convention().ok_or("the target has a convention")?;
    let mutant = |rule: Mutation| Mutant {
        name: rule.convention.name,
        mistake: Mistake {
            convention: Some(rule.convention),
            ..Mistake::default()
        },
        breaks: "a rule of the convention",
    };
    // Each is a run over all functions of the header; an emulator takes a minute for one.
    let step = match std::env::var_os("CABI_RUNNER") {
        Some(_) => 6,
        None => 1,
    };
    report.note(format!(
        "of the rules of the convention, one in {step} is dropped"
    ));
    let dropped = mutations::dropped(convention).step_by(step);
    Ok(dropped.map(mutant).collect())
}

/// No mismatch without a mistake, and one under each: with every reference compiler, since gcc does not rely on narrow arguments being extended.
fn mutants(prepared: &Prepared<'_>, has_avx: bool, suite: &mut Suite) -> Result<()> {
    const ENGINE: &str = "headers mutants";
    const REFUSED: &str = "the definition of a variadic function is lowered for the va_lists of";
    let report = &mut suite.report;
    let right = prepared.run(Mistake::default(), &|_, _, _| {})?;
    for part in &right.parts {
        report.outcome(ENGINE, "no mistake", is_clean(&right, part));
    }
    for mutant in mistakes(report)? {
        if mutant.needs_wide_vectors() && !has_avx {
            report.not_run(ENGINE, mutant.name, "this machine does not have AVX");
            continue;
        }
        let run = prepared.run(mutant.mistake, &|_, _, _| {})?;
        // That the callee of a variadic function is not lowered under any other convention shows nothing of this one.
        let is_shown = |(_, difference): &(_, &Difference)| !difference.why.contains(REFUSED);
        let differences = || {
            run.parts
                .iter()
                .flat_map(Part::differences)
                .filter(is_shown)
        };
        let n = differences().count();
        let first = differences().next().map(|(called, difference)| {
            format!(
                "{}, {}: {}",
                called.case.name,
                called.direction.name(),
                difference.why
            )
        });
        let outcome = match first {
            Some(first) => {
                let short: String = first.chars().take(120).collect();
                report.note(format!("{}: {n} mismatches, first {short}", mutant.name));
                Ok(())
            }
            None if suite.every_reference => Err(format!("not noticed: {}", mutant.breaks)),
            None => {
                let why = "it takes every compiler to notice";
                report.not_run(ENGINE, mutant.name, why);
                continue;
            }
        };
        report.outcome(ENGINE, mutant.name, outcome);
    }
    Ok(())
}
