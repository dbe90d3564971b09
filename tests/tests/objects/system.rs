//! Compilers, linkers and runners of programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cabi_verify::report::missing;
use tempfile::TempDir;

/// A machine and system: its compiler of C with options, its linker, and what runs programs.
pub(crate) struct System<'s> {
    pub(crate) triple: &'s str,
    pub(crate) compiler: &'s str,
    pub(crate) runner: &'s str,
}

pub(crate) const X86_64: System<'_> = System {
    triple: "x86_64-unknown-linux-gnu",
    compiler: "cc -O1",
    runner: "",
};
pub(crate) const AARCH64: System<'_> = System {
    triple: "aarch64-unknown-linux-gnu",
    compiler: "aarch64-linux-gnu-gcc -O1",
    runner: "qemu-aarch64 -L /usr/aarch64-linux-gnu",
};
pub(crate) const RISCV64: System<'_> = System {
    triple: "riscv64gc-unknown-linux-gnu",
    compiler: "riscv64-linux-gnu-gcc -O1",
    runner: "qemu-riscv64 -L /usr/riscv64-linux-gnu",
};
pub(crate) const S390X: System<'_> = System {
    triple: "s390x-unknown-linux-gnu",
    compiler: "s390x-linux-gnu-gcc -O1",
    runner: "qemu-s390x -L /usr/s390x-linux-gnu",
};
pub(crate) const WINDOWS: System<'_> = System {
    triple: "x86_64-pc-windows-gnu",
    compiler: "x86_64-w64-mingw32-gcc -O1",
    runner: "wine",
};

/// Makes a folder of files.
pub(crate) fn folder_of(files: &[(&str, impl AsRef<[u8]>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

impl System<'_> {
    /// Makes the program `main.exe` of `files` by `commands`, and runs it. `wine` is a folder for
    /// what wine writes.
    pub(crate) fn program(
        &self,
        files: &[(&str, impl AsRef<[u8]>)],
        commands: &str,
        wine: &Path,
    ) -> Option<Output> {
        let folder = folder_of(files);
        self.commands(folder.path(), commands)?.unwrap();
        let words = self.runner.split_whitespace().chain(["./main.exe"]);
        let words: Vec<&str> = words.collect();
        let mut main = Command::new(words[0]);
        main.args(&words[1..]).current_dir(&folder);
        main.env_remove("LD_BIND_NOW");
        main.env("WINEPREFIX", wine).env("WINEDEBUG", "-all");
        let ended = main.output();
        let ended = ended
            .map_err(|why| missing(&format!("programs of {}: {}: {why}", self.triple, words[0])));
        ended.ok()
    }

    /// Runs commands in `folder`, each ended by a semicolon. Returns the output of the last one, or
    /// the error of one that failed. `None`, with a message, if one is missing.
    pub(crate) fn commands(&self, folder: &Path, commands: &str) -> Option<Result<String, String>> {
        let mut printed = String::new();
        for command in commands.split(';') {
            let words = command.split_whitespace().map(|word| match word {
                "CC" => self.compiler.split_whitespace().collect(),
                word => vec![word],
            });
            let words = words.collect::<Vec<_>>().concat();
            let mut started = match words[0] {
                "lld-link" | "ld64.lld" | "llvm-objdump" | "llvm-readobj" => {
                    Command::new(llvm(words[0]).or_else(|| {
                        missing(&format!(
                            "objects of {}: rustc's component llvm-tools",
                            self.triple
                        ));
                        None
                    })?)
                }
                program => Command::new(program),
            };
            let output = started.args(&words[1..]).current_dir(folder).output();
            let output =
                output.map_err(|why| missing(&format!("{}: {}: {why}", self.triple, words[0])));
            let output = output.ok()?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr);
                return Some(Err(format!("{words:?}: {why}")));
            }
            printed = String::from_utf8_lossy(&output.stdout).into_owned();
        }
        Some(Ok(printed))
    }
}

/// Returns a program of rustc's own LLVM.
fn llvm(name: &str) -> Option<PathBuf> {
    let libraries = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .output()
        .ok()?;
    let libraries = PathBuf::from(String::from_utf8(libraries.stdout).ok()?.trim());
    let folders = ["../bin/gcc-ld", "../bin"].map(|folder| libraries.join(folder));
    let programs = folders.map(|folder| folder.join(name));
    programs.into_iter().find(|program| program.is_file())
}
