//! Standard output of the command: what is printed there, and the exit code.
//!
//! What could not be written ends the command with 2. Where the reader has gone away (`| head`) it ends without a message, with the exit code that a
//! shell shows for a program that SIGPIPE ended. A program that `toy run` runs has standard output as a C program has it.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// 128 and the number of SIGPIPE.
const READER_GONE: u8 = 128 + 13;

/// Prints `text`.
pub(crate) fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints what clap makes of arguments that name no work: help and the version, or on standard error what is wrong with them.
pub(crate) fn of_arguments(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    match error.use_stderr() {
        true => ExitCode::from(2),
        false => written(printed.and_then(|()| io::stdout().flush())),
    }
}

/// Writes to standard error, which may be closed.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The exit code after writing to standard output.
fn written(result: io::Result<()>) -> ExitCode {
    let why = match result {
        Ok(()) if open::was_open() => return ExitCode::SUCCESS,
        Ok(()) => "not open for writing".to_owned(),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return ExitCode::from(READER_GONE),
        Err(error) => error.to_string(),
    };
    say(&format!("toy: standard output: {why}\n"));
    ExitCode::from(2)
}

/// Rust opens `/dev/null` in the place of a closed standard output before `main`, and takes one that cannot be written to for that: so it is looked at
/// before, by a function that the system calls when it has loaded the command.
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    target_env = "gnu"
))]
mod open {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    static WAS_OPEN: AtomicBool = AtomicBool::new(true);

    // SAFETY: the section holds addresses of C functions that return nothing; `look` needs no arguments and nothing of Rust's runtime.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static LOOK: extern "C" fn() = look;

    extern "C" fn look() {
        // SAFETY: asks for the flags of a descriptor, which may be closed.
        let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFL) };
        let is_open = flags != -1 && flags & libc::O_ACCMODE != libc::O_RDONLY;
        WAS_OPEN.store(is_open, Relaxed);
    }

    pub(super) fn was_open() -> bool {
        WAS_OPEN.load(Relaxed)
    }
}

#[cfg(not(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    target_env = "gnu"
)))]
mod open {
    pub(super) fn was_open() -> bool {
        true
    }
}
