//! The plan of a call.

use std::ops::Deref;

use cabi::{FnAbi, FnSig, Target};
use smallvec::SmallVec;

use super::records::{self, Records};
use super::signature_plan::SignaturePlan;
use super::table::{ArgTable, Placer, Side};
use crate::check::check;
use crate::error::PlanError;
use crate::machine::{Machine, ResultPlan, Stub, StubStep};
use crate::parts::{ClifPart, WORD, narrow};
use crate::signature::{ClifPlace, Signature};
use crate::slot::{PassMode, Slot, Slots, What};
use crate::solve::Solver;

/// Plan of a call of a signature in CLIF. Plans are equal if the same instructions call both
/// signatures, with arguments and result in memory.
///
/// # Example
/// ```
/// use clif_cabi_plan::{CallPlan, cabi::{FnSig, Target, Type}};
/// let plan = |ty| CallPlan::new(&FnSig::new([ty], Type::VOID), &Target::X86_64_LINUX);
/// let (long, pointer, int) = (plan(Type::I64)?, plan(Type::PTR)?, plan(Type::I32)?);
/// assert!(long == pointer && long != int);
/// # Ok::<(), clif_cabi_plan::PlanError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CallPlan {
    /// The part that calls and entries share. Boxed: it has more than 3 KB.
    pub plan: Box<SignaturePlan>,
    /// `true` if the CLIF parameters are exactly the parts of all arguments, in order. The values
    /// of the arguments, one after the other, are then those of the call.
    pub is_in_order: bool,
    /// A call by a stub that finds the address of the function in a word of its own. `None` if no
    /// stub is needed.
    pub indirect: Option<IndirectCall>,
    /// Steps of a stub before it goes to the function.
    pub(super) before: SmallVec<[StubStep; 4]>,
    /// Steps of a stub after the function has returned to it.
    pub(super) after: SmallVec<[StubStep; 4]>,
}

/// Call through an address by [`CallPlan::indirect_stub`], which finds the address in the last
/// parameter. This is the next integer register that the arguments leave free. If there is none, it
/// is the word after the argument area.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct IndirectCall {
    /// The signature of the plan, then padding arguments, then the address.
    pub signature: Signature,
    /// Number of padding arguments before the address.
    pub padding: usize,
    stub: Stub,
}

impl CallPlan {
    /// Plans a call of `sig` on `target`. A call of a variadic function has a plan of its own:
    /// [`FnSig::at_call`].
    ///
    /// # Errors
    /// [`PlanError`] for a signature that cannot be lowered; see its variants.
    pub fn new(sig: &FnSig, target: &Target) -> Result<Self, PlanError> {
        Self::of_call(sig, target, false)
    }

    /// Plans a call with handlers of exceptions (`try_call`). Cranelift has no such call of
    /// `windows_fastcall` functions. On x86-64 the call is therefore `system_v`, with each value in
    /// the place that Win64 has for it. Callees of Win64 preserve all registers that `system_v`
    /// preserves, and more. A Win64 function with such a call saves rsi, rdi and xmm6 to xmm15.
    ///
    /// # Errors
    /// As [`CallPlan::new`].
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{CallPlan, ClifPlace, Machine};
    /// use clif_cabi_plan::cabi::{FnSig, Target, Type, x86_64::RCX};
    ///
    /// let target = Target::X86_64_WINDOWS_GNU;
    /// let plan = CallPlan::of_try_call(&FnSig::new([Type::I64], Type::I64), &target)?;
    /// // The argument, padding in the other registers, and the shadow space.
    /// let words = ["i64"; 10].join(", ");
    /// assert_eq!(plan.signature.to_string(), format!("({words}) -> i64 system_v"));
    /// let places = Machine::of(&target)?.places(&plan.signature)?;
    /// let argument = plan.args.slots[0].param.unwrap();
    /// assert_eq!(places.params[argument as usize], ClifPlace::Reg(RCX));
    /// # Ok::<(), clif_cabi_plan::PlanError>(())
    /// ```
    pub fn of_try_call(sig: &FnSig, target: &Target) -> Result<Self, PlanError> {
        Self::of_call(sig, target, true)
    }

    fn of_call(sig: &FnSig, target: &Target, catches: bool) -> Result<Self, PlanError> {
        let (mut boxed, results, mut solver) =
            SignaturePlan::draft(sig, target, (Side::Caller, catches))?;
        let (plan, machine) = (&mut *boxed, solver.machine);
        let sig_and_abi = (&plan.sig, &plan.abi);
        let mut placer = Placer::new(machine, sig_and_abi, Side::Caller, &mut plan.args);
        placer.call();
        let after = placer.result(&plan.result);
        let (mut before, area_bytes) = (placer.steps, placer.area_bytes);
        let convention = plan.abi.convention;
        let refuse = |why| PlanError::convention(convention, why, target);
        solver
            .solve(&mut plan.args.slots, |_| true, area_bytes)
            .map_err(refuse)?;
        plan.signature.params.clone_from(&solver.declared);
        check(
            machine,
            &plan.signature,
            (&plan.args.slots, &results),
            None,
            area_bytes,
        )?;
        before.extend(frame(machine, &plan.abi, &after));
        machine.check_steps(&before).map_err(refuse)?;
        let mut call = Self {
            is_in_order: (0..).zip(&plan.args.slots).all(is_in_order),
            plan: boxed,
            indirect: None,
            before,
            after,
        };
        if !call.before.is_empty() {
            let indirect = call.indirect_call(&mut solver, &results, area_bytes, target)?;
            call.indirect = Some(indirect);
        }
        Ok(call)
    }

    /// Plans the call through an address.
    // Most calls do without, and without its stack.
    #[inline(never)]
    fn indirect_call(
        &self,
        solver: &mut Solver,
        results: &Slots,
        area_bytes: u64,
        target: &Target,
    ) -> Result<IndirectCall, PlanError> {
        let machine = solver.machine;
        let refuse = |why| PlanError::convention(self.abi.convention, why, target);
        let (before, slots) = (&self.before, &self.args.slots);
        let (solved, callee) = with_callee(solver, before, slots, area_bytes).map_err(refuse)?;
        let mut signature = self.signature.clone();
        signature.params.clone_from(&solver.declared);
        check(machine, &signature, (&solved, results), None, area_bytes)?;
        let why = "no stub has the steps of this call in this order";
        let stub = Stub::to(before, callee, &self.after).ok_or_else(|| refuse(why))?;
        // The word of the address may be further away than any that the steps before it read.
        machine.check_steps(stub.steps()).map_err(refuse)?;
        Ok(IndirectCall {
            padding: signature.params.len() - self.signature.params.len() - 1,
            signature,
            stub,
        })
    }

    /// Checks whether a stub moves vectors between memory and registers that the CLIF signature
    /// does not show.
    #[must_use]
    pub fn moves_vectors(&self) -> bool {
        let by_stub = |mode| matches!(mode, PassMode::Stub { .. });
        self.args.modes().any(by_stub) || self.result.is_in_registers()
    }

    /// Returns the stub that is called instead of the function `callee`, an id of the emitter's.
    /// `None` if the function itself is called, or the stub has to be [`CallPlan::indirect_stub`]:
    /// a PLT would lose a static chain.
    #[must_use]
    pub fn direct_stub(&self, callee: u32) -> Option<Stub> {
        let mut before = self.before.iter();
        let loads_chain = before.any(|step| matches!(step, StubStep::LoadChain(_)));
        (!loads_chain).then(|| Stub::to(&self.before, StubStep::Jump(callee), &self.after))?
    }

    /// Returns the stub that is called with the signature of [`CallPlan::indirect`].
    #[must_use]
    pub fn indirect_stub(&self) -> Option<Stub> {
        self.indirect.as_ref().map(|indirect| indirect.stub.clone())
    }
}

/// Checks whether slot `i` is a part, and CLIF parameter `i`.
fn is_in_order((i, slot): (u32, &Slot)) -> bool {
    slot.param == Some(i) && matches!(slot.what, What::Part { .. })
}

/// Returns the steps that open a frame with a copy of the argument area. There are some if the area
/// is aligned to more than Cranelift aligns it, or if there are steps `after` the call.
fn frame(machine: Machine, abi: &FnAbi, after: &[StubStep]) -> SmallVec<[StubStep; 4]> {
    let least = machine.convention.stack_align;
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

/// Adds to `slots` the address of the function, for a stub of the steps `before`. The address is in
/// a free integer register, or in the first word after the argument area. For that word, padding
/// uses up the other registers. The address is always in that word if `before` opens a frame.
fn with_callee(
    solver: &mut Solver,
    before: &[StubStep],
    slots: &Slots,
    area_bytes: u64,
) -> Result<(Slots, StubStep), &'static str> {
    let in_register = |reg| Some((reg, StubStep::jump_in(solver.machine, reg)?));
    let free = solver.next_int().and_then(in_register);
    let free = free.filter(|_| !before.contains(&StubStep::Frame));
    let mut slots = slots.clone();
    solver.push_callee(&mut slots, free.map(|(reg, _)| reg), area_bytes)?;
    let after = StubStep::JumpAfter(narrow(area_bytes));
    Ok((slots, free.map_or(after, |(_, callee)| callee)))
}

impl Deref for CallPlan {
    type Target = SignaturePlan;

    fn deref(&self) -> &SignaturePlan {
        &self.plan
    }
}

impl Placer<'_> {
    /// Adds all arguments of a call.
    pub(super) fn call(&mut self) {
        self.arguments();
        self.tails_in_ints();
        self.steps.extend(StubStep::count_vectors(self.abi));
        self.steps.extend(StubStep::copies(self.machine, self.abi));
    }

    /// Passes the last bytes of records, which are put together in an integer register, as
    /// integers. This is done if the integer registers are used up anyway, because another slot in
    /// the argument area is an integer.
    fn tails_in_ints(&mut self) {
        let slots = &mut self.table.slots;
        let is_int =
            |slot: &Slot| matches!(slot.place, ClifPlace::Stack { .. }) && slot.ty(true) == WORD;
        if !slots.iter().any(is_int) {
            return;
        }
        let tails = slots.iter_mut().filter(|slot| {
            matches!(slot.what, What::Words { .. }) && u32::from(slot.part.size) < WORD.bytes()
        });
        tails.for_each(|slot| slot.part = ClifPart::new(slot.part.offset, slot.part.size, WORD));
    }

    /// Returns the steps of a stub that stores the result, if one does, to the address in a word of
    /// its own.
    pub(super) fn result(&mut self, result: &ResultPlan) -> SmallVec<[StubStep; 4]> {
        let ResultPlan::Registers { moves, .. } = result else {
            return SmallVec::new();
        };
        let offset = self.stub_word();
        let slot = Slot::word(What::StubResult, ClifPlace::Stack { offset });
        self.table.slots.push(slot);
        let first = std::iter::once(StubStep::AddressInFrame(offset));
        first
            .chain(StubStep::stores(moves))
            .chain([StubStep::ReturnAddress])
            .collect()
    }

    /// Adds argument `arg` of type `ty`, which is passed at `offset` of the argument area, with its
    /// size and alignment there.
    pub(super) fn passed(
        &mut self,
        records: &mut Records,
        (arg, ty): (u32, &cabi::Type),
        offset: u64,
        extent: (u64, u32),
    ) -> PassMode {
        let first = self.table.parts.len();
        let mode = records.mode(self.machine, ty, extent, self.abi, &mut self.table.parts);
        match mode {
            PassMode::Words => self.words((arg, ty), first, offset),
            PassMode::Area => self.block(arg, narrow(offset), narrow(extent.0)),
            _ => self.parts_on_stack(arg, first, narrow(offset)),
        }
        mode
    }

    /// Adds argument `arg`, of whose `size` bytes Cranelift copies the whole words to the argument
    /// area.
    fn block(&mut self, arg: u32, offset: u32, size: u32) {
        let tail = ClifPart::tail(size);
        let n_bytes = tail.map_or(size, |tail| tail.offset);
        let slots = &mut self.table.slots;
        slots.push(Slot::block(What::Object { arg }, offset, n_bytes));
        slots.extend(tail.map(|tail| {
            let offset = offset.saturating_add(n_bytes);
            Slot::new(What::Tail { arg }, tail, ClifPlace::Stack { offset })
        }));
    }

    /// Adds argument `arg`, a `ty` at `offset` whose parts from `first` on are words.
    fn words(&mut self, (arg, ty): (u32, &cabi::Type), first: usize, offset: u64) {
        let fields = records::fields_of_a_word(ty);
        let ArgTable { slots, parts, .. } = &mut *self.table;
        let parts = parts.get(first..).unwrap_or_default();
        for (part, vector) in records::in_vectors(offset, parts) {
            let Some(own) = parts.get(part) else { continue };
            let is_pair = vector.bytes() > WORD.bytes();
            let at_once = is_pair && fields >> part & 3 != 3;
            let size = if is_pair {
                narrow(vector.bytes())
            } else {
                own.size
            };
            let offset = narrow(offset + u64::from(own.offset));
            let part = narrow(part);
            slots.push(Slot::new(
                What::Words { arg, part, at_once },
                ClifPart::new(own.offset, size, vector),
                ClifPlace::Stack { offset },
            ));
        }
    }
}
