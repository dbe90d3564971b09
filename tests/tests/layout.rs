//! The suite `layout`: `src/suites/layout.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("layout")
}
