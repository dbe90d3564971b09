//! Cases in child processes, so that a crash belongs to a case and the rest goes on.
//!
//! A job is a list of cases. A child (a fork: it has all data of the parent) runs them in order and
//! writes the outcome of each to a file both have open. If it ends early, for any reason, the case
//! it had begun is the one that ended it, and another child goes on after that one.
//!
//! The parent must have one thread only, which a test without libtest's harness has: of the others a fork has nothing but the locks they held.
//! [`run`] refuses to fork otherwise. It waits for its own children alone. They die with the parent, and so do compilers.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::process::{SIGNALS, die_with, set_signals, was_interrupted};
use crate::verdict::Verdict;

/// Longest time of a case; one that takes longer hangs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Seconds of processor time: on a machine with other work, the clock says nothing.
    pub processor: u32,
    /// Seconds on the clock, for a case that waits for something and does no work.
    pub clock: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processor: 20,
            clock: 600,
        }
    }
}

/// Set in children, before their first case.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Checks whether this process is a child that runs cases: only there may untrusted code run.
pub(super) fn is_child() -> bool {
    IS_CHILD.load(Relaxed)
}

/// Runs each job, a number of cases, with `case(job, index)`, up to `at_once` children at a time. Returns the verdicts of each job: one for each
/// of its cases.
///
/// # Errors
/// The system's, if no child can be made; that this process has several threads.
pub fn run(
    jobs: &[usize],
    at_once: usize,
    case: impl Fn(usize, usize) -> Verdict,
) -> io::Result<Vec<Vec<Verdict>>> {
    run_within(jobs, at_once, Limits::default(), case)
}

/// Works as [`run`], with `limits` of its own.
///
/// # Errors
/// As [`run`]; [`io::ErrorKind::Interrupted`] after a signal that [`watch_signals`](crate::process::watch_signals) watches, when no child is left.
pub fn run_within(
    jobs: &[usize],
    at_once: usize,
    limits: Limits,
    case: impl Fn(usize, usize) -> Verdict,
) -> io::Result<Vec<Vec<Verdict>>> {
    let mut verdicts: Vec<Vec<Verdict>> = jobs.iter().map(|_| Vec::new()).collect();
    let mut waiting: VecDeque<usize> = (0..jobs.len()).filter(|job| jobs[*job] > 0).collect();
    let mut running = Running(Vec::new());
    if !waiting.is_empty() {
        check_threads()?;
    }
    loop {
        if was_interrupted() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        while running.0.len() < at_once.max(1)
            && let Some(job) = waiting.pop_front()
        {
            let cases = verdicts[job].len()..jobs[job];
            running.0.push(start(job, cases, limits, &case)?);
        }
        if running.0.is_empty() {
            return Ok(verdicts);
        }
        let Some((job, found)) = running.wait(limits)? else {
            continue;
        };
        verdicts[job].extend(found);
        if verdicts[job].len() < jobs[job] {
            waiting.push_front(job);
        }
    }
}

/// Refuses a process of several threads. One that was joined a moment ago may still be about to end.
fn check_threads() -> io::Result<()> {
    let start = Instant::now();
    // An emulator, which that variable names, has a thread of its own.
    let most = 1 + usize::from(std::env::var_os("CABI_RUNNER").is_some());
    loop {
        let n = n_threads();
        if n <= most {
            return Ok(());
        }
        if start.elapsed() > Duration::from_secs(2) {
            let why = format!("a process of {n} threads cannot be forked to run cases");
            return Err(io::Error::other(why));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Threads of this process; 1 where the system does not say.
fn n_threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

struct Child {
    pid: libc::pid_t,
    job: usize,
    n_cases: usize,
    file: File,
}

/// File that a child writes to, which no full disk prevents.
fn shared_file() -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::FromRawFd;
        // SAFETY: the name is a C string; a descriptor that is not negative is new, and ours.
        unsafe {
            let file = libc::memfd_create(c"verdicts".as_ptr(), libc::MFD_CLOEXEC);
            if file >= 0 {
                return Ok(File::from_raw_fd(file));
            }
        }
    }
    tempfile::tempfile()
}

fn start(
    job: usize,
    cases: std::ops::Range<usize>,
    limits: Limits,
    case: &impl Fn(usize, usize) -> Verdict,
) -> io::Result<Child> {
    let mut file = shared_file()?;
    let n_cases = cases.len();
    let parent = std::process::id();
    // SAFETY: this process has one thread, as `run_within` has checked, so the child may do whatever the parent may.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            IS_CHILD.store(true, Relaxed);
            set_signals(&SIGNALS, libc::SIG_DFL);
            // The report has the outcome of a case: Rust's own message about a stack overflow would
            // belong to none.
            set_signals(&[libc::SIGSEGV, libc::SIGBUS, libc::SIGPROF], libc::SIG_DFL);
            die_with(parent);
            let own = std::process::id();
            for index in cases {
                limits.start();
                let mut verdict = catch_unwind(AssertUnwindSafe(|| case(job, index)))
                    .unwrap_or_else(|cause| {
                        let text = cause
                            .downcast_ref::<String>()
                            .cloned()
                            .or_else(|| cause.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                        let text = text.unwrap_or_default();
                        Verdict::Differs(format!("panicked: {text}").into())
                    });
                if std::process::id() != own {
                    // A copy that the compiled code has made.
                    break;
                }
                if has_children() {
                    verdict = Verdict::Differs("it starts another process".into());
                }
                // Lines of text in it are escaped.
                let written = serde_json::to_writer(&file, &verdict).map_err(io::Error::from);
                if written.and_then(|()| file.write_all(b"\n")).is_err() {
                    break;
                }
            }
            // SAFETY: ends the child without the parent's exit handlers; the file needs no flush.
            unsafe { libc::_exit(0) }
        }
        pid => Ok(Child {
            pid,
            job,
            n_cases,
            file,
        }),
    }
}

/// Checks whether this process has a child, running or ended.
fn has_children() -> bool {
    // SAFETY: asks, and reaps one that has ended; null is no place for its status.
    unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) != -1 }
}

impl Limits {
    /// Ends this process when one of them is reached from now on.
    fn start(self) {
        let seconds = |n: u32| libc::timeval {
            tv_sec: n.into(),
            tv_usec: 0,
        };
        let limit = libc::itimerval {
            it_interval: seconds(0),
            it_value: seconds(self.processor),
        };
        // SAFETY: both only set a timer of this process, whose signal ends it.
        unsafe {
            libc::setitimer(libc::ITIMER_PROF, &raw const limit, std::ptr::null_mut());
            libc::alarm(self.clock);
        }
    }
}

/// The children at work, which are ended with it.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &self.0 {
            // SAFETY: the process is a child of this one that nobody has waited for, so the number is still its own.
            unsafe {
                libc::kill(child.pid, libc::SIGKILL);
                while libc::waitpid(child.pid, std::ptr::null_mut(), 0) == -1
                    && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
                {
                }
            }
        }
    }
}

impl Running {
    /// Waits for the next of them to end. `None` if a signal came first.
    fn wait(&mut self, limits: Limits) -> io::Result<Option<(usize, Vec<Verdict>)>> {
        let (at, status) = loop {
            // SAFETY: waits without reaping, and says only whether to look; null is no place for more.
            let waited = unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                libc::waitid(
                    libc::P_ALL,
                    0,
                    &raw mut info,
                    libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT,
                )
            };
            if waited == -1 {
                let error = io::Error::last_os_error();
                return match error.kind() {
                    io::ErrorKind::Interrupted => Ok(None),
                    _ => Err(error),
                };
            }
            if let Some(ended) = self.ended()? {
                break ended;
            }
            // A child of somebody else's stays as it is.
            if was_interrupted() {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let mut child = self.0.swap_remove(at);
        let mut text = String::new();
        child.file.seek(SeekFrom::Start(0))?;
        child.file.read_to_string(&mut text)?;
        let mut verdicts: Vec<Verdict> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .take(child.n_cases)
            .collect();
        if verdicts.len() < child.n_cases {
            verdicts.push(Verdict::died(&ending(status, limits)));
        }
        Ok(Some((child.job, verdicts)))
    }

    /// The place of one that has ended, which is reaped, and its status; one that has stopped itself is ended.
    fn ended(&self) -> io::Result<Option<(usize, libc::c_int)>> {
        for (at, child) in self.0.iter().enumerate() {
            let wait = |how| {
                let mut status = 0;
                // SAFETY: `status` is a valid place for the result; nobody else waits for this child.
                match unsafe { libc::waitpid(child.pid, &raw mut status, how) } {
                    0 => Ok(None),
                    -1 => Err(io::Error::last_os_error()),
                    _ => Ok(Some(status)),
                }
            };
            match wait(libc::WNOHANG | libc::WUNTRACED)? {
                // A terminal lets go on the processes that it stops.
                Some(status) if is_stopped(status) => {
                    // SAFETY: the child has not been waited for to its end, so the number is still its own.
                    unsafe { libc::kill(child.pid, libc::SIGKILL) };
                    wait(0)?;
                    return Ok(Some((at, status)));
                }
                Some(status) if !libc::WIFSTOPPED(status) => return Ok(Some((at, status))),
                _ => {}
            }
        }
        Ok(None)
    }
}

fn is_stopped(status: libc::c_int) -> bool {
    libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGSTOP
}

/// End of a child that has not done all of its cases.
fn ending(status: libc::c_int, limits: Limits) -> String {
    if is_stopped(status) {
        "it stops itself".to_owned()
    } else if libc::WIFSIGNALED(status) {
        match libc::WTERMSIG(status) {
            libc::SIGSEGV => "SIGSEGV".to_owned(),
            libc::SIGBUS => "SIGBUS".to_owned(),
            libc::SIGILL => "SIGILL".to_owned(),
            libc::SIGABRT => "SIGABRT".to_owned(),
            libc::SIGFPE => "SIGFPE".to_owned(),
            libc::SIGPROF => format!("hangs: more than {} seconds of work", limits.processor),
            libc::SIGALRM => format!("hangs: more than {} seconds", limits.clock),
            other => format!("signal {other}"),
        }
    } else {
        format!("exit code {}", libc::WEXITSTATUS(status))
    }
}
