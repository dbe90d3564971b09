//! The reference compilers that are installed.

use std::env;
use std::time::Duration;

use super::program_target::AARCH64_CLANG;
use super::reference::{Reference, TIME_LIMIT};

/// clang 20 of Zig 0.15, which takes the registers of 512 bits away by itself.
const ZIG_15: &str = "python3 -m ziglang cc -target x86_64-linux-gnu -mevex512";

/// clang 22 of Zig 0.17.
const ZIG_17: &str = "python3 -m ziglang cc -target x86_64-linux-gnu";

/// Reference compilers found on this machine, and for each other known one the reason.
#[derive(Debug)]
pub struct InstalledCompilers {
    /// Compilers that work, in the order of `KNOWN_REFERENCES`.
    pub references: Vec<Reference>,
    /// Compilers that do not: name and reason.
    pub absent: Vec<(&'static str, String)>,
}

impl InstalledCompilers {
    /// Looks for every known reference compiler: `CABI_GCC` and `CABI_CLANG` name commands, else
    /// the usual names are tried.
    pub fn find() -> Self {
        Self::find_within(TIME_LIMIT)
    }

    /// Finds the compilers that are here, which may take `limit` for one file.
    pub fn find_within(limit: Duration) -> Self {
        // Under an emulator this machine's own compilers are those that compile for another.
        Self::among(
            limit,
            match cfg!(target_arch = "aarch64") {
                true => &[
                    ("gcc", "CABI_GCC", &["aarch64-linux-gnu-gcc", "gcc", "cc"]),
                    ("clang", "CABI_CLANG", &[AARCH64_CLANG, "clang"]),
                ],
                false => &[
                    ("gcc", "CABI_GCC", &["gcc", "cc"]),
                    ("clang", "CABI_CLANG", &["clang-19", "clang"]),
                ],
            },
        )
    }

    /// Finds the measured versions of clang beside the one that `clang` means: `CABI_CLANG_20` and
    /// `CABI_CLANG_22` name commands, else the usual names are tried.
    pub fn other_clangs() -> Self {
        Self::among(
            TIME_LIMIT,
            match cfg!(target_arch = "x86_64") {
                true => &[
                    ("clang-20", "CABI_CLANG_20", &["clang-20", ZIG_15]),
                    ("clang-22", "CABI_CLANG_22", &["clang-22", ZIG_17]),
                ],
                false => &[],
            },
        )
    }

    /// Finds the compilers of `usual`: the name, with the version if that matters, the variable,
    /// and the usual commands.
    fn among(limit: Duration, usual: &[(&'static str, &str, &[&str])]) -> Self {
        let mut bench = Self {
            references: Vec::new(),
            absent: Vec::new(),
        };
        for (name, variable, commands) in usual {
            let set = env::var(variable).ok();
            let commands: Vec<&str> = set
                .as_deref()
                .map_or_else(|| commands.to_vec(), |one| vec![one]);
            let mut why = String::new();
            let chosen = commands.iter().find_map(|command| {
                let reference = Reference::within(limit, command);
                let reference = reference.and_then(|compiler| {
                    let is_it = compiler.name() == *name || compiler.versioned_name() == *name;
                    is_it
                        .then_some(compiler)
                        .ok_or_else(|| format!("`{command}` is not {name}"))
                });
                reference.map_err(|reason| why = reason).ok()
            });
            match chosen {
                Some(reference) => bench.references.push(reference),
                None => bench.absent.push((name, why)),
            }
        }
        bench
    }
}
