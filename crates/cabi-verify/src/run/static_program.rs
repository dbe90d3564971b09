//! A unit as an executable that runs as a process: on this machine, or under an emulator of another one.
//!
//! The caller sides and the callee sides are files of their own, each by a compiler of its own choice, or one of them by Cranelift. Nothing is loaded here, so nothing of the
//! process that asks is at stake, and the machine need not be this one.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;

use cabi::{Convention, Target};

use crate::build::program::{File, Program, SECONDS};
use crate::build::{Reference, ReferenceError, Unit};
use crate::case::Direction;
use crate::emit::c::Sides;
use crate::emit::c::main_program::{CALLEE_FRAME, StaticCall, main_program};

/// A side that Cranelift makes.
#[derive(Clone, Copy, Debug)]
pub struct OurSide {
    /// Whether it calls, or is called.
    pub direction: Direction,
    /// Told to Cranelift instead of each case's own convention: a broken one must show.
    pub convention: Option<&'static Convention>,
}

/// Which compilers make which side, and what runs the program.
#[derive(Clone, Debug)]
pub struct StaticProgram<'a> {
    /// Who compiles the callee sides; the unit's compiler compiles the caller sides.
    pub callees: &'a Reference,
    /// Flags of that compiler, before the unit's.
    pub callee_flags: Vec<&'a str>,
    /// The side that is not a compiler's.
    pub ours: Option<OurSide>,
    /// Whose program it is.
    pub target: Target,
    /// Who compiles `main`, and links.
    pub linker: &'a Reference,
    /// The command of an emulator, which the program's name follows. Empty for this machine.
    pub emulator: Vec<String>,
}

/// What both sides of a call have written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    /// The arguments, as the callee saw them.
    pub(crate) seen: Vec<u8>,
    /// The result, as the caller got it.
    pub(crate) got: Vec<u8>,
}

impl StaticProgram<'_> {
    /// Builds the cases of `unit` with the indices `chosen` as a program that makes `calls`, and runs it; `object` has our side. Of each call what was
    /// written down, or how the process ended.
    ///
    /// # Errors
    /// [`ReferenceError`]: a compiler that refuses a side, no static libraries, a program that cannot be started.
    pub(crate) fn run(
        &self,
        unit: &Unit<'_>,
        chosen: &[usize],
        calls: &[StaticCall],
        object: Option<&[u8]>,
    ) -> Result<Vec<Result<Written, String>>, ReferenceError> {
        // Of our side C has the buffers alone.
        let of = |direction| match self.ours {
            Some(ours) if ours.direction == direction => &[],
            _ => chosen,
        };
        let callers = unit.text(of(Direction::Call), Sides::Caller);
        let callees = unit.text(of(Direction::Callee), Sides::Callee);
        let main = main_program(calls);
        // The first one's compiler links.
        let files = [
            File {
                by: self.linker,
                source: &main,
                flags: vec!["-w"],
            },
            File {
                by: unit.reference,
                source: &callers,
                flags: unit.flags_for(unit.reference),
            },
            File {
                by: self.callees,
                source: &callees,
                flags: [
                    &self.callee_flags,
                    &CALLEE_FRAME[..],
                    &unit.flags_for(self.callees),
                ]
                .concat(),
            },
        ];
        let program = Program::build(&files, object, &["-static"])?;
        calls_of(&program, &self.emulator, calls.len(), SECONDS)
    }
}

/// Runs a program that makes `n_calls` calls, from the one whose number is its argument on, and prints a line for each: its number, and what both sides have written down. What is left
/// after one that ends the process has as many `seconds` of processor time again.
pub(crate) fn calls_of(
    program: &Program,
    emulator: &[String],
    n_calls: usize,
    seconds: u32,
) -> Result<Vec<Result<Written, String>>, ReferenceError> {
    let mut written = Vec::new();
    while written.len() < n_calls {
        let first = written.len();
        let output = program.run(emulator, &[first.to_string()], seconds)?;
        written.extend(read(&output, first).map(Ok));
        if written.len() < n_calls {
            // The call that it had begun is the one that ended it.
            written.push(Err(ending(&output)));
        }
    }
    Ok(written)
}

/// The lines of a run that began with call `first`, as far as they are whole.
fn read(output: &Output, first: usize) -> impl Iterator<Item = Written> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    lines.into_iter().enumerate().map_while(move |(n, line)| {
        let line = line.strip_suffix('\n')?;
        let (number, rest) = line.split_once(' ')?;
        let (seen, got) = rest.split_once(' ')?;
        (number.parse() == Ok(first + n)).then_some(())?;
        Some(Written {
            seen: bytes(seen)?,
            got: bytes(got)?,
        })
    })
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = (0..digits.len() / 2).map(|i| digits.get(2 * i..2 * i + 2));
    pairs
        .map(|pair| u8::from_str_radix(pair?, 16).ok())
        .collect()
}

/// How a process ended that has not made all of its calls.
fn ending(output: &Output) -> String {
    match output.status.signal() {
        Some(11) => "SIGSEGV".to_owned(),
        Some(signal) => format!("signal {signal}"),
        None => output.status.to_string(),
    }
}
