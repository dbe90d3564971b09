//! Conventions of machines that nothing here can run, against their own compilers: random signatures, each argument and result compared with where
//! the compiler's code has it, on both sides of the call (`cabi_verify::assembly`). Of each convention mutations must be seen.

mod ir;
mod machines;
mod mutations;

use std::collections::HashMap;
use std::process::Command;

use cabi::convention::Convention;
use cabi::{Error, FnAbi, Target};
use cabi_verify::assembly::{Function, Isa, Question, functions};

use self::machines::{Compiler, Machine};
use self::mutations::Mutation;
use crate::suite::{Result, Suite, number};

/// Signatures in one file.
const FILE: usize = 50;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let (count, seed) = (
        number("CABI_CONVENTIONS_COUNT", 300)?,
        number("CABI_CONVENTIONS_SEED", 1)?,
    );
    let mut n_passed = 0;
    for machine in machines::all() {
        let target = (machine.target)()?;
        for compiler in machine.compilers {
            let engine = suite.engine(&format!("{} {}", machine.name, compiler.name));
            if !suite.wants(&engine) {
                continue;
            }
            if let Err(why) = compiler.compile("\n") {
                suite.every_reference = false;
                suite.report.absent(&engine, &why);
                continue;
            }
            let asked = Asked::new(&machine, &target, compiler, (seed, count))?;
            n_passed += asked.report(&machine, &target, &engine, suite);
        }
    }
    suite.n_passed = Some(n_passed);
    Ok(())
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
    fn new(
        machine: &Machine,
        target: &Target,
        compiler: &Compiler,
        (seed, count): (u64, u64),
    ) -> Result<Self> {
        let mut asked = Self {
            questions: Vec::new(),
            code: HashMap::new(),
            refused: Vec::new(),
            not_compiled: 0,
        };
        let mut drawn = Vec::new();
        for index in 0..count {
            match (machine.draw)(&machine.absent, target, seed, index) {
                Some(question) => match machine.abi(machine.convention, target, &question) {
                    Ok(_) => drawn.push(question),
                    Err(why) => asked.refused.push(why.to_string()),
                },
                None => asked.refused.push("a type that C does not have".to_owned()),
            }
        }
        for questions in drawn.chunks(FILE) {
            asked.compile(questions, compiler, &machine.isa);
        }
        Ok(asked)
    }

    /// Compiles questions, fewer at a time where the compiler refuses one of them.
    fn compile(&mut self, questions: &[Question], compiler: &Compiler, isa: &Isa) {
        let text: String = questions
            .iter()
            .map(|question| question.text.as_str())
            .collect();
        match compiler.compile(&text) {
            Ok(assembly) => {
                self.code.extend(functions(&assembly, isa));
                self.questions.extend_from_slice(questions);
            }
            Err(_) if questions.len() == 1 => {
                self.not_compiled += 1;
            }
            Err(_) => {
                let (a, b) = questions.split_at(questions.len() / 2);
                self.compile(a, compiler, isa);
                self.compile(b, compiler, isa);
            }
        }
    }

    /// The signatures that differ under `convention`. Its lists for variadic functions are not those of a mutation.
    fn differences<'a>(
        &'a self,
        machine: &'a Machine,
        convention: &'static Convention,
        target: &'a Target,
    ) -> impl Iterator<Item = String> + 'a {
        let has_one_list = machine.convention.rules.choose.is_none();
        let whole = convention.name == machine.convention.name || has_one_list;
        let asked = self.questions.iter();
        let asked = asked.filter(move |question| whole || !question.sig.is_variadic());
        asked.filter_map(move |question| {
            let abi = machine.abi(convention, target, question);
            let same = abi.map_err(|why| why.to_string());
            let why = same
                .and_then(|abi| question.check(&abi, &self.code))
                .err()?;
            Some(format!("{why}\n{}", question.text))
        })
    }

    fn report(&self, machine: &Machine, target: &Target, engine: &str, suite: &mut Suite) -> usize {
        let wrong: Vec<String> = self
            .differences(machine, machine.convention, target)
            .collect();
        let n = self.questions.len();
        suite.report.note(format!(
            "{engine}: {n} signatures compared, {} agree; {} refused by cabi, {} by the compiler",
            n - wrong.len(),
            self.refused.len(),
            self.not_compiled
        ));
        let outcome = match wrong.first() {
            // Most are compared, or the suite says nothing.
            None if 3 * n > 2 * (self.refused.len() + self.not_compiled) => Ok(()),
            None => Err(format!("most are refused: {:?}", self.refused.first())),
            Some(first) => Err(first.clone()),
        };
        suite.report.outcome(engine, "places", outcome);
        self.control(machine, target, engine, suite);
        n - wrong.len()
    }

    /// Every rule broken in every way is seen, unless the list says why it makes no difference.
    fn control(&self, machine: &Machine, target: &Target, engine: &str, suite: &mut Suite) {
        let (mut n_seen, mut unused) = (0, machine.equivalent.to_vec());
        for Mutation { what, convention } in mutations::of(machine.convention, machine.features) {
            let seen = self
                .differences(machine, convention, target)
                .next()
                .is_some();
            let listed = machine
                .equivalent
                .iter()
                .find(|(part, _)| what.contains(part));
            match (seen, listed) {
                (true, _) => n_seen += 1,
                (false, Some((listed, _))) => unused.retain(|(part, _)| part != listed),
                (false, None) => {
                    let unseen = Err("no signature shows it".to_owned());
                    suite
                        .report
                        .outcome(&format!("{engine} control"), &what, unseen);
                }
            }
        }
        for (part, _) in unused {
            let why = Err("each mutation of this name is seen".to_owned());
            suite
                .report
                .outcome(&format!("{engine} control"), part, why);
        }
        suite.report.note(format!(
            "{engine}: {n_seen} mutations of its rules are seen"
        ));
        let outcome = if n_seen > 2 {
            Ok(())
        } else {
            Err("too few".to_owned())
        };
        suite
            .report
            .outcome(&format!("{engine} control"), "mutations", outcome);
    }
}

impl Machine {
    fn abi(
        &self,
        convention: &'static Convention,
        target: &Target,
        question: &Question,
    ) -> Result<FnAbi, Error> {
        let sig = question.sig.clone().convention(convention);
        FnAbi::new(&sig.features(self.features), target)
    }
}

impl Compiler {
    /// The assembly of `c`, or why there is none.
    fn compile(&self, c: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let file = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(file("a.c"), c).map_err(|e| e.to_string())?;
        for command in self.command.split('|') {
            let mut words = command.split_whitespace();
            let program = words.next().unwrap_or_default();
            let llc = (program == "@llc").then(llc).transpose()?;
            let program = llc.as_deref().unwrap_or(program);
            let words = words.map(|word| {
                word.replace("@c", &file("a.c"))
                    .replace("@l", &file("a.ll"))
                    .replace("@s", &file("a.s"))
            });
            let output = Command::new(program).args(words).output();
            let output = output.map_err(|e| format!("{program}: {e}"))?;
            if !output.status.success() {
                let errors = String::from_utf8_lossy(&output.stderr);
                return Err(format!(
                    "{program}: {}",
                    errors.lines().take(3).collect::<Vec<_>>().join(" ")
                ));
            }
        }
        std::fs::read_to_string(file("a.s")).map_err(|e| e.to_string())
    }
}

/// `llc` of rustc's own LLVM: the component `llvm-tools`.
fn llc() -> Result<String, String> {
    let rustc = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .output();
    let rustc = rustc.map_err(|e| format!("rustc: {e}"))?;
    let libraries = String::from_utf8_lossy(&rustc.stdout).trim().to_owned();
    let llc = std::path::Path::new(&libraries).join("../bin/llc");
    match llc.is_file() {
        true => Ok(llc.display().to_string()),
        false => Err("rustc's component llvm-tools, which has llc, is not installed".to_owned()),
    }
}
