//! Places of values, of every convention, against the facts that are stored about compilers' code
//! (`tests/facts`). No compiler is asked.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("facts", None)
}
