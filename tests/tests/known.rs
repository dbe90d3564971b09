//! The list of known bugs that `cabi verify` and `cabi fuzz` carry is that of `expected.toml`: each name is one there, and its predicate holds for
//! the sample.
#![cfg(all(target_arch = "x86_64", unix))]

use cabi_tests::conformance::bugs::subject;
use cabi_tests::corpus::{self, Corpus};
use cabi_verify::case::Subject;
use cabi_verify::report::Report;
use cabi_verify::report::expected::Expected;
use cabi_verify::verify::{known_bug, known_bugs};

#[test]
fn each_known_bug_has_a_sample_that_meets_it() {
    let mut report = Report::new("known");
    let corpus = Corpus::read("x86-64-sysv", "known", &mut report).unwrap();
    if corpus.subjects.is_empty() {
        return;
    }
    let expected = Expected::read(&corpus::expected()).unwrap();
    for name in known_bugs() {
        let bug = expected.bug(name);
        let bug = bug.unwrap_or_else(|| panic!("{name} is no bug of expected.toml"));
        let subject: Subject = subject(bug, &corpus.subjects).unwrap();
        let mut cases = subject.cases.iter();
        let meets = |case| known_bug(&bug.compiler, case) == Some(name);
        assert!(cases.any(meets), "{name}: its sample does not meet it");
    }
}

/// What every compiler gets right is no known bug, or the list would excuse everything: plain records, and arrays of nothing where clang does not look.
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
    let file = cabi_verify::corpus::CorpusFile::parse("plain.abi".as_ref(), text).unwrap();
    let subject = match Subject::read(&file.blocks[0]) {
        Err(error) if error.is_missing_libclang() => return,
        subject => subject.unwrap(),
    };
    for compiler in ["gcc", "clang"] {
        assert_eq!(known_bug(compiler, &subject.cases[0]), None, "{compiler}");
    }
}

/// A predicate that holds for more than its bug excuses another one under its name.
#[test]
fn what_a_signature_meets_has_the_right_name() {
    let v = |bytes| format!("typedef float v __attribute__((vector_size({bytes}))); ");
    let pair = "union t { double d[2]; __float128 q; };".to_owned();
    let x = "typedef __int128 v __attribute__((vector_size(32))); struct t { v x; };".to_owned();
    let asked = [
        (
            "clang",
            pair,
            "avx",
            "union t",
            Some("clang-odd-pair-va-arg"),
        ),
        (
            "clang",
            v(16) + "union t { v x; double y[2]; };",
            "avx",
            "union t",
            None,
        ),
        ("clang", v(32) + "union t { v x; };", "avx", "union t", None),
        (
            "clang",
            v(16) + "union t { v x; char y[32]; };",
            "avx",
            "union t",
            Some("clang-unnamed-padded-union"),
        ),
        (
            "clang",
            v(16) + "union t { v x; char y[64]; };",
            "avx",
            "union t",
            None,
        ),
        (
            "clang",
            v(16) + "union t { v x; char y[64]; };",
            "avx512f",
            "union t",
            Some("clang-unnamed-padded-union"),
        ),
        (
            "clang",
            "struct t { __int128 n; };".to_owned(),
            "avx",
            "struct t",
            None,
        ),
        (
            "clang",
            "typedef __int128 t;".to_owned(),
            "avx",
            "t",
            Some("clang-int128-leftover-va-arg"),
        ),
        ("gcc", x, "avx", "struct t", None),
    ];
    for (compiler, types, features, unnamed, bug) in asked {
        let text = format!(
            "== one\nproves: its name\nfeatures: {features}\nunnamed: {unnamed}, int\n{types}\nvoid f(long, ...);\n"
        );
        let file = cabi_verify::corpus::CorpusFile::parse("one.abi".as_ref(), &text).unwrap();
        let subject = match Subject::read(&file.blocks[0]) {
            Err(error) if error.is_missing_libclang() => return,
            subject => subject.unwrap(),
        };
        assert_eq!(
            known_bug(compiler, &subject.cases[0]),
            bug,
            "{compiler}: {types}"
        );
    }
}
