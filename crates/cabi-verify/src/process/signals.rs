//! Signals that end this process or its children.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by a signal that is watched.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The signals by which a user, or a system, ends a program.
const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// Makes an interrupt, or another request to end, set [`was_interrupted`] from now on, instead of
/// ending this process. The process can then remove folders and end children.
pub fn watch_signals() {
    extern "C" fn note(_: libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    let note = note as extern "C" fn(libc::c_int) as libc::sighandler_t;
    for signal in SIGNALS {
        // SAFETY: a zeroed sigaction has no flags (so that waiting is interrupted) and an empty
        // mask; `note` only stores to an atomic.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            // A signal that `nohup` has set to be ignored stays so.
            libc::sigaction(signal, std::ptr::null(), &raw mut action);
            if action.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            action = std::mem::zeroed();
            action.sa_sigaction = note;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Checks whether a watched signal came.
pub fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Makes a child lead a process group of its own. One that has started its program stays where it
/// is.
pub(super) fn lead_group(child: &Child) {
    if let Ok(id) = libc::pid_t::try_from(child.id()) {
        // SAFETY: a request about a child for which nobody has waited.
        unsafe { libc::setpgid(id, id) };
    }
}

/// Ends a child that leads a process group of its own, and all of the group.
pub(super) fn end_group(leader: &Child) {
    let group = libc::pid_t::try_from(leader.id());
    if let Ok(group) = group.map(|id| -id) {
        // SAFETY: nobody has waited for the child, so its number, which the group has too, is still
        // its own.
        unsafe { libc::kill(group, libc::SIGKILL) };
    }
}

/// Checks whether a child waits for the signal that lets it go on.
pub fn is_stopped(child: &Child) -> bool {
    has_changed(child, libc::WSTOPPED).unwrap_or(false)
}

/// Checks whether a child has ended, or the system cannot say, as waiting for the child then shows.
pub(super) fn has_ended(child: &Child) -> bool {
    has_changed(child, libc::WEXITED).unwrap_or(true)
}

fn has_changed(child: &Child, how: libc::c_int) -> Option<bool> {
    // SAFETY: zeros are such a value. `WNOWAIT` leaves the child, for which nobody has waited, as
    // it is.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let how = how | libc::WNOHANG | libc::WNOWAIT;
        let status = libc::waitid(libc::P_PID, child.id(), &raw mut info, how);
        (status == 0).then(|| info.si_pid() != 0)
    }
}
