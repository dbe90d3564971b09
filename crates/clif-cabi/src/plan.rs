//! Plans of `clif-cabi-plan`, with the signatures and pieces in this Cranelift's types.

use cabi::{FnAbi, FnSig, Target};
use clif_cabi_plan::{Arrival, Passing, ResultPlan};
use cranelift_codegen::ir::Signature;
use smallvec::SmallVec;

use crate::error::LowerError;
use crate::pieces::{Piece, Pieces, pieces};
use crate::words::clif_signature;

/// What a call of a signature looks like in CLIF. Made by [`Lowering::call_plan`](crate::Lowering::call_plan).
///
/// # Example
/// ```
/// # use clif_cabi::cranelift_codegen::{isa, settings};
/// # let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu").unwrap().finish(settings::Flags::new(settings::builder())).unwrap();
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
/// assert_eq!(plan.pieces(1).iter().map(|piece| piece.offset).collect::<Vec<_>>(), [0, 8]);
/// assert_eq!(plan.result_pieces(), plan.pieces(1));
/// assert_eq!(plan.abi().args[1].place.to_string(), "xmm0 rsi");
/// assert_eq!(plan.sig().params().len(), 2);
/// # Ok::<(), clif_cabi::LowerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CallPlan {
    pub(crate) inner: clif_cabi_plan::CallPlan,
    pub(crate) signature: Signature,
    /// Per argument, its pieces, or those of a block's tail.
    args: SmallVec<[Pieces; 8]>,
    result: Pieces,
    /// For a variadic call through an address: the signature with the address as its last word.
    pub(crate) indirect: Option<Signature>,
}

impl CallPlan {
    pub(crate) fn new(sig: &FnSig, target: &Target) -> Result<Self, LowerError> {
        let inner = clif_cabi_plan::CallPlan::new(sig, target)?;
        let args = inner.args.iter().map(|passing| match passing {
            Passing::Parts(parts) | Passing::Block(parts) => pieces(parts),
            Passing::Nothing | Passing::Lanes(_) => Pieces::new(),
        });
        let indirect = inner.indirect.as_ref();
        Ok(Self {
            signature: clif_signature(&inner.signature),
            args: args.collect(),
            result: pieces(inner.result.parts()),
            indirect: indirect.map(|call| clif_signature(&call.signature)),
            inner,
        })
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

    /// The CLIF signature that the callee is called with. A call of a variadic function also needs AL, which
    /// [`Lowering::call`](crate::Lowering::call) and [`Lowering::callee`](crate::Lowering::callee) see to.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The pieces argument `arg` is made of when it is given as such: [`Arg::Pieces`](crate::Arg::Pieces). None for a value of more than 64
    /// bytes and for a vector of bools that is passed lane by lane, which are given in memory.
    #[must_use]
    pub fn pieces(&self, arg: usize) -> &[Piece] {
        match self.inner.args.get(arg) {
            Some(Passing::Parts(_)) => self.loaded(arg),
            _ => &[],
        }
    }

    /// What of argument `arg` the caller loads: its pieces, or those of a block's tail.
    pub(crate) fn loaded(&self, arg: usize) -> &[Piece] {
        self.args.get(arg).map_or(&[], |pieces| pieces)
    }

    /// The pieces of the result, in the order of [`Returned::Pieces`](crate::Returned::Pieces).
    #[must_use]
    pub fn result_pieces(&self) -> &[Piece] {
        &self.result
    }

    pub(crate) fn result(&self) -> &ResultPlan {
        &self.inner.result
    }
}

/// What a function of a signature looks like from inside. Made by [`Lowering::entry_plan`](crate::Lowering::entry_plan).
#[derive(Clone, Debug)]
pub struct EntryPlan {
    pub(crate) inner: clif_cabi_plan::EntryPlan,
    pub(crate) signature: Signature,
    args: SmallVec<[Pieces; 8]>,
    result: Pieces,
}

impl EntryPlan {
    pub(crate) fn new(sig: &FnSig, target: &Target) -> Result<Self, LowerError> {
        let inner = clif_cabi_plan::EntryPlan::new(sig, target)?;
        let args = inner.args.iter().map(|arrival| match arrival {
            Arrival::Parts { parts, .. }
            | Arrival::Area {
                parts: Some(parts), ..
            } => pieces(parts),
            Arrival::Nothing | Arrival::Area { .. } | Arrival::Lanes { .. } => Pieces::new(),
        });
        Ok(Self {
            signature: clif_signature(&inner.signature),
            args: args.collect(),
            result: pieces(inner.result.parts()),
            inner,
        })
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

    /// The CLIF signature to define the function with.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The pieces argument `arg` can be asked for in, wherever it is passed: those of [`CallPlan::pieces`](crate::CallPlan::pieces).
    #[must_use]
    pub fn pieces(&self, arg: usize) -> &[Piece] {
        self.args.get(arg).map_or(&[], |pieces| pieces)
    }

    /// The pieces that the result may be given as.
    #[must_use]
    pub fn result_pieces(&self) -> &[Piece] {
        &self.result
    }

    pub(crate) fn result(&self) -> &ResultPlan {
        &self.inner.result
    }
}
