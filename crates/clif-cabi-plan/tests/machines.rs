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
    let arm = "aarch64_be-unknown-linux-gnu: calls on AArch64 are lowered for AAPCS64 and Apple's variant only";
    assert_eq!(refused("aarch64_be-unknown-linux-gnu"), arm);
    for lowered in [
        "aarch64-unknown-linux-gnu",
        "aarch64-apple-darwin",
        "x86_64-pc-windows-gnu",
    ] {
        assert!(Machine::of(&target(lowered)).is_ok());
    }
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

/// What only one machine has is in its folder: its name, registers and calling conventions.
#[test]
fn a_machine_is_a_folder() {
    let folders: [(&str, &[&str]); 2] = [
        (
            "machine/x86_64/",
            &[
                "x86_64::R",
                "x86_64::X",
                "x86_64::S",
                "X86_64_SYSV",
                "WindowsFastcall",
            ],
        ),
        ("machine/aarch64/", &["aarch64::X", "aarch64::V", "AAPCS64"]),
    ];
    for (folder, words) in folders {
        // The words of CLIF itself, and of messages.
        let may = ["signature.rs", "places.rs"];
        let found = naming(words);
        let is_elsewhere = |path: &&String| !path.starts_with(folder) && !may.contains(&&path[..]);
        assert_eq!(found.iter().find(is_elsewhere), None, "{folder}");
        // Found where they are.
        assert!(found.len() > 1, "{found:?}");
    }
}

/// What some machines have, in the files that say so: no other may rely on it.
#[test]
fn needs_of_a_machine_have_one_place() {
    for (word, files) in [
        (
            "CallConv::",
            &[
                "machine/aarch64/counting.rs",
                "machine/x86_64/counting.rs",
                "machine/x86_64/stub.rs",
            ][..],
        ),
        (
            "StructArgument",
            &["machine/walk.rs", "places.rs", "signature.rs", "solve.rs"],
        ),
        (
            "has_struct_arguments",
            &[
                "machine/aarch64/counting.rs",
                "machine/counting.rs",
                "machine/walk.rs",
                "machine/x86_64/counting.rs",
            ],
        ),
        (
            "VectorWidth",
            &[
                "lib.rs",
                "machine/mod.rs",
                "machine/stub.rs",
                "machine/stub/vector.rs",
                "machine/x86_64/mod.rs",
                "machine/x86_64/stub/vector.rs",
            ],
        ),
        (
            "RelocKind",
            &[
                "lib.rs",
                "machine/aarch64/stub.rs",
                "machine/mod.rs",
                "machine/stub.rs",
                "machine/x86_64/stub.rs",
            ],
        ),
        ("preserve_frame_pointers", &[]),
    ] {
        assert_eq!(naming(&[word]), files, "{word}");
    }
}
