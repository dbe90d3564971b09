//! The suite `bugs`: `src/suites/bugs.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("bugs")
}
