//! Where results go: to standard output, or to the file that an option names. Errors go to standard error.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use cabi_verify::report::Report;

/// Prints `text` on standard output. A reader that has gone away (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes `text` to the file that an option names; `-` is standard output.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    if is_stdout(path) {
        return print(text);
    }
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Whether an option names standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Where a report goes besides, or instead of, being printed as text.
pub(crate) struct Files<'a> {
    /// The value of --json.
    pub(crate) json: Option<&'a Path>,
    /// The value of --junit.
    pub(crate) junit: Option<&'a Path>,
}

impl Files<'_> {
    /// Refuses two files on standard output.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.json.is_some_and(is_stdout) && self.junit.is_some_and(is_stdout) {
            true => Err("--json and --junit cannot both be standard output".to_owned()),
            false => Ok(()),
        }
    }

    /// Writes and prints `report`. The exit code: 0 if it is clean, 1 if something fails, 2 if there was an error.
    pub(crate) fn show(&self, report: &Report) -> Result<ExitCode, String> {
        let json = self.json.map_or(Ok(()), |path| write(path, &report.json()));
        let junit = self
            .junit
            .map_or(Ok(()), |path| write(path, &report.junit()));
        // Standard output then has nothing but what is written there.
        if !self.json.into_iter().chain(self.junit).any(is_stdout) {
            print(&report.to_string())?;
        }
        json.and(junit)?;
        Ok(exit_code(report))
    }
}

/// The exit code of a run: 0 if its report is clean, 1 if something fails; 2 if there was an error, which is printed.
pub(crate) fn exit_code(report: &Report) -> ExitCode {
    match &report.error {
        Some(why) => failed(why),
        None => ExitCode::from(u8::from(!report.is_clean())),
    }
}

/// Prints an error message; the exit code of what could not be done.
pub(crate) fn failed(message: &str) -> ExitCode {
    complain(message);
    ExitCode::from(2)
}

/// Prints an error message on standard error, in colours where that is a terminal.
pub(crate) fn complain(message: &str) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{red}cabi:{red:#} {message}");
}
