//! Some of these tests under valgrind: nothing is read that is not there or was not written, and
//! nothing is lost.

use core::ffi::c_char;

use crate::common::*;

/// Exceptions and panics, calls of each kind, 200 engines. (Valgrind has no trap flag, so nothing
/// is stepped.)
const TESTS: [&str; 4] = [
    "unwind::kinds::every_kind_of_call_lets_exceptions_through_and_catches_them",
    "unwind::many::engines_come_and_go",
    "unwind::panics::a_panic_enters_a_cleanup",
    "uses::exceptions_pass_and_enter_handlers",
];

unsafe extern "C" {
    fn malloc(bytes: usize) -> *const c_char;
    fn strlen(text: *const c_char) -> usize;
}

#[test]
fn valgrind_finds_nothing() {
    if child_task().is_some() {
        // The control. SAFETY: it is not; valgrind is to say so.
        let length = unsafe { strlen(malloc(16)) };
        println!("{length}");
        return;
    }
    if GCC != "gcc" {
        eprintln!("not run: valgrind runs no programs of another machine");
        return;
    }
    if programs_here(&["valgrind"]).is_empty() {
        return;
    }
    let report_of = |tests: &[&str]| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--leak-check=full", "--errors-for-leak-kinds=definite"]);
        valgrind.args(["--show-leak-kinds=definite", "--smc-check=all-non-file"]);
        valgrind.arg(std::env::current_exe().unwrap());
        valgrind
            .args(["--test-threads", "1", "--exact"])
            .args(tests);
        // Fewer engines, and those of a child.
        valgrind.env("CABI_RUNNER", "valgrind").env(CHILD, "gone");
        let output = valgrind.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    };
    let report = report_of(&TESTS);
    let passed = format!("test result: ok. {} passed", TESTS.len());
    let is_clean = report.contains("ERROR SUMMARY: 0 errors");
    assert!(is_clean && report.contains(&passed), "{report}");
    let control = report_of(&["unwind::valgrind::valgrind_finds_nothing"]);
    assert!(!control.contains("ERROR SUMMARY: 0 errors"), "{control}");
}
