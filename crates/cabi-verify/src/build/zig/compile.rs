//! One file compiled by one back end.

use std::path::Path;

use cabi::VectorLevel;

use super::{Backend, Mode, Zig};
use crate::build::ReferenceError;
use crate::build::reference::succeeded;

impl Zig {
    /// Compiles `text` to the object file at `object`.
    ///
    /// # Errors
    /// [`ReferenceError::Refused`] with what the compiler prints if it does not end well.
    pub(super) fn make(
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
}

/// Returns Zig's name for a vector level.
fn cpu(level: VectorLevel) -> &'static str {
    match level {
        VectorLevel::Avx => "baseline+avx",
        VectorLevel::Avx512 => "baseline+avx512f+evex512",
        _ => "baseline",
    }
}
