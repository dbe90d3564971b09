//! Argument assignment as states and transitions, and how much of it was seen: psABI 3.2.3, Passing.
//!
//! What becomes of the next argument depends on a [`State`] (how many integer and vector registers are left, and where the next free slot of
//! the stack is, modulo the greatest alignment) and on the [`Shape`] of the value, which is what it asks for. Everything here is read off
//! [`FnAbi`]; no register is counted again.
//!
//! ```text
//! 7 (integer registers left) x 9 (vector registers left) x 8 (slots modulo 64 bytes) states x 26 shapes = 13104 transitions
//! ```
//!
//! [`Coverage`] is a set of transitions; [`exhaustive`](crate::exhaustive) makes calls that show every one of them.
//!
//! So it is for System V on x86-64. Other conventions have states and shapes of their own ([`Measure`]): Win64 is in 12 of these states, as it has four
//! positions, each a register of both kinds, before slots of the stack; AAPCS64 and Apple's arm64 have eight registers of both kinds.
//! Outside of the measure: conventions without one, vectors of bools whose lanes are passed one by one, and what gcc makes of a record of
//! unnamed bit-fields alone, which has registers but no room on the stack.

use std::fmt;

use cabi::convention::{GroupKind, Role};
use cabi::{Bank, Error, FnAbi, FnSig, Part, PartType, Place, Policy, Type};

use crate::case::Case;

mod coverage;
#[cfg(test)]
mod tests;

pub use coverage::Coverage;

mod measure;

pub use measure::{Measure, SYSV, WIN64};

/// What the arguments so far have left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct State {
    /// Integer registers left.
    pub gp: u8,
    /// Vector registers left.
    pub sse: u8,
    /// Where the next free slot of the argument area is, modulo the greatest alignment that states of the convention distinguish, in its slots.
    pub phase: u8,
}

impl State {
    /// The state that the arguments of `abi` leave. `None` if the convention has no measure.
    pub fn after(abi: &FnAbi) -> Option<Self> {
        let measure = Measure::of(abi.convention)?;
        let slots = measure.area(abi) / measure.slot % u64::from(measure.n_phases);
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gp, sse, phase } = self;
        write!(f, "{gp} integer, {sse} vector registers left, slot {phase}")
    }
}

/// The registers a value asks for, by the name that reports have for them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Registers(&'static str);

impl Registers {
    /// Nothing of it is passed.
    const NOTHING: Self = Self("nothing");
    /// It is passed in memory.
    const MEMORY: Self = Self("M");
    /// An integer register for the address of a copy.
    const COPY: Self = Self("copy");

    /// Each name, the parts that it stands for, and the alignment on the stack that goes without saying, in bytes: an integer register is `I`, a vector
    /// register `S` for at most 8 bytes, `V`, `W` and `Z` for 16, 32 and 64.
    const ALL: [(&str, &str, u8); 17] = [
        ("nothing", "", 8),
        ("I", "I", 8),
        ("II", "II", 8),
        ("S", "S", 8),
        ("SS", "SS", 8),
        ("SSS", "SSS", 8),
        ("SSSS", "SSSS", 8),
        ("IS", "IS", 8),
        ("SI", "SI", 8),
        ("V16", "V", 16),
        ("VV", "VV", 16),
        ("VVV", "VVV", 16),
        ("VVVV", "VVVV", 16),
        ("V32", "W", 32),
        ("V64", "Z", 64),
        ("M", "X", 0),
        ("copy", "-", 8),
    ];

    fn of(parts: &[Part]) -> Option<Self> {
        let letter = |part: &Part| match (part.bank, part.ty) {
            (Bank::Int, _) => 'I',
            (Bank::X87, _) => 'X',
            (_, PartType::V128) => 'V',
            (_, PartType::V256) => 'W',
            (_, PartType::V512) => 'Z',
            _ => 'S',
        };
        let letters: String = parts.iter().map(letter).collect();
        let mut all = Self::ALL.iter();
        all.find(|(_, of, _)| *of == letters)
            .map(|(name, ..)| Self(name))
    }

    fn natural_align(self) -> u8 {
        let mut all = Self::ALL.iter();
        all.find(|(name, ..)| *name == self.0)
            .map_or(0, |(.., align)| *align)
    }
}

/// What a value asks for: registers, and its alignment where it goes to the stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Shape {
    /// The registers.
    pub registers: Registers,
    /// Its alignment on the stack in bytes, at least that of a slot. Greater ones than the convention distinguishes count as the greatest.
    pub align: u8,
}

impl Shape {
    /// The shape of parameter `ty` (an unnamed argument, if `unnamed`) in a signature like `like`. `None` if it is outside of the measure.
    ///
    /// # Errors
    /// [`Error`] if the convention has no place for it.
    pub fn of(
        ty: &Type,
        unnamed: bool,
        case: &Case,
        policy: Policy,
    ) -> Result<Option<Self>, Error> {
        let sig = signature(case, policy, &[], &[], &Type::VOID)?;
        let role = match unnamed {
            true => Role::Unnamed,
            false => Role::Named,
        };
        let group = FnAbi::classify(&sig, ty, role, &case.target)?;
        let convention = case.prototype.convention.or(case.target.convention());
        let Some(measure) = convention.and_then(Measure::of) else {
            return Ok(None);
        };
        let registers = match group.kind {
            GroupKind::Ignore => Some(Registers::NOTHING),
            GroupKind::Memory if group.size == 0 => Some(Registers::NOTHING),
            GroupKind::Memory => Some(measure.memory),
            // Padding that takes a register, and no place on the stack.
            GroupKind::Registers if group.size > 0 => Registers::of(&group.parts),
            _ => None,
        };
        let shape = registers.map(|registers| measure.shape(registers, group.align));
        Ok(shape.filter(|shape| measure.shapes.contains(shape)))
    }
}

impl Shape {
    /// The shapes of a text, as [`Display`](fmt::Display) writes them.
    fn all(text: &str) -> Vec<Self> {
        let one = |word: &str| {
            let (name, align) = match (word.split_once('/'), word.strip_prefix('M')) {
                (Some((name, align)), _) => (name, Some(align)),
                (None, Some(align)) => ("M", Some(align)),
                (None, None) => (word, None),
            };
            let (name, _, natural) = Registers::ALL.iter().find(|(own, ..)| *own == name)?;
            let align = align.map_or(Some(*natural), |align| align.parse().ok())?;
            let registers = Registers(name);
            Some(Self { registers, align })
        };
        text.split_whitespace().filter_map(one).collect()
    }
}

impl fmt::Display for Shape {
    /// `II`, `II/16`, `V32`, `M64`: registers, and the alignment where it is not the natural one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, align) = (self.registers.0, self.align);
        match self.registers.natural_align() {
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
    pub state: State,
    /// The value's shape.
    pub shape: Shape,
}

impl Transition {
    /// What argument `index` of `case` shows under `policy`. `None` if it is outside of the measure, or there is no such argument.
    ///
    /// # Errors
    /// [`Error`] if the convention has no place for it, or for an argument before it.
    pub fn of_argument(case: &Case, policy: Policy, index: usize) -> Result<Option<Self>, Error> {
        let named = &case.prototype.params;
        let before: Vec<Type> = named.iter().take(index).map(|(_, ty)| ty.clone()).collect();
        let unnamed = index.saturating_sub(named.len());
        let after = case.unnamed.get(..unnamed).unwrap_or_default();
        let ret = &case.prototype.ret;
        let sig = signature(case, policy, &before, after, ret)?;
        let abi = FnAbi::new(&sig, &case.target)?;
        let mut types = named.iter().map(|(_, ty)| ty).chain(&case.unnamed);
        let Some(ty) = types.nth(index) else {
            return Ok(None);
        };
        let shape = Shape::of(ty, index >= named.len(), case, policy)?;
        let of = State::after(&abi).zip(shape);
        Ok(of.map(|(state, shape)| Self { state, shape }))
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.shape, self.state)
    }
}

/// A signature like that of `case`, with other parameters, unnamed arguments and result.
fn signature(
    case: &Case,
    policy: Policy,
    named: &[Type],
    unnamed: &[Type],
    ret: &Type,
) -> Result<FnSig, Error> {
    let prototype = &case.prototype;
    let mut sig = FnSig::new(named.iter().cloned(), ret.clone());
    sig = sig.features(prototype.vectors).policy(policy);
    if let Some(convention) = prototype.convention {
        sig = sig.convention(convention);
    }
    if prototype.variadic || prototype.unprototyped {
        sig = sig.variadic();
    }
    if unnamed.is_empty() {
        return Ok(sig);
    }
    sig.at_call(unnamed.iter().cloned())
}
