//! Where results go: to standard output, or to the file that an option names. Errors go to standard error.

use std::io::{ErrorKind, Write};
use std::path::Path;

/// Prints `text` on standard output. A reader that has gone away (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes `text` to the file that an option names; `-` is standard output.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    if is_stdout(path) {
        return print(text);
    }
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Whether an option names standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether one of the options names standard output, which then has nothing but what is written there.
///
/// # Errors
/// That more than one of them does.
#[cfg(all(target_arch = "x86_64", unix))]
pub(crate) fn takes_stdout(
    options: &[(&str, &Option<std::path::PathBuf>)],
) -> Result<bool, String> {
    let named = options
        .iter()
        .filter(|(_, path)| path.as_deref().is_some_and(is_stdout));
    let named: Vec<&str> = named.map(|(option, _)| *option).collect();
    match named[..] {
        [] => Ok(false),
        [_] => Ok(true),
        _ => Err(format!(
            "{} cannot both be standard output",
            named.join(" and ")
        )),
    }
}

/// Prints an error message on standard error, in colours where that is a terminal.
pub(crate) fn complain(message: &str) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{red}cabi:{red:#} {message}");
}
