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
        let mut draft = Draft::of(cases);
        let folder = scratch().map_err(|source| io_error("a temporary folder", source))?;
        let source = folder.path().join("halves.zig");
        let object = folder.path().join("halves.o");
        loop {
            let text = draft.text();
            std::fs::write(&source, &text.zig).map_err(|error| io_error("halves.zig", error))?;
            let (source, object) = (
                source.to_string_lossy(),
                format!("-femit-bin={}", object.display()),
            );
            let cache = self.cache.path().to_string_lossy();
            let cpu = format!("-mcpu={}", cpu(level));
            let mut args = vec![
                "build-obj",
                source.as_ref(),
                &object,
                "-target",
                "x86_64-linux-gnu",
                &cpu,
            ];
            args.extend(["--cache-dir", &cache, "--global-cache-dir", &cache]);
            // A probe of the stack is a function of a library of Zig's.
            args.extend(["-fPIC", "-fstrip", "-fno-stack-check"]);
            args.push(if mode.backend == Backend::Own {
                "-fno-llvm"
            } else {
                "-fllvm"
            });
            args.push(if mode.fast {
                "-OReleaseFast"
            } else {
                "-ODebug"
            });
            let output = self.start(&args).map_err(|error| io_error("zig", error))?;
            if output.status.success() {
                break;
            }
            let messages = String::from_utf8_lossy(&output.stderr).into_owned();
            if !draft.drop_refused(&text, &messages) {
                let judge = format!("zig {} {mode}", self.version);
                return Err(JudgeError::Refused { judge, messages });
            }
        }
        let object = object.to_string_lossy();
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
                what: format!("{}: {}", question.ty, question.what),
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

/// One file in the making.
struct Draft {
    /// Of each case, its text; gone with what Zig refuses.
    cases: Vec<Entry>,
}

struct Entry {
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
    fn of(cases: &[&Case]) -> Self {
        let entry = |case: &&Case| match said(case) {
            Ok(Said {
                types,
                callee,
                caller,
                layout,
            }) => Entry {
                types,
                halves: [callee, caller].map(|half| half.map_err(|why| why.to_string())),
                layout,
            },
            Err(why) => Entry::refused(&why.to_string()),
        };
        Self {
            cases: cases.iter().map(entry).collect(),
        }
    }

    fn text(&self) -> Text {
        let mut zig = PREAMBLE.to_owned();
        let mut line = zig.lines().count() + 1;
        let mut pieces = Vec::new();
        let mut add = |text: &str, case, half| {
            pieces.push((line, case, half));
            line += text.lines().count();
            zig.push_str(text);
        };
        for (i, entry) in self.cases.iter().enumerate() {
            add(&entry.types, i, None);
            for (half, text) in entry.halves.iter().enumerate() {
                if let Ok(text) = text {
                    add(text, i, Some(half));
                }
            }
        }
        // What is behind is no case's.
        pieces.push((line, usize::MAX, None));
        let questions = self.questions();
        if !questions.is_empty() {
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
        let all =
            cases.flat_map(|(i, entry)| entry.layout.iter().map(move |question| (i, question)));
        all.filter(|(_, question)| seen.insert((&question.ty, &question.what)))
            .collect()
    }

    /// Takes out what the compiler's messages are about, and keeps the messages. `false` if that is nothing.
    fn drop_refused(&mut self, text: &Text, messages: &str) -> bool {
        let mut dropped = false;
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
            let Some(entry) = self.cases.get_mut(*case) else {
                continue;
            };
            let why = format!("Zig refuses: {}", first_error(message));
            dropped = true;
            match half.and_then(|half| entry.halves.get_mut(half)) {
                Some(half) => *half = Err(why),
                None => *entry = Entry::refused(&why),
            }
        }
        dropped
    }

    fn missing(&self) -> Vec<[Option<String>; 2]> {
        let cases = self.cases.iter();
        cases
            .map(|entry| [0, 1].map(|half| entry.halves[half].as_ref().err().cloned()))
            .collect()
    }
}

impl Entry {
    fn refused(why: &str) -> Self {
        Self {
            types: String::new(),
            halves: [Err(why.to_owned()), Err(why.to_owned())],
            layout: Vec::new(),
        }
    }
}
