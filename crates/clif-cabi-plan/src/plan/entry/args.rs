//! The arguments of a function that is entered: where each part is, and a CLIF parameter for what is in registers, before the solver puts them in order.

use cabi::{FnAbi, FnSig, Loc, PartType, Place, PlacedPart};
use smallvec::SmallVec;

use super::IncomingArea;
use crate::machine::{Machine, RegClass};
use crate::parts::{WORD, narrow, slots};
use crate::places::ClifPlace;
use crate::plan::entry_stub::{EntryStub, FrameArea, SavedVectors};
use crate::plan::table::{Content, PassMode, TableBuilder};
use crate::plan::value::{
    MAX_PARTS_BYTES, MAX_WORDS, is_chain, is_exhausted, own_type, placed_parts, wide_moves,
};
use crate::plan::variadic::{VariadicEntry, left, taken};
use crate::signature::ClifParam;
use crate::solve::PlacedParam;

/// The arguments of a function that is entered.
pub(super) struct EntryArgs {
    pub(super) table: TableBuilder,
    /// What `va_start` needs, but for the indexes of its parameters until they are found.
    pub(super) variadic: Option<VariadicEntry>,
    /// The argument area, where no parameter points there.
    pub(super) area: Option<IncomingArea>,
}

impl EntryArgs {
    /// What is in registers, and what stands between C's call and the function.
    pub(super) fn of(
        machine: &'static Machine,
        sig: &FnSig,
        abi: &FnAbi,
        sret: Option<PlacedParam>,
    ) -> (Self, EntryStub) {
        let mut args = Self {
            table: TableBuilder::new(false, sret),
            variadic: None,
            area: None,
        };
        let saved = args.arguments(machine, sig, abi);
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
        let in_area = abi.area_bytes > machine.counting.shadow_bytes.into() || sig.is_variadic();
        let stub = EntryStub::of(machine, abi, &args.table.params, in_area, &saved);
        if let Some((i, part, own)) = stub.chain {
            args.table.move_word(i, part, own);
        }
        (args, stub)
    }

    /// Where each argument is, and the parameters for those in registers; which ones a stub has to store.
    fn arguments(&mut self, machine: &Machine, sig: &FnSig, abi: &FnAbi) -> SavedVectors {
        let mut saved = SavedVectors::default();
        let (counting, table) = (machine.counting, &mut self.table);
        for (i, (param, arg)) in (0..).zip(sig.params().iter().zip(&abi.args)) {
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
                    match own {
                        Some(own) => table.table.parts.push(own),
                        None if size > MAX_PARTS_BYTES => {}
                        None => slots(
                            counting.least_slot,
                            (size, align),
                            ty,
                            &mut table.table.parts,
                        ),
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

    /// The parameters for the argument area: C's, or that of a stub with a frame. Its bytes.
    pub(super) fn in_memory(
        &mut self,
        machine: &Machine,
        sig: &FnSig,
        abi: &FnAbi,
        frame: Option<FrameArea>,
    ) -> u64 {
        let Some(frame) = frame else {
            self.on_stack(machine, sig, abi);
            // Without parameters in it, none has to fill it.
            return self.area.map_or(abi.area_bytes, |_| 0);
        };
        for (content, own) in frame.words {
            self.table.push(content, own);
        }
        frame.bytes.into()
    }

    /// The parameters for C's argument area: stack arguments of their own types, which need no pointer to it, if each has one.
    fn on_stack(&mut self, machine: &Machine, sig: &FnSig, abi: &FnAbi) {
        // Slots of less than a word are not filled one by one.
        let is_packed = machine.counting.least_slot < WORD.bytes() && abi.area_bytes > 0;
        let own = match sig.is_variadic() || is_packed {
            true => None, // what follows the named ones is in the area as well
            false => self.own_types(machine, abi),
        };
        match (own, machine.area_from_frame) {
            (Some(own), _) => {
                for (loc, param) in own {
                    self.table.declare(loc, param);
                }
            }
            (None, Some(offset)) => self.area = Some(IncomingArea::FrameOffset(offset)),
            (None, None) => {
                // A multiple of 8 bytes, which was checked when it was assigned.
                let (start, end): (_, u32) =
                    (machine.counting.shadow_bytes, narrow(abi.area_bytes));
                let area = PlacedParam::block(start, end.saturating_sub(start));
                self.table.push(Content::Area, area);
            }
        }
    }

    /// The rows in the argument area as parameters of their own types, if these fill the whole area, and they are not too many.
    fn own_types(
        &self,
        machine: &Machine,
        abi: &FnAbi,
    ) -> Option<SmallVec<[(usize, ClifParam); 4]>> {
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
