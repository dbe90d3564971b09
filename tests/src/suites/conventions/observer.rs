//! Facts of a compiler's code, which runs under an emulator.

use std::collections::{BTreeSet, HashMap};

use cabi::convention::Convention;
use cabi::{FnAbi, FnSig, Type};
use cabi_verify::build::{Built, Reference, ReferenceError};
use cabi_verify::probe::{self, CaseFacts as Facts, Probe};
use cabi_verify::question::Question;
use cabi_verify::verdict::{Fault, Verdict};

use super::Engine;
use super::machines::{Compiler, words};

/// Signatures in one file.
const FILE: usize = 50;

/// The last version of C with functions without a prototype.
const C17: &str = "-std=gnu17";

/// Signatures in one program.
const PROGRAM: usize = 200;

/// The compilers of programs, by the first words of their commands.
pub(super) struct References(HashMap<String, Result<Reference, String>>);

impl References {
    pub(super) fn find(engines: &[Engine<'_>]) -> Self {
        let mut references = HashMap::new();
        for engine in engines {
            if let Some((_, linker)) = &engine.machine.runs {
                for program in [engine.compiler.words().0, words(linker).0] {
                    let find = || Reference::of_command(program);
                    references.entry(program.to_owned()).or_insert_with(find);
                }
            }
        }
        Self(references)
    }

    /// Returns the first line of the version that `compiler` prints.
    pub(super) fn version(&self, compiler: &Compiler) -> Result<String, String> {
        let reference = self.get(compiler.words().0)?;
        let first = reference.version().lines().next();
        Ok(first.unwrap_or_default().to_owned())
    }

    fn get(&self, program: &str) -> Result<&Reference, String> {
        let reference = self.0.get(program).ok_or("the compiler is not searched")?;
        reference.as_ref().map_err(Clone::clone)
    }
}

/// The compiler of an engine, and the probe of its machine.
pub(super) struct Tools<'a> {
    convention: &'static Convention,
    compiler: Reference,
    machine: probe::ProbeMachine,
    linker: (&'a Reference, Vec<&'a str>),
}

impl Engine<'_> {
    /// Returns the tools, if all are here; the error is the missing one.
    pub(super) fn tools<'a>(&'a self, references: &'a References) -> Result<Tools<'a>, String> {
        let (program, flags) = self.compiler.command_line();
        let (machine, linker) = self.machine.runs.as_ref().ok_or("no probe runs its code")?;
        machine.is_there()?;
        // Its format is that of the target in its flags.
        let compiler = references.get(program)?.with_flags(&flags).for_programs();
        compiler.build("\n", &[]).map_err(|why| why.to_string())?;
        let (linker, flags) = words(linker);
        Ok(Tools {
            convention: self.machine.convention,
            compiler,
            machine: *machine,
            linker: (references.get(linker)?, flags),
        })
    }
}

impl Tools<'_> {
    /// Returns the facts of both functions of each question. Bit-fields are looked for `shift` bits
    /// after their places. Each of `objects` has the next so many questions.
    fn facts(
        &self,
        mut questions: &[Question],
        objects: &[(Built, usize)],
        shift: u64,
    ) -> Result<Vec<Facts>, String> {
        let machine = probe::ProbeMachine {
            shift,
            ..self.machine
        };
        let text = |why: ReferenceError| why.to_string();
        let probe = Probe::new(machine, (self.linker.0, &self.linker.1)).map_err(text)?;
        let mut all_facts = Vec::new();
        for objects in objects.chunks(PROGRAM / FILE) {
            let chunk = questions.split_off(..objects.iter().map(|(_, n)| n).sum());
            let objects: Vec<Built> = objects.iter().map(|(built, _)| built.clone()).collect();
            let facts = probe.answers(chunk.unwrap_or_default(), self.convention, &objects);
            all_facts.extend(facts.map_err(text)?);
        }
        Ok(all_facts)
    }
}

impl Engine<'_> {
    /// Checks two questions, of which the second ends a process that has seen the first. The
    /// second's facts must be those of a process of its own.
    pub(super) fn check_isolation(&self, tools: &Tools<'_>) -> Result<(), String> {
        const TEXT: &str = "
            extern int gN_0, outN;
            int seen __attribute__((common)), fN(int);
            void cN(void) { if (N && seen) __builtin_trap(); seen = !N; outN = fN(gN_0); }
            int dN(int a0) { gN_0 = a0; return outN; }";
        let sig = FnSig::new([Type::I32], Type::I32).convention(self.machine.convention);
        let text = |n: usize| TEXT.replace('N', &n.to_string());
        let question = |n| Question::of_text(n, text(n), sig.clone());
        let facts = CompiledQuestions::new(&[0, 1].map(question), tools, 0)?.facts;
        match [0, 1].map(|n| facts.get(&n)) {
            [Some(first), Some(second)] if second == first => Ok(()),
            [first, second] => Err(format!("the first case has {first:?}, the next {second:?}")),
        }
    }
}

/// Questions that a compiler takes, with the facts of its code.
#[derive(Default)]
pub(super) struct CompiledQuestions {
    pub(super) questions: Vec<Question>,
    /// By the numbers of questions.
    pub(super) facts: HashMap<usize, Facts>,
    /// Numbers of the questions that it refuses.
    pub(super) refused: BTreeSet<usize>,
}

impl CompiledQuestions {
    /// Compiles questions, and observes the code of both functions of each, as [`Tools::facts`]
    /// does.
    pub(super) fn new(
        questions: &[Question],
        tools: &Tools<'_>,
        shift: u64,
    ) -> Result<Self, String> {
        let (mut compiled, mut objects) = (Self::default(), Vec::new());
        for questions in questions.chunks(FILE) {
            compiled.compile(questions, tools, &mut objects);
        }
        let facts = tools.facts(&compiled.questions, &objects, shift)?;
        let numbers = compiled.questions.iter().map(Question::number);
        compiled.facts = numbers.zip(facts).collect();
        Ok(compiled)
    }

    /// Returns the verdicts on the caller and the callee of a question for the places of `abi`.
    pub(super) fn check(&self, question: &Question, abi: &FnAbi) -> [Verdict; 2] {
        let none = Err(Fault::from("the question has no facts".to_owned()));
        let facts = self.facts.get(&question.number()).unwrap_or(&none);
        probe::verdicts("the compiler", facts, question.types(), abi)
    }

    /// Compiles questions, fewer at a time where the compiler refuses one of them.
    fn compile(
        &mut self,
        questions: &[Question],
        tools: &Tools<'_>,
        objects: &mut Vec<(Built, usize)>,
    ) {
        let text: String = questions.iter().map(|one| one.text.as_str()).collect();
        match (tools.compiler.build(&text, &[C17]), questions.len()) {
            (Ok(built), n) => {
                self.questions.extend_from_slice(questions);
                objects.push((built, n));
            }
            (Err(_), 1) => drop(self.refused.insert(questions[0].number())),
            (Err(_), n) => {
                let (a, b) = questions.split_at(n / 2);
                self.compile(a, tools, objects);
                self.compile(b, tools, objects);
            }
        }
    }
}
