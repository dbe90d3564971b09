//! Plans of `clif-cabi-plan`, with their signatures in this Cranelift's types.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::cranelift::codegen::ir::Signature;

use crate::clif_types::clif_signature;

/// A plan of `clif-cabi-plan`, which it derefs to: a [`CallPlan`] or an [`EntryPlan`].
#[derive(Clone, Debug)]
pub struct Planned<P> {
    inner: P,
    /// Made on demand: calls import the signature of `inner`.
    signature: OnceLock<Signature>,
}

/// Plan of a call of a signature in CLIF. Made by
/// [`Lowering::call_plan`](crate::Lowering::call_plan).
///
/// # Example
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
/// # let isa = linux_isa();
/// use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
/// use clif_cabi::Lowering;
///
/// let lower = Lowering::new(&*isa)?;
/// // struct pair { double x; long n; };  struct pair f(int, struct pair);
/// let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
/// let pair = pair.build(lower.target().data_model())?;
/// let plan = lower.call_plan(&FnSig::new([Type::I32, pair.clone()], pair))?;
/// assert_eq!(plan.clif_signature().to_string(), "(i32, f64, i64) -> f64, i64 system_v");
/// // Bytes from the start of the structure.
/// assert_eq!(plan.args.parts(1).iter().map(|part| part.offset).collect::<Vec<_>>(), [0, 8]);
/// assert_eq!(plan.result.parts(), plan.args.parts(1));
/// assert_eq!(plan.abi.args[1].place.to_string(), "xmm0 rsi");
/// // Another signature, and the same instructions.
/// let [long, pointer] = [Type::I64, Type::PTR].map(|ty| lower.call_plan(&FnSig::new([ty], Type::VOID)).unwrap());
/// assert_eq!(long.shape(), pointer.shape());
/// # Ok::<(), clif_cabi::LowerError>(())
/// ```
pub type CallPlan = Planned<clif_cabi_plan::CallPlan>;

/// Plan of the entry of a function of a signature. Made by
/// [`Lowering::entry_plan`](crate::Lowering::entry_plan).
pub type EntryPlan = Planned<clif_cabi_plan::EntryPlan>;

impl<P: Deref<Target = clif_cabi_plan::SignaturePlan>> Planned<P> {
    pub(crate) fn new(inner: P) -> Self {
        let signature = OnceLock::new();
        Self { inner, signature }
    }

    /// Returns the CLIF signature to call or define the function with, in this Cranelift's types. A
    /// call of a variadic function also needs AL, or floats in two registers, which
    /// [`Lowering::call`](crate::Lowering::call) and [`Lowering::callee`](crate::Lowering::callee)
    /// set.
    #[must_use]
    pub fn clif_signature(&self) -> &Signature {
        let own = || clif_signature(&self.inner.signature);
        self.signature.get_or_init(own)
    }
}

impl<P> Deref for Planned<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.inner
    }
}
