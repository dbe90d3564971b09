//! What states and shapes a convention has.

use cabi::aarch64::{AAPCS64, APPLE_ARM64};
use cabi::convention::Convention;
use cabi::{FnAbi, Loc, Place, X86_64_SYSV, X86_64_WIN64};

use std::sync::LazyLock;

use super::{Registers, Shape, State, Transition};

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

/// What a measure counts.
struct Row {
    convention: &'static Convention,
    /// How many integer and vector registers arguments are passed in.
    registers: (u8, u8),
    /// Bytes of a slot.
    slot: u64,
    /// How many slots the greatest alignment has that states distinguish.
    n_phases: u8,
    /// Whether the address for a result in memory takes a register of arguments.
    result_takes_register: bool,
    /// What a value passed in memory asks for.
    memory: Registers,
}

impl Measure {
    const ALL: [Self; 4] = [Self::SysV, Self::Win64, Self::Aapcs64, Self::AppleArm64];

    fn row(self) -> Row {
        let (convention, registers, slot, n_phases) = match self {
            Self::SysV => (&X86_64_SYSV, (6, 8), 8, 8),
            Self::Win64 => (&X86_64_WIN64, (4, 4), 8, 8),
            Self::Aapcs64 => (&AAPCS64, (8, 8), 8, 2),
            Self::AppleArm64 => (&APPLE_ARM64, (8, 8), 1, 16),
        };
        let is_x86_64 = matches!(self, Self::SysV | Self::Win64);
        Row {
            convention,
            registers,
            slot,
            n_phases,
            result_takes_register: is_x86_64,
            memory: if is_x86_64 {
                Registers::MEMORY
            } else {
                Registers::COPY
            },
        }
    }

    /// That of `convention`, if it has one.
    pub fn of(convention: &Convention) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|measure| measure.row().convention.name == convention.name)
    }

    /// How many integer and vector registers arguments are passed in.
    pub fn registers(self) -> (u8, u8) {
        self.row().registers
    }

    /// Bytes of a slot.
    pub fn slot(self) -> u64 {
        self.row().slot
    }

    /// How many slots the greatest alignment has that states distinguish.
    pub fn n_phases(self) -> u8 {
        self.row().n_phases
    }

    /// Whether the address for a result in memory takes a register of arguments.
    pub fn result_takes_register(self) -> bool {
        self.row().result_takes_register
    }

    /// What a value passed in memory asks for.
    pub(super) fn of_memory(self) -> Registers {
        self.row().memory
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
                // Four slots are the shadow space.
                gp == sse && gp <= self.registers().0 && (gp == 0 || phase == 4)
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

    /// The shape of a value that asks for `registers` and is aligned to `align` bytes on the stack.
    pub(super) fn shape(self, registers: Registers, align: u32) -> Shape {
        let greatest = self.slot() * u64::from(self.n_phases());
        let align = match registers {
            Registers::NOTHING | Registers::COPY => 8,
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

static SYSV: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    Shape::all(
        "nothing I I/16 II II/16 S S/16 SS SS/16 IS IS/16 SI SI/16 V16/8 V16 V32/8 V32/16 V32 \
         V64/8 V64/16 V64/32 V64 M8 M16 M32 M64",
    )
});

static AAPCS: LazyLock<Vec<Shape>> =
    LazyLock::new(|| Shape::all("nothing I II II/16 S SS SSS SSSS V16 VV VVV VVVV copy"));

/// Where a value on the stack has its own alignment.
static APPLE: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    Shape::all(
        "nothing I/1 I/2 I/4 I II II/16 S/2 S/4 S SS/2 SS/4 SS SSS/2 SSS/4 SSS SSSS/2 SSSS/4 SSSS \
         V16 VV VVV VVVV copy",
    )
});
