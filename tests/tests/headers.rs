//! `verify` over headers: those of the C library and of installed packages, without a mismatch; and a header of our own, which every
//! deliberate mistake must make it report.
//!
//! The packages are chosen for their many aggregates by value. Where one is not installed, it is `not run`.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    suite::run().unwrap_or_else(|why| {
        eprintln!("headers: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("headers: not run: the engine needs x86-64 with Unix");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", unix))]
mod suite {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;
    use std::process::ExitCode;
    use std::time::Instant;

    use cabi::{Kind, Type};
    use cabi_header::{HeaderError, Options};
    use cabi_judge::from_header::Left;
    use cabi_judge::interop::Difference;
    use cabi_judge::judge::Bench;
    use cabi_judge::report::Report;
    use cabi_judge::verify::{
        Compiler, Mistake, OTHER_MEMBERS, Part, Plan, Prepared, Read, Run, VerifyError,
        may_be_skipped,
    };
    use cabi_tests::mutants::MUTANTS;

    /// A header that is verified, and the package that has it.
    struct System {
        package: &'static str,
        header: &'static str,
        /// Lines before it.
        before: &'static str,
        /// Functions that take or return an aggregate by value: so many at least, or it is another header than was meant.
        by_value: usize,
    }

    const SYSTEM: [System; 11] = [
        system("libc6-dev", "stdlib.h", "", 3),
        system("libc6-dev", "complex.h", "", 60),
        system("libc6-dev", "math.h", "", 0),
        system("libc6-dev", "signal.h", "", 0),
        system("chipmunk-dev", "chipmunk/chipmunk.h", "", 90),
        system("libtree-sitter-dev", "tree_sitter/api.h", "", 40),
        system("libcsfml-dev", "SFML/Graphics.h", "", 100),
        system("libgsl-dev", "gsl/gsl_complex_math.h", "", 50),
        system("libcerf-dev", "cerf.h", "", 10),
        system("libxxhash-dev", "xxhash.h", "", 7),
        system(
            "libzstd-dev",
            "zstd.h",
            "#define ZSTD_STATIC_LINKING_ONLY\n",
            10,
        ),
    ];

    const fn system(
        package: &'static str,
        header: &'static str,
        before: &'static str,
        by_value: usize,
    ) -> System {
        System {
            package,
            header,
            before,
            by_value,
        }
    }

    /// Mutants that `verify` over our header cannot notice, with the reason.
    const SURVIVORS: [(&str, &str); 0] = [];

    const STANDARD: &str = "-std=gnu17";

    pub(crate) fn run() -> Result<ExitCode, String> {
        let start = Instant::now();
        let mut report = Report::new("headers");
        let bench = Bench::find();
        for (name, why) in &bench.absent {
            report.absent(&format!("headers {name}"), why);
        }
        let mut compilers = Vec::new();
        for judge in bench.judges {
            report.note(format!("judge: {judge}, profile {:?}", judge.profile()));
            compilers.push(Compiler::new(judge, None).map_err(|e| e.to_string())?);
        }
        let flags = vec![STANDARD.to_owned()];
        if let Err(error @ HeaderError::NoLibclang { .. }) = cabi_header::parse("", &Options::new())
        {
            report.absent("headers", &error.to_string());
            return Ok(report.finish(true));
        }
        let mut headers = Vec::new();
        for system in &SYSTEM {
            headers.extend(read(system, &mut report)?);
        }
        let plan = Plan::new(headers, compilers, flags.clone());
        let mut n = 0;
        if !plan.compilers.is_empty() && !plan.headers.is_empty() {
            let run = plan.run(&|_, _, _| {}).map_err(|e| e.to_string())?;
            n = system_headers(&run, &mut report);
            report.note(format!("{}, {:.1?}", run.coverage(), start.elapsed()));
        }
        if let Some(ours) = ours(&mut report)?
            && !plan.compilers.is_empty()
        {
            let plan = Plan::new(vec![ours], plan.compilers, flags.clone());
            let prepared = plan.prepare(&|_, _, _| {}).map_err(|e| e.to_string())?;
            n += mutants(&prepared, bench.absent.is_empty(), &mut report)
                .map_err(|e| e.to_string())?;
            n += needless(plan.compilers, flags, &mut report)?;
        }
        report.note(format!("{:.1?} in all", start.elapsed()));
        let failed = report.failures().len();
        let code = report.finish(true);
        let word = if failed == 0 { "ok" } else { "FAILED" };
        println!(
            "test result: {word}. {n} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out"
        );
        Ok(code)
    }

    /// The header, if it is installed.
    fn read(system: &System, report: &mut Report) -> Result<Option<Read>, String> {
        let System {
            package,
            header,
            before,
            by_value,
        } = system;
        let text = format!("{before}#include <{header}>\n");
        let Some(read) = read_text(header, &text, &format!("headers {package}"), report)? else {
            return Ok(None);
        };
        let aggregates = aggregates(&read);
        let engine = format!("headers {package}");
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
        engine: &str,
        report: &mut Report,
    ) -> Result<Option<Read>, String> {
        match Read::text(name, text, &Options::new().arg(STANDARD), true, |_, _| true) {
            Ok(read) => Ok(Some(read)),
            Err(VerifyError::Header { source, .. }) if is_absent(&source) => {
                report.absent(engine, &format!("not installed: {source}"));
                Ok(None)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn is_absent(error: &HeaderError) -> bool {
        let HeaderError::Source { errors } = error else {
            return false;
        };
        let mut errors = errors.iter();
        errors.any(|error| error.message.contains("file not found"))
    }

    /// How many functions of the header take or return an aggregate by value.
    fn aggregates(read: &Read) -> usize {
        let is = |ty: &Type| matches!(ty.kind(), Kind::Record(_) | Kind::Complex(_));
        let prototypes = read.found.subject.header.prototypes.iter();
        let by_value = prototypes.filter(|prototype| {
            is(&prototype.ret) || prototype.params.iter().any(|(_, ty)| is(ty))
        });
        by_value.count()
    }

    /// Every part must be clean. Returns how many cases passed.
    fn system_headers(run: &Run<'_>, report: &mut Report) -> usize {
        let mut n = 0;
        for part in &run.parts {
            let name = &run.plan.headers[part.header].name;
            let judge = run.plan.compilers[part.compiler].judge.name();
            let passed = part.called.len() - part.differences().count();
            let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
            for left in run.skipped(part) {
                *skipped.entry(left.key).or_default() += 1;
            }
            report.note(format!(
                "{judge} {name}: {} sizes and offsets, {passed} of {} cases, left out {skipped:?}",
                part.n_facts,
                part.called.len(),
            ));
            n += passed;
            report.outcome(&format!("headers {judge}"), name, is_clean(run, part));
        }
        n
    }

    fn is_clean(run: &Run<'_>, part: &Part) -> Result<(), String> {
        if let Some(first) = first_difference(part) {
            return Err(first);
        }
        let unlisted = |left: &&Left| {
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
            Some(Left { name, key, why, .. }) => Err(format!("{name} left out, {key}: {why}")),
            None if !part.itself.is_empty() => Err(format!(
                "{}: the compiler disagrees with itself",
                part.itself[0].called.case.name
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
    fn ours(report: &mut Report) -> Result<Option<Read>, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = folder.join("corpus/headers/aggregates.h");
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
        read_text("aggregates.h", &text, "headers mutants", report)
    }

    /// A lowering that refuses everything, for what no signature of the header has, passes no case: not a plain one, nor one of which something
    /// else is not lowered. Returns how many refusals are noticed.
    fn needless(
        compilers: Vec<Compiler>,
        flags: Vec<String>,
        report: &mut Report,
    ) -> Result<usize, String> {
        const ENGINE: &str = "headers refusals";
        let text = "struct over { long x __attribute__((aligned(32))); };\n\
                    int plain(int n);\nint takes(struct over o);\nint print(const char *format, ...);\n";
        let Some(read) = read_text("refusals.h", text, ENGINE, report)? else {
            return Ok(0);
        };
        let plan = Plan::new(vec![read], compilers, flags);
        let prepared = plan.prepare(&|_, _, _| {}).map_err(|e| e.to_string())?;
        let run = |mistake| prepared.run(mistake, &|_, _, _| {});
        let right = run(Mistake::default()).map_err(|e| e.to_string())?;
        for part in &right.parts {
            report.outcome(ENGINE, "none", is_clean(&right, part));
        }
        let mistake = Mistake {
            convention: Some(&cabi::X86_64_WIN64),
            ..Mistake::default()
        };
        let wrong = run(mistake).map_err(|e| e.to_string())?;
        let called = wrong.parts.iter().flat_map(|part| &part.called);
        let mut n = 0;
        for called in called {
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
        Ok(n)
    }

    /// No mismatch without a mistake, and one under each: with every judge, since gcc does not mind narrow arguments that nobody extended.
    /// Returns how many mutants are noticed.
    fn mutants(
        prepared: &Prepared<'_>,
        every_judge: bool,
        report: &mut Report,
    ) -> Result<usize, VerifyError> {
        let right = prepared.run(Mistake::default(), &|_, _, _| {})?;
        for part in &right.parts {
            report.outcome("headers mutants", "no mistake", is_clean(&right, part));
        }
        let mut n = 0;
        for mutant in MUTANTS {
            let mistake = Mistake {
                convention: mutant.convention,
                twist: mutant.twist,
            };
            let run = prepared.run(mistake, &|_, _, _| {})?;
            let red: usize = run
                .parts
                .iter()
                .map(|part| part.differences().count())
                .sum();
            let first = run.parts.iter().find_map(first_difference);
            let survives = SURVIVORS.iter().find(|(name, _)| *name == mutant.name);
            if first.is_none() && survives.is_none() && !every_judge {
                report.not_run(
                    "headers mutants",
                    mutant.name,
                    "it takes every judge to notice",
                );
                continue;
            }
            let outcome = match (&first, survives) {
                (Some(_), Some(_)) => Err("noticed, though it is listed as one that is not".into()),
                (None, None) => Err(format!("not noticed: {}", mutant.breaks)),
                (Some(_), None) | (None, Some(_)) => Ok(()),
            };
            report.outcome("headers mutants", mutant.name, outcome);
            if let Some(first) = first {
                n += 1;
                let short: String = first.chars().take(120).collect();
                report.note(format!("{}: {red} mismatches, first {short}", mutant.name));
            }
            if let Some((name, why)) = survives {
                report.note(format!("{name}: cannot be noticed: {why}"));
            }
        }
        for (name, _) in SURVIVORS {
            if !MUTANTS.iter().any(|mutant| mutant.name == name) {
                report.outcome("headers mutants", name, Err("is no mutant".into()));
            }
        }
        Ok(n)
    }
}
