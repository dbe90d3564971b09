//! The entry point for x86-64 System V.

use std::ops::Deref;

use crate::cranelift::codegen::isa::TargetIsa;

use crate::error::LowerError;
use crate::lowering::Lowering;

/// [`Lowering`] for x86-64 System V, checked when it is made.
///
/// # Example: a call that returns a structure
/// ```
/// use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
/// use clif_cabi::{Arg, Ret, SysVAggregateLowering};
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
/// # let mut module = jit(&[]);
/// # let mut ctx = module.make_context();
/// # let mut fctx = FunctionBuilderContext::new();
/// # let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fctx);
/// # let block = builder.create_block();
/// # builder.switch_to_block(block);
/// let lower = SysVAggregateLowering::new(module.isa())?;
///
/// // ldiv_t ldiv(long, long);
/// let ldiv_t = RecordBuilder::structure("ldiv_t")
///     .field("quot", Type::I64)
///     .field("rem", Type::I64)
///     .build(&DataModel::LP64)?;
/// let sig = FnSig::new([Type::I64, Type::I64], ldiv_t);
/// let ldiv = lower.declare_import(&mut module, "ldiv", &sig)?;
///
/// let (a, b) = (builder.ins().iconst(types::I64, 17), builder.ins().iconst(types::I64, 5));
/// let r = lower.call(&mut module, &mut builder, &ldiv, &[Arg::value(a), Arg::value(b)], Ret::Parts)?;
/// // rax and rdx: quot and rem, never in memory.
/// assert!(matches!(r, clif_cabi::Returned::Parts(values) if values.len() == 2));
/// # Ok::<(), clif_cabi::LowerError>(())
/// ```
#[derive(Debug)]
pub struct SysVAggregateLowering(Lowering);

impl SysVAggregateLowering {
    /// Lowering for `isa`, which must be one of x86-64 System V.
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
