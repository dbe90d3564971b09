//! Zig's compiler as a reference. Both its back ends make callees and callers under its C calling
//! convention or its own; `LoadedCode` loads them like those of C compilers.
//!
//! Functions of Zig's own convention, `auto`, have no symbols: exported ones hand out their
//! addresses.
//!
//! Zig has a classifier of its own for both back ends (`src/arch/x86_64/abi.zig`), so it is a third
//! reading of the psABI. One back end counts registers itself, the other leaves that to LLVM.
//! Callers and callees of one file are compiled to an object. The object is linked with the frame
//! of the C sides, which a C compiler makes. No part of a case is compiled as C. A type that Zig
//! cannot express is `NotExpressible`; other failures are reported with Zig's message.
//!
//! ```text
//! const c7_f_t0 = extern struct { m0: f64, m1: i32, };
//! export fn c7_f(a0: c7_f_t0) callconv(.c) c_int {
//!     const seen = cabi_seen(); @memcpy(seen[0..][0..16], ...); ...
//! }
//! export fn c7_f_call(f: *const fn (c7_f_t0) callconv(.c) c_int, image: [*]const u8, out: [*]u8)
//!     callconv(.c) void { ... }
//! ```

use std::fmt;
use std::io;
use std::path::Path;

use cabi::VectorLevel;

use super::bisect::{Rejection, build_without_refused};
use super::object_data::read_table;
use super::reference::succeeded;
use super::{Built, Reference, ReferenceError, TIME_LIMIT};
use crate::case::Case;
use crate::emit::c::{FRAME, TABLE};
pub use crate::emit::zig::Backend;
use crate::emit::zig::Question;
use crate::process::{command, output};
use crate::scratch::Scratch;

mod source_file;

use source_file::SourceFile;

/// Zig's compiler, and a cache that vanishes with it.
#[derive(Debug)]
pub struct Zig {
    command: Vec<String>,
    version: String,
    cache: Scratch,
}

/// A code generator at a level of optimization.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mode {
    /// The code generator.
    pub backend: Backend,
    /// `-OReleaseFast` instead of `-ODebug`.
    pub fast: bool,
    /// With error tracing.
    pub traced: bool,
}

impl Mode {
    /// The modes that are tested. Zig's own back end has no optimizer.
    pub const ALL: [Self; 3] = [
        Self::new(Backend::Own, false),
        Self::new(Backend::Llvm, false),
        Self::new(Backend::Llvm, true),
    ];

    const fn new(backend: Backend, fast: bool) -> Self {
        Self {
            backend,
            fast,
            traced: false,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.backend {
            Backend::Own => "own",
            Backend::Llvm => "llvm",
        })?;
        f.write_str(if self.fast { "-fast" } else { "" })?;
        f.write_str(if self.traced { "-traced" } else { "" })
    }
}

/// Callers and callees of cases, compiled by Zig.
#[derive(Debug)]
pub(crate) struct CompiledZig {
    /// The file, which a process can load.
    pub(crate) built: Built,
    /// For each case the reasons why it has no callee and no caller: Zig cannot express it, or its
    /// compiler's message.
    pub(crate) missing: Vec<[Option<String>; 2]>,
    /// Sizes, alignments and offsets.
    pub(crate) layout: Vec<ZigNumber>,
}

/// A number about the layout of a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZigNumber {
    /// The index of the case that has the type.
    pub case: usize,
    /// The subject: `struct s: offset of member 1`.
    pub what: String,
    /// The number of `cabi`, in bytes.
    pub ours: u64,
    /// Zig's number.
    pub zig: u64,
}

impl Zig {
    /// Returns its command: that in `CABI_ZIG`, else the Python package `ziglang`.
    pub fn command() -> String {
        std::env::var("CABI_ZIG").unwrap_or_else(|_| "python3 -m ziglang".to_owned())
    }

    /// Looks for Zig by its command.
    pub fn find() -> Result<Self, String> {
        let command = Self::command();
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

    /// Returns its version, such as `0.15.2`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Makes the sides of `cases`, whose functions' names differ, at the vector level that they
    /// share. `frame` compiles the frame and links. A side that Zig cannot express or compile is
    /// missing.
    ///
    /// # Errors
    /// [`ReferenceError`], if Zig or `frame` cannot be started, or refuses what belongs to no case.
    pub(crate) fn compile(
        &self,
        frame: &Reference,
        mode: Mode,
        cases: &[Case],
    ) -> Result<CompiledZig, ReferenceError> {
        let level = cases.first().map(|case| case.vectors).unwrap_or_default();
        let folder = Scratch::new().map_err(ReferenceError::io("a temporary folder"))?;
        let object = folder.path().join("sides.o");
        let file = SourceFile::of(cases, mode.backend);
        let (sides, mut missing) = file.sides();
        let make = |chosen: &[usize]| self.make((mode, level), &file.text(chosen).zig, &object);
        let blame = |error: &ReferenceError, chosen: &[usize]| {
            let messages = error.messages().unwrap_or_default();
            let blamed = file.rejections(&file.text(chosen), messages, chosen);
            let rejections = blamed.into_iter().map(|(side, why)| Rejection {
                cases: vec![side],
                why: error.with_messages(&why),
            });
            rejections.collect()
        };
        let parts = build_without_refused(sides, make, blame)?;
        if parts.cases.is_empty() {
            // A file without sides, for its frame.
            make(&[])?;
        }
        for Rejection { cases: sides, why } in parts.refused {
            let ([side], Some(words)) = (&sides[..], why.messages()) else {
                return Err(why);
            };
            missing.insert(*side, words.to_owned());
        }
        let object = object.to_string_lossy();
        // Zig's own back end does not say that the stack need not be executable.
        let built = frame.build(
            FRAME,
            &["-O1", "-fno-lto", object.as_ref(), "-Wl,-z,noexecstack"],
        )?;
        Ok(CompiledZig {
            layout: layout(&built, &file.questions(&parts.cases))?,
            built,
            missing: (0..cases.len())
                .map(|case| [2 * case, 2 * case + 1].map(|side| missing.remove(&side)))
                .collect(),
        })
    }

    /// Compiles `text` to the object file at `object`.
    ///
    /// # Errors
    /// [`ReferenceError::Refused`] with what the compiler prints if it does not end well.
    fn make(
        &self,
        (mode, level): (Mode, VectorLevel),
        text: &str,
        object: &Path,
    ) -> Result<(), ReferenceError> {
        let source = object.with_extension("zig");
        std::fs::write(&source, text).map_err(ReferenceError::io("sides.zig"))?;
        let source = source.to_string_lossy();
        let object = format!("-femit-bin={}", object.to_string_lossy());
        let cache = self.cache.path().to_string_lossy();
        let cpu = format!("-mcpu={}", cpu(level));
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
        args.push(match mode.backend {
            Backend::Own => "-fno-llvm",
            Backend::Llvm => "-fllvm",
        });
        args.push(if mode.traced {
            "-ferror-tracing"
        } else {
            "-fno-error-tracing"
        });
        args.push(if mode.fast {
            "-OReleaseFast"
        } else {
            "-ODebug"
        });
        let output = self.start(&args).map_err(ReferenceError::io("zig"))?;
        let reference = format!("zig {} {mode}", self.version);
        succeeded(output, "zig", reference).map(drop)
    }

    fn start(&self, args: &[&str]) -> io::Result<std::process::Output> {
        output(command(&self.command, args), TIME_LIMIT)
    }
}

/// Returns the answers in `built` to `questions` about layouts.
fn layout(
    built: &Built,
    questions: &[(usize, &Question)],
) -> Result<Vec<ZigNumber>, ReferenceError> {
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let (answers, _) = read_table(built, (TABLE, questions.len()), &[])?;
    let facts = questions.iter().zip(answers);
    let facts = facts.map(|((case, question), zig)| ZigNumber {
        case: *case,
        what: question.what.clone(),
        ours: question.ours,
        zig,
    });
    Ok(facts.collect())
}

/// Returns Zig's name for a vector level.
fn cpu(level: VectorLevel) -> &'static str {
    match level {
        VectorLevel::Avx => "baseline+avx",
        VectorLevel::Avx512 => "baseline+avx512f+evex512",
        _ => "baseline",
    }
}
