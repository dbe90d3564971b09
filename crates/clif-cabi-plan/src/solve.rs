//! The order of the parameters of a CLIF signature in which Cranelift, which counts them one after the other, puts each where the convention
//! has it. Cranelift counts the classes separately and gives no register back, so any placement can be spelled out:
//!
//! ```text
//! registers   in the order of the request, but each class in the order of Cranelift's registers; padding arguments take registers that are left out
//!             between two parameters. Where Cranelift counts positions, in the order of positions
//! stack       by offset, after padding arguments for all registers that are left in a class that a stack parameter has; padding arguments
//!             also fill the gaps
//! ```

use std::cmp::Reverse;

use cabi::Reg;
use smallvec::SmallVec;

use crate::check::Expect;
use crate::error::PlanError;
use crate::machine::{Machine, PerClass, RegClass, Registers};
use crate::parts::{ClifPart, WORD};
use crate::places::{ClifPlace, MAX_STACK_BYTES, Places};
use crate::signature::{ClifParam, Purpose, Signature, ValueType};

/// Padding arguments fill a gap between stack arguments word by word, at a cost of 8 bytes of code and some 5 microseconds each. Before an argument
/// that is aligned to the largest page that Linux has on any machine there are so many bytes at most.
const MAX_GAP_BYTES: u32 = 1 << 16;

const WORD_BYTES: u32 = WORD.bytes();

/// Why an argument area of more than [`MAX_AREA_BYTES`] is refused.
pub(crate) const TOO_LARGE: &str = "the argument area is too large for Cranelift";

/// Most bytes of an argument area: what Cranelift takes, less a page for the words that stubs are given after the area.
pub(crate) const MAX_AREA_BYTES: u64 = MAX_STACK_BYTES as u64 - 4096;

const WIDE_GAPS: &str = "wide gaps in the argument area are not lowered";

/// A CLIF parameter, and where the convention has it.
#[derive(Clone, Copy)]
pub(crate) struct PlacedParam {
    pub(crate) param: ClifParam,
    pub(crate) place: ClifPlace,
}

impl PlacedParam {
    /// What takes `part`, whatever is above it.
    pub(crate) fn part(part: &ClifPart, place: ClifPlace) -> Self {
        let param = ClifParam::new(part.ty);
        Self { param, place }
    }

    /// What passes `part`.
    pub(crate) fn passed(part: &ClifPart, place: ClifPlace) -> Self {
        let param = ClifParam::new(part.passed_as());
        Self { param, place }
    }

    pub(crate) fn word(place: ClifPlace) -> Self {
        let param = ClifParam::new(WORD);
        Self { param, place }
    }

    /// A block of bytes in the argument area: a call copies them there, a function that is entered has their address.
    pub(crate) fn block(offset: u32, size: u32) -> Self {
        Self {
            param: ClifParam::special(WORD, Purpose::StructArgument(size)),
            place: ClifPlace::Area { offset, size },
        }
    }

    /// Its first byte in the argument area, and the first one after it, where a slot has at least so many bytes. `None` for one in a register.
    pub(crate) fn in_area(&self, least_slot: u32) -> Option<(u32, u32)> {
        match self.place {
            ClifPlace::Reg(_) => None,
            ClifPlace::Stack { offset } => {
                let bytes = self.param.ty.bytes().max(least_slot);
                Some((offset, offset.saturating_add(bytes)))
            }
            ClifPlace::Area { offset, size } => Some((offset, offset.saturating_add(size))),
        }
    }
}

/// The index of each wanted parameter in the signature, in the order in which they were asked for.
pub(crate) type Indexes = SmallVec<[usize; 16]>;

/// A CLIF signature while its parameters and results are put in order.
pub(crate) struct Solver {
    pub(crate) machine: &'static Machine,
    pub(crate) signature: Signature,
    pub(crate) expect: Expect,
    /// How many registers of parameters are in use.
    n_used: PerClass<usize>,
}

impl Solver {
    pub(crate) fn new(machine: &'static Machine) -> Self {
        Self {
            machine,
            signature: Signature::new(machine.counting.call_conv),
            expect: Expect::default(),
            n_used: PerClass::default(),
        }
    }

    /// Appends the results `wanted`, and padding results so that each is in its register.
    pub(crate) fn results(&mut self, wanted: &[(ClifParam, Reg)]) -> Indexes {
        let regs = wanted.iter().map(|(_, reg)| Some(*reg));
        let mut indexes = SmallVec::from_elem(0, wanted.len());
        // Results are counted by their classes under every convention.
        for turn in turns(&self.machine.counting.results, false, regs) {
            let (param, reg) = match turn {
                Turn::Padding(class) => (padding(class), None),
                Turn::Param(_, i) => {
                    let Some((param, reg)) = wanted.get(i) else {
                        continue;
                    };
                    set(&mut indexes, i, self.signature.returns.len());
                    (*param, Some(*reg))
                }
            };
            self.signature.returns.push(param);
            self.expect.results.push(reg);
        }
        indexes
    }

    /// Appends the parameters `wanted`, and padding arguments so that each is in its place and the argument area has `area_bytes`.
    pub(crate) fn params(
        &mut self,
        wanted: &[PlacedParam],
        area_bytes: u64,
    ) -> Result<Indexes, &'static str> {
        let mut indexes = SmallVec::from_elem(0, wanted.len());
        self.registers(wanted, &mut indexes);
        self.stack(wanted, area_bytes, &mut indexes)?;
        Ok(indexes)
    }

    fn registers(&mut self, wanted: &[PlacedParam], indexes: &mut Indexes) {
        let counting = self.machine.counting;
        let regs = wanted.iter().map(|own| own.place.reg());
        for turn in turns(&counting.params, counting.positional, regs) {
            if let Turn::Padding(class) | Turn::Param(Some(class), _) = turn {
                self.take(class);
            }
            match turn {
                Turn::Padding(class) => self.push(padding(class), None),
                Turn::Param(_, i) => {
                    if let Some(wanted) = wanted.get(i) {
                        self.push_wanted(wanted, i, indexes);
                    }
                }
            }
        }
    }

    fn stack(
        &mut self,
        wanted: &[PlacedParam],
        area_bytes: u64,
        indexes: &mut Indexes,
    ) -> Result<(), &'static str> {
        let counting = self.machine.counting;
        let (shadow_bytes, least_slot) = (counting.shadow_bytes, counting.least_slot);
        let stack = wanted.iter().enumerate().filter_map(|(i, wanted)| {
            let (start, end) = wanted.in_area(least_slot)?;
            Some((start, end, i, wanted))
        });
        let mut stack: SmallVec<[_; 8]> = stack.collect();
        if area_bytes <= shadow_bytes.into() && stack.is_empty() {
            return Ok(());
        }
        let area_bytes = u32::try_from(area_bytes).map_err(|_| TOO_LARGE)?;
        stack.sort_by_key(|(start, ..)| *start);
        // Cranelift's own rounding makes the rest of the area, where slots are packed.
        let last = stack.last().map_or(0, |(_, end, ..)| *end);
        let area_bytes = match least_slot < WORD_BYTES
            && last.next_multiple_of(counting.stack_align) >= area_bytes
        {
            true => last,
            false => area_bytes,
        };
        let gaps = has_gaps(
            shadow_bytes,
            stack.iter().map(|(start, end, ..)| (*start, *end)),
            (area_bytes, least_slot),
        )?;
        for class in RegClass::ALL {
            let passed = stack.iter().any(|(.., wanted)| {
                wanted.param.purpose == Purpose::Normal && RegClass::of(wanted.param.ty) == class
            });
            // A padding argument on the stack is an integer.
            if passed || class == RegClass::Int && gaps {
                self.pad_registers(class);
            }
        }
        let mut next = shadow_bytes;
        for (start, end, i, wanted) in stack {
            self.pad_stack(next, start);
            self.push_wanted(wanted, i, indexes);
            next = end;
        }
        self.pad_stack(next, area_bytes);
        Ok(())
    }

    /// The integer register that the next parameter of its class takes, if one is left.
    pub(crate) fn next_int(&self) -> Option<Reg> {
        let ints = self.machine.counting.params.of(RegClass::Int);
        ints.get(self.n_used.int).copied()
    }

    /// Appends a word that is in [`Solver::next_int`].
    pub(crate) fn push_next_int(&mut self) {
        let place = self.next_int().map(ClifPlace::Reg);
        self.take(RegClass::Int);
        self.push(ClifParam::new(WORD), place);
    }

    /// Appends a word that is the first one after the argument area of `area_bytes`.
    pub(crate) fn push_after(&mut self, area_bytes: u64) -> Result<(), &'static str> {
        let offset = u32::try_from(area_bytes).map_err(|_| TOO_LARGE)?;
        self.pad_registers(RegClass::Int);
        self.push(ClifParam::new(WORD), Some(ClifPlace::Stack { offset }));
        Ok(())
    }

    /// Padding arguments for the registers of `class` that are left.
    fn pad_registers(&mut self, class: RegClass) {
        while *self.n_used.of(class) < self.machine.counting.params.of(class).len() {
            self.push(padding(class), None);
            self.take(class);
        }
    }

    /// Counts a register of `class`; where there are positions, that of the other class is used up with it.
    fn take(&mut self, class: RegClass) {
        for own in RegClass::ALL {
            if own == class || self.machine.counting.positional {
                *self.n_used.of_mut(own) += 1;
            }
        }
    }

    /// Padding arguments for the slots of the argument area from `next` to `end`.
    fn pad_stack(&mut self, mut next: u32, end: u32) {
        let least_slot = self.machine.counting.least_slot;
        while next.saturating_add(least_slot) <= end {
            let ty = gap(next, end, least_slot);
            self.push(ClifParam::new(ty), None);
            next += ty.bytes();
        }
    }

    fn push_wanted(&mut self, wanted: &PlacedParam, i: usize, indexes: &mut Indexes) {
        set(indexes, i, self.signature.params.len());
        self.push(wanted.param, Some(wanted.place));
    }

    fn push(&mut self, param: ClifParam, place: Option<ClifPlace>) {
        self.signature.params.push(param);
        self.expect.params.push(place);
    }

    /// Compares where Cranelift puts the parameters and results with where the convention has them, and gives their places.
    pub(crate) fn check(&self) -> Result<Places, PlanError> {
        self.expect.check(self.machine, &self.signature)
    }
}

fn set(indexes: &mut Indexes, i: usize, index: usize) {
    if let Some(own) = indexes.get_mut(i) {
        *own = index;
    }
}

/// What keeps a register of `class` from being used.
pub(crate) fn padding(class: RegClass) -> ClifParam {
    ClifParam::new(match class {
        RegClass::Int => WORD,
        RegClass::Vector => ValueType::F64,
    })
}

/// The integer whose slot is next in a gap of the argument area from `next` to `end`: a word, or where slots have less, the largest one that is aligned.
fn gap(next: u32, end: u32, least_slot: u32) -> ValueType {
    if least_slot == WORD_BYTES {
        return WORD;
    }
    let ints = [WORD, ValueType::I32, ValueType::I16];
    let left = end.saturating_sub(next);
    let fits = |ty: &ValueType| ty.bytes() <= left && next.is_multiple_of(ty.bytes());
    ints.into_iter().find(fits).unwrap_or(ValueType::I8)
}

/// Whether slots of the argument area are left between or after the parameters at `taken`, from the offset `next` on.
fn has_gaps(
    mut next: u32,
    taken: impl Iterator<Item = (u32, u32)>,
    (area_bytes, least_slot): (u32, u32),
) -> Result<bool, &'static str> {
    let mut gaps = false;
    for (start, end) in taken.chain([(area_bytes, area_bytes)]) {
        let bytes = start.saturating_sub(next);
        if bytes > MAX_GAP_BYTES {
            return Err(WIDE_GAPS);
        }
        gaps |= bytes >= least_slot;
        next = end;
    }
    Ok(gaps)
}

/// What stands next in a signature.
#[derive(Clone, Copy)]
enum Turn {
    /// What is wanted at this index, in a register of the class. Without one it is in a register that Cranelift never gives out.
    Param(Option<RegClass>, usize),
    /// Something in a register of the class that nothing is wanted in.
    Padding(RegClass),
}

/// The order in which what is wanted in `regs` has to stand: in each class that of `registers`, or in both classes that of positions; with padding before
/// what is not in the next one, and otherwise as it is asked for. What is wanted in no register is left out. A register that Cranelift never gives out is the
/// check's to refuse, and so are two in one position, which follow each other.
fn turns(
    registers: &Registers,
    positional: bool,
    regs: impl Iterator<Item = Option<Reg>> + Clone,
) -> SmallVec<[Turn; 16]> {
    let counted = |class| if positional { RegClass::Int } else { class };
    let mut order = PerClass::<SmallVec<[(usize, usize, RegClass); 8]>>::default();
    for (i, reg) in regs.clone().enumerate() {
        if let Some((class, position)) = reg.and_then(|reg| registers.position(reg)) {
            order.of_mut(counted(class)).push((position, i, class));
        }
    }
    for class in RegClass::ALL {
        let order = order.of_mut(class);
        order.sort_unstable_by_key(|(position, i, _)| Reverse((*position, *i)));
    }
    let (mut n_used, mut turns) = (PerClass::<usize>::default(), SmallVec::new());
    for (i, reg) in regs.enumerate() {
        let Some(reg) = reg else { continue };
        let Some((class, _)) = registers.position(reg) else {
            turns.push(Turn::Param(None, i));
            continue;
        };
        let class = counted(class);
        let (next, n_used) = (order.of_mut(class).pop(), n_used.of_mut(class));
        let Some((position, i, own)) = next else {
            continue;
        };
        while *n_used < position {
            turns.push(Turn::Padding(class));
            *n_used += 1;
        }
        turns.push(Turn::Param(Some(own), i));
        *n_used += 1;
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No signature is refused for its argument area, as padding arguments fill it to its end: what is refused is a plan without them.
    #[test]
    fn an_area_without_padding_at_its_end_is_refused() {
        let mut solver = Solver::new(Machine::X86_64);
        let first = PlacedParam::word(ClifPlace::Stack { offset: 0 });
        solver.params(&[first], WORD_BYTES.into()).unwrap();
        // Cranelift aligns the area itself.
        solver.expect.area_bytes = 16;
        assert!(solver.check().is_ok());
        solver.expect.area_bytes = 40;
        let why = "the argument area: the convention has it in 40 bytes, Cranelift in 16";
        assert_eq!(solver.check().unwrap_err().to_string(), why);
    }
}
