//! The suite `psabi`: `src/suites/psabi.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("psabi")
}
