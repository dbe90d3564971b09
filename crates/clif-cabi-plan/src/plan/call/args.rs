//! The arguments of a call: a CLIF parameter for each part, before the solver puts them in order.

use cabi::{FnAbi, FnSig, Place};
use smallvec::SmallVec;

use super::records::{self, Records};
use crate::machine::{Machine, ResultPlan, StubStep};
use crate::parts::{ClifPart, ClifParts, WORD, narrow};
use crate::places::ClifPlace;
use crate::plan::table::{Content, PassMode, TableBuilder};
use crate::plan::value::{is_chain, placed_parts, wide_moves};
use crate::signature::ClifParam;
use crate::solve::PlacedParam;

const WORD_BYTES: u64 = WORD.bytes() as u64;

/// The arguments of a call.
pub(super) struct CallArgs {
    pub(super) table: TableBuilder,
    /// What a stub does before it goes to the function.
    pub(super) before: SmallVec<[StubStep; 4]>,
    /// Bytes of the argument area with the words for the stub, which follow it.
    pub(super) stub_area: u32,
}

impl CallArgs {
    /// The pointer to the result, and the arguments.
    pub(super) fn of(
        machine: &Machine,
        sig: &FnSig,
        abi: &FnAbi,
        sret: Option<PlacedParam>,
    ) -> Self {
        let mut args = Self {
            table: TableBuilder::new(true, sret),
            before: SmallVec::new(),
            stub_area: narrow(abi.area_bytes),
        };
        let mut records = Records::of(machine, sig, abi);
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
                    let place = (offset, size, align);
                    args.on_stack((machine, abi, &mut records), (i, ty), place)
                }
                (Place::Parts(placed), _) if is_chain(machine, place) => {
                    placed_parts(machine.counting, ty, placed, &mut args.table.table.parts);
                    let offset = args.word(Content::Part { arg: i, part: 0 });
                    args.before.push(StubStep::LoadChain(offset));
                    PassMode::Parts
                }
                (Place::Parts(placed), Some(moves)) => {
                    placed_parts(machine.counting, ty, placed, &mut args.table.table.parts);
                    let offset = args.word(Content::Object { arg: i });
                    args.before.push(StubStep::Address(offset));
                    args.before.extend(moves.into_iter().map(StubStep::Load));
                    PassMode::Stub { offset: 0 }
                }
                _ => args.table.add_placed(machine.counting, (i, ty), place),
            };
            args.table.end_arg(mode);
        }
        args.tails_in_ints();
        args.before.extend(StubStep::count_vectors(abi));
        args.before.extend(StubStep::copies(machine, abi));
        args
    }

    /// Has the last bytes of records, which are put together in an integer register, passed as integers, where the integer registers are used up in any
    /// case because something else in the argument area is an integer.
    fn tails_in_ints(&mut self) {
        let TableBuilder { table, params, .. } = &mut self.table;
        let is_int = |own: &PlacedParam| {
            !matches!(own.place, ClifPlace::Reg(_)) && own.param == ClifParam::new(WORD)
        };
        if !params.iter().any(is_int) {
            return;
        }
        for loc in &table.locs {
            let (Content::Words { arg, part, .. }, Some(param)) = (loc.content, loc.param) else {
                continue;
            };
            let part = table.parts(arg as usize).get(part as usize);
            let bytes = part.map_or(WORD_BYTES, |part| part.size.into());
            if bytes < WORD_BYTES
                && let Some(own) = params.get_mut(param as usize)
            {
                own.param = ClifParam::new(WORD);
            }
        }
    }

    /// The steps that store the result by a stub, if one does, to the address in a word of its own.
    pub(super) fn result(&mut self, result: &ResultPlan) -> SmallVec<[StubStep; 4]> {
        let ResultPlan::Vectors { moves, .. } = result else {
            return SmallVec::new();
        };
        let offset = self.word(Content::StubResult);
        let first = std::iter::once(StubStep::AddressInFrame(offset));
        first
            .chain(StubStep::stores(moves))
            .chain([StubStep::ReturnAddress])
            .collect()
    }

    /// A word for the stub; its offset.
    fn word(&mut self, content: Content) -> u32 {
        let offset = self.stub_area;
        self.stub_area = offset.saturating_add(WORD.bytes());
        let place = ClifPlace::Stack { offset };
        self.table.push(content, PlacedParam::word(place));
        offset
    }

    /// Adds argument `arg` of type `ty`, which has `size` bytes of the argument area from `offset` on. Its mode.
    fn on_stack(
        &mut self,
        (machine, abi, records): (&Machine, &FnAbi, &mut Records),
        (arg, ty): (u32, &cabi::Type),
        (offset, size, align): (u64, u64, u32),
    ) -> PassMode {
        let first = self.table.table.parts.len();
        let mode = records.mode(machine, ty, (size, align), abi, &mut self.table.table.parts);
        match mode {
            PassMode::Words => {
                let parts: ClifParts = self.table.table.parts.iter().skip(first).copied().collect();
                self.words((arg, ty), offset, &parts);
            }
            PassMode::Area => self.block(arg, offset, size),
            _ => self.table.push_stack_parts(arg, first, narrow(offset)),
        }
        mode
    }

    /// The parameters of argument `arg`, of whose `size` bytes Cranelift copies the whole words to the argument area.
    fn block(&mut self, arg: u32, offset: u64, size: u64) {
        let (offset, size) = (narrow(offset), narrow(size));
        let tail = ClifPart::tail(size);
        let whole = tail.map_or(size, |tail| tail.offset);
        let object = Content::Object { arg };
        self.table.push(object, PlacedParam::block(offset, whole));
        if tail.is_some() {
            let offset = offset.saturating_add(whole);
            let word = PlacedParam::word(ClifPlace::Stack { offset });
            self.table.push(Content::Tail { arg }, word);
        }
    }

    /// The parameters of argument `arg`, a `ty` at `offset` with the words `parts`.
    fn words(&mut self, (arg, ty): (u32, &cabi::Type), offset: u64, parts: &[ClifPart]) {
        let fields = records::fields_of_a_word(ty);
        for (part, vector) in records::in_vectors(offset, parts) {
            let at = parts.get(part).map_or(0, |part| part.offset);
            let offset = narrow(offset + u64::from(at));
            let place = ClifPlace::Stack { offset };
            let param = ClifParam::new(vector);
            let at_once = vector.bytes() > WORD.bytes() && fields >> part & 3 != 3;
            let part = narrow(part);
            let content = Content::Words { arg, part, at_once };
            self.table.push(content, PlacedParam { param, place });
        }
    }
}
