//! Conventions of other machines, against their own compilers: random signatures, each argument and result compared with where the compiler's code has it, on both sides
//! of the call, as its assembly says (`cabi_verify::assembly`) or as it runs under an emulator (`cabi_verify::emulated`). Of each convention mutations must be seen.

mod emulated;
mod ir;
mod machines;
pub(super) mod mutations;
mod shapes;

use std::cell::LazyCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use cabi::convention::Convention;
use cabi::{Error, FnAbi, FnSig, Target};
use cabi_verify::assembly::{Function, Question, functions};
use cabi_verify::generate::Absent;

use self::emulated::Emulators;
use self::machines::{Compiler, Machine};
use self::mutations::Mutation;
use self::shapes::Shape;
use crate::suite::{Result, Suite, number};

/// Signatures in one file.
const FILE: usize = 50;

/// Of so many signatures one may have vectors: few machines have registers for them here, but records that are passed by their address may be of any types.
const VECTORS: u64 = 3;

/// Values that are compared for each signature, on average and at least: arguments and results with bytes, of callers and of callees.
const VALUES: usize = 8;

/// Mutations of each convention that have to be seen by a place.
const KINDS: [&str; 2] = ["registers swapped", "wider slots"];

/// Where signatures come from, given what C does not have there and the target.
#[derive(Clone, Copy)]
struct Signatures {
    /// One by a seed and its number.
    random: fn(&Absent, &Target, u64, u64) -> Option<Question>,
    /// Those at the boundaries of registers, which are always the same, with numbers from the given one.
    boundaries: fn(&Absent, &Target, usize) -> Vec<Question>,
}

/// What a compiler gets wrong against itself: its `va_arg` looks elsewhere than its callers write.
struct KnownBug {
    /// What follows "that".
    what: &'static str,
    /// Whether a signature shows it.
    meets: fn(&FnSig) -> bool,
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let (count, seed) = (
        number("CABI_CONVENTIONS_COUNT", 300)?,
        number("CABI_CONVENTIONS_SEED", 1)?,
    );
    let (mut n_passed, mut emulated) = (0, Emulators::default());
    for machine in machines::all()? {
        let first = usize::try_from(count)?;
        let directed = LazyCell::new(|| mutations::directed(&machine, first));
        for compiler in &machine.compilers {
            let engine = suite.engine(&format!("{} {}", machine.name, compiler.name));
            if !suite.wants(&engine) {
                continue;
            }
            if let Err(why) = compiler.compile("\n") {
                suite.every_reference = false;
                suite.report.absent(&engine, &why);
                continue;
            }
            let mut drawn = Drawn::new(&machine, compiler, (seed, count));
            let directed = directed.iter().cloned();
            drawn
                .questions
                .extend(directed.map(|question| compiler.asked(question)));
            let asked = Asked::new(drawn, compiler);
            asked.report_shapes(&machine, compiler, &engine, suite)?;
            if compiler.isa.is_some() {
                n_passed += asked.report(&machine, &engine, suite);
            }
            n_passed += emulated.run(&asked, &machine, compiler, &engine, suite)?;
        }
    }
    suite.n_passed = Some(n_passed);
    Ok(())
}

/// Random questions.
#[derive(Default)]
struct Drawn {
    questions: Vec<Question>,
    /// What `cabi` refuses.
    refused: Vec<String>,
}

impl Drawn {
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
            drawn.map(|question| compiler.asked(question))
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

/// Questions with the code that answers them.
struct Asked {
    questions: Vec<Question>,
    code: HashMap<String, Function>,
    /// What `cabi` refuses, and what the compiler does.
    refused: Vec<String>,
    not_compiled: usize,
}

impl Asked {
    fn new(drawn: Drawn, compiler: &Compiler) -> Self {
        let mut asked = Self {
            questions: Vec::new(),
            code: HashMap::new(),
            refused: drawn.refused,
            not_compiled: 0,
        };
        for questions in drawn.questions.chunks(FILE) {
            asked.compile(questions, compiler);
        }
        asked
    }

    /// Compiles questions, fewer at a time where the compiler refuses one of them.
    fn compile(&mut self, questions: &[Question], compiler: &Compiler) {
        let text: String = questions
            .iter()
            .map(|question| question.text.as_str())
            .collect();
        match compiler.compile(&text) {
            Ok(assembly) => {
                let read = compiler.isa.map(|isa| functions(&assembly, &isa));
                self.code.extend(read.into_iter().flatten());
                self.questions.extend_from_slice(questions);
            }
            Err(_) if questions.len() == 1 => {
                self.not_compiled += 1;
            }
            Err(_) => {
                let (a, b) = questions.split_at(questions.len() / 2);
                self.compile(a, compiler);
                self.compile(b, compiler);
            }
        }
    }

    /// The questions on which `machine`'s convention and the code agree, with what the convention says and how many values were compared; and what
    /// differs about the others.
    fn compare(&self, machine: &Machine) -> (Vec<Agreed<'_>>, Vec<String>) {
        let (mut agreed, mut wrong) = (Vec::new(), Vec::new());
        for question in &self.questions {
            let abi = machine.abi(machine.convention, question);
            let compared = abi.map_err(|why| why.to_string()).and_then(|abi| {
                let n_values = question.check(&abi, &self.code)?;
                Ok(Agreed {
                    question,
                    abi,
                    n_values,
                })
            });
            match compared {
                Ok(one) => agreed.push(one),
                Err(why) => wrong.push(format!("{why}\n{}", question.text)),
            }
        }
        (agreed, wrong)
    }

    /// What the signatures have, of which too few would compare too little.
    fn report_shapes(
        &self,
        machine: &Machine,
        compiler: &Compiler,
        engine: &str,
        suite: &mut Suite,
    ) -> Result<()> {
        let bit_int = compiler.bit_int.then_some(&shapes::BIT_INT);
        let shapes: Vec<&Shape> = machine
            .shapes
            .iter()
            .copied()
            .flatten()
            .chain(bit_int)
            .collect();
        let abis = self.questions.iter();
        let abis = abis.map(|question| machine.abi(machine.convention, question));
        let abis = abis.collect::<Result<Vec<FnAbi>, _>>()?;
        let sigs = self.questions.iter().map(|question| &question.sig);
        let signatures: Vec<_> = sigs.zip(&abis).collect();
        let (counted, outcome) = shapes::report(&shapes, &signatures);
        suite.report.note(format!("{engine}: {counted}"));
        suite.report.outcome(engine, "shapes", outcome);
        Ok(())
    }

    fn refusals(&self) -> String {
        let (by_cabi, by_compiler) = (self.refused.len(), self.not_compiled);
        format!("{by_cabi} refused by cabi, {by_compiler} by the compiler")
    }

    /// Nine in ten of what was drawn, and most of what a caller and a callee have of each, are compared, or the suite says too little.
    fn is_enough(&self, n_values: usize) -> Result<(), String> {
        let (n, n_refused) = (self.questions.len(), self.refused.len() + self.not_compiled);
        if n < 9 * n_refused || n == 0 {
            return Err(format!("too many are refused: {:?}", self.refused.first()));
        }
        match n_values < VALUES * n {
            true => Err(format!("only {n_values} values are compared")),
            false => Ok(()),
        }
    }

    fn report(&self, machine: &Machine, engine: &str, suite: &mut Suite) -> usize {
        let (agreed, wrong) = self.compare(machine);
        let n = self.questions.len();
        let n_values: usize = agreed.iter().map(|one| one.n_values).sum();
        suite.report.note(format!(
            "{engine}: {n} signatures compared, {} agree in {n_values} values; {}",
            agreed.len(),
            self.refusals()
        ));
        let outcome = match wrong.first() {
            Some(first) => Err(first.clone()),
            None => self.is_enough(n_values),
        };
        suite.report.outcome(engine, "places", outcome);
        let mutations = mutations::of(machine.convention, machine.features).into_iter();
        let seen = mutations.map(|Mutation { what, convention }| {
            let seen = self.sees(machine, convention, &agreed);
            (what, seen)
        });
        machine.report_mutations(seen, engine, suite);
        agreed.len()
    }

    /// Whether a question on which the convention itself agrees with the code shows `broken`: by another place, which the code contradicts, or else by
    /// having no place.
    fn sees(&self, machine: &Machine, broken: &'static Convention, agreed: &[Agreed<'_>]) -> Seen {
        let mut seen = Seen::No;
        for one in agreed {
            match machine.moved(broken, (one.question, &one.abi)) {
                Some(Ok(abi)) if one.question.check(&abi, &self.code).is_err() => {
                    return Seen::Places;
                }
                Some(Err(_)) => seen = Seen::Refused,
                _ => {}
            }
        }
        seen
    }
}

/// A question on which a convention and the code agree.
struct Agreed<'q> {
    question: &'q Question,
    abi: FnAbi,
    n_values: usize,
}

/// How a mutation is seen.
#[derive(Clone, Copy)]
enum Seen {
    /// A value has another place than in the code.
    Places,
    /// A value that the code has somewhere has no place.
    Refused,
    No,
}

impl Machine {
    /// Every rule broken in every way is seen, unless the list says why it makes no difference.
    fn report_mutations(
        &self,
        mutations: impl Iterator<Item = (String, Seen)>,
        engine: &str,
        suite: &mut Suite,
    ) {
        let engine_control = format!("{engine} control");
        let (mut by_places, mut n_refused) = (Vec::new(), 0);
        let mut unused = self.equivalent.to_vec();
        for (what, seen) in mutations {
            let mut equivalent = self.equivalent.iter();
            let listed = equivalent.find(|(part, _)| what.contains(part));
            match (seen, listed) {
                (Seen::Places, _) => by_places.push(what),
                (Seen::Refused, _) => n_refused += 1,
                (Seen::No, Some((listed, _))) => unused.retain(|(part, _)| part != listed),
                (Seen::No, None) => {
                    let unseen = Err("no signature shows it".to_owned());
                    suite.report.outcome(&engine_control, &what, unseen);
                }
            }
        }
        for (part, _) in unused {
            let why = Err("each mutation of this name is seen".to_owned());
            suite.report.outcome(&engine_control, part, why);
        }
        suite.report.note(format!(
            "{engine}: {} mutations of its rules place values elsewhere than the code does, {n_refused} place none",
            by_places.len()
        ));
        let unseen = KINDS
            .iter()
            .find(|kind| !by_places.iter().any(|what| what.contains(*kind)));
        let outcome = match unseen {
            Some(kind) => Err(format!("no place shows a mutation with {kind}")),
            None => Ok(()),
        };
        suite.report.outcome(&engine_control, "mutations", outcome);
    }

    /// What a mutation says about a question if that is not `own`, what the convention itself says; an error where it has no place for a value. The lists
    /// for variadic functions are not those of a mutation.
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
        let sig = question.sig.clone().convention(convention);
        FnAbi::new(&sig.features(self.features), &self.target)
    }
}

impl Compiler {
    /// The assembly of `text`, or why there is none.
    fn compile(&self, text: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let [source, ir, assembly] = ["a.c", "a.ll", "a.s"].map(|name| folder.path().join(name));
        std::fs::write(&source, text).map_err(|e| e.to_string())?;
        let (program, flags) = self.told();
        let (emit, made) = match self.llc {
            Some(_) => (&["-S", "-emit-llvm"][..], &ir),
            None => (&["-S"][..], &assembly),
        };
        let mut command = Command::new(program);
        output_of(
            command
                .args(flags)
                .args(emit)
                .arg("-o")
                .args([made, &source]),
        )?;
        if let Some(told) = self.llc {
            let mut command = Command::new(llc()?);
            output_of(
                command
                    .args(told)
                    .args(["-O2", "-o"])
                    .args([&assembly, &ir]),
            )?;
        }
        std::fs::read_to_string(assembly).map_err(|e| e.to_string())
    }
}

/// What `command` prints, or the first of what it says where it fails.
fn output_of(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|e| format!("{program}: {e}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let first: Vec<&str> = errors.lines().take(3).collect();
        return Err(format!("{program}: {}", first.join(" ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `llc` of rustc's own LLVM: the component `llvm-tools`.
fn llc() -> Result<PathBuf, String> {
    let libraries = output_of(Command::new("rustc").args(["--print", "target-libdir"]))?;
    let llc = PathBuf::from(libraries).join("../bin/llc");
    let missing = || "rustc's component llvm-tools, which has llc, is not installed".to_owned();
    llc.is_file().then_some(llc).ok_or_else(missing)
}
