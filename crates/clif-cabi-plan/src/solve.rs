//! The order of the parameters of a CLIF signature in which Cranelift puts each where the
//! convention has it. Cranelift counts parameters one after the other. It counts the classes
//! separately and gives no register back, so any placement can be spelled out:
//!
//! ```text
//! registers   in the order of the request, but each class in the order of Cranelift's registers;
//!             padding arguments take registers that are left out
//!             between two parameters. If Cranelift counts positions, in the order of positions
//! stack       by offset, after padding arguments for all registers that are left in a class that a
//!             stack parameter has; padding arguments
//!             also fill the gaps
//! ```

use std::cmp::Reverse;

use cabi::Reg;
use smallvec::SmallVec;

use crate::machine::{Machine, PerClass, RegClass, Registers, Sret};
use crate::parts::WORD;
use crate::signature::{ClifPlace, MAX_STACK_BYTES, Params, Purpose, ValueType};
use crate::slot::{Slot, Slots, What};

/// Padding arguments fill a gap between stack arguments word by word, each at 8 bytes of code and
/// some 5 microseconds. The largest page of Linux on any machine leaves at most so many bytes
/// before an argument aligned to it.
const MAX_GAP_BYTES: u32 = 1 << 16;

const WORD_BYTES: u32 = WORD.bytes();

/// Reason for refusing a larger argument area than Cranelift has.
pub(crate) const TOO_LARGE: &str = "the argument area is too large for Cranelift";

/// Most bytes of an argument area: Cranelift's limit, less a page for the words of stubs after the
/// area.
pub(crate) const MAX_AREA_BYTES: u64 = MAX_STACK_BYTES as u64 - 4096;

const WIDE_GAPS: &str = "wide gaps in the argument area are not lowered";

/// Solver that puts slots in the order of the parameters of a CLIF signature, or of its results,
/// and adds padding.
#[derive(Clone)]
pub(crate) struct Solver {
    pub(crate) machine: Machine,
    registers: &'static Registers,
    positional: bool,
    /// `true` if the values are passed by the side that has the signature: narrow ones are then
    /// declared as they are extended.
    passes: bool,
    /// Purpose of the parameter with the address of the result.
    pub(crate) sret: Purpose,
    n_used: PerClass<usize>,
    /// Parameters or results declared so far.
    pub(crate) declared: Params,
}

impl Solver {
    pub(crate) fn params(machine: Machine, passes: bool) -> Self {
        Self {
            machine,
            registers: &machine.convention.params,
            positional: machine.convention.positional,
            passes,
            // A pointer that nobody returns may be any word.
            sret: match machine.convention.sret {
                Sret::Refused => Purpose::Normal,
                _ => Purpose::StructReturn,
            },
            n_used: PerClass::default(),
            declared: Params::new(),
        }
    }

    /// Results are counted by their classes under every convention.
    pub(crate) fn results(machine: Machine, passes: bool) -> Self {
        Self {
            registers: &machine.convention.results,
            positional: false,
            ..Self::params(machine, passes)
        }
    }

    /// Finds the parameter of each of `slots` that has one. Appends padding so that each is in its
    /// place and the argument area has `area_bytes`.
    pub(crate) fn solve(
        &mut self,
        slots: &mut Slots,
        is_param: impl Fn(&Slot) -> bool,
        area_bytes: u64,
    ) -> Result<(), &'static str> {
        self.in_registers(slots, &is_param);
        self.on_stack(slots, &is_param, area_bytes)
    }

    /// Places the registers of each class in order, or those of both classes in the order of
    /// positions. Adds padding before a value that is not in the next register. Otherwise the order
    /// of `slots` stays. The check refuses a register that Cranelift never gives out. It also
    /// refuses two registers in one position, which follow each other.
    pub(crate) fn in_registers(&mut self, slots: &mut Slots, is_param: impl Fn(&Slot) -> bool) {
        let mut order = PerClass::<SmallVec<[(usize, usize, RegClass); 8]>>::default();
        let registers = self.registers;
        let position = |slot: &Slot| registers.position(slot.place.reg()?);
        let n = slots.len();
        for (i, slot) in slots.iter().enumerate() {
            if let Some((class, position)) = position(slot).filter(|_| is_param(slot)) {
                order.of_mut(self.counted(class)).push((position, i, class));
            }
        }
        for class in RegClass::ALL {
            let order = order.of_mut(class);
            order.sort_unstable_by_key(|(position, i, _)| Reverse((*position, *i)));
        }
        for i in 0..n {
            let Some(slot) = slots.get(i).filter(|slot| is_param(slot)) else {
                continue;
            };
            match (slot.place.reg(), position(slot)) {
                (None, _) => {}
                (Some(_), None) => self.declare(slots, i),
                (Some(_), Some((class, _))) => {
                    let class = self.counted(class);
                    let Some((position, index, own_class)) = order.of_mut(class).pop() else {
                        continue;
                    };
                    self.pad_registers(slots, class, position);
                    self.declare(slots, index);
                    self.take(own_class);
                }
            }
        }
    }

    fn on_stack(
        &mut self,
        slots: &mut Slots,
        is_param: impl Fn(&Slot) -> bool,
        area_bytes: u64,
    ) -> Result<(), &'static str> {
        let (shadow_bytes, least_slot) = (
            self.machine.convention.shadow_bytes,
            self.machine.convention.least_slot,
        );
        let stack = slots.iter().enumerate().filter_map(|(i, slot)| {
            let own = self.machine.convention.slot(slot.ty(self.passes));
            let (start, end) = slot.place.in_area(own)?;
            is_param(slot).then_some((start, end, i))
        });
        let mut stack: SmallVec<[_; 8]> = stack.collect();
        if area_bytes <= shadow_bytes.into() && stack.is_empty() {
            return Ok(());
        }
        let area_bytes = u32::try_from(area_bytes).map_err(|_| TOO_LARGE)?;
        stack.sort_by_key(|(start, ..)| *start);
        // Cranelift's own rounding makes the rest of the area, where slots are packed.
        let last = stack.last().map_or(0, |(_, end, _)| *end);
        let area_bytes = match least_slot < WORD_BYTES
            && last.next_multiple_of(self.machine.convention.stack_align) >= area_bytes
        {
            true => last,
            false => area_bytes,
        };
        let gaps = has_gaps(
            shadow_bytes,
            stack.iter().map(|(start, end, _)| (*start, *end)),
            (area_bytes, least_slot),
        )?;
        for class in RegClass::ALL {
            let passed = stack.iter().filter_map(|(.., i)| slots.get(*i));
            let mut values = passed.filter(|slot| !matches!(slot.place, ClifPlace::Area { .. }));
            let passed = values.any(|slot| RegClass::of(slot.ty(self.passes)) == class);
            // Padding on the stack is an integer.
            if passed || class == RegClass::Int && gaps {
                self.pad_registers(slots, class, usize::MAX);
            }
        }
        let mut next = shadow_bytes;
        for (start, end, i) in stack {
            self.pad_stack(slots, next, start);
            self.declare(slots, i);
            next = end;
        }
        self.pad_stack(slots, next, area_bytes);
        Ok(())
    }

    /// Returns the integer register that the next parameter of its class takes, if one is left.
    pub(crate) fn next_int(&self) -> Option<Reg> {
        self.registers.int.get(self.n_used.int).copied()
    }

    /// Appends the address of the function to call: in [`Solver::next_int`], or as the first word
    /// after the argument area of `area_bytes`.
    pub(crate) fn push_callee(
        &mut self,
        slots: &mut Slots,
        register: Option<Reg>,
        area_bytes: u64,
    ) -> Result<(), &'static str> {
        let place = match register {
            Some(reg) => ClifPlace::Reg(reg),
            None => {
                let offset = u32::try_from(area_bytes).map_err(|_| TOO_LARGE)?;
                self.pad_registers(slots, RegClass::Int, usize::MAX);
                ClifPlace::Stack { offset }
            }
        };
        self.push(slots, Slot::word(What::Callee, place));
        Ok(())
    }

    /// Returns the class by which registers of `class` are counted.
    fn counted(&self, class: RegClass) -> RegClass {
        if self.positional {
            RegClass::Int
        } else {
            class
        }
    }

    /// Adds padding for the registers of `class` before the one at `end`.
    fn pad_registers(&mut self, slots: &mut Slots, class: RegClass, end: usize) {
        while let Some(reg) = self.registers.of(class).get(*self.n_used.of(class))
            && *self.n_used.of(class) < end
        {
            self.push(slots, Slot::padding(padding(class), ClifPlace::Reg(*reg)));
            self.take(class);
        }
    }

    /// Counts a register of `class`; where there are positions, that of the other class is used up
    /// with it.
    fn take(&mut self, class: RegClass) {
        for own in RegClass::ALL {
            if own == class || self.positional {
                *self.n_used.of_mut(own) += 1;
            }
        }
    }

    /// Adds padding for the slots of the argument area from `offset` to `end`.
    fn pad_stack(&mut self, slots: &mut Slots, mut offset: u32, end: u32) {
        let least_slot = self.machine.convention.least_slot;
        while offset.saturating_add(least_slot) <= end {
            let ty = gap(offset, end, least_slot);
            self.push(slots, Slot::padding(ty, ClifPlace::Stack { offset }));
            offset += ty.bytes();
        }
    }

    fn push(&mut self, slots: &mut Slots, mut slot: Slot) {
        self.declare_next(&mut slot);
        slots.push(slot);
    }

    fn declare(&mut self, slots: &mut Slots, i: usize) {
        if let Some(slot) = slots.get_mut(i) {
            self.declare_next(slot);
        }
    }

    /// Declares `slot` as the next parameter.
    fn declare_next(&mut self, slot: &mut Slot) {
        slot.param = u32::try_from(self.declared.len()).ok();
        self.declared.push(slot.declared(self.passes, self.sret));
    }
}

/// Returns the type of a value that keeps a register of `class` unused.
pub(crate) fn padding(class: RegClass) -> ValueType {
    match class {
        RegClass::Int => WORD,
        RegClass::Vector => ValueType::F64,
    }
}

/// Returns the next integer of a gap of the argument area from `next` to `end`. It is a word, or
/// where slots have less, the largest integer that is aligned.
fn gap(next: u32, end: u32, least_slot: u32) -> ValueType {
    if least_slot == WORD_BYTES {
        return WORD;
    }
    let ints = [WORD, ValueType::I32, ValueType::I16];
    let left = end.saturating_sub(next);
    let fits = |ty: &ValueType| ty.bytes() <= left && next.is_multiple_of(ty.bytes());
    ints.into_iter().find(fits).unwrap_or(ValueType::I8)
}

/// Checks whether slots of the argument area are left between or after the parameters at `ranges`,
/// from the offset `next` on.
fn has_gaps(
    mut next: u32,
    ranges: impl Iterator<Item = (u32, u32)>,
    (area_bytes, least_slot): (u32, u32),
) -> Result<bool, &'static str> {
    let mut gaps = false;
    for (start, end) in ranges.chain([(area_bytes, area_bytes)]) {
        let bytes = start.saturating_sub(next);
        if bytes > MAX_GAP_BYTES {
            return Err(WIDE_GAPS);
        }
        gaps |= bytes >= least_slot;
        next = end;
    }
    Ok(gaps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;
    use crate::signature::Signature;

    /// No signature is refused for its argument area, as padding arguments fill it to its end; a
    /// plan without them is refused.
    #[test]
    fn an_area_without_padding_at_its_end_is_refused() {
        let machine = Machine::of(&cabi::Target::X86_64_LINUX).unwrap();
        let mut solver = Solver::params(machine, true);
        let mut slots = Slots::new();
        slots.push(Slot::word(What::Callee, ClifPlace::Stack { offset: 0 }));
        solver
            .solve(&mut slots, |_| true, WORD_BYTES.into())
            .unwrap();
        let mut signature = Signature::new(machine.convention.call_conv);
        signature.params = solver.declared;
        let checked = |bytes| check(machine, &signature, (&slots, &[]), None, bytes);
        // Cranelift aligns the area itself.
        assert!(checked(16).is_ok());
        let why = "the argument area: the convention has it in 40 bytes, Cranelift in 16; please ";
        assert!(checked(40).unwrap_err().to_string().starts_with(why));
    }
}
