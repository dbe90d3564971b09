//! How a program ends that fails while it runs: the message says what was wrong, in which line and function, and the process ends by
//! SIGABRT; what fails in a function of C is said to, and keeps its signal.
#![cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    target_env = "gnu"
))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::MACHINES;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

/// What all programs here begin with; it is one line.
const HEAD: &str = "extern { fn strlen(s: *u8) -> usize; fn printf(f: *u8, ...) -> i32; fn raise(n: i32) -> i32; } \
    extern { fn exit(n: i32) -> !; fn abs(n: i32) -> !; fn div(a: i32, b: i32) -> i64; } \
    extern { fn qsort(p: *void, n: usize, s: usize, f: fn(*void, *void) -> i32); } \
    struct large { a: [i64; 100] } struct small { a: i64, b: i64, c: i64 } union both { p: *i32, n: i64, f: fn() -> i32 } \
    fn zero(n: i32) -> i32 { return n - n; } fn take(l: large) -> i64 { return l.a[0]; } fn pair(s: small) -> i64 { return s.a; } \
    fn none() -> *large { return null; }\n";

#[test]
fn faults_are_reported_with_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("f.toy");
    let cases = fs::read_to_string(common::root().join("tests/faults.txt")).unwrap();
    let cases = cases.lines().filter(|line| !line.starts_with('#'));
    let cases: String = cases.map(|line| format!("\n{line}")).collect();
    let cases: Vec<&str> = cases.split("\n== ").skip(1).collect();
    assert!(cases.len() >= 38, "only {} faults", cases.len());
    for case in cases {
        let (expected, text) = case.split_once('\n').unwrap();
        let (signal, message) = expected.split_once(' ').unwrap_or((expected, ""));
        fs::write(&program, format!("{HEAD}{text}\n")).unwrap();
        for machine in MACHINES {
            expect(directory.path(), machine, text, message, signal);
        }
    }
}

fn expect(directory: &Path, machine: &[&str], text: &str, message: &str, signal: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toy"));
    command.arg("run").args(machine).arg("f.toy");
    let output = command.current_dir(directory).output().unwrap();
    let expected = match message {
        "" => String::new(),
        message => format!("toy: {message}\n"),
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, expected, "{machine:?} {text}");
    let ended = match output.status.signal() {
        None if output.status.success() => "fine".to_string(),
        None => format!("exit {:?}", output.status.code()),
        Some(4) => "SIGILL".to_string(),
        Some(6) => "SIGABRT".to_string(),
        Some(8) => "SIGFPE".to_string(),
        Some(11) => "SIGSEGV".to_string(),
        Some(other) => format!("signal {other}"),
    };
    assert_eq!(ended, signal, "{machine:?} {text}");
}
