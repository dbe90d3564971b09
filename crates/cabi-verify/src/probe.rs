//! The probe: a program that calls the callee and the caller of each case with random registers,
//! stack and memory. It reports the places that held each byte in every round (`probe/rounds.c`).
//! It knows no convention, so it gives [`Facts`].
//!
//! A machine is an assembly file with a function that fills all registers and one that writes them
//! down, and a table of registers.

use std::io;
use std::process::Output;
use std::time::Duration;

use std::path::Path;

use cabi::{ArgAbi, Convention, FnAbi, Loc, Place, Policy, Type, leaves};

use crate::build::program::{File, Program, runner};
use crate::build::{Built, ProgramTarget, Reference, ReferenceError};
use crate::case::Case;
use crate::case::Direction;
use crate::compare::compare;
use crate::emit::c::Images;
use crate::emit::c::WINDOWS;
use crate::facts::{Facts, Note};
use crate::question::Question;
use crate::run::HERE;
use crate::scratch::Scratch;
use crate::verdict::{Fault, Value, Verdict};

mod emission;
mod machine;
mod objects;
#[allow(unsafe_code)]
#[cfg(unix)]
mod run_time;
#[cfg(all(test, unix))]
mod tests;
mod values;

pub use emission::{Emission, EmittedFacts, SETTINGS};
pub use machine::{AARCH64, I386, ProbeMachine, RISCV, S390X, X86_64};
#[cfg(unix)]
pub use run_time::RunTimeCode;
pub use values::has_partial_bytes;
use values::{CaseTable, USUAL_WINDOW, Values};

/// Processor time for a case, in seconds: a callee that finds its arguments elsewhere may never
/// return.
const SECONDS: u32 = 2;

/// Time for a program of the probe. A case that waits is ended after a minute (`program.c`).
const LIMIT: Duration = Duration::from_secs(120);

/// The most bytes of values that the probe has room for.
const MAX_VALUES: usize = 1 << 14;

/// The largest alignment of values.
const MAX_ALIGN: u64 = 4096;

/// Shared declarations of the probe and its table of cases.
const ROW: &str = include_str!("../probe/row.h");

/// Reason why a case is not observed.
const FAR_POINTER: &str = "an address further up the stack than the probe searches";

/// Functions that compiled code calls where there is no library of C.
pub(crate) const FREESTANDING: &str = include_str!("../probe/freestanding.c");

/// Facts of a case, or the reason why there are none.
pub type CaseFacts = Result<Facts, Fault>;

/// Returns the facts of a case that a program has left out.
pub(crate) fn nothing() -> CaseFacts {
    Err(Fault::from("the probe printed nothing about it".to_owned()))
}

/// Checks whether the probe has room for the values of `case`.
///
/// # Errors
/// The property that is too large.
pub fn has_room(case: &Case) -> Result<(), &'static str> {
    fits(&case.argument_types(), &case.prototype.ret)?;
    match case.abi_under(Policy::GCC) {
        Ok(abi) if has_far_pointer(&abi) => Err(FAR_POINTER),
        _ => Ok(()),
    }
}

/// Checks whether an argument is passed by an address that is further up the stack than the probe
/// has blocks for (`SLOTS` of `rounds.c`).
fn has_far_pointer(abi: &FnAbi) -> bool {
    let is_far = |arg: &ArgAbi| match &arg.place {
        Place::Indirect { pointer, .. } => matches!(pointer, Loc::Stack(at) if *at >= 512),
        _ => false,
    };
    abi.args.iter().any(is_far)
}

fn fits(types: &[Type], ret: &Type) -> Result<(), &'static str> {
    let values: Vec<Type> = types.iter().chain([ret]).cloned().collect();
    if Images::of(&values).size > MAX_VALUES {
        return Err("more bytes of values than the probe has room for");
    }
    match values.iter().any(|ty| u64::from(ty.align()) > MAX_ALIGN) {
        true => Err("a larger alignment than the probe has memory for"),
        false => Ok(()),
    }
}

/// A machine's probe, which its compiler takes.
#[derive(Clone, Debug)]
pub struct Probe {
    machine: ProbeMachine,
    emulator: Vec<String>,
    linker: Reference,
    flags: Vec<String>,
    window: usize,
}

impl Probe {
    /// Makes the probe of `machine`, which `linker` compiles with `flags`, and links.
    ///
    /// # Errors
    /// [`ReferenceError`]: the compiler refuses it, or cannot be run.
    pub fn new(
        machine: ProbeMachine,
        (linker, flags): (&Reference, &[&str]),
    ) -> Result<Self, ReferenceError> {
        let emulator = machine.emulator.iter().map(|&word| word.to_owned());
        Self::under(emulator.collect(), machine, (linker, flags))
    }

    /// Makes the probe of the machine that this process runs on.
    ///
    /// # Errors
    /// It has none, or no compiler for it is here.
    pub fn of_here() -> Result<Self, String> {
        let linker = Reference::of_machine()?;
        let probe = Self::under(runner(), ProbeMachine::of(&HERE), (&linker, &[]));
        probe.map_err(|error| error.to_string())
    }

    /// Compiles the probe of a target whose programs run here.
    ///
    /// # Errors
    /// [`ReferenceError`]: the target's linker refuses it, or cannot be run.
    pub fn of_target(target: &ProgramTarget) -> Result<Self, ReferenceError> {
        Self::new(ProbeMachine::of(&target.target), (&target.linker, &[]))
    }

    /// Returns this probe with the register of static chains among the places of values.
    #[must_use]
    pub fn with_chains(mut self) -> Self {
        self.flags.push("-DCHAINS".to_owned());
        self
    }

    /// Makes the probe of `machine`, whose programs run under `emulator`, if that is a command.
    fn under(
        emulator: Vec<String>,
        machine: ProbeMachine,
        (linker, flags): (&Reference, &[&str]),
    ) -> Result<Self, ReferenceError> {
        let probe = Self {
            machine,
            emulator,
            linker: linker.clone(),
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            window: USUAL_WINDOW,
        };
        // A compiler that refuses it does so here, not in each program.
        probe.rounds(0)?;
        Ok(probe)
    }

    /// Observes the code of each of `cases`, for which there is [room](has_room). The file `code`
    /// with that code is a shared object, or an object file of a program.
    ///
    /// # Errors
    /// [`ReferenceError`]: a program that cannot be linked or started.
    pub fn observe(
        &self,
        code: &Path,
        is_shared: bool,
        cases: &[Case],
    ) -> Result<Vec<CaseFacts>, ReferenceError> {
        let code = code.to_string_lossy();
        // Bound at load time: a lazy PLT stub would run code between a call and its callee. Copies
        // are the program's own: the bytes that the library's copies leave over depend on the
        // processor.
        let (windows, link): (_, &[&str]) = match is_shared {
            true => ("", &["-Wl,--no-as-needed", &code, "-Wl,-z,now"]),
            false => (WINDOWS, &["-static", &code]),
        };
        let mut table = CaseTable::after(format!("{FREESTANDING}{windows}"));
        for (at, case) in cases.iter().enumerate() {
            // A language may have one side alone.
            let symbol = &case.prototype.name;
            let declared = format!(
                "extern void d{at}(void) __asm__(\"{symbol}\") __attribute__((weak)), *a{at}(void) __asm__(\"{symbol}_address\") __attribute__((weak));\n\
                 extern void c{at}(void) __asm__(\"{symbol}_call\") __attribute__((weak));"
            );
            let functions = format!("d{at}, a{at}, c{at}");
            table.add(&Values::of_case(case), &declared, &functions);
        }
        self.run(&table, link)
    }

    /// Observes both functions of each question, which are in `objects`, object files of programs.
    /// Functions of `convention` keep the registers that it says.
    ///
    /// # Errors
    /// [`ReferenceError`]: a program that cannot be linked or started.
    pub fn answers(
        &self,
        questions: &[Question],
        convention: &'static Convention,
        objects: &[Built],
    ) -> Result<Vec<CaseFacts>, ReferenceError> {
        let buffers = format!(
            "{FREESTANDING}byte cabi_argument_bytes[{0}] __attribute__((aligned(64))), cabi_result_bytes[{0}] __attribute__((aligned(64)));\n",
            2 * MAX_VALUES
        );
        let mut table = CaseTable::after(buffers);
        for question in questions {
            let n = question.number;
            let mut values = Values::of_sig(&question.sig, Some(convention));
            values.shift = self.machine.shift;
            values.is_variadic = question.sig.takes_more();
            table.add(&values, &values.of_globals(n), &format!("d{n}, 0, c{n}"));
        }
        let mut link = linked_statically(questions.iter().map(Question::number));
        let objects = objects.iter().map(|built| built.object.to_string_lossy());
        link.extend(objects.map(String::from));
        let link: Vec<&str> = link.iter().map(String::as_str).collect();
        self.run(&table, &link)
    }

    /// Links the probe with a table of cases, and the files in the flags; returns that
    /// program's observation of each case. If a case ends the process, it begins again after that
    /// case.
    fn run(&self, table: &CaseTable, link: &[&str]) -> Result<Vec<CaseFacts>, ReferenceError> {
        let program = self.linked(table, link)?;
        Self::observations(table.n, |first| {
            program.run_until(&self.emulator, &[first.to_string()], (SECONDS, LIMIT))
        })
    }

    /// Links the probe with a table of cases, and the files in the flags.
    fn linked(&self, table: &CaseTable, link: &[&str]) -> Result<Program, ReferenceError> {
        if table.window > self.window {
            let larger = Self {
                window: table.window,
                ..self.clone()
            };
            return larger.linked(table, link);
        }
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let rows = File {
            by: &self.linker,
            source: &(ROW.to_owned() + &table.text()),
            flags: [&flags[..], &["-w"]].concat(),
        };
        let folder = Scratch::new().map_err(ReferenceError::io("the probe"))?;
        let [rounds, machine] = self.objects(&folder, table.n)?;
        let objects = [&*rounds, &machine];
        let common = ["-nostdlib", "-Wl,--no-relax,--gc-sections"];
        Program::build(&[rows], &[&flags[..], &objects, &common, link].concat())
    }

    /// Returns the observations of `n` cases by `run`, which begins with the case that it is given.
    fn observations(
        n: usize,
        run: impl Fn(usize) -> Result<Output, ReferenceError>,
    ) -> Result<Vec<CaseFacts>, ReferenceError> {
        let mut observed: Vec<CaseFacts> = Vec::new();
        while observed.len() < n {
            let output = run(observed.len())?;
            let text = String::from_utf8_lossy(&output.stdout);
            for (line, why) in [
                ("died unforked", "the system cannot start a process"),
                (
                    "died unguarded",
                    "the system cannot protect a page of 4096 bytes",
                ),
            ] {
                if text.contains(line) {
                    return Err(ReferenceError::io("the probe")(io::Error::other(why)));
                }
            }
            let n_before = observed.len();
            let mut cases = text.split("= ").skip(1).enumerate().peekable();
            while let Some((i, case)) = cases.next() {
                let (number, lines) = case.split_once('\n').unwrap_or((case, ""));
                if number.parse() != Ok(n_before + i) {
                    break;
                }
                let has_died = lines.contains("died ");
                let is_whole = !has_died && (lines == ".\n" || lines.ends_with("\n.\n"));
                let is_last = cases.peek().is_none() && !output.status.success();
                // Cases of one process share its time: the one that ends it gets a process and all
                // the time for itself.
                if i > 0 && !is_whole && !has_died && is_last {
                    break;
                }
                observed.push(match is_whole {
                    true => facts(lines.strip_suffix(".\n").unwrap_or(lines)),
                    false => ended(lines, is_last),
                });
            }
            if observed.len() == n_before {
                let why = format!("the probe printed nothing: {}", output.status);
                // The program ends before the first case, and would do so for the others.
                let n_failed = if text.contains("= ") { 1 } else { n - n_before };
                observed.extend(vec![Err(Fault::from(why)); n_failed]);
            }
        }
        Ok(observed)
    }
}

/// Returns the flags that link a program without shared objects, whose callers with `numbers` call
/// the function that writes the registers down.
fn linked_statically(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    let named = numbers.map(|n| format!("-Wl,--defsym=f{n}=cabi_dump"));
    ["-static".to_owned()].into_iter().chain(named).collect()
}

/// Reads the lines of a callee, and those of a caller after it.
fn facts(lines: &str) -> CaseFacts {
    let (callee, caller) = lines.split_once("calling\n").unwrap_or((lines, ""));
    Facts::of_sides([callee, caller]).map_err(Fault::from)
}

/// Returns the facts about a case whose process ended.
fn ended(lines: &str, hangs: bool) -> CaseFacts {
    let how = match lines.lines().find_map(|line| line.strip_prefix("died ")) {
        Some("9") => "hangs".to_owned(),
        Some("11") => "ends the process: SIGSEGV".to_owned(),
        Some("14") => "waits, and was ended after a minute".to_owned(),
        Some("forked") => "starts another process".to_owned(),
        Some("stopped") => "stops itself".to_owned(),
        Some(number) => format!("ends the process: signal {number}"),
        None if hangs => "hangs".to_owned(),
        None => "ends the process: it exits".to_owned(),
    };
    let (callee, is_callee) = match lines.split_once("calling\n") {
        Some((callee, _)) if !callee.contains("died ") => (callee, false),
        _ => ("", true),
    };
    let mut facts = facts(callee)?;
    let function = if is_callee { "callee" } else { "caller" };
    let note = Note {
        name: "ends".to_owned(),
        value: format!("{function}:{how}"),
    };
    facts.caller.state.push(note.clone());
    facts.callee.state.extend(is_callee.then_some(note));
    Ok(facts)
}

/// Returns the verdicts on the caller and on the callee of `observed`. The arguments and the result
/// have these types and the places of `abi`. A verdict that passes has the number of right values.
/// The compiler's places of bit-fields are unknown: lost bytes of a value with bit-fields are
/// differences.
pub fn verdicts(
    compiler: &str,
    observed: &CaseFacts,
    (types, ret): (Vec<Type>, &Type),
    abi: &FnAbi,
) -> [Verdict; 2] {
    let facts = match observed {
        Ok(facts) => facts,
        Err(ending) => {
            let ends = |side| Verdict::Differs(format!("{side}, {ending}").into());
            return ["caller", "callee"].map(ends);
        }
    };
    let is_laid_out = |value| {
        let ty = match value {
            Value::Argument(i) => types.get(i),
            Value::Result => Some(ret),
        };
        !ty.into_iter().flat_map(leaves).any(|leaf| leaf.bit_field)
    };
    [(Direction::Callee, "caller"), (Direction::Call, "callee")].map(|(direction, side)| {
        let all = compare(compiler, facts, &types, abi, direction);
        facts.verdict(direction, &all, is_laid_out).inside(side)
    })
}
