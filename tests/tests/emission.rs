//! The suite `emission`: `src/suites/emission.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("emission")
}
