//! Every program in `tests/wrong/` is refused with exactly the diagnostics that stand beside it, and exit
//! code 1; with `toy emit clif` as with `toy check`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::{Outcome, toy};
use std::fs;

#[test]
fn wrong_programs_are_refused() {
    let programs = common::files("tests/wrong", "toy");
    assert!(
        programs.len() >= 60,
        "only {} wrong programs",
        programs.len()
    );
    for program in programs {
        let Outcome::Ran(ran) = toy(&["check"], &program) else {
            continue;
        };
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (1, ""),
            "{}: {}",
            program.display(),
            ran.stderr
        );
        assert!(!ran.stderr.is_empty(), "{}", program.display());
        common::compare(&program.with_extension("err"), &ran.stderr);
        let Outcome::Ran(emitted) = toy(&["emit", "clif"], &program) else {
            return;
        };
        assert_eq!(
            (emitted.code, emitted.stderr),
            (1, ran.stderr),
            "{}",
            program.display()
        );
    }
}

/// Sources that are built, not written: deep, long, or no text at all.
#[test]
fn extreme_programs_are_refused() {
    let deep = 100_000;
    let chain = |link: &str, n: usize| link.repeat(n);
    let aliases: String = (0..200)
        .map(|i| format!("type T{} = *T{i};\n", i + 1))
        .collect();
    let functions: String = (0..30)
        .map(|i| format!("type F{} = fn(F{i}, F{i}) -> F{i};\n", i + 1))
        .collect();
    let structs: String = (0..5000)
        .map(|i| format!("struct S{i} {{ next: S{} }}\n", i + 1))
        .collect();
    let constants: String = (0..5000)
        .map(|i| format!("const C{i}: i32 = C{} + 1;\n", i + 1))
        .collect();
    let programs = [
        (
            "parentheses",
            format!(
                "fn main() {{ let x = {}1{}; }}",
                chain("(", deep),
                chain(")", deep)
            ),
        ),
        (
            "parentheses to the right",
            format!(
                "fn main() {{ let x = {}1{}; }}",
                chain("1+(", deep),
                chain(")", deep)
            ),
        ),
        (
            "blocks in else",
            format!(
                "fn main() {{ {}{} }}",
                chain("if true {} else { ", deep),
                chain("}", deep)
            ),
        ),
        (
            "open parentheses",
            format!("fn main() {{ let x = {}", chain("(", deep)),
        ),
        (
            "minus signs",
            format!("fn main() {{ let x = {}1; }}", chain("-", deep)),
        ),
        (
            "casts",
            format!("fn main() {{ let x = 1{}; }}", chain(" as i32", deep)),
        ),
        ("calls", format!("fn main() {{ f{}; }}", chain("()", deep))),
        (
            "indices",
            format!("fn main() {{ f{}; }}", chain("[0]", deep)),
        ),
        (
            "blocks",
            format!("fn main() {}{}", chain("{", deep), chain("}", deep)),
        ),
        (
            "pointers",
            format!("fn main(x: {}i32) {{}}", chain("*", deep)),
        ),
        (
            "arrays",
            format!("fn main(x: {}i32) {{}}", chain("[", deep)),
        ),
        (
            "sizes",
            format!(
                "const N: i32 = {}i32{};",
                chain("sizeof([u8; ", deep),
                chain("])", deep)
            ),
        ),
        (
            "records",
            format!("struct S {{ {}", chain("struct { ", deep)),
        ),
        (
            "a literal",
            format!(
                "fn main() {{ let x = {}1{}; }}",
                chain("[", deep),
                chain("]", deep)
            ),
        ),
        (
            "function types",
            format!("fn main(x: {}{}) {{}}", chain("fn(", 100), chain(")", 100)),
        ),
        (
            "nested records",
            format!(
                "struct S {{ {}x: i32{} }} fn main(s: S) {{}}",
                chain("struct { ", 60),
                chain(" }", 60)
            ),
        ),
        (
            "aliases",
            format!("type T0 = i32;\n{aliases}fn main(x: T200) {{}}"),
        ),
        (
            "functions",
            format!("type F0 = i32;\n{functions}fn main(x: F30) {{}}"),
        ),
        ("structs", format!("{structs}struct S5000 {{ x: i32 }}")),
        ("constants", format!("{constants}const C5000: i32 = 0;")),
        (
            "a number",
            format!("fn main() {{ let x = {}; }}", chain("9", deep)),
        ),
        (
            "a fraction",
            format!("fn main() {{ let x = 0.{}; }}", chain("3", deep)),
        ),
        ("a comment", "/*".to_string()),
        (
            "a string",
            format!("fn main() {{ let x = \"{}", chain("x", deep)),
        ),
        (
            "locals",
            format!(
                "fn main() -> i32 {{ {} return x; }}",
                chain("let a: [u8; 1000000]; ", 10)
            ),
        ),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in programs {
        let program = directory.path().join("extreme.toy");
        fs::write(&program, text).unwrap();
        let Outcome::Ran(ran) = toy(&["emit", "clif"], &program) else {
            return;
        };
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (1, ""),
            "{name}: {}",
            ran.stderr.get(..500).unwrap_or(&ran.stderr)
        );
        assert!(ran.stderr.contains("Error: "), "{name}: {}", ran.stderr);
    }
}

/// clang would read a device for ever.
#[test]
fn a_header_that_is_no_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("device.toy");
    for header in ["/dev/zero", "."] {
        fs::write(&program, format!("use c \"{header}\";\nfn main() {{}}\n")).unwrap();
        let Outcome::Ran(ran) = toy(&["check"], &program) else {
            return;
        };
        let message = format!("Error: the C header `{header}` is no file");
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.starts_with(&message), "{}", ran.stderr);
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("bytes.toy");
    fs::write(&program, b"fn main() { \xff }").unwrap();
    let Outcome::Ran(ran) = toy(&["check"], &program) else {
        return;
    };
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (1, "bytes.toy: this is not UTF-8 text, from byte 12 on\n")
    );
}

/// No prefix of a program, and no program with a token left out, makes the compiler fall over.
#[test]
fn mutilated_programs_do_not_crash() {
    let text = fs::read_to_string(common::root().join("programs/records.toy")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("part.toy");
    let words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
    let step = (words.len() / 60).max(1);
    for at in (0..words.len()).step_by(step) {
        let without: String = words
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != at)
            .map(|(_, word)| *word)
            .collect();
        for part in [words[..at].concat(), without] {
            fs::write(&program, part).unwrap();
            let Outcome::Ran(ran) = toy(&["check"], &program) else {
                return;
            };
            assert!(matches!(ran.code, 0 | 1), "word {at}: {}", ran.stderr);
        }
    }
}
