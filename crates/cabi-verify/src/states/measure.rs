//! What states and shapes a convention has.

use std::sync::LazyLock;

use cabi::convention::Convention;
use cabi::{FnAbi, Loc, Place, X86_64_SYSV, X86_64_WIN64, aarch64};

use super::{Registers, Shape, State, Transition};

/// The states and shapes of a convention.
#[derive(Debug)]
pub struct Measure {
    convention: &'static Convention,
    /// How many integer and vector registers arguments are passed in.
    pub registers: (u8, u8),
    /// Bytes of a slot.
    pub slot: u64,
    /// How many slots the greatest alignment has that states distinguish.
    pub n_phases: u8,
    /// Whether the address for a result in memory takes a register of arguments.
    pub result_takes_register: bool,
    /// What a value passed in memory asks for.
    pub(super) memory: Registers,
    /// Whether arguments can leave a state.
    reaches: fn(&State) -> bool,
    /// Every shape that a value can have.
    pub shapes: LazyLock<Vec<Shape>>,
}

/// System V on x86-64: what is passed in memory takes no register, so any state is left.
pub static SYSV: Measure = Measure {
    convention: &X86_64_SYSV,
    registers: (6, 8),
    slot: 8,
    n_phases: 8,
    result_takes_register: true,
    memory: Registers::MEMORY,
    reaches: |_| true,
    shapes: LazyLock::new(sysv_shapes),
};

fn sysv_shapes() -> Vec<Shape> {
    Shape::all(
        "nothing I I/16 II II/16 S S/16 SS SS/16 IS IS/16 SI SI/16 V16/8 V16 V32/8 V32/16 V32 \
         V64/8 V64/16 V64/32 V64 M8 M16 M32 M64",
    )
}

/// Windows on x86-64. Its states are some of System V's, its shapes all of them: positions take a register of both kinds, and before the last one nothing but the
/// four slots of the shadow space is on the stack.
pub static WIN64: Measure = Measure {
    convention: &X86_64_WIN64,
    registers: (4, 4),
    slot: 8,
    n_phases: 8,
    result_takes_register: true,
    memory: Registers::MEMORY,
    reaches: |&State { gp, sse, phase }| gp == sse && gp <= 4 && (gp == 0 || phase == 4),
    shapes: LazyLock::new(sysv_shapes),
};

/// AAPCS64: on the stack is what finds no register.
static AAPCS64: Measure = Measure {
    convention: &aarch64::AAPCS64,
    registers: (8, 8),
    slot: 8,
    n_phases: 2,
    result_takes_register: false,
    memory: Registers::COPY,
    reaches: |&State { gp, sse, phase }| gp == 0 || sse == 0 || phase == 0,
    shapes: LazyLock::new(|| Shape::all("nothing I II II/16 S SS SSS SSSS V16 VV VVV VVVV copy")),
};

/// Apple's arm64, whose slots have one byte: a value on the stack has its own alignment, and no floating-point type has one byte.
static APPLE_ARM64: Measure = Measure {
    convention: &aarch64::APPLE_ARM64,
    registers: (8, 8),
    slot: 1,
    n_phases: 16,
    result_takes_register: false,
    memory: Registers::COPY,
    reaches: |&State { gp, sse, phase }| {
        gp == 0 || (sse == 0 && phase.is_multiple_of(2)) || phase == 0
    },
    shapes: LazyLock::new(|| {
        Shape::all(
            "nothing I/1 I/2 I/4 I II II/16 S/2 S/4 S SS/2 SS/4 SS SSS/2 SSS/4 SSS SSSS/2 SSSS/4 SSSS \
             V16 VV VVV VVVV copy",
        )
    }),
};

impl PartialEq for Measure {
    fn eq(&self, other: &Self) -> bool {
        self.convention.name == other.convention.name
    }
}

impl Eq for Measure {}

impl Default for &Measure {
    fn default() -> Self {
        &SYSV
    }
}

impl Measure {
    /// That of `convention`, if it has one.
    pub fn of(convention: &Convention) -> Option<&'static Self> {
        let mut all = [&SYSV, &WIN64, &AAPCS64, &APPLE_ARM64].into_iter();
        all.find(|measure| measure.convention.name == convention.name)
    }

    /// The measure whose numbers its transitions have.
    pub fn numbering(&'static self) -> &'static Self {
        match *self == WIN64 {
            true => &SYSV,
            false => self,
        }
    }

    /// Every state, those that no arguments leave too.
    pub fn states(&'static self) -> impl Iterator<Item = State> + Clone {
        let (gp, sse) = self.numbering().registers;
        let each = |n: u8| (0..=n).rev();
        let phases = self.n_phases;
        each(gp).flat_map(move |gp| {
            each(sse).flat_map(move |sse| (0..phases).map(move |phase| State { gp, sse, phase }))
        })
    }

    /// Whether arguments can leave `state`.
    pub fn reaches(&self, state: State) -> bool {
        (self.reaches)(&state)
    }

    /// Every transition.
    pub fn transitions(&'static self) -> impl Iterator<Item = Transition> + Clone {
        let shapes = self.shapes.iter();
        self.states().flat_map(move |state| {
            shapes
                .clone()
                .map(move |&shape| Transition { state, shape })
        })
    }

    /// How many transitions there are.
    pub fn n_transitions(&'static self) -> usize {
        let (gp, sse) = self.numbering().registers;
        let states = (usize::from(gp) + 1) * (usize::from(sse) + 1);
        states * usize::from(self.n_phases) * self.shapes.len()
    }

    /// The number of `state` among its states.
    pub fn state_number(&'static self, state: State) -> usize {
        let (gp, sse) = self.numbering().registers;
        let row = usize::from(gp - state.gp.min(gp)) * (usize::from(sse) + 1);
        let row = row + usize::from(sse - state.sse.min(sse));
        row * usize::from(self.n_phases) + usize::from(state.phase % self.n_phases)
    }

    /// The number of `transition` among its transitions.
    pub(super) fn number(&'static self, transition: Transition) -> Option<usize> {
        let mut shapes = self.shapes.iter();
        let shape = shapes.position(|shape| *shape == transition.shape)?;
        Some(self.state_number(transition.state) * self.shapes.len() + shape)
    }

    /// The shape of a value that asks for `registers` and is aligned to `align` bytes on the stack.
    pub(super) fn shape(&self, registers: Registers, align: u32) -> Shape {
        let greatest = self.slot * u64::from(self.n_phases);
        let align = match registers {
            Registers::NOTHING | Registers::COPY => 8,
            _ => u64::from(align).clamp(self.slot, greatest),
        };
        Shape {
            registers,
            align: u8::try_from(align).unwrap_or(u8::MAX),
        }
    }

    /// Bytes of the argument area that arguments take up.
    pub(super) fn area(&self, abi: &FnAbi) -> u64 {
        if *self != APPLE_ARM64 {
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
}
