//! A machine that lacks a feature of processors or a tool: each by itself, and all together. Suites
//! run in children, most of them for one case of their own. Each must pass, and print that a case
//! did not run, with the reason.
//!
//! Negative controls: a missing reference compiler fails if reference compilers are required, and
//! so does a feature that no processor has. If two suites fail, both are run and named.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use cabi_verify::threads::{at_once, in_threads};
use tempfile::TempDir;

use crate::suite::{Result, Suite};

/// A feature or tool that a machine may lack.
struct Lack {
    what: &'static str,
    /// Beginnings of the names of its programs, and variables by which it is not found,
    /// `NAME=VALUE`; one without a value names a folder without files.
    hidden: &'static [&'static str],
    /// Part of the reason that is printed.
    reason: &'static str,
    /// Suites that use it, each with a part of the names of cases.
    suites: &'static [(&'static str, &'static str)],
}

/// A case of the corpus.
const CASE: &str = "rollback-pair";

/// The beginning of the message about a suite that passes, and does not say what it lacks.
const SILENT: &str = "does not print why it did not run";

/// A name that no case has: the suite then skips its cases.
const NONE: &str = "no case";

static LACKING: [Lack; 9] = [
    Lack {
        what: "avx512f",
        hidden: &["CABI_HIDE=avx512f"],
        reason: "avx512f",
        suites: &[
            ("random", NONE),
            ("probe", "wide-union-1000"),
            ("zig_auto", NONE),
        ],
    },
    Lack {
        what: "avx",
        hidden: &["CABI_HIDE=avx"],
        reason: "avx",
        suites: &[
            ("random", NONE),
            ("run_time", "vector"),
            ("probe", "vector-32"),
        ],
    },
    Lack {
        what: "gcc",
        hidden: &["gcc", "cc", "c89", "c99", "x86_64-linux-gnu-gcc"],
        reason: "gcc",
        suites: &[("random", NONE), ("probe", CASE)],
    },
    Lack {
        what: "clang",
        hidden: &["clang"],
        reason: "clang",
        suites: &[("random", NONE), ("probe", CASE)],
    },
    Lack {
        what: "libclang",
        hidden: &["LIBCLANG_PATH="],
        reason: "libclang",
        suites: &[("run_time", CASE), ("emission", ""), ("headers", "")],
    },
    Lack {
        what: "Zig",
        hidden: &["CABI_ZIG=none", "CABI_CLANG_20=none", "CABI_CLANG_22=none"],
        reason: "none",
        suites: &[("zig", ""), ("zig_auto", ""), ("bugs", "")],
    },
    Lack {
        what: "cross compilers",
        hidden: &["aarch64-", "riscv64-", "s390x-", "x86_64-w64-"],
        reason: "gcc",
        suites: &[("emission", CASE), ("conventions", "s390x")],
    },
    Lack {
        what: "emulators",
        hidden: &["qemu-"],
        reason: "qemu",
        suites: &[("emission", CASE), ("conventions", "s390x")],
    },
    Lack {
        what: "valgrind",
        hidden: &["valgrind"],
        reason: "valgrind",
        suites: &[("preparation", "")],
    },
];

/// A machine that lacks features or tools.
struct Machine {
    /// The folder of the programs that are there.
    path: PathBuf,
    variables: Vec<(&'static str, OsString)>,
    /// `true` if it lacks a program that this machine has, or no program.
    is_other: bool,
}

/// A suite in a child that lacks a feature or tool.
struct Child<'m> {
    name: String,
    suite: &'static str,
    case: &'static str,
    machine: &'m Machine,
    reason: &'static str,
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let machine = |lack: &'static Lack| Ok((lack, Machine::new(&folder, &[lack])?));
    let machines: Vec<_> = LACKING.iter().map(machine).collect::<Result<_>>()?;
    let all = Machine::new(&folder, &LACKING.each_ref())?;
    let mut children = Vec::new();
    for (lack, machine) in &machines {
        let own_children = lack.suites.iter();
        children.extend(own_children.map(|one| machine.child(lack.what, *one, lack.reason)));
    }
    let names = super::SUITES.iter().map(|(name, _)| *name);
    let suites = names.filter(|name| !["facts", "lacking"].contains(name));
    children.extend(suites.map(|name| all.child("everything", (name, ""), "not run")));
    children.retain(|child| suite.wants(&child.name));
    let outcomes = in_threads(&children, at_once(), |child| child.check(&[]), |_| ());
    let missing = machines.iter().filter(|(_, machine)| !machine.is_other);
    let missing: Vec<&str> = missing.map(|(lack, _)| lack.what).collect();
    for (child, outcome) in children.iter().zip(outcomes) {
        match outcome {
            // Something else kept it from running before.
            Err(why) if why.starts_with(SILENT) && !missing.is_empty() => {
                let why = format!("this machine has no {}", missing.join(", "));
                suite.report.not_run("lacking", &child.name, &why);
            }
            outcome => suite.report.outcome("lacking", &child.name, outcome),
        }
    }
    for (what, words, variable, text) in [
        (
            "a required compiler",
            ("random", ""),
            ("CABI_REQUIRE_ORACLES", "1"),
            "",
        ),
        (
            "a feature of no processor",
            ("random", ""),
            ("CABI_HIDE", "avx1024"),
            "",
        ),
        (
            "each of two suites",
            ("clif", "random"),
            ("CABI_HIDE", "avx1024"),
            "suites that failed: clif, random",
        ),
    ] {
        let child = all.child("everything", words, "not run");
        let noticed = match child.check(&[variable]) {
            Err(why) if why.contains(text) => Ok(()),
            Err(why) => Err(format!("{text:?} is not printed:\n{why}")),
            Ok(()) => Err("was not noticed".to_owned()),
        };
        suite.report.outcome("lacking control", what, noticed);
    }
    Ok(())
}

impl Machine {
    fn new(folder: &TempDir, lacking: &[&'static Lack]) -> Result<Self> {
        let names: Vec<&str> = lacking.iter().map(|lack| lack.what).collect();
        let folder = folder.path().join(names.join("+"));
        let (path, nothing) = (folder.join("programs"), folder.join("nothing"));
        std::fs::create_dir_all(&path)?;
        std::fs::create_dir_all(&nothing)?;
        let hidden = lacking.iter().flat_map(|lack| lack.hidden).copied();
        let (values, programs): (Vec<_>, Vec<_>) = hidden.partition(|own| own.contains('='));
        let mut is_other = programs.is_empty();
        for directory in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
            is_other |= link_all(&directory, &path, &programs)?;
        }
        let values = values.iter().filter_map(|own| own.split_once('='));
        let variable = |(name, value): (&'static str, &str)| match value {
            "" => (name, nothing.clone().into()),
            _ => (name, value.into()),
        };
        Ok(Self {
            path,
            variables: values.map(variable).collect(),
            is_other,
        })
    }

    fn child(
        &self,
        what: &str,
        (suite, case): (&'static str, &'static str),
        reason: &'static str,
    ) -> Child<'_> {
        Child {
            name: format!("{suite} without {what}"),
            suite,
            case,
            machine: self,
            reason,
        }
    }
}

/// Links the programs of `from` into `to` that do not begin like one of `missing`; of two with one
/// name the first. Returns whether any begins so.
fn link_all(from: &Path, to: &Path, missing: &[&str]) -> Result<bool> {
    let mut is_any_missing = false;
    let Ok(programs) = std::fs::read_dir(from) else {
        return Ok(false);
    };
    for program in programs {
        let (program, name) = program.map(|entry| (entry.path(), entry.file_name()))?;
        let text = name.to_string_lossy();
        let (link, is_missing) = (
            to.join(&name),
            missing.iter().any(|start| text.starts_with(start)),
        );
        is_any_missing |= is_missing;
        if !is_missing && link.symlink_metadata().is_err() {
            symlink(program, link)?;
        }
    }
    Ok(is_any_missing)
}

impl Child<'_> {
    /// Checks that the suite passes, with more `variables`, and prints why a case did not run.
    fn check(&self, variables: &[(&str, &str)]) -> std::result::Result<(), String> {
        const UNSET: [&str; 7] = [
            "CABI_REQUIRE_ORACLES",
            "CABI_REPORTS",
            "CABI_GCC",
            "CABI_CLANG",
            "CABI_HIDE",
            "CABI_BLESS",
            "CC",
        ];
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        for name in UNSET {
            command.env_remove(name);
        }
        command
            .env("PATH", &self.machine.path)
            .arg(self.suite)
            .args(Some(self.case).filter(|case| !case.is_empty()));
        command
            .env("CABI_RANDOM_COUNT", "2")
            .env("CABI_CONVENTIONS_COUNT", "8");
        command.envs(
            self.machine
                .variables
                .iter()
                .map(|(name, value)| (name, value)),
        );
        let output = command.envs(variables.iter().copied()).output();
        let output = output.map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let is_said = |line: &str| line.contains("not run") && line.contains(self.reason);
        match output.status.success() {
            false => Err(format!("{}\n{out}{err}", output.status)),
            true if out.lines().any(is_said) => Ok(()),
            true => Err(format!("{SILENT}:\n{out}{err}")),
        }
    }
}
