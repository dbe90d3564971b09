//! The suite `conventions`: `src/suites/conventions.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("conventions")
}
