//! Reproductions for upstream, in `expected.toml`, show their bugs.
#![cfg(all(target_arch = "x86_64", unix))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::process::Command;

use cabi_tests::corpus;
use cabi_verify::build::{InstalledCompilers, ReferenceError};
use cabi_verify::report::expected::{Bug, Expected, Symptom};
use cabi_verify::report::missing;
use cabi_verify::run::starts;

/// Compilers as they were when the bugs were measured.
const MEASURED: [&str; 2] = ["gcc-12", "clang-19"];

/// Checks that the bug shows in its reproduction in C; the error says why not. `None` if the
/// compiler is not here.
fn reproduced(bug: &Bug, text: &str, installed: &InstalledCompilers) -> Option<Result<(), String>> {
    let mut references = installed.references.iter();
    let Some(reference) = references.find(|reference| reference.name() == bug.compiler) else {
        missing(&format!("reproductions by {}", bug.compiler));
        return None;
    };
    let options = text
        .strip_prefix("// ")
        .and_then(|rest| rest.lines().next());
    let options: Vec<&str> = options.unwrap_or_default().split_whitespace().collect();
    let flags = [&["-O2", "-w"], &options[..]].concat();
    if options.contains(&"-mavx") && !std::is_x86_feature_detected!("avx") {
        missing("reproductions with AVX: this machine has no AVX");
        return None;
    }
    if bug.shows == Symptom::Compilation {
        let crashed = match reference.build(text, &flags) {
            Err(ReferenceError::Refused { crashed: true, .. }) => Ok(()),
            Err(why) => Err(why.to_string()),
            Ok(_) => Err("it compiles".to_owned()),
        };
        return Some(crashed);
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("unit.c"), text).unwrap();
    let command = reference.command();
    let is_riscv = options
        .iter()
        .any(|own| own.starts_with("--target=riscv64"));
    let runner = if is_riscv { "qemu-riscv64 " } else { "" };
    let tools = ["qemu-riscv64", "riscv64-linux-gnu-gcc"];
    let lacks = tools.into_iter().find_map(|tool| starts(tool).err());
    if let Some(why) = lacks.filter(|_| is_riscv) {
        missing(&format!("reproductions on RISC-V: {why}"));
        return None;
    }
    let compile = format!("{command} {} unit.c -o unit", flags.join(" "));
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.current_dir(&folder).args(["-c", script]);
        command.output().unwrap()
    };
    let compiled = shell(&compile);
    if !compiled.status.success() {
        return Some(Err(String::from_utf8_lossy(&compiled.stderr).into_owned()));
    }
    let ended = shell(&format!("ulimit -c 0; ulimit -t 10; exec {runner}./unit")).status;
    Some(match ended.success() {
        true => Err("its program ends well".to_owned()),
        false => Ok(()),
    })
}

/// Each reproduction for upstream shows its bug, by the compiler that was measured; later ones may
/// have it fixed. The bugs without a reproduction become fewer.
#[test]
fn each_reproduction_in_c_shows_its_bug() {
    let expected = Expected::read(&corpus::expected()).unwrap();
    let unreduced = expected.bugs.iter().filter(|bug| bug.unreduced.is_some());
    let unreduced: Vec<&str> = unreduced.map(|bug| &*bug.name).collect();
    assert_eq!(unreduced, ["zig-over-aligned-result"]);
    let mut installed = InstalledCompilers::find();
    for reference in &installed.references {
        if !MEASURED.contains(&&*reference.versioned_name()) {
            missing(&format!("reproductions: {reference} was not measured"));
        }
    }
    installed
        .references
        .retain(|one| MEASURED.contains(&&*one.versioned_name()));
    let in_c = expected
        .bugs
        .iter()
        .filter(|bug| !bug.compiler.starts_with("zig"));
    for bug in in_c {
        let text = bug.reproduction.as_deref();
        let text = text.unwrap_or_else(|| panic!("{}: no reproduction in C", bug.name));
        if let Some(outcome) = reproduced(bug, text, &installed) {
            assert_eq!(outcome, Ok(()), "{}", bug.name);
        }
    }
    // The control: a program in which all is well is no reproduction.
    if let Some(bug) = expected.bug("clang-lone-float") {
        let outcome = reproduced(bug, "int main(void) { return 0; }\n", &installed);
        assert!(outcome.is_none_or(|outcome| outcome.is_err()));
    }
}
