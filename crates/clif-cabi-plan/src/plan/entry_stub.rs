//! The stub between C's call and a function, if there is one. It moves the static chain to where a parameter can be, stores wide vectors to
//! memory, and aligns the stack as Cranelift's functions expect it.
//!
//! A stub with a frame calls the function instead of jumping to it. The function's own argument area has what the stub pushed: the address of C's
//! argument area, which stays where it is, that of the vectors, and the static chain.

use cabi::{Bank, FnAbi, Reg};
use smallvec::SmallVec;

use super::table::Content;
use super::value::is_chain;
use crate::machine::{Machine, RegClass, RegisterMove, StubStep};
use crate::parts::{ClifPart, WORD};
use crate::places::ClifPlace;
use crate::solve::PlacedParam;

/// The stub between C's call and a function.
#[derive(Default)]
pub(super) struct EntryStub {
    /// What it does before it goes to the function. Empty: there is none, C calls the function itself.
    pub(super) steps: SmallVec<[StubStep; 4]>,
    /// The argument that is the static chain, the part it is, and its parameter.
    pub(super) chain: Option<(usize, ClifPart, PlacedParam)>,
    /// The function's own argument area, if the stub makes it.
    pub(super) frame: Option<FrameArea>,
}

/// The vectors in registers that CLIF cannot say. A stub stores them to an object of its own.
#[derive(Default)]
pub(super) struct SavedVectors {
    moves: SmallVec<[RegisterMove; 4]>,
    bytes: u32,
}

/// The alignment of what a stub stores, in bytes.
pub const SAVED_ALIGN: u32 = RegisterMove::MOST_BYTES;

impl SavedVectors {
    /// Adds one value, in the registers of `moves`; its bytes from the start of the object. There are at most as many values as registers.
    pub(super) fn add(&mut self, moves: &[RegisterMove]) -> u32 {
        let start = self.bytes;
        for own in moves {
            let offset = own.offset + start;
            self.moves.push(RegisterMove { offset, ..*own });
            let end = offset + own.width.bytes();
            self.bytes = self.bytes.max(end.next_multiple_of(SAVED_ALIGN));
        }
        start
    }

    /// Whether one of them is in `reg` when the stub is entered.
    fn is_in(&self, reg: Reg) -> bool {
        let number = usize::from(reg.index());
        let mut moves = self.moves.iter();
        reg.bank() == Bank::Vector && moves.any(|own| usize::from(own.register) == number)
    }

    /// The steps that make the object and store the registers; its address is in r11.
    fn steps(&self) -> impl Iterator<Item = StubStep> {
        let first = [
            StubStep::Align(SAVED_ALIGN),
            StubStep::Skip(self.bytes),
            StubStep::AddressOfSkipped,
        ];
        first.into_iter().chain(StubStep::stores(&self.moves))
    }
}

/// The argument area that a stub with a frame makes.
pub(super) struct FrameArea {
    /// The address of C's argument area, if that is looked at, and that of the vectors that the stub has stored, if there are some.
    pub(super) words: SmallVec<[(Content, PlacedParam); 2]>,
    pub(super) bytes: u32,
}

impl EntryStub {
    /// The stub of a function of `abi`, whose arguments in registers are `wanted`. `in_area`: the function reads its argument area.
    /// The vectors that `saved` stores are in an object of `saved.bytes`.
    pub(super) fn of(
        machine: &Machine,
        abi: &FnAbi,
        wanted: &[PlacedParam],
        in_area: bool,
        saved: &SavedVectors,
    ) -> Self {
        let mut stub = Self::default();
        let places = || abi.args.iter().map(|arg| &arg.place);
        let chain = places().position(|place| is_chain(machine, place));
        let word = ClifPart::WHOLE_WORD;
        let register = chain.and_then(|arg| {
            let (reg, step) = free_register(machine, wanted, saved)?;
            let part = word.in_bank(reg.bank());
            stub.steps.push(step);
            Some((arg, part, PlacedParam::part(&part, ClifPlace::Reg(reg))))
        });
        let stack_align = machine.counting.stack_align;
        let is_aligned = abi.area_align >= stack_align;
        let pushed = chain.filter(|_| register.is_none());
        stub.chain = register;
        let has_saved = !saved.moves.is_empty();
        if is_aligned && pushed.is_none() && !has_saved {
            return stub;
        }
        stub.steps.push(StubStep::Frame);
        if has_saved {
            stub.steps.extend(saved.steps());
        } else if !is_aligned {
            stub.steps.push(StubStep::Align(stack_align));
        }
        stub.push_area(machine, in_area, has_saved, pushed);
        stub
    }

    /// Adds the steps that make the argument area of the function: with the address of C's if `in_area`, with that of saved vectors if `has_saved`, and with
    /// the static chain, argument `pushed`.
    fn push_area(
        &mut self,
        machine: &Machine,
        in_area: bool,
        has_saved: bool,
        pushed: Option<usize>,
    ) {
        let stack_align = machine.counting.stack_align;
        // From the top: the chain, the two addresses, the function's own shadow space.
        let shadow = machine.counting.shadow_bytes;
        let words = [in_area, has_saved, pushed.is_some()].into_iter();
        let words = words.filter(|is_there| *is_there);
        let bytes = shadow + words.map(|_| WORD.bytes()).sum::<u32>();
        if !bytes.is_multiple_of(stack_align) {
            let unused = bytes.next_multiple_of(stack_align) - bytes;
            self.steps.push(StubStep::Skip(unused));
        }
        if let Some(arg) = pushed {
            // Pushed first, it is the last word.
            let offset = bytes - WORD.bytes();
            self.steps.push(StubStep::push_chain(machine));
            self.chain = Some((
                arg,
                ClifPart::WHOLE_WORD,
                PlacedParam::word(ClifPlace::Stack { offset }),
            ));
        }
        if has_saved {
            self.steps.push(StubStep::PushAddress);
        }
        if in_area {
            self.steps.push(StubStep::PushArea(shadow));
        }
        if shadow > 0 {
            self.steps.push(StubStep::Skip(shadow));
        }
        let words = [
            in_area.then_some(Content::Area),
            has_saved.then_some(Content::Saved),
        ];
        let offsets = (shadow..).step_by(WORD.bytes() as usize);
        let words = words.into_iter().flatten().zip(offsets);
        let word = |offset| PlacedParam::word(ClifPlace::Stack { offset });
        let words = words
            .map(|(content, offset)| (content, word(offset)))
            .collect();
        self.frame = Some(FrameArea { words, bytes });
    }
}

/// A register of parameters that no argument is in, neither one that is `wanted` nor one that is `saved` after the chain has been moved, and how
/// the static chain gets there: an integer register if there is one.
fn free_register(
    machine: &Machine,
    wanted: &[PlacedParam],
    saved: &SavedVectors,
) -> Option<(Reg, StubStep)> {
    let (params, positional) = (&machine.counting.params, machine.counting.positional);
    let is_wanted = |reg: &Reg| wanted.iter().any(|own| own.place == ClifPlace::Reg(*reg));
    let is_taken = |reg: &Reg| is_wanted(reg) || saved.is_in(*reg);
    let free = |class| {
        // By position, nothing may be in the register of the other class either.
        let taken = |position| {
            let mut classes = RegClass::ALL
                .into_iter()
                .filter(|own| *own == class || positional);
            classes.any(|own| params.of(own).get(position).is_some_and(is_taken))
        };
        let mut regs = params.of(class).iter().enumerate();
        let (_, reg) = regs.find(|(position, _)| !taken(*position))?;
        Some((*reg, StubStep::chain_to(machine, *reg)?))
    };
    free(RegClass::Int).or_else(|| free(RegClass::Vector))
}
