//! Whatever ends the command, nothing is left: no process and no file.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{cabi_in, here, libclang, missing, printed};

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

/// Reading the header is limited; the function has the limits that the command was started with.
#[test]
fn a_function_has_the_limits_of_its_user() {
    if !libclang() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let c = "#include <sys/resource.h>
        long soft(int core) {
            struct rlimit limit;
            getrlimit(core ? RLIMIT_CORE : RLIMIT_AS, &limit);
            return (long)limit.rlim_cur;
        }";
    std::fs::write(folder.path().join("lib.c"), c).expect("a file");
    std::fs::write(folder.path().join("lib.h"), "long soft(int core);").expect("a file");
    let mut cc = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()));
    let cc = cc.args(["-shared", "-fPIC", "-o", "lib.so", "lib.c"]);
    let Ok(built) = cc.current_dir(folder.path()).status() else {
        return missing("cc: no such compiler");
    };
    assert!(built.success());
    let own = std::fs::read_to_string("/proc/self/limits").expect("limits");
    for (core, name) in [("1", "Max core file size"), ("0", "Max address space")] {
        let line = own.lines().find_map(|line| line.strip_prefix(name));
        let soft = line.and_then(|line| line.split_whitespace().next());
        let expected = match soft.expect("a limit") {
            "unlimited" => "-1",
            bytes => bytes,
        };
        let args = ["call", "-i", "lib.h", "-l", "./lib.so", "soft", core];
        let found = printed(&cabi_in(folder.path(), &args), 0);
        assert_eq!(found.trim_end(), expected, "{name}");
    }
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_named() {
    if !libclang() {
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_cabi"));
    command.args(["call", "-i", "stdlib.h", "abs", "3"]);
    let output = command
        .env("TMPDIR", "/nonexistent")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("in /nonexistent:"), "{message}");
}
