//! The suite `interop`: `src/suites/interop.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("interop")
}
