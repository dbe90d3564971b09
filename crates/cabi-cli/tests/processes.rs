//! Whatever ends the command, nothing is left: no process and no file.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{here, libclang};

/// Starts the command with a folder of its own for temporary files.
fn start(args: &[&str], scratch: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cabi"));
    command.args(args).env("TMPDIR", scratch);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the command was built")
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .expect("a folder")
        .next()
        .is_none()
}

/// How many processes have command lines that contain `text`.
fn n_processes(text: &str) -> usize {
    let all = std::fs::read_dir("/proc").expect("processes").flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(text)).count()
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_killed_call_leaves_nothing() {
    if !libclang() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let mut own = start(&["call", "-i", "unistd.h", "sleep", "4321"], scratch.path());
    let calls = || n_processes("unistd.h sleep 4321");
    wait_until(|| calls() == 2);
    own.kill().expect("it runs");
    own.wait().expect("it ended");
    wait_until(|| calls() == 0);
    assert!(is_empty(scratch.path()));
}

#[test]
fn an_interrupt_leaves_nothing() {
    if !here("gcc") {
        return;
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let args = ["verify", "--cc", "gcc", "stdlib.h", "math.h", "complex.h"];
    let mut child = start(&args, scratch.path());
    // Until a compiler works in its folder.
    wait_until(|| !is_empty(scratch.path()));
    let mut kill = Command::new("kill");
    let sent = kill.args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("there is a kill").success());
    assert_eq!(child.wait().expect("it ended").code(), Some(2));
    assert!(is_empty(scratch.path()));
}

#[test]
fn what_a_killed_run_leaves_is_gone_with_the_next_one() {
    if !here("gcc") {
        return;
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let run = || start(&["verify", "--cc", "gcc", "stdlib.h"], scratch.path());
    let compilers = || n_processes(&scratch.path().to_string_lossy());
    let mut child = run();
    wait_until(|| compilers() > 0);
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    assert!(!is_empty(scratch.path()), "nobody was left to remove it");
    // What a compiler's driver has started ends by itself.
    wait_until(|| compilers() == 0);
    assert_eq!(run().wait().expect("it ended").code(), Some(0));
    assert!(is_empty(scratch.path()));
}
