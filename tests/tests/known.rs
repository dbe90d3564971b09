//! The list of known bugs that `cabi verify`, `cabi fuzz` and the suites carry is that of
//! `expected.toml`: each name is one there, its predicate holds for the sample, and each bug there
//! that calls show has a predicate. Reproductions for upstream show their bugs.
#![cfg(all(target_arch = "x86_64", unix))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::process::Command;

use cabi_tests::bugs::subject;
use cabi_tests::corpus::{self, Corpus};
use cabi_verify::build::{Installed, ReferenceError};
use cabi_verify::case::{Direction, Subject};
use cabi_verify::report::expected::{Bug, Expected, Shows};
use cabi_verify::report::{Report, missing};
use cabi_verify::verify::{bugs_of_zig, known_bug, known_bugs, known_initializer_bug};

#[test]
fn each_known_bug_has_a_sample_that_meets_it() {
    let mut report = Report::new("known");
    let corpus = Corpus::read("x86-64-sysv", "known", &mut report).unwrap();
    if corpus.subjects.is_empty() {
        return missing("the samples of known bugs: no block of the corpus can be read");
    }
    let expected = Expected::read(&corpus::expected()).unwrap();
    let names: Vec<&str> = known_bugs().collect();
    for bug in &expected.bugs {
        // A bug that stops the compiler makes no call that could differ; a bug of gcc or clang in
        // one signature alone is a failure of that block.
        let is_met = bug.compiler.starts_with("zig") && bug.shows != Shows::Compilation;
        let is_listed = !is_met || names.contains(&&*bug.name);
        assert!(is_listed, "{}: no predicate says what it affects", bug.name);
    }
    for name in names {
        let bug = expected.bug(name);
        let bug = bug.unwrap_or_else(|| panic!("{name} is no bug of expected.toml"));
        let subject: Subject = subject(bug, &corpus.subjects).unwrap();
        let mut cases = subject.cases.iter();
        let of_zig = |case| {
            let ways =
                [false, true].map(|fast| Direction::ALL.map(|of| bugs_of_zig(case, fast, of)));
            ways.as_flattened().concat().contains(&name)
        };
        let meets = |case| match bug.shows {
            Shows::Initializer => known_initializer_bug(&bug.compiler, case) == Some(name),
            _ if bug.compiler.starts_with("zig") => of_zig(case),
            _ => known_bug(&bug.compiler, case) == Some(name),
        };
        assert!(cases.any(meets), "{name}: its sample does not meet it");
    }
}

/// The block that `text` is. `None` where there is no libclang.
fn read(text: &str) -> Option<Subject> {
    match Subject::parse(text) {
        Err(error) if error.is_missing_libclang => {
            missing(&error.why);
            None
        }
        subject => Some(subject.unwrap()),
    }
}

/// Signatures that every compiler gets right meet no known bug, or the list would excuse
/// everything: plain records, and arrays of nothing where clang does not look.
#[test]
fn plain_signatures_meet_no_known_bug() {
    let text = "== plain\nproves: nothing\nunnamed: int, double, struct pair, long double\n\
                struct pair { long a; double b; };\nstruct floats { float x, y, z; };\n\
                struct empty {};\nstruct no_array { float x; struct empty none; long n; };\n\
                struct at_end { float x; struct empty none[1]; };\n\
                struct at_float { float x; struct empty none[1]; float y; };\n\
                struct in_second { double x; struct empty none[1]; long n; };\n\
                struct after_int { int x; struct empty none[1]; long n; };\n\
                struct with_int { float x; struct empty none[1]; int n; };\n\
                struct in_memory { float x; struct empty none[1]; long n, m; };\n\
                struct pair f(int, struct floats, struct pair *, struct no_array, struct at_end, struct at_float, struct in_second,\n\
                              struct after_int, struct with_int, struct in_memory, ...);\n";
    let Some(subject) = read(text) else {
        return;
    };
    for compiler in ["gcc", "clang"] {
        for known in [known_bug, known_initializer_bug] {
            assert_eq!(known(compiler, &subject.cases[0]), None, "{compiler}");
        }
    }
}

/// A compiler, its vectors in registers, a type of an unnamed argument, and the bug that such a
/// call meets, or nothing.
const NAMES: &str = "
    clang | avx     | union { double d[2]; __float128 q; } | clang-odd-pair-va-arg
    clang | avx     | union { v4 x; double y[2]; }         |
    clang | avx     | union { v8 x; }                      |
    clang | avx     | union { v4 x; char y[32]; }          | clang-unnamed-padded-union
    clang | avx     | union { v4 x; char y[64]; }          |
    clang | avx512f | union { v4 x; char y[64]; }          | clang-unnamed-padded-union
    clang | avx     | struct { __int128 n; }               |
    clang | avx     | __int128                             | clang-int128-leftover-va-arg
    gcc   | avx     | struct { v2x x; }                    |
";
const VECTORS: &str = "typedef float v4 __attribute__((vector_size(16)));\n\
                       typedef float v8 __attribute__((vector_size(32)));\n\
                       typedef __int128 v2x __attribute__((vector_size(32)));\n";

/// A predicate that holds for more than its bug excuses another one under its name.
#[test]
fn what_a_signature_meets_has_the_right_name() {
    for row in NAMES.trim().lines() {
        let [compiler, features, ty, bug] = row.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{row}");
        };
        let text = format!(
            "== one\nproves: its name\nfeatures: {features}\nunnamed: t, int\n{VECTORS}typedef {ty} t;\nvoid f(long, ...);\n"
        );
        let Some(subject) = read(&text) else {
            return;
        };
        let known = known_bug(compiler, &subject.cases[0]);
        assert_eq!(known.unwrap_or_default(), bug, "{row}");
    }
}

/// Compilers as they were when the bugs were measured.
const MEASURED: [&str; 2] = ["gcc-12", "clang-19"];

/// Checks that the bug shows in its reproduction in C; the error says why not. `None` if the
/// compiler is not here.
fn reproduced(bug: &Bug, text: &str, installed: &Installed) -> Option<Result<(), String>> {
    let mut references = installed.references.iter();
    let Some(reference) = references.find(|reference| reference.name() == bug.compiler) else {
        missing(&format!("reproductions by {}", bug.compiler));
        return None;
    };
    let options = text
        .strip_prefix("// ")
        .and_then(|rest| rest.lines().next());
    let options: Vec<&str> = options.unwrap_or_default().split_whitespace().collect();
    let flags = [&["-O2", "-w"], &options[..]].concat();
    if options.contains(&"-mavx") && !std::is_x86_feature_detected!("avx") {
        missing("reproductions with AVX: this machine has no AVX");
        return None;
    }
    if bug.shows == Shows::Compilation {
        let crashed = match reference.build(text, &flags) {
            Err(ReferenceError::Crashed { .. }) => Ok(()),
            Err(why) => Err(why.to_string()),
            Ok(_) => Err("it compiles".to_owned()),
        };
        return Some(crashed);
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("unit.c"), text).unwrap();
    let command = reference.command();
    let compile = format!("{command} {} unit.c -o unit", flags.join(" "));
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.current_dir(&folder).args(["-c", script]);
        command.output().unwrap()
    };
    let made = shell(&compile);
    if !made.status.success() {
        return Some(Err(String::from_utf8_lossy(&made.stderr).into_owned()));
    }
    let ended = shell("ulimit -c 0; ulimit -t 10; exec ./unit").status;
    Some(match ended.success() {
        true => Err("its program ends well".to_owned()),
        false => Ok(()),
    })
}

/// Each reproduction for upstream shows its bug, by the compiler that was measured; later ones may
/// have it fixed. The bugs without a reproduction become fewer.
#[test]
fn each_reproduction_in_c_shows_its_bug() {
    let expected = Expected::read(&corpus::expected()).unwrap();
    let unreduced = expected.bugs.iter().filter(|bug| bug.unreduced.is_some());
    let unreduced: Vec<&str> = unreduced.map(|bug| &*bug.name).collect();
    assert_eq!(unreduced, ["zig-over-aligned-result"]);
    let mut installed = Installed::find();
    for reference in &installed.references {
        if !MEASURED.contains(&&*reference.versioned_name()) {
            missing(&format!("reproductions: {reference} was not measured"));
        }
    }
    installed
        .references
        .retain(|one| MEASURED.contains(&&*one.versioned_name()));
    let in_c = expected
        .bugs
        .iter()
        .filter(|bug| !bug.compiler.starts_with("zig"));
    for bug in in_c {
        let text = bug.reproduction.as_deref();
        let text = text.unwrap_or_else(|| panic!("{}: no reproduction in C", bug.name));
        if let Some(shown) = reproduced(bug, text, &installed) {
            assert_eq!(shown, Ok(()), "{}", bug.name);
        }
    }
    // The control: a program in which all is well is no reproduction.
    if let Some(bug) = expected.bug("clang-lone-float") {
        let shown = reproduced(bug, "int main(void) { return 0; }\n", &installed);
        assert!(shown.is_none_or(|shown| shown.is_err()));
    }
}
