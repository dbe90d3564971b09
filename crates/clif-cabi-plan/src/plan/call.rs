//! The plan of a call.

use std::ops::Deref;

use cabi::{FnAbi, FnSig, Place, Target};
use smallvec::SmallVec;

use super::begin::{Begun, SignaturePlan};
use super::result::{ResultPlan, Side};
use super::value::{in_area, is_chain, one_by_one, parts_of, stack_parts, wide_moves};
use crate::error::{NotLowered, PlanError};
use crate::machine::{Callee, Machine, Step, Stub, VectorMove, VectorWidth};
use crate::parts::{ClifPart, ClifParts, WORD};
use crate::places::ClifPlace;
use crate::signature::{Param, Purpose, Signature};
use crate::solve::{Solver, Wanted};

const WORD_BYTES: u64 = WORD.bytes() as u64;

/// What goes into one parameter of the CLIF signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Slot {
    /// The address of the result.
    Sret,
    /// Part `part` of argument `arg`.
    Part {
        /// The argument.
        arg: usize,
        /// The part.
        part: usize,
    },
    /// A padding argument, any value of its type: it only keeps a register from being used, or a word of the area empty.
    Padding,
    /// The address of argument `arg`, which Cranelift copies.
    Block {
        /// The argument.
        arg: usize,
    },
    /// The address of the object that argument `arg` is: a stub loads it into registers.
    Address {
        /// The argument.
        arg: usize,
    },
    /// The address where the result goes: a stub stores it there.
    Result,
    /// Lane `lane` of argument `arg`, as an integer of 0 or 1.
    Lane {
        /// The argument.
        arg: usize,
        /// The lane.
        lane: u16,
    },
}

/// How the value of one argument gets into slots. Exhaustive on purpose, as the other words of a plan: an emitter that lacks a new one must not
/// compile.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Passing {
    /// Nothing of it is passed.
    Nothing,
    /// Part by part.
    Parts(ClifParts),
    /// The first bytes are copied by Cranelift, the rest are parts.
    Block(ClifParts),
    /// By its address. It can be given in these parts.
    Object(ClifParts),
    /// Lane by lane.
    Lanes(u16),
    /// The address of a copy that is the callee's: its only part.
    Reference {
        /// Bytes of the copy.
        size: u64,
        /// Alignment of the copy, in bytes.
        align: u32,
    },
}

/// What a call of a signature looks like in CLIF.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallPlan {
    /// What it shares with an entry's plan.
    pub plan: SignaturePlan,
    /// What goes into each parameter of the CLIF signature.
    pub slots: Vec<Slot>,
    /// How each argument is passed.
    pub args: SmallVec<[Passing; 8]>,
    /// A call by a stub that finds the address of the function in a word of its own. `None` if no stub is needed.
    pub indirect: Option<IndirectCall>,
    /// What a stub does before it goes to the function.
    before: SmallVec<[Step; 4]>,
    /// What a stub does after the function has returned to it.
    after: SmallVec<[Step; 4]>,
    /// Bytes of the argument area with the words for the stub, but for that of the address.
    stub_area: u32,
}

/// How a function is called through an address by [`CallPlan::indirect_stub`], which finds the address in the last word.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct IndirectCall {
    /// The signature of the plan, then padding arguments, then the address.
    pub signature: Signature,
    /// How many padding arguments stand before the address.
    pub padding: usize,
}

/// What a call looks like in CLIF, whatever its C types are: signatures of one shape are called by the same instructions, with arguments from
/// memory and the result to memory. It borrows from the plan: a table of shapes keeps plans, and hashes and compares their shapes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CallShape<'a> {
    signature: &'a Signature,
    slots: &'a [Slot],
    args: &'a [Passing],
    result: &'a ResultPlan,
    before: &'a [Step],
    after: &'a [Step],
}

impl CallPlan {
    /// The shape of the call.
    #[must_use]
    pub fn shape(&self) -> CallShape<'_> {
        CallShape {
            signature: &self.signature,
            slots: &self.slots,
            args: &self.args,
            result: &self.result,
            before: &self.before,
            after: &self.after,
        }
    }

    /// The plan of a call of `sig` on `target`. A call of a variadic function has a plan of its own: [`FnSig::at_call`].
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
        } = Begun::new(sig, target, Side::Caller)?;
        let mut wanted: Vec<Wanted> = sret.into_iter().collect();
        let mut contents = vec![Slot::Sret; wanted.len()];
        let mut args = SmallVec::new();
        let mut before = SmallVec::new();
        let mut in_both = 0;
        // The words for the stub follow the argument area.
        let mut stub_area = in_area(abi.area_bytes);
        let mut next_word = || {
            let offset = stub_area;
            stub_area = stub_area.saturating_add(WORD.bytes());
            (offset, Wanted::word(ClifPlace::Stack { offset }))
        };
        for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
            let passing = passing(solver.machine, &param.ty, &arg.place, &abi);
            if is_chain(solver.machine, &arg.place) {
                let (offset, word) = next_word();
                before.push(Step::LoadChain(offset));
                contents.push(Slot::Part { arg: i, part: 0 });
                wanted.push(word);
                args.push(passing);
                continue;
            }
            if let Some(moves) = wide_moves(solver.machine, &arg.place) {
                let (offset, word) = next_word();
                before.push(Step::Address(offset));
                before.extend(moves.into_iter().map(Step::Load));
                contents.push(Slot::Address { arg: i });
                wanted.push(word);
                args.push(passing);
                continue;
            }
            in_both |= positions_of_both(solver.machine, &arg.place);
            for (slot, parameter) in argument(solver.machine, i, &arg.place, &passing) {
                contents.push(slot);
                wanted.push(parameter);
            }
            args.push(passing);
        }
        let mut after = SmallVec::new();
        if let ResultPlan::Vectors { moves, .. } = &result {
            let (offset, word) = next_word();
            after = store_result(offset, moves);
            contents.push(Slot::Result);
            wanted.push(word);
        }
        let refuse = |why| {
            let what = format!("the convention {}", abi.convention.name);
            PlanError::unsupported(what, why, target)
        };
        let area_bytes = abi.area_bytes.max(stub_area.into());
        let indexes = solver.params(&wanted, area_bytes).map_err(refuse)?;
        let mut slots = vec![Slot::Padding; solver.signature.params.len()];
        for (slot, index) in contents.into_iter().zip(indexes) {
            if let Some(padding) = slots.get_mut(index) {
                *padding = slot;
            }
        }
        solver.expect.area_bytes = area_bytes;
        solver.check()?;
        let signature = solver.signature.clone();
        if abi.variadic_count.is_some() {
            before.push(Step::SetAl(abi.n_sse));
        }
        if in_both != 0 {
            before.push(Step::VectorsToInts(in_both));
        }
        before.extend(frame(solver.machine, &abi, &after));
        let indirect = match before[..] {
            [] => None,
            _ => Some(with_callee(solver, area_bytes, refuse)?),
        };
        let plan = SignaturePlan {
            sig,
            abi,
            signature,
            result,
        };
        Ok(Self {
            plan,
            slots,
            args,
            indirect,
            before,
            after,
            stub_area,
        })
    }

    /// The stub that is called instead of the function `callee`, an id of the emitter's. `None` if the function itself is called, or the stub has to
    /// be [`CallPlan::indirect_stub`]: on its way through a PLT a static chain would be lost.
    #[must_use]
    pub fn direct_stub(&self, callee: u32) -> Option<Stub> {
        let mut before = self.before.iter();
        let loads_chain = before.any(|step| matches!(step, Step::LoadChain(_)));
        (!loads_chain).then(|| Stub::to(&self.before, Callee::Function(callee), &self.after))?
    }

    /// The stub that is called with the signature of [`CallPlan::indirect`].
    #[must_use]
    pub fn indirect_stub(&self) -> Option<Stub> {
        Stub::to(&self.before, Callee::After(self.stub_area), &self.after)
    }
}

/// The steps that open a frame with a copy of the argument area, where it is aligned to more than Cranelift aligns it, or there are steps `after`
/// the call.
fn frame(machine: &Machine, abi: &FnAbi, after: &[Step]) -> SmallVec<[Step; 4]> {
    let least = machine.counting.stack_align;
    let align = abi.area_align.max(least);
    if align == least && after.is_empty() {
        return SmallVec::new();
    }
    let area = in_area(abi.area_bytes);
    let unused = area.next_multiple_of(align) - area;
    let steps = [
        Some(Step::Frame),
        (align > least).then_some(Step::Align(align)),
        (unused > 0).then_some(Step::Skip(unused)),
        (area > 0).then_some(Step::Copy(area)),
    ];
    steps.into_iter().flatten().collect()
}

/// The steps that store a result to the address in the word after an argument area of `offset` bytes.
fn store_result(offset: u32, moves: &[VectorMove]) -> SmallVec<[Step; 4]> {
    let is_wide = moves.iter().any(|own| own.width != VectorWidth::Xmm);
    let stores = moves.iter().copied().map(Step::Store);
    std::iter::once(Step::AddressInFrame(offset))
        .chain(stores)
        .chain(is_wide.then_some(Step::ZeroUpper))
        .chain([Step::ReturnAddress])
        .collect()
}

/// How a value at `place` gets into slots.
fn passing(machine: &Machine, ty: &cabi::Type, place: &Place, abi: &FnAbi) -> Passing {
    match place {
        Place::Ignore => Passing::Nothing,
        Place::PerElement { lanes, .. } => Passing::Lanes(*lanes),
        Place::Stack { size, .. } => {
            if let Some(parts) = stack_parts(machine, ty, place, *size, abi) {
                return Passing::Parts(parts);
            }
            let mut tail = ClifParts::new();
            let rest = u8::try_from(size % WORD_BYTES).unwrap_or(0);
            if rest > 0 {
                tail.push(ClifPart::word(in_area(size - u64::from(rest)), rest));
            }
            Passing::Block(tail)
        }
        Place::Indirect { size, align, .. } => Passing::Reference {
            size: *size,
            align: *align,
        },
        _ if wide_moves(machine, place).is_some() => {
            Passing::Object(parts_of(machine.counting, ty, place))
        }
        _ => Passing::Parts(parts_of(machine.counting, ty, place)),
    }
}

/// The positions at which a part of a value at `place` is in both registers, as [`Step::VectorsToInts`] has them.
fn positions_of_both(machine: &Machine, place: &Place) -> u8 {
    let Place::Parts(parts) = place else {
        return 0;
    };
    let positions = parts
        .iter()
        .filter_map(|placed| machine.counting.both_position(placed.loc));
    positions.fold(0, |all, position| all | 1 << position)
}

/// The parameters of argument `arg`, and what goes into each.
fn argument(
    machine: &Machine,
    arg: usize,
    place: &Place,
    passing: &Passing,
) -> Vec<(Slot, Wanted)> {
    let part = |i: usize| Slot::Part { arg, part: i };
    let in_area_at = |offset: u64, (i, own): (usize, &ClifPart)| {
        let offset = in_area(offset + u64::from(own.offset));
        (part(i), Wanted::part(own, ClifPlace::Stack { offset }))
    };
    match (place, passing) {
        (Place::Stack { offset, .. }, Passing::Parts(parts)) => (parts.iter().enumerate())
            .map(|part| in_area_at(*offset, part))
            .collect(),
        (Place::Stack { offset, size, .. }, Passing::Block(tail)) => {
            let block = block(in_area(*offset), in_area(size - size % WORD_BYTES));
            let tail = tail.iter().enumerate();
            std::iter::once((Slot::Block { arg }, block))
                .chain(tail.map(|part| in_area_at(*offset, part)))
                .collect()
        }
        (Place::PerElement { offset, slot, .. }, Passing::Lanes(lanes)) => {
            let in_registers = one_by_one(machine, place, &[]);
            let n_left = usize::from(*lanes).saturating_sub(in_registers.len());
            let in_slots = (0..n_left as u64).map(|i| {
                let offset = in_area(offset + i * u64::from(*slot));
                Wanted::word(ClifPlace::Stack { offset })
            });
            let lanes = (0..).map(|lane| Slot::Lane { arg, lane });
            lanes
                .zip(in_registers.into_iter().chain(in_slots))
                .collect()
        }
        (Place::Indirect { .. }, _) => (one_by_one(machine, place, &[]).into_iter())
            .map(|pointer| (part(0), pointer))
            .collect(),
        (_, Passing::Parts(parts)) => {
            let slots = (0..).map(part);
            slots.zip(one_by_one(machine, place, parts)).collect()
        }
        _ => Vec::new(),
    }
}

/// `size` bytes that Cranelift copies to the argument area.
fn block(offset: u32, size: u32) -> Wanted {
    Wanted {
        param: Param::special(WORD, Purpose::StructArgument(size)),
        place: ClifPlace::Area { offset, size },
    }
}

/// The signature with the callee's address as the first word after the argument area.
fn with_callee(
    mut solver: Solver,
    area_bytes: u64,
    refuse: impl Fn(NotLowered) -> PlanError,
) -> Result<IndirectCall, PlanError> {
    let before = solver.signature.params.len();
    solver.push_after(area_bytes).map_err(refuse)?;
    solver.check()?;
    let padding = solver.signature.params.len() - before - 1;
    Ok(IndirectCall {
        signature: solver.signature,
        padding,
    })
}

impl Deref for CallPlan {
    type Target = SignaturePlan;

    fn deref(&self) -> &SignaturePlan {
        &self.plan
    }
}
