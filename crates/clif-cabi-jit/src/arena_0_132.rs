//! The memory of an engine on Cranelift 0.132 and 0.133: cranelift-jit's own arena, owned by the
//! module, which stays here when its engine has gone. It panics where the system refuses to change
//! a protection; later releases have an arena of ours.

use crate::cranelift::jit::JITModule;
use crate::error::{Error, Result};

/// The most memory an engine can have: half of what a 32-bit displacement spans, so that any addend
/// below it is reached too.
pub(crate) const MAX_SIZE: usize = 1 << 30;

pub(crate) struct Arena {
    size: usize,
    module: Option<JITModule>,
}

// SAFETY: the module is only stored and dropped here, and no thread is special to its memory.
unsafe impl Send for Arena {}

impl Arena {
    /// Makes the memory of a module that is still to be made.
    pub(crate) fn new(size: usize) -> Result<Self> {
        if size == 0 || size > MAX_SIZE {
            return Err(Error::MemorySize {
                size,
                most: MAX_SIZE,
            });
        }
        Ok(Self { size, module: None })
    }

    /// Bytes to reserve.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Keeps `module`, whose engine has gone, until its code has gone too.
    pub(crate) fn keep(&mut self, module: JITModule) {
        self.module = Some(module);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: every `Code` of the module keeps what owns this arena, so none is left.
            unsafe { module.free_memory() };
        }
    }
}
