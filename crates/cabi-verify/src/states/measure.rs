//! What states and shapes a convention has.

use cabi::aarch64::{AAPCS64, APPLE_ARM64};
use cabi::convention::Convention;
use cabi::{FnAbi, Loc, Place, X86_64_SYSV, X86_64_WIN64};

use super::Registers::{
    self, Copy, I, II, IS, Memory, Nothing, S, SI, SS, SSS, SSSS, V16, V32, V64, VV, VVV, VVVV,
};
use super::{Shape, State, Transition};

/// The states and shapes of a convention.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Measure {
    /// System V on x86-64.
    #[default]
    SysV,
    /// Windows on x86-64. Its states are some of System V's, its shapes all of them.
    Win64,
    /// AAPCS64.
    Aapcs64,
    /// Apple's arm64, whose slots have one byte.
    AppleArm64,
}

impl Measure {
    /// That of `convention`, if it has one.
    pub fn of(convention: &Convention) -> Option<Self> {
        [
            (&X86_64_SYSV, Self::SysV),
            (&X86_64_WIN64, Self::Win64),
            (&AAPCS64, Self::Aapcs64),
            (&APPLE_ARM64, Self::AppleArm64),
        ]
        .into_iter()
        .find_map(|(own, measure)| (own.name == convention.name).then_some(measure))
    }

    /// How many integer and vector registers arguments are passed in.
    pub fn registers(self) -> (u8, u8) {
        match self {
            Self::SysV => (6, 8),
            Self::Win64 => (4, 4),
            Self::Aapcs64 | Self::AppleArm64 => (8, 8),
        }
    }

    /// Bytes of a slot.
    pub fn slot(self) -> u64 {
        match self {
            Self::AppleArm64 => 1,
            _ => 8,
        }
    }

    /// How many slots the greatest alignment has that states distinguish.
    pub fn n_phases(self) -> u8 {
        match self {
            Self::SysV | Self::Win64 => 8,
            Self::Aapcs64 => 2,
            Self::AppleArm64 => 16,
        }
    }

    /// Whether the address for a result in memory takes a register of arguments.
    pub fn result_takes_register(self) -> bool {
        matches!(self, Self::SysV | Self::Win64)
    }

    /// The slots of the shadow space.
    fn n_shadow(self) -> u8 {
        match self {
            Self::Win64 => 4,
            _ => 0,
        }
    }

    /// The measure whose numbers its transitions have.
    pub fn numbering(self) -> Self {
        match self {
            Self::Win64 => Self::SysV,
            other => other,
        }
    }

    /// How many integer and vector registers its states distinguish.
    fn numbered_registers(self) -> (u8, u8) {
        self.numbering().registers()
    }

    /// Every state, those that no arguments leave too.
    pub fn states(self) -> impl Iterator<Item = State> + Clone {
        let (gp, sse) = self.numbered_registers();
        let each = |n: u8| (0..=n).rev();
        let phases = self.n_phases();
        each(gp).flat_map(move |gp| {
            each(sse).flat_map(move |sse| (0..phases).map(move |phase| State { gp, sse, phase }))
        })
    }

    /// Whether arguments can leave `state`.
    pub fn reaches(self, state: State) -> bool {
        let State { gp, sse, phase } = state;
        match self {
            // What is passed in memory takes no register.
            Self::SysV => true,
            // Positions take a register of both kinds, and nothing is on the stack before the last one.
            Self::Win64 => {
                gp == sse && gp <= self.registers().0 && (gp == 0 || phase == self.n_shadow())
            }
            // On the stack is what finds no register.
            Self::Aapcs64 => gp == 0 || sse == 0 || phase == 0,
            // No floating-point type has one byte.
            Self::AppleArm64 => gp == 0 || (sse == 0 && phase % 2 == 0) || phase == 0,
        }
    }

    /// Every transition.
    pub fn transitions(self) -> impl Iterator<Item = Transition> + Clone {
        let shapes = self.shapes().iter();
        self.states().flat_map(move |state| {
            shapes
                .clone()
                .map(move |&shape| Transition { state, shape })
        })
    }

    /// How many transitions there are.
    pub fn n_transitions(self) -> usize {
        let (gp, sse) = self.numbered_registers();
        let states = (usize::from(gp) + 1) * (usize::from(sse) + 1);
        states * usize::from(self.n_phases()) * self.shapes().len()
    }

    /// The number of `state` among its states.
    pub fn state_number(self, state: State) -> usize {
        let (gp, sse) = self.numbered_registers();
        let row = usize::from(gp - state.gp.min(gp)) * (usize::from(sse) + 1);
        let row = row + usize::from(sse - state.sse.min(sse));
        row * usize::from(self.n_phases()) + usize::from(state.phase % self.n_phases())
    }

    /// The number of `transition` among its transitions.
    pub(super) fn number(self, transition: Transition) -> Option<usize> {
        let mut shapes = self.shapes().iter();
        let shape = shapes.position(|shape| *shape == transition.shape)?;
        Some(self.state_number(transition.state) * self.shapes().len() + shape)
    }

    /// What a value passed in memory asks for.
    pub(super) fn of_memory(self) -> Registers {
        match self {
            Self::SysV | Self::Win64 => Memory,
            Self::Aapcs64 | Self::AppleArm64 => Copy,
        }
    }

    /// The shape of a value that asks for `registers` and is aligned to `align` bytes on the stack.
    pub(super) fn shape(self, registers: Registers, align: u32) -> Shape {
        let greatest = self.slot() * u64::from(self.n_phases());
        let align = match (self, registers) {
            (_, Nothing | Copy) => 8,
            _ => u64::from(align).clamp(self.slot(), greatest),
        };
        Shape {
            registers,
            align: u8::try_from(align).unwrap_or(u8::MAX),
        }
    }

    /// Bytes of the argument area that arguments take up.
    pub(super) fn area(self, abi: &FnAbi) -> u64 {
        if self != Self::AppleArm64 {
            return abi.area_bytes;
        }
        let end = |place: &Place| match place {
            Place::Stack { offset, size, .. } => offset + size,
            Place::Indirect {
                pointer: Loc::Stack(offset),
                ..
            } => offset + 8,
            _ => 0,
        };
        abi.args
            .iter()
            .map(|arg| end(&arg.place))
            .max()
            .unwrap_or(0)
    }

    /// Every shape that a value can have.
    pub fn shapes(self) -> &'static [Shape] {
        match self {
            Self::SysV | Self::Win64 => &SYSV,
            Self::Aapcs64 => &AAPCS,
            Self::AppleArm64 => &APPLE,
        }
    }
}

const fn shape(registers: Registers, align: u8) -> Shape {
    Shape { registers, align }
}

/// Those of x86-64.
const SYSV: [Shape; 26] = [
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
];

/// Those of AAPCS64.
const AAPCS: [Shape; 13] = [
    shape(Nothing, 8),
    shape(I, 8),
    shape(II, 8),
    shape(II, 16),
    shape(S, 8),
    shape(SS, 8),
    shape(SSS, 8),
    shape(SSSS, 8),
    shape(V16, 16),
    shape(VV, 16),
    shape(VVV, 16),
    shape(VVVV, 16),
    shape(Copy, 8),
];

/// Those of Apple's arm64, where a value on the stack has its own alignment.
const APPLE: [Shape; 24] = [
    shape(Nothing, 8),
    shape(I, 1),
    shape(I, 2),
    shape(I, 4),
    shape(I, 8),
    shape(II, 8),
    shape(II, 16),
    shape(S, 2),
    shape(S, 4),
    shape(S, 8),
    shape(SS, 2),
    shape(SS, 4),
    shape(SS, 8),
    shape(SSS, 2),
    shape(SSS, 4),
    shape(SSS, 8),
    shape(SSSS, 2),
    shape(SSSS, 4),
    shape(SSSS, 8),
    shape(V16, 16),
    shape(VV, 16),
    shape(VVV, 16),
    shape(VVVV, 16),
    shape(Copy, 8),
];
