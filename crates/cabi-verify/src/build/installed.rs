//! The reference compilers that are installed.

use std::env;
use std::time::Duration;

use super::program_target::AARCH64_CLANG;
use super::reference::{Reference, TIME_LIMIT};

/// The reference compilers found on this machine, and for each known reference compiler that is not, why.
#[derive(Debug)]
pub struct Installed {
    /// Compilers that work, in the order of `KNOWN_REFERENCES`.
    pub references: Vec<Reference>,
    /// Compilers that do not: name and reason.
    pub absent: Vec<(&'static str, String)>,
}

impl Installed {
    /// Looks for every known reference compiler: `CABI_GCC` and `CABI_CLANG` name commands, else the usual names are tried.
    ///
    /// # Example
    /// ```
    /// let bench = cabi_verify::build::Installed::find();
    /// for reference in &bench.references {
    ///     println!("{reference}");
    /// }
    /// for (name, why) in &bench.absent {
    ///     println!("not run: {name}: {why}");
    /// }
    /// ```
    pub fn find() -> Self {
        Self::find_within(TIME_LIMIT)
    }

    /// The compilers that are here, which may take `limit` for one file.
    pub fn find_within(limit: Duration) -> Self {
        // Under an emulator this machine's own compilers are those that compile for another.
        let usual: [(&'static str, &str, &[&str]); 2] = match cfg!(target_arch = "aarch64") {
            true => [
                ("gcc", "CABI_GCC", &["aarch64-linux-gnu-gcc", "gcc", "cc"]),
                ("clang", "CABI_CLANG", &[AARCH64_CLANG, "clang"]),
            ],
            false => [
                ("gcc", "CABI_GCC", &["gcc", "cc"]),
                ("clang", "CABI_CLANG", &["clang-19", "clang"]),
            ],
        };
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
            let found = commands.iter().find_map(|command| {
                let reference = Reference::within(limit, command);
                let reference = reference.and_then(|found| match found.name() == name {
                    true => Ok(found),
                    false => Err(format!("`{command}` is not {name}")),
                });
                reference.map_err(|reason| why = reason).ok()
            });
            match found {
                Some(reference) => bench.references.push(reference),
                None => bench.absent.push((name, why)),
            }
        }
        bench
    }
}
