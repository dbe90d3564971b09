//! The suites that print what ran, what did not and why, which libtest would hide. Each is a test
//! binary of one line, `tests/tests`.

use std::process::ExitCode;

use crate::suite::{self, Result, Suite};

#[cfg(all(target_arch = "x86_64", unix))]
mod bugs;
#[cfg(all(target_arch = "x86_64", unix))]
mod clif;
mod conventions;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod emission;
#[cfg(has_calls)]
mod explain;
#[cfg(has_calls)]
mod headers;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod lacking;
#[cfg(has_calls)]
mod layout;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod preparation;
#[cfg(all(target_arch = "x86_64", unix))]
mod probe;
#[cfg(has_calls)]
mod random;
#[cfg(all(has_calls, target_os = "linux"))]
mod run_time;
#[cfg(has_calls)]
mod runner;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod versions;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod zig;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod zig_auto;

type Body = fn(&mut Suite) -> Result<()>;

const ANYWHERE: &[(&str, Body)] = &[
    ("conventions", conventions::run),
    ("explain", explain::run),
    ("facts", conventions::judge_stored),
];

/// Suites that call compiled code.
#[cfg(has_calls)]
const CALLS: &[(&str, Body)] = &[
    ("headers", headers::run),
    ("layout", layout::run),
    ("random", random::run),
    #[cfg(target_os = "linux")]
    ("run_time", run_time::run),
    ("runner", runner::run),
];

#[cfg(not(has_calls))]
const CALLS: &[(&str, Body)] = &[];

/// Suites that run x86-64 code.
#[cfg(all(target_arch = "x86_64", unix))]
const X86_64: &[(&str, Body)] = &[
    ("bugs", bugs::run),
    ("clif", clif::run),
    #[cfg(target_os = "linux")]
    ("emission", emission::run),
    #[cfg(target_os = "linux")]
    ("lacking", lacking::run),
    #[cfg(target_os = "linux")]
    ("preparation", preparation::run),
    ("probe", probe::run),
    #[cfg(target_os = "linux")]
    ("versions", versions::run),
    #[cfg(target_os = "linux")]
    ("zig", zig::run),
    #[cfg(target_os = "linux")]
    ("zig_auto", zig_auto::run),
];

#[cfg(not(all(target_arch = "x86_64", unix)))]
const X86_64: &[(&str, Body)] = &[];

fn all() -> impl Iterator<Item = &'static (&'static str, Body)> {
    ANYWHERE.iter().chain(CALLS).chain(X86_64)
}

/// Runs the suite `name`, if this machine can.
pub fn run(name: &str) -> ExitCode {
    match all().find(|(known, _)| *known == name) {
        Some((name, body)) => suite::run(name, *body),
        None => {
            // Suites that call compiled code are known on AArch64 Linux too.
            println!(
                "{name}: not run: this suite needs x86-64 with Unix (docs/testing.md has those that run on AArch64 Linux)"
            );
            ExitCode::SUCCESS
        }
    }
}
