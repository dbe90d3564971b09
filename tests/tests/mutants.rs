//! Deliberate mistakes must be noticed: each block of the corpus whose `kills:` names a mutant goes red under it, and is green without.
//!
//! A mutant that a block should kill and does not is a failure; so is a mutant that no block names, and a name that is no mutant's.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    suite::run().unwrap_or_else(|why| {
        eprintln!("mutants: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("mutants: not run: the engine needs x86-64 with Unix");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", unix))]
mod suite {
    use std::collections::BTreeMap;
    use std::process::ExitCode;

    use cabi_judge::case::Entry;
    use cabi_judge::child::{self, Outcome};
    use cabi_judge::guard::Rooms;
    use cabi_judge::halves::Halves;
    use cabi_judge::interop::{Direction, Ground, N_ROOMS, admitted, run as run_case};
    use cabi_judge::jit::{Stop, Twist};
    use cabi_judge::judge::{Bench, Judge};
    use cabi_judge::report::Report;
    use cabi_tests::corpus::Corpus;
    use cabi_tests::mutants::{MUTANTS, Mutant};
    use clif_cabi_jit::Settings;

    /// The halves of one vector level of one judge, with their cases.
    struct Batch<'a> {
        judge: &'a Judge,
        halves: Halves,
        entries: Vec<Entry<'a>>,
    }

    /// One batch in one direction, right or with a mistake.
    struct Job<'a> {
        batch: &'a Batch<'a>,
        direction: Direction,
        mutant: Option<&'static Mutant>,
    }

    pub(crate) fn run() -> Result<ExitCode, String> {
        let mut report = Report::new("mutants");
        let mut corpus = Corpus::read("x86-64-sysv", "mutants", &mut report)?;
        if corpus.subjects.is_empty() {
            return Ok(report.finish(true));
        }
        check_names(&corpus, &mut report);
        corpus
            .subjects
            .retain(|subject| !subject.block.kills.is_empty());
        let bench = Bench::find();
        for (name, why) in &bench.absent {
            report.absent(&format!("mutants {name}"), why);
        }
        let mut batches = Vec::new();
        for judge in &bench.judges {
            for entries in admitted(&corpus.subjects, judge, |_, _| {}) {
                let halves = Halves::build(judge, &entries).map_err(|error| error.to_string())?;
                batches.push(Batch {
                    judge,
                    halves,
                    entries,
                });
            }
        }
        judge_all(&batches, bench.absent.is_empty(), &mut report)?;
        let survivors = report.failures().len();
        report.note(format!("{} mutants, {survivors} failures", MUTANTS.len()));
        let code = report.finish(true);
        let word = if code == ExitCode::SUCCESS {
            "ok"
        } else {
            "FAILED"
        };
        let passed = MUTANTS.len().saturating_sub(survivors);
        println!(
            "test result: {word}. {passed} passed; {survivors} failed; 0 ignored; 0 measured; 0 filtered out"
        );
        Ok(code)
    }

    fn check_names(corpus: &Corpus, report: &mut Report) {
        for subject in &corpus.subjects {
            for name in &subject.block.kills {
                if !MUTANTS.iter().any(|mutant| mutant.name == name) {
                    let why = format!("kills: {name}, which is no mutant");
                    report.outcome("mutants", &subject.block.name, Err(why));
                }
            }
        }
        for mutant in MUTANTS {
            let named = |name: &String| name == mutant.name;
            if !corpus
                .subjects
                .iter()
                .any(|subject| subject.block.kills.iter().any(named))
            {
                let why = "no block of the corpus kills it".to_owned();
                report.outcome("mutants", mutant.name, Err(why));
            }
        }
    }

    /// What is known of a block under a mutant, or under none.
    #[derive(Default)]
    struct Seen {
        /// The judges and directions in which it passes.
        green: Vec<String>,
        /// Those in which it does not, with the reason.
        red: Vec<(String, String)>,
    }

    fn judge_all(batches: &[Batch<'_>], complete: bool, report: &mut Report) -> Result<(), String> {
        let mut jobs = Vec::new();
        for batch in batches {
            for direction in Direction::ALL {
                for mutant in std::iter::once(None).chain(MUTANTS.iter().map(Some)) {
                    jobs.push(Job {
                        batch,
                        direction,
                        mutant,
                    });
                }
            }
        }
        let rooms = Rooms::new(N_ROOMS, 1 << 16).map_err(|error| error.to_string())?;
        let sizes: Vec<usize> = jobs.iter().map(|job| job.batch.entries.len()).collect();
        let outcomes = child::run(&sizes, 2, |job, index| one(&jobs[job], &rooms, index))
            .map_err(|error| error.to_string())?;
        let mut seen: BTreeMap<(Option<&str>, &str), Seen> = BTreeMap::new();
        for (job, outcomes) in jobs.iter().zip(&outcomes) {
            let place = format!("{} {}", job.batch.judge.name(), job.direction.name());
            for ((subject, _), outcome) in job.batch.entries.iter().zip(outcomes) {
                let mutant = job.mutant.map(|mutant| mutant.name);
                let seen = seen.entry((mutant, &subject.block.name)).or_default();
                match outcome {
                    Outcome::Passed(0) => {} // not meant for this mutant
                    Outcome::Passed(_) => seen.green.push(place.clone()),
                    Outcome::Refused(why) | Outcome::Failed(why) | Outcome::Crashed(why) => {
                        seen.red.push((place.clone(), why.clone()));
                    }
                }
            }
        }
        for mutant in MUTANTS {
            verdict(batches, mutant, &seen, complete, report);
        }
        Ok(())
    }

    /// Each block that names the mutant must be red under it where it is green without. Unless all compilers are here (`complete`), one that
    /// is not may be the one to notice it.
    fn verdict(
        batches: &[Batch<'_>],
        mutant: &'static Mutant,
        seen: &BTreeMap<(Option<&str>, &str), Seen>,
        complete: bool,
        report: &mut Report,
    ) {
        let nothing = Seen::default();
        let blocks = seen.keys().filter(|(name, _)| name.is_none());
        let mut kills = Vec::new();
        for (_, block) in blocks.filter(|(_, block)| names(batches, block, mutant)) {
            let right = seen.get(&(None, *block)).unwrap_or(&nothing);
            let wrong = seen.get(&(Some(mutant.name), *block)).unwrap_or(&nothing);
            let mut red = wrong.red.iter();
            match red.find(|(place, _)| right.green.contains(place)) {
                Some((place, why)) => kills.push(format!("{block} ({place}): {why}")),
                None if !complete => {
                    let why = "a compiler that is missing may be the one to notice it";
                    report.not_run(&format!("mutants {}", mutant.name), block, why);
                }
                None => {
                    let why = format!("{block} does not notice it: {}", mutant.breaks);
                    report.outcome("mutants", mutant.name, Err(why));
                }
            }
        }
        if let Some(first) = kills.first() {
            let (name, short) = (mutant.name, first.chars().take(150).collect::<String>());
            report.note(format!("{name}: killed by {} blocks, {short}", kills.len()));
            report.outcome("mutants", name, Ok(()));
        }
    }

    fn names(batches: &[Batch<'_>], block: &str, mutant: &Mutant) -> bool {
        let mut entries = batches.iter().flat_map(|batch| &batch.entries);
        entries.any(|(subject, _)| {
            subject.block.name == block
                && subject.block.kills.iter().any(|name| name == mutant.name)
        })
    }

    fn one(job: &Job<'_>, rooms: &Rooms, index: usize) -> Outcome {
        let (subject, case) = job.batch.entries[index];
        if let Some(mutant) = job.mutant
            && !subject.block.kills.iter().any(|name| name == mutant.name)
        {
            return Outcome::Passed(0);
        }
        let settings = Settings::default().memory(1 << 20);
        let ground = Ground {
            halves: &job.batch.halves,
            settings: &settings,
            rooms,
        };
        let tell = |sig: cabi::FnSig| match job.mutant.and_then(|mutant| mutant.convention) {
            Some(convention) => sig.convention(convention),
            None => sig,
        };
        let twist = job
            .mutant
            .map_or_else(Twist::default, |mutant| mutant.twist);
        let profile = job.batch.judge.profile();
        match run_case(&ground, case, profile, index, job.direction, tell, twist) {
            Ok(calls) => Outcome::Passed(calls),
            Err(Stop::Refused(why)) => Outcome::Refused(why.to_string()),
            Err(Stop::Failed(why)) => Outcome::Failed(why),
        }
    }
}
