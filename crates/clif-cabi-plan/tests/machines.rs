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
    let arm = "aarch64_be-unknown-linux-gnu: only x86-64 (System V, Windows) and AArch64 (AAPCS64, Apple) are lowered yet";
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

/// `text` without comments and what strings say.
fn code(text: &str) -> String {
    let code = text.lines().map(|line| {
        let code = line.split("//").next().unwrap();
        code.split('"').step_by(2).collect::<Vec<_>>().join(" ")
    });
    code.collect::<Vec<_>>().join("\n")
}

/// Whether `code` has the number `n`, on its own or with a suffix of its type, other than as the length of an array.
fn has_number(code: &str, n: &str) -> bool {
    let code = code.replace(&format!("; {n}]"), "]");
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let mut words = code.split(|c| !is_word(c));
    words.any(|word| {
        let rest = word.trim_start_matches('.').strip_prefix(n);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', 'u', 'i']))
    })
}

/// The files of this crate that name one of `words`, other than in comments.
fn naming(words: &[&str]) -> Vec<String> {
    files(|code| words.iter().any(|word| code.contains(word)))
}

/// The files of this crate in whose code `finds` finds something.
fn files(finds: impl Fn(&str) -> bool) -> Vec<String> {
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
            if finds(&code(&text)) {
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
            &["machine/walk.rs", "signature.rs", "solve.rs"],
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

/// What a machine counts: a line that has it where it does not belong, and files whose numbers of this value are bytes or bits of CLIF's types.
const COUNTS: [(&str, &str, &[&str]); 8] = [
    ("6", "let left = 6 - n_ints;", &[]),
    (
        "8",
        "let vectors = regs.get(..8);",
        &["parts.rs", "signature.rs"],
    ),
    ("24", "let list_bytes = 24;", &[]),
    ("32", "let first = offset - 32_i64;", &["parts.rs"]),
    ("48", "if count > 48 - bytes {", &[]),
    ("56", "base_at: 56u32,", &[]),
    ("176", "save_bytes: 176,", &[]),
    ("192", "base_at: 192,", &[]),
];

/// Registers, offsets and bytes of a machine's areas are numbers of its tables.
#[test]
fn no_count_of_a_machine_is_a_literal() {
    for (n, exhibit, may) in COUNTS {
        assert!(has_number(exhibit, n), "{exhibit}");
        let found = files(|code| has_number(code, n));
        let is_elsewhere = |path: &&String| {
            let is_test = path.ends_with("tests.rs");
            !path.starts_with("machine/") && !may.contains(&&path[..]) && !is_test
        };
        assert_eq!(found.iter().find(is_elsewhere), None, "{n}");
    }
}

/// Steps that only some machines have are chosen in their folder: a line that has it where it does not belong.
#[test]
fn steps_of_one_machine_are_chosen_by_machines() {
    for (step, exhibit) in [
        ("SetVectorCount", "before.push(Step::SetVectorCount(n));"),
        ("VectorsToInts", "before.push(Step::VectorsToInts(set));"),
        ("ZeroUpper", "steps.chain([Step::ZeroUpper])"),
        ("Step::Pop", "let pop = Stub::of([Step::Pop(n)]);"),
        ("Step::ChainTo", "Some(Step::ChainToInt(n))"),
        ("Step::AddressTo", "Some(Step::AddressToInt(n))"),
        ("PushChain", "self.steps.push(Step::PushChain);"),
        ("X87", "part.bank == Bank::X87"),
    ] {
        assert!(code(exhibit).contains(step), "{exhibit}");
        let found = naming(&[step]);
        let may = ["parts.rs", "plan/va_arg.rs"];
        let is_elsewhere = |path: &&String| {
            !(path.starts_with("machine/") || step == "X87" && may.contains(&&path[..]))
        };
        assert_eq!(found.iter().find(is_elsewhere), None, "{step}");
    }
}
