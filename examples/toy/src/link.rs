//! `toy build`: a program from an object file, by the C compiler of the system.

use crate::lower::{CLOSURE, Program};
use cabi::Target;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// C code that makes function pointers of closures: `closures.rs` does it in the JIT. It is
/// compiled while a program is linked, for its machine; so there is no library to be found at that
/// time, and none of this compiler in the program.
const CLOSURES: &str = include_str!("closures.c");

/// Links `object`, of `program`, as the program `output`. The C compiler is `$CC`, with its flags
/// if it has some, else `cc`; the error is what it says. Libraries are looked for in `directories`
/// first, now and when the program runs.
pub(crate) fn link(
    program: &Program,
    object: &[u8],
    directories: &[PathBuf],
    target: &Target,
    output: &Path,
) -> Result<(), Box<dyn Error>> {
    // This user's alone; it vanishes at the end of this function.
    let folder = tempfile::Builder::new().prefix("toy-").tempdir()?;
    let [own, closures] = ["program.o", "closures.c"].map(|name| folder.path().join(name));
    std::fs::write(&own, object)?;
    let compiler = std::env::var("CC").unwrap_or_default();
    let mut words = compiler.split_whitespace();
    let name = words.next().unwrap_or("cc");
    let mut command = Command::new(name);
    command.args(words).args(["-O1", "-o"]);
    command.arg(output).arg(own);
    let mut imports = program.imports.iter();
    if imports.any(|(_, symbol)| &**symbol == CLOSURE) {
        std::fs::write(&closures, CLOSURES)?;
        command.arg(closures);
    }
    let is_windows = target.name().contains("windows");
    for directory in directories {
        let path = std::path::absolute(directory)?;
        command.arg("-L").arg(&path);
        if !is_windows {
            command.args(["-Xlinker", "-rpath", "-Xlinker"]).arg(&path);
        }
    }
    let libraries = program.libraries.iter();
    command.args(libraries.map(|name| library(name, target.name())));
    let said = command.output();
    let said = said.map_err(|why| format!("the C compiler {name}: {why}"))?;
    let (status, why) = (said.status, String::from_utf8_lossy(&said.stderr));
    match status.success() {
        false => Err(format!("{name}: {status}\n{why}").into()),
        true if !output.exists() => Err(format!("{name} has written nothing").into()),
        true => Ok(()),
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
