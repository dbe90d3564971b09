//! Compilers as judges: which there are, what each can compile, and the C halves they build.
//!
//! A judge is asked only what it can answer. What it cannot (`_BitInt` of an older gcc, `_Decimal64` of clang) is found by compiling one tiny
//! file per [`Capability`], and the compiler's own message is kept as the reason. C halves live in folders that vanish, and are never
//! built with `-w`: a judge's warnings are part of what it says.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cabi::VectorLevel;

use crate::corpus::{Block, Profile};
use crate::scratch::Scratch;

mod capability;
mod parts;
mod program;
#[cfg(test)]
mod tests;

use capability::TRAITS;
pub use capability::{Capability, feature_flags, needs};
pub(crate) use program::output;
#[cfg(all(target_arch = "x86_64", unix))]
pub(crate) use program::says_that_it_crashed;

/// The judges this crate knows by name, as `judges:` of a corpus block may restrict them.
pub const KNOWN_JUDGES: [&str; 2] = ["gcc", "clang"];

/// A compiler that is there and works.
#[derive(Clone, Debug)]
pub struct Judge {
    name: &'static str,
    text: String,
    command: Vec<String>,
    version: String,
    missing: BTreeMap<Capability, String>,
    limit: Duration,
    /// The libraries that a program of its needs besides those it links by itself, as options of its own; asked when first needed.
    libraries: Arc<OnceLock<Vec<&'static str>>>,
}

/// How long a compiler may take for one file, if nobody says otherwise: minutes for a file of a few thousand lines are a compiler that hangs.
pub const TIME_LIMIT: Duration = Duration::from_secs(300);

/// Why a judge's answer cannot be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum JudgeError {
    /// The compiler could not be started, or a folder not be made.
    Io {
        /// What was tried.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The compiler refused the C text.
    Refused {
        /// Judge and version.
        judge: String,
        /// What it printed.
        messages: String,
    },
    /// What the compiler made cannot be loaded.
    Unloadable {
        /// What it was made for.
        what: String,
        /// The loader's reason, or what became of the process that tried.
        why: String,
    },
    /// The compiler crashed at the C text: it says nothing about it.
    Crashed {
        /// Compiler and version.
        judge: String,
        /// What it printed.
        messages: String,
    },
}

impl JudgeError {
    /// What the compiler printed to C text that it refuses, or at which it crashes.
    #[must_use]
    pub fn messages(&self) -> Option<&str> {
        match self {
            Self::Refused { messages, .. } | Self::Crashed { messages, .. } => Some(messages),
            Self::Io { .. } | Self::Unloadable { .. } => None,
        }
    }

    /// Nothing was asked: a full disk, a compiler that cannot be started, that hangs or is killed. What is left is an answer about the C text.
    #[must_use]
    pub fn is_about_the_system(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

impl fmt::Display for JudgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::Refused { judge, messages } => {
                write!(f, "{judge} refuses: {}", first_error(messages))
            }
            Self::Unloadable { what, why } => write!(f, "{what} cannot be loaded: {why}"),
            Self::Crashed { judge, messages } => {
                write!(f, "{judge} crashes: {}", first_error(messages))
            }
        }
    }
}

impl std::error::Error for JudgeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Refused { .. } | Self::Crashed { .. } | Self::Unloadable { .. } => None,
        }
    }
}

/// A shared object made of a C half; its folder vanishes with the last clone.
#[derive(Clone, Debug)]
pub struct Built {
    /// The shared object.
    pub object: PathBuf,
    /// What the compiler warned of.
    pub warnings: String,
    _folder: Arc<Scratch>,
}

/// The judges found on this machine, and for each known judge that is not, why.
#[derive(Debug)]
pub struct Bench {
    /// Those that work, in the order of [`KNOWN_JUDGES`].
    pub judges: Vec<Judge>,
    /// Those that do not: name and reason.
    pub absent: Vec<(&'static str, String)>,
}

impl Bench {
    /// Looks for every known judge: `CABI_GCC` and `CABI_CLANG` name commands, else the usual names are tried.
    ///
    /// # Example
    /// ```
    /// let bench = cabi_judge::judge::Bench::find();
    /// for judge in &bench.judges {
    ///     println!("{judge}");
    /// }
    /// for (name, why) in &bench.absent {
    ///     println!("not run: {name}: {why}");
    /// }
    /// ```
    #[must_use]
    pub fn find() -> Self {
        Self::find_within(TIME_LIMIT)
    }

    /// The same, with compilers that may take `limit` for one file.
    #[must_use]
    pub fn find_within(limit: Duration) -> Self {
        let usual: [(&'static str, &str, &[&str]); 2] = [
            ("gcc", "CABI_GCC", &["gcc", "cc"]),
            ("clang", "CABI_CLANG", &["clang-19", "clang"]),
        ];
        let mut bench = Self {
            judges: Vec::new(),
            absent: Vec::new(),
        };
        for (name, variable, commands) in usual {
            let set = env::var(variable).ok();
            let commands: Vec<&str> = set
                .as_deref()
                .map_or_else(|| commands.to_vec(), |one| vec![one]);
            let mut why = String::new();
            let found =
                commands
                    .iter()
                    .find_map(|command| match Judge::new(name, command, limit) {
                        Ok(judge) => Some(judge),
                        Err(reason) => {
                            why = reason;
                            None
                        }
                    });
            match found {
                Some(judge) => bench.judges.push(judge),
                None => bench.absent.push((name, why)),
            }
        }
        bench
    }
}

/// Whether a missing judge is a failure: `CABI_REQUIRE_ORACLES=1`, as CI sets it.
#[must_use]
pub fn judges_required() -> bool {
    env::var("CABI_REQUIRE_ORACLES").is_ok_and(|value| value == "1")
}

impl Judge {
    /// The judge `name` behind `command`, which may carry flags; the error is the reason it cannot judge.
    fn new(name: &'static str, command: &str, limit: Duration) -> Result<Self, String> {
        let judge = Self::within(limit, command)?;
        if judge.name != name {
            return Err(format!("`{command}` is not {name}"));
        }
        Ok(judge)
    }

    /// The judge behind `command`, a compiler and flags of its own, quoted as in a shell; gcc or clang by what it says of itself.
    ///
    /// # Errors
    /// The reason it cannot judge.
    ///
    /// # Example
    /// ```
    /// use cabi_judge::judge::Judge;
    ///
    /// match Judge::of_command("gcc -O2 -D 'WHAT=a b'") {
    ///     Ok(judge) => assert_eq!(judge.command(), "gcc -O2 -D 'WHAT=a b'"),
    ///     Err(why) => println!("not run: gcc: {why}"),
    /// }
    /// assert!(Judge::of_command("gcc 'x").unwrap_err().contains("quote"));
    /// ```
    pub fn of_command(command: &str) -> Result<Self, String> {
        Self::within(TIME_LIMIT, command)
    }

    /// The same, with a compiler that may take `limit` for one file.
    ///
    /// # Errors
    /// The reason it cannot judge.
    pub fn within(limit: Duration, command: &str) -> Result<Self, String> {
        let words = shell_words::split(command).map_err(|e| format!("`{command}`: {e}"))?;
        let mut judge = Self {
            name: "gcc",
            text: command.trim().to_owned(),
            command: words,
            version: String::new(),
            missing: BTreeMap::new(),
            limit,
            libraries: Arc::default(),
        };
        let output = judge.start(&["--version"]).map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("clang") {
            judge.name = "clang";
        }
        judge.version = text.lines().next().unwrap_or_default().trim().to_owned();
        judge.check_language()?;
        for row in &TRAITS {
            if !row.capability.runs_here() {
                judge
                    .missing
                    .insert(row.capability, format!("this machine has no {}", row.name));
            } else if let Err(error) = judge.check(row.source, &row.probe_flags()) {
                let why = match error {
                    JudgeError::Refused { messages, .. } | JudgeError::Crashed { messages, .. } => {
                        first_error(&messages)
                    }
                    other => return Err(other.to_string()),
                };
                judge.missing.insert(row.capability, why);
            }
        }
        Ok(judge)
    }

    /// The same compiler with more flags behind its own: what it can compile is not asked again, so they must not take anything from that.
    #[must_use]
    pub fn with_flags(&self, flags: &[&str]) -> Self {
        let mut judge = self.clone();
        judge.libraries = Arc::default();
        let more = flags.iter().map(|&flag| flag.to_owned());
        judge.command.extend(more);
        for text in [" ", &shell_words::join(flags)] {
            judge.text.push_str(text);
        }
        judge
    }

    /// A compiler of C++ has other rules even for what looks like C, and what is no compiler has none.
    fn check_language(&self) -> Result<(), String> {
        let folder = scratch().map_err(|e| e.to_string())?;
        let file = folder.path().join("language.c");
        write(&file, "cabi_language __cplusplus\n").map_err(|e| e.to_string())?;
        let output = self.start(&["-E", "-P", &file.to_string_lossy()]);
        let output = output.map_err(|e| e.to_string())?;
        let command = &self.text;
        if !output.status.success() {
            let messages = String::from_utf8_lossy(&output.stderr).into_owned();
            let why = match messages.trim() {
                "" => output.status.to_string(),
                _ => first_error(&messages),
            };
            return Err(format!("`{command}` does not compile C: {why}"));
        }
        // After what the command itself may include.
        let text = String::from_utf8_lossy(&output.stdout);
        match text
            .trim()
            .lines()
            .last()
            .and_then(|last| last.strip_prefix("cabi_language "))
        {
            Some("__cplusplus") => Ok(()),
            Some(_) => Err(format!("`{command}` compiles C++, not C")),
            None => Err(format!(
                "`{command}` is no C compiler: asked for the preprocessed text of a file, it does not print it"
            )),
        }
    }

    /// The command it is started with, its own flags included, as it was written.
    #[must_use]
    pub fn command(&self) -> String {
        self.text.clone()
    }

    /// Whether the command itself says how much is optimized.
    #[must_use]
    pub fn says_how_to_optimize(&self) -> bool {
        let mut flags = self.command.iter().skip(1);
        flags.any(|word| word.starts_with("-O"))
    }

    /// The widest vectors that travel in registers under its own flags: a matter of the macros it defines.
    ///
    /// # Errors
    /// [`JudgeError`] if it cannot be asked.
    pub fn vector_level(&self) -> Result<VectorLevel, JudgeError> {
        let macros = self.macros()?;
        let defines = |name: &str| macros.iter().any(|defined| defined == name);
        Ok(if defines("__AVX512F__") {
            VectorLevel::Avx512
        } else if defines("__AVX__") {
            VectorLevel::Avx
        } else {
            VectorLevel::Baseline
        })
    }

    /// Whether it compiles under its own flags for x86-64 with pointers of 8 bytes, whose code is called here.
    ///
    /// # Errors
    /// [`JudgeError`] if it cannot be asked.
    pub fn is_for_x86_64(&self) -> Result<bool, JudgeError> {
        let macros = self.macros()?;
        let defines = |name: &str| macros.iter().any(|defined| defined == name);
        Ok(defines("__x86_64__") && defines("__LP64__"))
    }

    /// The names of the macros it defines by itself.
    fn macros(&self) -> Result<Vec<String>, JudgeError> {
        let output = self.finish(&["-dM", "-E", "-x", "c", "/dev/null"])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names = text
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1));
        Ok(names.map(str::to_owned).collect())
    }

    /// `gcc` or `clang`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The first line of its `--version`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The policy profile it is judged under.
    #[must_use]
    pub fn profile(&self) -> Profile {
        if self.name == "clang" {
            Profile::Clang
        } else {
            Profile::Gcc
        }
    }

    /// Whether it has `capability`; if not, its own message.
    ///
    /// # Errors
    /// The reason.
    pub fn has(&self, capability: Capability) -> Result<(), &str> {
        match self.missing.get(&capability) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// Whether it can be asked about `block`.
    ///
    /// # Errors
    /// The reason why not, for the report.
    pub fn admits(&self, block: &Block) -> Result<(), String> {
        let named: Vec<&str> = block
            .judges
            .iter()
            .map(String::as_str)
            .filter(|name| KNOWN_JUDGES.contains(name))
            .collect();
        if !named.is_empty() && !named.contains(&self.name) {
            let reason = block
                .judges_reason
                .as_deref()
                .unwrap_or("the block is restricted");
            return Err(format!("for {} only: {reason}", named.join(" and ")));
        }
        for capability in needs(block) {
            if let Err(why) = self.has(capability) {
                return Err(format!("no {capability}: {why}"));
            }
        }
        Ok(())
    }

    /// Compiles `source` to a shared object.
    ///
    /// # Errors
    /// [`JudgeError::Refused`] with all messages if the compiler refuses it, [`JudgeError::Io`] if it cannot be started.
    pub fn build(&self, source: &str, flags: &[&str]) -> Result<Built, JudgeError> {
        let folder = scratch()?;
        let file = folder.path().join("half.c");
        let object = folder.path().join("half.so");
        write(&file, source)?;
        // Bound at load time: a lazy PLT stub would run code between a call and its callee.
        let fixed = ["-std=gnu2x", "-fPIC", "-shared", "-Wl,-z,now", "-o"];
        let mut args: Vec<&str> = fixed.to_vec();
        let (object_name, file_name) = (object.to_string_lossy(), file.to_string_lossy());
        args.extend([object_name.as_ref(), file_name.as_ref()]);
        args.extend(flags);
        args.extend(self.libraries());
        let warnings = self.run(&args)?;
        Ok(Built {
            object,
            warnings,
            _folder: Arc::new(folder),
        })
    }

    /// What a program of C needs besides the libraries that every compiler links: an atomic object that no instruction loads is loaded by
    /// libatomic. A compiler, or a machine, may lack it, and most files need none of it.
    fn libraries(&self) -> &[&'static str] {
        const ATOMIC: [&str; 3] = [
            "-Wl,--push-state,--as-needed",
            "-latomic",
            "-Wl,--pop-state",
        ];
        self.libraries.get_or_init(|| {
            let links = || {
                let folder = scratch()?;
                let (file, object) = (folder.path().join("atomic.c"), folder.path().join("a.so"));
                write(&file, "int nothing;\n")?;
                let (file, object) = (file.to_string_lossy(), object.to_string_lossy());
                let fixed = ["-fPIC", "-shared", "-o", object.as_ref(), file.as_ref()];
                self.run(&[&fixed[..], &ATOMIC].concat())
            };
            links().map_or(Vec::new(), |_| ATOMIC.to_vec())
        })
    }

    /// Compiles `source` to a program, runs it, and returns what it printed.
    ///
    /// # Errors
    /// As [`Judge::build`]; [`JudgeError::Io`] also if the program does not end well.
    pub fn execute(&self, source: &str, flags: &[&str]) -> Result<String, JudgeError> {
        let folder = scratch()?;
        let file = folder.path().join("half.c");
        let program = folder.path().join("half");
        write(&file, source)?;
        let (program_name, file_name) = (program.to_string_lossy(), file.to_string_lossy());
        let mut args = vec![
            "-std=gnu2x",
            "-o",
            program_name.as_ref(),
            file_name.as_ref(),
        ];
        args.extend(flags);
        args.extend(self.libraries());
        self.run(&args)?;
        let io = |source| JudgeError::Io {
            what: format!("a program built by {self}"),
            source,
        };
        let output = output(Command::new(&program), self.limit).map_err(io)?;
        if !output.status.success() {
            return Err(io(io::Error::other(output.status.to_string())));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Has `source` checked without making code of it. Returns the warnings.
    ///
    /// # Errors
    /// As [`Judge::build`].
    pub fn check(&self, source: &str, flags: &[&str]) -> Result<String, JudgeError> {
        let folder = scratch()?;
        let file = folder.path().join("half.c");
        write(&file, source)?;
        let file_name = file.to_string_lossy();
        let mut args = vec!["-std=gnu2x", "-fsyntax-only", file_name.as_ref()];
        args.extend(flags);
        self.run(&args)
    }

    /// Its messages, if it refuses nothing.
    fn run(&self, args: &[&str]) -> Result<String, JudgeError> {
        let output = self.finish(args)?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn finish(&self, args: &[&str]) -> Result<Output, JudgeError> {
        let output = self.start(args)?;
        if output.status.success() {
            return Ok(output);
        }
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        if let Some(kind) = program::not_asked(output.status, &messages) {
            let why = format!("{}, {}", output.status, first_error(&messages));
            return Err(JudgeError::Io {
                what: self.text.clone(),
                source: io::Error::new(kind, why),
            });
        }
        if program::crashed(output.status, &messages) {
            return Err(JudgeError::Crashed {
                judge: self.to_string(),
                messages,
            });
        }
        Err(JudgeError::Refused {
            judge: self.to_string(),
            messages,
        })
    }

    fn start(&self, args: &[&str]) -> Result<Output, JudgeError> {
        let (program, flags) = self
            .command
            .split_first()
            .map_or(("", &[][..]), |(p, f)| (p.as_str(), f));
        let mut command = Command::new(program);
        // Messages are compared and printed: not in the user's language.
        command.args(flags).args(args).env("LC_ALL", "C");
        output(command, self.limit).map_err(|source| JudgeError::Io {
            what: program.to_owned(),
            source,
        })
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.version)
    }
}

/// The first error among a compiler's messages, without its place in a file that is gone.
#[must_use]
pub fn first_error(messages: &str) -> String {
    let line = messages.lines().find(|line| line.contains("error:"));
    let line = line
        .or_else(|| messages.lines().next())
        .unwrap_or("no message");
    line.split_once("error: ")
        .map_or(line, |(_, text)| text)
        .to_owned()
}

/// How often a compiler warned, by the name of the warning, as one line; notes and warnings without a name count as `unnamed`.
#[must_use]
pub fn count_warnings(messages: &str) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for line in messages.lines().filter(|line| line.contains("warning: ")) {
        let name = line
            .rsplit_once(" [-W")
            .and_then(|(_, name)| name.strip_suffix(']'));
        *kinds.entry(name.unwrap_or("unnamed")).or_default() += 1;
    }
    let counts: Vec<String> = kinds
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    if counts.is_empty() {
        "no warnings".to_owned()
    } else {
        format!("warnings: {}", counts.join(", "))
    }
}

fn scratch() -> Result<Scratch, JudgeError> {
    Scratch::new().map_err(|source| JudgeError::Io {
        what: "a temporary folder".to_owned(),
        source,
    })
}

fn write(path: &Path, text: &str) -> Result<(), JudgeError> {
    std::fs::write(path, text).map_err(|source| JudgeError::Io {
        what: path.display().to_string(),
        source,
    })
}
