//! The suite `conformance`: `src/suites/conformance.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("conformance")
}
