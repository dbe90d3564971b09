//! The suite `headers`: `src/suites/headers.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("headers")
}
