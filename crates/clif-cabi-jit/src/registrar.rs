//! Registration of code that becomes final: with the unwinder of the process, debuggers and
//! profilers.

use std::sync::Arc;

use crate::code::Shared;
use crate::cranelift::module::FuncId;
use crate::debug::{Debug, NewCode};
use crate::error::Result;
use crate::frames::{NewFrames, unwound};
use crate::host::system::Frames;

/// Unwind tables and debug information of code that is not final, and owner of their registrations.
pub(crate) struct Registrar {
    pub(crate) shared: Arc<Shared>,
    pub(crate) frames: NewFrames,
    pub(crate) debug: Debug,
}

impl Registrar {
    /// Registers `code`, all of which was added since the last time. `function` and `symbol` return
    /// addresses, and `name` is for messages.
    ///
    /// # Errors
    /// The errors of [`Engine::finalize`](crate::Engine::finalize) about final code.
    ///
    /// # Safety
    /// The code stays where it is until `shared` is dropped.
    pub(crate) unsafe fn register(
        &mut self,
        code: Vec<NewCode>,
        name: &str,
        function: impl Fn(FuncId) -> *const u8,
        symbol: impl Fn(&str) -> Option<*const u8>,
    ) -> Result<()> {
        let tables = self.frames.take(function, symbol).map_err(unwound(name))?;
        let mut copy = Vec::new();
        if let Some(tables) = tables {
            if self.debug.is_on() {
                // Without the zeros that end each.
                let sections = tables.eh_frames.iter();
                let sections = sections.filter_map(|own| own.strip_suffix(&[0; 4]));
                copy.extend(sections.flatten());
            }
            // SAFETY: the caller's: the tables are dropped with `shared`.
            let frames = unsafe { Frames::new(tables)? };
            self.shared.resources().frames.push(frames);
        }
        if code.is_empty() {
            return Ok(());
        }
        copy.extend([0; 4]);
        let (registrations, result) = self.debug.tell(code, copy);
        self.shared.resources().registrations.push(registrations);
        result
    }
}
