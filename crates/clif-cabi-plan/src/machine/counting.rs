//! How Cranelift counts the parameters and results of a signature, as data that the plan and the check read.
//!
//! These are *Cranelift's* registers, not C's: nothing here knows C types, and C's conventions are computed in `cabi`. For the conventions of its tables a
//! machine answers exactly as Cranelift does, or it refuses ([`walk`](super::walk)).

use cabi::{Loc, Reg};
use smallvec::SmallVec;

use crate::parts::{ClifPart, narrow};
use crate::places::ClifPlace;
use crate::signature::{CallConv, ValueType};

/// How Cranelift counts under one of its conventions: the plan orders by it, and the check counts with it.
#[derive(Debug)]
pub(crate) struct Counting {
    pub(crate) call_conv: CallConv,
    pub(crate) params: Registers,
    pub(crate) results: Registers,
    /// Where the pointer to a result in memory is.
    pub(crate) sret: Sret,
    /// Whether a parameter can be a block of bytes in the argument area (`sarg`).
    pub(crate) has_struct_arguments: bool,
    /// The n-th parameter takes the n-th register of its class, rather than the first free one.
    pub(crate) positional: bool,
    /// A stack slot has the size of its value, but at least so many bytes, and is aligned to its size.
    pub(crate) least_slot: u32,
    /// Bytes at the start of the argument area that no parameter is in.
    pub(crate) shadow_bytes: u32,
    /// Cranelift aligns the stack to so many bytes before a call.
    pub(crate) stack_align: u32,
    /// Most bytes of an argument area.
    pub(crate) most_stack_bytes: u32,
    /// Types that no parameter or result can have, each with the type that stands for it: the same bits in the same register.
    pub(crate) instead: &'static [(ValueType, ValueType)],
}

/// Where the pointer to a result in memory is (`sret`), which the function also returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sret {
    /// The pointer is an ordinary integer, and the first result.
    FirstInt,
    /// In a register of its own, which parameters do not take.
    Own(Reg),
    /// There is none.
    Refused,
}

/// The registers that parameters or results take, each class in the order in which Cranelift gives them out.
pub(crate) type Registers = PerClass<&'static [Reg]>;

/// Something of each class.
#[derive(Default, Debug)]
pub(crate) struct PerClass<T> {
    pub(crate) int: T,
    pub(crate) vector: T,
}

/// A class of values that Cranelift counts on its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RegClass {
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
                let offset = narrow(offset);
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
        let position = position(vector, RegClass::Vector)
            .filter(|vector| position(int, RegClass::Int) == Some(*vector))?;
        u8::try_from(position).ok()
    }

    /// `part` as a type that can be a parameter and a result.
    pub(crate) fn declarable(&self, part: ClifPart) -> ClifPart {
        let mut instead = self.instead.iter();
        let instead = instead.find_map(|(ty, instead)| (*ty == part.ty).then_some(*instead));
        let ty = instead.unwrap_or(part.ty);
        ClifPart { ty, ..part }
    }
}

impl RegClass {
    pub(crate) const ALL: [Self; 2] = [Self::Int, Self::Vector];

    pub(crate) fn of(ty: ValueType) -> Self {
        if ty.is_int() { Self::Int } else { Self::Vector }
    }
}

impl<T> PerClass<T> {
    pub(crate) fn of(&self, class: RegClass) -> &T {
        match class {
            RegClass::Int => &self.int,
            RegClass::Vector => &self.vector,
        }
    }

    pub(crate) fn of_mut(&mut self, class: RegClass) -> &mut T {
        match class {
            RegClass::Int => &mut self.int,
            RegClass::Vector => &mut self.vector,
        }
    }
}

impl Registers {
    /// The class that `reg` is given out to, and how many registers of it are given out before.
    pub(crate) fn position(&self, reg: Reg) -> Option<(RegClass, usize)> {
        RegClass::ALL.into_iter().find_map(|class| {
            let position = self.of(class).iter().position(|own| *own == reg);
            position.map(|position| (class, position))
        })
    }
}
