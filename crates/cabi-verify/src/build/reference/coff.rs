//! Code of compilers that write COFF, as ELF: so functions for Windows are linked and run here.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::{ReferenceError, first_error, write};
use crate::process::{self, output};

/// Makes an object file of ELF of the assembly of a compiler for Windows, without the directives that only COFF has.
pub(super) fn assemble_as_elf(
    assembly: &Path,
    object: &Path,
    limit: Duration,
) -> Result<(), ReferenceError> {
    let text = std::fs::read_to_string(assembly);
    let text = text.map_err(ReferenceError::io(assembly.display().to_string()))?;
    let in_elf = |line: &str| {
        let (directive, rest) = line.trim().split_once(char::is_whitespace)?;
        Some(match directive {
            ".def" | ".linkonce" => String::new(),
            seh if seh.starts_with(".seh_") => String::new(),
            // Its alignment is that of `.comm`.
            ".lcomm" => {
                let name = rest.split(',').next().unwrap_or_default();
                format!(".local {name}\n.comm {rest}")
            }
            ".section" if rest.starts_with(".rdata") => ".section .rodata".to_owned(),
            _ => return None,
        })
    };
    let elf: Vec<String> = text
        .lines()
        .map(|line| in_elf(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    write(assembly, elf.join("\n") + "\n")?;
    let words = ["as", "--64", "-o"].map(str::to_owned);
    let files = [object, assembly].map(|path| path.to_string_lossy());
    let command = process::command(&words, &files.each_ref().map(|file| &**file));
    let output = output(command, limit).map_err(ReferenceError::io("as"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let why = first_error(&String::from_utf8_lossy(&output.stderr));
            Err(ReferenceError::io("as")(io::Error::other(why)))
        }
    }
}
