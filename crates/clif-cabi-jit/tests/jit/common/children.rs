//! Tests that run themselves again as a child, which looks at its whole process or is to end.

use std::ffi::OsStr;
use std::process::{Command, ExitStatus, Output};

/// Set in a child that a test starts: its task.
pub(crate) const CHILD: &str = "CLIF_CABI_JIT_CHILD";

/// Returns the task of this process, if a test has started it.
pub(crate) fn child_task() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// Runs `test` of this program again as a child with the task `task`. Returns its signal or its
/// exit code, and its output.
pub(crate) fn again(test: &str, task: &str) -> (Output, String) {
    // Command that runs programs of this target, if it is not the machine itself: an emulator with
    // its arguments.
    let runner = std::env::var("CABI_RUNNER").unwrap_or_default();
    let program = std::env::current_exe().unwrap();
    let words = runner.split_whitespace().map(OsStr::new);
    let mut words = words.chain([program.as_os_str()]);
    let child = Command::new(words.next().unwrap())
        .args(words)
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, task)
        .output()
        .unwrap();
    let [text, error] = [&child.stdout, &child.stderr].map(|text| String::from_utf8_lossy(text));
    let output = format!("{text}{error}");
    (child, output)
}

/// Runs the body of `test` in a process of its own, where nothing else maps memory or allocates.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    if child_task().is_some() {
        return body();
    }
    let (child, text) = again(test, "alone");
    // A filter that matches no test succeeds too.
    assert!(
        child.status.success() && text.contains("1 passed"),
        "{text}"
    );
    print!("{text}");
}

/// Checks that `test` as a child for `what` aborts with `message`, and does not come back.
#[track_caller]
pub(crate) fn aborts(test: &str, what: &str, message: &str) {
    let (child, text) = again(test, what);
    assert!(is_abort(child.status), "{what}: {:?} {text}", child.status);
    let is_said = text.contains(message) && !text.contains("came back");
    assert!(is_said, "{what}: {text}");
}

#[cfg(unix)]
fn is_abort(status: ExitStatus) -> bool {
    const SIGABRT: i32 = 6;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGABRT)
}

/// Checks whether C's `abort`, or the `__fastfail` of Rust's (STATUS_STACK_BUFFER_OVERRUN), ended a
/// process.
#[cfg(windows)]
fn is_abort(status: ExitStatus) -> bool {
    matches!(status.code().map(i32::cast_unsigned), Some(3 | 0xc000_0409))
}
