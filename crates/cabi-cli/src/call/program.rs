//! A call of a function of another target, in a program of `cabi-verify`, under an emulator where
//! this machine cannot run it.

use std::io::Write;
use std::path::Path;

use cabi::{FnSig, RecordRules, Target};
use cabi_header::Prototype;
use cabi_verify::build::{ProgramTarget, Reference, TIME_LIMIT};
use cabi_verify::run::calls_here;
use cabi_verify::run::one_call::{CallOutput, OneCall};

use super::child::ENDED_BADLY;
use super::invoke::Memory;
use crate::ending::ending;
use crate::output::{self, Failure};
use crate::reading::foreign;

/// Returns the target `triple`, unless it is the one whose functions are called in this process.
///
/// # Errors
/// No convention is known for it, or no other target's functions are called on this host.
pub(crate) fn other_target(triple: &str) -> Result<Option<Target>, String> {
    let target = foreign::target(triple)?;
    if Target::host().is_ok_and(|host| host == target) {
        return Ok(None);
    }
    calls_here().map_err(|why| format!("--target {triple}: {why}"))?;
    Ok(Some(target))
}

/// Calls `prototype` as `sig` with `args` in a program of `target` that includes `files`, and
/// prints the program's output. Files of C are compiled by the compiler by whose rules `records` of
/// the header were laid out. Returns the result; `memory` is as the call has left it.
///
/// # Errors
/// The reason if there is no program, or how it ended.
pub(crate) fn call(
    (target, records): (&Target, RecordRules),
    (prototype, sig): (&Prototype, &FnSig),
    args: &[Vec<u8>],
    memory: &mut Memory,
    (files, flags): (&[String], &[String]),
) -> Result<Vec<u8>, Failure> {
    cabi_verify::process::watch_signals();
    let (function, name) = (prototype.name.as_str(), target.name());
    let refuse = |why: String| format!("{function} was not called for {name}: {why}");
    let (program, compilers) = ProgramTarget::named(name).map_err(refuse)?;
    let is_wanted = |command: &&&str| match records {
        RecordRules::Msvc => true,
        rules => command.starts_with("clang") == (rules == RecordRules::Clang),
    };
    let matching = compilers.iter().find(is_wanted);
    if matching.is_none() && files.iter().any(|file| file.ends_with(".c")) {
        let why = "no C compiler for it here lays out records by the rules of this --policy";
        return Err(refuse(why.to_owned()).into());
    }
    let command = matching.or(compilers.first()).copied().unwrap_or_default();
    let compiler = Reference::unasked(TIME_LIMIT, command).map_err(refuse)?;
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let absolute = |file| std::fs::canonicalize(file).map_err(|e| format!("{file}: {e}"));
    let files: Vec<_> = files.iter().map(absolute).collect::<Result<_, _>>()?;
    let files: Vec<&Path> = files.iter().map(|path| &**path).collect();
    let call = OneCall {
        target: &program,
        compiler: (&compiler.for_programs(), &flags),
        files: &files,
        symbol: &prototype.symbol,
        sig,
        vectors: prototype.vectors,
    };
    let run = call.run(args, (memory.start, &memory.bytes));
    let CallOutput { process, returned } = run.map_err(refuse)?;
    output::print(&process.stdout)?;
    // Output for a closed standard error is lost.
    let _ = std::io::stderr().write_all(&process.stderr);
    let how = ending(process.status);
    let Some((result, after)) = returned else {
        return Err(format!("{function} did not return: its process {how}").into());
    };
    if !process.status.success() {
        return Err(format!("{function} {ENDED_BADLY} {how}").into());
    }
    memory.bytes = after;
    Ok(result)
}
