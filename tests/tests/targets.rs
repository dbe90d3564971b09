//! The suite `targets`: `src/suites/targets.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("targets")
}
