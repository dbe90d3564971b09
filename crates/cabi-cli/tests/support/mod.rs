//! Running of the command, and the programs that this needs.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod schema;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cabi_verify::build::zig::Zig;
use cabi_verify::corpus;
pub(crate) use cabi_verify::report::missing;
use cabi_verify::run::starts;

/// The documentation, which is in the repository and not in the package.
pub(crate) const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

/// Returns whether headers can be read. Without libclang the tests that need it say so, and fail
/// where it is required.
pub(crate) fn libclang() -> bool {
    let found = corpus::libclang(corpus::TESTED_LIBCLANG);
    found.map_err(|why| missing(&why)).is_ok()
}

/// Returns the name of clang, which may not be here.
pub(crate) fn clang() -> &'static str {
    match starts("clang-19").is_err() && starts("clang").is_ok() {
        true => "clang",
        false => "clang-19",
    }
}

/// Returns the C compiler of the system.
pub(crate) fn cc() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".into())
}

/// Runs `command` in a shell.
pub(crate) fn shell(command: &str, folder: &Path) -> Output {
    let cabi = PathBuf::from(env!("CARGO_BIN_EXE_cabi"));
    let mut path = cabi.parent().expect("a folder").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .envs([
            ("CC", &*cc()),
            ("CLANG", clang()),
            ("ZIG", &*Zig::command()),
        ])
        .env("LIB", "-i lib.h -l ./lib.so")
        .env("DOCS", DOCS)
        .output()
        .expect("a shell")
}
