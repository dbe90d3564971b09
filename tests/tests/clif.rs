//! The CLIF of chosen calls and entries as golden text, and how many instructions calls compile to.
//!
//! Golden files stand in `tests/corpus/clif`, one per block of the corpus; `CABI_BLESS=1` rewrites them. They keep code from changing
//! unseen; that it is right, `interop` shows. Instruction counts are compared with the same call written by hand.
//!
//! Instructions per call, loop and callee included, are counted by callgrind: `tests/examples/calls.rs`.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
#[path = "clif/count.rs"]
mod count;
#[cfg(all(target_arch = "x86_64", unix))]
#[path = "clif/golden.rs"]
mod golden;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    use cabi_judge::report::Report;

    let mut report = Report::new("clif");
    for suite in [golden::run, count::run] {
        if let Err(why) = suite(&mut report) {
            report.outcome("clif", "suite", Err(why));
        }
    }
    report.finish(true)
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("clif: not run: only x86-64 System V is lowered yet");
    ExitCode::SUCCESS
}
