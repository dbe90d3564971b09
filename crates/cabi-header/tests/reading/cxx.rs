//! C++ headers: how compilers pass the classes of a table, and headers of the system. The other
//! tables say what is read of functions and classes.

use std::process::Command;

use crate::support::{header, missing, needs_libclang};
use cabi_header::{Options, Reason};

/// Returns the text of the table's classes, and the name of each with `true` if it is passed by
/// reference.
fn classes() -> (String, Vec<(&'static str, bool)>) {
    const TABLE: &str = include_str!("../tables/classes.txt");
    let mut classes = Vec::new();
    for line in TABLE.lines() {
        if let Some((name, text)) = line.strip_prefix("= take_").and_then(|l| l.split_once(':')) {
            classes.push((name, text.ends_with("by reference [1]")));
        }
    }
    let is_text = |line: &&str| !["# ", "% ", "= "].iter().any(|mark| line.starts_with(mark));
    let text: Vec<&str> = TABLE.lines().filter(is_text).collect();
    (text.join("\n"), classes)
}

/// Compares with compilers. An object by reference arrives as a pointer, so its address is in rsi.
#[test]
fn compilers_agree_about_references() {
    for command in ["g++", "clang++-19"] {
        if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            return missing("x86-64 Linux");
        }
        let dir =
            std::env::temp_dir().join(format!("cabi-header-{command}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (declared, classes) = classes();
        assert_eq!(classes.len(), 14);
        let mut text = format!("{declared}\nextern \"C\" int puts(const char *); void *seen;\n");
        let mut main = String::from("int main() { int wrong = 0; void *at = &at;\n");
        for (name, by_reference) in classes {
            // The function is called as one that takes a pointer there. An object passed by value
            // has no such address.
            text += &format!(
                "__attribute__((noinline)) void take_{name}(int, {name} x) {{ seen = &x; }}\n"
            );
            main += &format!(
                "seen = 0; reinterpret_cast<void (*)(int, void *, long)>(reinterpret_cast<void *>(&take_{name}))(0, at, 0); \
                 if ((seen == at) != {by_reference}) {{ puts(\"{name}\"); wrong = 1; }}\n"
            );
        }
        text += &format!("{main} return wrong; }}\n");
        let (source, program) = (dir.join("a.cpp"), dir.join("a.out"));
        // The negative control: one expectation turned around has to fail.
        let control = text.replacen("!= true", "!= false", 1);
        for (text, fails) in [(&text, false), (&control, true)] {
            std::fs::write(&source, text).unwrap();
            let built = Command::new(command)
                .args(["-w", "-O0", "-std=c++17", "-o"])
                .args([&program, &source])
                .status();
            let Ok(built) = built else {
                missing(command);
                break;
            };
            assert!(built.success(), "{command}");
            let run = Command::new(&program).output().unwrap();
            let output = String::from_utf8_lossy(&run.stdout);
            assert_eq!(!run.status.success(), fails, "{command}: {output}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

#[test]
fn system_headers() {
    needs_libclang!();
    let text = "#include <cstdlib>\n#include <cmath>\n#include <string>\n#include <complex>\n";
    let header = header(text, &Options::new().name("header.hpp"));
    assert_eq!(header.prototype("div").unwrap().symbol, "div");
    for skipped in &header.skipped {
        let reason = &skipped.reason;
        let usual = ["c++", "inline", "static", "incomplete", "attribute"].contains(&reason.key())
            || matches!(reason, Reason::Mismatch { .. } | Reason::In { .. });
        assert!(usual, "{}: {}: {reason}", skipped.location, skipped.name);
    }
}
