//! The suite `versions`: `src/suites/versions.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("versions")
}
