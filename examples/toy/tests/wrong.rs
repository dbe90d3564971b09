//! Every program in `tests/headers/wrong.txt` is refused with the message that stands beside it and its place, and exit code 1; and so are programs that
//! are too deep or too long.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::toy_text;
use std::fs;

#[test]
fn wrong_programs_are_refused() {
    let folder = common::root().join("tests/headers");
    let table = fs::read_to_string(folder.join("wrong.txt")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with("# "));
    let mut refused = 0;
    for line in lines {
        let (program, message) = line.split_once(" ## ").unwrap();
        let include = folder.display().to_string();
        let Some(ran) = toy_text(&["check", "-I", &include], program) else {
            continue;
        };
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{program}");
        let first = ran.stderr.lines().next().unwrap_or("");
        assert_eq!(first, format!("Error: {message}"), "{program}");
        assert!(ran.stderr.contains("[ p.toy:1:"), "{}", ran.stderr);
        refused += 1;
    }
    assert!(refused >= 100, "only {refused} programs");
    // The control: what is right is not refused.
    if let Some(ran) = toy_text(&["check"], "fn main() { let x = 1; }") {
        assert_eq!(ran.output("right"), "");
    }
}

/// What stands between `<` and `>` is repeated: as often as `*n` says, or 100,000 times.
fn repeated(program: &str) -> String {
    let mut text = String::new();
    for part in program.split_inclusive('>') {
        let Some((before, repeated)) = part.strip_suffix('>').and_then(|p| p.rsplit_once('<'))
        else {
            text += part;
            continue;
        };
        let counted = repeated
            .rsplit_once('*')
            .filter(|(_, count)| !count.is_empty());
        let (repeated, count) = counted.unwrap_or((repeated, "100000"));
        text += before;
        text += &repeated.repeat(count.parse().unwrap());
    }
    text
}

/// Declarations of which each needs the next, or is twice as large as the one before.
fn many(count: usize, declaration: impl Fn(usize) -> String) -> String {
    (0..count).map(declaration).collect()
}

#[test]
fn extreme_programs_are_refused() {
    let table = fs::read_to_string(common::root().join("tests/headers/deep.txt")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let mut programs: Vec<String> = lines.map(repeated).collect();
    assert!(programs.len() >= 17);
    let structs = many(5000, |i| format!("struct S{i} {{ next: S{} }}\n", i + 1));
    programs.push(format!("{structs}struct S5000 {{ x: i32 }}"));
    let structs = many(5000, |i| format!("struct S{} {{ x: S{i} }}\n", i + 1));
    programs.push(format!("struct S0 {{ x: i32 }}\n{structs}"));
    for text in programs {
        let Some(ran) = toy_text(&["emit", "clif"], &text) else {
            return;
        };
        let start = text.get(..60).unwrap_or(&text);
        let said = ran.stderr.get(..500).unwrap_or(&ran.stderr);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{start}: {said}");
        assert!(ran.stderr.contains("Error: "), "{start}: {said}");
    }
}

/// clang would read a device for ever.
#[test]
fn a_header_that_is_no_file_is_refused() {
    for header in ["/dev/zero", "."] {
        let text = format!("use c \"{header}\";\nfn main() {{}}\n");
        let Some(ran) = toy_text(&["check"], &text) else {
            return;
        };
        let message = format!("Error: the C header `{header}` is no file");
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.starts_with(&message), "{}", ran.stderr);
    }
}
