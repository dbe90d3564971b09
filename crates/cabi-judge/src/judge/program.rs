//! A compiler as a process: what it printed and how it ended. One that hangs is ended, and so is one that works when this process is
//! interrupted.

use std::io;
use std::process::{Command, ExitStatus, Output};

/// Runs `command` to its end.
///
/// # Errors
/// It cannot be started; it takes longer than any compiler should; an interrupt.
#[cfg(all(target_arch = "x86_64", unix))]
pub(super) fn output(mut command: Command) -> io::Result<Output> {
    use std::io::{Read, Seek, SeekFrom};
    use std::os::unix::process::CommandExt;
    use std::time::{Duration, Instant};

    use crate::child::{end_group, was_interrupted};

    /// Minutes for a file of a few thousand lines are a compiler that hangs.
    const LIMIT: Duration = Duration::from_secs(300);

    // Files, not pipes: nobody has to read while it runs.
    let (mut out, mut errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(std::process::Stdio::null());
    command.stdout(out.try_clone()?).stderr(errors.try_clone()?);
    // A group of its own: a compiler's driver has children.
    let mut child = command.process_group(0).spawn()?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let late = start.elapsed() >= LIMIT;
        if late || was_interrupted() {
            end_group(&child);
            child.wait()?;
            return Err(if late {
                io::Error::new(io::ErrorKind::TimedOut, "hangs: more than 5 minutes")
            } else {
                io::Error::new(io::ErrorKind::Interrupted, "interrupted")
            });
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let read = |file: &mut std::fs::File| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    Ok(Output {
        status,
        stdout: read(&mut out)?,
        stderr: read(&mut errors)?,
    })
}

/// Runs `command` to its end.
///
/// # Errors
/// It cannot be started.
#[cfg(not(all(target_arch = "x86_64", unix)))]
pub(super) fn output(mut command: Command) -> io::Result<Output> {
    command.output()
}

/// Whether the system, or a user, ended it: then it has refused nothing.
#[cfg(all(target_arch = "x86_64", unix))]
pub(super) fn was_killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(libc::SIGKILL)
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
pub(super) fn was_killed(_: ExitStatus) -> bool {
    false
}
