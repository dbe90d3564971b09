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
//! Functions of Win64 (`ms_abi`) are in 12 of these states: they have four positions, each a register of both kinds, before slots of the stack.
//! Outside of the measure: other conventions, vectors of bools whose lanes are passed one by one, and what gcc makes of a record of
//! unnamed bit-fields alone, which has registers but no room on the stack.

use std::fmt;

use cabi::convention::{Convention, GroupKind, Role};
use cabi::{Bank, Error, FnAbi, FnSig, Part, PartType, Policy, Type, X86_64_SYSV, X86_64_WIN64};

use crate::case::Case;

mod coverage;
#[cfg(test)]
mod tests;

pub use coverage::Coverage;

/// Positions of arguments in Win64, each a register of both kinds.
const N_POSITIONS: u8 = 4;
/// Integer registers that arguments are passed in.
const N_GP: u8 = 6;
/// Vector registers that arguments are passed in.
const N_SSE: u8 = 8;
/// Slots of the shadow space.
const SHADOW_SLOTS: u8 = 4;
/// Slots of 8 bytes in 64 bytes, the greatest alignment that states distinguish.
const N_PHASES: u8 = 8;

/// What the arguments so far have left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct State {
    /// Integer registers left, at most 6.
    pub gp: u8,
    /// Vector registers left, at most 8.
    pub sse: u8,
    /// Offset of the next free slot in the argument area, modulo 64 bytes, in slots of 8 bytes.
    pub phase: u8,
}

impl State {
    /// How many there are.
    pub const COUNT: usize = (N_GP as usize + 1) * (N_SSE as usize + 1) * N_PHASES as usize;

    /// Every state.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        let each = |n: u8| (0..=n).rev();
        each(N_GP).flat_map(move |gp| {
            each(N_SSE).flat_map(move |sse| (0..N_PHASES).map(move |phase| Self { gp, sse, phase }))
        })
    }

    /// Whether arguments of Win64 can leave it: positions take a register of both kinds, and nothing is on the stack before the last one.
    pub fn is_of_win64(self) -> bool {
        let Self { gp, sse, phase } = self;
        gp == sse && gp <= N_POSITIONS && (gp == 0 || phase == SHADOW_SLOTS)
    }

    /// Its number, below [`State::COUNT`].
    pub fn number(self) -> usize {
        let (gp, sse) = (N_GP - self.gp.min(N_GP), N_SSE - self.sse.min(N_SSE));
        let row = usize::from(gp) * (usize::from(N_SSE) + 1) + usize::from(sse);
        row * usize::from(N_PHASES) + usize::from(self.phase % N_PHASES)
    }

    /// The state that the arguments of `abi` leave.
    pub fn after(abi: &FnAbi) -> Self {
        let slots = abi.area_bytes / 8 % u64::from(N_PHASES);
        let (gp, sse) = registers(abi.convention);
        Self {
            gp: gp.saturating_sub(abi.n_gp),
            sse: sse.saturating_sub(abi.n_sse),
            phase: u8::try_from(slots).unwrap_or(0),
        }
    }
}

/// How many integer and vector registers `convention` has for arguments.
pub(crate) fn registers(convention: &Convention) -> (u8, u8) {
    match *convention == X86_64_WIN64 {
        true => (N_POSITIONS, N_POSITIONS),
        false => (N_GP, N_SSE),
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gp, sse, phase } = self;
        write!(f, "{gp} integer, {sse} vector registers left, slot {phase}")
    }
}

/// The registers a value asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Registers {
    /// None: nothing of it is passed.
    Nothing,
    /// One integer register.
    I,
    /// Two integer registers.
    II,
    /// One vector register, for at most 8 bytes.
    S,
    /// Two vector registers, for at most 8 bytes each.
    SS,
    /// An integer register, then a vector register.
    IS,
    /// A vector register, then an integer register.
    SI,
    /// A vector register for 16 bytes.
    V16,
    /// A vector register for 32 bytes.
    V32,
    /// A vector register for 64 bytes.
    V64,
    /// None: it is passed in memory.
    Memory,
}

/// What a value asks for: registers, and its alignment where it goes to the stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Shape {
    /// The registers.
    pub registers: Registers,
    /// Its alignment on the stack in bytes, from 8 to 64. Greater ones count as 64.
    pub align: u8,
}

impl Shape {
    /// Every shape that a value can have.
    pub const ALL: [Self; 26] = {
        use Registers::{I, II, IS, Memory, Nothing, S, SI, SS, V16, V32, V64};
        const fn shape(registers: Registers, align: u8) -> Shape {
            Shape { registers, align }
        }
        [
            shape(Nothing, 8),
            shape(I, 8),
            shape(I, 16),
            shape(II, 8),
            shape(II, 16),
            shape(S, 8),
            shape(S, 16),
            shape(SS, 8),
            shape(SS, 16),
            shape(IS, 8),
            shape(IS, 16),
            shape(SI, 8),
            shape(SI, 16),
            shape(V16, 8),
            shape(V16, 16),
            shape(V32, 8),
            shape(V32, 16),
            shape(V32, 32),
            shape(V64, 8),
            shape(V64, 16),
            shape(V64, 32),
            shape(V64, 64),
            shape(Memory, 8),
            shape(Memory, 16),
            shape(Memory, 32),
            shape(Memory, 64),
        ]
    };

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
        let registers = match group.kind {
            GroupKind::Ignore => Some(Registers::Nothing),
            GroupKind::Memory if group.size == 0 => Some(Registers::Nothing),
            GroupKind::Memory => Some(Registers::Memory),
            // Padding that takes a register, and no place on the stack.
            GroupKind::Registers if group.size > 0 => Registers::of(&group.parts),
            _ => None,
        };
        let align = match registers {
            Some(Registers::Nothing) => Some(8),
            _ => u8::try_from(group.align.clamp(8, 64)).ok(),
        };
        let shape = registers.zip(align);
        let shape = shape.map(|(registers, align)| Self { registers, align });
        Ok(shape.filter(|shape| Self::ALL.contains(shape)))
    }

    /// Its place in [`Shape::ALL`].
    fn number(self) -> Option<usize> {
        Self::ALL.iter().position(|shape| *shape == self)
    }
}

impl Registers {
    fn of(parts: &[Part]) -> Option<Self> {
        let kind = |part: &Part| (part.bank, part.ty);
        let parts: Vec<_> = parts.iter().map(kind).collect();
        Some(match parts.as_slice() {
            [(Bank::X87, _)] => Self::Memory,
            [(Bank::Int, _)] => Self::I,
            [(Bank::Int, _), (Bank::Int, _)] => Self::II,
            [(Bank::Vector, PartType::V128)] => Self::V16,
            [(Bank::Vector, PartType::V256)] => Self::V32,
            [(Bank::Vector, PartType::V512)] => Self::V64,
            [(Bank::Vector, _)] => Self::S,
            [(Bank::Vector, _), (Bank::Vector, _)] => Self::SS,
            [(Bank::Int, _), (Bank::Vector, _)] => Self::IS,
            [(Bank::Vector, _), (Bank::Int, _)] => Self::SI,
            _ => return None,
        })
    }

    /// The alignment on the stack that goes without saying, in bytes.
    fn natural_align(self) -> Option<u8> {
        match self {
            Self::V16 => Some(16),
            Self::V32 => Some(32),
            Self::V64 => Some(64),
            Self::Memory => None,
            _ => Some(8),
        }
    }
}

impl fmt::Display for Shape {
    /// `II`, `II/16`, `V32`, `M64`: registers, and the alignment where it is not the natural one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.registers {
            Registers::Nothing => "nothing",
            Registers::I => "I",
            Registers::II => "II",
            Registers::S => "S",
            Registers::SS => "SS",
            Registers::IS => "IS",
            Registers::SI => "SI",
            Registers::V16 => "V16",
            Registers::V32 => "V32",
            Registers::V64 => "V64",
            Registers::Memory => "M",
        };
        f.write_str(name)?;
        match self.registers.natural_align() {
            None => write!(f, "{}", self.align),
            Some(align) if align == self.align => Ok(()),
            Some(_) => write!(f, "/{}", self.align),
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
    /// How many there are.
    pub const COUNT: usize = State::COUNT * Shape::ALL.len();

    /// Every transition.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        State::all().flat_map(|state| Shape::ALL.map(|shape| Self { state, shape }))
    }

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
        let state = State::after(&abi);
        let name = abi.convention.name;
        let measured = [X86_64_SYSV.name, X86_64_WIN64.name].contains(&name);
        Ok(shape
            .filter(|_| measured)
            .map(|shape| Self { state, shape }))
    }

    /// Its number, below [`Transition::COUNT`].
    fn number(self) -> Option<usize> {
        Some(self.state.number() * Shape::ALL.len() + self.shape.number()?)
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
