//! Reference compilers: the language that each supports, and the files that it builds.
//!
//! A reference compiler is used only for C that it supports. One tiny file per [`Capability`] finds
//! the rest: `_BitInt` of an older gcc, `_Decimal64` of clang. The compiler's own message is kept
//! as the reason. Built files are in temporary folders.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cabi::Profile;

use crate::corpus::Block;
use crate::corpus::capability::{Capability, KNOWN_REFERENCES, TRAITS, needs};
use crate::process::{self, output};
use crate::scratch::Scratch;

pub(super) use super::error::{ReferenceError, first_error};

mod elf;
mod macros;
mod refuses;
#[cfg(test)]
mod tests;

/// Default limit for one file. A compiler that needs longer for a few thousand lines hangs.
pub const TIME_LIMIT: Duration = Duration::from_secs(300);

/// Flags for sections of each function and object: a linker leaves out those that a header defines
/// and no case needs.
const SECTIONS: [&str; 2] = ["-ffunction-sections", "-fdata-sections"];

/// A compiler that is there and works.
#[derive(Clone, Debug)]
pub struct Reference {
    name: &'static str,
    text: String,
    command: Vec<String>,
    version: String,
    /// The first number of its version.
    major: u16,
    /// Messages about the capabilities it lacks, in the order of [`TRAITS`], determined when first
    /// needed.
    missing: Arc<[OnceLock<Result<(), String>>; TRAITS.len()]>,
    limit: Duration,
    /// `true` if the files that it builds are linked into programs, not loaded.
    for_programs: bool,
    /// `true` if it has `-fsyntax-only`, which `zig cc` lacks.
    has_syntax_only: bool,
    /// The macros it defines by itself, with their text, determined when first needed.
    macros: Arc<OnceLock<BTreeMap<String, String>>>,
}

/// A shared object made of C code, or an object file of a program; its folder vanishes with the
/// last clone.
#[derive(Clone, Debug)]
pub struct Built {
    /// The file.
    pub object: PathBuf,
    _folder: Arc<Scratch>,
}

impl Reference {
    /// Makes the reference compiler of `command`: a compiler and its flags, quoted as in a shell.
    /// Its output for `--version` tells whether it is gcc or clang.
    ///
    /// # Example
    /// ```
    /// use cabi_verify::build::Reference;
    ///
    /// match Reference::of_command("gcc -O2 -D 'WHAT=a b'") {
    ///     Ok(reference) => assert_eq!(reference.command(), "gcc -O2 -D 'WHAT=a b'"),
    ///     Err(why) => println!("not run: gcc: {why}"),
    /// }
    /// assert!(Reference::of_command("gcc 'x").unwrap_err().contains("quote"));
    /// ```
    pub fn of_command(command: &str) -> Result<Self, String> {
        Self::within(TIME_LIMIT, command)
    }

    /// Makes the compiler of a command, which may take `limit` for one file.
    pub fn within(limit: Duration, command: &str) -> Result<Self, String> {
        let mut reference = Self::unasked(limit, command)?;
        reference.check_language()?;
        // Without -c, `zig cc` first builds all libraries that a program needs.
        reference.has_syntax_only = reference.check("int nothing;\n", &["-c"]).is_ok();
        let is_sanitizer = |word: &String| word.starts_with("-fsanitize");
        if !reference.has_syntax_only && !reference.command.iter().any(is_sanitizer) {
            // `zig cc` by itself has code at -O0 call a sanitizer between a call and the use of its
            // result.
            reference = reference.with_flags(&["-fno-sanitize=undefined"]);
        }
        reference.check_that_it_refuses()?;
        reference.major = reference.major_version().map_err(|e| e.to_string())?;
        Ok(reference)
    }

    /// Makes the compiler of a command for files that are built and not compared. Only its version
    /// is read, so [`profile`](Self::profile) says nothing of it.
    pub fn unasked(limit: Duration, command: &str) -> Result<Self, String> {
        let mut words = shell_words::split(command).map_err(|e| format!("`{command}`: {e}"))?;
        words.retain(|word| !makes_errors(word));
        if words.is_empty() {
            return Err(format!("`{command}` names no compiler"));
        }
        let mut reference = Self {
            name: "gcc",
            text: command.trim().to_owned(),
            command: words,
            version: String::new(),
            major: 0,
            missing: Arc::default(),
            limit,
            for_programs: false,
            has_syntax_only: true,
            macros: Arc::default(),
        };
        let output = reference.start(&["--version"]).map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("clang") {
            reference.name = "clang";
        }
        reference.version = text.lines().next().unwrap_or_default().trim().to_owned();
        Ok(reference)
    }

    /// Adds flags after the compiler's own. Capabilities are determined once for the compiler with
    /// and without the flags, so the flags must not take one away.
    pub fn with_flags(&self, flags: &[&str]) -> Self {
        let mut reference = self.clone();
        reference.macros = Arc::default();
        let words = flags.iter().map(|&flag| flag.to_owned());
        reference.command.extend(words);
        for text in [" ", &shell_words::join(flags)] {
            reference.text.push_str(text);
        }
        reference
    }

    /// Returns this compiler with its files linked into programs.
    #[must_use]
    pub fn for_programs(self) -> Self {
        Self {
            for_programs: true,
            ..self
        }
    }

    /// Refuses a compiler of C++, which has other rules even for text that looks like C, and
    /// programs that are no compiler.
    fn check_language(&self) -> Result<(), String> {
        let command = &self.text;
        let refused = |error: ReferenceError| match error.messages() {
            Some(messages) => {
                let why = first_error(messages.trim());
                format!("`{command}` does not compile C: {why}")
            }
            None => error.to_string(),
        };
        let macros = self.macros().map_err(refused)?;
        if macros.is_empty() {
            return Err(format!(
                "`{command}` is not a C compiler: it does not print its macros"
            ));
        }
        match macros.contains_key("__cplusplus") {
            true => Err(format!("`{command}` compiles C++, not C")),
            false => Ok(()),
        }
    }

    /// Returns its command, its own flags included, as it was written.
    pub fn command(&self) -> String {
        self.text.clone()
    }

    /// Checks whether the command itself sets a level of optimization.
    pub fn says_how_to_optimize(&self) -> bool {
        let mut flags = self.command.iter().skip(1);
        flags.any(|word| word.starts_with("-O"))
    }

    /// Returns `gcc` or `clang`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the name with the first number of its version: `clang-20`.
    pub fn versioned_name(&self) -> String {
        format!("{}-{}", self.name, self.major)
    }

    /// Returns the first line of its `--version`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the profile that stands for its version.
    pub fn profile(&self) -> Profile {
        Profile::of_version(self.name, self.major).unwrap_or(Profile::GCC)
    }

    /// Returns a remark about [`profile`](Self::profile) if its version was not measured, otherwise
    /// an empty text.
    pub(crate) fn unmeasured(&self) -> String {
        let (name, profile) = (self.versioned_name(), self.profile());
        match profile.to_string() == name {
            true => String::new(),
            false => format!(" ({name} was not measured, {profile} is used)"),
        }
    }

    /// Checks whether it compiles code with `capability`, and this machine runs it.
    ///
    /// # Errors
    /// Words about the machine, or the compiler's own message.
    pub fn has(&self, capability: Capability) -> Result<(), String> {
        match capability.runs_here() {
            true => self.compiles(capability).map_err(str::to_owned),
            false => Err(format!("this machine has no {capability}")),
        }
    }

    /// Checks once whether it compiles code with `capability`. The error is its own message.
    fn compiles(&self, capability: Capability) -> Result<(), &str> {
        let row = &TRAITS[capability as usize];
        let answer = self.missing[capability as usize].get_or_init(|| {
            let checked = self.check(row.source, &row.probe_flags());
            let why = |error: ReferenceError| match error.messages() {
                Some(messages) => first_error(messages),
                None => error.to_string(),
            };
            checked.map(drop).map_err(why)
        });
        answer.as_ref().copied().map_err(String::as_str)
    }

    /// Checks whether it supports `block`, with code that runs here.
    ///
    /// # Errors
    /// The reason why not.
    pub fn admits(&self, block: &Block) -> Result<(), String> {
        self.admits_with(block, |capability| self.has(capability))
    }

    /// Checks whether it supports the layouts of `block`, with code that does not run.
    ///
    /// # Errors
    /// The reason why not.
    pub fn admits_layouts(&self, block: &Block) -> Result<(), String> {
        self.admits_with(block, |capability| {
            self.compiles(capability).map_err(str::to_owned)
        })
    }

    fn admits_with(
        &self,
        block: &Block,
        has: impl Fn(Capability) -> Result<(), String>,
    ) -> Result<(), String> {
        let references: Vec<&str> = block
            .references
            .iter()
            .map(String::as_str)
            .filter(|name| KNOWN_REFERENCES.contains(name))
            .collect();
        if !references.is_empty() && !references.contains(&self.name) {
            let reason = block
                .references_reason
                .as_deref()
                .unwrap_or("the block is restricted");
            return Err(format!("for {} only: {reason}", references.join(" and ")));
        }
        for capability in needs(block) {
            if let Err(why) = has(capability) {
                return Err(format!("no {capability}: {why}"));
            }
        }
        Ok(())
    }

    /// Compiles `source` to a shared object, or to an object file for programs.
    ///
    /// # Errors
    /// [`ReferenceError::Refused`] with all messages if the compiler refuses it,
    /// [`ReferenceError::Io`] if it cannot be started.
    pub fn build(&self, source: &str, flags: &[&str]) -> Result<Built, ReferenceError> {
        let folder = scratch()?;
        let file = folder.path().join("unit.c");
        let object = folder.path().join("unit.o");
        write(&file, source)?;
        if self.for_programs {
            self.compile(&file, &object, flags)?;
        } else {
            // Bound at load time: a lazy PLT stub would run code between a call and its callee.
            // A symbol that is nowhere costs the case that needs it.
            let link = "-Wl,-z,now,-z,defs";
            let fixed = ["-std=gnu2x", "-fPIC", "-shared", link, "-o"];
            let files = [&object, &file].map(|path| path.to_string_lossy());
            let files = files.each_ref().map(|file| &**file);
            self.link(&[&fixed, &files[..], flags].concat())?;
        }
        Ok(Built {
            object,
            _folder: Arc::new(folder),
        })
    }

    /// Compiles `source` as [`Reference::build`] does. The linker of a shared object leaves out
    /// hidden functions that no visible one needs.
    ///
    /// # Errors
    /// As [`Reference::build`].
    pub(crate) fn build_visible(
        &self,
        source: &str,
        flags: &[&str],
    ) -> Result<Built, ReferenceError> {
        let hidden = ["-fvisibility=hidden", "-Wl,--gc-sections"];
        let hidden = match self.for_programs {
            true => Vec::new(),
            false => [&SECTIONS[..], &hidden].concat(),
        };
        self.build(source, &[&hidden, flags].concat())
    }

    /// Compiles `source` as [`Reference::build`] does, if none of its code will run. Undefined
    /// symbols are allowed: without `-O`, gcc keeps a header's static functions, which may use
    /// them.
    ///
    /// # Errors
    /// As [`Reference::build`].
    pub fn build_data(&self, source: &str, flags: &[&str]) -> Result<Built, ReferenceError> {
        let link: &[&str] = match self.for_programs {
            true => &[],
            false => &["-Wl,-z,undefs"],
        };
        self.build(source, &[flags, link].concat())
    }

    /// Links by a command with `args`. An atomic object that no instruction loads is loaded by
    /// libatomic: where that is missing, the command runs again with the library.
    pub(super) fn link(&self, args: &[&str]) -> Result<(), ReferenceError> {
        const ATOMIC: [&str; 3] = [
            "-Wl,--push-state,--as-needed",
            "-latomic",
            "-Wl,--pop-state",
        ];
        let says = |error: &ReferenceError, word| {
            let messages = error.messages();
            messages.is_some_and(|text| text.contains(word))
        };
        let first = match self.run(args) {
            Err(error) if says(&error, "__atomic_") => error,
            linked => return linked.map(drop),
        };
        match self.run(&[args, &ATOMIC].concat()) {
            // A compiler, or a machine, may lack the library.
            Err(error) if says(&error, "-latomic") => Err(first),
            linked => linked.map(drop),
        }
    }

    /// Has `source` checked, without making code of it if the compiler can do that. Returns the
    /// warnings.
    pub fn check(&self, source: &str, flags: &[&str]) -> Result<String, ReferenceError> {
        let folder = scratch()?;
        let [file, object] = ["unit.c", "unit.o"].map(|name| folder.path().join(name));
        write(&file, source)?;
        let [file, object] = [file, object].map(|path| path.to_string_lossy().into_owned());
        let how: &[&str] = match self.has_syntax_only {
            true => &["-fsyntax-only"],
            false => &["-c", "-o", &object],
        };
        self.run(&[&["-std=gnu2x"], how, &[&file], flags].concat())
    }

    /// Returns its messages, if it refuses nothing; else all errors at once.
    pub(super) fn run(&self, args: &[&str]) -> Result<String, ReferenceError> {
        let limit: &[&str] = match self.name {
            "clang" => &["-ferror-limit=0"],
            _ => &[],
        };
        let output = self.finish(&[limit, args].concat())?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn finish(&self, args: &[&str]) -> Result<Output, ReferenceError> {
        succeeded(self.start(args)?, &self.text, self)
    }

    fn start(&self, args: &[&str]) -> Result<Output, ReferenceError> {
        let program = self.command.first().map_or("", String::as_str);
        let command = process::command(&self.command, args);
        output(command, self.limit).map_err(ReferenceError::io(program))
    }
}

/// Returns `output` of `command`, a call of the compiler `reference`, if it ended well.
pub(super) fn succeeded(
    output: Output,
    command: &str,
    reference: impl fmt::Display,
) -> Result<Output, ReferenceError> {
    if output.status.success() {
        return Ok(output);
    }
    let mut messages = String::from_utf8_lossy(&output.stderr).into_owned();
    if let Some(kind) = process::cause_of_no_answer(output.status, &messages) {
        let why = format!("{}, {}", output.status, first_error(&messages));
        return Err(ReferenceError::io(command)(io::Error::new(kind, why)));
    }
    if messages.trim().is_empty() {
        messages = output.status.to_string();
    }
    Err(ReferenceError::Refused {
        reference: reference.to_string(),
        crashed: process::crashed(output.status, &messages),
        messages,
    })
}

/// Checks whether `arg` makes errors of warnings, which may be about our own text. libclang reads
/// headers without such arguments.
pub(crate) fn makes_errors(arg: &str) -> bool {
    arg.starts_with("-Werror") || arg.ends_with("-pedantic-errors")
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version.split_once(' ') {
            Some((name, _)) if name.ends_with("gcc") => f.write_str(&self.version),
            _ => write!(f, "{} ({})", self.name, self.version),
        }
    }
}

pub(super) fn scratch() -> Result<Scratch, ReferenceError> {
    Scratch::new().map_err(ReferenceError::io("a temporary folder"))
}

pub(super) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), ReferenceError> {
    std::fs::write(path, content).map_err(ReferenceError::io(path.display().to_string()))
}
