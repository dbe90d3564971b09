//! Every program in `tests/headers/wrong.txt` is refused with the message that stands beside it and its place, and exit code 1; so are programs that
//! are too deep or too long; and what cannot be run, built or compiled for a target says why.

use crate::common::{root, toy_text};
use std::fs;

#[test]
fn wrong_programs_are_refused() {
    let folder = root().join("tests/headers");
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
        let said = format!("Error: {message}\n  --> p.toy:1:");
        assert!(ran.stderr.starts_with(&said), "{program}: {}", ran.stderr);
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

#[test]
fn extreme_programs_are_refused() {
    let table = fs::read_to_string(root().join("tests/headers/deep.txt")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let mut programs: Vec<String> = lines.map(repeated).collect();
    assert!(programs.len() >= 17);
    // Each needs the next, or is twice as large as the one before.
    let chain = |i| format!("struct S{i} {{ next: S{} }}\n", i + 1);
    programs.push((0..5000).map(chain).collect());
    let doubled = |i| format!("struct S{} {{ x: S{i}, y: S{i} }}\n", i + 1);
    let doubled: String = (0..5000).map(doubled).collect();
    programs.push(format!("struct S0 {{ x: i32 }}\n{doubled}"));
    for text in programs {
        let Some(ran) = toy_text(&["emit", "clif"], &text) else {
            return;
        };
        let start = text.get(..60).unwrap_or(&text);
        let said = ran.stderr.get(..500).unwrap_or(&ran.stderr);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{start}: {said}");
        assert!(ran.stderr.starts_with("Error: "), "{start}: {said}");
    }
}

const LIBRARY: &str = "extern \"libnothere.so.9\" { fn f(); } fn main() { f(); }";
const SYMBOL: &str = "extern { fn no_such(); } fn main() { no_such(); }";
const CAUGHT: &str = "extern { fn f(); } fn main() { try { f(); } catch { } }";
const MAIN: &str = "fn main() {}";
const NO_MAIN: &str = "fn f() {}";
const F80: &str = "extern { fn sqrtl(x: f80) -> f80; }";

/// Arguments of the command, a program, the exit code, and what is said.
const ROWS: &[(&str, &str, i32, &str)] = &[
    (
        "run",
        LIBRARY,
        2,
        "toy: cannot open library libnothere.so.9",
    ),
    ("run", SYMBOL, 2, "Programs name libraries so: `extern"),
    ("run", NO_MAIN, 1, "there is no function `main`"),
    ("build", NO_MAIN, 1, "there is no function `main`"),
    ("build -o p", LIBRARY, 2, "libnothere.so.9"),
    ("build -o p", SYMBOL, 2, "no_such"),
    ("CC=no-such-cc build -o p", MAIN, 2, "no-such-cc: "),
    ("CC=true build -o p", MAIN, 2, "has written nothing"),
    ("build -o ./p.toy", MAIN, 2, "the place of its text"),
    ("emit obj -o ./p.toy", MAIN, 2, "the place of its text"),
    ("emit clif --target nonsense", MAIN, 2, "nonsense"),
    (
        "emit obj --target wasm32-unknown-unknown",
        MAIN,
        2,
        "wasm32",
    ),
    (
        "emit clif --target aarch64-unknown-linux-gnu",
        F80,
        1,
        "has no `f80`",
    ),
    (
        "emit clif --target aarch64-apple-darwin",
        F80,
        1,
        "has no `f80`",
    ),
    ("emit clif --target x86_64-pc-windows-gnu", F80, 0, ""),
    (
        "emit obj --target x86_64-pc-windows-gnu",
        CAUGHT,
        1,
        "no exception is caught",
    ),
    ("emit obj --target aarch64-apple-darwin", CAUGHT, 0, ""),
    (
        "emit obj -g --target aarch64-unknown-linux-gnu",
        CAUGHT,
        0,
        "",
    ),
    (
        "emit obj -g --target aarch64-apple-darwin",
        CAUGHT,
        2,
        "debug information is written into ELF",
    ),
];

/// Exit code 2 is for what is not the program's fault.
#[test]
fn what_cannot_be_done_is_said() {
    for (args, text, code, said) in ROWS {
        let args: Vec<&str> = args.split(' ').collect();
        let Some(ran) = toy_text(&args, text) else {
            return;
        };
        assert_eq!(ran.code, *code, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    }
}
