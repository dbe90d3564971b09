//! Every program in `programs/` runs and prints what stands beside it; those with a C reference program in `tests/c` print what that
//! prints, compiled by `cc`. `CABI_BLESS=1` rewrites the expected output and nothing else: blessed output that differs from the
//! reference program's still fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::{compile, skip, toy, toy_text};
use std::fs;
use std::path::{Path, PathBuf};

fn programs() -> Vec<PathBuf> {
    let mut found = common::files("programs", "toy");
    assert!(found.len() >= 10, "programs/ has become small: {found:?}");
    found.retain(|program| common::runs_here(program));
    found
}

fn output(machine: &[&str], program: &Path) -> Option<String> {
    common::output(&[&["run"], machine].concat(), program)
}

#[test]
fn programs_print_what_is_expected() {
    for program in programs() {
        for machine in common::MACHINES {
            let Some(printed) = output(machine, &program) else {
                break;
            };
            common::compare(&program.with_extension("out"), &printed);
        }
    }
}

/// What clang does not have: functions in functions.
const ONLY_GCC: [&str; 1] = ["closures"];

#[test]
fn c_reference_programs_print_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for compiler in common::compilers() {
        for reference in common::files("tests/c", "c") {
            let name = reference.file_stem().unwrap().to_string_lossy();
            if compiler.contains("clang") && ONLY_GCC.contains(&&*name) {
                eprintln!("not in {compiler}: {name}");
                continue;
            }
            let program = common::root().join(format!("programs/{name}.toy"));
            if !common::runs_here(&program) {
                continue;
            }
            let built = directory.path().join(&*name);
            compile(&compiler, &reference, &built, &["-lm"]);
            let Some(printed) = output(&[], &program) else {
                continue;
            };
            let ran = common::under_runner(&built.display().to_string())
                .output()
                .unwrap();
            assert!(ran.status.success(), "{}", reference.display());
            let expected = String::from_utf8_lossy(&ran.stdout);
            assert_eq!(expected, printed, "{} by {compiler}", reference.display());
            compared += 1;
        }
    }
    if compared == 0 {
        skip("there is no C compiler");
    }
}

/// In C's convention too, where the language's own is not the only one that does it without a stack.
#[test]
fn c_functions_print_the_same() {
    for program in programs() {
        let text = fs::read_to_string(&program).unwrap();
        let text = text.replace("\nfn ", "\nextern \"C\" fn ");
        if program.file_stem().is_some_and(|stem| stem == "tail") {
            continue;
        }
        let Some(ran) = toy_text(&["run"], text) else {
            break;
        };
        let printed = ran.output(&program.display().to_string());
        common::compare(&program.with_extension("out"), &printed);
    }
}

/// The negative control of the comparison: a program that computes something else prints something else.
#[test]
fn a_changed_program_prints_something_else() {
    let text = fs::read_to_string(common::root().join("programs/tour.toy")).unwrap();
    let expected = fs::read_to_string(common::root().join("programs/tour.out")).unwrap();
    let changes = [
        ("div(-17, 5)", "div(-17, 6)"),
        ("large.quot, large.rem", "large.rem, large.quot"),
        (
            "(x > y) as i32 - (x < y) as i32",
            "(x < y) as i32 - (x > y) as i32",
        ),
        ("complex(root, root)", "complex(root, two)"),
        (
            "struct ldiv_t { quot: i64, rem: i64 }",
            "struct ldiv_t { rem: i64, quot: i64 }",
        ),
    ];
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        let Some(ran) = toy_text(&["run"], text.replace(from, to)) else {
            return;
        };
        assert_ne!(ran.output(to), expected, "{from} -> {to}");
    }
}

#[test]
fn the_result_of_main_is_the_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("code.toy");
    fs::write(
        &program,
        "fn main(argc: i32, argv: **u8) -> i32 { return argc * 10; }",
    )
    .unwrap();
    let file = program.display().to_string();
    for (args, code) in [(vec![], 10), (vec!["a", "-b", "--help"], 40)] {
        let args: Vec<&str> = [file.as_str()].into_iter().chain(args).collect();
        let Some(ran) = common::toy_args("run", &args) else {
            return;
        };
        assert_eq!(ran.code, code);
    }
}

#[test]
fn what_cannot_run_says_so_in_one_line() {
    let cases = [
        (
            "extern \"libnothere.so.9\" { fn f(); } fn main() { f(); }",
            "libnothere.so.9",
        ),
        (
            "extern \"libc.so.6\" { fn no_such_function(); } fn main() { no_such_function(); }",
            "no_such_function",
        ),
        (
            "extern { fn no_such_function(); } fn main() { no_such_function(); }",
            "no_such_function",
        ),
    ];
    for (text, mentioned) in cases {
        let Some(ran) = toy_text(&["run"], text) else {
            return;
        };
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(
            ran.stderr.starts_with("toy: ") && ran.stderr.contains(mentioned),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    let absent = toy(&["run"], &common::root().join("absent.toy"));
    assert!(
        absent.is_none_or(|ran| ran.code == 2),
        "a file that is not there"
    );
}

/// The programs in README.md are programs.
#[test]
fn the_examples_of_the_readme_run() {
    let text = fs::read_to_string(common::root().join("README.md")).unwrap();
    for (before, printed) in [
        (
            "## The language\n\n```rust\n",
            "1 -2.71828\n2 -2.71828\n3 -2.71828\n",
        ),
        ("## C headers\n\n```\n", "2i, hour 23, EOF -1\n"),
    ] {
        let (_, example) = text.split_once(before).unwrap();
        if let Some(ran) = toy_text(&["run"], example.split("```").next().unwrap()) {
            assert_eq!(ran.output(before), printed);
        }
    }
}
