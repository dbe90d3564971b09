//! Runs of compilers for tests.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Compiles `c` with `command` and `options`, and returns the output or the message. Without such a
/// compiler, prints a notice and returns `None`; with `CABI_REQUIRE_ORACLES=1`, fails.
pub(crate) fn compile(command: &str, options: &[&str], c: &str) -> Option<Result<String, String>> {
    let mut compiler = Command::new(command);
    compiler.args(options).args(["-w", "-xc", "-o-", "-"]);
    compiler.stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = compiler.stderr(Stdio::piped()).spawn() else {
        let required = std::env::var_os("CABI_REQUIRE_ORACLES").is_some_and(|value| value == "1");
        assert!(!required, "there is no {command}");
        // Straight to the stream: libtest hides what the print macros write when a test passes.
        let line = format!("not run: there is no {command} to compare with\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        return None;
    };
    let sent = child.stdin.take().expect("a pipe").write_all(c.as_bytes());
    let output = child.wait_with_output().expect("the compiler ends");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Some(match output.status.success() && sent.is_ok() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    })
}
