//! Each type in each position on the targets whose code runs in programs of its own, against every compiler there is for them.

use std::collections::BTreeMap;

use cabi_verify::case::{Case, Entry};
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::Compiler;

use super::LEVELS;
use super::features::{self, Feature};
use super::matrix::Outcome;
use crate::compiled::{ToProgram, compile_programs, run_programs};
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
    let entries = all.admitted(compiler, groups.iter().flat_map(|group| &group.features));
    let mut files = Vec::new();
    for entries in entries.chunks(BATCH) {
        files.extend(LEVELS.map(|optimize| ToProgram {
            compiler,
            optimize,
            entries: entries.to_vec(),
        }));
    }
    let mut outcomes = Outcomes::new();
    let mut take = |case: &Case, outcome: Outcome, why: String| {
        let known = outcomes.entry(case.name.clone());
        let known = known.or_insert((Outcome::Passes, String::new()));
        if outcome > known.0 {
            *known = (outcome, why);
        }
    };
    let (files, programs) =
        compile_programs(&files, |_, case, why| take(case, Outcome::Lacks, why))?;
    for (file, called) in files.iter().zip(run_programs(&programs, None)?) {
        for called in called {
            let (outcome, why) = match (called.verdict, called.shown) {
                (Verdict::Passed(n), _) => {
                    all.n_calls += n;
                    (Outcome::Passes, String::new())
                }
                (Verdict::NotLowered(why) | Verdict::NotRun(why), _) => (Outcome::Refused, why),
                (_, Some(shown)) => (Outcome::SelfInconsistent, shown.says),
                (other, None) => (Outcome::Fails, format!("{}: {other:?}", file.optimize)),
            };
            take(&called.case, outcome, why);
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

impl OfCompiler {
    /// The cases of `features` that the compiler can be asked; the others are counted.
    fn admitted<'a>(
        &mut self,
        compiler: &Compiler,
        features: impl Iterator<Item = &'a Feature>,
    ) -> Vec<Entry<'a>> {
        let mut entries = Vec::new();
        for feature in features {
            // Features of processors are x86-64's.
            let admitted = match feature.block.features.is_empty() {
                true => compiler.reference.admits(&feature.block),
                false => Err(format!("no {}", feature.block.features.join(", "))),
            };
            match (&feature.tried, admitted) {
                (Ok(subject), Ok(())) => {
                    for case in &subject.cases {
                        match case.abi_under(compiler.policy) {
                            Ok(_) => entries.push((subject, case)),
                            Err(why) => self.count(Outcome::Refused, 1, &why.to_string()),
                        }
                    }
                }
                (_, Err(why)) => self.count(Outcome::Lacks, features::N_POSITIONS, &why),
                (Err(why), _) => self.count(Outcome::Refused, features::N_POSITIONS, why),
            }
        }
        entries
    }

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
