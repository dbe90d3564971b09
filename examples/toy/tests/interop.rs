//! A program that passes structs by value to and from a small C library, built here with `cc`, and takes
//! callbacks with structs from it. What it prints is what a C program prints that does the same.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::{Outcome, compile, skip};
use std::path::Path;
use std::process::Command;

fn shapes(directory: &Path) -> Option<(String, String)> {
    let source = common::root().join("tests/interop");
    let library = directory.join("libshapes.so");
    if !compile(&source.join("shapes.c"), &library, &["-shared", "-fPIC"]) {
        skip("there is no `cc`");
        return None;
    }
    let twin = directory.join("main");
    let object = source.join("shapes.c").display().to_string();
    assert!(compile(&source.join("main.c"), &twin, &[&object]));
    let expected = Command::new(&twin).output().unwrap();
    assert!(expected.status.success());
    let program = source.join("shapes.toy").display().to_string();
    match common::toy_args("run", &["-L", &directory.display().to_string(), &program]) {
        Outcome::Ran(ran) => {
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            Some((ran.stdout, String::from_utf8(expected.stdout).unwrap()))
        }
        Outcome::NoJit(why) => {
            skip(&why);
            None
        }
    }
}

#[test]
fn structs_go_to_c_and_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let Some((printed, expected)) = shapes(directory.path()) else {
        return;
    };
    assert_eq!(printed, expected);
    assert!(printed.lines().count() >= 22);
}

/// The negative control: a struct that is declared otherwise than the library has it goes wrong.
#[test]
fn a_struct_declared_otherwise_goes_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let Some((printed, _)) = shapes(directory.path()) else {
        return;
    };
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
        let args = [
            "-L",
            &directory.path().display().to_string(),
            &changed.display().to_string(),
        ];
        let Outcome::Ran(ran) = common::toy_args("run", &args) else {
            return;
        };
        assert_eq!(ran.code, 0, "{from}");
        assert_ne!(ran.stdout, printed, "{from} -> {to}");
    }
}
