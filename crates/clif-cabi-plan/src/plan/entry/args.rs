//! The arguments of a function that is entered: where each part is, and a CLIF parameter for what is in registers, before the solver puts them in order.

use cabi::{FnAbi, FnSig, Loc, PartType, Place, PlacedPart};
use smallvec::SmallVec;

use super::IncomingArea;
use crate::machine::{Machine, RegClass, StubStep};
use crate::parts::{ClifPart, WORD, narrow, slots};
use crate::places::ClifPlace;
use crate::plan::entry_stub::{SavedVectors, free_register};
use crate::plan::table::{Content, PassMode, TableBuilder};
use crate::plan::value::{
    MAX_PARTS_BYTES, MAX_WORDS, is_chain, is_exhausted, own_type, placed_parts, wide_moves,
};
use crate::plan::variadic::{VariadicEntry, left, taken};
use crate::signature::ClifParam;
use crate::solve::PlacedParam;

/// The arguments of a function that is entered, and the stub between C's call and the function, if there is one.
///
/// A stub with a frame calls the function instead of jumping to it. The function's own argument area has what the stub pushed: the address of C's
/// argument area, which stays where it is, that of the vectors, and the static chain.
pub(super) struct EntryArgs<'a> {
    machine: &'static Machine,
    sig: &'a FnSig,
    abi: &'a FnAbi,
    pub(super) table: TableBuilder,
    /// What `va_start` needs, but for the indexes of its parameters until they are found.
    pub(super) variadic: Option<VariadicEntry>,
    /// The argument area, where no parameter points there.
    pub(super) area: Option<IncomingArea>,
    /// Bytes of the argument area that parameters have to fill: C's, or that of a stub with a frame.
    pub(super) area_bytes: u64,
    /// What a stub does before it goes to the function. Empty: there is none, C calls the function itself.
    pub(super) steps: SmallVec<[StubStep; 4]>,
}

impl<'a> EntryArgs<'a> {
    pub(super) fn of(
        machine: &'static Machine,
        sig: &'a FnSig,
        abi: &'a FnAbi,
        sret: Option<PlacedParam>,
    ) -> Self {
        let mut args = Self {
            machine,
            sig,
            abi,
            table: TableBuilder::new(false, sret),
            variadic: None,
            area: None,
            area_bytes: abi.area_bytes,
            steps: SmallVec::new(),
        };
        let saved = args.arguments();
        if sig.is_variadic() {
            let taken = taken(abi, machine);
            let area_bytes = narrow(abi.area_bytes);
            args.variadic = Some(VariadicEntry::starting_at(machine, taken, area_bytes));
            // What no named argument takes may have an unnamed one.
            for own in left(machine, taken) {
                let (param, place) = (ClifParam::new(own.ty), ClifPlace::Reg(own.reg));
                let offset = own.offset;
                args.table
                    .push(Content::Register { offset }, PlacedParam { param, place });
            }
        }
        if !args.by_framed_stub(&saved) {
            args.on_stack();
        }
        args
    }

    /// Where each argument is, and the parameters for those in registers; which ones a stub has to store.
    fn arguments(&mut self) -> SavedVectors {
        let mut saved = SavedVectors::default();
        let (machine, abi, table) = (self.machine, self.abi, &mut self.table);
        let counting = machine.counting;
        for (i, (param, arg)) in (0..).zip(self.sig.params().iter().zip(&abi.args)) {
            let (ty, place) = (&param.ty, &arg.place);
            let mode = match (place, wide_moves(machine, place)) {
                (
                    &Place::Stack {
                        offset,
                        size,
                        align,
                    },
                    _,
                ) => {
                    let (first, offset) = (table.table.parts.len(), narrow(offset));
                    let own = own_type(machine, ty, abi);
                    let parts = &mut table.table.parts;
                    match own {
                        Some(own) => parts.push(own),
                        None if size > MAX_PARTS_BYTES => {}
                        None => slots(counting.least_slot, (size, align), ty, parts),
                    }
                    if own.is_some() || !machine.has_area() {
                        table.push_stack_parts(i, first, offset);
                        PassMode::Parts
                    } else {
                        let size = narrow(size);
                        let place = ClifPlace::Area { offset, size };
                        table.push_place(Content::Object { arg: i }, place);
                        PassMode::Area
                    }
                }
                (Place::Parts(placed), _) if is_chain(machine, place) => {
                    placed_parts(counting, ty, placed, &mut table.table.parts);
                    let content = Content::Part { arg: i, part: 0 };
                    table.push_place(content, ClifPlace::Reg(machine.chain));
                    PassMode::Parts
                }
                (Place::Parts(placed), Some(moves)) => {
                    placed_parts(counting, ty, placed, &mut table.table.parts);
                    let offset = saved.add(&moves);
                    PassMode::Stub { offset }
                }
                _ => table.add_placed(counting, (i, ty), place),
            };
            table.end_arg(mode);
        }
        saved
    }

    /// Moves the static chain, and opens a frame if something has to be pushed: the vectors that are `saved`, a chain that finds no register, C's
    /// argument area where it is aligned to less than Cranelift's functions expect. Whether there is a frame.
    fn by_framed_stub(&mut self, saved: &SavedVectors) -> bool {
        let (machine, abi) = (self.machine, self.abi);
        let mut places = abi.args.iter().map(|arg| &arg.place);
        let mut chain = places.position(|place| is_chain(machine, place));
        if let Some(arg) = chain
            && let Some((reg, step)) = free_register(machine, &self.table.params, saved)
        {
            let part = ClifPart::WHOLE_WORD.in_bank(reg.bank());
            let param = PlacedParam::part(&part, ClifPlace::Reg(reg));
            self.steps.push(step);
            self.table.move_word(arg, part, param);
            chain = None;
        }
        let stack_align = machine.counting.stack_align;
        let is_aligned = abi.area_align >= stack_align;
        let has_saved = !saved.moves.is_empty();
        if is_aligned && chain.is_none() && !has_saved {
            return false;
        }
        self.steps.push(StubStep::Frame);
        if has_saved {
            self.steps.extend(saved.steps());
        } else if !is_aligned {
            self.steps.push(StubStep::Align(stack_align));
        }
        self.push_area(has_saved, chain);
        true
    }

    /// Makes the argument area of the function: with the address of C's if the function reads it, with that of saved vectors if `has_saved`, and with
    /// the static chain, argument `chain`.
    fn push_area(&mut self, has_saved: bool, chain: Option<usize>) {
        let counting = self.machine.counting;
        // From the top: the chain, the two addresses, the function's own shadow space.
        let shadow = counting.shadow_bytes;
        let in_area = self.abi.area_bytes > shadow.into() || self.sig.is_variadic();
        let n_words = [in_area, has_saved, chain.is_some()].map(u32::from);
        let bytes = shadow + WORD.bytes() * n_words.into_iter().sum::<u32>();
        let unused = bytes.next_multiple_of(counting.stack_align) - bytes;
        let word = |offset| PlacedParam::word(ClifPlace::Stack { offset });
        if let Some(arg) = chain {
            // Pushed first, it is the last word.
            let last = word(bytes - WORD.bytes());
            self.table.move_word(arg, ClifPart::WHOLE_WORD, last);
        }
        let steps = [
            (unused > 0).then_some(StubStep::Skip(unused)),
            chain.map(|_| StubStep::push_chain(self.machine)),
            has_saved.then_some(StubStep::PushAddress),
            in_area.then_some(StubStep::PushArea(shadow)),
            (shadow > 0).then_some(StubStep::Skip(shadow)),
        ];
        self.steps.extend(steps.into_iter().flatten());
        let words = [
            in_area.then_some(Content::Area),
            has_saved.then_some(Content::Saved),
        ];
        let offsets = (shadow..).step_by(WORD.bytes() as usize);
        for (content, offset) in words.into_iter().flatten().zip(offsets) {
            self.table.push(content, word(offset));
        }
        self.area_bytes = bytes.into();
    }

    /// The parameters for C's argument area: stack arguments of their own types, which need no pointer to it, if each has one.
    fn on_stack(&mut self) {
        let (machine, area_bytes) = (self.machine, self.abi.area_bytes);
        // Slots of less than a word are not filled one by one.
        let is_packed = machine.counting.least_slot < WORD.bytes() && area_bytes > 0;
        let own = match self.sig.is_variadic() || is_packed {
            true => None, // what follows the named ones is in the area as well
            false => self.own_types(),
        };
        match (own, machine.area_from_frame) {
            (Some(own), _) => {
                for (loc, param) in own {
                    self.table.declare(loc, param);
                }
            }
            (None, Some(offset)) => {
                self.area = Some(IncomingArea::FrameOffset(offset));
                // Without parameters in it, none has to fill it.
                self.area_bytes = 0;
            }
            (None, None) => {
                // A multiple of 8 bytes, which was checked when it was assigned.
                let (start, end): (_, u32) = (machine.counting.shadow_bytes, narrow(area_bytes));
                let area = PlacedParam::block(start, end.saturating_sub(start));
                self.table.push(Content::Area, area);
            }
        }
    }

    /// The rows in the argument area as parameters of their own types, if these fill the whole area, and they are not too many.
    fn own_types(&self) -> Option<SmallVec<[(usize, ClifParam); 4]>> {
        let (machine, abi) = (self.machine, self.abi);
        let mut own = SmallVec::new();
        let mut next = machine.counting.shadow_bytes;
        for (i, loc) in self.table.table.locs.iter().enumerate() {
            let (arg, part, offset) = match (loc.content, loc.place) {
                (_, ClifPlace::Reg(_)) => continue,
                (Content::Part { arg, part }, ClifPlace::Stack { offset }) => (arg, part, offset),
                _ => return None,
            };
            let arg_place = &abi.args.get(arg as usize)?.place;
            let is_own = matches!(arg_place, Place::Stack { .. });
            let is_word = is_exhausted(machine, RegClass::Int, abi) && in_words(arg_place);
            if !is_own && !is_word && machine.has_area() {
                return None;
            }
            let arg = self.table.table.get(arg as usize)?;
            let ty = match arg.mode {
                PassMode::Parts => arg.parts.get(part as usize)?.ty,
                PassMode::Indirect { .. } => WORD,
                PassMode::Lanes(_) if !machine.has_area() => WORD,
                _ => return None,
            };
            // Otherwise a gap that no parameter fills.
            if (offset != next || own.len() == MAX_WORDS) && machine.has_area() {
                return None;
            }
            next = offset.saturating_add(ty.bytes().max(WORD.bytes()));
            own.push((i, ClifParam::new(ty)));
        }
        // Slots at the end that nothing is in make it more.
        (u64::from(next) >= abi.area_bytes || !machine.has_area()).then_some(own)
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
