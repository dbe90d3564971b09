//! The suite `random`: `src/suites/random.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("random")
}
