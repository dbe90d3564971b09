//! Zig's compiler against Cranelift, in both directions, by both its back ends, each under its own profile: extern structs and unions, vectors of numbers
//! and of bools. Sizes, alignments and offsets are compared too.
//!
//! The signatures are those of the corpus that Zig has words for, those that show its bugs, vectors of bools from all registers free to none, and random ones:
//! `CABI_RANDOM_COUNT` of them (usually 200) from `CABI_RANDOM_SEED`. Where Zig's own caller and callee disagree about a random one, it is Zig's
//! fault, and counted as such. What Zig cannot say or compile is counted by reason.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod zig {
    pub(crate) mod cases;
    pub(crate) mod suite;
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> ExitCode {
    zig::suite::run().unwrap_or_else(|why| {
        eprintln!("zig: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() -> ExitCode {
    println!("zig: not run: the engine needs x86-64, and the triple is Linux's");
    ExitCode::SUCCESS
}
