//! The suite `clif`: `src/suites/clif.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("clif")
}
