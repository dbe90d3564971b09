//! `toy run -g` and `toy build -g`, by gdb in batch mode: a function is found by its name and its line, C's frames and the program's are seen as one stack, and
//! `finish` goes back to the caller.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::{compilers, oracle_missing, root};
use std::path::Path;
use std::process::Command;

/// What gdb says of a program, which is the command and its arguments; None where there is no gdb.
fn gdb(program: &[&str], folder: &Path, commands: &[&str]) -> Option<String> {
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "set debuginfod enabled off"]);
    gdb.args(["-ex", "set breakpoint pending on", "-ex", "set width 0"]);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    let gdb = gdb.arg("--args").args(program).current_dir(folder).output();
    let gdb = gdb.map_err(|why| oracle_missing(&format!("gdb: {why}")));
    let said = gdb.ok()?;
    let text = [said.stdout, said.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// That `parts` are in a text, one after the other.
fn in_order(text: &str, parts: &[&str]) -> bool {
    let mut rest = text;
    parts.iter().all(|part| {
        let found = rest.split_once(part);
        rest = found.map_or("", |(_, rest)| rest);
        found.is_some()
    })
}

const COMMANDS: [&str; 9] = [
    "break by_value",
    "run",
    "backtrace",
    "finish",
    "delete 1",
    "break debugged.toy:12",
    "continue",
    "finish",
    "continue",
];

const SEEN: [&str; 10] = [
    "Breakpoint 1, by_value () at debugged.toy:16",
    "let x = *(a as *i32);",
    "#0  by_value () at debugged.toy:16",
    // C, which called it.
    "qsort",
    "in main () at debugged.toy:23",
    "Value returned is $1 = ",
    "Breakpoint 2, scale () at debugged.toy:12",
    "return r;",
    "main () at debugged.toy:2",
    "Value returned is $2 = {x = 1.5, y = 3}",
];

/// Runs the program by gdb, from a folder of its own; `run` names its parts there.
fn debugged(is_built: bool, has_lines: bool) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let text = root().join("tests/built/debugged.toy");
    std::fs::copy(text, folder.path().join("debugged.toy")).unwrap();
    let toy = env!("CARGO_BIN_EXE_toy");
    let lines = has_lines.then_some("-g");
    let words: Vec<&str> = match is_built {
        true => {
            let compiler = compilers().into_iter().next()?;
            let mut build = Command::new(toy);
            build
                .arg("build")
                .args(lines)
                .args(["-o", "p", "debugged.toy"]);
            let build = build.env("CC", compiler).current_dir(folder.path());
            assert!(build.status().unwrap().success());
            vec!["./p"]
        }
        false => [toy, "run"]
            .into_iter()
            .chain(lines)
            .chain(["debugged.toy"])
            .collect(),
    };
    gdb(&words, folder.path(), &COMMANDS)
}

#[test]
fn gdb_sees_functions_lines_and_callers() {
    for is_built in [false, true] {
        let Some(said) = debugged(is_built, true) else {
            return;
        };
        assert!(in_order(&said, &SEEN), "built: {is_built}: {said}");
        // The control: without -g gdb knows no lines, and of code in memory not even names.
        let without = debugged(is_built, false).unwrap();
        assert!(!without.contains(" at debugged.toy:"), "{without}");
        assert!(without.contains("1 2 3 1.5 3"), "{without}");
    }
}

/// The line of a function in programs of other systems, by the tools of their compilers.
#[test]
fn programs_of_other_systems_have_lines() {
    for (target, tools, program, line) in [
        (
            "aarch64-unknown-linux-gnu",
            "aarch64-linux-gnu",
            "debugged",
            8,
        ),
        ("x86_64-pc-windows-gnu", "x86_64-w64-mingw32", "windows", 8),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("{program}.toy");
        std::fs::copy(
            root().join("tests/built").join(&file),
            folder.path().join(&file),
        )
        .unwrap();
        let tool = |name: &str| Command::new(format!("{tools}-{name}"));
        if let Err(why) = tool("gcc").arg("--version").output() {
            oracle_missing(&format!("lines of {target}: {why}"));
            continue;
        }
        let found = |lines: Option<&str>| {
            let mut build = Command::new(env!("CARGO_BIN_EXE_toy"));
            build
                .env("CC", format!("{tools}-gcc"))
                .current_dir(folder.path());
            build
                .args(["build", "--target", target, "-o", "p.exe", &file])
                .args(lines);
            assert!(build.status().unwrap().success());
            let of = |mut command: Command| {
                let output = command.current_dir(folder.path()).output().unwrap();
                String::from_utf8(output.stdout).unwrap()
            };
            let mut nm = tool("nm");
            nm.arg("p.exe");
            let symbols = of(nm);
            let scale = symbols.lines().find(|symbol| symbol.ends_with(" T scale"));
            let mut lines = tool("addr2line");
            lines.args(["-e", "p.exe", &scale.unwrap()[..16]]);
            of(lines)
        };
        let place = format!("{file}:{line}");
        assert!(found(Some("-g")).contains(&place), "{target}");
        // The control.
        assert!(!found(None).contains(&place), "{target}");
    }
}
