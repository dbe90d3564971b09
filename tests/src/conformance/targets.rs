//! Each type in each position on the targets whose code runs in programs of its own, against every compiler there is for them.

use std::collections::BTreeMap;

use cabi_verify::case::{Case, Entry};
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::Compiler;

use super::LEVELS;
use super::features::{self, Feature};
use super::matrix::Outcome;
use crate::compiled::Program;
use crate::suite::Result;

/// What became of the types with one compiler.
#[derive(Clone, Debug)]
pub struct OfCompiler {
    /// The target.
    pub target: String,
    /// The compiler's command, and its version.
    pub compiler: super::Compiler,
    /// How many types in positions came to what.
    pub counts: BTreeMap<Outcome, usize>,
    /// Why some have no answer, and how many.
    pub notes: BTreeMap<String, usize>,
    /// Failed cases, each with its reason.
    pub failures: Vec<String>,
    /// How many calls were right.
    pub n_calls: usize,
}

/// Cases that share a file.
const BATCH: usize = 256;

/// What became of one case at all levels: the worst, with its reason.
type Outcomes = BTreeMap<String, (Outcome, String)>;

/// Tries every type with one compiler of programs.
///
/// # Errors
/// A file of the corpus, or a program that cannot be made.
pub fn run(compiler: &Compiler) -> Result<OfCompiler> {
    let reference = &compiler.reference;
    let mut all = OfCompiler {
        target: compiler.target().name().to_owned(),
        compiler: super::Compiler {
            name: reference.command(),
            version: reference.version().to_owned(),
        },
        counts: BTreeMap::new(),
        notes: BTreeMap::new(),
        failures: Vec::new(),
        n_calls: 0,
    };
    let groups = features::read_for(compiler.target().name())?;
    let features: Vec<&Feature> = groups.iter().flat_map(|group| &group.features).collect();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for feature in features {
        // Features of processors are x86-64's.
        let admitted = match feature.block.features.is_empty() {
            true => reference.admits(&feature.block),
            false => Err(format!("no {}", feature.block.features.join(", "))),
        };
        match (&feature.tried, admitted) {
            (Ok(subject), Ok(())) => {
                for case in &subject.cases {
                    match case.abi_under(compiler.policy) {
                        Ok(_) => entries.push((subject, case)),
                        Err(why) => all.count(Outcome::Refused, 1, &why.to_string()),
                    }
                }
            }
            (_, Err(why)) => all.count(Outcome::Lacks, features::N_POSITIONS, &why),
            (Err(why), _) => all.count(Outcome::Refused, features::N_POSITIONS, why),
        }
    }
    let mut outcomes = Outcomes::new();
    for entries in entries.chunks(BATCH) {
        for level in LEVELS {
            all.n_calls += calls(compiler, level, entries, &mut outcomes)?;
        }
    }
    for (case, (outcome, why)) in outcomes {
        match outcome {
            Outcome::Fails => all.failures.push(without_folder(&format!("{case}: {why}"))),
            Outcome::SelfInconsistent => all.note(&format!("{case}: {why}"), 1),
            Outcome::Passes => {}
            _ => all.note(&why, 1),
        }
        *all.counts.entry(outcome).or_default() += 1;
    }
    Ok(all)
}

/// Makes the calls of `entries` at one level of optimization. Returns how many were right.
fn calls(
    compiler: &Compiler,
    level: &str,
    entries: &[Entry<'_>],
    outcomes: &mut Outcomes,
) -> Result<usize> {
    let mut take = |case: &Case, outcome: Outcome, why: String| {
        let known = outcomes.entry(case.name.clone());
        let known = known.or_insert((Outcome::Passes, String::new()));
        if outcome > known.0 {
            *known = (outcome, why);
        }
    };
    let program = Program::new(compiler, level, entries)?;
    for (case, why) in &program.refused {
        take(case, Outcome::Lacks, why.clone());
    }
    let [ours, theirs, itself] = <[_; 3]>::try_from(program.verdicts(&Program::PAIRS, None)?)
        .map_err(|_| "a pair has no verdicts")?;
    let mut n_calls = 0;
    for ((((case, _), call), callee), itself) in
        program.cases.iter().zip(ours).zip(theirs).zip(itself)
    {
        for verdict in [call, callee] {
            let (outcome, why) = match (verdict, &itself) {
                (Verdict::Passed(n), _) => {
                    n_calls += n;
                    (Outcome::Passes, String::new())
                }
                (Verdict::NotLowered(why) | Verdict::NotRun(why), _) => (Outcome::Refused, why),
                (_, Verdict::Differs(own)) => (Outcome::SelfInconsistent, own.why.clone()),
                (other, _) => (Outcome::Fails, format!("{level}: {other:?}")),
            };
            take(case, outcome, why);
        }
    }
    Ok(n_calls)
}

impl OfCompiler {
    fn count(&mut self, outcome: Outcome, n: usize, why: &str) {
        *self.counts.entry(outcome).or_default() += n;
        self.note(why, n);
    }

    fn note(&mut self, why: &str, n: usize) {
        *self.notes.entry(without_folder(why)).or_default() += n;
    }
}

/// `text` without the path of the corpus.
fn without_folder(text: &str) -> String {
    let folder = format!("{}/", crate::corpus::folder().display());
    text.replace(&folder, "")
}
