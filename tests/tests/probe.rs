//! The suite `probe`: `src/suites/probe.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("probe")
}
