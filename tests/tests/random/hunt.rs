//! The run: signatures by the hundred for each judge and vector level; differences made smaller and printed.

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use cabi_judge::corpus::Profile;
use cabi_judge::generate::{
    CMember, CRecord, CType, Dialect, Form, Signature, signature, smallest,
};
use cabi_judge::judge::{Bench, Capability, Judge, judges_required};

use super::verdict::{Trial, Verdict, block, disagrees_with_itself, verdicts};

/// Signatures compiled together.
const BATCH: u64 = 150;

/// Differences of the judge's own that are printed.
const SHOWN: usize = 12;

/// Rounds of making one difference smaller.
const ROUNDS: usize = 60;

const LEVELS: [&[&str]; 3] = [&[], &["avx"], &["avx512f"]];

/// What the environment asks for.
struct Plan {
    count: u64,
    seed: u64,
    first: u64,
    shrinks: usize,
}

/// What was found under one judge at one vector level.
#[derive(Default)]
struct Found {
    same: usize,
    not_run: BTreeMap<(String, String), usize>,
    theirs: Vec<String>,
    differs: Vec<String>,
}

pub(crate) fn run() -> Result<ExitCode, String> {
    let plan = Plan {
        count: number("CABI_RANDOM_COUNT", 60)?,
        seed: number("CABI_RANDOM_SEED", 1)?,
        first: number("CABI_RANDOM_FIRST", 0)?,
        shrinks: number("CABI_RANDOM_SHRINK", 8)?,
    };
    let bench = Bench::find();
    for (name, why) in &bench.absent {
        println!("random: not run: {name}: {why}");
    }
    let mut failed = judges_required() && !bench.absent.is_empty();
    for judge in &bench.judges {
        if env::var("CABI_RANDOM_JUDGE").is_ok_and(|only| only != judge.name()) {
            continue;
        }
        for features in LEVELS {
            let level = features.first().copied().unwrap_or("none");
            if env::var("CABI_RANDOM_FEATURES").is_ok_and(|only| only != level) {
                continue;
            }
            let missing = features
                .iter()
                .filter_map(|name| Capability::named(name))
                .find_map(|capability| judge.has(capability).err());
            if let Some(why) = missing {
                println!("random: not run: {} {level}: {why}", judge.name());
                continue;
            }
            let start = Instant::now();
            let trial = Trial {
                judge,
                profile: judge.profile(),
                features,
            };
            let found = hunt(&trial, &plan)?;
            control(&trial)?;
            found.print(judge, level, &plan, start.elapsed().as_secs_f64());
            failed |= !found.differs.is_empty();
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn number<T: FromStr>(variable: &str, usual: T) -> Result<T, String> {
    match env::var(variable) {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("{variable}={text} is no number")),
        Err(_) => Ok(usual),
    }
}

fn dialect(judge: &Judge) -> Dialect {
    if judge.name() == "clang" {
        Dialect::CLANG
    } else {
        Dialect::GCC
    }
}

fn hunt(trial: &Trial<'_>, plan: &Plan) -> Result<Found, String> {
    let mut found = Found::default();
    let end = plan.first + plan.count;
    let mut next = plan.first;
    while next < end {
        let indexes = next..end.min(next + BATCH);
        next = indexes.end;
        let signatures: Vec<Signature> = indexes
            .clone()
            .map(|index| signature(plan.seed, index, dialect(trial.judge)))
            .collect();
        let all = verdicts(trial, &signatures)?;
        for ((index, signature), verdict) in indexes.zip(&signatures).zip(all) {
            let name = format!("random-{}-{index}", plan.seed);
            match verdict {
                Verdict::Same => found.same += 1,
                Verdict::NotRun { who, why } => {
                    *found
                        .not_run
                        .entry((who.to_owned(), general(&why)))
                        .or_default() += 1;
                }
                Verdict::Crashes(why) => {
                    found
                        .theirs
                        .push(format!("{}{why}", block(trial, &name, signature)));
                }
                Verdict::Differs(why) => {
                    if let Some(itself) = disagrees_with_itself(trial, signature)? {
                        let text = block(trial, &name, signature);
                        let judge = trial.judge.name();
                        found
                            .theirs
                            .push(format!("{text}# {why}\n# {judge} to {judge}: {itself}"));
                        continue;
                    }
                    let shrink = found.differs.len() < plan.shrinks;
                    let text = report(trial, &name, signature, why, shrink)?;
                    // A hunt is long: what it finds is worth seeing at once.
                    println!("{text}\n");
                    found.differs.push(text);
                }
            }
        }
    }
    Ok(found)
}

/// The negative control: a signature that gcc and clang pass differently, compared with the other's profile, must be found and made
/// small.
fn control(trial: &Trial<'_>) -> Result<(), String> {
    let plain = |name| CMember {
        form: Form::Plain {
            ty: CType::Name(name),
            lengths: Vec::new(),
        },
        packed: false,
        aligned: None,
    };
    let rest = CMember {
        form: Form::Flexible(CType::Name("char")),
        ..plain("char")
    };
    let record = CRecord {
        members: vec![plain("short"), plain("char"), rest],
        ..CRecord::default()
    };
    let signature = Signature {
        ret: Some(CType::Name("int")),
        params: vec![CType::Name("long"), CType::Record(Box::new(record))],
        unnamed: None,
    };
    let wrong = Trial {
        profile: match trial.profile {
            Profile::Clang => Profile::Gcc,
            _ => Profile::Clang,
        },
        ..*trial
    };
    let verdict = verdicts(&wrong, std::slice::from_ref(&signature))?.pop();
    let Some(Verdict::Differs(why)) = verdict else {
        return Err(format!("{}: a wrong profile was not noticed", trial.judge));
    };
    let text = report(&wrong, "control", &signature, why, true)?;
    // Which of the members goes is up to chance: what happens to be in a register can be the one byte that is expected.
    if text.contains("int f(") || text.contains("long") {
        return Err(format!(
            "{}: the control was not made smaller:\n{text}",
            trial.judge
        ));
    }
    Ok(())
}

/// The difference, made smaller if asked, as a block of the corpus and both sides.
fn report(
    trial: &Trial<'_>,
    name: &str,
    signature: &Signature,
    why: String,
    shrink: bool,
) -> Result<String, String> {
    let rounds = if shrink { ROUNDS } else { 0 };
    let (signature, why) = smallest(signature, &why, rounds, |some| differ(trial, some))?;
    let text = block(trial, name, &signature);
    Ok(format!("{text}# {}: {why}", trial.judge))
}

/// What differs of each signature, unless it is the judge's own.
fn differ(trial: &Trial<'_>, some: &[Signature]) -> Result<Vec<Option<String>>, String> {
    let all = some.iter().zip(verdicts(trial, some)?);
    let differ = all.map(|(signature, verdict)| match verdict {
        Verdict::Differs(why) => {
            let theirs = disagrees_with_itself(trial, signature)?.is_some();
            Ok((!theirs).then_some(why))
        }
        _ => Ok(None),
    });
    differ.collect()
}

/// A reason without the names and numbers of one case.
fn general(why: &str) -> String {
    let mut out = String::new();
    for c in why.chars().take(160) {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('#') {
            out.push('#');
        }
    }
    out
}

impl Found {
    fn print(&self, judge: &Judge, level: &str, plan: &Plan, seconds: f64) {
        let n_not_run: usize = self.not_run.values().sum();
        for text in self.theirs.iter().take(SHOWN) {
            println!("theirs: {text}\n");
        }
        for ((who, why), n) in &self.not_run {
            println!("not run, {who} refuses {n}: {why}");
        }
        let rate = f64::from(u32::try_from(plan.count).unwrap_or(u32::MAX)) / seconds;
        println!(
            "random: {judge}, vectors {level}, seed {}: {} signatures from {}: same {}, differ {}, theirs {}, not run {n_not_run}; {rate:.0} a second",
            plan.seed,
            plan.count,
            plan.first,
            self.same,
            self.differs.len(),
            self.theirs.len(),
        );
    }
}
