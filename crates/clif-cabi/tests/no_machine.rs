//! What one machine has of its own is a matter of `clif-cabi-plan`'s `machine/`: no file here names a register, or decides by a calling convention.
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::path::{Path, PathBuf};

/// Words that only a machine's own files have. `CallConv` is named where plan and Cranelift are translated into each other.
const WORDS: [&str; 8] = [
    "x86_64::",
    "aarch64",
    "X86",
    "Arm64",
    "SystemV",
    "WindowsFastcall",
    "PreserveAll",
    "get_frame_pointer",
];

/// What a machine counts, and a line that has it where it does not belong: registers, bytes of save areas and lists.
const COUNTS: [(&str, &str); 6] = [
    ("6", "let left = 6 - n_ints;"),
    ("24", "let list = slot(builder, 24, 8);"),
    ("32", "let first = offset - 32;"),
    ("48", "let is_left = icmp(builder, count, 48);"),
    ("176", "let save = slot(builder, 176, 16);"),
    ("192", "let save = slot(builder, 192, 16);"),
];

/// Files that may: the translation, and where the incoming area is addressed.
const MAY: [&str; 2] = ["clif_types.rs", "emit/entry.rs"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Whether `text` has the number `n`, other than in a string.
fn has_number(text: &str, n: &str) -> bool {
    let code = text.split('"').step_by(2);
    let mut words = code.flat_map(|code| code.split(|c: char| !c.is_alphanumeric()));
    words.any(|word| word == n)
}

#[test]
fn counts_are_found() {
    for (n, exhibit) in COUNTS {
        assert!(has_number(exhibit, n), "{exhibit}");
    }
}

#[test]
fn no_file_names_registers_or_conventions() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    let mut allowed = 0;
    for path in &all {
        let text = std::fs::read_to_string(path).unwrap();
        // Names in examples and constructors are not decisions.
        let text = text.lines().filter(|line| !line.contains("//"));
        let text = text.collect::<Vec<_>>().join("\n").replace("X86_64", "");
        let named = WORDS.iter().find(|word| text.contains(**word));
        let counted = COUNTS.iter().find(|(n, _)| has_number(&text, n));
        assert_eq!(counted, None, "{}", path.display());
        if MAY.iter().any(|may| *path == src.join(may)) {
            // They would be found.
            allowed += usize::from(named.is_some());
        } else {
            assert_eq!(named, None, "{}", path.display());
        }
    }
    assert!(all.len() > 15, "{} files", all.len());
    assert_eq!(allowed, MAY.len());
}
