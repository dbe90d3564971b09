//! Places of values in every convention, against stored facts about compilers' code
//! (`tests/facts`). No compiler runs.

fn main() -> std::process::ExitCode {
    cabi_tests::suites::run("facts", None)
}
