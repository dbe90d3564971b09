//! Every signature of the corpus, both directions, against each judge, under each engine setting: Cranelift calls C, C calls Cranelift.
//!
//! What a shim sends and what a function returns is graffiti, and every byte of every leaf is compared on the other side. Cases run in
//! child processes; one that dies is named and the rest goes on. What the lowering refuses is counted by reason: never silently skipped.
//!
//! Behind the corpus come random signatures, `CABI_RANDOM_COUNT` for each judge (usually 150) from `CABI_RANDOM_SEED`. Where a judge's own
//! caller and callee disagree about one of those, it is the judge's fault, and counted as such.

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

    use cabi::{DataModel, VectorLevel};
    use cabi_judge::case::Entry;
    use cabi_judge::case::Subject;
    use cabi_judge::child::{self, Outcome};
    use cabi_judge::ctext;
    use cabi_judge::generate::{Dialect, signature};
    use cabi_judge::guard::Rooms;
    use cabi_judge::halves::Halves;
    use cabi_judge::interop::{
        Direction, Fault, Ground, N_ROOMS, admitted, all_settings, judge_agrees, run as run_case,
    };
    use cabi_judge::jit::{Stop, Twist};
    use cabi_judge::judge::{Bench, Judge};
    use cabi_judge::report::Report;
    use cabi_tests::corpus::{Corpus, expected};
    use clif_cabi_jit::Settings;

    /// The reason of cases that a judge does not agree with itself about.
    const THEIRS: &str = "the judge's own caller and callee disagree";

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

    impl Verdict {
        fn take(&mut self, counts: &mut Counts, setting: &str, outcome: &Outcome) {
            match outcome {
                Outcome::Passed(calls) => {
                    counts.passed += 1;
                    counts.calls += calls;
                    return;
                }
                Outcome::Refused(why) if why == THEIRS => counts.theirs += 1,
                Outcome::Refused(_) => counts.refused += 1,
                Outcome::Failed(_) | Outcome::Crashed(_) => counts.failed += 1,
            }
            match outcome {
                Outcome::Failed(why) => self.failed.push(format!("{setting}: {why}")),
                Outcome::Crashed(why) => self.failed.push(format!("{setting}: dies of {why}")),
                Outcome::Refused(why) => self.refused = Some(why.clone()),
                Outcome::Passed(_) => {}
            }
        }
    }

    #[derive(Default)]
    struct Counts {
        passed: usize,
        failed: usize,
        refused: usize,
        theirs: usize,
        calls: usize,
    }

    pub(crate) fn run() -> Result<ExitCode, String> {
        let start = Instant::now();
        let mut report = Report::new("interop").with_expected(&expected())?;
        let corpus = Corpus::read("x86-64-sysv", "interop", &mut report)?;
        let bench = Bench::find();
        for (name, why) in &bench.absent {
            report.absent(&format!("interop {name}"), why);
        }
        let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
        let drawn: Vec<Vec<Subject>> = bench.judges.iter().map(drawn).collect();
        let mut batches = Vec::new();
        for (judge, drawn) in bench.judges.iter().zip(&drawn) {
            report.note(format!("judge: {judge}, profile {:?}", judge.profile()));
            let engine = format!("interop {}", judge.name());
            let mut levels = admitted(&corpus.subjects, judge, |case, why| {
                report.not_run(&engine, case, why);
            });
            levels.extend(admitted(drawn, judge, |_, _| {}));
            for mut entries in levels {
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
        let n_drawn: usize = drawn.iter().map(Vec::len).sum();
        let n_signatures: usize = corpus.subjects.iter().map(|s| s.cases.len()).sum();
        report.note(format!(
            "({n_signatures} signatures x {} judges + {n_drawn} random ones) x {} directions x {} engine settings: \
             passed {}, failed {} (known failures included), refused by the lowering {}, judge against itself {}; {} calls",
            bench.judges.len(),
            Direction::ALL.len(),
            settings.len(),
            counts.passed,
            counts.failed,
            counts.refused,
            counts.theirs,
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

    fn is_random(case: &str) -> bool {
        case.starts_with("random-")
    }

    /// Random signatures, of those that `cabi` has a type for.
    fn drawn(judge: &Judge) -> Vec<Subject> {
        let number = |name, usual| {
            let text = std::env::var(name).ok();
            text.and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        let (count, seed) = (
            number("CABI_RANDOM_COUNT", 150),
            number("CABI_RANDOM_SEED", 1),
        );
        let dialect = if judge.name() == "clang" {
            Dialect::CLANG
        } else {
            Dialect::GCC
        };
        let mut subjects = Vec::new();
        for index in 0..count {
            let name = format!("random-{}-{seed}-{index}", judge.name());
            let declared = signature(seed, index, dialect).declared("", &DataModel::LP64);
            if let Ok(case) = declared.case(&name, VectorLevel::Baseline) {
                let code = declared.types.clone() + &declared.prototype();
                let text = ctext::read(&code);
                let drawn = Subject::of_cases(&name, code, declared.named, &[], vec![case]);
                subjects.push(Subject { text, ..drawn });
            }
        }
        subjects
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
                let name = &entries[0].1.name;
                if is_random(name) {
                    report.not_run(&engine, name, &error.to_string());
                } else {
                    report.outcome(&engine, name, Err(error.to_string()));
                }
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
        let (mut counts, mut verdicts) = (Counts::default(), BTreeMap::new());
        for (job, outcomes) in jobs.iter().zip(&outcomes) {
            let judge = job.batch.judge.name();
            let engine = format!("interop {judge} {}", job.direction.name());
            for ((_, case), outcome) in job.batch.entries.iter().zip(outcomes) {
                let key = (engine.clone(), case.name.clone());
                let verdict: &mut Verdict = verdicts.entry(key).or_default();
                verdict.take(&mut counts, &job.settings.0, outcome);
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
        let against_itself = || {
            matches!(
                judge_agrees(&ground, case, profile, index),
                Err(Fault::Failed(_))
            )
        };
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
            Err(Stop::Refused(why)) => Outcome::Refused(why.to_string()),
            // A block of the corpus says in expected.toml whose fault it is.
            Err(Stop::Failed(_)) if is_random(&case.name) && against_itself() => {
                Outcome::Refused(THEIRS.to_owned())
            }
            Err(Stop::Failed(why)) => Outcome::Failed(why),
        }
    }
}
