//! x86-64's registers in an image, and what the probe has them hold.

use std::sync::LazyLock;

use cabi::{Bank, Loc, Place, PlacedPart, Reg, Scalar, x86_64::*};

use super::assembly::{self, STACK, VECTORS, X87};
use crate::image::call::ObservedCall;
use crate::image::{Cell, Image, RegisterFile};

/// The registers that `assembly.rs` moves. Narrow integers are extended to 32 bits, as gcc's and clang's callers do.
pub(super) static FILE: LazyLock<RegisterFile> = LazyLock::new(|| {
    let cell = |reg: &Reg| {
        let index = usize::from(reg.index());
        let (at, bytes, extended) = match reg.bank() {
            Bank::Int => (8 * index, 8, 4),
            Bank::Vector => (VECTORS + 64 * index, 64, 0),
            Bank::X87 => (assembly::ST0 + 10 * index, 10, 0),
        };
        let (name, bank) = (reg.name(), reg.bank());
        Cell {
            name,
            bank,
            at,
            bytes,
            extended,
        }
    };
    let registers = [
        RDI, RSI, RDX, RCX, R8, R9, RAX, R10, RBX, RSP, XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6,
        XMM7, ST0, ST1, ST2, ST3, ST4, ST5, ST6,
    ];
    RegisterFile {
        cells: registers.iter().map(cell).collect(),
        area: STACK,
        word: 8,
        extended: 4,
    }
});

/// Registers and stack as they were written down, of a call with an argument area of `area_bytes`; empty registers of the x87 stack are not in it.
pub(super) fn of_dump(bytes: Vec<u8>, area_bytes: usize) -> Image {
    let mut image = Image::new(FILE.clone(), bytes, area_bytes);
    let state = |at: usize| -> u64 {
        let bytes = image.get(X87 + at..X87 + at + 2).iter().rev();
        bytes.fold(0, |word, byte| word << 8 | u64::from(*byte))
    };
    // Tags are by register, and entries of the stack from the top.
    let (top, tags) = (state(4) >> 11 & 7, state(8));
    let is_empty = |entry: usize| tags >> (2 * ((top + entry as u64) & 7)) & 3 == 3;
    (image.file.cells)
        .retain(|cell| cell.bank != Bank::X87 || !is_empty((cell.at - assembly::ST0) / 10));
    image
}

/// Extends what a System V caller is given of narrow integers on the stack: such callers do, and clang's callees rely on it for `_Bool`. Where the next value may
/// start at the next byte, nothing is extended.
pub(super) fn extend_slots(call: &ObservedCall<'_>, image: &mut Image) -> Result<(), String> {
    let values = call.types.iter().zip(&call.values.promoted);
    for (arg, (ty, pattern)) in call.abi.args.iter().zip(values) {
        if let (Place::Stack { .. }, Some(Scalar::Bool | Scalar::Int { .. })) =
            (&arg.place, ty.as_scalar())
            && call.abi.convention.frame.slot > 1
            && pattern.bytes.len() as u64 == ty.size()
        {
            image.put(&arg.place, &pattern.promoted(ty).1)?;
        }
    }
    Ok(())
}

impl Image {
    /// The word at `loc`.
    pub(super) fn word(&self, loc: &Loc) -> Result<u64, String> {
        let at = self.file.start(loc)?;
        Ok(self.file.number(self.get(at..self.bytes.len())))
    }
}

/// The address of the argument area of a call that was written down.
pub(super) fn area(dump: &Image) -> Result<u64, String> {
    Ok(dump.word(&Loc::Reg(RSP))?.wrapping_add(8))
}

/// Puts `word` at `at` of an image.
pub(super) fn put_word(image: &mut Image, at: usize, word: u64) {
    image.write(at, &word.to_le_bytes());
}

/// How many entries of the x87 stack are not empty. The words of its state are 4 bytes apart.
pub(super) fn n_x87_in(dump: &Image) -> usize {
    let tags = dump.get(X87 + 8..X87 + 10);
    let tags = tags
        .iter()
        .flat_map(|tags| [0, 2, 4, 6].map(|at| tags >> at & 3));
    tags.filter(|tag| *tag != 3).count()
}

/// How many x87 registers a value at `place` is in.
pub(super) fn n_x87(place: &Place) -> u64 {
    let in_x87 =
        |placed: &&PlacedPart| matches!(placed.loc, Loc::Reg(reg) if reg.bank() == Bank::X87);
    match place {
        Place::Parts(parts) => parts.iter().filter(in_x87).count() as u64,
        _ => 0,
    }
}
