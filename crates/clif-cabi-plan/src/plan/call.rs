//! The plan of a call.

mod args;
mod records;

pub use records::WRITTEN_BY_FIELDS;

use std::ops::Deref;

use cabi::{FnAbi, FnSig, Reg, Target};
use smallvec::SmallVec;

use super::result::Side;
use super::signature_plan::{PlanDraft, SignaturePlan};
use super::table::{ArgLoc, Content, PassMode, PlannedArg};
use crate::error::PlanError;
use crate::machine::{Machine, PerClass, RegClass, Stub, StubCallee, StubStep};
use crate::parts::narrow;
use crate::places::ClifPlace;
use crate::signature::{Signature, ValueType};
use crate::solve::Solver;
use args::CallArgs;

/// A padding argument, any value of its type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct PaddingArg {
    /// The CLIF parameter.
    pub param: u32,
    /// How many parameters of its class stand before it: integers, or the others.
    pub nth: u32,
    /// Its type.
    pub ty: ValueType,
    /// The register that it keeps from being used. `None`: it keeps a word of the argument area empty.
    pub keeps: Option<Reg>,
}

/// What a call of a signature looks like in CLIF.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallPlan {
    /// What it shares with an entry's plan.
    pub plan: SignaturePlan,
    /// The padding arguments, which no row of the table is.
    pub padding: SmallVec<[PaddingArg; 16]>,
    /// Whether the CLIF parameters are the parts of all arguments in their order, and nothing else: then the values of the arguments, one after the
    /// other, are those of the call.
    pub is_in_order: bool,
    /// A call by a stub that finds the address of the function in a word of its own. `None` if no stub is needed.
    pub indirect: Option<IndirectCall>,
    /// What a stub does before it goes to the function.
    pub(super) before: SmallVec<[StubStep; 4]>,
    /// What a stub does after the function has returned to it.
    pub(super) after: SmallVec<[StubStep; 4]>,
}

/// How a function is called through an address by [`CallPlan::indirect_stub`], which finds the address in the last parameter: in the next integer
/// register that the arguments leave free, otherwise in the word after the argument area.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct IndirectCall {
    /// The signature of the plan, then padding arguments, then the address.
    pub signature: Signature,
    /// How many padding arguments stand before the address.
    pub padding: usize,
    /// The stub.
    stub: Stub,
}

impl CallPlan {
    /// The plan of a call of `sig` on `target`. A call of a variadic function has a plan of its own: [`FnSig::at_call`].
    ///
    /// # Errors
    /// [`PlanError`] for what cannot be lowered; see its variants.
    pub fn new(sig: &FnSig, target: &Target) -> Result<Self, PlanError> {
        let draft = PlanDraft::new(sig, target, Side::Caller)?;
        let (mut plan, mut solver) = (draft.plan, draft.solver);
        let mut args = CallArgs::of(solver.machine, &plan.sig, &plan.abi, draft.sret);
        let after = args.result(&plan.result);
        let convention = plan.abi.convention;
        let refuse = |why| PlanError::convention(convention, why, target);
        let area_bytes = plan.abi.area_bytes.max(args.stub_area.into());
        let indexes = solver
            .params(&args.table.params, area_bytes)
            .map_err(refuse)?;
        solver.expect.area_bytes = area_bytes;
        let places = solver.check()?.params;
        args.table.finish(&indexes);
        plan.args = args.table.table;
        let (padding, mut before) = (padding(&solver, &places), args.before);
        before.extend(frame(solver.machine, &plan.abi, &after));
        solver.machine.check_steps(&before).map_err(refuse)?;
        let indirect = match before[..] {
            [] => {
                plan.signature = solver.signature;
                None
            }
            _ => {
                plan.signature = solver.signature.clone();
                Some(with_callee(solver, area_bytes, (&before, &after), refuse)?)
            }
        };
        Ok(Self {
            is_in_order: padding.is_empty() && (0..).zip(&plan.args.locs).all(is_in_order),
            plan,
            padding,
            indirect,
            before,
            after,
        })
    }

    /// Whether a stub moves vectors between memory and registers that the CLIF signature does not show.
    #[must_use]
    pub fn moves_vectors(&self) -> bool {
        let by_stub = |arg: PlannedArg<'_>| matches!(arg.mode, PassMode::Stub { .. });
        self.args.iter().any(by_stub) || self.result.is_in_vectors()
    }

    /// The stub that is called instead of the function `callee`, an id of the emitter's. `None` if the function itself is called, or the stub has to
    /// be [`CallPlan::indirect_stub`]: on its way through a PLT a static chain would be lost.
    #[must_use]
    pub fn direct_stub(&self, callee: u32) -> Option<Stub> {
        let mut before = self.before.iter();
        let loads_chain = before.any(|step| matches!(step, StubStep::LoadChain(_)));
        (!loads_chain).then(|| Stub::to(&self.before, StubCallee::Function(callee), &self.after))?
    }

    /// The stub that is called with the signature of [`CallPlan::indirect`].
    #[must_use]
    pub fn indirect_stub(&self) -> Option<Stub> {
        self.indirect.as_ref().map(|indirect| indirect.stub.clone())
    }
}

/// The parameters at `places` of which it does not matter where they are.
fn padding(solver: &Solver, places: &[ClifPlace]) -> SmallVec<[PaddingArg; 16]> {
    let (mut padding, mut n_before) = (SmallVec::new(), PerClass::<u32>::default());
    let params = solver.expect.params.iter().zip(&solver.signature.params);
    for (param, ((expected, own), place)) in (0..).zip(params.zip(places)) {
        let nth = n_before.of_mut(RegClass::of(own.ty));
        if expected.is_none() {
            let (ty, nth, keeps) = (own.ty, *nth, place.reg());
            padding.push(PaddingArg {
                param,
                nth,
                ty,
                keeps,
            });
        }
        *nth += 1;
    }
    padding
}

/// Whether row `i` is a part, and CLIF parameter `i`.
fn is_in_order((i, loc): (u32, &ArgLoc)) -> bool {
    loc.param == Some(i) && matches!(loc.content, Content::Part { .. })
}

/// The steps that open a frame with a copy of the argument area, where it is aligned to more than Cranelift aligns it, or there are steps `after`
/// the call.
fn frame(machine: &Machine, abi: &FnAbi, after: &[StubStep]) -> SmallVec<[StubStep; 4]> {
    let least = machine.counting.stack_align;
    let align = abi.area_align.max(least);
    if align == least && after.is_empty() {
        return SmallVec::new();
    }
    let area: u32 = narrow(abi.area_bytes);
    let unused = area.next_multiple_of(align) - area;
    let steps = [
        Some(StubStep::Frame),
        (align > least).then_some(StubStep::Align(align)),
        (unused > 0).then_some(StubStep::Skip(unused)),
        (area > 0).then_some(StubStep::Copy(area)),
    ];
    steps.into_iter().flatten().collect()
}

/// The signature with the address of the function for a stub of the steps `before` and `after` the call: in an integer register, or as the first word after the argument
/// area, for which padding arguments use up the registers that are left. After a frame is opened it is in that word.
fn with_callee(
    mut solver: Solver,
    area_bytes: u64,
    (before, after): (&[StubStep], &[StubStep]),
    refuse: impl Fn(&'static str) -> PlanError,
) -> Result<IndirectCall, PlanError> {
    let n_params = solver.signature.params.len();
    let free = solver.next_int();
    let in_register = free.and_then(|reg| StubCallee::in_register(solver.machine, reg));
    let callee = match in_register.filter(|_| !before.contains(&StubStep::Frame)) {
        Some(callee) => {
            solver.push_next_int();
            callee
        }
        None => {
            solver.push_after(area_bytes).map_err(&refuse)?;
            StubCallee::After(narrow(area_bytes))
        }
    };
    solver.check()?;
    let padding = solver.signature.params.len() - n_params - 1;
    let why = "no stub does what a call needs in this order";
    Ok(IndirectCall {
        signature: solver.signature,
        padding,
        stub: Stub::to(before, callee, after).ok_or_else(|| refuse(why))?,
    })
}

impl Deref for CallPlan {
    type Target = SignaturePlan;

    fn deref(&self) -> &SignaturePlan {
        &self.plan
    }
}
