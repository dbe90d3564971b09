//! `toy build`: a program from an object file, by the C compiler of the system.

use crate::lower::{CLOSURE, Program};
use cabi::Target;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What makes function pointers of closures, as C: `closures.rs` does it in the JIT. It is compiled while a program is linked, for its machine; so
/// there is no library to be found at that time, and none of this compiler in the program.
const CLOSURES: &str = include_str!("closures.c");

/// What a program is linked with.
pub(crate) struct Link {
    libraries: Vec<OsString>,
    has_closures: bool,
}

impl Link {
    /// Libraries are looked for in `directories` first, when the program is linked and when it runs.
    pub(crate) fn of(program: &Program, directories: &[PathBuf], target: &Target) -> Link {
        let mut libraries = Vec::new();
        for directory in directories {
            let path = std::path::absolute(directory).unwrap_or_else(|_| directory.clone());
            let mut options = vec!["-L"];
            if !target.name().contains("windows") {
                options.push("-Wl,-rpath,");
            }
            for option in options {
                libraries.push([option.as_ref(), path.as_os_str()].into_iter().collect());
            }
        }
        for name in &program.libraries {
            libraries.push(library(name, target.name()).into());
        }
        let mut imports = program.imports.iter();
        Link {
            libraries,
            has_closures: imports.any(|(_, symbol)| &**symbol == CLOSURE),
        }
    }

    /// Links `object` as the program `output`. The C compiler is `$CC`, with its flags if it has some, else `cc`; the error is what it says.
    pub(crate) fn link(&self, object: &[u8], output: &Path) -> Result<(), String> {
        let linked = self.link_in(object, output);
        linked.map_err(|why| format!("{} is not linked: {why}", output.display()))
    }

    fn link_in(&self, object: &[u8], output: &Path) -> Result<(), io::Error> {
        // Made here and now, and of this user's alone; it vanishes at the end of this function.
        let folder = tempfile::Builder::new().prefix("toy-").tempdir()?;
        let [program, closures] = ["program.o", "closures.c"].map(|name| folder.path().join(name));
        std::fs::write(&program, object)?;
        let compiler = std::env::var("CC").unwrap_or_default();
        let mut words = compiler.split_whitespace();
        let name = words.next().unwrap_or("cc");
        let mut command = Command::new(name);
        command.args(words).args(["-O1", "-o"]);
        command.arg(output).arg(program);
        if self.has_closures {
            std::fs::write(&closures, CLOSURES)?;
            command.arg(closures);
        }
        let said = command.args(&self.libraries).output();
        let said = said
            .map_err(|why| io::Error::new(why.kind(), format!("the C compiler {name}: {why}")))?;
        if !said.status.success() {
            let (status, why) = (said.status, String::from_utf8_lossy(&said.stderr));
            return Err(io::Error::other(format!("{name}: {status}\n{why}")));
        }
        let is_there = output.exists();
        is_there
            .then_some(())
            .ok_or_else(|| io::Error::other(format!("{name} has written nothing")))
    }
}

/// The argument that names a library to the linker of a system.
fn library(name: &str, target: &str) -> String {
    let ends = [".dll", ".dylib", ".so"];
    let stem = ends.iter().find_map(|end| name.strip_suffix(end));
    let stem = stem.unwrap_or(name);
    match stem.strip_prefix("lib").unwrap_or(stem) {
        // A file, not an option.
        _ if name.contains('/') && name.starts_with('-') => format!("./{name}"),
        _ if name.contains('/') => name.to_owned(),
        _ if target.contains("windows") => format!("-l{stem}"),
        stem if target.contains("apple") => format!("-l{stem}"),
        // Its file, since the version is a part of the name.
        _ => format!("-l:{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::library;

    #[test]
    fn libraries_become_arguments_of_the_linker() {
        for (name, target, argument) in [
            ("libm.so.6", "x86_64-unknown-linux-gnu", "-l:libm.so.6"),
            ("./libm.so.6", "x86_64-unknown-linux-gnu", "./libm.so.6"),
            ("msvcrt.dll", "x86_64-pc-windows-gnu", "-lmsvcrt"),
            ("libm.dylib", "aarch64-apple-darwin", "-lm"),
            (
                "libpython3.11.dylib",
                "aarch64-apple-darwin",
                "-lpython3.11",
            ),
            (
                "-Wl,-Map=/map",
                "x86_64-unknown-linux-gnu",
                "./-Wl,-Map=/map",
            ),
        ] {
            assert_eq!(library(name, target), argument, "{target}");
        }
    }
}
