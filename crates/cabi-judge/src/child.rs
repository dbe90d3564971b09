//! Cases in child processes, so that a crash belongs to a case and the rest goes on.
//!
//! A job is a list of cases. A child (a fork: it has all the parent has read and loaded) runs them in order and writes what became of
//! each to a file both have open. If it dies, the case it had begun is the one that killed it, and another child goes on behind it. The
//! parent must have one thread only, which a test without libtest's harness has.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// What became of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It passed; so many calls were made.
    Passed(usize),
    /// What it asks for is refused, for this reason.
    Refused(String),
    /// It failed.
    Failed(String),
    /// The child died of it.
    Crashed(String),
}

/// Seconds after which a case hangs.
const SECONDS: u32 = 20;

/// Runs each job, a number of cases, with `case(job, index)`, up to `at_once` children at a time. Returns the outcomes of each job.
///
/// # Errors
/// The system's, if no child can be made.
pub fn run(
    jobs: &[usize],
    at_once: usize,
    case: impl Fn(usize, usize) -> Outcome,
) -> io::Result<Vec<Vec<Outcome>>> {
    run_telling(jobs, at_once, case, |_| {})
}

/// As [`run`]; tells `progress` how many cases are done since it was last told.
///
/// # Errors
/// The system's, if no child can be made; [`io::ErrorKind::Interrupted`] after a signal that [`watch_signals`] watches, when no child is left.
pub fn run_telling(
    jobs: &[usize],
    at_once: usize,
    case: impl Fn(usize, usize) -> Outcome,
    mut progress: impl FnMut(usize),
) -> io::Result<Vec<Vec<Outcome>>> {
    let mut outcomes: Vec<Vec<Outcome>> = jobs.iter().map(|_| Vec::new()).collect();
    let mut waiting: VecDeque<usize> = (0..jobs.len()).filter(|job| jobs[*job] > 0).collect();
    let mut running: Vec<Child> = Vec::new();
    loop {
        if was_interrupted() {
            end_all(&running);
            return Err(io::ErrorKind::Interrupted.into());
        }
        while running.len() < at_once.max(1)
            && let Some(job) = waiting.pop_front()
        {
            running.push(start(job, outcomes[job].len()..jobs[job], &case)?);
        }
        if running.is_empty() {
            return Ok(outcomes);
        }
        let Some((job, found)) = wait(&mut running)? else {
            continue;
        };
        progress(found.len());
        outcomes[job].extend(found);
        if outcomes[job].len() < jobs[job] {
            waiting.push_front(job);
        }
    }
}

struct Child {
    pid: libc::pid_t,
    job: usize,
    file: File,
}

fn start(
    job: usize,
    cases: std::ops::Range<usize>,
    case: &impl Fn(usize, usize) -> Outcome,
) -> io::Result<Child> {
    let mut file = tempfile::tempfile()?;
    // SAFETY: this process has one thread (see above), so the child may do whatever the parent may.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            die_with_parent();
            for index in cases {
                // SAFETY: both only set a timer of this process, or end it.
                unsafe { libc::alarm(SECONDS) };
                let outcome =
                    catch_unwind(AssertUnwindSafe(|| case(job, index))).unwrap_or_else(|cause| {
                        let text = cause
                            .downcast_ref::<String>()
                            .cloned()
                            .or_else(|| cause.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                        Outcome::Failed(format!("panicked: {}", text.unwrap_or_default()))
                    });
                if file.write_all(line(&outcome).as_bytes()).is_err() {
                    break;
                }
            }
            // SAFETY: ends the child without the parent's exit handlers; the file needs no flush.
            unsafe { libc::_exit(0) }
        }
        pid => Ok(Child { pid, job, file }),
    }
}

/// Set by a signal that is watched.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The signals by which a user, or a system, ends a program.
const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// From now on an interrupt, and what else politely ends a program, does not end this process but is what [`was_interrupted`] says: so that
/// folders can be removed and children be ended.
pub fn watch_signals() {
    extern "C" fn note(_: libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    set_signals(note as extern "C" fn(libc::c_int) as libc::sighandler_t);
}

/// Whether a watched signal came.
#[must_use]
pub fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

fn set_signals(action: libc::sighandler_t) {
    for signal in SIGNALS {
        // SAFETY: a zeroed sigaction has no flags (so that waiting is interrupted) and an empty mask; `action` is SIG_DFL or a function
        // that only stores to an atomic.
        unsafe {
            let mut what: libc::sigaction = std::mem::zeroed();
            what.sa_sigaction = action;
            libc::sigaction(signal, &raw const what, std::ptr::null_mut());
        }
    }
}

/// A child dies of what its parent survives, and with it.
fn die_with_parent() {
    set_signals(libc::SIG_DFL);
    #[cfg(target_os = "linux")]
    // SAFETY: only sets a property of this process.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}

fn end_all(running: &[Child]) {
    for child in running {
        // SAFETY: the process is a child of this one that nobody has waited for, so the number is still its own.
        unsafe {
            libc::kill(child.pid, libc::SIGKILL);
            libc::waitpid(child.pid, std::ptr::null_mut(), 0);
        }
    }
}

/// Ends a child that leads a process group of its own, and all of the group.
pub(crate) fn end_group(leader: &std::process::Child) {
    let group = libc::pid_t::try_from(leader.id());
    if let Ok(group) = group.map(|id| -id) {
        // SAFETY: nobody has waited for the child, so its number, which the group has too, is still its own.
        unsafe { libc::kill(group, libc::SIGKILL) };
    }
}

/// Waits for the next child to end. `None` if a signal came first.
fn wait(running: &mut Vec<Child>) -> io::Result<Option<(usize, Vec<Outcome>)>> {
    let mut status = 0;
    // SAFETY: `status` is a valid place for the result.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, 0) };
    if pid == -1 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
        return Ok(None);
    }
    let Some(at) = running.iter().position(|child| child.pid == pid) else {
        return Err(io::Error::last_os_error());
    };
    let mut child = running.swap_remove(at);
    let mut text = String::new();
    child.file.seek(SeekFrom::Start(0))?;
    child.file.read_to_string(&mut text)?;
    let mut outcomes: Vec<Outcome> = text.lines().filter_map(read).collect();
    if libc::WIFSIGNALED(status) {
        let why = match libc::WTERMSIG(status) {
            libc::SIGSEGV => "SIGSEGV".to_owned(),
            libc::SIGBUS => "SIGBUS".to_owned(),
            libc::SIGILL => "SIGILL".to_owned(),
            libc::SIGABRT => "SIGABRT".to_owned(),
            libc::SIGFPE => "SIGFPE".to_owned(),
            libc::SIGALRM => format!("hangs: more than {SECONDS} seconds"),
            other => format!("signal {other}"),
        };
        outcomes.push(Outcome::Crashed(why));
    } else if libc::WEXITSTATUS(status) != 0 {
        let code = libc::WEXITSTATUS(status);
        outcomes.push(Outcome::Crashed(format!("exit code {code}")));
    }
    Ok(Some((child.job, outcomes)))
}

fn line(outcome: &Outcome) -> String {
    let (letter, text) = match outcome {
        Outcome::Passed(calls) => ('p', calls.to_string()),
        Outcome::Refused(why) => ('r', why.clone()),
        Outcome::Failed(why) => ('f', why.clone()),
        Outcome::Crashed(why) => ('c', why.clone()),
    };
    format!("{letter}{}\n", text.replace(['\n', '\r'], " "))
}

fn read(line: &str) -> Option<Outcome> {
    let text = line.get(1..)?;
    Some(match line.chars().next()? {
        'p' => Outcome::Passed(text.parse().ok()?),
        'r' => Outcome::Refused(text.to_owned()),
        'f' => Outcome::Failed(text.to_owned()),
        _ => Outcome::Crashed(text.to_owned()),
    })
}
