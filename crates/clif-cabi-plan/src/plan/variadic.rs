//! A variadic function from inside: where it saves registers, and where its `va_list` starts (psABI 3.5.7, Variable Argument Lists; x64 calling
//! convention (Microsoft), Varargs).

use cabi::{FnAbi, Reg};
use smallvec::SmallVec;

use super::value::is_chain;
use crate::machine::{Class, Counting, Machine, SaveArea};
use crate::parts::WORD;
use crate::signature::ValueType;

/// What `va_start` does: it stores CLIF parameters, and writes a `va_list`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VariadicEntry {
    /// The CLIF parameters that it stores, to the register save area or the shadow space. On System V all vector registers are among them: CLIF
    /// cannot read AL, with which the caller states how many it uses, and in one that it does not use there are bytes nobody reads.
    pub saved: SmallVec<[SavedRegister; 16]>,
    /// What the `va_list` starts with.
    pub start: VaStart,
}

/// What a `va_list` starts with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum VaStart {
    /// System V: an offset for each class of registers, and the address of the first unnamed argument in the argument area.
    Registers {
        /// From the start of the register save area to the first integer register that no named argument takes, in bytes.
        gp_offset: u32,
        /// The same for the first such vector register.
        fp_offset: u32,
        /// From where [`EntryPlan::area`](super::EntryPlan::area) points to the first byte after the named arguments.
        overflow: u32,
        /// Bytes of the register save area.
        save_bytes: u32,
        /// Alignment of the register save area, in bytes.
        save_align: u32,
    },
    /// Win64: the address of the first unnamed argument, so many bytes from where [`EntryPlan::area`](super::EntryPlan::area) points: before it,
    /// in the shadow space, where one may be in a register.
    Pointer {
        /// Bytes.
        first: i32,
    },
}

/// A register that an unnamed argument may be in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct SavedRegister {
    /// The CLIF parameter that it is.
    pub param: usize,
    /// Where it is stored: bytes from the start of the register save area, or from where [`EntryPlan::area`](super::EntryPlan::area) points.
    pub offset: i32,
}

impl VariadicEntry {
    /// What follows so many integer and vector registers, and so many bytes from the start of the argument area. Which registers are saved is still to be
    /// found.
    pub(super) fn starting_at(machine: &Machine, taken: [usize; 2], area_bytes: u32) -> Self {
        let [n_int, n_vector] = taken;
        let counting = machine.counting;
        let start = match &machine.va_list.save_area {
            Some(save_area) => VaStart::Registers {
                gp_offset: slot(counting, save_area, Class::Int, n_int),
                fp_offset: slot(counting, save_area, Class::Vector, n_vector),
                overflow: area_bytes - counting.shadow_bytes,
                save_bytes: end(counting, save_area, Class::Vector),
                save_align: save_area.vector_slot,
            },
            None => VaStart::Pointer {
                first: match n_int < counting.params.of(Class::Int).len() {
                    true => home(counting, n_int),
                    false => from_shadow(counting, area_bytes),
                },
            },
        };
        let saved = SmallVec::new();
        Self { saved, start }
    }
}

/// A register of parameters that no named argument takes.
pub(super) struct Left {
    pub(super) reg: Reg,
    /// What a parameter must be to hold all of it that is saved.
    pub(super) ty: ValueType,
    /// Where it is saved: [`SavedRegister::offset`].
    pub(super) offset: i32,
}

/// The registers of parameters that named arguments leave, which take so many integer and vector registers.
pub(super) fn left(machine: &Machine, taken: [usize; 2]) -> impl Iterator<Item = Left> {
    let (counting, save_area) = (machine.counting, machine.va_list.save_area.as_ref());
    let classes = [(Class::Int, WORD), (Class::Vector, ValueType::I8X16)];
    // In the shadow space a float is in the integer register of its position too.
    let n_classes = if save_area.is_some() { 2 } else { 1 };
    let classes = classes.into_iter().zip(taken).take(n_classes);
    classes.flat_map(move |((class, ty), n_taken)| {
        let regs = counting.params.of(class).iter().enumerate();
        regs.skip(n_taken).map(move |(i, reg)| Left {
            reg: *reg,
            ty,
            offset: match save_area {
                Some(own) => i32::try_from(slot(counting, own, class, i)).unwrap_or(i32::MAX),
                None => home(counting, i),
            },
        })
    })
}

/// From the first byte after the shadow space to the slot in it that is of position `i`.
fn home(counting: &Counting, i: usize) -> i32 {
    let i = u32::try_from(i).unwrap_or(0);
    from_shadow(counting, WORD.bytes() * i)
}

/// From the first byte after the shadow space to `offset` in the argument area.
fn from_shadow(counting: &Counting, offset: u32) -> i32 {
    let from = i64::from(offset) - i64::from(counting.shadow_bytes);
    i32::try_from(from).unwrap_or(i32::MAX)
}

/// How many integer and vector registers of parameters the arguments of `abi` take. The static chain has a register of its own.
pub(super) fn taken(abi: &FnAbi, machine: &Machine) -> [usize; 2] {
    let mut places = abi.args.iter().map(|arg| &arg.place);
    let chain = usize::from(places.any(|place| is_chain(machine, place)));
    [
        usize::from(abi.n_gp).saturating_sub(chain),
        usize::from(abi.n_sse),
    ]
}

/// From the start of the register save area to the slot of register `i` of `class`.
pub(super) fn slot(counting: &Counting, save_area: &SaveArea, class: Class, i: usize) -> u32 {
    let (start, bytes) = match class {
        Class::Int => (0, save_area.int_slot),
        Class::Vector => (end(counting, save_area, Class::Int), save_area.vector_slot),
    };
    let i = i.min(counting.params.of(class).len());
    start + bytes * u32::try_from(i).unwrap_or(0)
}

/// From the start of the register save area to the first byte after the slots of `class`.
pub(super) fn end(counting: &Counting, save_area: &SaveArea, class: Class) -> u32 {
    slot(counting, save_area, class, usize::MAX)
}
