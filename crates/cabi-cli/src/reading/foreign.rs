//! Targets that are not this machine: their names and headers.

use std::collections::BTreeSet;

use cabi::{Target, conventions};
use cabi_header::HeaderError;

/// Machines and systems whose triples are suggested for one that is misspelt.
const MACHINES: [&str; 6] = ["aarch64", "i686", "riscv64", "riscv64gc", "s390x", "x86_64"];
const SYSTEMS: [&str; 20] = [
    "apple-darwin",
    "apple-ios",
    "apple-ios-sim",
    "linux-android",
    "linux-gnu",
    "linux-musl",
    "pc-cygwin",
    "pc-linux-gnu",
    "pc-windows-gnu",
    "pc-windows-gnullvm",
    "pc-windows-msvc",
    "unknown-freebsd",
    "unknown-fuchsia",
    "unknown-linux-gnu",
    "unknown-linux-musl",
    "unknown-linux-ohos",
    "unknown-netbsd",
    "unknown-none-elf",
    "unknown-openbsd",
    "unknown-uefi",
];

/// Returns the target that `--target` names.
///
/// # Errors
/// The target is unknown; the message has the triples near it.
pub(crate) fn target(triple: &str) -> Result<Target, String> {
    Target::named(triple).map_err(|e| match &near(triple)[..] {
        [] => format!("--target {e}"),
        near => format!("--target {e}; did you mean {}?", near.join(" or ")),
    })
}

/// Returns the known triples that the unknown `triple` begins, or else the nearest, at most two
/// edits away. A version after a system is no edit.
pub(crate) fn near(triple: &str) -> Vec<String> {
    let triple = triple.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
    let of = |machine| SYSTEMS.map(|system| format!("{machine}-{system}"));
    let all = MACHINES.into_iter().flat_map(of);
    let named = conventions().iter().map(|known| known.target.to_owned());
    let candidates = all
        .chain(named)
        .filter(|known| Target::named(known).is_ok());
    let edits = |known: &String| match known.strip_prefix(triple) {
        Some(rest) if rest.starts_with('-') => 1,
        _ => strsim::osa_distance(triple, known),
    };
    let candidates: BTreeSet<_> = candidates.map(|known| (edits(&known), known)).collect();
    let fewest = candidates.first().map_or(0, |(fewest, _)| *fewest);
    let is_near = |(edits, _): &(usize, String)| (1..=2).contains(edits) && *edits == fewest;
    let near = candidates.into_iter().filter(is_near);
    near.map(|(_, known)| known).collect()
}

/// Returns the message that a header of the target `triple` is missing, if `error` says so. Errors
/// that follow, in headers of the host that clang found instead, are left out. If the subcommand
/// takes arguments for clang after `--` (`has_arguments`), the advice names some.
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
            "`-- {option} {folder}`; stdint.h and other headers of the compiler itself need only `-- -ffreestanding`"
        ),
        false => format!("`-I {folder}`"),
    };
    Some(format!(
        "{missing}\nthe headers of {triple} come with {owner} folder, {advice}"
    ))
}

/// Returns the owner of the headers of `triple`, clang's option for their folder, and the folder.
fn headers_of(triple: &str) -> (String, &'static str, String) {
    if let Some((package, folder)) = cross_package(triple) {
        let owner = format!(
            "its C library: install it (Debian and Ubuntu: apt-get install {package}) and name its"
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
