//! The plan of a function's entry.

mod args;

use std::ops::Deref;

use cabi::{FnSig, Target};
use smallvec::SmallVec;

use super::place::Placer;
use super::result::Side;
use super::signature_plan::SignaturePlan;
use super::variadic::VaStart;
use crate::check::check;
use crate::error::PlanError;
use crate::machine::{Stub, StubStep};
use crate::places::ClifPlace;
use crate::slot::{Slot, What};

/// Place of the argument area of a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IncomingArea {
    /// The address in the CLIF parameter of this index.
    Param(usize),
    /// Distance from CLIF's `get_frame_pointer`, in bytes. Such a function must not be inlined: it
    /// would read the frame of the function around it.
    FrameOffset(u32),
}

/// Plan of the entry of a function of a signature. Plans are equal if the same instructions enter
/// functions of both signatures, with arguments and result in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EntryPlan {
    /// The part that calls and entries share.
    pub plan: Box<SignaturePlan>,
    /// The CLIF parameter that points to where the result goes, if it is returned in memory.
    pub sret: Option<usize>,
    /// Start of the argument area, after its shadow space, if the function looks at it.
    pub area: Option<IncomingArea>,
    /// The CLIF parameter that points to the vectors that a stub has stored.
    pub saved: Option<usize>,
    /// Plan of `va_start`, if the function is variadic.
    pub va_start: Option<VaStart>,
    /// The offset in C's argument area that `area` is the address of.
    pub(super) shadow_bytes: u32,
    /// Steps of a stub before it goes to the function.
    pub(super) before: SmallVec<[StubStep; 4]>,
}

impl EntryPlan {
    /// Plans the entry of a function of `sig` on `target`.
    ///
    /// # Errors
    /// [`PlanError`] for a signature that cannot be lowered; see its variants.
    pub fn new(sig: &FnSig, target: &Target) -> Result<Self, PlanError> {
        let (mut plan, results, mut solver) =
            SignaturePlan::draft(sig, target, (Side::Callee, false))?;
        let (sig, abi, machine) = (&plan.sig, &plan.abi, solver.machine);
        let refuse = |why| PlanError::convention(abi.convention, why, target);
        let mut placer = Placer::new(machine, (sig, abi), Side::Callee, &mut plan.args);
        let (area, has_own) = placer.entry();
        machine.check_steps(&placer.steps).map_err(refuse)?;
        let is_param = |slot: &Slot| match (slot.place, slot.what) {
            (ClifPlace::Reg(_), _) | (_, What::Chain { .. } | What::Area | What::Saved) => true,
            _ => has_own,
        };
        let (va_start, area_bytes) = (placer.va_start(), placer.area_bytes);
        let before = placer.steps;
        solver
            .solve(&mut plan.args.slots, is_param, area_bytes)
            .map_err(refuse)?;
        plan.signature.params = solver.declared;
        let sret = abi.ret.sret_returned_in;
        check(
            machine,
            &plan.signature,
            (&plan.args.slots, &results),
            sret,
            0,
        )?;
        let param = |what| plan.args.param(what);
        let area = area.or_else(|| param(What::Area).map(IncomingArea::Param));
        Ok(Self {
            sret: param(What::Sret),
            area,
            saved: param(What::Saved),
            va_start,
            shadow_bytes: machine.convention.shadow_bytes,
            before,
            plan,
        })
    }

    /// Returns the bytes from [`EntryPlan::area`] to `slot`. `None` for a register, and for a slot
    /// that a stub has put into the function's own argument area.
    #[must_use]
    pub fn in_area(&self, slot: &Slot) -> Option<u32> {
        match (slot.what, slot.place) {
            (
                What::Part { .. } | What::Object { .. },
                ClifPlace::Stack { offset } | ClifPlace::Area { offset, .. },
            ) => Some(offset.saturating_sub(self.shadow_bytes)),
            _ => None,
        }
    }

    /// Checks whether stubs move vectors between memory and registers that the CLIF signature does
    /// not show.
    #[must_use]
    pub fn moves_vectors(&self) -> bool {
        self.saved.is_some() || self.result.is_in_registers()
    }

    /// Returns the stub that C enters instead of the function `body`, an id of the emitter's. The
    /// stub moves a static chain, stores wide vectors or unnamed arguments, or aligns the stack.
    /// `None` if C enters the function itself.
    #[must_use]
    pub fn entry_stub(&self, body: u32) -> Option<Stub> {
        Stub::to(&self.before, StubStep::Jump(body), &[])
    }
}

impl Deref for EntryPlan {
    type Target = SignaturePlan;

    fn deref(&self) -> &SignaturePlan {
        &self.plan
    }
}
