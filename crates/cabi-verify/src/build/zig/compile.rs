//! One back end at work on one file.

use cabi::VectorLevel;

use super::source_file::Text;
use super::{Backend, Mode, Zig};
use crate::build::ReferenceError;
use crate::build::reference::scratch;
use crate::scratch::Scratch;

/// A back end at work, and the folder its files are in.
pub(super) struct Compilation<'a> {
    zig: &'a Zig,
    mode: Mode,
    level: VectorLevel,
    folder: Scratch,
}

impl<'a> Compilation<'a> {
    pub(super) fn new(
        zig: &'a Zig,
        mode: Mode,
        level: VectorLevel,
    ) -> Result<Self, ReferenceError> {
        let folder = scratch()?;
        Ok(Self {
            zig,
            mode,
            level,
            folder,
        })
    }

    pub(super) fn object(&self) -> String {
        let path = self.folder.path().join("sides.o");
        path.to_string_lossy().into_owned()
    }

    /// Compiles `text`. Returns what the compiler prints if it does not end well.
    pub(super) fn make(&self, text: &Text) -> Result<Option<String>, ReferenceError> {
        let source = self.folder.path().join("sides.zig");
        std::fs::write(&source, &text.zig).map_err(ReferenceError::io("sides.zig"))?;
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
        args.push(if self.mode.traced {
            "-ferror-tracing"
        } else {
            "-fno-error-tracing"
        });
        args.push(if self.mode.fast {
            "-OReleaseFast"
        } else {
            "-ODebug"
        });
        let output = self.zig.start(&args).map_err(ReferenceError::io("zig"))?;
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
}

/// Zig's name for a vector level.
fn cpu(level: VectorLevel) -> &'static str {
    match level {
        VectorLevel::Avx => "baseline+avx",
        VectorLevel::Avx512 => "baseline+avx512f+evex512",
        _ => "baseline",
    }
}
