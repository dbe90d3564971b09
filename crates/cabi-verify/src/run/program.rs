//! Cases as an executable that runs as a process: on this machine, or under an emulator of another one. Nothing is loaded here, so nothing of the
//! process that asks is at stake, and the machine need not be this one.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Output;

use super::Written;
use crate::build::program::{File, Program, SECONDS};
use crate::build::{ProgramTarget, ReferenceError};
use crate::emit::c::main_program::{ProgramCall, text};

impl ProgramTarget {
    /// Links `objects`, which have all sides of `calls`, and runs them. Returns the record of each
    /// call, or how the process ended.
    ///
    /// # Errors
    /// [`ReferenceError`]: an object that does not link, no static libraries, a program that cannot
    /// be started.
    pub(crate) fn run(
        &self,
        objects: &[&Path],
        calls: &[ProgramCall],
    ) -> Result<Vec<Result<Written, String>>, ReferenceError> {
        let main = File {
            by: &self.linker,
            source: &text(calls),
            flags: vec!["-w"],
        };
        let objects: Vec<_> = objects.iter().map(|path| path.to_string_lossy()).collect();
        let objects = objects.iter().map(|path| &**path);
        let flags: Vec<&str> = objects.chain(["-static"]).collect();
        let program = Program::build(&[main], &flags)?;
        calls_of(&program, &self.emulator, calls.len(), SECONDS)
    }
}

/// Runs a program that makes `n_calls` calls, from the one whose number is its argument on. It
/// prints a line for each: its number, and the record of both sides. The calls after one that ends
/// the process have as many `seconds` of processor time again.
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
        } else if !output.status.success() {
            // Any of them may have left what ends it now.
            let why = format!("{} after the last call", ending(&output));
            return Ok(vec![Err(why); n_calls]);
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
        (number.parse() == Ok(first + n)).then_some(())?;
        let mut fields = rest.split(' ');
        Some(Written {
            seen: bytes(fields.next()?)?,
            got: bytes(fields.next()?)?,
            wide: bytes(fields.next().unwrap_or_default())?,
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
