//! The child in which the function is called, and the parent that prints how it ended.
//!
//! The child writes its result to a file, and the parent prints that. A function that changes the
//! descriptors of its process cannot lose the result without an error.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::ending::{ending, own_command};
use crate::output::{self, Failure};
use crate::reading::check;

/// Progress of the child. The header has been read, the function is about to run, or it has
/// returned and its result follows.
pub(crate) const READ: &str = "read\n";
pub(crate) const CALLING: &str = "calling\n";
pub(crate) const RETURNED: &str = "returned\n";

/// Start of the message about a process that fails after the call, before how it ended.
pub(crate) const ENDED_BADLY: &str = "returned, but its process failed afterwards: it";

/// Writes, in the child, its progress and the text to print. A child whose parent has ended exits
/// without a message, which nobody would read.
pub(crate) fn note(path: &Path, progress: &str, text: &str) -> Result<(), String> {
    fs::write(path, format!("{progress}{text}")).map_err(|e| {
        // The descriptors of a parent are closed before the signal comes that ends the child.
        if cfg!(target_os = "linux") && e.kind() == io::ErrorKind::NotFound {
            std::process::exit(2);
        }
        format!("cannot write the result to {}: {e}", path.display())
    })
}

/// Returns the file that the parent reads, the path at which the child writes it, and its name. On
/// Linux it has no name, so that nothing is left after its readers, however they end. The child
/// reaches it through a descriptor of the parent, which the called function cannot close.
fn shared() -> io::Result<(fs::File, PathBuf, Option<TempPath>)> {
    let (file, name) = tempfile::NamedTempFile::new()?.into_parts();
    #[cfg(target_os = "linux")]
    {
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        let path = PathBuf::from(format!("/proc/{}/fd/{number}", std::process::id()));
        fs::metadata(&path)?;
        name.close()?;
        Ok((file, path, None))
    }
    #[cfg(not(target_os = "linux"))]
    Ok((file, name.to_path_buf(), Some(name)))
}

/// Runs this same command in a child, and returns the text to print.
///
/// # Errors
/// libclang does not return from `header`, the call of `function` ended or stopped the child, or
/// the child's own message.
pub(crate) fn run(function: &str, header: &str) -> Result<String, Failure> {
    let (mut file, path, _name) = shared().map_err(check::no_file)?;
    let mut progress = || check::text(&mut file).unwrap_or_default();
    let mut command = own_command()?;
    let mut words = std::env::args_os().skip(1);
    command.args(words.next()).arg("--progress").arg(path);
    command.args(words);
    let ended = check::run(&mut command, || !progress().is_empty())?;
    let reached = progress();
    let (code, how) = match ended {
        Some(status) if !reached.is_empty() || status.code().is_some() => {
            (status.code(), ending(status))
        }
        None if !reached.is_empty() => (None, "stopped itself and was ended".to_owned()),
        ended => return Err(check::not_read(header, ended).into()),
    };
    let is_called = reached == CALLING;
    let why = match (reached.strip_prefix(RETURNED), code) {
        (Some(text), Some(0)) => return Ok(text.to_owned()),
        (Some(text), _) => {
            output::print(text)?;
            ENDED_BADLY
        }
        // Status of this command when it cannot keep the result.
        (_, Some(2)) if is_called => "did not return, or its result was not written: its process",
        // The child has printed its error itself.
        (_, Some(2)) => return Err(Failure::Silent(2)),
        _ if is_called => "did not return: its process",
        _ => "was not called: the process",
    };
    Err(format!("{function} {why} {how}").into())
}
