//! The suite `guard`: `src/suites/guard.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("guard")
}
