//! The arguments of a call: a CLIF parameter for each slot.

use smallvec::SmallVec;

use super::records::{self, Records};
use crate::machine::{ResultPlan, StubStep};
use crate::parts::{ClifPart, WORD, narrow};
use crate::places::ClifPlace;
use crate::plan::place::Placer;
use crate::plan::table::{ArgTable, PassMode};
use crate::slot::{Slot, What};

impl Placer<'_> {
    /// Adds all arguments of a call.
    pub(in crate::plan) fn call(&mut self) {
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
    pub(in crate::plan) fn result(&mut self, result: &ResultPlan) -> SmallVec<[StubStep; 4]> {
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
    pub(in crate::plan) fn passed(
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
