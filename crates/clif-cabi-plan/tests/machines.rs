//! Targets that are refused, and where a machine is named.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::path::Path;

use cabi::Target;
use clif_cabi_plan::{Machine, PlanError};

#[test]
fn other_targets_are_refused() {
    let refused = |name: &str| match Machine::of(&target(name)) {
        Err(PlanError::Target { target, why }) => format!("{target}: {why}"),
        other => panic!("{other:?}"),
    };
    let windows = "x86_64-pc-windows-gnu: only x86-64 System V is lowered yet";
    assert_eq!(refused("x86_64-pc-windows-gnu"), windows);
    let arm = "aarch64-unknown-linux-gnu: calls on AArch64 are not lowered yet";
    assert_eq!(refused("aarch64-unknown-linux-gnu"), arm);
    assert!(Machine::of(&target("x86_64-apple-darwin")).is_ok());
}

/// A machine is a folder: this one is named in `machine/` and by one line there, and by no other file.
#[test]
fn a_second_machine_is_a_folder() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut naming = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).unwrap().contains("aarch64") {
                naming.push(path.strip_prefix(&src).unwrap().to_path_buf());
            }
        }
    }
    naming.sort();
    let expected = ["machine/aarch64/mod.rs", "machine/mod.rs"];
    assert_eq!(naming, expected.map(std::path::PathBuf::from));
}

fn target(name: &str) -> Target {
    Target::new(&name.parse().unwrap()).unwrap()
}

/// Outside `machine/`, where they are data, no file knows a register or decides by a calling convention.
#[test]
fn only_machines_name_registers_and_conventions() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut searched = 0;
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            // Where they are data, and the words themselves.
            if path.ends_with("machine") || path.ends_with("signature.rs") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            searched += 1;
            for word in ["x86_64::R", "x86_64::X", "x86_64::S", "CallConv::", "SYSV"] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
    assert!(searched >= 12, "{searched} files");
    // It would be found.
    let machine = src.join("machine/x86_64/counting.rs");
    let text = std::fs::read_to_string(machine).unwrap();
    assert!(text.contains("x86_64::R") && text.contains("CallConv::"));
}
