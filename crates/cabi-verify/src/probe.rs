//! The probe: a program that calls the callee and the caller of each case with random registers, stack and memory, and says which place held each byte in every
//! round (`probe/rounds.c`). It knows no convention, so it gives [`Facts`].
//!
//! A machine is an assembly file with a function that fills all registers and one that writes them down, and a table of registers.

use std::fmt::Write as _;
use std::process::Command;

use cabi::{Convention, FnAbi, FnSig, Type};

use crate::build::program::{File, Program};
use crate::build::{Parts, Reference, ReferenceError, Unit};
use crate::case::Case;
use crate::compare::{compare, n_values};
use crate::emit::c::Images;
use crate::facts::Facts;
use crate::places::{Outcome, Question};
use crate::verdict::Difference;

mod values;

pub use values::has_partial_bytes;
use values::{Values, window};

/// Processor time for a case, in seconds: a callee that finds its arguments elsewhere may never return.
const SECONDS: u32 = 2;

/// The most bytes of values that the probe has room for.
const MAX_VALUES: usize = 1 << 13;

/// The largest alignment of values.
const MAX_ALIGN: u64 = 4096;

/// A machine on which the probe runs.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// The text of its assembly file.
    pub assembly: &'static str,
    /// Its table of registers.
    pub registers: &'static str,
    /// How many bits after its place each bit-field is looked for: in a control, else none.
    pub shift: u64,
    /// The command of an emulator; none where this machine runs its programs.
    pub emulator: &'static [&'static str],
}

macro_rules! machine {
    ($name:literal, $emulator:expr) => {
        Machine {
            assembly: include_str!(concat!("../probe/", $name, ".S")),
            registers: include_str!(concat!("../probe/", $name, ".h")),
            emulator: $emulator,
            shift: 0,
        }
    };
}

/// x86-64, with the vector registers that the processor has.
pub const X86_64: Machine = machine!("x86_64", &[]);
/// AArch64.
pub const AARCH64: Machine = machine!("aarch64", &["qemu-aarch64"]);
/// RISC-V of 64 bits; of 32 bits by another emulator. The linker's flags say which registers there are.
pub const RISCV: Machine = machine!("riscv", &["qemu-riscv64"]);
/// s390x.
pub const S390X: Machine = machine!("s390x", &["qemu-s390x"]);

/// Linked without a library of C.
const LINK: [&str; 3] = ["-nostdlib", "-static", "-Wl,--no-relax"];

/// A file of the probe.
struct Source<'a> {
    by: &'a Reference,
    text: String,
    flags: Vec<&'a str>,
}

impl Source<'_> {
    fn file(&self) -> File<'_> {
        File {
            by: self.by,
            source: &self.text,
            flags: self.flags.clone(),
        }
    }
}

/// Facts of a case, or how the process ended that ran it.
pub type Observed = Result<Facts, String>;

impl Machine {
    /// Whether the probe has room for the values of `case`.
    ///
    /// # Errors
    /// What is too large.
    pub fn has_room(&self, case: &Case) -> Result<(), &'static str> {
        let types = case.argument_types();
        let all = types.iter().chain([&case.prototype.ret]);
        let all: Vec<Type> = all.cloned().collect();
        if Images::of(&all).size > MAX_VALUES {
            return Err("more bytes of values than the probe has room for");
        }
        match all.iter().any(|ty| u64::from(ty.align()) > MAX_ALIGN) {
            true => Err("a larger alignment than the probe has memory for"),
            false => Ok(()),
        }
    }

    /// Whether the emulator is here.
    ///
    /// # Errors
    /// Why not.
    pub fn is_there(&self) -> Result<(), String> {
        let Some(emulator) = self.emulator.first() else {
            return Ok(());
        };
        let asked = Command::new(emulator).arg("--version").output();
        asked.map(drop).map_err(|e| format!("{emulator}: {e}"))
    }

    /// What the compiled code of each case of `unit` does; `linker` compiles and links the probe.
    ///
    /// # Errors
    /// [`ReferenceError::Io`]: nothing was asked.
    pub fn observe(
        &self,
        unit: &Unit<'_>,
        linker: &Reference,
    ) -> Result<Parts<Vec<Observed>>, ReferenceError> {
        unit.compile_and(unit.all(), &mut None, |built, chosen| {
            let object = built.object.to_string_lossy();
            let cases = chosen.iter().filter_map(|&at| unit.cases.get(at));
            let window = window(cases.map(|(_, case)| Values::of_case(case)));
            let rows = rows(unit, chosen);
            let [rounds, assembly] = self.probe(&rows, "", window, (linker, &[]));
            let program = Program::build(
                &[rounds.file(), assembly.file()],
                &[&LINK[..], &[&object]].concat(),
            )?;
            self.run(&program, chosen.len())
        })
    }

    /// What both functions of each question do, which `compiler` compiles; `linker` compiles and links the probe. Functions of `convention` keep the registers that it says.
    ///
    /// # Errors
    /// [`ReferenceError`]: a compiler that refuses its file, a program that cannot be started.
    pub fn answers(
        &self,
        questions: &[Question],
        convention: &'static Convention,
        (compiler, flags): (&Reference, &[&str]),
        linker: (&Reference, &[&str]),
    ) -> Result<Vec<Observed>, ReferenceError> {
        let theirs: String = questions.iter().map(|one| one.text.as_str()).collect();
        let theirs = File {
            by: compiler,
            source: &theirs,
            flags: flags.to_vec(),
        };
        let (mut own, mut rows, mut named) = (String::new(), String::new(), String::new());
        for question in questions {
            let n = question.number;
            let mut values = Values::of_question(question, convention);
            values.shift = self.shift;
            own.push_str(&values.of_globals(n));
            let row = values.row((question.sig.is_variadic(), false));
            let _ = writeln!(rows, "{{d{n}, c{n}, v{n}, {row}}},");
            let _ = writeln!(named, ".globl f{n}\n.set f{n}, cabi_dump");
        }
        let rows = format!("{own}static const struct row rows[] = {{\n{rows}}};\n");
        let values = questions.iter();
        let values = values.map(|question| Values::of_question(question, convention));
        let [rounds, assembly] = self.probe(&rows, &named, window(values), linker);
        let files = [rounds.file(), assembly.file(), theirs];
        let program = Program::build(&files, &[&LINK[..], linker.1].concat())?;
        self.run(&program, questions.len())
    }

    /// The C file and the assembly file of the probe.
    fn probe<'a>(
        &self,
        rows: &str,
        more: &str,
        window: usize,
        (by, flags): (&'a Reference, &[&'a str]),
    ) -> [Source<'a>; 2] {
        let rounds = include_str!("../probe/rounds.c")
            .replace(
                "#include MACHINE\n",
                &format!("enum {{ WINDOW = {window} }};\n{}", self.registers),
            )
            .replace("FREESTANDING\n", include_str!("../probe/freestanding.c"))
            .replace("PROGRAM\n", include_str!("../probe/program.c"))
            .replace("CASES\n", rows);
        let c = ["-O2", "-w", "-ffreestanding", "-fno-stack-protector"];
        let assembly = ["-x", "assembler-with-cpp"];
        [
            Source {
                by,
                text: rounds,
                flags: [flags, &c].concat(),
            },
            Source {
                by,
                text: format!("#define WINDOW {window}\n{}{more}", self.assembly),
                flags: [flags, &assembly].concat(),
            },
        ]
    }

    /// What the program says of each of `n` cases. One that ends the process is left out, and the program begins again after it.
    fn run(&self, program: &Program, n: usize) -> Result<Vec<Observed>, ReferenceError> {
        let emulator: Vec<String> = self.emulator.iter().map(|&word| word.to_owned()).collect();
        let mut all: Vec<Observed> = Vec::new();
        while all.len() < n {
            let output = program.run(&emulator, &[all.len().to_string()], SECONDS)?;
            let text = String::from_utf8_lossy(&output.stdout);
            let before = all.len();
            for (i, case) in text.split("= ").skip(1).enumerate() {
                let (number, lines) = case.split_once('\n').unwrap_or((case, ""));
                if number.parse() != Ok(before + i) {
                    break;
                }
                all.push(match lines.strip_suffix(".\n") {
                    Some(lines) => Facts::parse(lines),
                    None => Err(ending(lines)),
                });
            }
            if all.len() == before {
                all.push(Err(format!("the probe says nothing: {}", output.status)));
            }
        }
        Ok(all)
    }
}

fn ending(lines: &str) -> String {
    match lines.lines().find_map(|line| line.strip_prefix("died ")) {
        Some("11") => "SIGSEGV".to_owned(),
        Some(how) => format!("signal {how}"),
        None => "it ends the process".to_owned(),
    }
}

/// The table of cases with these indices.
fn rows(unit: &Unit<'_>, chosen: &[usize]) -> String {
    let (mut declared, mut rows) = (String::new(), String::new());
    for &at in chosen {
        let Some((_, case)) = unit.cases.get(at) else {
            continue;
        };
        let symbol = unit.symbol(at);
        let values = Values::of_case(case);
        let _ = writeln!(declared, "extern void {symbol}(void), {symbol}_call(void);");
        let _ = writeln!(
            declared,
            "static const struct value v{at}[] = {{{}{{0}}}};",
            values.text()
        );
        let row = values.row((case.prototype.variadic, case.prototype.noreturn));
        let _ = writeln!(rows, "{{{symbol}, {symbol}_call, v{at}, {row}}},");
    }
    format!("{declared}static const struct row rows[] = {{\n{rows}}};\n")
}

/// What `observed` says about the places of `abi`, for a question about `sig`.
pub fn outcome(compiler: &str, observed: &Observed, sig: &FnSig, abi: &FnAbi) -> Outcome {
    let facts = match observed {
        Ok(facts) => facts,
        Err(ending) => return Outcome([Err(ending.clone()), Err(ending.clone())]),
    };
    let types: Vec<Type> = sig.params().iter().map(|param| param.ty.clone()).collect();
    let [callee, caller] = compare(compiler, facts, &types, abi);
    let [in_callee, in_caller] = n_values(facts);
    let side = |differs: Vec<Difference>, n| match differs.into_iter().next() {
        Some(difference) => Err(difference.why),
        None => Ok(n),
    };
    Outcome([side(caller, in_caller), side(callee, in_callee)])
}
