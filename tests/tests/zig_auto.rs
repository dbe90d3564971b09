//! The suite `zig_auto`: `src/suites/zig_auto.rs`.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("zig_auto")
}
