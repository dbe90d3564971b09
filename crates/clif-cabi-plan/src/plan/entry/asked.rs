//! What a function asks for when it is entered: a parameter for each part, before the solver puts them in order, and whose it is.

use cabi::{FnAbi, FnSig, Loc, PartType, Place, PlacedPart};
use smallvec::SmallVec;

use super::{Arrival, IncomingArea, PartPlace};
use crate::error::PlanError;
use crate::machine::{Class, Machine};
use crate::parts::{ClifPart, ClifParts, WORD};
use crate::places::ClifPlace;
use crate::plan::opening::{FrameArea, Opening, SavedVectors};
use crate::plan::result::ParamIndexes;
use crate::plan::value::{
    MAX_WORDS, in_area, is_chain, is_exhausted, one_by_one, own_type, parts_of, stack_parts,
    wide_moves,
};
use crate::plan::variadic::{SavedRegister, VariadicEntry, left, taken};
use crate::signature::{Param, Purpose};
use crate::solve::Wanted;

/// What a function asks for.
pub(super) struct Asked {
    /// The parameters, as they are asked for.
    pub(super) wanted: SmallVec<[Wanted; 16]>,
    /// Whose each of them is.
    owners: SmallVec<[Owner; 16]>,
    /// Where each argument is, but for the indexes of its parameters until they are found.
    pub(super) args: SmallVec<[Arrival; 8]>,
    /// The same for what `va_start` needs.
    pub(super) variadic: Option<VariadicEntry>,
    /// The argument area, where no parameter points there.
    area: Option<IncomingArea>,
}

/// What a CLIF parameter is of.
#[derive(Clone, Copy)]
enum Owner {
    Sret,
    /// A part of an argument, or its address: the indexes of the argument and of the part.
    Argument(usize, usize),
    Area,
    /// All that a stub has stored.
    Vectors,
    /// An unnamed argument, perhaps, and where it is saved: [`SavedRegister::offset`].
    Saved(i32),
}

/// The parameters that point to memory, by their indexes.
#[derive(Default)]
pub(super) struct Pointers {
    pub(super) sret: Option<usize>,
    pub(super) area: Option<IncomingArea>,
    pub(super) saved: Option<usize>,
}

impl Arrival {
    /// Where the `parts` of a value at `place` are; which CLIF parameters is still to be found.
    fn of_parts(machine: &Machine, place: &Place, parts: ClifParts) -> Self {
        let wanted = one_by_one(machine, place, &parts, Wanted::part);
        let places = wanted.iter().map(|own| match own.place {
            ClifPlace::Stack { offset } => PartPlace::Area(after_shadow(machine, offset)),
            _ => PartPlace::Param(usize::MAX),
        });
        Self::Parts {
            places: places.collect(),
            parts,
        }
    }

    /// Part `part` of it is the CLIF parameter `index`.
    fn set_param(&mut self, part: usize, index: usize) {
        match self {
            Self::Parts { places, .. } => {
                if let Some(place) = places.get_mut(part) {
                    *place = PartPlace::Param(index);
                }
            }
            Self::Lanes { params, .. } => params.push(index),
            Self::Reference { param, .. } => *param = Some(index),
            Self::Nothing | Self::Area { .. } | Self::Saved { .. } => {}
        }
    }
}

/// An offset in the argument area as one from the end of its shadow space.
fn after_shadow(machine: &Machine, offset: u32) -> u32 {
    offset.saturating_sub(machine.counting.shadow_bytes)
}

impl Asked {
    /// What is in registers, and what stands between C's call and the function.
    pub(super) fn of(
        machine: &'static Machine,
        sig: &FnSig,
        abi: &FnAbi,
        sret: Option<Wanted>,
    ) -> Result<(Self, Opening), PlanError> {
        let mut asked = Self {
            wanted: SmallVec::new(),
            owners: SmallVec::new(),
            args: SmallVec::new(),
            variadic: None,
            area: None,
        };
        if let Some(sret) = sret {
            asked.push(Owner::Sret, sret);
        }
        let saved = asked.arguments(machine, sig, abi);
        if sig.is_variadic() {
            let taken = taken(abi, machine)?;
            let area_bytes = in_area(abi.area_bytes);
            asked.variadic = Some(VariadicEntry::starting_at(machine, taken, area_bytes));
            // What no named argument takes may have an unnamed one.
            for own in left(machine, taken) {
                let (param, place) = (Param::new(own.ty), ClifPlace::Reg(own.reg));
                asked.push(Owner::Saved(own.offset), Wanted { param, place });
            }
        }
        let in_area = abi.area_bytes > machine.counting.shadow_bytes.into() || sig.is_variadic();
        let opening = Opening::of(machine, abi, &asked.wanted, in_area, &saved);
        if let Some((i, part, own)) = opening.chain {
            asked.push(Owner::Argument(i, 0), own);
            asked.set_parts(i, part);
        }
        Ok((asked, opening))
    }

    fn push(&mut self, owner: Owner, wanted: Wanted) {
        self.owners.push(owner);
        self.wanted.push(wanted);
    }

    /// Where each argument is, and the parameters for those in registers; which ones a stub has to store.
    fn arguments(&mut self, machine: &Machine, sig: &FnSig, abi: &FnAbi) -> SavedVectors {
        let mut saved = SavedVectors::default();
        for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
            if let Some(moves) = wide_moves(machine, &arg.place) {
                self.args.push(Arrival::Saved {
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
                false => one_by_one(machine, &arg.place, parts, Wanted::part),
            };
            for (part, own) in own.into_iter().enumerate() {
                if matches!(own.place, ClifPlace::Reg(_)) {
                    self.push(Owner::Argument(i, part), own);
                }
            }
            self.args.push(arrival);
        }
        saved
    }

    /// The parameters for the argument area: C's, or that of a stub with a frame. Its bytes.
    pub(super) fn area(
        &mut self,
        machine: &Machine,
        sig: &FnSig,
        abi: &FnAbi,
        frame: Option<FrameArea>,
    ) -> u64 {
        let Some(frame) = frame else {
            self.on_the_stack(machine, sig, abi);
            // Without parameters in it, none has to fill it.
            return self.area.map_or(abi.area_bytes, |_| 0);
        };
        for (owner, own) in [(Owner::Area, frame.address), (Owner::Vectors, frame.saved)] {
            if let Some(own) = own {
                self.push(owner, own);
            }
        }
        frame.bytes.into()
    }

    /// The parameters for C's argument area: stack arguments of their own types, which need no pointer to it, if each has one.
    fn on_the_stack(&mut self, machine: &Machine, sig: &FnSig, abi: &FnAbi) {
        let own = match sig.is_variadic() {
            true => None, // what follows the named ones is in the area as well
            false => own_types(machine, sig, abi),
        };
        let Some(own) = own else {
            match machine.area_from_frame {
                Some(offset) => self.area = Some(IncomingArea::FrameOffset(offset)),
                None => self.push(Owner::Area, area(machine, in_area(abi.area_bytes))),
            }
            return;
        };
        for (i, part, offset) in own {
            let in_area = PartPlace::Area(after_shadow(machine, offset));
            let index = match self.args.get(i) {
                Some(Arrival::Parts { places, .. }) => places.iter().position(|at| *at == in_area),
                _ => None,
            };
            let place = ClifPlace::Stack { offset };
            let owner = Owner::Argument(i, index.unwrap_or(0));
            self.push(owner, Wanted::part(&part, place));
            if matches!(self.args.get(i), Some(Arrival::Area { .. })) {
                self.set_parts(i, part);
            }
        }
    }

    /// Argument `i` is one CLIF parameter.
    fn set_parts(&mut self, i: usize, part: ClifPart) {
        if let Some(arg) = self.args.get_mut(i) {
            *arg = Arrival::Parts {
                places: SmallVec::from_slice(&[PartPlace::Param(usize::MAX)]),
                parts: ClifParts::from_slice(&[part]),
            };
        }
    }

    /// Gives each argument the indexes of its parameters: what was asked for is at `indexes`.
    pub(super) fn found(&mut self, indexes: &[usize]) -> Pointers {
        let mut pointers = Pointers {
            area: self.area,
            ..Pointers::default()
        };
        for (owner, index) in self.owners.iter().zip(indexes.iter().copied()) {
            match *owner {
                Owner::Sret => pointers.sret = Some(index),
                Owner::Area => pointers.area = Some(IncomingArea::Param(index)),
                Owner::Vectors => pointers.saved = Some(index),
                Owner::Saved(offset) => {
                    if let Some(variadic) = &mut self.variadic {
                        let param = index;
                        variadic.saved.push(SavedRegister { param, offset });
                    }
                }
                Owner::Argument(i, part) => {
                    if let Some(arrival) = self.args.get_mut(i) {
                        arrival.set_param(part, index);
                    }
                }
            }
        }
        pointers
    }
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

/// Whether the parts on the stack of a value at `place` are words.
fn in_words(place: &Place) -> bool {
    let is_word = |placed: &PlacedPart| {
        placed.part.ty == PartType::I64 || !matches!(placed.loc, Loc::Stack(_))
    };
    match place {
        Place::Parts(parts) => parts.iter().all(is_word),
        _ => true,
    }
}

/// Where an argument of type `ty` at `place` is, but for the indexes of its parameters.
fn arrival(machine: &Machine, ty: &cabi::Type, place: &Place, abi: &FnAbi) -> Arrival {
    let in_area = |offset| after_shadow(machine, in_area(offset));
    match place {
        Place::Parts(_) => {
            let parts = parts_of(machine.counting, ty, place);
            Arrival::of_parts(machine, place, parts)
        }
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

/// The stack arguments as parameters of their own types, with their offsets, if that describes the whole area, and they are not too many.
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
        (follows && own.len() <= MAX_WORDS).then_some(())
    };
    for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
        for offset in stack_offsets(&arg.place) {
            if !is_exhausted(machine, Class::Int, abi) || !in_words(&arg.place) {
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
