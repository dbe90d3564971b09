//! Where clang counts other registers than it uses.
//!
//! clang's front end counts the registers of each argument, and by that count decides whether a record is in registers or as a whole on the stack. LLVM
//! then gives each part of what is in registers the next register, or a slot of its own. Where the two counts differ, a record may be taken apart that
//! the front end took for one in registers; no rule says where its parts go. Such a call is refused.

use super::super::super::registers::{ARG_GPRS, ARG_VECTORS};
use crate::convention::{Bank, Group, GroupKind, Loc, Part, Place, PlacedPart, Reg, State};

/// [`Group::word`]: the front end counts the first part, an integer, as one in a vector register; of a result in memory, it does not count the register
/// of the pointer.
pub(super) const COUNTED_AS_SSE: u32 = 1;
/// [`Group::word`]: the front end does not count the registers of the parts.
pub(super) const UNCOUNTED: u32 = 2;
/// [`Group::word`]: the front end does not count the registers that an attempt of LLVM's uses up.
pub(super) const EXHAUSTS: u32 = 4;
/// [`Group::word`]: the front end counts a vector register for what LLVM puts in memory.
pub(super) const COUNTED_IN_MEMORY: u32 = 8;
/// [`Group::word`], in a variadic function: the value is in memory as a whole where the front end's count leaves no registers. Scalars, and vectors of
/// 16 bytes, are then left to LLVM, which gives them the registers that it has.
pub(super) const WHOLE: u32 = 32;
/// [`Group::word`], beside [`COUNTED_IN_MEMORY`]: LLVM aligns it to its size if the front end finds a register, and as the record that it is if not.
pub(super) const UNDER_ALIGNED: u32 = 16;

const WHY: &str = "clang counts other registers than it uses, here or for what stands before, and takes records apart where registers run out; no rule \
     describes where their parts go";

/// How the count of clang's front end differs from the registers in use.
#[derive(Clone, Copy)]
struct Count {
    /// How many vector registers it counts where integer registers are used.
    counted_as_sse: u8,
    /// Integer and vector registers that are used, and that it counts as free.
    uncounted: [u8; 2],
    /// How many vector registers it counts that are free.
    counted_in_memory: u8,
}

/// The [`Rules::check`](crate::convention::Rules::check) of System V: follows both counts, and refuses a value that they disagree about.
pub(in super::super::super) fn check(
    memory: u32,
    before: &State,
    group: &Group,
    place: &Place,
) -> Result<u32, &'static str> {
    let mut count = Count::of(memory);
    if has(group, COUNTED_IN_MEMORY) && count.finds_vector(before) {
        count.counted_in_memory += 1;
    } else if has(group, UNDER_ALIGNED) {
        return Err(
            "clang aligns a wide vector of a variadic function in a record that is aligned to less as no rule says, where registers run out",
        );
    }
    let own = u8::from(has(group, COUNTED_AS_SSE));
    let counted_as_sse = count.counted_as_sse.saturating_add(own);
    if group.kind != GroupKind::Registers || group.parts.is_empty() {
        return Ok(Count {
            counted_as_sse,
            ..count
        }
        .word());
    }
    let count = match place {
        Place::Parts(placed) => count.in_registers(before, group, placed)?,
        _ => count.on_stack(before, group)?,
    };
    Ok(Count {
        counted_as_sse,
        ..count
    }
    .word())
}

/// The [`Rules::va_arg`](crate::convention::Rules::va_arg) of System V: clang's reads the register save area by its own count.
pub(in super::super::super) fn va_arg(group: &Group) -> Result<(), &'static str> {
    match has(group, COUNTED_AS_SSE) {
        true => {
            Err("clang counts other registers for it than it uses: no va_arg finds what follows")
        }
        false => Ok(()),
    }
}

impl Count {
    fn of(word: u32) -> Self {
        let [counted_as_sse, ints, vectors, counted_in_memory] = word.to_le_bytes();
        Self {
            counted_as_sse,
            uncounted: [ints, vectors],
            counted_in_memory,
        }
    }

    fn word(self) -> u32 {
        let [ints, vectors] = self.uncounted;
        u32::from_le_bytes([self.counted_as_sse, ints, vectors, self.counted_in_memory])
    }

    /// How many vector registers it counts that hold no argument in an eightbyte of class Sse.
    fn counted_besides(self) -> usize {
        usize::from(self.counted_as_sse) + usize::from(self.counted_in_memory)
    }

    /// Whether a vector register is left by the front end's count.
    fn finds_vector(self, before: &State) -> bool {
        let [_, uncounted] = self.uncounted;
        free(before, ARG_VECTORS) + usize::from(uncounted) > self.counted_besides()
    }

    /// A value whose parts have found registers.
    fn in_registers(
        mut self,
        before: &State,
        group: &Group,
        placed: &[PlacedPart],
    ) -> Result<Self, &'static str> {
        let is_vector = |part: &Part| part.bank == Bank::Vector;
        let own = has(group, COUNTED_AS_SSE);
        if self.counted_in_memory > 0 && !has(group, WHOLE) {
            if group.parts.iter().any(is_vector) && !self.finds_vector(before) {
                self.counted_in_memory -= 1;
            }
        } else if own || group.parts.iter().any(is_vector) {
            // By the front end's count there are fewer registers than are free, and the value needs as many as it has Sse eightbytes.
            let takes = |reg: &&Reg| placed.iter().any(|part| part.loc == Loc::Reg(**reg));
            let taken = ARG_VECTORS.iter().filter(takes).count();
            let needed = taken + usize::from(own) + self.counted_besides();
            if free(before, ARG_VECTORS) < needed {
                return Err(WHY);
            }
        }
        if has(group, UNCOUNTED) {
            group
                .parts
                .iter()
                .for_each(|part| self.leave_uncounted(part.bank));
        }
        Ok(self)
    }

    /// A value that is on the stack because registers were not enough for all of its parts.
    fn on_stack(mut self, before: &State, group: &Group) -> Result<Self, &'static str> {
        let several = group.parts.len() > 1;
        if has(group, COUNTED_AS_SSE) || (self.counted_as_sse > 0 && several) {
            return Err(WHY);
        }
        let suffice = !has(group, UNCOUNTED) && self.suffices(before, group)?;
        for reg in group.exhausts {
            if before.is_free(*reg) {
                self.leave_uncounted(reg.bank());
            }
        }
        if suffice {
            for part in &group.parts {
                if let Some(n) = self.uncounted(part.bank) {
                    *n = n.saturating_sub(1);
                }
            }
        }
        Ok(self)
    }

    /// Whether the front end counts registers for `group`, because with those that it takes for free they are enough.
    fn suffices(mut self, before: &State, group: &Group) -> Result<bool, &'static str> {
        if self.uncounted == [0; 2] {
            return Ok(false);
        }
        let mut free = [free(before, ARG_GPRS), free(before, ARG_VECTORS)];
        let mut some_in_registers = false;
        for part in &group.parts {
            let found = match part.bank {
                Bank::Int => free.first_mut(),
                Bank::Vector => free.last_mut(),
                Bank::X87 => None,
            };
            match (found, self.uncounted(part.bank)) {
                (Some(n @ 1..), _) => {
                    some_in_registers = true;
                    *n -= 1;
                }
                (_, Some(n @ 1..)) => *n -= 1,
                _ => return Ok(false),
            }
        }
        if some_in_registers || !is_same_in_slots(group) {
            return Err(WHY);
        }
        Ok(true)
    }

    /// How many registers of `bank` are used and counted as free.
    fn uncounted(&mut self, bank: Bank) -> Option<&mut u8> {
        match bank {
            Bank::Int => self.uncounted.first_mut(),
            Bank::Vector => self.uncounted.last_mut(),
            Bank::X87 => None,
        }
    }

    fn leave_uncounted(&mut self, bank: Bank) {
        if let Some(n) = self.uncounted(bank) {
            *n = n.saturating_add(1);
        }
    }
}

fn has(group: &Group, word: u32) -> bool {
    group.word & word != 0
}

fn free(state: &State, regs: &[Reg]) -> usize {
    regs.iter().filter(|reg| state.is_free(**reg)).count()
}

/// Whether the parts of `group`, each in a slot of its own, are where the whole would be.
fn is_same_in_slots(group: &Group) -> bool {
    let slot = |part: &Part| u64::from(part.ty.bytes().max(8));
    let bytes: u64 = group.parts.iter().map(slot).sum();
    let align = group.parts.first().map_or(8, slot);
    let words = group.parts.len() == 1 || bytes == 8 * group.parts.len() as u64;
    words && group.size <= bytes && u64::from(group.align) <= align
}
