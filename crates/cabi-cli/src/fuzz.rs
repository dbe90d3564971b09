//! `cabi fuzz`: random signatures against real compilers, by the hundred thousand. `cabi merge`
//! joins the results of shards.
//!
//! The work is done by `cabi_verify::fuzz`. Here are the options, the progress bar, and the results
//! (`fuzz/results.rs`).

mod results;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;

use crate::compilers::Compilers;
use crate::output::{self, Failure};

const ABOUT: &str = "\
Compares random signatures with real compilers.

Types and signatures are random, with weight on cases that are hard for ABIs. Callers and callees are compiled by the compilers and here. The places of all \
values are observed in both and compared, and so are layouts. A difference is minimized and written as a block for the corpus of tests. A compiler is \
self-inconsistent if its own caller and callee disagree about a case, or end the process. This is a failure too, unless --allow-self-inconsistent is \
given. If compilers disagree and each is right under its own profile, the policy bits that explain the disagreement are counted.

Seed and index identify a signature, the same one on every machine. --shard lets many machines share a run; `cabi merge` joins their results. \
For a command without -O, callers and callees are compiled at -O0, in every fourth file at -O2.

Exit status: 0 no unexplained difference, 1 an unexplained difference, 2 the task could not be done, or no signature could be tried.";

const EXAMPLES: &str = "\
Examples:
  cabi fuzz --count 100000
  cabi fuzz --seed 7 --minutes 30 --cc 'gcc -O2' --cc clang-19 --out found
  cabi fuzz --seed 7 --first 4711 --count 1 --cc gcc      one signature again
  cabi fuzz --count 1000000 --shard $JOB_COMPLETION_INDEX/100 --out out/$JOB_COMPLETION_INDEX
  cabi fuzz --target aarch64-unknown-linux-gnu --count 2000
  cabi merge out/*/fuzz.json";

/// Compares random signatures with real compilers.
#[derive(Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub(crate) struct Fuzz {
    /// Seed of the signatures.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Number of signatures; by default 10000, or as many as --minutes allows.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Index of the first signature.
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// End the run after this many minutes.
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..))]
    minutes: Option<u64>,
    /// Try only part I of K equal parts, counted from 0.
    #[arg(long, value_name = "I/K")]
    shard: Option<Shard>,
    /// Folder for results: fuzz.json, fuzz.xml (JUnit's), and a .abi file for each difference.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Number of differences of each compiler that are minimized.
    #[arg(long, value_name = "N", default_value_t = 20)]
    shrink: usize,
    #[command(flatten)]
    compilers: Compilers,
    /// Count cases in which a compiler is self-inconsistent, instead of failing on them.
    #[arg(long)]
    allow_self_inconsistent: bool,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
}

/// Joins the results of shards.
#[derive(Args)]
#[command(
    long_about = "Joins results of `cabi fuzz`: the fuzz.json of every shard, of one seed or of several.\n\nExit status: 0 no unexplained difference, 1 an unexplained difference, 2 the task could not be done, or no signature could be tried.",
    after_help = "Examples:\n  cabi merge out/*/fuzz.json --out all\n  cabi merge --json a.json b.json"
)]
pub(crate) struct Merge {
    /// Files that `cabi fuzz --out` wrote.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder for the joined results, as of `cabi fuzz`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Count cases in which a compiler is self-inconsistent, instead of failing on them.
    #[arg(long)]
    allow_self_inconsistent: bool,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
}

/// One part of several.
#[derive(Clone, Copy)]
struct Shard {
    at: u64,
    of: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a part: write 0/4 for the first of four");
        let (at, of) = text.split_once('/').ok_or_else(wrong)?;
        let (at, of) = (at.parse().ok(), of.parse().ok());
        let (Some(at), Some(of)) = (at, of) else {
            return Err(wrong());
        };
        if at < of {
            return Ok(Self { at, of });
        }
        Err(match of {
            0 => format!("{text}: a run has at least one part"),
            _ => format!(
                "{text}: parts are counted from 0, so the last is {}/{of}",
                of - 1
            ),
        })
    }
}

impl Shard {
    /// Returns the shard's part of `count` signatures from `first`.
    fn part(self, first: u64, count: u64) -> std::ops::Range<u64> {
        let at = |n: u64| {
            let share = u128::from(count) * u128::from(n) / u128::from(self.of);
            first.saturating_add(u64::try_from(share).unwrap_or(u64::MAX))
        };
        at(self.at)..at(self.at + 1)
    }
}

impl Fuzz {
    /// Runs the signatures and prints the results.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        use cabi_verify::verify::Mistake;
        use cabi_verify::{fuzz, process};

        cabi_verify::run::calls_here()?;
        // A time limit alone leaves the number of signatures open.
        let usual = self.minutes.map_or(10_000, |_| u64::MAX / 2);
        let count = self.count.unwrap_or(usual);
        if self.first.checked_add(count).is_none() {
            let first = self.first;
            return Err(format!(
                "{count} signatures from {first} are too many: the greatest index is {}",
                u64::MAX - 1
            )
            .into());
        }
        let whole = Shard { at: 0, of: 1 };
        let plan = fuzz::Campaign {
            seed: self.seed,
            numbers: self.shard.unwrap_or(whole).part(self.first, count),
            time: self
                .minutes
                .map(|n| std::time::Duration::from_secs(n.saturating_mul(60))),
            stride: None,
            at_once: self.compilers.at_once(),
            shrinks: self.shrink,
            mistake: Mistake::NONE,
        };
        if let Some(folder) = &self.out {
            // The folder is made before hours of work, after which an error would come too late.
            results::make(folder)?;
        }
        process::watch_signals();
        let (compilers, absent) = self.compilers.find().map_err(|why| self.ended(why))?;
        let bar = results::bar(&plan);
        let mut printed = std::collections::BTreeSet::new();
        let mut is_first = true;
        let run = fuzz::run(&plan, &compilers, |found, n| {
            bar.inc(n);
            is_first = false;
            // A run is long and may be ended from outside, so differences are printed at once.
            bar.suspend(|| results::print_new(found, &mut printed));
            let folder = self.out.as_deref();
            let report = found.report(false, self.allow_self_inconsistent);
            folder.map_or(Ok(()), |folder| results::write_all(found, &report, folder))
        });
        bar.finish_and_clear();
        let found = run.map_err(|why| if is_first { self.ended(why) } else { why })?;
        let interrupted = process::was_interrupted();
        let mut report = found.report(!interrupted, self.allow_self_inconsistent);
        report.head.extend(absent);
        results::show(&found, &report, self.out.as_deref(), self.json)?;
        if interrupted {
            return Err(format!("interrupted after {} signatures", found.count()).into());
        }
        Ok(output::exit_code(&report))
    }

    /// Writes the reason why there are no results in their place. Returns the reason, with the
    /// error of writing it if there is one.
    fn ended(&self, why: String) -> String {
        let folder = self.out.as_deref();
        let written = folder.map_or(Ok(()), |folder| results::write_error(folder, &why));
        match written {
            Ok(()) => why,
            Err(error) => format!("{why}; {error}"),
        }
    }
}

impl Merge {
    /// Joins the results and prints them.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let mut all = cabi_verify::tally::Results::default();
        for file in &self.files {
            let wrong = |why: String| format!("{}: {why}", file.display());
            let one = results::read(file).map_err(wrong)?;
            all.join(one).map_err(wrong)?;
        }
        if let Some(folder) = &self.out {
            results::make(folder)?;
        }
        let report = all.report(true, self.allow_self_inconsistent);
        results::show(&all, &report, self.out.as_deref(), self.json)?;
        Ok(output::exit_code(&report))
    }
}
