//! Running the command, and what it needs to run.
#![allow(dead_code)] // each test program uses a part

pub(crate) mod verify;

use std::path::Path;
use std::process::{Command, Output};

pub(crate) fn cabi(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cabi"))
        .args(args)
        .output()
        .expect("the command was built")
}

pub(crate) fn cabi_in(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cabi"))
        .args(args)
        .current_dir(folder)
        .output()
        .expect("the command was built")
}

/// What it printed; the exit code must be `code`.
pub(crate) fn printed(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}{errors}");
    text
}

pub(crate) fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The message of a refusal, and that it exits with 2.
pub(crate) fn refusal(args: &[&str]) -> String {
    let output = cabi(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) use cabi_verify::report::missing;

/// Says that a run which ended with `output` could not be made, for want of a compiler or of libclang. Any other reason is a failure.
pub(crate) fn absent(output: &Output) {
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    let missing_program = why.contains("No such file or directory (os error 2)");
    assert!(
        missing_program || why.contains("not installed or not found"),
        "{why}"
    );
    missing(why.trim_end());
}

/// Whether headers can be read. Without libclang the tests that need it say so, and fail where it is required.
pub(crate) fn libclang() -> bool {
    let output = cabi(&["explain", "int f(void)"]);
    let absent = String::from_utf8_lossy(&output.stderr).contains("not installed or not found");
    if absent {
        missing("C headers are read with libclang, which is not installed or not found");
    }
    !absent
}

/// Builds a shared library of C text in a folder of its own. `None` without a C compiler, which fails where oracles are required.
pub(crate) fn library(header: &str, c: &str, flags: &[&str]) -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("lib.h"), header).expect("a file");
    std::fs::write(path("lib.c"), format!("#include \"lib.h\"\n{c}")).expect("a file");
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let built = Command::new(&cc)
        .args(["-shared", "-fPIC", "-O1"])
        .args(flags)
        .arg("-o")
        .args([path("lib.so"), path("lib.c")])
        .output();
    let built = match built {
        Ok(built) => built,
        Err(error) => {
            missing(&format!("{cc}: {error}"));
            return None;
        }
    };
    let messages = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{messages}");
    Some(folder)
}

/// A command by which gcc compiles functions of cases so that they return zeros: between the compiler proper and the assembler its code is
/// changed. Both sides of a call are by it, so each case of which the result is looked at is one in which it disagrees with itself.
pub(crate) fn gcc_that_returns_zeros(folder: &Path) -> String {
    let zeros = r"\txorl %eax, %eax\n\txorl %edx, %edx\n\tpxor %xmm0, %xmm0\n\tpxor %xmm1, %xmm1";
    gcc_that_ends_with(folder, zeros)
}

/// The same with other instructions before the function returns.
pub(crate) fn gcc_that_ends_with(folder: &Path, code: &str) -> String {
    let script = r#"#!/bin/sh
case "$1" in *as) for file in "$@"; do case "$file" in *.s)
  awk '/^[A-Za-z_.0-9]+:/ { if ($0 !~ /^\./) inside = ($0 ~ /^(cabi_[ft][0-9_]+|f|r[0-9]+_[a-z0-9]+):/) && $0 !~ /_call:/ }
       /^\tret/ && inside { print "CODE" } { print }' \
    "$file" > "$file.zero" && cat "$file.zero" > "$file" && rm "$file.zero";; esac; done;; esac
exec "$@"
"#;
    let path = folder.join("zero.sh");
    std::fs::write(&path, script.replace("CODE", code)).expect("a script");
    format!("gcc -wrapper sh,{}", path.display())
}
