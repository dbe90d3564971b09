//! The plan of a function's entry.

mod asked;

use std::ops::Deref;

use cabi::{FnSig, Target};
use smallvec::SmallVec;

use super::begin::{Begun, SignaturePlan, check_stub};
use super::result::{ParamIndexes, ResultPlan, Side};
use super::variadic::VariadicEntry;
use crate::error::PlanError;
use crate::machine::{Callee, Step, Stub};
use crate::parts::ClifParts;
use crate::signature::Signature;
use asked::Asked;

/// Where an argument is when the function is entered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Arrival {
    /// Nothing of it is passed.
    Nothing,
    /// Each of its parts is a CLIF parameter, or a word of the argument area where a value is split.
    Parts {
        /// Where each part is.
        places: SmallVec<[PartPlace; 4]>,
        /// The parts.
        parts: ClifParts,
    },
    /// In the argument area, which is at [`EntryPlan::area`].
    Area {
        /// Bytes from where that points.
        offset: u32,
        /// The parts it can be loaded in, if it is not too large.
        parts: Option<ClifParts>,
    },
    /// In vector registers that CLIF cannot say, which a stub has stored to memory. [`EntryPlan::saved`] is the parameter that points there.
    Saved {
        /// Bytes from there, a multiple of 64, which the address is aligned to as well.
        offset: u32,
        /// The parts it can be loaded in.
        parts: ClifParts,
    },
    /// The first lanes are CLIF parameters, the others in slots of the argument area.
    Lanes {
        /// The parameters of the first lanes.
        params: ParamIndexes,
        /// How many lanes there are.
        lanes: u16,
        /// Bytes from where [`EntryPlan::area`] points to the first lane there.
        offset: u32,
        /// Bytes from one such lane to the next.
        slot: u32,
    },
    /// In a copy of the caller's, which is the function's now: it may write to it.
    Reference {
        /// The parameter that is the address of the copy. `None` if that is in the argument area.
        param: Option<usize>,
        /// Then bytes from where [`EntryPlan::area`] points to the address.
        offset: u32,
    },
}

/// Where a part of an argument is when the function is entered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PartPlace {
    /// It is the CLIF parameter of this index.
    Param(usize),
    /// So many bytes from where [`EntryPlan::area`] points.
    Area(u32),
}

/// Where the argument area of the function is that is entered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IncomingArea {
    /// Where the CLIF parameter of this index points.
    Param(usize),
    /// So many bytes from CLIF's `get_frame_pointer`. Such a function must not be inlined: there the frame is another one's.
    FrameOffset(u32),
}

/// What a function of a signature looks like from inside.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EntryPlan {
    /// What it shares with a call's plan.
    pub plan: SignaturePlan,
    /// Where each argument is.
    pub args: SmallVec<[Arrival; 8]>,
    /// The CLIF parameter that points to where the result goes, if it is returned in memory.
    pub sret: Option<usize>,
    /// Where the argument area is, after its shadow space, if the function looks at it.
    pub area: Option<IncomingArea>,
    /// The CLIF parameter that points to the vectors that a stub has stored.
    pub saved: Option<usize>,
    /// What `va_start` needs, if the function is variadic.
    pub variadic: Option<VariadicEntry>,
    /// What a stub does before it goes to the function.
    before: SmallVec<[Step; 4]>,
    /// Bytes and alignment of each argument and of the result.
    objects: SmallVec<[(u64, u32); 8]>,
}

/// What an entry looks like in CLIF, whatever its C types are: signatures of one shape are entered by the same instructions, with arguments to
/// memory and the result from memory. It borrows from the plan, as [`CallShape`](super::CallShape) does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EntryShape<'a> {
    signature: &'a Signature,
    args: &'a [Arrival],
    result: &'a ResultPlan,
    variadic: Option<&'a VariadicEntry>,
    before: &'a [Step],
    objects: &'a [(u64, u32)],
}

impl EntryPlan {
    /// The shape of the entry.
    #[must_use]
    pub fn shape(&self) -> EntryShape<'_> {
        EntryShape {
            signature: &self.signature,
            args: &self.args,
            result: &self.result,
            variadic: self.variadic.as_ref(),
            before: &self.before,
            objects: &self.objects,
        }
    }

    /// The plan of the entry of a function of `sig` on `target`.
    ///
    /// # Errors
    /// [`PlanError`] for what cannot be lowered; see its variants.
    pub fn new(sig: &FnSig, target: &Target) -> Result<Self, PlanError> {
        let Begun {
            sig,
            abi,
            result,
            mut solver,
            sret,
        } = Begun::new(sig, target, Side::Callee)?;
        let refuse = |why| PlanError::convention(abi.convention, why, target);
        let (mut asked, opening) = Asked::of(solver.machine, &sig, &abi, sret)?;
        check_stub(solver.machine, &opening.steps).map_err(refuse)?;
        let area_bytes = asked.area(solver.machine, &sig, &abi, opening.frame);
        let indexes = solver.params(&asked.wanted, area_bytes).map_err(refuse)?;
        let pointers = asked.found(&indexes);
        solver.expect.sret_returned_in = abi.ret.sret_returned_in;
        solver.check()?;
        let types = sig.params().iter().map(|param| &param.ty);
        let objects = types
            .chain([sig.result()])
            .map(|ty| (ty.size(), ty.align()))
            .collect();
        let plan = SignaturePlan {
            sig,
            abi,
            signature: solver.signature,
            result,
        };
        Ok(Self {
            plan,
            args: asked.args,
            sret: pointers.sret,
            area: pointers.area,
            saved: pointers.saved,
            variadic: asked.variadic,
            before: opening.steps,
            objects,
        })
    }

    /// Whether stubs move vectors between memory and registers that the CLIF signature does not show.
    #[must_use]
    pub fn moves_vectors(&self) -> bool {
        self.saved.is_some() || self.result.is_in_vectors()
    }

    /// The stub that C enters instead of the function `body`, an id of the emitter's: where a static chain has to be moved first, wide vectors
    /// to be stored, or the stack to be aligned. `None` if it enters the function itself.
    #[must_use]
    pub fn entry_stub(&self, body: u32) -> Option<Stub> {
        Stub::to(&self.before, Callee::Function(body), &[])
    }
}

impl Deref for EntryPlan {
    type Target = SignaturePlan;

    fn deref(&self) -> &SignaturePlan {
        &self.plan
    }
}
