//! Reading of C in a child. Text that overflows libclang's stack, fills the memory or is never read
//! to its end gives an error message.
//!
//! `explain` and `call` read and work in the child. `verify` has children of its own, and first
//! checks in one whether the reading ends.

use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cabi_header::{HeaderError, Options};
use clap::Args;

use super::{COMMAND_LINE, foreign, include};
use crate::ending::{ending, own_command};
use crate::output::{self, Failure};

/// Bytes of memory that the child may have, and the time that it may take.
const MEMORY: u64 = 2 << 30;
const SECONDS: u64 = 60;

/// Most bytes that a header may have.
const FILE_SIZE: u64 = 64 << 20;

/// Reads a header and prints what is wrong with it. The parent needs to know whether the reading
/// ends.
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct ReadC {
    /// The header, as after `#include`.
    #[arg(allow_hyphen_values = true)]
    header: String,
    /// Arguments for clang.
    #[arg(last = true)]
    clang: Vec<String>,
}

impl ReadC {
    pub(crate) fn run(&self) -> Result<String, Failure> {
        crate::ending::end_with_parent();
        let options = Options::new().name(COMMAND_LINE).args(&self.clang);
        match limited(|| cabi_header::parse(&include(&self.header), &options)) {
            Ok(_) => Ok(String::new()),
            Err(error) => {
                let message = message(&self.header, &error);
                let (triple, _) = super::split_target(&self.clang);
                // `verify` passes clang no arguments of its user.
                let missing =
                    triple.and_then(|triple| foreign::missing_header(triple, &error, false));
                output::print(missing.unwrap_or(message))?;
                Err(Failure::Silent(2))
            }
        }
    }
}

/// Reads C in this process, a child that its parent ends in time. Memory is limited, if the system
/// allows that. A crash of libclang leaves no core file and prints nothing.
#[cfg(unix)]
pub(crate) fn limited<T>(read: impl FnOnce() -> T) -> T {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = [(Resource::As, MEMORY), (Resource::Core, 0)].map(|(resource, limit)| {
        let previous = getrlimit(resource);
        let limited = Rlimit {
            current: Some(previous.current.map_or(limit, |own| own.min(limit))),
            maximum: previous.maximum,
        };
        let _ = setrlimit(resource, limited);
        (resource, previous)
    });
    let result = without_stderr(read);
    // The limits from before may be lower than the system's.
    for (resource, previous) in limits {
        let _ = setrlimit(resource, previous);
    }
    result
}

#[cfg(not(unix))]
pub(crate) fn limited<T>(read: impl FnOnce() -> T) -> T {
    read()
}

#[cfg(unix)]
fn without_stderr<T>(read: impl FnOnce() -> T) -> T {
    use rustix::stdio::{dup2_stderr, stderr};
    let null = std::fs::File::options().write(true).open("/dev/null");
    let own = rustix::io::fcntl_dupfd_cloexec(stderr(), 3);
    let (Ok(null), Ok(own)) = (null, own) else {
        return read();
    };
    let _ = dup2_stderr(&null);
    let done = read();
    let _ = dup2_stderr(&own);
    done
}

/// Variable that distinguishes a child of this command from its parent.
const CHILD: &str = "CABI_READS_C";

/// Runs this same command again in a child with limits, which does the `work` and prints the
/// result.
///
/// # Errors
/// libclang does not return from `what` it reads, or the child's own message.
pub(crate) fn in_child(
    what: &str,
    work: impl FnOnce() -> Result<String, Failure>,
) -> Result<String, Failure> {
    if is_child() {
        crate::ending::end_with_parent();
        return work();
    }
    let mut command = own_command()?;
    command.args(std::env::args_os().skip(1)).env(CHILD, "1");
    let ended = run(&mut command, || false)?;
    match ended.and_then(|status| status.code()) {
        Some(0) => Ok(String::new()),
        Some(code) => Err(Failure::of_child(code)),
        None => Err(not_read(what, ended).into()),
    }
}

/// Checks whether this process is the child of [`in_child`].
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Returns the message that libclang has not returned from `what` it read: it `ended` the process,
/// or its time was up.
pub(crate) fn not_read(what: &str, ended: Option<ExitStatus>) -> String {
    match ended {
        Some(status) => format!("{what}: libclang {} while reading", ending(status)),
        None => format!("{what}: libclang did not finish reading in {SECONDS} s"),
    }
}

/// Returns the errors of the text called `what`, a line for each.
pub(crate) fn message(what: &str, error: &HeaderError) -> String {
    let most = MEMORY >> 30;
    match error {
        HeaderError::Refused { .. } => {
            format!("{what}: {error} (with at most {most} GiB of memory)")
        }
        _ => error.to_string(),
    }
}

/// Refuses a header that `#include` cannot name, that is no ordinary file, or that is too large.
/// The whole file is read, and more than once.
pub(crate) fn file(header: &str) -> Result<(), String> {
    if header.contains(['"', '\n', '\r']) {
        return Err(format!(
            "{header:?}: a name with a quotation mark or a line break cannot stand in `#include`"
        ));
    }
    let Ok(metadata) = Path::new(header).metadata() else {
        if header.contains([';', '{']) {
            return Err(format!(
                "{header:?}: this subcommand takes headers, not C text: write the text to a file"
            ));
        }
        // clang searches for it.
        return Ok(());
    };
    if !metadata.is_file() {
        return Err(format!(
            "{header}: not a regular file, and a header is read more than once"
        ));
    }
    if metadata.len() > FILE_SIZE {
        return Err(format!(
            "{header}: {} bytes, more than the {FILE_SIZE} that a header may have",
            metadata.len()
        ));
    }
    Ok(())
}

/// Refuses a header that is wrong as a whole, or from which libclang does not return.
///
/// The child prints the errors, a line each. Without its limits the same header may take all memory
/// there is.
pub(crate) fn header(header: &str, args: &[String]) -> Result<(), String> {
    file(header)?;
    let mut command = own_command()?;
    command.args(["read-c", header, "--"]).args(args);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    // A file, not a pipe, which would have to be read while the child runs.
    let mut output = tempfile::tempfile().map_err(no_file)?;
    command.stdout(output.try_clone().map_err(no_file)?);
    match run(&mut command, || false)? {
        Some(status) if status.success() => Ok(()),
        ended => Err(match text(&mut output).map_err(no_file)? {
            message if ended.is_some() && !message.is_empty() => message,
            _ => not_read(header, ended),
        }),
    }
}

/// Returns the message that there is no file for the output of a child.
pub(crate) fn no_file(error: io::Error) -> String {
    let folder = std::env::temp_dir();
    let folder = folder.display();
    format!("cannot create a temporary file in {folder}: {error}")
}

/// Returns the whole text of a file.
pub(crate) fn text(file: &mut (impl Read + Seek)) -> io::Result<String> {
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Runs `command` and returns how it ended. Returns `None` if it was ended: it stopped itself, or
/// its time was up before it was `done` with reading, which alone has a time limit. An interrupt
/// that this process watches is passed on.
pub(crate) fn run(
    command: &mut Command,
    done: impl FnMut() -> bool,
) -> Result<Option<ExitStatus>, String> {
    let child = command.spawn();
    let ended = child.and_then(|child| wait(child, done));
    ended.map_err(|e| format!("{}: {e}", command.get_program().display()))
}

fn wait(mut child: Child, mut done: impl FnMut() -> bool) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let (mut pause, mut is_done, mut n_stopped) = (Duration::from_millis(1), false, 0);
    // A terminal stops this process too, which then does not look.
    while n_stopped < 100 && (is_done || start.elapsed() < Duration::from_secs(SECONDS)) {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        // The child removes its folders before it ends.
        #[cfg(unix)]
        if cabi_verify::process::was_interrupted() {
            use rustix::process::{Pid, Signal, kill_process};
            kill_process(Pid::from_child(&child), Signal::TERM)?;
        }
        let is_stopped = cabi_verify::process::is_stopped(&child);
        n_stopped = if is_stopped { n_stopped + 1 } else { 0 };
        is_done = is_done || done();
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
