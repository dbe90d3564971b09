//! `cabi fuzz` and `cabi merge` as a user runs them: nothing unexplained against real compilers, the same numbers in parts as in one, and
//! compilers told to use another ABI, each of which must be noticed and made small.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use serde_json::Value;
use support::{cabi_in as cabi, printed};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The compilers that are here. What is not is said, and fails where it is required.
fn compilers() -> Vec<&'static str> {
    let folder = folder();
    let mut here = Vec::new();
    for compiler in ["gcc", "clang-19"] {
        let output = cabi(folder.path(), &["fuzz", "--count", "1", "--cc", compiler]);
        if output.status.code() == Some(0) {
            here.push(compiler);
        } else {
            support::absent(&output);
        }
    }
    here
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn nothing_is_unexplained() {
    let folder = folder();
    let compilers = compilers();
    let named = compilers.iter().flat_map(|compiler| ["--cc", compiler]);
    let args: Vec<&str> = ["fuzz", "--count", "600", "--seed", "3", "--json"]
        .into_iter()
        .chain(named)
        .collect();
    if compilers.is_empty() {
        return;
    }
    let found = json(&printed(&cabi(folder.path(), &args), 0));
    for compiler in found["compilers"].as_array().expect("a list") {
        assert_eq!(compiler["signatures"], 600);
        assert!(compiler["same"].as_u64() > Some(450), "{compiler}");
        // Most in both directions.
        assert!(compiler["calls"].as_u64() > Some(850), "{compiler}");
        assert_eq!(compiler["failures"], Value::Array(Vec::new()));
    }
}

#[test]
fn parts_joined_are_the_whole() {
    let folder = folder();
    let Some(compiler) = compilers().first().copied() else {
        return;
    };
    let fuzz = ["fuzz", "--count", "90", "--seed", "5", "--cc", compiler];
    let whole = cabi(folder.path(), &[&fuzz[..], &["--json"]].concat());
    let whole = json(&printed(&whole, 0));
    for shard in ["0/2", "1/2"] {
        let out = shard.replace("/2", "");
        let part = [&fuzz[..], &["--shard", shard, "--out", &out]].concat();
        printed(&cabi(folder.path(), &part), 0);
        let junit = std::fs::read_to_string(folder.path().join(&out).join("fuzz.xml"));
        assert!(junit.expect("a file").contains("failures=\"0\""));
    }
    let files = ["0/fuzz.json", "1/fuzz.json"];
    let merged = cabi(folder.path(), &["merge", "--json", files[0], files[1]]);
    let merged = json(&printed(&merged, 0));
    let (one, all) = (&merged["compilers"][0], &whole["compilers"][0]);
    for key in [
        "signatures",
        "same",
        "calls",
        "coverage",
        "not_run",
        "not_lowered",
    ] {
        assert_eq!(one[key], all[key], "{key}");
    }
    let twice = cabi(folder.path(), &["merge", files[0], files[0]]);
    printed(&twice, 2);
    assert!(String::from_utf8_lossy(&twice.stderr).contains("counted twice"));
    let text = printed(&cabi(folder.path(), &["merge", files[0], files[1]]), 0);
    assert!(
        text.contains("transitions") && text.contains("ok: 0 unexplained"),
        "{text}"
    );
}

/// The negative control: another convention, and another packing, must be found and made small, and be a block of the corpus.
#[test]
fn a_wrong_compiler_is_noticed() {
    if !compilers().contains(&"gcc") {
        return;
    }
    for wrong in ["gcc -mabi=ms", "gcc -fpack-struct=1", "gcc -fcall-used-rbx"] {
        let folder = folder();
        let args = [
            "fuzz", "--count", "24", "--shrink", "1", "--cc", wrong, "--out", ".",
        ];
        let text = printed(&cabi(folder.path(), &args), 1);
        assert!(text.contains("FAILED"), "{text}");
        let files = std::fs::read_dir(folder.path()).expect("a folder");
        let blocks = files
            .filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok())
            .filter(|text| text.contains("\n== fuzz-gcc-1-"));
        let block = blocks.min_by_key(String::len);
        let block = block.expect("a file for each difference");
        assert!(block.lines().count() < 10, "not small:\n{block}");
        let file = cabi_verify::corpus::CorpusFile::parse("found.abi".as_ref(), &block);
        assert_eq!(file.expect("a file of the corpus").blocks.len(), 1);
        // Alone it differs again.
        let number = block
            .lines()
            .find_map(|line| line.strip_prefix("# cabi fuzz "));
        let number = number
            .and_then(|line| line.split(' ').nth(3))
            .expect("its index");
        let again = [
            "fuzz", "--first", number, "--count", "1", "--cc", wrong, "--shrink", "0",
        ];
        printed(&cabi(folder.path(), &again), 1);
    }
}

#[test]
fn what_cannot_be_asked_is_said() {
    let folder = folder();
    for (args, words) in [
        (&["fuzz", "--shard", "4/4"][..], "the last is 3/4"),
        (&["fuzz", "--shard", "half"], "is no part"),
        (&["fuzz", "--cc", "no-such-compiler"], "no-such-compiler"),
        (
            &["fuzz", "--count", "1", "--out", "/dev/null/x"],
            "/dev/null/x",
        ),
        (
            &["fuzz", "--count", "1", "--out", "-"],
            "--json prints them",
        ),
        (&["fuzz", "--count", "0"], "0 is not in 1"),
        (&["fuzz", "--minutes", "0"], "0 is not in 1"),
        (&["fuzz", "--jobs", "0"], "0 is not in 1"),
        (
            &["fuzz", "--first", "18446744073709551615", "--count", "1"],
            "the last index is 18446744073709551614",
        ),
        (&["merge", "/dev/null"], "no results of `cabi fuzz`"),
        (&["merge"], "FILE"),
    ] {
        let output = cabi(folder.path(), args);
        printed(&output, 2);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(words), "{args:?}: {errors}");
    }
}

/// Neither is a run, or several joined, in which nothing was tried.
#[test]
fn no_signature_is_no_success() {
    let Some(compiler) = compilers().first().copied() else {
        return;
    };
    let folder = folder();
    // The first half of one signature.
    let none = [
        "fuzz", "--count", "1", "--shard", "0/2", "--cc", compiler, "--out", ".",
    ];
    for args in [
        &none[..],
        &["merge", "fuzz.json"],
        &["merge", "fuzz.json", "--json"],
    ] {
        let output = cabi(folder.path(), args);
        let text = printed(&output, 2);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            errors.contains("nothing was verified"),
            "{args:?}: {errors}"
        );
        assert!(!text.contains("ok:"), "{text}");
    }
}

/// A run that ends before its first round says why where its results were to be, in place of those of a run before.
#[test]
fn a_run_that_ends_early_writes_why() {
    if !compilers().contains(&"gcc") {
        return;
    }
    let folder = folder();
    let path = folder.path();
    for file in ["fuzz.json", "fuzz.xml"] {
        std::fs::write(path.join(file), "of another run").expect("a file");
    }
    let output = cabi(
        path,
        &["fuzz", "--count", "4", "--cc", "false", "--out", "."],
    );
    printed(&output, 2);
    let errors = String::from_utf8_lossy(&output.stderr);
    let json = std::fs::read_to_string(path.join("fuzz.json")).expect("a file");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let why = json["error"].as_str().expect("a reason");
    assert!(errors.contains(why), "{errors}");
    let xml = std::fs::read_to_string(path.join("fuzz.xml")).expect("a file");
    assert!(
        xml.contains("errors=\"1\"") && xml.contains("<error message="),
        "{xml}"
    );
    // They are no results that could be joined.
    printed(&cabi(path, &["merge", "fuzz.json"]), 2);
}

/// Nor is a compiler that is self-inconsistent in everything: a program shows each signature whose result it spoils to be its own.
#[test]
fn a_self_inconsistent_compiler_fails() {
    if !compilers().contains(&"gcc") {
        return;
    }
    let folder = folder();
    let command = support::gcc_that_returns_zeros(folder.path());
    let args = ["fuzz", "--count", "12", "--shrink", "0", "--cc", &command];
    let text = printed(&cabi(folder.path(), &args), 1);
    assert!(
        text.contains("FAILED: 0 unexplained, ")
            && text.contains(" in which a compiler is self-inconsistent"),
        "{text}"
    );
    let allowed = [&args[..], &["--allow-self-inconsistent"]].concat();
    let text = printed(&cabi(folder.path(), &allowed), 0);
    assert!(
        text.contains(" in which a compiler is self-inconsistent"),
        "{text}"
    );
}

/// A compiler that refuses everything, or whose code cannot run, has shown nothing.
#[test]
fn a_compiler_that_shows_nothing_is_no_success() {
    if !compilers().contains(&"gcc") {
        return;
    }
    let folder = folder();
    let refusing = folder.path().join("refusing");
    let script = "#!/bin/sh
for word; do
  case $word in
    *unit.c) if grep -q '^# 1 ' $word; then echo 'unit.c:1: error: too much' >&2; exit 1; fi ;;
  esac
done
exec gcc \"$@\"
";
    std::fs::write(&refusing, script).expect("a script");
    let refusing = format!("sh {}", refusing.display());
    for (command, words) in [
        ("gcc -fcall-saved-rax", "code by gcc"),
        ("gcc -fsanitize=address", "code by gcc"),
    ] {
        let output = cabi(folder.path(), &["fuzz", "--count", "64", "--cc", command]);
        printed(&output, 2);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(words), "{command}: {errors}");
    }
    for command in [&refusing, "gcc -mno-sse"] {
        let refused = ["fuzz", "--count", "64", "--shrink", "0", "--cc", command];
        let code = cabi(folder.path(), &refused).status.code();
        assert!(matches!(code, Some(1 | 2)), "{command}: {code:?}");
    }
    let twice = ["fuzz", "--count", "1", "--cc", "gcc", "--cc", "gcc"];
    printed(&cabi(folder.path(), &twice), 2);
}
