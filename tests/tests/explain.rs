//! The suite `explain`: `src/suites/explain.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("explain")
}
