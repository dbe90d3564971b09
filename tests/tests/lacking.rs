//! The suite `lacking`: `src/suites/lacking.rs`. It runs itself as each other suite, whose name
//! `CABI_SUITE` then has.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: cabi_tests::measure::allocations::Counting =
    cabi_tests::measure::allocations::Counting;

fn main() -> ExitCode {
    let suite = std::env::var("CABI_SUITE");
    cabi_tests::suites::run(suite.as_deref().unwrap_or("lacking"))
}
