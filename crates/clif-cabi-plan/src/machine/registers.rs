//! The registers of a machine, in classes that Cranelift counts on their own.

use cabi::Reg;

use crate::signature::ValueType;

/// Registers of parameters or results, each class in the order in which Cranelift gives them out.
pub(crate) type Registers = PerClass<&'static [Reg]>;

/// A value for each class.
#[derive(Clone, Default, Debug)]
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
    pub(crate) const NONE: Self = Self {
        int: &[],
        vector: &[],
    };

    /// Returns the class of `reg`, and how many of its registers are given out before.
    pub(crate) fn position(&self, reg: Reg) -> Option<(RegClass, usize)> {
        RegClass::ALL.into_iter().find_map(|class| {
            let position = self.of(class).iter().position(|own| *own == reg);
            position.map(|position| (class, position))
        })
    }
}
