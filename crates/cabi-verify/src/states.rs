//! Argument assignment as states and transitions, and how much of it was seen: psABI 3.2.3,
//! Passing.
//!
//! The place of the next argument depends on a [`AssignedState`] (how many integer and vector
//! registers are left, and where the next free slot of the stack is, modulo the greatest alignment)
//! and on the [`Shape`] of the value: the registers that it asks for. Everything here is read off
//! [`FnAbi`]; no register is counted again.
//!
//! ```text
//! 7 (integer registers left) x 9 (vector registers left) x 8 (slots modulo 64 bytes) states
//!     x 26 shapes = 13104 transitions
//! ```
//!
//! [`Coverage`] is a set of transitions; a [`fuzz`](crate::fuzz) run may try every one of them.
//!
//! So it is for System V on x86-64. Other conventions have states and shapes of their own
//! ([`Measure`]): Win64 has 12 states, as it has four positions, each a register of both kinds,
//! before slots of the stack; AAPCS64, Apple's arm64 and RISC-V's lp64d have eight registers of
//! both kinds. The states are is found: arguments are added until there is no new state. Outside of
//! the measure: conventions without one, vectors of bools whose lanes are passed one by one, and
//! gcc's treatment of a record of unnamed bit-fields alone, which has registers but no room on the
//! stack.

use std::fmt;

use cabi::convention::{Group, GroupKind, Role};
use cabi::{Bank, Error, FnAbi, Part, PartType, Place, Policy, Type};

use crate::case::Case;

mod coverage;
mod measure;
#[cfg(test)]
mod tests;

pub use coverage::Coverage;
pub use measure::{Argument, Measure, SYSV, WIN64};

/// Registers and stack that the arguments so far have left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AssignedState {
    /// Integer registers left.
    pub gp: u8,
    /// Vector registers left.
    pub sse: u8,
    /// Next free slot of the argument area, modulo the greatest alignment that states of the
    /// convention distinguish, in its slots.
    pub phase: u8,
}

impl AssignedState {
    /// Returns the state that the arguments of `abi` leave. `None` if the convention has no
    /// measure.
    pub fn after(abi: &FnAbi) -> Option<Self> {
        let measure = Measure::of(abi.convention)?;
        let slots = (measure.area)(abi) / measure.slot % u64::from(measure.n_phases);
        let (gp, sse) = measure.registers;
        // The address of a result may have a register of its own.
        let is_own =
            !measure.result_takes_register && matches!(abi.ret.place, Place::Indirect { .. });
        Some(Self {
            gp: gp.saturating_sub(abi.used.int.saturating_sub(u8::from(is_own))),
            sse: sse.saturating_sub(abi.used.vector),
            phase: u8::try_from(slots).unwrap_or(0),
        })
    }
}

impl fmt::Display for AssignedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gp, sse, phase } = self;
        write!(f, "{gp} integer, {sse} vector registers left, slot {phase}")
    }
}

/// The registers a value asks for.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Registers {
    name: &'static str,
    /// The parts: `I` an integer register, `S` a vector register for at most 8 bytes, `V`, `W` and
    /// `Z` for 16, 32 and 64; `X` memory, `-` an integer register for the address of a copy.
    parts: &'static str,
    /// The alignment on the stack that goes without saying, in bytes.
    align: u8,
}

macro_rules! registers {
    ($($name:literal $parts:literal $align:literal)*) => {
        &[$(Registers { name: $name, parts: $parts, align: $align }),*]
    };
}

const ALL: &[Registers] = registers! {
    "nothing" ""     8
    "I"       "I"    8
    "II"      "II"   8
    "S"       "S"    8
    "SS"      "SS"   8
    "SSS"     "SSS"  8
    "SSSS"    "SSSS" 8
    "IS"      "IS"   8
    "SI"      "SI"   8
    "V16"     "V"    16
    "VV"      "VV"   16
    "VVV"     "VVV"  16
    "VVVV"    "VVVV" 16
    "V32"     "W"    32
    "V64"     "Z"    64
    "M"       "X"    0
    "copy"    "-"    8
};

/// Requirements of a value: registers, and its alignment where it goes to the stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Shape {
    /// The registers.
    pub registers: &'static Registers,
    /// Its alignment on the stack in bytes, at least that of a slot. Greater ones than the
    /// convention distinguishes count as the greatest.
    pub align: u8,
}

impl Shape {
    /// The shape of an argument that is passed as `group`. `None` if it is outside of `measure`.
    fn of(group: &Group, measure: &Measure) -> Option<Self> {
        let letter = |part: &Part| match (part.bank, part.ty) {
            (Bank::Int, _) => 'I',
            (Bank::X87, _) => 'X',
            (_, PartType::V128) => 'V',
            (_, PartType::V256) => 'W',
            (_, PartType::V512) => 'Z',
            _ => 'S',
        };
        let parts: String = match group.kind {
            GroupKind::Ignore => String::new(),
            GroupKind::Memory if group.size == 0 => String::new(),
            GroupKind::Memory => measure.memory.to_owned(),
            GroupKind::Registers if group.size > 0 => group.parts.iter().map(letter).collect(),
            // Padding that takes a register, and no place on the stack.
            _ => return None,
        };
        let registers = ALL.iter().find(|one| one.parts == parts)?;
        let align = match parts.as_str() {
            "" | "-" => 8,
            _ => u64::from(group.align).clamp(measure.slot, measure.greatest_align()),
        };
        let align = u8::try_from(align).unwrap_or(u8::MAX);
        let shape = Self { registers, align };
        measure.shapes.contains(&shape).then_some(shape)
    }

    /// The shapes of a text, as [`Display`](fmt::Display) writes them.
    fn all(text: &str) -> Vec<Self> {
        let one = |word: &str| {
            let (name, align) = match (word.split_once('/'), word.strip_prefix('M')) {
                (Some((name, align)), _) => (name, Some(align)),
                (None, Some(align)) => ("M", Some(align)),
                (None, None) => (word, None),
            };
            let registers = ALL.iter().find(|own| own.name == name)?;
            let align = align.map_or(Some(registers.align), |align| align.parse().ok())?;
            Some(Self { registers, align })
        };
        text.split_whitespace().filter_map(one).collect()
    }
}

impl fmt::Display for Shape {
    /// `II`, `II/16`, `V32`, `M64`: registers, and the alignment where it is not the natural one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, align) = (self.registers.name, self.align);
        match self.registers.align {
            0 => write!(f, "{name}{align}"),
            natural if natural == align => f.write_str(name),
            _ => write!(f, "{name}/{align}"),
        }
    }
}

/// A state and what comes next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Transition {
    /// The state before the value.
    pub state: AssignedState,
    /// The value's shape.
    pub shape: Shape,
}

impl Transition {
    /// Returns the transitions that the arguments of `case` show under `policy`, in order; `None`
    /// for one that is outside of the measure.
    ///
    /// # Errors
    /// [`Error`] if the convention has no place for the arguments up to one of them.
    pub fn of_case(case: &Case, policy: Policy) -> Result<Vec<Option<Self>>, Error> {
        let n_named = case.prototype.params.len();
        let of_argument = |(i, ty): (usize, &Type)| {
            let mut before = case.clone();
            before.prototype.params.truncate(i);
            before.unnamed.truncate(i.saturating_sub(n_named));
            let abi = before.abi_under(policy)?;
            let role = match i < n_named {
                true => Role::Named,
                false => Role::Unnamed,
            };
            let group = FnAbi::classify(&before.sig_under(policy)?, ty, role, &case.target)?;
            let measure = Measure::of(abi.convention);
            let shape = measure.and_then(|measure| Shape::of(&group, measure));
            let of = AssignedState::after(&abi).zip(shape);
            Ok(of.map(|(state, shape)| Self { state, shape }))
        };
        let types = case.argument_types();
        types.iter().enumerate().map(of_argument).collect()
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.shape, self.state)
    }
}
