//! Groups of processes that end with this process, however that ends.
//!
//! A shell reads their numbers. At the end of its input, which comes when this process is gone, it
//! ends those that the last line names. Nothing has to run in a child before its program does: a
//! process of this size would be copied for it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

const SHELL: &str =
    r#"while read -r groups; do left=$groups; done; [ -z "$left" ] || kill -s KILL -- $left"#;

/// The shell, and the groups that it ends.
static GUARD: Mutex<Option<(Child, Vec<u32>)>> = Mutex::new(None);

/// A group that ends with this process, as long as this value is there.
pub(super) struct GroupGuard(u32);

impl GroupGuard {
    /// Starts the shell, if it does not run yet. If this process were killed in between, a group
    /// that began to work before the shell would be left over.
    ///
    /// # Errors
    /// The shell cannot be started.
    pub(super) fn prepare() -> io::Result<()> {
        change(|_| ())
    }

    /// Adds the group of this number.
    ///
    /// # Errors
    /// The shell cannot be started, or was ended.
    pub(super) fn group(number: u32) -> io::Result<Self> {
        // Dropped by an error, it takes the number out again.
        let guard = Self(number);
        change(|groups| groups.push(number)).map(|()| guard)
    }
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        // Without a shell no number has to be taken out.
        let _ = change(|groups| groups.retain(|one| *one != self.0));
    }
}

fn change(by: impl FnOnce(&mut Vec<u32>)) -> io::Result<()> {
    let mut guard = GUARD.lock().unwrap_or_else(PoisonError::into_inner);
    let (shell, groups) = match &mut *guard {
        Some(guard) => guard,
        None => guard.insert((start()?, Vec::new())),
    };
    by(groups);
    let line: String = groups.iter().map(|group| format!("-{group} ")).collect();
    let mut input = shell.stdin.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
    input.write_all((line + "\n").as_bytes())
}

/// Starts the shell, in a group that no interrupt of a terminal reaches.
fn start() -> io::Result<Child> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", SHELL]).process_group(0);
    let shell = shell.stdin(Stdio::piped()).stdout(Stdio::null());
    shell.stderr(Stdio::null()).spawn()
}
