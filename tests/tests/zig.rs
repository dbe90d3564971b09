//! The suite `zig`: `src/suites/zig.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("zig")
}
