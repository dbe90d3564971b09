//! `toy run -g` and `toy build -g`, by gdb in batch mode: a function is found by its name and its line, C's frames and the program's are seen as one stack, variables have their
//! values, and functions are called and return by gdb's reading of the ABI.

use crate::built::Machine;
use crate::common::{self, oracle_missing, root};
use std::process::Command;

/// What gdb, asked by `debugged.gdb`, says of debugged.toy in a folder of its own. None where there is no gdb.
fn debugged(is_built: bool, has_lines: bool) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let [text, script] = ["debugged.toy", "debugged.gdb"].map(|name| {
        let copy = folder.path().join(name);
        std::fs::copy(root().join("tests/built").join(name), &copy).unwrap();
        copy
    });
    let lines = if has_lines { "-g" } else { "-L." };
    let mut program = vec![env!("CARGO_BIN_EXE_toy"), "run", lines, "debugged.toy"];
    if is_built {
        let built = common::toy(&["build", lines, "-o", "p"], &text)?;
        assert_eq!(built.output("debugged"), "");
        program = vec!["./p"];
    }
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-x"]).arg(script).arg("--args");
    let said = gdb.args(program).current_dir(folder.path()).output();
    let said = said.map_err(|why| oracle_missing(&format!("gdb: {why}")));
    let said = said.ok()?;
    Some(String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned())
}

/// That what `debugged.gdb` expects is in a text, one after the other.
fn is_expected(text: &str) -> bool {
    let script = std::fs::read_to_string(root().join("tests/built/debugged.gdb")).unwrap();
    let mut rest = text;
    let mut parts = script.lines().filter_map(|line| line.strip_prefix("#: "));
    parts.all(|part| {
        let found = rest.split_once(part);
        rest = found.map_or("", |(_, rest)| rest);
        found.is_some()
    })
}

#[test]
fn gdb_sees_functions_lines_and_callers() {
    for is_built in [false, true] {
        let Some(said) = debugged(is_built, true) else {
            return;
        };
        assert!(is_expected(&said), "built: {is_built}: {said}");
        // The control: without -g gdb knows no lines, and of code in memory not even names.
        let without = debugged(is_built, false).unwrap();
        assert!(!without.contains(" at debugged.toy:"), "{without}");
        assert!(without.contains("1 2 3 1.5 3 6 8"), "{without}");
    }
}

/// The line of a function in programs of other systems, by the tools of their compilers.
#[test]
fn programs_of_other_systems_have_lines() {
    for (machine, tools, program, line) in [
        (Machine::aarch64(), "aarch64-linux-gnu", "debugged", 9),
        (Machine::windows(), "x86_64-w64-mingw32", "windows", 8),
    ] {
        let Some(machine) = machine else { continue };
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join(format!("{program}.toy"));
        let from = root().join("tests/built").join(text.file_name().unwrap());
        std::fs::copy(from, &text).unwrap();
        let ran = |tool: &str, args: &[&str]| {
            let mut command = Command::new(format!("{tools}-{tool}"));
            let ran = command.args(args).current_dir(folder.path()).output();
            String::from_utf8(ran.unwrap().stdout).unwrap()
        };
        // Without -g there are none.
        for (build, has_lines) in [("build -g", true), ("build", false)] {
            assert_eq!(machine.toy(build, &text, "p.exe").output(program), "");
            let symbols = ran("nm", &["p.exe"]);
            let scale = symbols.lines().find(|symbol| symbol.ends_with(" T scale"));
            let found = ran("addr2line", &["-e", "p.exe", &scale.unwrap()[..16]]);
            let is_found = found.contains(&format!("{program}.toy:{line}"));
            assert_eq!(is_found, has_lines, "{program}: {found}");
        }
    }
}
