//! The suite `runner`: `src/suites/runner.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("runner")
}
