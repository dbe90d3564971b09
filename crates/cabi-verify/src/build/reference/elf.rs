//! Code of compilers that write COFF or Mach-O, as ELF. Functions for Windows and macOS are thus
//! linked and run here.

use std::io;
use std::path::Path;

use super::{Reference, ReferenceError, SECTIONS, first_error, write};
use crate::process::{self, output};

impl Reference {
    /// Compiles the file `source` to `object`, an object file of a program: ELF, whatever the
    /// compiler writes.
    pub(in crate::build) fn compile(
        &self,
        source: &Path,
        object: &Path,
        flags: &[&str],
    ) -> Result<(), ReferenceError> {
        let is_foreign = self.writes_foreign_objects()?;
        let assembly = object.with_extension("s");
        let (flag, output) = if is_foreign {
            ("-S", &*assembly)
        } else {
            ("-c", object)
        };
        let [output, source] = [output, source].map(Path::to_string_lossy);
        // The source last: flags may say what it is written in.
        let fixed = ["-std=gnu2x", flag, "-o", &output];
        self.run(&[&SECTIONS, &fixed[..], flags, &[&*source]].concat())?;
        if is_foreign {
            self.assemble_as_elf(&assembly, object)?;
        }
        Ok(())
    }

    /// Makes an ELF object file of the assembly of a compiler for Windows or macOS. Directives that
    /// ELF lacks are removed, and so is Mach-O's `_` before symbols.
    fn assemble_as_elf(&self, assembly: &Path, object: &Path) -> Result<(), ReferenceError> {
        let text = std::fs::read_to_string(assembly);
        let text = text.map_err(ReferenceError::io(assembly.display().to_string()))?;
        let in_elf = |line: &str| {
            let line = line.trim();
            let (directive, tail) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            Some(match directive {
                ".def" | ".scl" | ".endef" | ".addrsig" | ".addrsig_sym" | ".linkonce" => {
                    String::new()
                }
                // Part of a symbol's definition, which may have several lines.
                ".type" if tail.ends_with(';') => String::new(),
                seh if seh.starts_with(".seh_") => String::new(),
                ".subsections_via_symbols" | ".build_version" => String::new(),
                version if version.ends_with("os_version_min") => String::new(),
                version if version.ends_with("osx_version_min") => String::new(),
                // A symbol that tells the linker of features.
                _ if line.contains("@feat.00") => String::new(),
                // Its alignment is that of `.comm`.
                ".lcomm" => {
                    let name = tail.split(',').next().unwrap_or_default();
                    format!(".local {name}\n.comm {tail}")
                }
                ".section" if tail.starts_with("__TEXT,__text") => ".text".to_owned(),
                ".section" if tail.starts_with("__") => ".section .rodata".to_owned(),
                ".section" if tail.starts_with(".rdata") => ".section .rodata".to_owned(),
                // Arguments of the linker, and the compiler's name.
                ".section" if tail.starts_with(".drectve") || tail.starts_with(".debug$S") => {
                    ".section .comment".to_owned()
                }
                // `.text$f,"x"` of gcc, `.text,"xr",one_only,f` of clang: the assembler knows the
                // kind of section by its name.
                ".section" if tail.contains('$') || tail.contains("one_only") => {
                    let mut words = tail.split(',');
                    let name = words.next().unwrap_or_default().replace('$', ".");
                    format!(".section {name}.{}", words.nth(2).unwrap_or_default())
                }
                _ => return None,
            })
        };
        let is_mach_o = self.defines("__MACH__")?;
        let without_prefix = |line: &str| match is_mach_o {
            true => line.strip_prefix('_').unwrap_or(line).replace("\t_", "\t"),
            false => line.to_owned(),
        };
        let elf: Vec<String> = text
            .lines()
            .map(|line| in_elf(line).unwrap_or_else(|| without_prefix(line)))
            .collect();
        write(assembly, elf.join("\n") + "\n")?;
        let (assembler, flag) = match self.defines("__aarch64__")? {
            true => ("aarch64-linux-gnu-as", None),
            false => ("as", Some("--64")),
        };
        let words = [assembler].into_iter().chain(flag).chain(["-o"]);
        let words: Vec<String> = words.map(str::to_owned).collect();
        let files = [object, assembly].map(|path| path.to_string_lossy());
        let command = process::command(&words, &files.each_ref().map(|file| &**file));
        let output = output(command, self.limit).map_err(ReferenceError::io(assembler))?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let why = first_error(&String::from_utf8_lossy(&output.stderr));
                Err(ReferenceError::io(assembler)(io::Error::other(why)))
            }
        }
    }
}
