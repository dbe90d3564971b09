//! What a stub between C's call and a function stores and moves: vectors that CLIF cannot say, to memory, and the static chain, to where a parameter can be.

use cabi::{Bank, Reg};
use smallvec::SmallVec;

use crate::machine::{Machine, RegClass, RegisterMove, StubStep};
use crate::places::ClifPlace;
use crate::solve::PlacedParam;

/// The vectors in registers that CLIF cannot say. A stub stores them to an object of its own.
#[derive(Default)]
pub(super) struct SavedVectors {
    pub(super) moves: SmallVec<[RegisterMove; 4]>,
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
    pub(super) fn steps(&self) -> impl Iterator<Item = StubStep> {
        let first = [
            StubStep::Align(SAVED_ALIGN),
            StubStep::Skip(self.bytes),
            StubStep::AddressOfSkipped,
        ];
        first.into_iter().chain(StubStep::stores(&self.moves))
    }
}

/// A register of parameters that no argument is in, neither one that is `wanted` nor one that is `saved` after the chain has been moved, and how
/// the static chain gets there: an integer register if there is one.
pub(super) fn free_register(
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
