//! Conventions of other machines, against their own compilers. Random signatures run under an
//! emulator (`cabi_verify::probe`). Each argument and result is compared with its place in the
//! compiler's code, on both sides of the call. Facts are kept; here they are measured again, and
//! must be the same. The kept facts must show mutations of each convention (`stored`, the suite
//! `facts`).

pub(super) mod corpus;
pub(super) mod facts_files;
mod ir;
mod machines;
mod mutants;
pub(super) mod mutations;
mod observer;
mod shapes;
mod systems;

use std::path::PathBuf;

use cabi::convention::Convention;
use cabi::{Error, FnAbi, Target};
use cabi_verify::case::Subject;
use cabi_verify::generate::Absent;
use cabi_verify::question::Question;
use cabi_verify::verdict::Verdict;

use self::machines::{Compiler, Machine};
use self::observer::{CompiledQuestions, References};
use crate::suite::{Result, Suite, number};

/// One of so many signatures may have vectors. Few machines have registers for them here, but
/// records that are passed by their address may be of any types.
const VECTORS: u64 = 3;

/// Values that are compared for each signature, on average and at least: arguments and results with
/// bytes, of callers and of callees.
const VALUES: usize = 8;

/// All cases run in one process there, which has no `wait4`.
const ONE_PROCESS: &str = "conventions ilp32d clang";

/// The number of the first signature that is not drawn.
const DIRECTED: usize = 1_000_000;

/// The number of the first signature about the states of assignment.
const STATES: usize = 2_000_000;

/// The number of the first call of a function without a prototype.
const UNPROTOTYPED: usize = 3_000_000;

/// Differences that are printed.
const PRINTED: usize = 5;

/// Sources of signatures, given the features that C lacks there, and the target.
#[derive(Clone, Copy)]
struct Signatures {
    /// One by a seed and its number.
    random: fn(&Absent, &Target, u64, u64) -> Option<Question>,
    /// Signatures at the boundaries of registers, which are always the same, with numbers from the
    /// given one.
    boundaries: fn(&Absent, &Target, usize) -> Vec<Question>,
    /// Calls of functions without a prototype, with numbers from the given one.
    unprototyped: fn(&Absent, &Target, usize) -> Vec<Question>,
}

/// A question, and the places of its values.
type PlacedQuestion<'q> = (&'q Question, FnAbi);

/// A compiler whose code is compared with a convention.
struct Engine<'a> {
    name: String,
    machine: &'a Machine,
    compiler: &'a Compiler,
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let draw = (
        number("CABI_CONVENTIONS_SEED", facts_files::SEED)?,
        number("CABI_CONVENTIONS_COUNT", 120)?,
    );
    let machines = machines::all()?;
    let engines = Engine::all("conventions", &machines);
    let engines = engines.filter(|one| one.machine.runs.is_some() && suite.wants(&one.name));
    let engines: Vec<Engine<'_>> = engines.collect();
    let references = References::find(&engines);
    suite.each(&engines, |engine, suite| {
        engine.run(&references, draw, suite)
    })?;
    systems::run(suite);
    Ok(())
}

/// Compares the stored facts about conventions, those of the corpus if there are `subjects`.
/// Returns the files of facts.
pub(super) fn check_stored(subjects: &[Subject], suite: &mut Suite) -> Result<Vec<PathBuf>> {
    let machines = machines::all()?;
    corpus::ask(&machines, subjects);
    let engines: Vec<Engine<'_>> = Engine::all("facts", &machines).collect();
    let is_chosen = |one: &&Engine<'_>| !subjects.is_empty() || !one.machine.is_of_corpus();
    let chosen = engines.iter().filter(is_chosen);
    let chosen: Vec<&Engine<'_>> = chosen.filter(|one| suite.wants(&one.name)).collect();
    suite.each(&chosen, |one, suite| one.check_stored(suite))?;
    Ok(engines.iter().map(Engine::stored_at).collect())
}

impl<'a> Engine<'a> {
    /// Returns all engines, whose names begin with `suite`.
    fn all(suite: &'static str, machines: &'a [Machine]) -> impl Iterator<Item = Self> {
        machines.iter().flat_map(move |machine| {
            machine.compilers.iter().map(move |compiler| Self {
                name: format!("{suite} {} {}", machine.name, compiler.name),
                machine,
                compiler,
            })
        })
    }
}

impl Engine<'_> {
    fn note(&self, text: &str, suite: &mut Suite) {
        suite.report.note(format!("{}: {text}", self.name));
    }

    fn outcome(&self, what: &str, outcome: Result<(), String>, suite: &mut Suite) {
        suite.report.outcome(&self.name, what, outcome);
    }

    fn of_control(&self, what: &str, outcome: Result<(), String>, suite: &mut Suite) {
        let control = format!("{} control", self.name);
        suite.report.outcome(&control, what, outcome);
    }

    fn run(&self, references: &References, draw: (u64, u64), suite: &mut Suite) -> Result<()> {
        let tools = self.tools(references);
        let tools = tools.map_err(|why| suite.report.absent(&self.name, &why));
        let Ok(tools) = tools else { return Ok(()) };
        let is_stored = draw.0 == facts_files::SEED && draw.1 >= self.machine.stored;
        let drawn = DrawnQuestions::with_directed(self, draw);
        let compiled = CompiledQuestions::new(&drawn.questions, &tools, 0)?;
        if self.name == ONE_PROCESS {
            self.outcome("a process ended", self.check_isolation(&tools), suite);
        }
        match is_stored {
            true => {
                let version = references.version(self.compiler)?;
                let facts = |question: &Question| compiled.facts.get(&question.number());
                self.hold(&version, facts, suite)?;
            }
            false => self.note("this draw has no stored facts", suite),
        }
        let placed = self.placed(&compiled)?;
        self.shapes(&placed, suite)?;
        let agreed = self.agreeing(&compiled, placed, &drawn.refused, suite);
        self.shifted_bits(&tools, &agreed, suite)
    }

    /// Returns the questions, and where the convention has their values.
    fn placed<'q>(
        &self,
        compiled: &'q CompiledQuestions,
    ) -> Result<Vec<PlacedQuestion<'q>>, String> {
        let place = |question: &'q Question| {
            let abi = self.machine.abi(self.machine.convention, question);
            abi.map(|abi| (question, abi)).map_err(|e| e.to_string())
        };
        compiled.questions.iter().map(place).collect()
    }

    /// Compares facts with the convention. Returns the questions of which both sides agree.
    fn agreeing<'q>(
        &self,
        compiled: &CompiledQuestions,
        placed: Vec<PlacedQuestion<'q>>,
        refused: &[String],
        suite: &mut Suite,
    ) -> Vec<PlacedQuestion<'q>> {
        let check = |(question, abi): &PlacedQuestion<'q>| {
            let [caller, callee] = compiled.check(question, abi);
            caller.and(callee)
        };
        let verdicts: Vec<Verdict> = placed.iter().map(check).collect();
        let refused = (refused, compiled.refused.len());
        self.places(placed, verdicts, refused, suite)
    }

    /// Counts shapes of the signatures: too few would compare too little.
    fn shapes(&self, placed: &[PlacedQuestion<'_>], suite: &mut Suite) -> Result<()> {
        let mut shapes = self.machine.shapes.clone();
        if self.compiler.bit_int {
            shapes.push(shapes::named("_BitInt")?);
        }
        let signatures = placed.iter().map(|(question, abi)| (&question.sig, abi));
        let (counted, outcome) = shapes::report(&shapes, &signatures.collect::<Vec<_>>());
        self.note(&counted, suite);
        self.outcome("shapes", outcome, suite);
        Ok(())
    }

    /// Collects the differences, and returns the signatures that agree.
    fn places<'q>(
        &self,
        placed: Vec<PlacedQuestion<'q>>,
        verdicts: Vec<Verdict>,
        (refused, not_compiled): (&[String], usize),
        suite: &mut Suite,
    ) -> Vec<PlacedQuestion<'q>> {
        let (mut agreed, mut n_values, mut different) = (Vec::new(), 0, Vec::new());
        let n_placed = placed.len();
        let variadic = placed.iter().filter(|(one, _)| one.sig.is_variadic());
        let n_variadic = variadic.count();
        for (placed_question, verdict) in placed.into_iter().zip(verdicts) {
            let question = placed_question.0;
            match verdict {
                Verdict::Passed(n) => {
                    n_values += n;
                    agreed.push(placed_question);
                }
                Verdict::SelfInconsistent(_) => suite.verdict(&self.name, &question.name, verdict),
                other => {
                    let why = other.passed().err().unwrap_or_default();
                    different.push(format!("{why}\n{}", question.text));
                }
            }
        }
        let note = format!(
            "{n_placed} signatures, {n_variadic} of them variadic, {} agree in {n_values} values; {} refused by cabi, {not_compiled} by the compiler",
            agreed.len(),
            refused.len(),
        );
        self.note(&note, suite);
        let outcome = match different.len() {
            // Files of facts have the cases of the corpus by their names.
            0 if self.machine.is_of_corpus() => Ok(()),
            0 => is_enough(n_placed, refused, not_compiled, n_values),
            n => Err(format!(
                "{n} differ:\n{}",
                different[..n.min(PRINTED)].join("\n")
            )),
        };
        self.outcome("places", outcome, suite);
        suite.n_passed = Some(agreed.len());
        agreed
    }
}

/// Checks that nine in ten of the drawn signatures are compared, and most values of a caller and a
/// callee of each. With fewer the suite proves too little.
fn is_enough(
    n: usize,
    refused: &[String],
    not_compiled: usize,
    n_values: usize,
) -> Result<(), String> {
    if n < 9 * (refused.len() + not_compiled) || n == 0 {
        return Err(format!("too many refusals: {:?}", refused.first()));
    }
    match n_values < VALUES * n {
        true => Err(format!("only {n_values} values are compared")),
        false => Ok(()),
    }
}

#[derive(Default)]
struct DrawnQuestions {
    questions: Vec<Question>,
    /// Refusals of `cabi`.
    refused: Vec<String>,
}

impl DrawnQuestions {
    /// Draws random questions, and adds those about the rules of the convention.
    fn with_directed(engine: &Engine<'_>, (seed, count): (u64, u64)) -> Self {
        let (machine, compiler) = (engine.machine, engine.compiler);
        let mut drawn = Self::new(machine, compiler, (seed, count));
        let directed = machine.directed.get_or_init(|| {
            [
                mutations::directed(machine, DIRECTED),
                machine.states(STATES),
                machine.unprototyped(UNPROTOTYPED),
            ]
            .concat()
        });
        let directed = directed.iter().cloned();
        (drawn.questions).extend(directed.map(|question| compiler.with_policy(question)));
        drawn
    }

    fn new(machine: &Machine, compiler: &Compiler, (seed, count): (u64, u64)) -> Self {
        let mut drawn = Self::default();
        let scalars = Absent {
            bit_int: !compiler.bit_int,
            ..machine.absent
        };
        let vectors = Absent {
            vectors: false,
            ..scalars
        };
        let draw = |absent, index| {
            let drawn = (machine.signatures.random)(absent, &machine.target, seed, index);
            drawn.map(|question| compiler.with_policy(question))
        };
        let has_place = |question: &Question| machine.abi(machine.convention, question);
        for index in 0..count {
            // With vectors where all of them have places.
            let with_vectors = index.is_multiple_of(VECTORS).then(|| draw(&vectors, index));
            let with_vectors = with_vectors
                .flatten()
                .filter(|question| has_place(question).is_ok());
            match with_vectors.or_else(|| draw(&scalars, index)) {
                Some(question) => match has_place(&question) {
                    Ok(_) => drawn.questions.push(question),
                    Err(why) => drawn.refused.push(why.to_string()),
                },
                None => drawn.refused.push("a type that C does not have".to_owned()),
            }
        }
        drawn
    }
}

impl Machine {
    /// Returns the result of a mutation for a question, if that is not `own`, the convention's own
    /// result. The result is an error if the mutation has no place for a value. The lists for
    /// variadic functions are not those of a mutation.
    fn moved(
        &self,
        broken: &'static Convention,
        (question, own): (&Question, &FnAbi),
    ) -> Option<Result<FnAbi, Error>> {
        if question.sig.is_variadic() && self.convention.rules.choose.is_some() {
            return None;
        }
        let abi = self.abi(broken, question);
        let is_own = |abi: &FnAbi| abi.args == own.args && abi.ret == own.ret;
        (!abi.as_ref().is_ok_and(is_own)).then_some(abi)
    }

    fn abi(&self, convention: &'static Convention, question: &Question) -> Result<FnAbi, Error> {
        let mut features = question.sig.assumed();
        features.floats = self.features.floats;
        let sig = question.sig.clone().convention(convention);
        FnAbi::new(&sig.features(features), &self.target)
    }
}
