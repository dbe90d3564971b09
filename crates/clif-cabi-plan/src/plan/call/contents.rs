//! What a call passes: a parameter for each part, before the solver puts them in order, and what goes into it.

use cabi::{FnAbi, FnSig, Place};
use smallvec::SmallVec;

use super::records::{self, Records};
use super::{Passing, Slot};
use crate::machine::{Machine, Step, VectorMove, VectorWidth};
use crate::parts::{ClifPart, WORD};
use crate::places::ClifPlace;
use crate::plan::result::ResultPlan;
use crate::plan::value::{in_area, is_chain, one_by_one, parts_of, wide_moves};
use crate::signature::{Param, Purpose};
use crate::solve::Wanted;

const WORD_BYTES: u64 = WORD.bytes() as u64;

/// What a call passes.
pub(super) struct Contents {
    /// The parameters, as they are asked for.
    pub(super) wanted: SmallVec<[Wanted; 16]>,
    /// What goes into each of them.
    slots: SmallVec<[Slot; 16]>,
    /// How each argument is passed.
    pub(super) args: SmallVec<[Passing; 10]>,
    /// What a stub does before it goes to the function.
    pub(super) before: SmallVec<[Step; 4]>,
    /// Bytes of the argument area with the words for the stub, which follow it.
    pub(super) stub_area: u32,
}

impl Contents {
    /// The pointer to the result, and the arguments.
    pub(super) fn of(machine: &Machine, sig: &FnSig, abi: &FnAbi, sret: Option<Wanted>) -> Self {
        let mut contents = Self {
            wanted: SmallVec::new(),
            slots: SmallVec::new(),
            args: SmallVec::new(),
            before: SmallVec::new(),
            stub_area: in_area(abi.area_bytes),
        };
        if let Some(sret) = sret {
            contents.push(Slot::Sret, sret);
        }
        let mut in_both = 0;
        let mut records = Records::of(machine, sig, abi);
        for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
            let passing = passing(machine, &param.ty, &arg.place, abi, &mut records);
            if is_chain(machine, &arg.place) {
                let offset = contents.word(Slot::Part { arg: i, part: 0 });
                contents.before.push(Step::LoadChain(offset));
            } else if let Some(moves) = wide_moves(machine, &arg.place) {
                let offset = contents.word(Slot::Address { arg: i });
                contents.before.push(Step::Address(offset));
                contents.before.extend(moves.into_iter().map(Step::Load));
            } else {
                in_both |= positions_of_both(machine, &arg.place);
                contents.argument(machine, (i, &param.ty), &arg.place, &passing);
            }
            contents.args.push(passing);
        }
        contents.tails_in_ints();
        if abi.variadic_count.is_some() {
            contents.before.push(Step::SetVectorCount(abi.n_sse));
        }
        if in_both != 0 {
            contents.before.push(Step::VectorsToInts(in_both));
        }
        contents
    }

    /// Has the last bytes of records, which are put together in an integer register, passed as integers, where the integer registers are used up in any
    /// case because something else in the argument area is an integer.
    fn tails_in_ints(&mut self) {
        let is_int = |own: &Wanted| own.in_area().is_some() && own.param == Param::new(WORD);
        if !self.wanted.iter().any(is_int) {
            return;
        }
        for (slot, wanted) in self.slots.iter().zip(&mut self.wanted) {
            let Slot::Vector { arg, part, .. } = *slot else {
                continue;
            };
            let Some(Passing::Vectors(parts)) = self.args.get(arg) else {
                continue;
            };
            let bytes = parts.get(part).map_or(WORD_BYTES, |part| part.size.into());
            if bytes < WORD_BYTES {
                wanted.param = Param::new(WORD);
            }
        }
    }

    /// The address where a stub stores the result, if it does, and the steps that do it.
    pub(super) fn result(&mut self, result: &ResultPlan) -> SmallVec<[Step; 4]> {
        let ResultPlan::Vectors { moves, .. } = result else {
            return SmallVec::new();
        };
        let offset = self.word(Slot::Result);
        store_result(offset, moves)
    }

    /// What goes into each of the parameters at `places`; the parameters that are no padding are at `indexes`.
    pub(super) fn in_order(&self, indexes: &[usize], places: &[ClifPlace]) -> SmallVec<[Slot; 16]> {
        let padding = |place: &ClifPlace| Slot::Padding { keeps: place.reg() };
        let mut slots: SmallVec<[Slot; 16]> = places.iter().map(padding).collect();
        for (slot, index) in self.slots.iter().zip(indexes) {
            if let Some(padding) = slots.get_mut(*index) {
                *padding = *slot;
            }
        }
        slots
    }

    fn push(&mut self, slot: Slot, wanted: Wanted) {
        self.slots.push(slot);
        self.wanted.push(wanted);
    }

    /// A word for the stub; its offset.
    fn word(&mut self, slot: Slot) -> u32 {
        let offset = self.stub_area;
        self.stub_area = offset.saturating_add(WORD.bytes());
        self.push(slot, Wanted::word(ClifPlace::Stack { offset }));
        offset
    }

    /// The parameters of argument `arg`.
    fn argument(
        &mut self,
        machine: &Machine,
        (arg, ty): (usize, &cabi::Type),
        place: &Place,
        passing: &Passing,
    ) {
        let parts = match passing {
            Passing::Parts(parts)
            | Passing::Vectors(parts)
            | Passing::Block { tail: parts, .. } => parts.as_slice(),
            _ => &[],
        };
        match place {
            Place::Stack { offset, .. } if matches!(passing, Passing::Vectors(_)) => {
                self.vectors((arg, ty), *offset, parts);
            }
            Place::Stack { offset, size, .. } => {
                if matches!(passing, Passing::Block { .. }) {
                    let whole = in_area(size - size % WORD_BYTES);
                    self.push(Slot::Block { arg }, block(in_area(*offset), whole));
                }
                for (part, own) in parts.iter().enumerate() {
                    let offset = in_area(offset + u64::from(own.offset));
                    let wanted = Wanted::passed(own, ClifPlace::Stack { offset });
                    self.push(Slot::Part { arg, part }, wanted);
                }
            }
            Place::PerElement {
                lanes,
                regs,
                offset,
                slot,
            } => {
                let in_registers = one_by_one(machine, place, &[], Wanted::passed);
                let n_left = u64::from(*lanes).saturating_sub(regs.len() as u64);
                let in_slots = (0..n_left).map(|i| {
                    let offset = in_area(offset + i * u64::from(*slot));
                    Wanted::word(ClifPlace::Stack { offset })
                });
                for (lane, own) in (0..*lanes).zip(in_registers.into_iter().chain(in_slots)) {
                    self.push(Slot::Lane { arg, lane }, own);
                }
            }
            _ => {
                let own = one_by_one(machine, place, parts, Wanted::passed);
                for (part, own) in own.into_iter().enumerate() {
                    self.push(Slot::Part { arg, part }, own);
                }
            }
        }
    }

    /// The parameters of argument `arg`, a `ty` at `offset` with the words `parts`.
    fn vectors(&mut self, (arg, ty): (usize, &cabi::Type), offset: u64, parts: &[ClifPart]) {
        let fields = records::fields_of_a_word(ty);
        for (part, vector) in records::in_vectors(offset, parts) {
            let at = parts.get(part).map_or(0, |part| part.offset);
            let offset = in_area(offset + u64::from(at));
            let place = ClifPlace::Stack { offset };
            let param = Param::new(vector);
            let at_once = vector.bytes() > WORD.bytes() && fields >> part & 3 != 3;
            let slot = Slot::Vector { arg, part, at_once };
            self.push(slot, Wanted { param, place });
        }
    }
}

/// The steps that store a result to the address in the word after an argument area of `offset` bytes.
fn store_result(offset: u32, moves: &[VectorMove]) -> SmallVec<[Step; 4]> {
    let is_wide = moves.iter().any(|own| own.width != VectorWidth::V128);
    let stores = moves.iter().copied().map(Step::Store);
    std::iter::once(Step::AddressInFrame(offset))
        .chain(stores)
        .chain(is_wide.then_some(Step::ZeroUpper))
        .chain([Step::ReturnAddress])
        .collect()
}

/// How a value at `place` gets into slots.
fn passing(
    machine: &Machine,
    ty: &cabi::Type,
    place: &Place,
    abi: &FnAbi,
    records: &mut Records,
) -> Passing {
    match place {
        Place::Ignore => Passing::Nothing,
        Place::PerElement { lanes, .. } => Passing::Lanes(*lanes),
        Place::Stack { size, .. } => records.passing(machine, ty, place, *size, abi),
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

/// `size` bytes that Cranelift copies to the argument area.
fn block(offset: u32, size: u32) -> Wanted {
    Wanted {
        param: Param::special(WORD, Purpose::StructArgument(size)),
        place: ClifPlace::Area { offset, size },
    }
}
