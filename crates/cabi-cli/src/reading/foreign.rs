//! Targets that are not this machine: their names and headers.

use cabi::Target;
use cabi_header::HeaderError;

/// Triples that are suggested for one that is misspelt.
const TRIPLES: [&str; 20] = [
    "aarch64-apple-darwin",
    "aarch64-linux-android",
    "aarch64-linux-gnu",
    "aarch64-pc-windows-msvc",
    "aarch64-unknown-freebsd",
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
    "riscv64gc-unknown-linux-gnu",
    "riscv64-linux-gnu",
    "s390x-linux-gnu",
    "s390x-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "x86_64-linux-android",
    "x86_64-linux-gnu",
    "x86_64-pc-linux-gnu",
    "x86_64-pc-windows-gnu",
    "x86_64-pc-windows-msvc",
    "x86_64-unknown-freebsd",
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
];

/// Returns the target that `--target` names.
///
/// # Errors
/// It is unknown; with the triple that is at most two edits away.
pub(crate) fn target(triple: &str) -> Result<Target, String> {
    Target::named(triple).map_err(|e| {
        let near = near(triple).map(|near| format!("; did you mean {near}?"));
        format!("--target {e}{}", near.unwrap_or_default())
    })
}

/// Returns the triple of which the unknown `triple` is a misspelling; a version after a system is
/// none.
pub(crate) fn near(triple: &str) -> Option<&'static str> {
    let triple = triple.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
    let near = |known: &&&str| (1..=2).contains(&strsim::osa_distance(triple, known));
    TRIPLES.iter().find(near).copied()
}

/// Returns the message that a header of the target `triple` is missing, if `error` has such a one.
/// Errors that follow, in headers of the host that clang found instead, are left out.
/// `has_arguments`: the subcommand takes arguments for clang after `--`, and the advice names some.
pub(crate) fn missing_header(
    triple: &str,
    error: &HeaderError,
    has_arguments: bool,
) -> Option<String> {
    let HeaderError::Source { errors } = error else {
        return None;
    };
    let mut errors = errors.iter();
    let missing = errors.find(|error| error.message.ends_with("file not found"))?;
    let is_host = |target| Target::host().is_ok_and(|host| host == target);
    if Target::named(triple).is_ok_and(is_host) {
        return None;
    }
    let (owner, option, folder) = headers_of(triple);
    let advice = match has_arguments {
        true => format!(
            "`-- {option} {folder}`; stdint.h and others of the compiler alone are read with `-- -ffreestanding`"
        ),
        false => format!("`-I {folder}`"),
    };
    Some(format!(
        "{missing}\nheaders of {triple} are those of {owner} folder, {advice}"
    ))
}

/// Returns the owner of the headers of `triple`, clang's option for their folder, and the folder.
fn headers_of(triple: &str) -> (String, &'static str, String) {
    if let Some((package, folder)) = cross_package(triple) {
        let owner = format!(
            "its C library: install one (Debian and Ubuntu: apt-get install {package}) and name its"
        );
        return (owner, "-idirafter", format!("/usr/{folder}/include"));
    }
    let (owner, option) = match triple {
        _ if triple.contains("msvc") => ("Visual C++ and the Windows SDK", "-isystem"),
        _ if triple.contains("apple") => ("Apple's SDK", "-isysroot"),
        _ if triple.contains("android") => ("the Android NDK", "--sysroot"),
        _ => ("its system", "--sysroot"),
    };
    (format!("{owner}: name their"), option, "FOLDER".to_owned())
}

/// Returns Debian's package of C headers for `triple`, and their folder in `/usr`.
fn cross_package(triple: &str) -> Option<(&'static str, &'static str)> {
    let (machine, system) = triple.split_once('-')?;
    let is_windows = system.ends_with("windows-gnu");
    if !is_windows && !system.ends_with("linux-gnu") {
        return None;
    }
    Some(match machine {
        "x86_64" if is_windows => ("mingw-w64-x86-64-dev", "x86_64-w64-mingw32"),
        "i686" if is_windows => ("mingw-w64-i686-dev", "i686-w64-mingw32"),
        _ if is_windows => return None,
        "x86_64" => ("libc6-dev-amd64-cross", "x86_64-linux-gnu"),
        "aarch64" => ("libc6-dev-arm64-cross", "aarch64-linux-gnu"),
        "s390x" => ("libc6-dev-s390x-cross", "s390x-linux-gnu"),
        "i386" | "i586" | "i686" => ("libc6-dev-i386-cross", "i686-linux-gnu"),
        _ if machine.starts_with("riscv64") => ("libc6-dev-riscv64-cross", "riscv64-linux-gnu"),
        _ => return None,
    })
}
