//! Processes of this command: their start, and their end, with the parent and in words.

use std::process::{Command, ExitStatus};

/// Variable by which a child of this command knows its parent.
const PARENT: &str = "CABI_PARENT";

/// Starts this command again. A build for AArch64 is started by the emulator that the variable
/// `CABI_RUNNER` names, if it is set.
///
/// # Errors
/// The system does not say where this command is.
pub(crate) fn own_command() -> Result<Command, String> {
    let exe = std::env::current_exe().map_err(|e| format!("unknown path of this command: {e}"))?;
    let runner = match cfg!(target_arch = "x86_64") {
        true => String::new(),
        false => std::env::var("CABI_RUNNER").unwrap_or_default(),
    };
    let mut words = runner.split_whitespace();
    Ok(match words.next() {
        // The emulator may start a process of its own, which is then the parent.
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.args(words).arg(exe);
            command
        }
        None => {
            let mut command = Command::new(exe);
            command.env(PARENT, std::process::id().to_string());
            command
        }
    })
}

/// Returns the way a child ended, in words that follow its name in a message.
pub(crate) fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit status {code}"),
        // The standard library names the signal.
        None => format!("was ended by {status}").replace("signal: ", "signal "),
    }
}

/// Ends this process, a child of another process of this command, when that process ends.
pub(crate) fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
        // If a system refuses this, the child outlives its parent. Nothing else depends on the
        // signal.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        // The parent may have ended before the signal was set.
        let own = getppid().map(Pid::as_raw_pid).map(|id| id.to_string());
        if std::env::var(PARENT).is_ok_and(|id| own != Some(id)) {
            std::process::exit(2);
        }
    }
}
