//! Moves of a stub between C's call and a function. The stub stores vectors that CLIF cannot
//! express to memory, and moves the static chain to a place that a parameter can have.

use cabi::{FnAbi, Reg};
use smallvec::SmallVec;

use super::value::wide_moves;
use crate::machine::{Machine, RegClass, RegisterMove, StubStep};

/// The vectors in registers that CLIF cannot express. A stub stores them to an object of its own.
#[derive(Default)]
pub(super) struct SavedVectors {
    pub(super) moves: SmallVec<[RegisterMove; 4]>,
    /// The arguments they are, and where each is from the start of the object.
    args: SmallVec<[(u32, u32); 4]>,
    bytes: u32,
}

/// Alignment of the object that a stub stores vectors to, in bytes.
const SAVED_ALIGN: u32 = RegisterMove::MOST_BYTES;

impl SavedVectors {
    /// Returns those of `abi`: at most as many values as registers.
    pub(super) fn of(machine: Machine, abi: &FnAbi) -> Self {
        let mut saved = Self::default();
        for (arg, arg_abi) in (0..).zip(&abi.args) {
            let start = saved.bytes;
            for reg_move in wide_moves(machine, &arg_abi.place).into_iter().flatten() {
                let offset = reg_move.offset + start;
                saved.moves.push(RegisterMove { offset, ..reg_move });
                let end = offset + reg_move.width.bytes();
                saved.bytes = saved.bytes.max(end.next_multiple_of(SAVED_ALIGN));
            }
            if saved.bytes > start {
                saved.args.push((arg, start));
            }
        }
        saved
    }

    /// Returns the bytes from the start of the object to argument `arg`.
    pub(super) fn offset(&self, arg: u32) -> u32 {
        let mut args = self.args.iter();
        args.find_map(|(own, offset)| (*own == arg).then_some(*offset))
            .unwrap_or(0)
    }

    /// Returns the steps that make the object and store the registers; its address is in r11.
    pub(super) fn steps(&self) -> impl Iterator<Item = StubStep> {
        let first = [
            StubStep::Align(SAVED_ALIGN),
            StubStep::Skip(self.bytes),
            StubStep::AddressOfSkipped,
        ];
        first.into_iter().chain(StubStep::stores(&self.moves))
    }
}

/// Returns a register of parameters that is not `taken`, an integer register if possible, and the
/// step that moves the static chain there.
pub(super) fn free_register(machine: Machine, taken: &[Reg]) -> Option<(Reg, StubStep)> {
    let (params, positional) = (&machine.convention.params, machine.convention.positional);
    let free = |class| {
        // By position, nothing may be in the register of the other class either.
        let is_taken = |position| {
            let mut classes = RegClass::ALL
                .into_iter()
                .filter(|own| *own == class || positional);
            classes.any(|own| (params.of(own).get(position)).is_some_and(|reg| taken.contains(reg)))
        };
        let mut regs = params.of(class).iter().enumerate();
        // A stub that jumps cannot restore a register that the function preserves (s390x r6).
        let is_kept = |reg| machine.convention.preserves(reg);
        let (_, reg) = regs.find(|(position, reg)| !is_taken(*position) && !is_kept(**reg))?;
        Some((*reg, StubStep::chain_to(machine, *reg)?))
    };
    free(RegClass::Int).or_else(|| free(RegClass::Vector))
}
