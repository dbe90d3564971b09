//! Processes: a compiler, or a program that it made, with what it printed and how it ended; signals
//! that interrupt this process.
//!
//! A process that takes too long is ended, and so are those that still work when this process is
//! interrupted or killed.

use std::io;
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

#[cfg(unix)]
use crate::scratch::Scratch;

#[cfg(unix)]
mod guard;
#[cfg(unix)]
#[allow(unsafe_code)]
mod signals;

#[cfg(unix)]
pub use signals::{is_stopped, was_interrupted, watch_signals};

/// Returns the command that `words` and `args` after them call. Its messages, which are compared
/// and printed, are not in the user's language.
pub(crate) fn command(words: &[String], args: &[&str]) -> Command {
    let mut words = words.iter();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    command.args(words).args(args).env("LC_ALL", "C");
    command
}

/// Runs `command` to its end, for at most `limit`. Its temporary files are removed with it.
///
/// # Errors
/// A command that cannot be started, or takes longer than `limit`; an interrupt.
pub(crate) fn output(command: Command, limit: Duration) -> io::Result<Output> {
    let (output, why) = run(command, limit)?;
    why.map_or(Ok(output), Err)
}

/// Runs `command` for at most `limit`; one that takes longer, or stops itself, is ended.
///
/// # Errors
/// A command that cannot be started; an interrupt.
pub(crate) fn output_until(command: Command, limit: Duration) -> io::Result<Output> {
    match run(command, limit)? {
        (_, Some(why)) if why.kind() == io::ErrorKind::Interrupted => Err(why),
        (output, _) => Ok(output),
    }
}

/// Runs `command` with a folder for its temporary files. Returns why it was ended, if it was.
#[cfg(unix)]
fn run(mut command: Command, limit: Duration) -> io::Result<(Output, Option<io::Error>)> {
    use std::os::unix::fs::FileExt;
    use std::time::Instant;

    use guard::Group;
    use signals::has_ended;

    // A compiler that is ended leaves files after.
    let folder = Scratch::new()?;
    command.env("TMPDIR", folder.path());
    // Files, not pipes, which would have to be read while it runs.
    let (out, errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(std::process::Stdio::null());
    command.stdout(out.try_clone()?).stderr(errors.try_clone()?);
    // A group of its own: a compiler's driver has children.
    let group = Group::new()?;
    group.admit(&mut command);
    let mut child = command.spawn()?;
    let start = Instant::now();
    let why = loop {
        if has_ended(&child) {
            break None;
        }
        let why = if start.elapsed() >= limit {
            let why = format!("hangs: it was ended after {} seconds", limit.as_secs());
            Some(io::Error::new(io::ErrorKind::TimedOut, why))
        } else if is_stopped(&child) {
            Some(io::Error::new(io::ErrorKind::TimedOut, "it stops itself"))
        } else {
            let why = || io::Error::new(io::ErrorKind::Interrupted, "interrupted");
            was_interrupted().then(why)
        };
        if let Some(why) = why {
            group.end();
            break Some(why);
        }
        // A large file is waited for in longer steps: a thousand looks a second are work too.
        let step = start.elapsed() / 16;
        std::thread::sleep(step.clamp(Duration::from_millis(1), Duration::from_millis(20)));
    };
    let status = child.wait()?;
    // A process that is left over shares the position, so none is set.
    let read = |file: &std::fs::File| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    };
    let output = Output {
        status,
        stdout: read(&out)?,
        stderr: read(&errors)?,
    };
    Ok((output, why))
}

#[cfg(not(unix))]
fn run(mut command: Command, _: Duration) -> io::Result<(Output, Option<io::Error>)> {
    Ok((command.output()?, None))
}

/// Does nothing: an interrupt ends this process.
#[cfg(not(unix))]
pub fn watch_signals() {}

/// Returns `false`: no signal is watched.
#[cfg(not(unix))]
pub fn was_interrupted() -> bool {
    false
}

/// Returns `false`: no process is stopped.
#[cfg(not(unix))]
pub fn is_stopped(_: &std::process::Child) -> bool {
    false
}

/// Returns the reason why the failure of a compiler is no answer. Memory ran out, another process
/// ended it, or the disk is full.
pub(crate) fn cause_of_no_answer(status: ExitStatus, messages: &str) -> Option<io::ErrorKind> {
    if messages.contains("No space left on device") || messages.contains("Disk quota exceeded") {
        return Some(io::ErrorKind::StorageFull);
    }
    if was_ended(status) || messages.contains("Killed signal terminated") {
        return Some(io::ErrorKind::OutOfMemory);
    }
    None
}

/// Checks whether a compiler that failed has crashed. Its driver reports a crash of the program
/// that does the work, and dies of no signal itself.
pub(crate) fn crashed(status: ExitStatus, messages: &str) -> bool {
    signal(status).is_some() || reports_crash(messages)
}

/// Checks whether a compiler's messages report a crash.
pub(crate) fn reports_crash(messages: &str) -> bool {
    const WORDS: [&str; 3] = [
        "internal compiler error",
        "PLEASE submit a bug report",
        "frontend command failed",
    ];
    WORDS.iter().any(|words| messages.contains(words))
}

/// Checks whether a hangup, an interrupt, SIGKILL or SIGTERM ended it.
fn was_ended(status: ExitStatus) -> bool {
    cfg!(unix) && matches!(signal(status), Some(1 | 2 | 9 | 15))
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}
