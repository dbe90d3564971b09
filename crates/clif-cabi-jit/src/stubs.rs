//! Code of stubs that no engine has: made without Cranelift, which takes longer to start than a
//! first call.

use std::sync::Arc;

use clif_cabi::StubCode;

use crate::code::{Code, Shared};
use crate::cranelift::module::FuncId;
use crate::debug::{Debug, NewCode};
use crate::error::Result;
use crate::frames::{NewFrames, unwound};
use crate::host::Pages;
use crate::registrar::Registrar;
use crate::settings::Settings;

/// Maker of code of stubs.
pub(crate) struct Stubs(Registrar);

/// Returns the id of the only function, until that is ready.
fn id() -> FuncId {
    FuncId::from_u32(0)
}

impl Stubs {
    /// # Errors
    /// The errors of [`Debug::new`].
    pub(crate) fn new(settings: &Settings, shared: Arc<Shared>) -> Result<Self> {
        Ok(Self(Registrar {
            shared,
            frames: NewFrames::of_stubs(),
            debug: Debug::new(&settings.debug)?,
        }))
    }

    /// Writes `stub`, and registers it with unwinders, debuggers and profilers as a function called
    /// `name`.
    ///
    /// # Errors
    /// The errors of [`Engine::finalize`](crate::Engine::finalize).
    pub(crate) fn define(&mut self, name: &'static str, stub: &StubCode) -> Result<Code> {
        self.0.frames.add_stub(id(), stub).map_err(unwound(name))?;
        let defined = self.place(name, &stub.bytes);
        if defined.is_err() {
            self.0.frames.remove(id());
        }
        defined
    }

    fn place(&mut self, name: &str, bytes: &[u8]) -> Result<Code> {
        let shared = Arc::clone(&self.0.shared);
        let code = self.0.frames.with_rules(id(), bytes);
        let mut pages = Pages::with_code(&code.map_err(unwound(name))?, 0)?;
        let (address, size) = (pages.at(0).cast_const(), bytes.len());
        shared.resources().stubs.push(pages);
        let code = NewCode {
            id: id(),
            name: name.to_owned(),
            address: address.expose_provenance(),
            size,
        };
        // SAFETY: `shared` has the pages.
        unsafe { (self.0).register(vec![code], name, |_| address, |_| None)? };
        Ok(Code::new(name, address, size, shared))
    }
}
