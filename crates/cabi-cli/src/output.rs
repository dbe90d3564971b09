//! Output of results: to standard output, or to the file that an option names. Errors go to
//! standard error.
//!
//! An answer that could not be written is an error, with exit status 2. If the reader of a pipe has
//! gone away (`| head`), the command ends without a message. Its status is then the one that a
//! shell shows for a program that SIGPIPE ended, as for `cat`. Rust ignores this signal, and status
//! 0 would say that all output was delivered.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use cabi_verify::report::Report;
pub(crate) use cabi_verify::report::{count, escape};

/// The exit status of a command whose reader has gone away: 128 and the number of SIGPIPE.
const READER_GONE: u8 = 128 + 13;

/// Reason why this process ends before its task is done.
pub(crate) enum Failure {
    /// The message that is still to be printed.
    Message(String),
    /// Exit status without a message, which is printed already or has no reader.
    Silent(u8),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl Failure {
    /// Returns the failure of a child that printed for this process and ended with `code`.
    pub(crate) fn of_child(code: i32) -> Self {
        Self::Silent(u8::try_from(code).unwrap_or(2))
    }

    /// Prints the message, if there is one. Returns the exit code.
    pub(crate) fn end(self) -> ExitCode {
        match self {
            Self::Message(message) => failed(&message),
            Self::Silent(status) => ExitCode::from(status),
        }
    }
}

/// Refuses a standard output that nothing can be written to. A closed one is `/dev/null` by now:
/// Rust opens that as programs do that want the exit code alone.
pub(crate) fn check() -> Result<(), Failure> {
    #[cfg(unix)]
    let is_open = {
        use rustix::fs::{OFlags, fcntl_getfl};
        let flags = fcntl_getfl(rustix::stdio::stdout());
        flags.is_ok_and(|flags| flags.intersects(OFlags::WRONLY | OFlags::RDWR))
    };
    #[cfg(not(unix))]
    let is_open = true;
    if is_open {
        return Ok(());
    }
    let why = "standard output: not open for writing";
    Err(Failure::Message(why.to_owned()))
}

/// Prints clap's text for arguments that name no task. Help and the version go to standard output,
/// errors in the arguments to standard error.
pub(crate) fn of_arguments(error: &clap::Error) -> Result<ExitCode, Failure> {
    let printed = error.print();
    if error.use_stderr() {
        return Err(Failure::Silent(2));
    }
    written(printed.and_then(|()| io::stdout().flush())).map(|()| ExitCode::SUCCESS)
}

/// Prints `text` on standard output.
pub(crate) fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_ref()).and_then(|()| out.flush()))
}

/// Returns an answer as JSON if `json` is `true`, else as text.
pub(crate) fn answer<T: serde::Serialize>(
    json: bool,
    answer: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<String, String> {
    match json {
        true => self::json(answer),
        false => Ok(text(answer)),
    }
}

pub(crate) fn json<T: serde::Serialize>(answer: &T) -> Result<String, String> {
    let text = serde_json::to_string_pretty(answer);
    text.map(|text| text + "\n").map_err(|e| e.to_string())
}

/// Prints an answer after which this process ends with `code`.
pub(crate) fn ending(text: &str, code: u8) -> Failure {
    print(text).map_or_else(|failure| failure, |()| Failure::Silent(code))
}

/// Returns the outcome of writing to standard output.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Silent(READER_GONE),
        _ => Failure::Message(format!("standard output: {error}")),
    })
}

/// Writes `text` to the file `path`.
pub(crate) fn save(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Returns whether an option names standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Returns the exit code of a run: 0 if its report is clean, 1 if something fails. An error is
/// printed, and gives 2.
pub(crate) fn exit_code(report: &Report) -> ExitCode {
    match &report.error {
        Some(why) => failed(why),
        None => ExitCode::from(u8::from(!report.is_clean())),
    }
}

/// Prints an error message. Returns the exit code 2, for a task that could not be done.
pub(crate) fn failed(message: &str) -> ExitCode {
    complain(message);
    ExitCode::from(2)
}

/// Prints an error message on standard error, in colours where that is a terminal.
pub(crate) fn complain(message: &str) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{red}cabi:{red:#} {message}");
}

/// Prints a warning on standard error, in colours where that is a terminal.
pub(crate) fn warn(message: &str) {
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    anstream::eprintln!("{yellow}cabi: warning:{yellow:#} {message}");
}
