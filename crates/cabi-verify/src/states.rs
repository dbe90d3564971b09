//! Argument assignment as states and transitions: psABI 3.2.3, Passing.
//!
//! The place of the next argument depends on an [`AssignedState`] and on the [`Shape`] of the
//! value. The state is the number of integer and vector registers left, and the next free slot of
//! the stack, modulo the greatest alignment. The shape is the registers that the value needs.
//! Everything here is read from an [`FnAbi`]; no register is counted again.
//!
//! ```text
//! 7 (integer registers left) x 9 (vector registers left) x 8 (slots modulo 64 bytes) states
//!     x 26 shapes = 13104 transitions
//! ```
//!
//! A [`fuzz`](crate::fuzz) run may try every transition, and names those that no call has shown.
//!
//! These numbers are System V's on x86-64. Other conventions have states and shapes of their own
//! ([`Measure`]): Win64 has 12 states, as it has four positions, each a register of both kinds,
//! before slots of the stack; AAPCS64, Apple's arm64 and RISC-V's lp64d have eight registers of
//! both kinds. The states are found: arguments are added until there is no new state.
//!
//! The measures leave out:
//! - conventions without a measure
//! - vectors of bools whose lanes are passed one by one
//! - gcc's record of unnamed bit-fields alone, which has registers but no room on the stack

use std::fmt;

use cabi::convention::{Group, GroupKind, Role};
use cabi::{Bank, FnAbi, Part, PartType, Place, Policy};

use crate::case::Case;

mod measure;
#[cfg(test)]
mod tests;

pub use measure::{Argument, Measure, SYSV};

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

/// Requirements of a value: its parts, and after a slash its alignment on the stack in bytes, at
/// least that of a slot. Greater ones than the convention distinguishes count as the greatest.
///
/// `I` is an integer register, `S` a vector register for at most 8 bytes, `V`, `W` and `Z` for 16,
/// 32 and 64; `X` is memory. `copy` is an integer register for the address of a copy, and `nothing`
/// a value without a place.
pub type Shape = &'static str;

/// Returns the shape of an argument that is passed as `group`. `None` if it is outside of
/// `measure`.
fn shape(group: &Group, measure: &Measure) -> Option<Shape> {
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
    let align = u64::from(group.align).clamp(measure.slot, measure.greatest_align());
    let name = match parts.as_str() {
        "" => "nothing".to_owned(),
        "copy" => parts,
        _ => format!("{parts}/{align}"),
    };
    measure.shapes().find(|shape| *shape == name)
}

/// A state and the next value's shape.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Transition {
    /// The state before the value.
    pub state: AssignedState,
    /// The value's shape.
    pub shape: Shape,
}

impl Transition {
    /// Returns the transition that argument `i` of `case` shows under `policy`; `None` if it is
    /// outside of the measure.
    pub fn of_argument(case: &Case, i: usize, policy: Policy) -> Option<Self> {
        let n_named = case.prototype.params.len();
        let ty = case.argument_types().into_iter().nth(i)?;
        let mut before = case.clone();
        before.prototype.params.truncate(i);
        before.unnamed.truncate(i.saturating_sub(n_named));
        let abi = before.abi_under(policy).ok()?;
        let role = Role::of_argument(i < n_named);
        let sig = before.sig_under(policy).ok()?;
        let group = FnAbi::classify(&sig, &ty, role, &case.target).ok()?;
        Some(Self {
            state: AssignedState::after(&abi)?,
            shape: shape(&group, Measure::of(abi.convention)?)?,
        })
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.shape, self.state)
    }
}
