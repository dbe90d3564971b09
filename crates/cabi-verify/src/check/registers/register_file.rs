//! x86-64's registers in an image, and what the probe has them hold.

use std::sync::LazyLock;

use cabi::{Bank, FnAbi, Loc, Place, PlacedPart, Reg, Scalar, Type, x86_64::*};

use super::assembly::{self, BYTES, Returning, STACK, VECTORS, X87};
use crate::image::{Cell, Image, RegisterFile};
use crate::pattern::Pattern;

/// The registers that `assembly.rs` moves. Narrow integers are extended to 32 bits, as gcc's and clang's callers do.
static FILE: LazyLock<RegisterFile> = LazyLock::new(|| {
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
        is_big_endian: false,
    }
});

/// Content for registers and slots that a case does not set: each word is another one, so that a word read from there says where it was, and none is an
/// address.
static UNSAID: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let word = |n: usize| {
        let mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bytes = (mixed ^ mixed >> 29).to_le_bytes();
        bytes[7] = 0xa5;
        bytes
    };
    (0..BYTES / 8).flat_map(word).collect()
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

/// What a caller of `abi` makes of `patterns`, values of `types`, of which `copies` are at these addresses, with `result` as the address for a result in memory.
pub(super) fn of_call(
    abi: &FnAbi,
    types: &[Type],
    patterns: &[Pattern],
    (copies, result): (&[u64], u64),
) -> Result<Image, String> {
    let mut image = Image::new(FILE.clone(), UNSAID.clone(), area_bytes(abi));
    for ((arg, ty), pattern) in abi.args.iter().zip(types).zip(patterns) {
        match (&arg.place, ty.as_scalar()) {
            // Callers extend narrow integers on the stack too, and clang's callees rely on it for `_Bool`. Where the next value may start at the next
            // byte, nothing is extended.
            (place @ Place::Stack { .. }, Some(Scalar::Bool | Scalar::Int { .. }))
                if abi.convention.frame.slot > 1 && pattern.bytes.len() as u64 == ty.size() =>
            {
                image.put(place, &pattern.promoted(ty).1)?;
            }
            (place, _) => image.put(place, pattern)?,
        }
    }
    // After all values: wherever a mistake has those, a callee finds its pointers.
    for (arg, copy) in abi.args.iter().zip(copies) {
        if let Place::Indirect { pointer, .. } = &arg.place {
            put_word(&mut image, pointer, *copy);
        }
    }
    if let Some(reg) = abi.variadic_count {
        put_word(&mut image, &Loc::Reg(reg), abi.used.vector.into());
    }
    if let Place::Indirect { pointer, .. } = &abi.ret.place {
        put_word(&mut image, pointer, result);
    }
    Ok(image)
}

/// What a callee of `abi` makes of `pattern`, its result: as registers, and what it is told.
pub(super) fn of_result(abi: &FnAbi, pattern: &Pattern) -> Result<(Image, Returning), String> {
    let mut image = Image::new(FILE.clone(), UNSAID.clone(), 0);
    let mut returning = Returning::NOTHING;
    image.put(&abi.ret.place, pattern)?;
    returning.n_x87 = n_x87(&abi.ret.place);
    if let Place::Indirect { pointer, .. } = &abi.ret.place {
        returning.address_at = i64::try_from(image.file.start(pointer)?).unwrap_or(-1);
        returning.memory_bytes = pattern.bytes.len() as u64;
        returning.memory = pattern.bytes.as_ptr();
    }
    returning.registers.copy_from_slice(&image.bytes[..STACK]);
    Ok((image, returning))
}

/// Puts `word` at `loc`, if that is in the image: what is not put there the callee does not get, which shows.
pub(super) fn put_word(image: &mut Image, loc: &Loc, word: u64) {
    if let Ok(at) = image.file.start(loc) {
        image.write(at, &word.to_le_bytes());
    }
}

/// The word at `loc`.
pub(super) fn word(dump: &Image, loc: &Loc) -> Result<u64, String> {
    let at = dump.file.start(loc)?;
    Ok(dump.file.number(dump.get(at..dump.bytes.len())))
}

/// The address of the argument area of a call that was written down.
pub(super) fn area(dump: &Image) -> u64 {
    rsp(dump).wrapping_add(8)
}

pub(super) fn rsp(dump: &Image) -> u64 {
    word(dump, &Loc::Reg(RSP)).unwrap_or_default()
}

pub(super) fn area_bytes(abi: &FnAbi) -> usize {
    usize::try_from(abi.area_bytes).unwrap_or(usize::MAX)
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
