//! The suites, which print what ran, what did not and why: libtest would hide that. One test binary
//! has them all, `tests/tests/suites.rs`.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Command, ExitCode, ExitStatus};

use cabi_verify::build::runner;
use cabi_verify::report::references_required;
use cabi_verify::run::calls_here;
use cabi_verify::threads::in_threads;

use crate::suite::{self, Result, Suite};

#[cfg(all(target_arch = "x86_64", unix))]
mod bugs;
#[cfg(all(target_arch = "x86_64", unix))]
mod clif;
mod conventions;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod emission;
mod facts;
#[cfg(unix)]
mod headers;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod lacking;
mod layout;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod preparation;
#[cfg(all(target_arch = "x86_64", unix))]
mod probe;
#[cfg(unix)]
mod random;
#[cfg(target_os = "linux")]
mod run_time;
#[cfg(unix)]
mod runner;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod zig;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod zig_auto;

type Body = fn(&mut Suite) -> Result<()>;

/// Lists the suites, each with the machines that can run it.
macro_rules! suites {
    ($($name:literal $body:path, $machine:tt;)*) => {
        const SUITES: &[(&str, Option<Body>)] = &[$(
            #[cfg $machine] ($name, Some($body)),
            #[cfg(not $machine)] ($name, None),
        )*];
    };
}

suites! {
    "bugs" bugs::run, (all(target_arch = "x86_64", unix));
    "clif" clif::run, (all(target_arch = "x86_64", unix));
    "conventions" conventions::run, (true);
    "emission" emission::run, (all(target_arch = "x86_64", target_os = "linux"));
    "facts" facts::run, (true);
    "headers" headers::run, (unix);
    "lacking" lacking::run, (all(target_arch = "x86_64", target_os = "linux"));
    "layout" layout::run, (unix);
    "preparation" preparation::run, (all(target_arch = "x86_64", target_os = "linux"));
    "probe" probe::run, (all(target_arch = "x86_64", unix));
    "random" random::run, (unix);
    "run_time" run_time::run, (target_os = "linux");
    "runner" runner::run, (unix);
    "zig" zig::run, (all(target_arch = "x86_64", target_os = "linux"));
    "zig_auto" zig_auto::run, (all(target_arch = "x86_64", target_os = "linux"));
}

/// Suites that call no compiled code of this machine.
const ANYWHERE: [&str; 2] = ["conventions", "facts"];

/// Returns the suite `name` as it is named in [`SUITES`].
fn known(name: &str) -> Option<&'static str> {
    let mut names = SUITES.iter().map(|(known, _)| *known);
    names.find(|known| *known == name)
}

/// Runs the suites that the command line begins with, or all. Its next word selects cases by a part
/// of their names.
///
/// Each of several suites has a process of its own, so that a crash ends no other suite. Two run at
/// once: most of them wait for one slow compiler at some time.
pub fn main() -> ExitCode {
    let words = std::env::args().skip(1);
    let words: Vec<String> = words.filter(|word| !word.starts_with('-')).collect();
    let mut names: Vec<&str> = words.iter().map_while(|word| known(word)).collect();
    let only = words.get(names.len()).map(String::as_str);
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if crate::measure::is_counted() {
        names = vec!["preparation"];
    }
    if let (true, Some(word)) = (names.is_empty(), only) {
        let suites: Vec<&str> = SUITES.iter().map(|(name, _)| *name).collect();
        let suites = suites.join(", ");
        println!("not run: no suite is named {word:?}; the suites are {suites}");
        // `cargo test NAME` runs all test programs for a test of one.
        return ExitCode::from(u8::from(references_required()));
    }
    if names.is_empty() {
        // The tests of `cabi` run the other one.
        let suites = SUITES.iter().filter(|(name, _)| *name != "facts");
        names = suites.map(|(name, _)| *name).collect();
    }
    if is_listing() {
        names.iter().for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    if let [name] = names[..] {
        return run(name, only);
    }
    // Suites that write expected text write in one file.
    let at_once = if suite::is_blessed() { 1 } else { 2 };
    let passed = in_threads(&names, at_once, |name| passes(name, only), |_| ());
    let outcomes = names.iter().zip(passed);
    let failed: Vec<&str> = outcomes
        .filter_map(|(name, passed)| (!passed).then_some(*name))
        .collect();
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("suites that failed: {}", failed.join(", "));
    ExitCode::FAILURE
}

/// Checks whether `cargo test -- --list` wants names alone.
fn is_listing() -> bool {
    std::env::args().any(|word| word == "--list")
}

/// Checks whether the suite `name` passes in a process of its own; prints its output after its end.
fn passes(name: &str, only: Option<&str>) -> bool {
    println!("{name}: begins");
    match output(name, only) {
        Ok((text, status)) => {
            println!("{text}{name}: {status}");
            status.success()
        }
        Err(why) => {
            println!("{name}: {why}");
            false
        }
    }
}

/// Returns both outputs of the suite `name`, as they come, and how it ends.
fn output(name: &str, only: Option<&str>) -> io::Result<(String, ExitStatus)> {
    let mut words: Vec<OsString> = runner().into_iter().map(OsString::from).collect();
    words.push(std::env::current_exe()?.into());
    let (mut output, writer) = io::pipe()?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(name).args(only);
    let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // It has the writers, too.
    drop(command);
    let mut text = Vec::new();
    output.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok((text, child.wait()?))
}

/// Runs the suite `name` in this process, if this machine can.
pub fn run(name: &str, only: Option<&str>) -> ExitCode {
    if is_listing() {
        println!("{name}: test");
        return ExitCode::SUCCESS;
    }
    // `.ci/slowest` reads the name.
    println!("     Running {name}");
    match SUITES.iter().find(|(known, _)| *known == name) {
        Some((name, Some(body))) if calls_here().is_ok() || ANYWHERE.contains(name) => {
            suite::run(name, only, *body)
        }
        _ => {
            let why = calls_here().err();
            let why = why.unwrap_or("this suite needs x86-64 with Unix".to_owned());
            println!("{name}: not run: {why} (docs/testing.md lists the suites of each machine)");
            ExitCode::SUCCESS
        }
    }
}
