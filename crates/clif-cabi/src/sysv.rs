//! Lowering for x86-64 System V alone.

use std::ops::Deref;

use crate::cranelift::codegen::isa::TargetIsa;

use crate::error::LowerError;
use crate::lowering::Lowering;

/// [`Lowering`] for x86-64 System V, checked when it is made: for a front end that knows no other
/// ABI, and depends on this one. Others take [`Lowering::new`], for all supported targets.
#[derive(Clone, Debug)]
pub struct SysVAggregateLowering(Lowering);

impl SysVAggregateLowering {
    /// Makes a lowering for `isa`, which must be one of x86-64 System V.
    ///
    /// # Errors
    /// [`LowerError::Isa`] if it is not, or if its flags change what signatures mean.
    pub fn new(isa: &dyn TargetIsa) -> Result<Self, LowerError> {
        let lowering = Lowering::new(isa)?;
        match lowering.target().convention() {
            Some(convention) if *convention == cabi::X86_64_SYSV => Ok(Self(lowering)),
            _ => {
                let why = format!("{}: not x86-64 System V", lowering.target().name());
                Err(LowerError::Isa(why))
            }
        }
    }
}

impl Deref for SysVAggregateLowering {
    type Target = Lowering;

    fn deref(&self) -> &Lowering {
        &self.0
    }
}
