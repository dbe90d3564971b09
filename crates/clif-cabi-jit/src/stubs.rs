//! Code of stubs that no engine has: made without Cranelift, which takes longer to start than a first call.

use std::sync::Arc;

use clif_cabi::StubCode;
use clif_cabi::cabi::Target;
use clif_cabi_unwind::TablesInMemory;
use region::Protection;

use crate::code::{Code, Shared};
use crate::cranelift::module::FuncId;
use crate::debug::{Debug, NewCode};
use crate::error::{Error, Result};
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
    debug: Debug,
}

impl Stubs {
    /// # Errors
    /// [`Error::Setting`] for debug information that this build or this system lacks.
    pub(crate) fn new(settings: &Settings, shared: Arc<Shared>) -> Result<Self> {
        Ok(Self {
            shared,
            debug: Debug::new(&settings.debug)?,
        })
    }

    /// Writes `stub` for `target`, this machine, and tells unwinders, debuggers and profilers of it,
    /// as a function called `name`.
    ///
    /// # Errors
    /// As [`Engine::finalize`](crate::Engine::finalize).
    pub(crate) fn define(
        &mut self,
        target: &Target,
        name: &'static str,
        stub: &StubCode,
    ) -> Result<Code> {
        let mut pages = write(&stub.bytes)?;
        let address = pages.at(0).cast_const();
        self.shared.kept().stubs.push(pages);
        let tables = TablesInMemory::of_stub(target, stub, address.addr() as u64);
        let tables = tables.map_err(|source| Error::Unwind {
            function: name.to_owned(),
            source,
        })?;
        let copy = tables.eh_frames.concat();
        // SAFETY: the rules of the stub, which stays where it is until `shared` is dropped, and they
        // with it.
        let frames = unsafe { Frames::new(tables)? };
        self.shared.kept().frames.push(frames);
        let code = NewCode {
            // The only function.
            id: FuncId::from_u32(0),
            name: name.to_owned(),
            address: address.expose_provenance(),
            size: stub.bytes.len(),
            rows: Vec::new(),
        };
        let (told, result) = self.debug.tell(vec![code], copy);
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
