//! Cases in child processes: a crash or a hang is that case's result, not the end of the run.
//!
//! A suite calls [`each`] with an engine's name and a closure that runs one case. In the parent, `each` starts the suite's own program
//! again, with a variable that names the engine and the first case; in that child the same call runs case after case and says so
//! on its standard output, then ends the process. When a child dies, the case it was in has crashed, and the next child starts behind it.
//!
//! The suite must reach the same `each` with the same cases in the same order, whoever runs it; whatever it does before, the child
//! does too. In a child, calls of other engines return at once without running anything.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

const VARIABLE: &str = "CABI_CHILD";
const MARK: &str = "cabi-child";

/// Runs `case(0)` to `case(n - 1)` in child processes of this program, giving each case `limit` of time, and returns their outcomes.
///
/// # Errors
/// The outcome of a case is an error if the closure says so, if the child died in it (the signal or status is named), or if it took
/// longer than `limit`.
pub fn each(
    engine: &str,
    n: usize,
    limit: Duration,
    mut case: impl FnMut(usize) -> Result<(), String>,
) -> Vec<Result<(), String>> {
    if let Ok(task) = env::var(VARIABLE) {
        if let Some((name, first)) = task.rsplit_once('@')
            && name == engine
        {
            serve(first.parse().unwrap_or(n), n, &mut case);
        }
        return vec![Ok(()); n];
    }
    let mut outcomes: Vec<Result<(), String>> = Vec::new();
    while outcomes.len() < n {
        match start(engine, outcomes.len()) {
            Ok((child, lines)) => follow(child, &lines, limit, n, &mut outcomes),
            Err(why) => outcomes.push(Err(why)),
        }
    }
    outcomes
}

/// Whether this process is a child started by [`each`]; suites keep quiet then.
#[must_use]
pub fn is_child() -> bool {
    env::var_os(VARIABLE).is_some()
}

/// In the child: the cases from `first` on, each announced before it runs, and the end of the process.
fn serve(first: usize, n: usize, case: &mut dyn FnMut(usize) -> Result<(), String>) {
    for i in first..n {
        say(&format!("{MARK} {i} runs"));
        match case(i) {
            Ok(()) => say(&format!("{MARK} {i} passes")),
            Err(why) => say(&format!("{MARK} {i} fails {}", why.replace('\n', "\\n"))),
        }
    }
    std::process::exit(0);
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A parent that is gone ends the child soon enough.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn start(engine: &str, first: usize) -> Result<(Child, Receiver<String>), String> {
    let program =
        env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let mut command = Command::new(program);
    command
        .args(env::args_os().skip(1))
        .env(VARIABLE, format!("{engine}@{first}"));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("no child process: {error}"))?;
    let (send, lines) = channel();
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
    }
    Ok((child, lines))
}

/// Collects the outcomes that `child` reports; what it does not survive is the outcome of the case it was in.
fn follow(
    mut child: Child,
    lines: &Receiver<String>,
    limit: Duration,
    n: usize,
    outcomes: &mut Vec<Result<(), String>>,
) {
    let begun = outcomes.len();
    // Until the first case runs, the child repeats what the suite did before it: compiling, for one.
    let mut patience = limit.max(Duration::from_secs(120));
    while outcomes.len() < n {
        match lines.recv_timeout(patience) {
            Ok(line) => {
                let Some(report) = line.strip_prefix(MARK).map(str::trim_start) else {
                    continue;
                };
                let mut words = report.splitn(3, ' ');
                let number = words.next().and_then(|word| word.parse::<usize>().ok());
                match (number == Some(outcomes.len()), words.next()) {
                    (true, Some("runs")) => patience = limit,
                    (true, Some("passes")) => outcomes.push(Ok(())),
                    (true, Some("fails")) => {
                        outcomes.push(Err(words.next().unwrap_or_default().replace("\\n", "\n")))
                    }
                    _ => {}
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                // It may have ended by itself just now; either way it is gone after this.
                let _ = child.kill();
                let _ = child.wait();
                outcomes.push(Err(format!("no end after {} s", patience.as_secs())));
                return;
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.wait();
                let how = status.map_or_else(|error| error.to_string(), describe);
                let when = if outcomes.len() == begun {
                    "at once, "
                } else {
                    ""
                };
                outcomes.push(Err(format!("the child ended {when}{how}")));
                return;
            }
        }
    }
    let _ = child.wait();
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            4 => "SIGILL",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            11 => "SIGSEGV",
            _ => "a signal",
        };
        return format!("by {name} ({signal})");
    }
    format!("with {status}")
}
