//! The plan of a function's entry.

use std::ops::Deref;

use cabi::{FnSig, Loc, PartType, Place, PlacedPart, Reg, Target};
use smallvec::SmallVec;

use super::entry_stub::{SavedVectors, free_register};
use super::signature_plan::SignaturePlan;
use super::table::{Placer, Side};
use super::value::{MAX_WORDS, is_chain, is_exhausted, registers, stack_parts};
use super::variadic::{VaStart, unused, used};
use crate::check::check;
use crate::error::PlanError;
use crate::machine::{Home, RegClass, Stub, StubStep};
use crate::parts::{WORD, narrow};
use crate::signature::ClifPlace;
use crate::slot::{PassMode, Slot, What};

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

impl Placer<'_> {
    /// Adds all arguments of an entry. Returns the argument area unless a parameter points there,
    /// and whether the values in it are parameters.
    pub(super) fn entry(&mut self) -> (Option<IncomingArea>, bool) {
        self.saved = SavedVectors::of(self.machine, self.abi);
        let words = self.stub();
        self.arguments();
        if self.sig.is_variadic() {
            // Registers that no named argument takes may hold unnamed ones.
            let unnamed = unused(self.machine, used(self.abi, self.machine));
            self.table.slots.extend(unnamed);
        }
        match words {
            Some(words) => {
                self.table.slots.extend(words);
                (None, false)
            }
            None => self.area(),
        }
    }

    /// Returns the plan of `va_start`.
    pub(super) fn va_start(&self) -> Option<VaStart> {
        let (abi, machine) = (self.abi, self.machine);
        let own = || VaStart::after(machine, used(abi, machine), narrow(abi.area_bytes));
        self.sig.is_variadic().then(own)
    }

    /// Adds argument `arg` of type `ty`, at `offset` of the argument area, with its size and
    /// alignment there.
    pub(super) fn add_argument(
        &mut self,
        (arg, ty): (u32, &cabi::Type),
        offset: u64,
        (size, align): (u64, u32),
    ) -> PassMode {
        let (machine, parts) = (self.machine, &mut self.table.parts);
        let (first, offset) = (parts.len(), narrow(offset));
        let is_own = stack_parts(machine, ty, self.abi, (size, align), parts);
        if is_own || !machine.has_area() {
            self.parts_on_stack(arg, first, offset);
            return PassMode::Parts;
        }
        let object = Slot::block(What::Object { arg }, offset, narrow(size));
        self.table.slots.push(object);
        PassMode::Area
    }

    /// Moves the static chain. Opens a frame for saved vectors, for a chain without a register, or
    /// if C's argument area is less aligned than Cranelift's functions expect. The frame comes
    /// first if the integer registers are saved. Returns the pushed words, if there is a frame.
    fn stub(&mut self) -> Option<SmallVec<[Slot; 2]>> {
        let (machine, abi) = (self.machine, self.abi);
        let saves_ints =
            self.sig.is_variadic() && machine.convention.va_list.home == Some(Home::Stub);
        if saves_ints {
            // Before a chain is moved to one of them.
            self.steps.extend([StubStep::Frame, StubStep::SaveInts]);
        }
        let is_pushed = self.has_chain_to_push();
        let is_aligned = abi.area_align >= machine.convention.stack_align;
        let has_saved = !self.saved.moves.is_empty();
        if !saves_ints {
            if is_aligned && !is_pushed && !has_saved {
                return None;
            }
            self.steps.push(StubStep::Frame);
        }
        if has_saved {
            self.steps.extend(self.saved.steps());
        } else if !is_aligned {
            self.steps
                .push(StubStep::Align(machine.convention.stack_align));
        }
        // From the top: the chain, the two addresses, the function's own shadow space.
        let shadow = machine.convention.shadow_bytes;
        let in_area = abi.area_bytes > shadow.into() || self.sig.is_variadic();
        let n_words = [in_area, has_saved, is_pushed].map(u32::from);
        let bytes = shadow + WORD.bytes() * n_words.into_iter().sum::<u32>();
        let unused = bytes.next_multiple_of(machine.convention.stack_align) - bytes;
        if is_pushed {
            // Pushed first, it is the last word.
            let offset = bytes - WORD.bytes();
            self.chain = Some(ClifPlace::Stack { offset });
        }
        let steps = [
            (unused > 0).then_some(StubStep::Skip(unused)),
            is_pushed.then(|| StubStep::push_chain(machine)),
            has_saved.then_some(StubStep::PushAddress),
            in_area.then_some(StubStep::PushArea(shadow)),
            (shadow > 0).then_some(StubStep::Skip(shadow)),
        ];
        self.steps.extend(steps.into_iter().flatten());
        self.area_bytes = bytes.into();
        let words = [
            in_area.then_some(What::Area),
            has_saved.then_some(What::Saved),
        ];
        let offsets = (shadow..).step_by(WORD.bytes() as usize);
        let words = words.into_iter().flatten().zip(offsets);
        let word = |(what, offset)| Slot::word(what, ClifPlace::Stack { offset });
        Some(words.map(word).collect())
    }

    /// Moves the static chain to a register that is left. Returns `true` if there is a chain, and
    /// no such register.
    fn has_chain_to_push(&mut self) -> bool {
        let (machine, abi) = (self.machine, self.abi);
        if !abi.args.iter().any(|arg| is_chain(machine, &arg.place)) {
            return false;
        }
        let mut regs: SmallVec<[Reg; 16]> = registers(abi).collect();
        if self.sig.is_variadic() {
            regs.extend(unused(machine, used(abi, machine)).filter_map(|own| own.place.reg()));
        }
        let Some((reg, step)) = free_register(machine, &regs) else {
            return true;
        };
        self.steps.push(step);
        self.chain = Some(ClifPlace::Reg(reg));
        false
    }

    /// Places C's argument area. If each argument on the stack can be a parameter of its own type,
    /// no pointer to the area is needed.
    fn area(&mut self) -> (Option<IncomingArea>, bool) {
        let machine = self.machine;
        // Slots of less than a word are not filled one by one.
        let is_packed = machine.convention.least_slot < WORD.bytes() && self.area_bytes > 0;
        // Unnamed arguments are in the area as well.
        if !self.sig.is_variadic() && !is_packed && self.fills_area() {
            return (None, true);
        }
        if let Some(offset) = self.machine.area_from_frame() {
            // Without parameters in it, none has to fill it.
            self.area_bytes = 0;
            return (Some(IncomingArea::FrameOffset(offset)), false);
        }
        // A multiple of 8 bytes, which was checked when it was assigned.
        let (start, end): (_, u32) = (machine.convention.shadow_bytes, narrow(self.area_bytes));
        let area = Slot::block(What::Area, start, end.saturating_sub(start));
        self.table.slots.push(area);
        (None, false)
    }

    /// Checks whether the slots in the argument area, as parameters of their own types, fill it,
    /// and are not too many.
    fn fills_area(&self) -> bool {
        let (machine, abi) = (self.machine, self.abi);
        let (mut n, mut next) = (0, machine.convention.shadow_bytes);
        for slot in &self.table.slots {
            let (arg, offset) = match (slot.what, slot.place) {
                (_, ClifPlace::Reg(_)) => continue,
                (What::Part { arg, .. }, ClifPlace::Stack { offset }) => (arg as usize, offset),
                _ => return false,
            };
            let Some(arg_abi) = abi.args.get(arg) else {
                return false;
            };
            let is_own = matches!(arg_abi.place, Place::Stack { .. });
            let is_word = is_exhausted(machine, RegClass::Int, abi) && in_words(&arg_abi.place);
            let is_lane = matches!(arg_abi.place, Place::PerElement { .. });
            // Otherwise a gap that no parameter fills.
            let is_next = offset == next && n < MAX_WORDS;
            if machine.has_area() && (!is_own && !is_word || is_lane || !is_next) {
                return false;
            }
            next = offset.saturating_add(slot.part.ty.bytes().max(WORD.bytes()));
            n += 1;
        }
        // Slots at the end that nothing is in make it more.
        u64::from(next) >= abi.area_bytes || !machine.has_area()
    }
}

/// Checks whether the parts on the stack of a value at `place` are words.
fn in_words(place: &Place) -> bool {
    let is_word = |placed: &PlacedPart| {
        placed.part.ty == PartType::I64 || !matches!(placed.loc, Loc::Stack(_))
    };
    match place {
        Place::Parts(parts) => parts.iter().all(is_word),
        _ => true,
    }
}
