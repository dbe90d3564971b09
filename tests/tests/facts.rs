//! The suite `facts`: `src/suites/conventions/stored.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("facts")
}
