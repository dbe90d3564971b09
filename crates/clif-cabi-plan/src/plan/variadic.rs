//! A variadic function from inside: its register save area, and where its `va_list` starts (psABI 3.5.7, Variable Argument Lists).

use cabi::FnAbi;
use smallvec::SmallVec;

use super::value::{in_area, is_chain};
use crate::machine::{Class, Machine};
use crate::places::ClifPlace;
use crate::signature::{Param, ValueType};
use crate::solve::Wanted;

/// What a `va_list` starts with: an offset for each class of registers, and the address of the first unnamed argument in the argument area.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VariadicEntry {
    /// From the start of the register save area to the first integer register that no named argument takes, in bytes.
    pub gp_offset: u32,
    /// The same for the first such vector register.
    pub fp_offset: u32,
    /// From the start of the argument area to the first byte after the named arguments. [`EntryPlan::area`](super::EntryPlan::area) points to it.
    pub overflow: u32,
    /// The CLIF parameters that `va_start` stores to the register save area. All vector registers are among them: CLIF cannot read AL, with
    /// which the caller states how many it uses, and in one that it does not use there are bytes nobody reads.
    pub saved: SmallVec<[SavedRegister; 16]>,
    /// Bytes of the register save area.
    pub save_bytes: u32,
    /// Alignment of the register save area, in bytes.
    pub save_align: u32,
}

/// A register that an unnamed argument may be in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct SavedRegister {
    /// The CLIF parameter that it is.
    pub param: usize,
    /// Where it is stored, in bytes from the start of the register save area.
    pub offset: u32,
}

/// A member of a `va_list`, and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VaListField {
    /// 4 bytes: where in the register save area the next integer register is.
    GpOffset,
    /// 4 bytes: where in it the next vector register is.
    FpOffset,
    /// 8 bytes: the address of the next argument in the argument area.
    Overflow,
    /// 8 bytes: the address of the register save area.
    SaveArea,
}

impl VaListField {
    /// Bytes of a `va_list`.
    pub const BYTES: u32 = 24;

    /// Bytes from the start of the `va_list`.
    #[must_use]
    pub const fn offset(self) -> u8 {
        match self {
            Self::GpOffset => 0,
            Self::FpOffset => 4,
            Self::Overflow => 8,
            Self::SaveArea => 16,
        }
    }
}

impl VariadicEntry {
    /// What follows the arguments of `abi`, which are the named ones. Which registers are saved is still to be found.
    pub(super) fn new(abi: &FnAbi, machine: &Machine) -> Self {
        let [n_int, n_vector] = taken(abi, machine);
        Self {
            gp_offset: slot(machine, Class::Int, n_int),
            fp_offset: slot(machine, Class::Vector, n_vector),
            overflow: in_area(abi.area_bytes),
            saved: SmallVec::new(),
            save_bytes: end(machine, Class::Vector),
            save_align: machine.save_area.vector_slot,
        }
    }
}

/// The registers of parameters that the arguments of `abi` leave, and where each is saved.
pub(super) fn rest(abi: &FnAbi, machine: &'static Machine) -> impl Iterator<Item = (u32, Wanted)> {
    let [n_int, n_vector] = taken(abi, machine);
    let of = |class, n_used, ty| {
        let regs = machine.counting.params.of(class).iter().enumerate();
        regs.skip(n_used).map(move |(i, reg)| {
            let param = Param::new(ty);
            let place = ClifPlace::Reg(*reg);
            (slot(machine, class, i), Wanted { param, place })
        })
    };
    let vector = of(Class::Vector, n_vector, ValueType::I8X16);
    of(Class::Int, n_int, ValueType::I64).chain(vector)
}

/// How many integer and vector registers of parameters the arguments of `abi` take. The static chain has a register of its own.
fn taken(abi: &FnAbi, machine: &Machine) -> [usize; 2] {
    let mut places = abi.args.iter().map(|arg| &arg.place);
    let chain = usize::from(places.any(|place| is_chain(machine, place)));
    [
        usize::from(abi.n_gp).saturating_sub(chain),
        usize::from(abi.n_sse),
    ]
}

/// From the start of the register save area to the slot of register `i` of `class`.
fn slot(machine: &Machine, class: Class, i: usize) -> u32 {
    let (start, bytes) = match class {
        Class::Int => (0, machine.save_area.int_slot),
        Class::Vector => (end(machine, Class::Int), machine.save_area.vector_slot),
    };
    let i = i.min(machine.counting.params.of(class).len());
    start + bytes * u32::try_from(i).unwrap_or(0)
}

/// From the start of the register save area to the first byte after the slots of `class`.
pub(super) fn end(machine: &Machine, class: Class) -> u32 {
    slot(machine, class, usize::MAX)
}
