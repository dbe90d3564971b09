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
    let arm = "aarch64_be-unknown-linux-gnu: calls on AArch64 are lowered for AAPCS64 only";
    assert_eq!(refused("aarch64_be-unknown-linux-gnu"), arm);
    assert!(Machine::of(&target("aarch64-unknown-linux-gnu")).is_ok());
    assert!(Machine::of(&target("x86_64-apple-darwin")).is_ok());
}

fn target(name: &str) -> Target {
    Target::new(&name.parse().unwrap()).unwrap()
}

/// The files of this crate that name one of `words`, other than in comments.
fn naming(words: &[&str]) -> Vec<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut naming, mut folders) = (Vec::new(), vec![src.clone()]);
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().map(|line| line.split("//").next().unwrap());
            let code = code.collect::<Vec<_>>().join("\n");
            if words.iter().any(|word| code.contains(word)) {
                let path = path.strip_prefix(&src).unwrap();
                naming.push(path.to_str().unwrap().to_string());
            }
        }
    }
    naming.sort();
    naming
}

/// A machine is a folder: one that only refuses is named there and by `machine/mod.rs`, and by no other file.
#[test]
fn a_second_machine_is_a_folder() {
    let expected = ["machine/aarch64/mod.rs", "machine/mod.rs"];
    assert_eq!(naming(&["aarch64", "AArch64"]), expected);
}

/// Only the folder of a machine has its registers as data, and decides by a calling convention.
#[test]
fn only_machines_name_registers_and_conventions() {
    let words = [
        "x86_64::R",
        "x86_64::X",
        "x86_64::S",
        "CallConv::",
        "X86_64_SYSV",
    ];
    let found = naming(&words);
    let is_elsewhere = |path: &&String| !path.starts_with("machine/x86_64/");
    assert_eq!(found.iter().find(is_elsewhere), None);
    // Found where they are.
    assert!(found.len() > 3, "{found:?}");
}
