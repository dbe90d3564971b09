//! The suite `libffi`: `src/suites/libffi.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("libffi")
}
