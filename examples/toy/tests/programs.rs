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
    found.sort();
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

#[test]
fn programs_check_without_a_word() {
    for program in programs() {
        let Some(ran) = toy(&["check"], &program) else {
            continue;
        };
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (0, "", "")
        );
    }
}

/// What clang does not have: `_Float128` and its functions, and functions in functions.
const ONLY_GCC: [&str; 2] = ["numbers", "closures"];

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
            let built = directory.path().join(&*name);
            compile(&compiler, &reference, &built, &["-lm"]);
            let Some(printed) = output(&[], &program) else {
                continue;
            };
            let ran = std::process::Command::new(&built).output().unwrap();
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
        ("complex(root, -root)", "complex(root, two)"),
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

/// Arithmetic on literals, which the compiler does, against that on variables, which the program does.
#[test]
fn constants_are_what_the_program_computes() {
    let formats = ["f16", "bf16", "f32", "f64", "f80", "f128"];
    let mut text = String::from("extern { fn memcmp(a: *void, b: *void, n: usize) -> i32; }\n");
    for (left, right) in [
        ("1.1", "3.7"),
        ("-0.3", "7.0"),
        ("1e-7", "1e4"),
        ("0.0", "-2.5"),
    ] {
        for (n, format) in formats.iter().enumerate() {
            let name = format!("c{}", text.len());
            text += &format!(
                "fn {name}() -> i32 {{ let a: {format} = {left}; let b: {format} = {right};\n"
            );
            for op in ["+", "-", "*", "/"] {
                text += &format!(
                    "let c: {format} = {left} {op} {right}; let v = a {op} b; \
                     if memcmp(&c, &v, {}) != 0 {{ return {}; }}\n",
                    [2, 2, 4, 8, 10, 16][n],
                    n + 1
                );
            }
            text += &format!("return 0; }}\nconst C{name}: {format} = {left} * {right};\n");
        }
    }
    let calls = text
        .match_indices("fn c")
        .map(|(at, _)| text[at + 3..].split('(').next().unwrap());
    let main: String = calls
        .map(|f| format!("r = {f}(); if r != 0 {{ return r; }}\n"))
        .collect();
    let text = format!("{text}fn main() -> i32 {{ let r = 0;\n{main}return 0; }}");
    if let Some(ran) = toy_text(&["run"], text) {
        assert_eq!(ran.output("constants"), "");
    }
}

/// Statements with chains of `n` links, and what `x` is after them.
fn chains(n: usize) -> Vec<(String, usize)> {
    let chain = |link: &str| link.repeat(n);
    let arms: String = (0..n)
        .map(|i| format!(" else if y == {} {{ return 3; }}", i + 10))
        .collect();
    vec![
        ("let x = 1{};".replace("{}", &"+1".repeat(128)), 129),
        (format!("let x = y{};", chain("+y")), (n + 1) % 256),
        (format!("let x = 1{};", chain("+1")), (n + 1) % 256),
        (
            format!("let x: i32 = (((1{}){}));", chain("+1"), chain("-1")),
            1,
        ),
        (format!("let x = 0 - y{} * 2;", chain("-(-y)")), n % 256),
        (
            format!("let x = 0; if true{} {{ x = 5; }}", chain(" && y == 1")),
            5,
        ),
        (
            format!("let x = 0; if false{} {{ x = 5; }}", chain(" || y == 2")),
            0,
        ),
        (
            format!("let x = 0; if y == 2 {{ }}{arms} else {{ x = 7; }}"),
            7,
        ),
        (
            format!("let x = 0; if y == 2 {{ }}{arms} x = 6; if y == 1 {{ x = 8; }}"),
            8,
        ),
        (
            format!("let z = 1f80; let x = (z{}) as i32;", "+z".repeat(500)),
            501 % 256,
        ),
        (
            format!(
                "let p = &y; let q = p{}; let x = (q - p) as i32;",
                "+1".repeat(129)
            ),
            129,
        ),
    ]
}

/// A chain of operators or of `else if` does not nest, however long it is: it compiles, and means what short ones mean.
#[test]
fn chains_are_as_long_as_they_like() {
    let n = 5_000;
    let constant = format!("const N: i32 = 1{};", "+1".repeat(n));
    for (body, expected) in chains(n) {
        let text = format!(
            "{constant}\nfn main() -> i32 {{ let y = 1; {body} if N == {} {{ return x & 255; }} return 1; }}",
            n + 1
        );
        for subcommand in ["run", "check"] {
            let Some(ran) = toy_text(&[subcommand], &text) else {
                return;
            };
            let start = body.get(..40).unwrap_or(&body);
            let expected = if subcommand == "run" { expected } else { 0 };
            let code = usize::try_from(ran.code).unwrap();
            assert_eq!(code, expected, "{subcommand} {start}..: {}", ran.stderr);
        }
        let Some(ran) = toy_text(&["emit", "abi"], &text) else {
            return;
        };
        assert_eq!(ran.code, 0, "{}", ran.stderr);
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

/// Programs that use no header never look for libclang: only those that do may fail without it.
#[test]
fn only_headers_need_libclang() {
    for program in programs() {
        let text = fs::read_to_string(&program).unwrap();
        let is_header = program.file_stem().is_some_and(|stem| stem == "header");
        assert_eq!(
            text.contains("\nuse c "),
            is_header,
            "{}",
            program.display()
        );
    }
}

/// The programs in README.md are programs.
#[test]
fn the_examples_of_the_readme_run() {
    let text = fs::read_to_string(common::root().join("README.md")).unwrap();
    for (before, printed) in [
        (
            "## The language\n\n```rust\n",
            "1 -5.43656\n2 -5.43656\n3 -5.43656\n",
        ),
        ("## C headers\n\n```\n", "2i, hour 23, EOF -1\n"),
    ] {
        let (_, example) = text.split_once(before).unwrap();
        if let Some(ran) = toy_text(&["run"], example.split("```").next().unwrap()) {
            assert_eq!(ran.output(before), printed);
        }
    }
}
