//! Registers that a compiler's front end takes for free and its back end does not. The front end decides by its own count whether a value of several
//! parts is in registers; then the back end gives each part a register or a slot.

use super::{Assigner, MISCOUNTED, NoPlace, Outcome, State, Value};
use crate::fn_abi::PlacedPart;
use crate::reg::{Bank, Reg};
use crate::rules::{Group, Part, Rule};

impl State {
    /// How many registers of `bank` are used up and still counted as free.
    fn uncounted(&mut self, bank: Bank) -> Option<&mut u8> {
        match bank {
            Bank::Int => self.uncounted.first_mut(),
            Bank::Vector => self.uncounted.last_mut(),
            Bank::X87 => None,
        }
    }

    /// Uses `reg` up without the compiler's counting it.
    pub(super) fn take_uncounted(&mut self, reg: Reg) {
        if self.is_free(reg)
            && let Some(n) = self.uncounted(reg.bank())
        {
            *n = n.saturating_add(1);
        }
        self.take(reg);
    }

    /// Notes that the compiler does not count the registers of `parts`.
    pub(super) fn leave_uncounted(&mut self, parts: &[PlacedPart]) {
        for placed in parts {
            if let Some(n) = self.uncounted(placed.part.bank()) {
                *n = n.saturating_add(1);
            }
        }
    }

    /// Notes that the compiler counts a register for every part of `group`, which is on the stack.
    pub(super) fn count_parts(&mut self, group: &Group) {
        for part in &group.parts {
            if let Some(n) = self.uncounted(part.bank()) {
                *n = n.saturating_sub(1);
            }
        }
    }
}

impl Assigner<'_, '_> {
    /// Whether the compiler counts registers for this value, not all of whose parts found one: it does if those that it only takes for free
    /// would suffice.
    ///
    /// # Errors
    /// The value is not where it would be as a whole on the stack.
    pub(super) fn is_counted(
        &mut self,
        rules: &'static [Rule],
        value: Value<'_>,
    ) -> Result<bool, NoPlace> {
        let group = value.group;
        if self.before.uncounted == [0; 2] || group.uncounted {
            return Ok(false);
        }
        // Only asked: no register is taken, and no explanation tells of it.
        let (failed, log) = (self.state, self.tracer.pause());
        self.asking = true;
        self.state = self.before;
        let (mut left, mut suffice, mut some_in_registers) = (self.before, true, false);
        for part in &group.parts {
            match self.run(rules, value, Some(part.ty), 0) {
                Outcome::Located(..) => some_in_registers = true,
                _ => match left.uncounted(part.bank()) {
                    Some(n) if *n > 0 => *n -= 1,
                    _ => suffice = false,
                },
            }
        }
        self.asking = false;
        self.state = failed;
        self.tracer.resume(log);
        if !suffice {
            return Ok(false);
        }
        if some_in_registers || !is_same_in_slots(group) {
            return Err(MISCOUNTED);
        }
        Ok(true)
    }
}

/// Whether the parts of `group`, each in a slot of its own, are where the whole would be.
fn is_same_in_slots(group: &Group) -> bool {
    let slot = |part: &Part| u64::from(part.ty.bytes().max(8));
    let bytes: u64 = group.parts.iter().map(slot).sum();
    let align = group.parts.first().map_or(8, slot);
    let words = group.parts.len() == 1 || bytes == 8 * group.parts.len() as u64;
    words && group.size <= bytes && u64::from(group.align) <= align
}
