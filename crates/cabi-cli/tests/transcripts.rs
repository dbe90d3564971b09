//! The command as a user types it. A file of `tests/transcripts` is cases: commands of a shell,
//! with what they must print.
//!
//! ```text
//! == title
//! needs gcc                       the rest of the case is not run without it: libclang,
//!                                 libclang-14, cc, gcc, clang (libclang too), clang-19, zig, avx,
//!                                 aarch64, riscv64, s390x (its gcc, and qemu), mingw (its gcc),
//!                                 docs (the repository's)
//! copy own.h                      files of `transcripts/files` in the folder of the case, which is
//!                                 the current one
//! write more.h                    a file with the lines that follow
//! | int f(int);
//! $ cabi verify --cc gcc own.h    run by sh; lines indented by two spaces belong to it
//! ? 1                             exit status, or several with `|` between; where it is not said
//!                                 it is 0, and 2 where there are lines with `!`
//! > text                          standard output is these lines; [..] stands for anything in a
//!                                 line
//! nothing                         standard output is empty
//! + text                          standard output contains this, or after ` || ` this
//! ! text                          standard error contains this
//! - text                          neither contains this
//! @ out.json text                 the file contains this
//! = Explanation                   standard output is JSON, an Explanation of docs/cabi.schema.json
//! ```
//!
//! A command that exits with 0 prints nothing to standard error, unless a line with `!` says so.
//! `$LIB` is the library that a case has built, with its header; `$CC`, `$CLANG` and `$ZIG` are the
//! compilers, `$DOCS` is the folder of the documentation. `CABI_CASE=text` runs the cases whose
//! titles contain the text.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(clippy::panic, reason = "a file that cannot be read fails its test")]

mod support;

use std::fs;
use std::io::Write as _;
use std::iter::{self, Peekable};
use std::path::Path;
use std::str::Lines;
use std::sync::Mutex;
use std::thread;

use cabi_verify::build::zig::Zig;
use cabi_verify::run::starts;
use regex_lite::Regex;
use support::schema::Schema;
use support::{DOCS, cc, clang, libclang, missing, shell};

macro_rules! transcripts {
    ($($name:ident)*) => { $(
        #[test]
        fn $name() {
            run_file(include_str!(concat!("transcripts/", stringify!($name), ".txt")));
        }
    )* };
}

transcripts! { call call_values command compiled_code diff effects explain fuzz json layout lies limits pictures processes results verdicts verify }

/// Runs all cases, two at once, and fails with the failures of all of them.
fn run_file(text: &str) {
    let only = std::env::var("CABI_CASE").unwrap_or_default();
    let cases = text.split("\n== ").skip(1);
    let cases = cases.filter_map(|case| case.split_once('\n'));
    let chosen = Mutex::new(cases.filter(|(title, _)| title.contains(&only)));
    let next = || chosen.lock().expect("the cases").next();
    let run = || -> String {
        iter::from_fn(next)
            .map(|(title, body)| run_case(title, body))
            .collect()
    };
    let wrong = thread::scope(|scope| {
        let other = scope.spawn(run);
        run() + &other.join().expect("the cases of the other thread")
    });
    assert!(wrong.is_empty(), "{wrong}");
}

/// Returns the failures of one case.
fn run_case(title: &str, body: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let mut wrong = String::new();
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" => {}
            "needs" if rest.split(' ').all(is_here) => {}
            "needs" => break,
            "copy" => rest.split(' ').for_each(|name| copy(name, folder)),
            "write" => {
                let text = continued(&mut lines, "|");
                fs::write(folder.join(rest), text).expect("a file");
            }
            "$" => {
                let command = format!("{rest}\n{}", continued(&mut lines, " "));
                let mut checks = Vec::new();
                while let Some(check) = lines.next_if(|line| is_check(line)) {
                    checks.push(check.split_once(' ').unwrap_or((check, "")));
                }
                for what in run(&command, &checks, folder) {
                    wrong += &format!("== {title}\n$ {command}{what}\n");
                }
            }
            _ => panic!("{title}: no such line: {line}"),
        }
    }
    wrong
}

/// Returns the lines that begin with `mark`, without it and the blank after it.
fn continued(lines: &mut Peekable<Lines<'_>>, mark: &str) -> String {
    let mut text = String::new();
    while let Some(line) = lines.next_if(|line| line.starts_with(mark)) {
        let line = &line[mark.len()..];
        text += line.strip_prefix(' ').unwrap_or(line);
        text.push('\n');
    }
    text
}

fn is_check(line: &str) -> bool {
    let word = line.split(' ').next().unwrap_or(line);
    ["?", ">", "nothing", "+", "!", "-", "@", "=", "#"].contains(&word)
}

fn copy(name: &str, folder: &Path) {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/files");
    fs::copy(files.join(name), folder.join(name)).expect("a file that is there");
}

/// Returns whether `what`, which a case needs, is here. A missing thing is printed once, and fails
/// where it is required.
fn is_here(what: &str) -> bool {
    match what {
        "libclang" => libclang(),
        "libclang-14" => {
            let is_here = Path::new("/usr/lib/llvm-14/lib/libclang.so.1").is_file();
            if !is_here {
                missing("libclang 14, in Debian's folder");
            }
            is_here
        }
        "gcc" => libclang() && tool(what),
        "clang" => libclang() && tool(clang()),
        "cc" => tool(&cc()),
        "aarch64" | "riscv64" | "s390x" => {
            tool(&format!("{what}-linux-gnu-gcc")) && tool(&format!("qemu-{what}"))
        }
        "mingw" => tool("x86_64-w64-mingw32-gcc"),
        "clang-19" => tool(what),
        "zig" => Zig::find().map_err(|why| missing(&why)).is_ok(),
        "docs" => Path::new(DOCS).is_dir(),
        "avx" => {
            let is_here = cabi_verify::processor::has("avx");
            if !is_here {
                let _ = writeln!(std::io::stderr(), "not run: this processor has no AVX");
            }
            is_here
        }
        _ => panic!("nobody knows whether there is {what}"),
    }
}

/// Returns whether a program is here.
fn tool(program: &str) -> bool {
    starts(program).map_err(|why| missing(&why)).is_ok()
}

/// Runs one command, and returns its failures, a line each.
fn run(command: &str, checks: &[(&str, &str)], folder: &Path) -> Vec<String> {
    let output = shell(command, folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let has = |kind: &str| checks.iter().any(|(known, _)| *known == kind);
    let status = output.status.code().unwrap_or(-1).to_string();
    let is_usual = has("?") || status == if has("!") { "2" } else { "0" };
    let is_silent = status != "0" || err.is_empty() || has("!");
    let lines = checks.iter().filter(|(kind, _)| *kind == ">");
    let lines: Vec<&str> = lines.map(|(_, text)| *text).collect();
    let are_lines = out.lines().count() == lines.len() && { out.lines().zip(&lines) }
        .all(|(line, expected)| matches(line, expected));
    let mut results = vec![
        (is_usual, format!("exit status {status}")),
        (is_silent, "it prints errors".to_owned()),
        (
            lines.is_empty() || are_lines,
            format!("expected:\n{}", lines.join("\n")),
        ),
    ];
    for (kind, text) in checks {
        let is_right = match *kind {
            "?" => text.split('|').any(|one| one == status),
            "nothing" => out.is_empty(),
            "+" => text.split(" || ").any(|one| out.contains(one)),
            "!" => err.contains(text),
            "-" => !out.contains(text) && !err.contains(text),
            "@" => {
                let (file, text) = text.split_once(' ').expect("a file and text");
                let file = fs::read_to_string(folder.join(file)).unwrap_or_default();
                file.contains(text)
            }
            "=" => {
                let what = Schema::read().difference(&out, text);
                results.extend(what.map(|what| (false, what)));
                true
            }
            _ => true,
        };
        results.push((is_right, format!("{kind} {text}")));
    }
    let wrong = results.into_iter().filter(|(is_right, _)| !is_right);
    let what = |(_, what)| format!("{what}\nprinted:\n{out}\nerrors:\n{err}");
    wrong.map(what).collect()
}

/// Returns whether `line` is `expected`, in which `[..]` stands for anything.
fn matches(line: &str, expected: &str) -> bool {
    let parts: Vec<String> = expected.split("[..]").map(regex_lite::escape).collect();
    let pattern = Regex::new(&format!("^{}$", parts.join(".*"))).expect("a pattern");
    pattern.is_match(line)
}

#[test]
fn mistakes_are_noticed() {
    for (checks, n_wrong) in [
        ("$ echo a; echo b\n> a\n> b", 0),
        ("$ echo a; echo b\n> a", 1),
        ("$ echo a-b-c\n> a[..]c\n+ b\n- d", 0),
        ("$ echo a-b-c\n> a[..]d\n+ d\n- b", 3),
        ("$ echo a\nnothing", 1),
        ("$ echo a >&2; exit 2\n! a\nnothing", 0),
        ("$ echo a >&2; exit 1\n! b\nnothing", 2),
        ("$ echo a >&2", 1),
        ("$ exit 3\n? 1|3", 0),
        ("$ exit 3", 1),
        ("write f\n| a\n|  b\n$ cat f\n> a\n>  b\n@ f a\n@ f c", 1),
        (
            "needs docs\n$ echo '{\"compared\": 1, \"differ\": 0}'\n= Counts",
            0,
        ),
        ("needs docs\n$ echo '{\"compared\": 1}'\n= Counts", 1),
        (
            "needs docs\n$ echo '{\"compared\": 1, \"differ\": 0, \"more\": 2}'\n= Counts",
            1,
        ),
        (
            "needs docs\n$ echo '{\"compared\": 1, \"differ\": \"0\"}'\n= Counts",
            1,
        ),
        ("needs libclang\n$ echo\n> \n$ true\n  exit 4\n? 4", 0),
    ] {
        // A package has no docs.
        let is_passed_over = checks.starts_with("needs docs") && !is_here("docs");
        let n_wrong = if is_passed_over { 0 } else { n_wrong };
        let wrong = run_case("control", checks);
        assert_eq!(
            wrong.matches("== control").count(),
            n_wrong,
            "{checks}\n{wrong}"
        );
    }
}
