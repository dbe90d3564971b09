//! Results of `cabi verify` and `cabi fuzz` as data: programs that reproduce a mismatch, parts that join to the whole, blocks of the corpus.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{cabi_in as cabi, here, printed};

/// A folder with `own.h`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = include_str!("transcripts/files/own.h");
    std::fs::write(folder.path().join("own.h"), text).expect("a file");
    folder
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON alone")
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a file")
}

/// The program printed for a mismatch shows that mismatch, and none where both parts are by one compiler.
#[test]
fn the_reproduction_reproduces() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let folder = folder.path();
    for (flag, only) in [
        ("-mabi=ms", "scale"),
        ("-mlong-double-64", "exact"),
        ("-fshort-enums", "next"),
        ("-fpack-struct=1", "count"),
    ] {
        let command = format!("gcc {flag}");
        let args = ["--cc", &command, "--only", only, "--json", "out.json"];
        printed(
            &cabi(folder, &[&["verify"], &args[..], &["own.h"]].concat()),
            1,
        );
        let json = json(&read(folder, "out.json"));
        assert_eq!(json["clean"], false);
        let mut results = json["parts"][0]["results"]
            .as_array()
            .expect("a list")
            .iter();
        let callee = |result: &&Value| {
            result["direction"] == "our code calls C" && result["reproduction"].is_string()
        };
        let program = results
            .find(callee)
            .and_then(|result| result["reproduction"].as_str());
        let program = program.expect("a program");
        std::fs::write(folder.join("repro.c"), program).expect("a file");
        for (flag, differs) in [(flag, true), ("", false)] {
            let build = format!(
                "gcc {flag} -DCALLEE -c -o a.o repro.c && gcc -DCALLER -c -o b.o repro.c && gcc -DMAIN -o repro repro.c a.o b.o"
            );
            let built = Command::new("sh")
                .args(["-c", &build])
                .current_dir(folder)
                .output();
            let built = built.expect("a shell");
            let messages = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "{program}: {messages}");
            let ran = Command::new(folder.join("repro"))
                .output()
                .expect("a program");
            assert_eq!(!ran.status.success(), differs, "{only} {flag}: {ran:?}");
        }
    }
}

/// A file named `-` is standard output, which then has nothing but the results.
#[test]
fn results_are_printed_instead_of_the_report() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    for (header, code) in [("own.h", 0), ("missing.h", 2)] {
        let run = |results: &[&str]| {
            let args = ["verify", "--cc", "gcc", "--only", "^next$", header];
            printed(&cabi(folder.path(), &[&args, results].concat()), code)
        };
        let found = json(&run(&["--json", "-", "--junit", "out.xml"]));
        assert_eq!(found["clean"], code == 0);
        let xml = run(&["--junit", "-"]);
        let is_xml = xml.starts_with("<?xml") && xml.ends_with("</testsuites>\n");
        assert!(is_xml, "{xml}");
    }
    assert!(!folder.path().join("-").exists());
}

#[test]
fn parts_joined_are_the_whole() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let folder = folder.path();
    let fuzz = ["fuzz", "--count", "90", "--seed", "5", "--cc", "gcc"];
    let whole = cabi(folder, &[&fuzz[..], &["--json"]].concat());
    let whole = json(&printed(&whole, 0));
    for (shard, out) in [("0/2", "0"), ("1/2", "1")] {
        let part = [&fuzz[..], &["--shard", shard, "--out", out]].concat();
        printed(&cabi(folder, &part), 0);
        assert!(read(&folder.join(out), "fuzz.xml").contains("failures=\"0\""));
    }
    let [first, second] = ["0/fuzz.json", "1/fuzz.json"];
    let merged = cabi(folder, &["merge", "--json", first, second]);
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
    let twice = cabi(folder, &["merge", first, first]);
    printed(&twice, 2);
    assert!(String::from_utf8_lossy(&twice.stderr).contains("counted twice"));
    let text = printed(&cabi(folder, &["merge", first, second]), 0);
    let is_right = text.contains("transitions") && text.contains("ok: 0 unexplained");
    assert!(is_right, "{text}");
}

/// The negative control: another convention, and another packing, must be found and minimized, and be a block of the corpus.
#[test]
fn a_wrong_compiler_is_noticed() {
    if !here("gcc") {
        return;
    }
    for wrong in ["gcc -mabi=ms", "gcc -fpack-struct=1", "gcc -fcall-used-rbx"] {
        let folder = folder();
        let fuzz = ["fuzz", "--cc", wrong];
        let args = ["--count", "24", "--shrink", "1", "--out", "."];
        let text = printed(&cabi(folder.path(), &[&fuzz[..], &args].concat()), 1);
        assert!(text.contains("FAILED"), "{text}");
        let files = std::fs::read_dir(folder.path()).expect("a folder");
        let blocks = files.filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
        let blocks = blocks.filter(|text| text.contains("\n== fuzz-gcc-1-"));
        let block = blocks.min_by_key(String::len);
        let block = block.expect("a file for each difference");
        assert!(block.lines().count() < 10, "not small:\n{block}");
        let file = cabi_verify::corpus::CorpusFile::parse("found.abi".as_ref(), &block);
        assert_eq!(file.expect("a file of the corpus").blocks.len(), 1);
        // Alone it differs again.
        let mut lines = block.lines();
        let number = lines.find_map(|line| line.strip_prefix("# cabi fuzz ")?.split(' ').nth(3));
        let number = number.expect("its index");
        let args = ["--first", number, "--count", "1", "--shrink", "0"];
        printed(&cabi(folder.path(), &[&fuzz[..], &args].concat()), 1);
    }
}
