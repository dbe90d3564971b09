//! Plans of `clif-cabi-plan`, with the signatures and parts in this Cranelift's types.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::cranelift::codegen::ir::{Signature, Type};
use crate::cranelift::module::FuncId;
use cabi::{FnAbi, FnSig, Target};
use clif_cabi_plan::{CallShape, EntryShape, PassMode, ResultPlan, SignaturePlan, Stub};
use smallvec::SmallVec;

use crate::clif_types::clif_signature;
use crate::error::LowerError;
use crate::parts::{CValue, Part, Parts, part, parts, value_type};

/// A plan of `clif-cabi-plan`, with its signature and parts in this Cranelift's types: a [`CallPlan`] or an [`EntryPlan`].
#[derive(Clone, Debug)]
pub struct Planned<P> {
    pub(crate) inner: P,
    /// Made on demand: calls import the signature of `inner`.
    signature: OnceLock<Signature>,
    /// The parts of one argument after the other.
    parts: SmallVec<[Part; 16]>,
    args: SmallVec<[PlannedArg; 10]>,
    result: Parts,
    /// The type that the result has as one value.
    value: Option<Type>,
    /// The signature that was asked for, if it is not that of `inner`.
    asked: Option<FnSig>,
}

/// An argument of a [`Planned`].
#[derive(Clone, Copy, Debug)]
struct PlannedArg {
    /// Its parts among all.
    start: u32,
    end: u32,
    mode: PassMode,
    /// The type that it has as one value.
    value: Option<Type>,
}

/// A plan in a table, found by the signature it was asked for.
pub(crate) struct BySig<P>(pub(crate) Arc<Planned<P>>);

impl<P: Deref<Target = SignaturePlan>> Borrow<FnSig> for BySig<P> {
    fn borrow(&self) -> &FnSig {
        let Planned { asked, inner, .. } = &*self.0;
        asked.as_ref().unwrap_or(&inner.sig)
    }
}

impl<P: Deref<Target = SignaturePlan>> Hash for BySig<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrow::<FnSig>::borrow(self).hash(state);
    }
}

impl<P: Deref<Target = SignaturePlan>> PartialEq for BySig<P> {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<FnSig>::borrow(self) == other.borrow()
    }
}

impl<P: Deref<Target = SignaturePlan>> Eq for BySig<P> {}

/// What a call of a signature looks like in CLIF. Made by [`Lowering::call_plan`](crate::Lowering::call_plan).
///
/// # Example
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
/// # let isa = linux_isa();
/// use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
/// use clif_cabi::SysVAggregateLowering;
///
/// let lower = SysVAggregateLowering::new(&*isa)?;
/// // struct pair { double x; long n; };  struct pair f(int, struct pair);
/// let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
/// let pair = pair.build(lower.target().data_model())?;
/// let plan = lower.call_plan(&FnSig::new([Type::I32, pair.clone()], pair))?;
/// assert_eq!(plan.signature().to_string(), "(i32, f64, i64) -> f64, i64 system_v");
/// // Bytes from the start of the structure.
/// assert_eq!(plan.parts(1).iter().map(|part| part.offset).collect::<Vec<_>>(), [0, 8]);
/// assert_eq!(plan.result_parts(), plan.parts(1));
/// assert_eq!(plan.abi().args[1].place.to_string(), "xmm0 rsi");
/// assert_eq!(plan.sig().params().len(), 2);
/// // Another signature, and the same instructions.
/// let [long, pointer] = [Type::I64, Type::PTR].map(|ty| lower.call_plan(&FnSig::new([ty], Type::VOID)).unwrap());
/// assert_eq!(long.shape(), pointer.shape());
/// # Ok::<(), clif_cabi::LowerError>(())
/// ```
pub type CallPlan = Planned<clif_cabi_plan::CallPlan>;

/// What a function of a signature looks like from inside. Made by [`Lowering::entry_plan`](crate::Lowering::entry_plan).
pub type EntryPlan = Planned<clif_cabi_plan::EntryPlan>;

impl<P: Deref<Target = SignaturePlan>> Planned<P> {
    /// `inner`, the plan of `sig`.
    fn of(inner: P, sig: &FnSig) -> Self {
        let (mut parts, mut args) = (SmallVec::new(), SmallVec::new());
        let mut end = 0;
        for (i, param) in inner.sig.params().iter().enumerate() {
            let Some(arg) = inner.args.get(i) else { break };
            let start = end;
            for own in arg.parts {
                parts.push(part(own));
                end += 1;
            }
            args.push(PlannedArg {
                start,
                end,
                mode: arg.mode,
                value: value_type(&param.ty),
            });
        }
        Self {
            signature: OnceLock::new(),
            parts,
            args,
            result: self::parts(inner.result.parts()),
            value: value_type(inner.sig.result()),
            asked: (*sig != inner.sig).then(|| sig.clone()),
            inner,
        }
    }

    /// The C signature, arrays and functions among its parameters as the pointers they decay to.
    #[must_use]
    pub fn sig(&self) -> &FnSig {
        &self.inner.sig
    }

    /// Where everything is.
    #[must_use]
    pub fn abi(&self) -> &FnAbi {
        &self.inner.abi
    }

    /// The CLIF signature to call or define the function with. A call of a variadic function also needs AL, or floats
    /// in two registers, which [`Lowering::call`](crate::Lowering::call) and [`Lowering::callee`](crate::Lowering::callee) set.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        let own = || clif_signature(&self.inner.signature);
        self.signature.get_or_init(own)
    }

    /// The parts that argument `arg` can be given in to a call ([`Arg::Parts`](crate::Arg::Parts)) and taken in at an entry
    /// ([`Entry::parts`](crate::Entry::parts)), wherever it is passed. None for a value of more than 128 bytes in memory, for one
    /// that is passed by reference, and for a vector of bools that is passed lane by lane.
    #[must_use]
    pub fn parts(&self, arg: usize) -> &[Part] {
        let own = self.args.get(arg);
        own.and_then(|own| self.parts.get(own.start as usize..own.end as usize))
            .unwrap_or_default()
    }

    /// The result as a value with parts.
    pub(crate) fn result_value(&self) -> CValue<'_> {
        let sig = self.sig();
        CValue {
            arg: None,
            sig,
            mode: self.inner.result.mode(sig.result()),
            parts: &self.result,
            whole: self.value,
        }
    }

    /// Argument `arg` as a value with parts.
    pub(crate) fn value(&self, arg: usize) -> Option<CValue<'_>> {
        let own = self.args.get(arg)?;
        Some(CValue {
            arg: Some(arg),
            sig: &self.inner.sig,
            mode: own.mode,
            parts: self.parts.get(own.start as usize..own.end as usize)?,
            whole: own.value,
        })
    }

    /// The parts of the result, in the order of [`Returned::Parts`](crate::Returned::Parts).
    #[must_use]
    pub fn result_parts(&self) -> &[Part] {
        &self.result
    }

    pub(crate) fn result(&self) -> &ResultPlan {
        &self.inner.result
    }
}

impl CallPlan {
    /// Whether a stub moves vectors between memory and registers that [`Planned::signature`] does not show.
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
    /// # let isa = linux_isa();
    /// use clif_cabi::SysVAggregateLowering;
    /// use clif_cabi::cabi::{FnSig, Type, VectorLevel};
    ///
    /// let lower = SysVAggregateLowering::new(&*isa)?;
    /// let m256 = Type::vector(&Type::F32, 8)?;
    /// let in_memory = FnSig::new([m256], Type::VOID);
    /// let in_ymm0 = in_memory.clone().features(VectorLevel::Avx);
    /// assert!(!lower.call_plan(&in_memory)?.moves_vectors() && !lower.entry_plan(&in_memory)?.moves_vectors());
    /// assert!(lower.call_plan(&in_ymm0)?.moves_vectors() && lower.entry_plan(&in_ymm0)?.moves_vectors());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn moves_vectors(&self) -> bool {
        self.inner.moves_vectors()
    }

    /// What the call looks like, whatever its C types are.
    #[must_use]
    pub fn shape(&self) -> CallShape<'_> {
        self.inner.shape()
    }

    pub(crate) fn new(sig: &FnSig, target: &Target) -> Result<Self, LowerError> {
        let inner = clif_cabi_plan::CallPlan::new(sig, target)?;
        Ok(Self::of(inner, sig))
    }
}

impl EntryPlan {
    /// Whether stubs move vectors between memory and registers that [`Planned::signature`] does not show.
    #[must_use]
    pub fn moves_vectors(&self) -> bool {
        self.inner.moves_vectors()
    }

    /// The stub by which C enters the function whose code is `body`, if it does not enter that itself. [`Lowering::entry_point`](crate::Lowering::entry_point)
    /// makes it.
    #[must_use]
    pub fn entry_stub(&self, body: FuncId) -> Option<Stub> {
        self.inner.entry_stub(body.as_u32())
    }

    /// What the entry looks like, whatever its C types are.
    #[must_use]
    pub fn shape(&self) -> EntryShape<'_> {
        self.inner.shape()
    }

    pub(crate) fn new(sig: &FnSig, target: &Target) -> Result<Self, LowerError> {
        let inner = clif_cabi_plan::EntryPlan::new(sig, target)?;
        Ok(Self::of(inner, sig))
    }
}
