//! Closures of compiled code: C function pointers to functions with a static chain, as GNU C makes
//! them of nested functions.

use core::ffi::c_void;
use core::fmt;
use std::sync::Arc;

use super::Closures;
use super::pool::{Pool, StubSlot};
use crate::error::Result;

/// A C function pointer to code and a static chain. Dropping it frees the pointer.
pub struct BoundFunction {
    slot: StubSlot,
    pool: Arc<Pool>,
}

impl Closures {
    /// Makes a C function pointer that enters `code` with `chain` in the register of the static
    /// chain, without compiling. `code` comes from
    /// [`Lowering::entry_point`](clif_cabi::Lowering::entry_point) for a signature with a static
    /// chain, or is a nested function of GNU C. Callers of the pointer know the signature without
    /// the chain.
    ///
    /// # Safety
    /// As long as the pointer is called, `code` stays what it is, and `chain` is what it expects.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) when the system gives no more memory.
    pub unsafe fn bind(&self, code: *const c_void, chain: *const c_void) -> Result<BoundFunction> {
        let pool = Arc::clone(&self.pool);
        let slot = pool.take(chain, code)?;
        Ok(BoundFunction { slot, pool })
    }
}

impl BoundFunction {
    /// Returns the function pointer, which is valid as long as this.
    #[must_use]
    pub fn code(&self) -> *const c_void {
        self.slot.code()
    }
}

impl Drop for BoundFunction {
    fn drop(&mut self) {
        self.pool.give_back(self.slot);
    }
}

impl fmt::Debug for BoundFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoundFunction at {:p}", self.code())
    }
}
