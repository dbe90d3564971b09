//! The plan of a call.

mod contents;
mod records;

pub use records::WRITTEN_BY_FIELDS;

use std::ops::Deref;

use cabi::{FnAbi, FnSig, Reg, Target};
use smallvec::SmallVec;

use super::args::PassMode;
use super::begin::{Begun, SignaturePlan, check_stub};
use super::result::{ResultPlan, Side};
use super::value::in_area;
use crate::error::{NotLowered, PlanError};
use crate::machine::{Callee, Machine, Step, Stub};
use crate::parts::{ClifPart, ClifParts};
use crate::signature::Signature;
use crate::solve::Solver;
use contents::Contents;

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
    /// Part `part` of argument `arg`, a word, as the parameter's type, a float or an integer; it is followed by the next one if that is a vector.
    Vector {
        /// The argument.
        arg: usize,
        /// The part.
        part: usize,
        /// Whether it is best loaded at once from an object that may just have been written; otherwise a load for each word finds it sooner.
        at_once: bool,
    },
    /// A padding argument, any value of its type.
    Padding {
        /// The register that it keeps from being used. `None`: it keeps a word of the argument area empty.
        keeps: Option<Reg>,
    },
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
    /// Part by part, which are words, in [`Slot::Vector`]s.
    Vectors(ClifParts),
    /// Whole words are copied by Cranelift, the rest are parts.
    Block {
        /// The rest, where there is one.
        tail: ClifParts,
        /// It can be given in these parts, if it is not too large.
        parts: ClifParts,
    },
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

impl Passing {
    /// The parts that the argument can be given in.
    #[must_use]
    pub fn parts(&self) -> &[ClifPart] {
        match self {
            Self::Parts(own)
            | Self::Vectors(own)
            | Self::Block { parts: own, .. }
            | Self::Object(own) => own,
            Self::Nothing | Self::Lanes(_) | Self::Reference { .. } => &[],
        }
    }

    /// The mode, without what is in it.
    #[must_use]
    pub fn mode(&self) -> PassMode {
        match self {
            Self::Nothing => PassMode::Ignore,
            Self::Parts(_) => PassMode::Parts,
            Self::Vectors(_) => PassMode::Words,
            Self::Block { .. } => PassMode::Area,
            Self::Object(_) => PassMode::Stub,
            Self::Lanes(_) => PassMode::Lanes,
            Self::Reference { size, align } => PassMode::Indirect {
                size: *size,
                align: *align,
            },
        }
    }
}

/// What a call of a signature looks like in CLIF.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallPlan {
    /// What it shares with an entry's plan.
    pub plan: SignaturePlan,
    /// What goes into each parameter of the CLIF signature.
    pub slots: SmallVec<[Slot; 16]>,
    /// Whether the slots are the parts of all arguments in their order, and nothing else: then the values of the arguments, one after the other,
    /// are those of the call.
    pub is_in_order: bool,
    /// How each argument is passed.
    pub args: SmallVec<[Passing; 10]>,
    /// A call by a stub that finds the address of the function in a word of its own. `None` if no stub is needed.
    pub indirect: Option<IndirectCall>,
    /// What a stub does before it goes to the function.
    before: SmallVec<[Step; 4]>,
    /// What a stub does after the function has returned to it.
    after: SmallVec<[Step; 4]>,
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
        let mut contents = Contents::of(solver.machine, &sig, &abi, sret);
        let after = contents.result(&result);
        let refuse = |why| PlanError::convention(abi.convention, why, target);
        let area_bytes = abi.area_bytes.max(contents.stub_area.into());
        let indexes = solver
            .params(&contents.wanted, area_bytes)
            .map_err(refuse)?;
        solver.expect.area_bytes = area_bytes;
        let slots = contents.in_order(&indexes, &solver.check()?.params);
        let Contents {
            args, mut before, ..
        } = contents;
        before.extend(frame(solver.machine, &abi, &after));
        check_stub(solver.machine, &before).map_err(refuse)?;
        let (signature, indirect) = match before[..] {
            [] => (solver.signature, None),
            _ => {
                let signature = solver.signature.clone();
                let indirect = with_callee(solver, area_bytes, (&before, &after), refuse)?;
                (signature, Some(indirect))
            }
        };
        let plan = SignaturePlan {
            sig,
            abi,
            signature,
            result,
        };
        Ok(Self {
            plan,
            is_in_order: is_in_order(&slots),
            slots,
            args,
            indirect,
            before,
            after,
        })
    }

    /// Whether a stub moves vectors between memory and registers that the CLIF signature does not show.
    #[must_use]
    pub fn moves_vectors(&self) -> bool {
        let is_object = |passing: &Passing| matches!(passing, Passing::Object(_));
        self.args.iter().any(is_object) || self.result.is_in_vectors()
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
        self.indirect.as_ref().map(|indirect| indirect.stub.clone())
    }
}

/// Whether `slots` are parts, of one argument after the other and in their order.
fn is_in_order(slots: &[Slot]) -> bool {
    let place = |slot: &Slot| match *slot {
        Slot::Part { arg, part } => Some((arg, part)),
        _ => None,
    };
    slots.iter().all(|slot| place(slot).is_some()) && slots.is_sorted_by_key(place)
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

/// The signature with the address of the function for a stub of the steps `before` and `after` the call: in an integer register, or as the first word after the argument
/// area, for which padding arguments use up the registers that are left. After a frame is opened it is in that word.
fn with_callee(
    mut solver: Solver,
    area_bytes: u64,
    (before, after): (&[Step], &[Step]),
    refuse: impl Fn(NotLowered) -> PlanError,
) -> Result<IndirectCall, PlanError> {
    let n_params = solver.signature.params.len();
    let free = solver.next_int();
    let in_register = free.and_then(|reg| Callee::in_register(solver.machine, reg));
    let callee = match in_register.filter(|_| !before.contains(&Step::Frame)) {
        Some(callee) => {
            solver.push_next_int();
            callee
        }
        None => {
            solver.push_after(area_bytes).map_err(&refuse)?;
            Callee::After(in_area(area_bytes))
        }
    };
    solver.check()?;
    let padding = solver.signature.params.len() - n_params - 1;
    let why = NotLowered::Convention("no stub does what a call needs in this order");
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
