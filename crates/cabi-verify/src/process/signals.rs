//! Signals that end this process or its children.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Set by a signal that is watched.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The signals by which a user, or a system, ends a program.
const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// Has an interrupt, and other requests to end, set [`was_interrupted`] from now on, instead of
/// ending this process: so that folders can be removed and children be ended.
pub fn watch_signals() {
    extern "C" fn note(_: libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    set_signals(
        &SIGNALS,
        note as extern "C" fn(libc::c_int) as libc::sighandler_t,
    );
}

/// Checks whether a watched signal came.
pub fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

fn set_signals(signals: &[libc::c_int], action: libc::sighandler_t) {
    for &signal in signals {
        // SAFETY: a zeroed sigaction has no flags (so that waiting is interrupted) and an empty
        // mask; `action` is SIG_DFL or a function that only stores to an atomic.
        unsafe {
            let mut what: libc::sigaction = std::mem::zeroed();
            // As `nohup` asks for.
            libc::sigaction(signal, std::ptr::null(), &raw mut what);
            if what.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            what = std::mem::zeroed();
            what.sa_sigaction = action;
            libc::sigaction(signal, &raw const what, std::ptr::null_mut());
        }
    }
}

/// Ends this process when its parent ends, however that does.
fn die_with(parent: u32) {
    #[cfg(target_os = "linux")]
    // SAFETY: both only concern this process, and may be called between a fork and an exec.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // The parent may have ended before that.
        if libc::getppid().cast_unsigned() != parent {
            libc::_exit(1);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
}

/// Has `command` end when this process, or the thread that starts it, ends. The processes that a
/// compiler's driver has started are not told, but their processor time is limited to a multiple of
/// `limit`, because they may have threads.
pub(super) fn die_with_parent_in(command: &mut Command, limit: Duration) {
    use std::os::unix::process::CommandExt;
    let parent = std::process::id();
    let seconds = limit.as_secs().max(1).saturating_mul(16);
    let prepare = move || {
        die_with(parent);
        let most = libc::rlimit {
            rlim_cur: seconds,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: only sets a limit of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_CPU, &raw const most) };
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made.
    unsafe { command.pre_exec(prepare) };
}

/// Ends a child that leads a process group of its own, and all of the group.
pub(super) fn end_group(leader: &std::process::Child) {
    let group = libc::pid_t::try_from(leader.id());
    if let Ok(group) = group.map(|id| -id) {
        // SAFETY: nobody has waited for the child, so its number, which the group has too, is still
        // its own.
        unsafe { libc::kill(group, libc::SIGKILL) };
    }
}

/// Checks whether a child waits for the signal that lets it go on.
pub(super) fn is_stopped(child: &std::process::Child) -> bool {
    // SAFETY: zeros are such a value; asks about a child that nobody has waited for, which it
    // leaves as it is.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let how = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT;
        libc::waitid(libc::P_PID, child.id(), &raw mut info, how) == 0 && info.si_pid() != 0
    }
}
