//! The suite `mutants`: `src/suites/mutants.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("mutants")
}
