//! The plan of a function's entry.

use std::ops::Deref;

use cabi::{FnAbi, FnSig, Loc, Place, Target};
use smallvec::SmallVec;

use super::begin::{Begun, SignaturePlan};
use super::opening::{Opening, SavedVectors};
use super::result::{ParamIndexes, ResultPlan, Side};
use super::value::{
    in_area, is_chain, is_exhausted, one_by_one, own_type, parts_of, stack_parts, wide_moves,
};
use super::variadic::{self, SavedRegister, VariadicEntry};
use crate::error::{NotLowered, PlanError};
use crate::machine::{Callee, Class, Machine, Step, Stub};
use crate::parts::{ClifPart, ClifParts, WORD};
use crate::places::ClifPlace;
use crate::signature::{Param, Purpose, Signature};
use crate::solve::Wanted;

/// Where an argument is when the function is entered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Arrival {
    /// Nothing of it is passed.
    Nothing,
    /// Each of its parts is a CLIF parameter.
    Parts {
        /// The parameter of each part.
        params: ParamIndexes,
        /// The parts.
        parts: ClifParts,
    },
    /// In the argument area. [`EntryPlan::area`] is the parameter that points to it.
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
    /// The CLIF parameter that points to the argument area, after its shadow space.
    pub area: Option<usize>,
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
        let mut args = SmallVec::new();
        let mut wanted: Vec<(Owner, Wanted)> = Vec::new();
        wanted.extend(sret.map(|sret| (Owner::Sret, sret)));
        let saved = arguments(solver.machine, &sig, &abi, &mut args, &mut wanted);
        let mut variadic = sig
            .is_variadic()
            .then(|| VariadicEntry::new(&abi, solver.machine));
        if variadic.is_some() {
            // What no named argument takes may have an unnamed one.
            let rest = variadic::rest(&abi, solver.machine).into_iter();
            wanted.extend(rest.map(|(offset, own)| (Owner::Saved(offset), own)));
        }
        let in_registers: SmallVec<[Wanted; 16]> = wanted.iter().map(|(_, own)| *own).collect();
        let in_area = abi.area_bytes > 0 || variadic.is_some();
        let opening = Opening::of(solver.machine, &abi, &in_registers, in_area, &saved);
        if let Some((i, part, own)) = opening.chain {
            wanted.push((Owner::Argument(i), own));
            set_parts(&mut args, i, part);
        }
        let refuse = |why| {
            let what = format!("the convention {}", abi.convention.name);
            PlanError::unsupported(what, why, target)
        };
        let area_bytes = match opening.frame {
            None => {
                on_the_stack(solver.machine, &sig, &abi, &mut args, &mut wanted).map_err(refuse)?;
                abi.area_bytes
            }
            Some(_) if solver.machine.counting.shadow_bytes > 0 => {
                let why =
                    "a function with shadow space that is entered through a frame is not lowered";
                return Err(refuse(NotLowered::Convention(why)));
            }
            Some(frame) => {
                wanted.extend(frame.address.map(|own| (Owner::Area, own)));
                wanted.extend(frame.saved.map(|own| (Owner::Vectors, own)));
                frame.bytes.into()
            }
        };
        let (owners, wanted): (Vec<Owner>, Vec<Wanted>) = wanted.into_iter().unzip();
        let indexes = solver.params(&wanted, area_bytes).map_err(refuse)?;
        let (mut sret, mut area, mut saved) = (None, None, None);
        for (owner, index) in owners.into_iter().zip(indexes) {
            match owner {
                Owner::Sret => sret = Some(index),
                Owner::Area => area = Some(index),
                Owner::Vectors => saved = Some(index),
                Owner::Saved(offset) => {
                    if let Some(variadic) = &mut variadic {
                        let param = index;
                        variadic.saved.push(SavedRegister { param, offset });
                    }
                }
                Owner::Argument(i) => {
                    if let Some(Arrival::Parts { params, .. } | Arrival::Lanes { params, .. }) =
                        args.get_mut(i)
                    {
                        params.push(index);
                    } else if let Some(Arrival::Reference { param, .. }) = args.get_mut(i) {
                        *param = Some(index);
                    }
                }
            }
        }
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
            args,
            sret,
            area,
            saved,
            variadic,
            before: opening.steps,
            objects,
        })
    }

    /// The stub that C enters instead of the function `body`, an id of the emitter's: where a static chain has to be moved first, wide vectors
    /// to be stored, or the stack to be aligned. `None` if it enters the function itself.
    #[must_use]
    pub fn entry_stub(&self, body: u32) -> Option<Stub> {
        Stub::to(&self.before, Callee::Function(body), &[])
    }
}

/// What a CLIF parameter is of.
enum Owner {
    Sret,
    Argument(usize),
    Area,
    /// All that a stub has stored.
    Vectors,
    /// An unnamed argument, perhaps, and where it is saved: [`SavedRegister::offset`].
    Saved(i32),
}

impl Arrival {
    /// In CLIF parameters, which are still to be found.
    fn in_params(parts: ClifParts) -> Self {
        let params = ParamIndexes::new();
        Self::Parts { params, parts }
    }
}

/// Where each argument is, and the parameters for those in registers; which ones a stub has to store.
fn arguments(
    machine: &Machine,
    sig: &FnSig,
    abi: &FnAbi,
    args: &mut SmallVec<[Arrival; 8]>,
    wanted: &mut Vec<(Owner, Wanted)>,
) -> SavedVectors {
    let mut saved = SavedVectors::default();
    for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
        if let Some(moves) = wide_moves(machine, &arg.place) {
            args.push(Arrival::Saved {
                offset: saved.add(&moves),
                parts: parts_of(machine.counting, &param.ty, &arg.place),
            });
            continue;
        }
        let arrival = arrival(machine, &param.ty, &arg.place, abi);
        let parts = match &arrival {
            Arrival::Parts { parts, .. } => parts.as_slice(),
            _ => &[],
        };
        let own = match is_chain(machine, &arg.place) {
            true => SmallVec::new(),
            false => one_by_one(machine, &arg.place, parts),
        };
        let registers = (own.into_iter()).filter(|own| matches!(own.place, ClifPlace::Reg(_)));
        wanted.extend(registers.map(|own| (Owner::Argument(i), own)));
        args.push(arrival);
    }
    saved
}

/// The parameters for the argument area: stack arguments of their own types, which need no pointer to it, if each has one.
fn on_the_stack(
    machine: &Machine,
    sig: &FnSig,
    abi: &FnAbi,
    args: &mut [Arrival],
    wanted: &mut Vec<(Owner, Wanted)>,
) -> Result<(), NotLowered> {
    let own = match sig.is_variadic() {
        true => None, // what follows the named ones is in the area as well
        false => own_types(machine, sig, abi),
    };
    let Some(own) = own else {
        let is_split =
            |place: &Place| matches!(place, Place::Parts(_)) && !stack_offsets(place).is_empty();
        if abi.args.iter().any(|arg| is_split(&arg.place)) {
            let why = "an argument that is partly on the stack, beside one that is found by its address there, is not lowered";
            return Err(NotLowered::Convention(why));
        }
        wanted.push((Owner::Area, area(machine, in_area(abi.area_bytes))));
        return Ok(());
    };
    for (i, part, offset) in own {
        let place = ClifPlace::Stack { offset };
        wanted.push((Owner::Argument(i), Wanted::part(&part, place)));
        if matches!(args.get(i), Some(Arrival::Area { .. })) {
            set_parts(args, i, part);
        }
    }
    Ok(())
}

/// Where words of an argument at `place`, which has other parts too, or the address of one, are on the stack.
fn stack_offsets(place: &Place) -> SmallVec<[u64; 2]> {
    let offset = |loc: &Loc| match loc {
        Loc::Stack(offset) => Some(*offset),
        _ => None,
    };
    match place {
        Place::Parts(parts) => parts
            .iter()
            .filter_map(|placed| offset(&placed.loc))
            .collect(),
        Place::Indirect { pointer, .. } => offset(pointer).into_iter().collect(),
        _ => SmallVec::new(),
    }
}

/// Argument `i` is one CLIF parameter.
fn set_parts(args: &mut [Arrival], i: usize, part: ClifPart) {
    if let Some(arg) = args.get_mut(i) {
        *arg = Arrival::in_params(ClifParts::from_slice(&[part]));
    }
}

/// Where an argument of type `ty` at `place` is, but for the indexes of its parameters.
fn arrival(machine: &Machine, ty: &cabi::Type, place: &Place, abi: &FnAbi) -> Arrival {
    let in_area = |offset| in_area(offset).saturating_sub(machine.counting.shadow_bytes);
    match place {
        Place::Parts(_) => Arrival::in_params(parts_of(machine.counting, ty, place)),
        Place::Indirect { pointer, .. } => Arrival::Reference {
            param: None,
            offset: match pointer {
                Loc::Stack(offset) => in_area(*offset),
                _ => 0,
            },
        },
        Place::Stack { offset, size, .. } => Arrival::Area {
            offset: in_area(*offset),
            parts: stack_parts(machine, ty, place, *size, abi),
        },
        Place::PerElement {
            lanes,
            offset,
            slot,
            ..
        } => Arrival::Lanes {
            params: ParamIndexes::new(),
            lanes: *lanes,
            offset: in_area(*offset),
            slot: *slot,
        },
        _ => Arrival::Nothing,
    }
}

/// The stack arguments as parameters of their own types, with their offsets, if that describes the whole area.
fn own_types(
    machine: &Machine,
    sig: &FnSig,
    abi: &FnAbi,
) -> Option<SmallVec<[(usize, ClifPart, u32); 4]>> {
    let mut own = SmallVec::new();
    let mut next = u64::from(machine.counting.shadow_bytes);
    let mut push = |i, part: ClifPart, offset: u64| {
        // Otherwise a gap that no parameter fills.
        let follows = offset == next;
        next = offset + u64::from(part.ty.bytes().max(WORD.bytes()));
        own.push((i, part, u32::try_from(offset).ok()?));
        follows.then_some(())
    };
    for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
        for offset in stack_offsets(&arg.place) {
            if !is_exhausted(machine, Class::Int, abi) {
                return None;
            }
            push(i, ClifPart::word(0, 8), offset)?;
        }
        match arg.place {
            Place::Stack { offset, .. } => push(i, own_type(machine, &param.ty, abi)?, offset)?,
            Place::PerElement { lanes, regs, .. } if usize::from(lanes) > regs.len() => {
                return None;
            }
            _ => {}
        }
    }
    // Slots at the end that nothing is in make it more.
    (next >= abi.area_bytes).then_some(own)
}

/// The whole argument area, of `end` bytes, which was checked to be a multiple of 8 when it was assigned, after its shadow space.
fn area(machine: &Machine, end: u32) -> Wanted {
    let offset = machine.counting.shadow_bytes;
    let size = end.saturating_sub(offset);
    Wanted {
        param: Param::special(WORD, Purpose::StructArgument(size)),
        place: ClifPlace::Area { offset, size },
    }
}

impl Deref for EntryPlan {
    type Target = SignaturePlan;

    fn deref(&self) -> &SignaturePlan {
        &self.plan
    }
}
