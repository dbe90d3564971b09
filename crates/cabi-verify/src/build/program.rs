//! Programs: files of C, each compiled by itself so that none sees another's code, linked and run
//! as a process.

use std::io;
use std::process::{Command, Output};
use std::time::Duration;

use super::reference::{Reference, ReferenceError, scratch, write};
use crate::process;
use crate::scratch::Scratch;

/// Limit for a program. Programs end sooner unless they wait, because their processor time is
/// limited.
const LIMIT: Duration = Duration::from_secs(600);

/// Processor time for the calls of a program.
pub(crate) const SECONDS: u32 = 10;

/// Returns the command that runs programs of this machine: where this process is emulated, an
/// emulator, which `CABI_RUNNER` names.
pub fn runner() -> Vec<String> {
    let words = std::env::var("CABI_RUNNER").unwrap_or_default();
    words.split_whitespace().map(str::to_owned).collect()
}

/// A file of a program.
#[derive(Clone, Debug)]
pub(crate) struct File<'a> {
    /// Who compiles it.
    pub(crate) by: &'a Reference,
    pub(crate) source: &'a str,
    /// Flags after the compiler's own.
    pub(crate) flags: Vec<&'a str>,
}

/// An executable; its folder vanishes with it.
#[derive(Debug)]
pub(crate) struct Program {
    path: String,
    made_by: String,
    _folder: Scratch,
}

impl Program {
    /// Compiles `files`, and links them by the compiler of the first one with `flags`, among which
    /// more objects may be.
    pub(crate) fn build(files: &[File<'_>], flags: &[&str]) -> Result<Self, ReferenceError> {
        let nothing = || ReferenceError::io("a program")(io::ErrorKind::InvalidInput.into());
        let linker = files.first().ok_or_else(nothing)?.by;
        let folder = scratch()?;
        let path = |name: String| folder.path().join(name);
        let mut objects = Vec::new();
        for (i, file) in files.iter().enumerate() {
            let (source, object) = (path(format!("part{i}.c")), path(format!("part{i}.o")));
            write(&source, file.source)?;
            file.by.compile(&source, &object, &file.flags)?;
            objects.push(object.to_string_lossy().into_owned());
        }
        let mut args: Vec<&str> = objects.iter().map(String::as_str).collect();
        args.extend(flags);
        let program = path("program".to_owned()).to_string_lossy().into_owned();
        let args = [&["-o", &program][..], &args].concat();
        match flags.contains(&"-nostdlib") {
            true => drop(linker.run(&args)?),
            false => linker.link(&args)?,
        }
        Ok(Self {
            path: program,
            made_by: linker.to_string(),
            _folder: folder,
        })
    }

    /// Returns the path of the file.
    #[cfg(unix)]
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Runs it with `args`, under `emulator` if that is a command, for at most so many seconds of
    /// processor time.
    ///
    /// # Errors
    /// [`ReferenceError::Io`] if it cannot be started, or waits for longer than ten minutes.
    pub(crate) fn run(
        &self,
        emulator: &[String],
        args: &[String],
        seconds: u32,
    ) -> Result<Output, ReferenceError> {
        let command = self.command(emulator, args, seconds);
        process::output(command, LIMIT).map_err(|source| self.io(source))
    }

    /// Runs it as [`run`](Self::run) does, for at most `limit`; one that is ended then has printed
    /// what it has printed.
    ///
    /// # Errors
    /// [`ReferenceError::Io`] if it cannot be started.
    pub(crate) fn run_until(
        &self,
        emulator: &[String],
        args: &[String],
        (seconds, limit): (u32, Duration),
    ) -> Result<Output, ReferenceError> {
        let command = self.command(emulator, args, seconds);
        process::output_until(command, limit).map_err(|source| self.io(source))
    }

    fn command(&self, emulator: &[String], args: &[String], seconds: u32) -> Command {
        let mut command = Command::new("sh");
        let limits = format!("ulimit -c 0; ulimit -t {seconds}; exec \"$@\"");
        command.args(["-c", &limits, "sh"]);
        command.args(emulator).arg(&self.path).args(args);
        // An emulator allocates by glib, whose own lock a fork can find held by another thread.
        command.env("G_SLICE", "always-malloc");
        command
    }

    fn io(&self, source: io::Error) -> ReferenceError {
        ReferenceError::io(format!("a program built by {}", self.made_by))(source)
    }
}
