//! Each type in each position on the targets whose code runs in programs of its own, against every compiler there is for them.

use std::collections::BTreeMap;

use cabi_verify::build::{Unit, first_error};
use cabi_verify::case::{Case, Direction, Entry};
use cabi_verify::check::program_calls::{Pair, ProgramCases};
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::Compiler;

use super::LEVELS;
use super::features::{self, Feature};
use super::matrix::Outcome;
use crate::compiled::programs;
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

/// Both sides ours in turn, and both the compiler's.
const PAIRS: [Pair; 3] = [
    Pair::Ours(Direction::Call),
    Pair::Ours(Direction::Callee),
    Pair::C,
];

/// What became of one case at all levels: the worst, with its reason.
type Outcomes<'a> = BTreeMap<&'a str, (Outcome, String)>;

/// Tries every type with every compiler of programs.
///
/// # Errors
/// One that is missing; what [`run`] cannot do.
pub fn all() -> Result<Vec<OfCompiler>> {
    let of = |found: Result<Compiler, (String, String)>| {
        run(&found.map_err(|(name, why)| format!("{name}: {why}"))?)
    };
    programs().into_iter().map(of).collect()
}

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
fn calls<'a>(
    compiler: &Compiler,
    level: &str,
    entries: &[Entry<'a>],
    outcomes: &mut Outcomes<'a>,
) -> Result<usize> {
    let programs = compiler.programs.as_ref().ok_or("no programs")?;
    let mut take = |case: &'a Case, outcome: Outcome, why: String| {
        let known = outcomes.entry(&case.name);
        let known = known.or_insert((Outcome::Passes, String::new()));
        if outcome > known.0 {
            *known = (outcome, why);
        }
    };
    let mut unit = Unit::of_entries(&compiler.reference, level, entries);
    // gcc's va_arg of an HVA loses bytes by it.
    unit.flags.push("-fno-strict-aliasing");
    let compiled = unit.compile()?;
    for refused in &compiled.refused {
        for &at in &refused.cases {
            let why = refused.why.messages().unwrap_or_default();
            let why = first_error(why);
            take(entries[at].1, Outcome::Lacks, why);
        }
    }
    let Some(built) = &compiled.built else {
        return Ok(0);
    };
    let cases = compiled.cases.iter();
    let cases: Vec<_> = cases.map(|&at| (entries[at].1, unit.symbol(at))).collect();
    let program = ProgramCases {
        target: programs,
        objects: &[&built.object],
        cases: &cases,
        policy: compiler.policy,
        convention: None,
    };
    let [ours, theirs, itself] =
        <[_; 3]>::try_from(program.verdicts(&PAIRS)?).map_err(|_| "a pair has no verdicts")?;
    let mut n_calls = 0;
    for ((((case, _), call), callee), itself) in cases.iter().zip(ours).zip(theirs).zip(itself) {
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
