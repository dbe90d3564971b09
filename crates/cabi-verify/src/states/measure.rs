//! States and shapes of conventions.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::LazyLock;

use cabi::convention::Convention;
use cabi::{
    DataModel, FnAbi, FnSig, Loc, Place, Target, Type, X86_64_SYSV, X86_64_WIN64, aarch64, riscv,
    s390x,
};

use super::{AssignedState, Shape};

/// The states and shapes of a convention.
#[derive(Debug)]
pub struct Measure {
    convention: &'static Convention,
    /// Number of integer and vector registers of arguments.
    pub registers: (u8, u8),
    /// Bytes of a slot.
    pub(super) slot: u64,
    /// Number of slots of the greatest alignment that states distinguish.
    pub n_phases: u8,
    /// `true` if the address for a result in memory takes a register of arguments.
    pub result_takes_register: bool,
    /// Bytes of the argument area that arguments take up.
    pub(super) area: fn(&FnAbi) -> u64,
    /// Parts of a [`Shape`] of a value passed in memory.
    pub(super) memory: &'static str,
    /// Every shape that a value can have, after spaces.
    shapes: &'static str,
    /// Arguments, besides a `long` and a `double`, that lead from one state to the next.
    fill: &'static [Argument],
    states: LazyLock<Vec<(AssignedState, Vec<Argument>)>>,
}

/// The type of an argument that makes a state: the named one, or a structure of an array of so
/// many.
pub type Argument = (&'static str, Option<u32>);

/// Defines the measures. Each has the values of [`Measure`] in this order: convention, registers,
/// bytes of a slot and number of phases, register for a result in memory. Then come the shape of a
/// value in memory, the argument area, more arguments that lead to states, and the shapes.
macro_rules! measures {
    ($($(#[$doc:meta])* $vis:vis $name:ident: $convention:expr, $registers:expr,
       $slot:literal x $n_phases:literal, $result:literal, $memory:literal, $area:expr, $fill:expr,
       $shapes:expr;)*) => {
        $($(#[$doc])*
        $vis static $name: Measure = Measure {
            convention: &$convention,
            registers: $registers,
            slot: $slot,
            n_phases: $n_phases,
            result_takes_register: $result,
            area: $area,
            memory: $memory,
            shapes: $shapes,
            fill: $fill,
            states: LazyLock::new(|| $name.search()),
        };)*

        static ALL: &[&Measure] = &[$(&$name),*];
    };
}

measures! {
    /// System V on x86-64. A value passed in memory takes no register; arrays of less than nine
    /// slots might be passed in registers.
    pub SYSV: X86_64_SYSV, (6, 8), 8 x 8, true, "X", area, LARGE, OF_X86_64;
    /// Windows on x86-64, whose shapes are among System V's.
    WIN64: X86_64_WIN64, (4, 4), 8 x 8, true, "X", area, &[], OF_X86_64;
    /// AAPCS64: values that find no register are on the stack.
    AAPCS64: aarch64::AAPCS64, (8, 8), 8 x 2, false, "copy", area, &[], OF_AAPCS64;
    /// Apple's arm64, whose slots have one byte: a value on the stack has its own alignment.
    APPLE_ARM64: aarch64::APPLE_ARM64, (8, 8), 1 x 16, false, "copy", end_of_arguments, SMALL,
        "nothing I/1 I/2 I/4 I/8 II/8 II/16 S/2 S/4 S/8 SS/2 SS/4 SS/8 SSS/2 SSS/4 SSS/8 \
         SSSS/2 SSSS/4 SSSS/8 V/16 VV/16 VVV/16 VVVV/16 copy";
    /// Windows on Arm, whose functions that are not variadic have AAPCS64's shapes.
    WINDOWS_ARM64: aarch64::WINDOWS_ARM64, (8, 8), 8 x 2, false, "copy", area, &[], OF_AAPCS64;
    /// RISC-V's lp64d: floats that find no register of their own are in integer registers, and a
    /// value may be partly on the stack.
    LP64D: riscv::LP64D, (8, 8), 8 x 2, true, "copy", area, &[],
        "nothing I/8 II/8 II/16 S/8 SS/8 IS/8 SI/8 copy";
    /// s390x: five integer registers and four of floats; what is neither is passed by its address.
    S390X: s390x::S390X, (5, 4), 8 x 1, true, "copy", area, &[],
        "nothing I/8 S/8 copy";
}

const OF_X86_64: &str = "nothing I/8 I/16 II/8 II/16 S/8 S/16 SS/8 SS/16 IS/8 IS/16 SI/8 SI/16 \
     V/8 V/16 W/8 W/16 W/32 Z/8 Z/16 Z/32 Z/64 X/8 X/16 X/32 X/64";

const OF_AAPCS64: &str =
    "nothing I/8 II/8 II/16 S/8 SS/8 SSS/8 SSSS/8 V/16 VV/16 VVV/16 VVVV/16 copy";

const LARGE: &[Argument] = &[
    ("long", Some(9)),
    ("long", Some(10)),
    ("long", Some(11)),
    ("long", Some(12)),
    ("long", Some(13)),
    ("long", Some(14)),
    ("long", Some(15)),
];

const SMALL: &[Argument] = &[
    ("int", None),
    ("float", None),
    ("short", None),
    ("_Float16", None),
    ("char", None),
];

impl Measure {
    /// Finds the measure of `convention`, if it has one.
    pub fn of(convention: &Convention) -> Option<&'static Self> {
        let mut all = ALL.iter().copied();
        all.find(|measure| measure.convention.name == convention.name)
    }

    /// Returns the measure of the functions of `target`, or of Win64's there; System V's for a
    /// convention that has none.
    pub fn of_target(target: &Target, ms_abi: bool) -> &'static Self {
        let measure = target.convention().and_then(Self::of);
        match ms_abi {
            true => &WIN64,
            false => measure.unwrap_or(&SYSV),
        }
    }

    /// Returns the greatest alignment that states distinguish, in bytes.
    pub(super) fn greatest_align(&self) -> u64 {
        self.slot * u64::from(self.n_phases)
    }

    /// Returns each state that arguments can leave, with the shortest list of arguments that leave
    /// it. States with most registers left come first.
    fn search(&self) -> Vec<(AssignedState, Vec<Argument>)> {
        let arguments = [("long", None), ("double", None)].iter().chain(self.fill);
        let arguments: Vec<Argument> = arguments.copied().collect();
        let (mut states, mut open) = (HashMap::new(), VecDeque::from([Vec::new()]));
        while let Some(before) = open.pop_front() {
            let Some(state) = self.state_after(&before) else {
                continue;
            };
            if states.contains_key(&state) {
                continue;
            }
            let mut next = arguments.clone();
            // By turns, as a position of Win64 is a register of either kind.
            next.swap(0, before.len() % 2);
            for argument in next {
                open.push_back([&before[..], &[argument]].concat());
            }
            states.insert(state, before);
        }
        let mut states: Vec<_> = states.into_iter().collect();
        states.sort_by_key(|(state, _)| (Reverse(state.gp), Reverse(state.sse), state.phase));
        states
    }

    fn state_after(&self, arguments: &[Argument]) -> Option<AssignedState> {
        let ty = |(name, len): &Argument| match len {
            None => Type::parse(name, &DataModel::LP64),
            Some(len) => {
                let text = format!("struct {{ {name} a[{len}]; }}");
                Type::parse(&text, &DataModel::LP64)
            }
        };
        let types: Result<Vec<Type>, _> = arguments.iter().map(ty).collect();
        let sig = FnSig::new(types.ok()?, Type::VOID).convention(self.convention);
        AssignedState::after(&FnAbi::new(&sig, &Target::X86_64_LINUX).ok()?)
    }

    /// Returns every shape that a value can have.
    pub fn shapes(&self) -> impl Iterator<Item = Shape> + use<> {
        self.shapes.split_whitespace()
    }

    /// Returns every state.
    pub fn states(&self) -> impl ExactSizeIterator<Item = AssignedState> + Clone {
        self.states.iter().map(|(state, _)| *state)
    }

    /// Returns the number of `state` among its states, and the arguments that leave it.
    pub fn arguments_before(&self, state: AssignedState) -> Option<(usize, &[Argument])> {
        let at = self.states.iter().position(|(own, _)| *own == state)?;
        Some((at, &self.states.get(at)?.1))
    }
}

fn area(abi: &FnAbi) -> u64 {
    abi.area_bytes
}

/// Returns the end of the last argument on the stack: the area is rounded up after it.
fn end_of_arguments(abi: &FnAbi) -> u64 {
    let end = |place: &Place| match place {
        Place::Stack { offset, size, .. } => offset + size,
        Place::Indirect {
            pointer: Loc::Stack(offset),
            ..
        } => offset + 8,
        _ => 0,
    };
    let ends = abi.args.iter().map(|arg| end(&arg.place));
    ends.max().unwrap_or(0)
}
