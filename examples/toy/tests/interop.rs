//! Programs that pass structs, scalars and vectors by value to and from small C libraries, built here with `cc`,
//! and take callbacks with structs from them. What `shapes.toy` prints is what a C program prints that does the same.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::{compile, skip};
use std::path::Path;
use std::process::Command;

/// Builds the library, and returns what the reference program in C prints with it.
fn build(compiler: &str, directory: &Path) -> String {
    let source = common::root().join("tests/interop");
    let library = directory.join("libshapes.so");
    compile(
        compiler,
        &source.join("shapes.c"),
        &library,
        &["-shared", "-fPIC"],
    );
    let reference = directory.join("main");
    let library = source.join("shapes.c").display().to_string();
    compile(compiler, &source.join("main.c"), &reference, &[&library]);
    let ran = Command::new(&reference).output().unwrap();
    assert!(ran.status.success());
    String::from_utf8(ran.stdout).unwrap()
}

/// What a program prints that uses the library in `directory`.
fn output(machine: &[&str], directory: &Path, program: &Path) -> Option<String> {
    let (directory, program) = (
        directory.display().to_string(),
        program.display().to_string(),
    );
    let args = [&["-L", &directory], machine, &[&program]].concat();
    let ran = common::toy_args("run", &args)?;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{machine:?}");
    Some(ran.stdout)
}

#[test]
fn structs_go_to_c_and_come_back() {
    let program = common::root().join("tests/interop/shapes.toy");
    let compilers = common::compilers();
    if compilers.is_empty() {
        skip("there is no C compiler");
    }
    for compiler in compilers {
        let directory = tempfile::tempdir().unwrap();
        let expected = build(&compiler, directory.path());
        assert!(expected.lines().count() >= 22);
        for machine in common::MACHINES {
            let Some(printed) = output(machine, directory.path(), &program) else {
                return;
            };
            assert_eq!(printed, expected, "{compiler} {machine:?}");
        }
    }
}

/// Here the library says what it received, and the program what came back; `scalars.out` was computed by hand.
#[test]
fn scalars_go_to_c_and_come_back() {
    let source = common::root().join("tests/interop");
    for compiler in common::compilers() {
        let directory = tempfile::tempdir().unwrap();
        let library = directory.path().join("libscalars.so");
        let flags = ["-shared", "-fPIC"];
        compile(&compiler, &source.join("scalars.c"), &library, &flags);
        for machine in common::MACHINES {
            let program = source.join("scalars.toy");
            let Some(printed) = output(machine, directory.path(), &program) else {
                return;
            };
            common::compare(&source.join("scalars.out"), &printed);
        }
    }
}

/// The program takes everything from the header that the library is compiled with; `parts.out` was computed by hand. The negative
/// control: with a header that packs otherwise, or a member less, something else is printed.
#[test]
fn a_header_says_everything() {
    let source = common::root().join("tests/interop");
    for compiler in common::compilers() {
        let directory = tempfile::tempdir().unwrap();
        let library = directory.path().join("libparts.so");
        let flags = ["-shared", "-fPIC"];
        compile(&compiler, &source.join("parts.c"), &library, &flags);
        for machine in common::MACHINES {
            let program = source.join("parts.toy");
            let Some(printed) = output(machine, directory.path(), &program) else {
                return;
            };
            common::compare(&source.join("parts.out"), &printed);
        }
        let text = std::fs::read_to_string(source.join("parts.toy")).unwrap();
        let program = directory.path().join("parts.toy");
        std::fs::write(&program, text).unwrap();
        let header = std::fs::read_to_string(source.join("parts.h")).unwrap();
        for (from, to) in [
            ("pack(push, 2)", "pack(push, 4)"),
            ("short low, high;", "signed char low, high;"),
            ("long count : 40;", "long count : 41;"),
        ] {
            assert!(header.contains(from), "{from}");
            std::fs::write(directory.path().join("parts.h"), header.replace(from, to)).unwrap();
            let Some(printed) = output(&[], directory.path(), &program) else {
                return;
            };
            let expected = std::fs::read_to_string(source.join("parts.out")).unwrap();
            assert_ne!(printed, expected, "{from} -> {to}");
        }
    }
}

/// The negative control: a struct that is declared otherwise than the library has it goes wrong.
#[test]
fn a_struct_declared_otherwise_goes_wrong() {
    let Some(compiler) = common::compilers().into_iter().next() else {
        return skip("there is no C compiler");
    };
    let directory = tempfile::tempdir().unwrap();
    let expected = build(&compiler, directory.path());
    let text = std::fs::read_to_string(common::root().join("tests/interop/shapes.toy")).unwrap();
    let changes = [
        (
            "struct Pair { x: f64, n: i64 }",
            "struct Pair { n: i64, x: f64 }",
        ),
        (
            "struct Triple { a: f32, b: f32, c: f32 }",
            "struct Triple { a: f32, b: f32, c: f32, d: i32 }",
        ),
        ("#[packed] struct Loose", "struct Loose"),
        ("b: i32 : 7", "b: i32 : 8"),
        (
            "struct Seven { text: [u8; 7] }",
            "struct Seven { text: [u8; 7], more: [u8; 10] }",
        ),
    ];
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        let changed = directory.path().join("changed.toy");
        std::fs::write(&changed, text.replace(from, to)).unwrap();
        let Some(printed) = output(&[], directory.path(), &changed) else {
            return;
        };
        assert_ne!(printed, expected, "{from} -> {to}");
    }
}
