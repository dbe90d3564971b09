//! Instructions per call of libffi and of `clif-cabi-jit`, by callgrind: calls of signatures known at run time, and closures that C calls. A loop of C
//! and a callee that does next to nothing are part of each number.
//!
//! ```text
//! cargo run --release -p cabi-tests --example libffi
//! ```
//!
//! It runs itself under valgrind, which counts inside the loops `measured_*` alone, and prints a line for each signature and the least ratios. It
//! fails where an invoker has not at least 6 times fewer instructions than `ffi_call`, or a closure 4 times fewer than libffi's.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> ExitCode {
    let measures = std::env::args().nth(1).is_some_and(|arg| arg == "measure");
    let done = match measures {
        true => run::measure().map(|()| ExitCode::SUCCESS),
        false => run::compare(),
    };
    done.unwrap_or_else(|why| {
        eprintln!("libffi: not run: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() -> ExitCode {
    println!("libffi: not run: calls are made on x86-64 Linux only");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod run {
    use std::error::Error;
    use std::fs;
    use std::path::Path;
    use std::process::{Command, ExitCode};

    use cabi_tests::libffi::{By, Libffi, Pair, Program, compared, settings};
    use cabi_verify::build::Installed;
    use clif_cabi_jit::{Closures, Invokers};

    type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

    /// Calls of one loop.
    const CALLS: u32 = 1000;
    /// How many times fewer instructions an invoker and a closure have at least.
    const LEAST: [f64; 2] = [6.0, 4.0];

    /// The loops, in the order in which [`compare`] reads their counts.
    pub(crate) fn measure() -> Result<()> {
        let all = compared()?;
        let libffi = Libffi::load()?;
        let bench = Installed::find();
        let reference = bench.references.first().ok_or("no C compiler")?;
        let program = Program::new(reference, &all)?;
        let mut invokers = Invokers::new(&settings())?;
        let closures = Closures::new(&settings())?;
        for (i, compared) in all.iter().enumerate() {
            let mut pair = Pair::new(&program, &libffi, &mut invokers, i, compared, &compared.sig)?;
            for by in By::ALL {
                pair.repeat_calls(by, CALLS.into())?;
            }
            for by in By::ALL.into_iter().filter(|_| compared.n_named.is_none()) {
                pair.repeat_call_backs(by, &closures, CALLS.into())?;
            }
        }
        Ok(())
    }

    pub(crate) fn compare() -> Result<ExitCode> {
        Libffi::load()?;
        let folder = tempfile::tempdir()?;
        let out = folder.path().join("callgrind");
        let status = Command::new("valgrind")
            .args(["-q", "--tool=callgrind", "--collect-atstart=no"])
            .args(["--toggle-collect=measured_*", "--dump-after=measured_*"])
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(std::env::current_exe()?)
            .arg("measure")
            .status()
            .map_err(|error| format!("valgrind: {error}"))?;
        if !status.success() {
            return Err(format!("valgrind: {status}").into());
        }
        let mut counts = counts(folder.path())?.into_iter();
        let mut next = || counts.next().ok_or("a loop was not counted");
        println!(
            "{:16} {:>24} {:>24}",
            "", "invoker / ffi_call", "closure / ffi_closure"
        );
        let mut least = [f64::INFINITY; 2];
        for compared in compared()? {
            let mut line = format!("{:16}", compared.name);
            let n_kinds = if compared.n_named.is_none() { 2 } else { 1 };
            for least in least.iter_mut().take(n_kinds) {
                let (ours, theirs) = (next()?, next()?);
                let ratio = theirs / ours;
                *least = least.min(ratio);
                line += &format!(" {ours:>7.0} /{theirs:>6.0} {ratio:>8.1}");
            }
            println!("{line}");
        }
        let [call, closure] = least;
        println!("least            {call:>24.1} {closure:>24.1}");
        Ok(match call >= LEAST[0] && closure >= LEAST[1] {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    /// Instructions per call of each loop, in the order in which they ran: valgrind numbers its dumps.
    fn counts(folder: &Path) -> Result<Vec<f64>> {
        let mut dumps = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let number = path.extension().and_then(|number| number.to_str());
            // The last dump, without a number, is that of the end of the program.
            let Some(number) = number.and_then(|number| number.parse::<u32>().ok()) else {
                continue;
            };
            let text = fs::read_to_string(&path)?;
            let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
            let totals: f64 = totals.ok_or("a dump has no totals")?.trim().parse()?;
            dumps.push((number, totals / f64::from(CALLS)));
        }
        dumps.sort_by_key(|(number, _)| *number);
        Ok(dumps.into_iter().map(|(_, count)| count).collect())
    }
}
