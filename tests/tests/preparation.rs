//! The suite `preparation`: `src/suites/preparation.rs`.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: cabi_tests::measure::allocations::Counting =
    cabi_tests::measure::allocations::Counting;

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("preparation")
}
