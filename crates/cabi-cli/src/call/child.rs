//! The child in which the function is called, and the parent that says how it ended.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// How far the child came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// The function is about to run.
    Calling,
    /// It has returned, and its result is known.
    Returned,
}

impl Progress {
    fn word(self) -> &'static str {
        match self {
            Self::Calling => "calling",
            Self::Returned => "returned",
        }
    }
}

/// Writes down, in the child, how far it is.
pub(crate) fn note(path: &Path, progress: Progress) -> Result<(), String> {
    fs::write(path, progress.word()).map_err(|e| format!("{}: {e}", path.display()))
}

/// Runs this same command in a child, which prints what there is to print.
///
/// # Errors
/// That the call of `function` ended the child. Where the child has said itself what is wrong, the message is empty.
pub(crate) fn run(function: &str) -> Result<String, String> {
    let progress = tempfile::NamedTempFile::new().map_err(|e| format!("temporary file: {e}"))?;
    let own = std::env::current_exe().map_err(|e| format!("the path of this command: {e}"))?;
    let mut words = std::env::args_os().skip(1);
    let status = Command::new(&own)
        .args(words.next())
        .arg("--progress")
        .arg(progress.path())
        .args(words)
        .status()
        .map_err(|e| format!("{}: {e}", own.display()))?;
    let reached = fs::read_to_string(progress.path()).unwrap_or_default();
    if reached == Progress::Calling.word() {
        return Err(format!("{function} {}", ending(status)));
    }
    match status.code() {
        Some(0) => Ok(String::new()),
        Some(_) => Err(String::new()),
        None => Err(format!("the child {}, not in {function}", ending(status))),
    }
}

#[cfg(unix)]
fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(number) => match signal_name(number) {
            Some(name) => format!("was ended by {name} (signal {number})"),
            None => format!("was ended by signal {number}"),
        },
        None => exit(status),
    }
}

#[cfg(not(unix))]
fn ending(status: ExitStatus) -> String {
    exit(status)
}

fn exit(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("did not return: it ended its process with exit status {code}"),
        None => "did not return".into(),
    }
}

/// Signals that end a process by themselves, with the numbers that all Unix systems share, and Linux's own.
#[cfg(unix)]
fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP, hangup",
        2 => "SIGINT, interrupt",
        3 => "SIGQUIT, quit",
        4 => "SIGILL, illegal instruction",
        5 => "SIGTRAP, trap",
        6 => "SIGABRT, abort",
        7 if cfg!(target_os = "linux") => "SIGBUS, bus error",
        8 => "SIGFPE, arithmetic exception",
        9 => "SIGKILL, killed",
        11 => "SIGSEGV, segmentation fault",
        13 => "SIGPIPE, broken pipe",
        14 => "SIGALRM, alarm",
        15 => "SIGTERM, terminated",
        _ => return None,
    })
}
