//! The child in which the function is called, and the parent that says how it ended.
//!
//! What there is to print the child leaves in a file, and the parent prints it: whatever the function does to the descriptors of its process,
//! a result is printed or its loss is an error.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// How far the child came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// The function is about to run.
    Calling,
    /// It has returned, and its result follows.
    Returned,
}

impl Progress {
    fn word(self) -> &'static str {
        match self {
            Self::Calling => "calling\n",
            Self::Returned => "returned\n",
        }
    }
}

/// Writes down, in the child, how far it is, and what is to be printed.
pub(crate) fn note(path: &Path, progress: Progress, text: &str) -> Result<(), String> {
    fs::write(path, format!("{}{text}", progress.word()))
        .map_err(|e| format!("the result cannot be written to {}: {e}", path.display()))
}

/// The file that the child writes and the parent reads. On Linux it has no name, so that it is gone with its readers, whatever ends them;
/// the child reaches it through a descriptor of the parent, which the function called cannot close.
struct Shared {
    #[cfg(target_os = "linux")]
    file: fs::File,
    #[cfg(not(target_os = "linux"))]
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Shared {
    #[cfg(target_os = "linux")]
    fn new() -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let file = tempfile::tempfile()?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        Ok(Self {
            file,
            path: path.into(),
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn new() -> io::Result<Self> {
        let file = tempfile::NamedTempFile::new()?;
        let path = file.path().to_owned();
        Ok(Self { file, path })
    }

    fn read(&mut self) -> io::Result<String> {
        let mut text = String::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Runs this same command in a child, and gives what there is to print.
///
/// # Errors
/// That the call of `function` ended the child. Where the child has said itself what is wrong, the message is empty.
pub(crate) fn run(function: &str) -> Result<String, String> {
    let mut progress = Shared::new().map_err(|e| format!("temporary file: {e}"))?;
    let own = std::env::current_exe().map_err(|e| format!("the path of this command: {e}"))?;
    let mut words = std::env::args_os().skip(1);
    let status = Command::new(&own)
        .args(words.next())
        .arg("--progress")
        .arg(&progress.path)
        .args(words)
        .status()
        .map_err(|e| format!("{}: {e}", own.display()))?;
    let reached = progress.read().unwrap_or_default();
    if reached == Progress::Calling.word() {
        return Err(format!("{function} {}", not_returned(status)));
    }
    let Some(text) = reached.strip_prefix(Progress::Returned.word()) else {
        return match status.code() {
            // It has said itself what is wrong.
            Some(2) => Err(String::new()),
            _ => Err(format!(
                "{function} was not called: the process {}",
                ending(status)
            )),
        };
    };
    if status.success() {
        return Ok(text.to_owned());
    }
    crate::write_out(text)?;
    Err(format!(
        "{function} returned, but what it left behind did not end well: the process {}",
        ending(status)
    ))
}

fn not_returned(status: ExitStatus) -> String {
    match status.code() {
        // What this command exits with when it cannot keep the result.
        Some(2) => format!(
            "did not return, or left no way to say so: its process {}",
            ending(status)
        ),
        Some(_) => format!("did not return: its process {}", ending(status)),
        None => ending(status),
    }
}

/// How a child ended, as a message goes on after its name.
#[cfg(unix)]
pub(crate) fn ending(status: ExitStatus) -> String {
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
pub(crate) fn ending(status: ExitStatus) -> String {
    exit(status)
}

fn exit(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit status {code}"),
        None => "ended".into(),
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
