//! Zig's compiler as a judge: both its back ends make callees and callers under its C calling convention, which [`Halves`] loads like those that are made of C.
//!
//! Zig has a classifier of its own, written for both back ends (`src/arch/x86_64/abi.zig`), so it is a third opinion on the psABI; what
//! counts registers is its own in the one and LLVM's in the other. Callers and callees of one file are compiled to an object and linked
//! with the frame of the C halves, which a C compiler makes; nothing of a case goes through C. What Zig has no words for is [`Unsaid`],
//! what it cannot compile is said with its message.
//!
//! ```text
//! const c7_f_t0 = extern struct { m0: f64, m1: i32, };
//! export fn c7_f(a0: c7_f_t0) callconv(.c) c_int { const seen = cabi_seen(); @memcpy(seen[0..][0..16], ...); ... }
//! export fn c7_f_call(f: *const fn (c7_f_t0) callconv(.c) c_int, image: [*]const u8, out: [*]u8) callconv(.c) void { ... }
//! ```

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::process::Command;

use cabi::VectorLevel;
use tempfile::TempDir;

use crate::case::Case;
use crate::halves::{FRAME, Halves, TABLE, read_table};
use crate::interop::Direction;
use crate::judge::{Judge, JudgeError, first_error};

mod functions;
mod speakable;
mod spell;
#[cfg(test)]
mod tests;

pub use speakable::speakable;
pub use spell::Unsaid;

use functions::{PREAMBLE, Question, Said, said};

/// Zig's compiler, and a cache that vanishes with it.
#[derive(Debug)]
pub struct Zig {
    command: Vec<String>,
    version: String,
    cache: TempDir,
}

/// Which of its code generators.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Backend {
    /// Its own, `-fno-llvm`.
    Own,
    /// LLVM's, `-fllvm`.
    Llvm,
}

/// A code generator at a level of optimization.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mode {
    /// The code generator.
    pub backend: Backend,
    /// `-OReleaseFast` instead of `-ODebug`.
    pub fast: bool,
}

impl Mode {
    /// Those that are worth asking: Zig's own back end has no optimizer.
    pub const ALL: [Self; 3] = [
        Self {
            backend: Backend::Own,
            fast: false,
        },
        Self {
            backend: Backend::Llvm,
            fast: false,
        },
        Self {
            backend: Backend::Llvm,
            fast: true,
        },
    ];
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.backend {
            Backend::Own => "own",
            Backend::Llvm => "llvm",
        })?;
        f.write_str(if self.fast { "-fast" } else { "" })
    }
}

/// Halves of cases, made by Zig.
#[derive(Debug)]
pub struct ZigHalves {
    /// The halves, by the index of the case.
    pub halves: Halves,
    /// Of each case, why Zig has no callee, and no caller; `None` where it has one.
    missing: Vec<[Option<String>; 2]>,
    /// Sizes, alignments and offsets.
    pub layout: Vec<Fact>,
}

/// A number about the layout of a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// The index of the case that has the type.
    pub case: usize,
    /// What was asked: `struct s: offset of member 1`.
    pub what: String,
    /// What `cabi` says, in bytes.
    pub ours: u64,
    /// What Zig says.
    pub zig: u64,
}

impl ZigHalves {
    /// Whether the half that `direction` needs is there.
    ///
    /// # Errors
    /// Why not: Zig has no words for it, or its compiler's message.
    pub fn has(&self, index: usize, direction: Direction) -> Result<(), &str> {
        let missing = self.missing.get(index).map(|halves| match direction {
            Direction::Call => &halves[0],
            Direction::Callee => &halves[1],
        });
        match missing {
            Some(Some(why)) => Err(why),
            Some(None) => Ok(()),
            None => Err("there is no such case"),
        }
    }
}

impl Zig {
    /// Looks for Zig: `CABI_ZIG` names a command, else it is the Python package `ziglang`.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn find() -> Result<Self, String> {
        let command = std::env::var("CABI_ZIG").unwrap_or_else(|_| "python3 -m ziglang".to_owned());
        let mut zig = Self {
            command: command.split_whitespace().map(str::to_owned).collect(),
            version: String::new(),
            cache: scratch().map_err(|error| error.to_string())?,
        };
        let output = zig
            .start(&["version"])
            .map_err(|error| format!("{command}: {error}"))?;
        if !output.status.success() {
            let messages = String::from_utf8_lossy(&output.stderr);
            let last = messages.lines().last().unwrap_or("it fails");
            return Err(format!("{last} (`python3 -m pip install ziglang`)"));
        }
        zig.version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(zig)
    }

    /// Its version, such as `0.15.2`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Makes the halves of `cases`, whose functions' names differ, at their vector level `level`; `frame` compiles the frame and links. A half that Zig
    /// cannot say or compile is missing.
    ///
    /// # Errors
    /// [`JudgeError`], if Zig or `frame` cannot be started, or refuses what belongs to no case.
    pub fn build(
        &self,
        frame: &Judge,
        mode: Mode,
        level: VectorLevel,
        cases: &[&Case],
    ) -> Result<ZigHalves, JudgeError> {
        let maker = Maker::new(self, mode, level)?;
        let mut draft = Draft::of(cases, mode.backend);
        loop {
            let all = draft.halves();
            let text = draft.text(&all, true);
            let Some(messages) = maker.make(&text)? else {
                break;
            };
            if !draft.drop_refused(&text, &messages) && !maker.bisect(&mut draft, all)? {
                let judge = format!("zig {} {mode}", self.version);
                return Err(JudgeError::Refused { judge, messages });
            }
        }
        let object = maker.object();
        // Zig's own back end does not say that the stack need not be executable.
        let built = frame.build(
            FRAME,
            &["-O1", "-fno-lto", object.as_ref(), "-Wl,-z,noexecstack"],
        )?;
        let questions = draft.questions();
        let answers = match questions.is_empty() {
            true => Vec::new(),
            false => {
                let table = read_table(&built, questions.len(), &[]);
                table
                    .map_err(|error| io_error("the table of layouts", io::Error::other(error)))?
                    .0
            }
        };
        let layout = questions
            .into_iter()
            .zip(answers)
            .map(|((case, question), zig)| Fact {
                case,
                what: question.what.clone(),
                ours: question.ours,
                zig,
            });
        Ok(ZigHalves {
            layout: layout.collect(),
            halves: Halves::of_built(&built, cases)?,
            missing: draft.missing(),
        })
    }

    fn start(&self, args: &[&str]) -> io::Result<std::process::Output> {
        let (program, flags) = self
            .command
            .split_first()
            .map_or(("", &[][..]), |(program, flags)| (program.as_str(), flags));
        Command::new(program)
            .args(flags)
            .args(args)
            .env("LC_ALL", "C")
            .output()
    }
}

/// Zig's name for a vector level.
fn cpu(level: VectorLevel) -> &'static str {
    match level {
        VectorLevel::Avx => "baseline+avx",
        VectorLevel::Avx512 => "baseline+avx512f",
        _ => "baseline",
    }
}

fn scratch() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("cabi-zig-").tempdir()
}

fn io_error(what: &str, source: io::Error) -> JudgeError {
    JudgeError::Io {
        what: what.to_owned(),
        source,
    }
}

/// A back end at work, and the folder its files are in.
struct Maker<'a> {
    zig: &'a Zig,
    mode: Mode,
    level: VectorLevel,
    folder: TempDir,
}

impl<'a> Maker<'a> {
    fn new(zig: &'a Zig, mode: Mode, level: VectorLevel) -> Result<Self, JudgeError> {
        let folder = scratch().map_err(|source| io_error("a temporary folder", source))?;
        Ok(Self {
            zig,
            mode,
            level,
            folder,
        })
    }

    fn object(&self) -> Cow<'_, str> {
        let path = self.folder.path().join("halves.o");
        path.to_string_lossy().into_owned().into()
    }

    /// Compiles `text`. Returns what the compiler prints if it does not end well.
    fn make(&self, text: &Text) -> Result<Option<String>, JudgeError> {
        let source = self.folder.path().join("halves.zig");
        std::fs::write(&source, &text.zig).map_err(|error| io_error("halves.zig", error))?;
        let source = source.to_string_lossy();
        let object = format!("-femit-bin={}", self.object());
        let cache = self.zig.cache.path().to_string_lossy();
        let cpu = format!("-mcpu={}", cpu(self.level));
        let mut args = vec![
            "build-obj",
            &source,
            &object,
            "-target",
            "x86_64-linux-gnu",
            &cpu,
        ];
        args.extend(["--cache-dir", &cache, "--global-cache-dir", &cache]);
        // A probe of the stack would be a function of a library of Zig's.
        args.extend(["-fPIC", "-fstrip", "-fno-stack-check"]);
        args.push(match self.mode.backend {
            Backend::Own => "-fno-llvm",
            Backend::Llvm => "-fllvm",
        });
        args.push(if self.mode.fast {
            "-OReleaseFast"
        } else {
            "-ODebug"
        });
        let output = self
            .zig
            .start(&args)
            .map_err(|error| io_error("zig", error))?;
        if output.status.success() {
            return Ok(None);
        }
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Some(if messages.is_empty() {
            output.status.to_string()
        } else {
            messages
        }))
    }

    /// Finds and drops those of `halves` that the compiler does not survive. `false` if there is none.
    fn bisect(
        &self,
        draft: &mut Draft,
        mut halves: Vec<(usize, usize)>,
    ) -> Result<bool, JudgeError> {
        let mut dropped = false;
        loop {
            let text = draft.text(&halves, false);
            let Some(messages) = self.make(&text)? else {
                return Ok(dropped);
            };
            if !draft.drop_refused(&text, &messages) {
                break self
                    .split(draft, halves, &messages)
                    .map(|found| found || dropped);
            }
            dropped = true;
            halves.retain(|half| draft.has(*half));
        }
    }

    fn split(
        &self,
        draft: &mut Draft,
        mut left: Vec<(usize, usize)>,
        messages: &str,
    ) -> Result<bool, JudgeError> {
        match left[..] {
            [] => Ok(false),
            [half] => {
                draft.drop(
                    half,
                    format!("Zig's compiler dies: {}", last_words(messages)),
                );
                Ok(true)
            }
            _ => {
                let right = left.split_off(left.len() / 2);
                let in_left = self.bisect(draft, left)?;
                Ok(self.bisect(draft, right)? || in_left)
            }
        }
    }
}

/// A message without the names of records in one file.
fn without_names(message: &str) -> String {
    let mut words = message.split("halves.");
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        text.push_str("record");
        text.push_str(end.map_or("", |end| &word[end..]));
    }
    text
}

/// What a compiler says when it dies, without the names of one file.
fn last_words(messages: &str) -> &str {
    let line = messages.lines().find(|line| line.contains("panic: "));
    let line = line
        .or_else(|| messages.lines().next())
        .unwrap_or("silently");
    let words = line.split_once("panic: ").map_or(line, |(_, words)| words);
    words.split(':').next().unwrap_or(words)
}

/// A question without the name of the type.
fn described(what: &str) -> &str {
    what.split_once(": ").map_or(what, |(_, what)| what)
}

/// One file in the making.
struct Draft {
    /// Of each case, its text; gone with what Zig refuses.
    cases: Vec<Entry>,
}

struct Entry {
    /// What the names of its types begin with.
    prefix: String,
    types: String,
    /// The callee and the caller, or why there is none.
    halves: [Result<String, String>; 2],
    layout: Vec<Question>,
}

/// A file with what stands on its lines.
struct Text {
    zig: String,
    /// The first line (from 1) of each piece, the case it is of, and which half; no half for types.
    pieces: Vec<(usize, usize, Option<usize>)>,
}

impl Draft {
    fn of(cases: &[&Case], backend: Backend) -> Self {
        let entry = |case: &&Case| match said(case, backend) {
            Ok(Said {
                prefix,
                types,
                callee,
                caller,
                layout,
            }) => Entry {
                prefix,
                types,
                halves: [callee, caller].map(|half| half.map_err(|why| why.to_string())),
                layout,
            },
            Err(why) => Entry {
                prefix: String::new(),
                types: String::new(),
                halves: [0; 2].map(|_| Err(why.to_string())),
                layout: Vec::new(),
            },
        };
        Self {
            cases: cases.iter().map(entry).collect(),
        }
    }

    /// The halves that there are: the index of the case, 0 for the callee, 1 for the caller.
    fn halves(&self) -> Vec<(usize, usize)> {
        let all = (0..self.cases.len()).flat_map(|case| [(case, 0), (case, 1)]);
        all.filter(|half| self.has(*half)).collect()
    }

    fn half(&self, (case, half): (usize, usize)) -> Option<&str> {
        let half = self.cases.get(case)?.halves.get(half)?;
        half.as_deref().ok()
    }

    fn has(&self, half: (usize, usize)) -> bool {
        self.half(half).is_some()
    }

    /// A file of `chosen` halves, in order, with the table of layouts if asked.
    fn text(&self, chosen: &[(usize, usize)], table: bool) -> Text {
        let mut zig = PREAMBLE.to_owned();
        let mut line = zig.lines().count() + 1;
        let mut pieces = Vec::new();
        let mut add = |text: &str, case, half| {
            pieces.push((line, case, half));
            line += text.lines().count();
            zig.push_str(text);
        };
        let mut typed = None;
        for (case, half) in chosen.iter().copied() {
            if let Some(entry) = self.cases.get(case)
                && typed != Some(case)
            {
                add(&entry.types, case, None);
                typed = Some(case);
            }
            add(
                self.half((case, half)).unwrap_or_default(),
                case,
                Some(half),
            );
        }
        // What is behind is no case's.
        pieces.push((line, usize::MAX, None));
        let questions = self.questions();
        if table && !questions.is_empty() {
            zig.push_str(&format!("export const {TABLE} = [_]u64{{\n"));
            for (_, question) in questions {
                zig.push_str(&format!("    {},\n", question.expression));
            }
            zig.push_str("};\n");
        }
        Text { zig, pieces }
    }

    /// What is asked, each type once, with the case that has it.
    fn questions(&self) -> Vec<(usize, &Question)> {
        let mut seen = std::collections::HashSet::new();
        let cases = self.cases.iter().enumerate();
        // Types are declared where there is a half.
        let cases = cases.filter(|(_, entry)| entry.halves.iter().any(Result::is_ok));
        let all =
            cases.flat_map(|(i, entry)| entry.layout.iter().map(move |question| (i, question)));
        all.filter(|(_, question)| seen.insert((&question.kind, described(&question.what))))
            .collect()
    }

    /// Takes out what the compiler's messages are about, and keeps the messages. `false` if that is nothing.
    fn drop_refused(&mut self, text: &Text, messages: &str) -> bool {
        let mut dropped = false;
        // Last words may name a type, which bears the name of its case's function.
        let panics = messages.lines().filter(|line| line.contains("panic: "));
        for name in panics
            .filter_map(|line| line.split_once("halves."))
            .map(|(_, name)| name)
        {
            let owners = self.cases.iter().enumerate().filter(|(_, entry)| {
                let prefix = entry.prefix.as_str();
                entry.halves.iter().any(Result::is_ok) && name.starts_with(prefix)
            });
            let owners: Vec<usize> = owners.map(|(i, _)| i).collect();
            for case in owners {
                let why = format!("Zig's compiler dies: {}", last_words(messages));
                dropped = true;
                (0..2).for_each(|half| self.drop((case, half), why.clone()));
            }
        }
        for message in messages.lines().filter(|line| line.contains("error: ")) {
            let place = message
                .split_once("halves.zig:")
                .and_then(|(_, rest)| rest.split(':').next());
            let Some(line) = place.and_then(|line| line.parse::<usize>().ok()) else {
                continue;
            };
            let before = text.pieces.partition_point(|(first, ..)| *first <= line);
            let piece = before.checked_sub(1).and_then(|at| text.pieces.get(at));
            let Some((_, case, half)) = piece else {
                continue;
            };
            let why = format!("Zig refuses: {}", without_names(&first_error(message)));
            dropped |= *case < self.cases.len();
            for half in half.map_or(0..2, |half| half..half + 1) {
                self.drop((*case, half), why.clone());
            }
        }
        dropped
    }

    fn drop(&mut self, (case, half): (usize, usize), why: String) {
        let half = self
            .cases
            .get_mut(case)
            .and_then(|entry| entry.halves.get_mut(half));
        if let Some(half) = half {
            *half = Err(why);
        }
    }

    fn missing(&self) -> Vec<[Option<String>; 2]> {
        let why = |half: &Result<String, String>| half.as_ref().err().cloned();
        let cases = self.cases.iter();
        cases
            .map(|entry| entry.halves.each_ref().map(why))
            .collect()
    }
}
