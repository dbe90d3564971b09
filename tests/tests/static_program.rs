//! The suite `static`: `src/suites/static_program.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("static")
}
