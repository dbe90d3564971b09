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
