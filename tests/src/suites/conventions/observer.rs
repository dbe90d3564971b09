//! Facts of a compiler's code, which runs under an emulator.

use std::collections::HashMap;
use std::process::Command;

use cabi::{FnAbi, FnSig, Type};
use cabi_verify::build::{Reference, ReferenceError};
use cabi_verify::probe::{self, Observed as Facts, Probe};
use cabi_verify::question::{Outcome, Question};

use super::Engine;
use super::machines::{Compiler, words};

/// Signatures in one file.
const FILE: usize = 50;

/// Signatures in one program.
const PROGRAM: usize = 200;

/// The compilers of programs, by the first words of their commands.
pub(super) struct References(HashMap<String, Result<Reference, String>>);

impl References {
    pub(super) fn find(engines: &[Engine<'_>]) -> Self {
        let mut found = HashMap::new();
        for engine in engines {
            if let Some((_, linker)) = &engine.machine.runs {
                for program in [engine.compiler.words().0, words(linker).0] {
                    let find = || Reference::of_command(program);
                    found.entry(program.to_owned()).or_insert_with(find);
                }
            }
        }
        Self(found)
    }

    /// Returns the first line of the version that `compiler` prints.
    pub(super) fn version(&self, compiler: &Compiler) -> Result<String, String> {
        let reference = self.get(compiler.words().0)?;
        let first = reference.version().lines().next();
        Ok(first.unwrap_or_default().to_owned())
    }

    fn get(&self, program: &str) -> Result<&Reference, String> {
        let found = self.0.get(program).ok_or("nobody has looked for it")?;
        found.as_ref().map_err(Clone::clone)
    }
}

impl Engine<'_> {
    /// Checks that all tools are here; the error is the missing one.
    pub(super) fn is_here(&self, references: &References) -> Result<(), String> {
        self.compiler.compile("\n")?;
        let (probe, linker) = self.runs()?;
        probe.is_there()?;
        references.get(self.compiler.words().0)?;
        references.get(words(linker).0).map(drop)
    }

    fn runs(&self) -> Result<(&probe::ProbeMachine, &str), String> {
        let runs = self.machine.runs.as_ref().ok_or("nothing runs it")?;
        Ok((&runs.0, &runs.1))
    }

    /// Returns the facts of both functions of each question, with bit-fields looked for `shift` bits
    /// after theirs.
    pub(super) fn facts(
        &self,
        references: &References,
        questions: &[Question],
        shift: u64,
    ) -> Result<Vec<Facts>, String> {
        let (probe, linker) = self.runs()?;
        let (program, flags) = self.compiler.told();
        // Its format is that of the target in its flags.
        let compiler = references.get(program)?.with_flags(&flags);
        let linker = words(linker);
        let linker = (references.get(linker.0)?, &linker.1[..]);
        let machine = probe::ProbeMachine { shift, ..*probe };
        let text = |why: ReferenceError| why.to_string();
        let probe = Probe::new(machine, linker).map_err(text)?;
        let mut all = Vec::new();
        for questions in questions.chunks(PROGRAM) {
            let facts = probe.answers(questions, self.machine.convention, &compiler);
            all.extend(facts.map_err(text)?);
        }
        Ok(all)
    }
}

impl Engine<'_> {
    /// Two questions, of which the second ends a process that has seen the first: its facts are those of a process of its own.
    pub(super) fn asks_again(&self, references: &References) -> Result<(), String> {
        const TEXT: &str = "
            extern int gN_0, outN;
            int seen __attribute__((common)), fN(int);
            void cN(void) { if (N && seen) __builtin_trap(); seen = !N; outN = fN(gN_0); }
            int dN(int a0) { gN_0 = a0; return outN; }";
        let sig = FnSig::new([Type::I32], Type::I32).convention(self.machine.convention);
        let text = |n: usize| TEXT.replace('N', &n.to_string());
        let question = |n| Question::of_text(n, text(n), sig.clone());
        let facts = self.facts(references, &[0, 1].map(question), 0)?;
        let [first, second] = <[Facts; 2]>::try_from(facts)
            .map_err(|facts| format!("facts of {} cases", facts.len()))?;
        match second {
            second if second == first => Ok(()),
            second => Err(format!("{first:?}, of the case after it {second:?}")),
        }
    }
}

/// Questions that a compiler takes, with the facts of its code.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) questions: Vec<Question>,
    /// By the numbers of questions.
    pub(super) facts: HashMap<usize, Facts>,
    /// Number of signatures that it refuses.
    pub(super) not_compiled: usize,
}

impl Compiled {
    pub(super) fn new(questions: &[Question], compiler: &Compiler) -> Self {
        let mut compiled = Self::default();
        for questions in questions.chunks(FILE) {
            compiled.compile(questions, compiler);
        }
        compiled
    }

    /// Takes the facts of the code of all questions.
    pub(super) fn take(&mut self, facts: Vec<Facts>) {
        let numbers = self.questions.iter().map(Question::number);
        self.facts.extend(numbers.zip(facts));
    }

    /// Returns the outcome of both functions of a question for the places of `abi`.
    pub(super) fn check(&self, question: &Question, abi: &FnAbi) -> Outcome {
        let none = Err("it has no facts".to_owned());
        let facts = self.facts.get(&question.number()).unwrap_or(&none);
        probe::outcome("the compiler", facts, &question.sig, abi)
    }

    /// Compiles questions, fewer at a time where the compiler refuses one of them.
    fn compile(&mut self, questions: &[Question], compiler: &Compiler) {
        let text = questions.iter().map(|question| question.text.as_str());
        match (compiler.compile(&text.collect::<String>()), questions.len()) {
            (Ok(()), _) => self.questions.extend_from_slice(questions),
            (Err(_), 1) => self.not_compiled += 1,
            (Err(_), n) => {
                let (a, b) = questions.split_at(n / 2);
                self.compile(a, compiler);
                self.compile(b, compiler);
            }
        }
    }
}

impl Compiler {
    /// Compiles `text`; the error is the compiler's.
    fn compile(&self, text: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let [source, assembly] = ["a.c", "a.s"].map(|name| folder.path().join(name));
        std::fs::write(&source, text).map_err(|e| e.to_string())?;
        let (program, flags) = self.told();
        let mut command = Command::new(program);
        let command = command.args(flags).args(["-S", "-o"]);
        output_of(command.args([assembly, source])).map(drop)
    }
}

/// Returns the output of `command`, or the first messages where it fails.
pub(super) fn output_of(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|e| format!("{program}: {e}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let first: Vec<&str> = errors.lines().take(3).collect();
        return Err(format!("{program}: {}", first.join(" ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
