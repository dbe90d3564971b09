//! The suite `run_time`: `src/suites/run_time.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("run_time")
}
