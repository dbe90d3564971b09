//! Groups of processes that end with this process, however that ends.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::signals::{end_group, lead_group};

/// A group of processes that a shell leads.
///
/// At the end of its input, which comes when this process is gone, the shell ends the group. The
/// group is there before a program starts in it, so that no program is ever outside.
pub(super) struct Group(Child);

impl Group {
    /// Starts the shell, in a group that no interrupt of a terminal reaches.
    ///
    /// # Errors
    /// The shell cannot be started.
    pub(super) fn new() -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "read -r line; kill -s KILL 0"]);
        shell.process_group(0).stdin(Stdio::piped());
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        let shell = shell.spawn()?;
        // An emulator starts it by a fork, which returns before the child has made its group.
        lead_group(&shell);
        Ok(Self(shell))
    }

    /// Makes `command` start its program in this group.
    pub(super) fn admit(&self, command: &mut Command) {
        command.process_group(self.0.id().cast_signed());
    }

    /// Ends all of the group.
    pub(super) fn end(&self) {
        end_group(&self.0);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Only the shell is ended: a server that a compiler has started goes on. A shell that has
        // ended already is no error here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
