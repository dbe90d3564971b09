//! Random signatures: what each judge does with types nobody thought of, next to what `FnAbi` says under that judge's profile.
//!
//! Layouts are compared, then where the judge's callers put each argument and its callees each result, at `-O0` and `-O2` and every vector
//! level. It is the hunt of `cabi fuzz` with images of registers and stack in place of Cranelift: what is not lowered is judged too. A
//! difference is made smaller and printed as a block of the corpus; where the judge's own caller and callee disagree, it is the judge's:
//! printed, no failure.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CABI_RANDOM_COUNT` | signatures for each judge at each vector level and optimization | 60 |
//! | `CABI_RANDOM_SEED` | the seed | 1 |
//! | `CABI_RANDOM_FIRST` | the first signature's number | 0 |
//!
//! `CABI_RANDOM_COUNT=20000 CABI_RANDOM_SEED=7 cargo test -p cabi-tests --test random` hunts.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    suite::run().unwrap_or_else(|why| {
        eprintln!("random: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("random: not run: it reads the registers of x86-64 System V");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", unix))]
mod suite {
    use std::env;
    use std::process::ExitCode;

    use cabi::Policy;
    use cabi_judge::fuzz::{Found, Plan, Results, hunt};
    use cabi_judge::judge::{Bench, Judge, feature_flags};
    use cabi_judge::report::Report;
    use cabi_judge::verify::{Compiler, VerifyError, Way};

    /// Vector levels, as features of the corpus.
    const LEVELS: [&[&str]; 3] = [&[], &["avx"], &["avx512f"]];

    /// How the C halves are compiled.
    const OPTIMIZED: [&str; 2] = ["-O0", "-O2"];

    /// Differences of a run that are made smaller.
    const SHRINKS: usize = 8;

    pub(crate) fn run() -> Result<ExitCode, String> {
        let first = number("CABI_RANDOM_FIRST", 0)?;
        let count = number("CABI_RANDOM_COUNT", 60)?;
        let plan = Plan {
            seed: number("CABI_RANDOM_SEED", 1)?,
            numbers: first..first.saturating_add(count),
            time: None,
            way: Way::Images,
            at_once: std::thread::available_parallelism().map_or(1, usize::from),
            shrinks: 0,
        };
        let mut report = Report::new("random");
        let bench = Bench::find();
        for (name, why) in &bench.absent {
            report.absent(name, why);
        }
        for features in LEVELS {
            for optimize in OPTIMIZED {
                let compilers = compilers(&bench.judges, features, optimize, &mut report)?;
                let results = hunt(&plan, &compilers, |_, _| Ok(()))?;
                take(&plan, &compilers, results, &mut report)?;
            }
        }
        for judge in &bench.judges {
            let outcome = control(judge);
            report.outcome(&format!("{} control", judge.name()), "policy", outcome);
        }
        Ok(report.finish(true))
    }

    fn number(variable: &str, usual: u64) -> Result<u64, String> {
        match env::var(variable) {
            Ok(text) => text
                .parse()
                .map_err(|_| format!("{variable}={text} is no number")),
            Err(_) => Ok(usual),
        }
    }

    /// The judges with these flags, as far as they and this machine have the vectors.
    fn compilers(
        judges: &[Judge],
        features: &[&str],
        optimize: &str,
        report: &mut Report,
    ) -> Result<Vec<Compiler>, String> {
        let features: Vec<String> = features.iter().map(|&name| name.to_owned()).collect();
        let flags = [feature_flags(&features), vec![optimize]].concat();
        let mut compilers = Vec::new();
        for judge in judges {
            match Compiler::new(judge.with_flags(&flags), None) {
                Ok(compiler) => compilers.push(compiler),
                Err(error @ (VerifyError::Machine { .. } | VerifyError::Judge(_))) => {
                    report.not_run(judge.name(), &flags.join(" "), &error.to_string());
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(compilers)
    }

    /// What was found under each of `compilers`.
    fn take(
        plan: &Plan,
        compilers: &[Compiler],
        results: Results,
        report: &mut Report,
    ) -> Result<(), String> {
        for (compiler, tally) in compilers.iter().zip(results.compilers) {
            report.note(format!(
                "{} ({}), seed {}: {} signatures from {}: same {}, differ {}, explained {:?}, {:.0} a second",
                tally.command,
                tally.version,
                plan.seed,
                tally.signatures,
                plan.numbers.start,
                tally.same,
                tally.failures.len(),
                tally.explained,
                tally.rate(),
            ));
            for (why, n) in &tally.not_run {
                report.note(format!("not run, {n}: {why}"));
            }
            for found in &tally.theirs {
                report.note(format!("theirs: {}# {}", found.block, found.why));
            }
            for (i, found) in tally.failures.iter().enumerate() {
                let smaller = if i < SHRINKS {
                    smaller(plan, compiler, found)?
                } else {
                    found.clone()
                };
                let outcome = Err(format!("{}\n{}", smaller.why, smaller.block));
                report.outcome(&tally.command, &found.name, outcome);
            }
            if tally.failures.is_empty() {
                report.outcome(compiler.judge.name(), &tally.command, Ok(()));
            }
        }
        Ok(())
    }

    /// `found` made smaller.
    fn smaller(plan: &Plan, compiler: &Compiler, found: &Found) -> Result<Found, String> {
        let plan = Plan {
            numbers: found.number..found.number + 1,
            shrinks: 1,
            ..plan.clone()
        };
        let results = hunt(&plan, std::slice::from_ref(compiler), |_, _| Ok(()))?;
        let again = results.compilers.into_iter().flat_map(|t| t.failures);
        Ok(again.last().unwrap_or_else(|| found.clone()))
    }

    /// Under the policy of another compiler than it is, something must differ, and be made small.
    fn control(judge: &Judge) -> Result<(), String> {
        let other = match judge.name() {
            "clang" => Policy::GCC,
            _ => Policy::CLANG,
        };
        let compiler = Compiler::new(judge.clone(), Some(other)).map_err(|e| e.to_string())?;
        let plan = Plan {
            seed: 1,
            numbers: 0..100,
            time: None,
            way: Way::Images,
            at_once: 1,
            shrinks: 0,
        };
        let results = hunt(&plan, std::slice::from_ref(&compiler), |_, _| Ok(()))?;
        let found = results.compilers.into_iter().flat_map(|t| t.failures);
        let Some(found) = found.max_by_key(|found| found.block.len()) else {
            return Err("a wrong policy was not noticed".to_owned());
        };
        let small = smaller(&plan, &compiler, &found)?.block;
        if small.len() >= found.block.len() || small.lines().count() > 8 {
            return Err(format!("it was not made smaller:\n{}{small}", found.block));
        }
        Ok(())
    }
}
