//! One back end at work on one file: what it refuses is dropped, what it does not survive is found by halving.

use cabi::VectorLevel;

use super::draft::{Draft, Text, last_words};
use super::{Backend, Mode, Zig, io_error};
use crate::judge::JudgeError;
use crate::scratch::Scratch;

/// A back end at work, and the folder its files are in.
pub(super) struct Maker<'a> {
    zig: &'a Zig,
    mode: Mode,
    level: VectorLevel,
    folder: Scratch,
}

impl<'a> Maker<'a> {
    pub(super) fn new(zig: &'a Zig, mode: Mode, level: VectorLevel) -> Result<Self, JudgeError> {
        let folder = Scratch::new().map_err(|source| io_error("a temporary folder", source))?;
        Ok(Self {
            zig,
            mode,
            level,
            folder,
        })
    }

    pub(super) fn object(&self) -> String {
        let path = self.folder.path().join("halves.o");
        path.to_string_lossy().into_owned()
    }

    /// Compiles `text`. Returns what the compiler prints if it does not end well.
    pub(super) fn make(&self, text: &Text) -> Result<Option<String>, JudgeError> {
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
    pub(super) fn bisect(
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

/// Zig's name for a vector level.
fn cpu(level: VectorLevel) -> &'static str {
    match level {
        VectorLevel::Avx => "baseline+avx",
        VectorLevel::Avx512 => "baseline+avx512f+evex512",
        _ => "baseline",
    }
}
