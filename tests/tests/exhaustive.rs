//! The suite `exhaustive`: `src/suites/exhaustive.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("exhaustive")
}
