//! Code of stubs that no engine has: made without Cranelift, which takes longer to start than a first call.

use std::sync::Arc;

use clif_cabi::StubCode;
use region::Protection;

use crate::code::{Code, Shared};
use crate::cranelift::module::FuncId;
use crate::debug::{Debug, NewCode};
use crate::error::{Error, Result};
use crate::frames::NewFrames;
use crate::host::system::Frames;
use crate::host::{self, Pages};
use crate::settings::Settings;

/// Copies `bytes` to pages of their own, from whose start they can be executed.
fn write(bytes: &[u8]) -> Result<Pages> {
    let len = bytes.len().next_multiple_of(region::page::size());
    let mut pages = Pages::reserve(len)?;
    let at = pages.at(0);
    // SAFETY: fresh pages, complete when they are sealed, whose address has not been given out.
    unsafe {
        pages.open(0..len, Protection::READ_EXECUTE)?;
        host::write_code(|| {
            at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            Ok(())
        })?;
        pages.seal(0..len, Protection::READ_EXECUTE)?;
    }
    Ok(pages)
}

/// Maker of code of stubs.
pub(crate) struct Stubs {
    shared: Arc<Shared>,
    frames: NewFrames,
    debug: Debug,
}

impl Stubs {
    /// # Errors
    /// [`Error::Setting`] for debug information that this build or this system lacks.
    pub(crate) fn new(settings: &Settings, shared: Arc<Shared>) -> Result<Self> {
        Ok(Self {
            shared,
            frames: NewFrames::of_stubs(),
            debug: Debug::new(&settings.debug)?,
        })
    }

    /// Writes `stub`, and tells unwinders, debuggers and profilers of it, as a function called `name`.
    ///
    /// # Errors
    /// The errors of [`Engine::finalize`](crate::Engine::finalize).
    pub(crate) fn define(&mut self, name: &'static str, stub: &StubCode) -> Result<Code> {
        // The only function until it is ready.
        let id = FuncId::from_u32(0);
        let unwound = |source| Error::Unwind {
            function: name.to_owned(),
            source,
        };
        self.frames.add_stub(id, stub).map_err(unwound)?;
        let bytes = self.frames.with_rules(id, &stub.bytes);
        let written = write(&bytes);
        if written.is_err() {
            self.frames.remove(id);
        }
        let mut pages = written?;
        let address = pages.at(0).cast_const();
        self.shared.kept().stubs.push(pages);
        let tables = self.frames.take(|_| address, |_| None);
        if tables.is_err() {
            self.frames.remove(id);
        }
        let tables = tables.map_err(unwound)?;
        let copy = tables.as_ref().map(|tables| tables.eh_frames.concat());
        if let Some(tables) = tables {
            // SAFETY: the rules of the stub, which stays where it is until `shared` is dropped, and they with it.
            let frames = unsafe { Frames::new(tables)? };
            self.shared.kept().frames.push(frames);
        }
        let code = NewCode {
            id,
            name: name.to_owned(),
            address: address.expose_provenance(),
            size: stub.bytes.len(),
            rows: Vec::new(),
        };
        let (told, result) = self
            .debug
            .tell(vec![code], copy.unwrap_or_else(|| vec![0; 4]));
        self.shared.kept().told.push(told);
        result?;
        Ok(Code::new(
            name,
            address,
            stub.bytes.len(),
            Arc::clone(&self.shared),
        ))
    }
}
