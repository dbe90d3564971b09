//! Every signature of the corpus, both directions, against each judge, under each engine setting: Cranelift calls C, C calls Cranelift.
//!
//! What a shim sends and what a function returns is graffiti, and every byte of every leaf is compared on the other side. Cases run in
//! child processes; one that dies is named and the rest goes on. What the lowering refuses is counted by reason: never silently skipped.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    suite::run().unwrap_or_else(|why| {
        eprintln!("interop: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("interop: not run: the engine needs x86-64 with Unix");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", unix))]
mod suite {
    use std::collections::BTreeMap;
    use std::process::ExitCode;
    use std::time::Instant;

    use cabi_judge::judge::{Bench, Judge, judges_required};
    use cabi_judge::report::Report;
    use cabi_tests::child::{self, Outcome};
    use cabi_tests::corpus::{Corpus, expected};
    use cabi_tests::guard::Rooms;
    use cabi_tests::halves::Halves;
    use cabi_tests::interop::{
        Direction, Ground, N_ROOMS, admitted, all_settings, run as run_case,
    };
    use cabi_tests::jit::{Stop, Twist};
    use cabi_tests::probe::Entry;
    use clif_cabi_jit::Settings;

    /// Children at once.
    const AT_ONCE: usize = 2;

    /// The halves of one vector level of one judge, with their cases.
    struct Batch<'a> {
        judge: &'a Judge,
        halves: Halves,
        entries: Vec<Entry<'a>>,
    }

    /// One batch under one setting in one direction.
    struct Job<'a> {
        batch: &'a Batch<'a>,
        settings: &'a (String, Settings),
        direction: Direction,
    }

    /// What became of one case in one direction with one judge, under all settings.
    #[derive(Default)]
    struct Verdict {
        failed: Vec<String>,
        refused: Option<String>,
    }

    #[derive(Default)]
    struct Counts {
        passed: usize,
        failed: usize,
        refused: usize,
        calls: usize,
    }

    pub(crate) fn run() -> Result<ExitCode, String> {
        let start = Instant::now();
        let mut report = Report::new("interop").with_expected(&expected())?;
        let corpus = Corpus::read("x86-64-sysv", "interop", &mut report)?;
        let bench = Bench::find();
        for (name, why) in &bench.absent {
            if judges_required() {
                report.outcome(
                    "interop",
                    name,
                    Err(format!("this judge is missing: {why}")),
                );
            } else {
                report.not_run(&format!("interop {name}"), "every case", why);
            }
        }
        let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
        let mut batches = Vec::new();
        for judge in &bench.judges {
            report.note(format!("judge: {judge}, profile {:?}", judge.profile()));
            let engine = format!("interop {}", judge.name());
            for mut entries in admitted(&corpus.subjects, judge, |case, why| {
                report.not_run(&engine, case, why);
            }) {
                if let Some(only) = &only {
                    entries.retain(|(_, case)| case.name.contains(only.as_str()));
                }
                build(judge, entries, &mut batches, &mut report);
            }
        }
        let read = start.elapsed();
        let settings = all_settings();
        let complete = only.is_none();
        let counts = run_all(&batches, &settings, &mut report)?;
        let n_signatures: usize = corpus
            .subjects
            .iter()
            .map(|subject| subject.cases.len())
            .sum();
        report.note(format!(
            "{n_signatures} signatures x {} judges x {} directions x {} engine settings: passed {}, failed {}, refused by the lowering {}; {} calls",
            bench.judges.len(),
            Direction::ALL.len(),
            settings.len(),
            counts.passed,
            counts.failed,
            counts.refused,
            counts.calls,
        ));
        report.note(format!(
            "{read:.1?} to build the C halves, {:.1?} in all",
            start.elapsed()
        ));
        let n_failed = report.failures().len();
        let code = report.finish(complete);
        let word = if code == ExitCode::SUCCESS {
            "ok"
        } else {
            "FAILED"
        };
        println!(
            "test result: {word}. {} passed; {n_failed} failed; 0 ignored; 0 measured; 0 filtered out",
            counts.passed
        );
        Ok(code)
    }

    /// Builds the halves of `entries` in one file; what a compiler refuses, it refuses alone.
    fn build<'a>(
        judge: &'a Judge,
        entries: Vec<Entry<'a>>,
        batches: &mut Vec<Batch<'a>>,
        report: &mut Report,
    ) {
        if entries.is_empty() {
            return;
        }
        match Halves::build(judge, &entries) {
            Ok(halves) => batches.push(Batch {
                judge,
                halves,
                entries,
            }),
            Err(error) if entries.len() == 1 => {
                let engine = format!("interop {}", judge.name());
                report.outcome(&engine, &entries[0].1.name, Err(error.to_string()));
            }
            Err(_) => {
                let mut left = entries;
                let right = left.split_off(left.len() / 2);
                build(judge, left, batches, report);
                build(judge, right, batches, report);
            }
        }
    }

    fn run_all(
        batches: &[Batch<'_>],
        settings: &[(String, Settings)],
        report: &mut Report,
    ) -> Result<Counts, String> {
        let mut jobs = Vec::new();
        for batch in batches {
            for settings in settings {
                jobs.extend(Direction::ALL.map(|direction| Job {
                    batch,
                    settings,
                    direction,
                }));
            }
        }
        let rooms = Rooms::new(N_ROOMS, 1 << 16).map_err(|error| error.to_string())?;
        let sizes: Vec<usize> = jobs.iter().map(|job| job.batch.entries.len()).collect();
        let outcomes = child::run(&sizes, AT_ONCE, |job, index| one(&jobs[job], &rooms, index))
            .map_err(|error| error.to_string())?;
        let mut counts = Counts::default();
        let mut verdicts: BTreeMap<(String, String), Verdict> = BTreeMap::new();
        for (job, outcomes) in jobs.iter().zip(&outcomes) {
            let engine = format!(
                "interop {} {}",
                job.batch.judge.name(),
                job.direction.name()
            );
            for ((_, case), outcome) in job.batch.entries.iter().zip(outcomes) {
                let verdict = verdicts
                    .entry((engine.clone(), case.name.clone()))
                    .or_default();
                let setting = &job.settings.0;
                match outcome {
                    Outcome::Passed(calls) => {
                        counts.passed += 1;
                        counts.calls += calls;
                    }
                    Outcome::Refused(why) => {
                        counts.refused += 1;
                        verdict.refused = Some(why.clone());
                    }
                    Outcome::Failed(why) => {
                        counts.failed += 1;
                        verdict.failed.push(format!("{setting}: {why}"));
                    }
                    Outcome::Crashed(why) => {
                        counts.failed += 1;
                        verdict.failed.push(format!("{setting}: dies of {why}"));
                    }
                }
            }
        }
        for ((engine, case), verdict) in verdicts {
            match (verdict.failed.first(), verdict.refused) {
                (Some(first), _) => {
                    let n = verdict.failed.len();
                    report.outcome(&engine, &case, Err(format!("{n} settings, first {first}")));
                }
                (None, Some(why)) => report.not_run(&engine, &case, &why),
                (None, None) => report.outcome(&engine, &case, Ok(())),
            }
        }
        Ok(counts)
    }

    fn one(job: &Job<'_>, rooms: &Rooms, index: usize) -> Outcome {
        let ground = Ground {
            halves: &job.batch.halves,
            settings: &job.settings.1,
            rooms,
        };
        let (_, case) = job.batch.entries[index];
        let profile = job.batch.judge.profile();
        let right = Twist::default();
        match run_case(
            &ground,
            case,
            profile,
            index,
            job.direction,
            |sig| sig,
            right,
        ) {
            Ok(calls) => Outcome::Passed(calls),
            Err(Stop::Refused(why)) => Outcome::Refused(why),
            Err(Stop::Failed(why)) => Outcome::Failed(why),
        }
    }
}
