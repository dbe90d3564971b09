//! Programs that pass values to and from small C libraries, built here by each C compiler, and are called back by them: structs, scalars, what a
//! header says, variadic functions and closures. What they print was computed by hand or is what a C program prints that does
//! the same; a program that declares something otherwise than the library has it prints something else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::{compile, skip};
use std::fs;
use std::path::Path;

/// A program `name.toy` with the library `name.c`, and what goes wrong: in which of its files, what is replaced by what.
struct Case {
    name: String,
    changes: Vec<[String; 3]>,
}

/// The cases that are for this machine.
fn cases() -> Vec<Case> {
    let text = fs::read_to_string(common::root().join("tests/interop/changes.txt")).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (file, change) = line.split_once(": ").unwrap();
        let (name, extension) = file.split_once('.').unwrap();
        let (from, to) = change.split_once(" => ").unwrap();
        if cases.last().is_none_or(|last| last.name != name) {
            let (name, changes) = (name.to_string(), Vec::new());
            cases.push(Case { name, changes });
        }
        let change = [extension, from, to].map(str::to_string);
        cases.last_mut().unwrap().changes.push(change);
    }
    assert_eq!(cases.len(), 5);
    cases.retain(|case| common::runs_here(Path::new(&case.name)));
    cases
}

impl Case {
    /// What the program in `directory` prints, with the library that is there.
    fn output(&self, machine: &[&str], directory: &Path) -> Option<String> {
        let program = directory.join(&self.name).with_extension("toy");
        let program = program.display().to_string();
        let directory = directory.display().to_string();
        let args = [&["-L", &directory], machine, &[&program]].concat();
        let ran = common::toy_args("run", &args)?;
        Some(ran.output(&format!("{} {machine:?}", self.name)))
    }

    /// Builds the library, copies the program, and returns what it is to print.
    fn prepare(&self, compiler: &str, directory: &Path) -> String {
        let source = common::root().join("tests/interop").join(&self.name);
        let library = directory.join(format!("lib{}.so", self.name));
        let c = source.with_extension("c");
        compile(compiler, &c, &library, &["-shared", "-fPIC"]);
        for extension in ["toy", "h"] {
            let to = directory.join(&self.name).with_extension(extension);
            let text = fs::read(source.with_extension(extension));
            text.map_or(Ok(()), |text| fs::write(to, text)).unwrap();
        }
        if let Ok(expected) = fs::read_to_string(source.with_extension("out")) {
            return expected;
        }
        let reference = directory.join("main");
        let main = source.with_file_name("main.c");
        compile(
            compiler,
            &main,
            &reference,
            &[&c.display().to_string(), "-lm"],
        );
        let ran = common::under_runner(&reference.display().to_string())
            .output()
            .unwrap();
        assert!(ran.status.success());
        String::from_utf8(ran.stdout).unwrap()
    }
}

#[test]
fn values_go_to_c_and_come_back() {
    let compilers = common::compilers();
    if compilers.is_empty() {
        skip("there is no C compiler");
    }
    for compiler in compilers {
        for case in cases() {
            let directory = tempfile::tempdir().unwrap();
            let expected = case.prepare(&compiler, directory.path());
            assert!(expected.lines().count() >= 3, "{}", case.name);
            for machine in common::MACHINES {
                let Some(printed) = case.output(machine, directory.path()) else {
                    break;
                };
                assert_eq!(printed, expected, "{} {compiler} {machine:?}", case.name);
            }
        }
    }
}

/// The negative control.
#[test]
fn what_is_declared_otherwise_goes_wrong() {
    let Some(compiler) = common::compilers().into_iter().next() else {
        return skip("there is no C compiler");
    };
    for case in cases() {
        let directory = tempfile::tempdir().unwrap();
        let expected = case.prepare(&compiler, directory.path());
        for [extension, from, to] in &case.changes {
            let changed = directory.path().join(&case.name).with_extension(extension);
            let text = fs::read_to_string(&changed).unwrap();
            assert!(text.contains(from), "{from}");
            fs::write(&changed, text.replace(from, to)).unwrap();
            let Some(printed) = case.output(&[], directory.path()) else {
                break;
            };
            assert_ne!(printed, expected, "{from} -> {to}");
            fs::write(&changed, text).unwrap();
        }
    }
}
