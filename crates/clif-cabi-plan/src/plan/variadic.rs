//! Variadic functions from inside: the registers that they save, and the start of their `va_list`
//! (psABI 3.5.7, Variable Argument Lists; x64 calling convention (Microsoft), Varargs).

use cabi::{Bank, FnAbi, Reg};

use super::value::registers;
use crate::machine::{Home, Machine, RegClass, SaveArea, SavedClass, VaCounter};
use crate::parts::{ClifPart, WORD, narrow};
use crate::signature::ClifPlace;
use crate::slot::{Slot, What};

/// Plan of `va_start`: the first state of a `va_list`. The function stores the parameters that are
/// a [`What::Register`] first, to the register save area or the shadow space. On System V all
/// vector registers are among them: CLIF cannot read AL, in which the caller states how many it
/// uses. The slot of an unused register holds bytes that nobody reads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum VaStart {
    /// Counts of saved registers, and the address of the first unnamed argument in the argument
    /// area.
    Registers {
        /// The counts of integer and of vector registers.
        counts: [VaCount; 2],
        /// Bytes from [`EntryPlan::area`](super::EntryPlan::area) to the first byte after the named
        /// arguments.
        overflow: u32,
        /// Bytes from the start of the `va_list` to the address of the next argument in the area.
        overflow_at: u8,
        /// Bytes of the register save area.
        save_bytes: u32,
        /// Alignment of the register save area, in bytes.
        save_align: u32,
        /// Bytes from its start to [`EntryPlan::area`](super::EntryPlan::area), where callers leave
        /// room for it. `None`: the function makes room.
        save_before: Option<u32>,
    },
    /// The address of the first unnamed argument, in bytes from
    /// [`EntryPlan::area`](super::EntryPlan::area). It is before the area where the argument may be
    /// in a register: Win64 saves it in the shadow space, RISC-V and Windows on Arm in a stub's
    /// frame. It is in the area for Apple arm64.
    Pointer {
        /// Bytes.
        first: i32,
    },
}

/// First state of a counter of a `va_list`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct VaCount {
    /// The counter.
    pub counter: VaCounter,
    /// Its value at the first register that no named argument takes.
    pub count: i32,
    /// From the start of the register save area to that address, in bytes.
    pub base_at: u32,
}

impl VaStart {
    /// Returns the state for unnamed arguments that follow so many integer and vector registers,
    /// and so many bytes of the argument area.
    pub(super) fn after(machine: Machine, [n_int, n_vector]: [usize; 2], area_bytes: u32) -> Self {
        match &machine.convention.va_list.save_area {
            Some(save_area) => Self::Registers {
                counts: [(RegClass::Int, n_int), (RegClass::Vector, n_vector)].map(|(class, n)| {
                    let saved = save_area.saved.of(class);
                    VaCount {
                        counter: saved.counter,
                        count: count(saved, slot(machine, saved, class, n)),
                        base_at: saved.base_at,
                    }
                }),
                overflow: area_bytes.saturating_sub(machine.convention.shadow_bytes),
                overflow_at: save_area.overflow,
                save_bytes: end(machine, save_area, RegClass::Vector),
                save_align: save_area.saved.vector.slot,
                save_before: save_area.before_area,
            },
            None => Self::Pointer {
                first: match n_int < machine.convention.params.of(RegClass::Int).len() {
                    true if machine.convention.va_list.home.is_some() => home(machine, n_int),
                    _ => narrow(
                        i64::from(area_bytes.next_multiple_of(WORD.bytes()))
                            - i64::from(machine.convention.shadow_bytes),
                    ),
                },
            },
        }
    }
}

/// Returns the slots of the registers of parameters that named arguments leave. `taken` is the
/// number of integer and vector registers of these. Each slot is a parameter that holds all bytes
/// of its register that are saved.
pub(super) fn unused(machine: Machine, taken: [usize; 2]) -> impl Iterator<Item = Slot> {
    let save_area = machine.convention.va_list.save_area.as_ref();
    let classes = RegClass::ALL.into_iter().zip(taken).take(n_saved(machine));
    classes.flat_map(move |(class, n_taken)| {
        let saved = save_area.map(|save_area| save_area.saved.of(class));
        let ty = saved.map_or(WORD, |saved| saved.ty);
        let part = ClifPart::new(0, narrow(ty.bytes()), ty);
        let regs = machine.convention.params.of(class).iter().enumerate();
        regs.skip(n_taken).map(move |(i, reg)| {
            let offset = match saved {
                Some(saved) => narrow(slot(machine, saved, class, i)),
                None => home(machine, i),
            };
            Slot::new(What::Register { offset }, part, ClifPlace::Reg(*reg))
        })
    })
}

/// Returns how many classes of registers the function saves: in the shadow space a float is in the
/// integer register of its position too.
fn n_saved(machine: Machine) -> usize {
    let layout = &machine.convention.va_list;
    match (&layout.save_area, layout.home) {
        (Some(_), _) => 2,
        (None, Some(Home::ShadowSpace)) => 1,
        (None, Some(Home::Stub) | None) => 0,
    }
}

/// Returns the bytes from the first byte on the stack after the words of all integer registers to
/// that of the one at position `i`.
fn home(machine: Machine, i: usize) -> i32 {
    let n = machine.convention.params.of(RegClass::Int).len();
    let words = narrow::<i32, _>(i) - narrow::<i32, _>(n);
    words * narrow::<i32, _>(WORD.bytes())
}

/// Returns how many integer and vector registers of parameters the arguments of `abi` take, as
/// [`FnAbi::used`] counts them. These are all up to the last one in use. They are all registers if
/// a value did not fit and left the others unused.
pub(super) fn used(abi: &FnAbi, machine: Machine) -> [usize; 2] {
    let (params, positional) = (&machine.convention.params, machine.convention.positional);
    let positions = || registers(abi).filter_map(|reg| params.position(reg));
    // The static chain and the pointer to the result may have registers of their own.
    let is_other = |reg: &Reg| reg.bank() == Bank::Int && params.position(*reg).is_none();
    let n_separate = registers(abi).filter(is_other).count();
    let used = [
        usize::from(abi.used.int).saturating_sub(n_separate),
        usize::from(abi.used.vector),
    ];
    let classes = [(RegClass::Int, used[0]), (RegClass::Vector, used[1])];
    classes.map(|(class, used)| {
        debug_assert!(
            {
                let own = positions().filter(|(own, _)| *own == class || positional);
                let last = own.map(|(_, position)| position + 1).max();
                used == last.unwrap_or(0) || used == params.of(class).len()
            },
            "{used} registers are counted: {:?}",
            abi.args
        );
        used
    })
}

/// Returns the count at which the next register is `at` bytes from the start of the register save
/// area.
pub(super) fn count(own: &SavedClass, at: u32) -> i32 {
    let bytes = i64::from(at) - i64::from(own.base_at) - i64::from(own.zero_at);
    narrow(bytes / i64::from(own.counter.unit))
}

/// Returns the bytes from the start of the register save area to the slot of register `i` of
/// `class`. For an `i` after the last register, it is the first byte after the last slot.
fn slot(machine: Machine, own: &SavedClass, class: RegClass, i: usize) -> u32 {
    let i = i.min(machine.convention.params.of(class).len());
    own.first + own.slot * narrow::<u32, _>(i)
}

/// Returns the bytes from the start of the register save area to the first byte after the slots of
/// `class`.
pub(super) fn end(machine: Machine, save_area: &SaveArea, class: RegClass) -> u32 {
    slot(machine, save_area.saved.of(class), class, usize::MAX)
}
