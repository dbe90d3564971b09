//! The suites of `src/suites`, each named on the command line, or all.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: cabi_tests::measure::allocations::Counting =
    cabi_tests::measure::allocations::Counting;

fn main() -> std::process::ExitCode {
    cabi_tests::suites::main()
}
