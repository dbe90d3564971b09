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

use crate::case::Case;
use crate::halves::{FRAME, Halves, read_table};
use crate::interop::Direction;
use crate::judge::{Built, Judge, JudgeError, TIME_LIMIT, output};
use crate::scratch::Scratch;

mod draft;
mod functions;
mod maker;
mod speakable;
mod spell;
#[cfg(test)]
mod tests;

pub use speakable::speakable;
pub use spell::Unsaid;

use draft::Draft;
use maker::Maker;

/// Zig's compiler, and a cache that vanishes with it.
#[derive(Debug)]
pub struct Zig {
    command: Vec<String>,
    version: String,
    cache: Scratch,
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
            cache: Scratch::new().map_err(|error| error.to_string())?,
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
        Ok(ZigHalves {
            layout: layout(&built, &draft)?,
            halves: Halves::of_built(&built, cases)?,
            missing: draft.missing(),
        })
    }

    fn start(&self, args: &[&str]) -> io::Result<std::process::Output> {
        let (program, flags) = self
            .command
            .split_first()
            .map_or(("", &[][..]), |(program, flags)| (program.as_str(), flags));
        let mut command = Command::new(program);
        command.args(flags).args(args).env("LC_ALL", "C");
        output(command, TIME_LIMIT)
    }
}

/// What `built` says about the layouts that `draft` asks about.
fn layout(built: &Built, draft: &Draft) -> Result<Vec<Fact>, JudgeError> {
    let questions = draft.questions();
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let (answers, _) = read_table(built, questions.len(), &[])
        .map_err(|error| io_error("the table of layouts", io::Error::other(error)))?;
    let facts = questions.into_iter().zip(answers);
    let facts = facts.map(|((case, question), zig)| Fact {
        case,
        what: question.what.clone(),
        ours: question.ours,
        zig,
    });
    Ok(facts.collect())
}

fn io_error(what: &str, source: io::Error) -> JudgeError {
    JudgeError::Io {
        what: what.to_owned(),
        source,
    }
}
