//! What there is to know of one machine.

use cabi::convention::CalleePops;
use cabi::{Convention, Loc, PlacedPart, Reg, VectorLevel};

use smallvec::SmallVec;

use super::x86_64::stub::{Stub, VectorMove};
use crate::error::NotLowered;
use crate::parts::{ClifPart, ClifParts};
use crate::places::{CheckError, ClifPlace, Places};
use crate::signature::{CallConv, Signature, ValueType};

/// A machine that calls are planned for.
#[derive(Debug)]
pub struct Machine {
    /// How Cranelift counts under the convention that C has there.
    pub(crate) counting: &'static Counting,
    /// Where Cranelift puts each parameter and result.
    pub(super) places: fn(&Signature) -> Result<Places, CheckError>,
    /// What a convention asks for that no signature of `counting` says, so that the check cannot miss it.
    pub(crate) convention_objection: fn(&Machine, &Convention) -> Option<NotLowered>,
    /// The registers that Cranelift's functions of this counting leave as they were, and which its callers rely on.
    pub(super) callee_saved: &'static [Reg],
    /// The widest vectors that they preserve whole, where they preserve all vector registers.
    pub(crate) preserved_vectors: Option<VectorLevel>,
    /// What of the argument area they pop.
    pub(super) callee_pops: CalleePops,
    /// Whether stubs can stand before them: their own words are on the stack, which a callee would have to pop, and they change r11.
    pub(crate) has_stubs: bool,
    /// What functions of it are called by, if that is another machine.
    pub(crate) calls: Option<&'static Machine>,
    /// Whether its callees read records of the argument area 16 bytes at a time, as C compilers' functions do.
    pub(crate) reads_wide: bool,
    /// The register of the static chain, which Cranelift never gives out: a stub moves it.
    pub(crate) chain: Reg,
    /// The same machine with the counting of functions of another convention, if it has frames of its kind.
    pub(super) under: fn(&Convention) -> Option<&'static Machine>,
    /// The counting by which 16 bytes can be passed in one register, where its own has no such parameter. For calls: a function would preserve
    /// too few registers.
    pub(crate) wide_calls: Option<&'static Machine>,
    /// How a variadic function finds its unnamed arguments.
    pub(crate) va_list: VaList,
    /// How a result in these parts is taken.
    pub(crate) result: fn(&Counting, &[PlacedPart]) -> Result<ResultIn, NotLowered>,
    /// How a stub moves these parts, if each is a whole vector in a register of parameters.
    pub(crate) vector_moves: fn(&[PlacedPart]) -> Option<VectorMoves>,
}

/// How a variadic function finds its unnamed arguments.
#[derive(Debug)]
pub(crate) struct VaList {
    /// The convention whose `va_list` it is.
    pub(crate) convention: &'static Convention,
    /// Where it saves registers. `None`: integer registers in the shadow space, and the `va_list` is an address there.
    pub(crate) save_area: Option<SaveArea>,
}

/// The register save area of a variadic function: a slot for each integer register of parameters, then one for each vector register.
#[derive(Debug)]
pub(crate) struct SaveArea {
    /// Bytes of the slot of an integer register.
    pub(crate) int_slot: u32,
    /// Bytes of the slot of a vector register, of which each is as aligned.
    pub(crate) vector_slot: u32,
}

/// How Cranelift counts under one of its conventions: the plan orders by it, and the check counts with it.
#[derive(Debug)]
pub(crate) struct Counting {
    pub(crate) call_conv: CallConv,
    pub(crate) params: Registers,
    pub(crate) results: Registers,
    /// The n-th parameter takes the n-th register of its class, rather than the first free one.
    pub(crate) positional: bool,
    /// Bytes at the start of the argument area that no parameter is in.
    pub(crate) shadow_bytes: u32,
    /// Cranelift aligns the stack to so many bytes before a call.
    pub(crate) stack_align: u32,
    /// Most bytes of an argument area.
    pub(crate) most_stack_bytes: u32,
}

/// The registers that parameters or results take, each class in the order in which Cranelift gives them out.
#[derive(Debug)]
pub(crate) struct Registers {
    pub(super) int: &'static [Reg],
    pub(super) vector: &'static [Reg],
}

/// A class of values that Cranelift counts on its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    Int,
    Vector,
}

impl Counting {
    /// The registers of a location that CLIF parameters are in. By position there is one parameter for both registers of a value: a stub
    /// copies from the first to the second.
    pub(crate) fn registers(&self, loc: Loc) -> SmallVec<[Reg; 2]> {
        match loc {
            Loc::Reg(reg) => SmallVec::from_slice(&[reg]),
            Loc::Both(&[first, _]) if self.positional => SmallVec::from_slice(&[first]),
            Loc::Both(&[first, second]) => SmallVec::from_slice(&[first, second]),
            _ => SmallVec::new(),
        }
    }

    /// The places of the CLIF parameters at `loc`.
    pub(crate) fn places(&self, loc: Loc) -> SmallVec<[ClifPlace; 2]> {
        match loc {
            Loc::Stack(offset) => {
                let offset = u32::try_from(offset).unwrap_or(u32::MAX);
                SmallVec::from_slice(&[ClifPlace::Stack { offset }])
            }
            loc => self
                .registers(loc)
                .into_iter()
                .map(ClifPlace::Reg)
                .collect(),
        }
    }

    /// The position that `loc` is, if it is a vector and an integer register of the same one.
    pub(crate) fn both_position(&self, loc: Loc) -> Option<u8> {
        let Loc::Both(&[vector, int]) = loc else {
            return None;
        };
        let position = |reg, class| {
            let (own, position) = self.params.position(reg)?;
            (self.positional && own == class).then_some(position)
        };
        let position = position(vector, Class::Vector)
            .filter(|vector| position(int, Class::Int) == Some(*vector))?;
        u8::try_from(position).ok()
    }

    /// `part` as a type that can be a parameter and a result: `windows_fastcall` has no `f16`, whose bits are then in a `f32`, and no `f128`, which is
    /// a vector of 16 bytes as a result.
    pub(crate) fn declarable(&self, part: ClifPart) -> ClifPart {
        let ty = match part.ty {
            ValueType::F16 if self.call_conv == CallConv::WindowsFastcall => ValueType::F32,
            ValueType::F128 if self.call_conv == CallConv::WindowsFastcall => ValueType::I8X16,
            ty => ty,
        };
        ClifPart { ty, ..part }
    }
}

impl Class {
    pub(crate) const ALL: [Self; 2] = [Self::Int, Self::Vector];

    pub(crate) fn of(ty: ValueType) -> Self {
        if ty.is_int() { Self::Int } else { Self::Vector }
    }
}

impl Registers {
    pub(crate) fn of(&self, class: Class) -> &'static [Reg] {
        match class {
            Class::Int => self.int,
            Class::Vector => self.vector,
        }
    }

    /// The class that `reg` is given out to, and how many registers of it are given out before.
    pub(crate) fn position(&self, reg: Reg) -> Option<(Class, usize)> {
        Class::ALL.into_iter().find_map(|class| {
            let position = self.of(class).iter().position(|own| *own == reg);
            position.map(|position| (class, position))
        })
    }
}

/// The moves of one value.
pub(crate) type VectorMoves = SmallVec<[VectorMove; 4]>;

/// How a result is taken.
pub(crate) enum ResultIn {
    /// From registers that CLIF knows.
    Registers,
    /// From vector registers that CLIF cannot say. The stub of a call moves it to memory; in a function `load` does the opposite before it returns.
    Vectors { moves: VectorMoves, load: Stub },
    /// By stubs, which move it to and from memory, in these parts.
    Stub {
        pop: Stub,
        push: Stub,
        parts: ClifParts,
        bytes: u32,
    },
}

/// What a machine says of a target.
pub(super) enum Selected {
    /// It is another machine's.
    Other,
    /// It is this one's, and calls are planned.
    Lowered(&'static Machine),
    /// It is this one's, and none are.
    Refused(&'static str),
}
