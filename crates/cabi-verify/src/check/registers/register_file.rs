//! The registers and the stack of one call as bytes: read after a callee wrote them down, or made of the places of an [`FnAbi`].

use std::sync::LazyLock;

use cabi::{Bank, Extension, FnAbi, Loc, Place, PlacedPart, Reg, Scalar, Type, x86_64};

use super::assembly::{BYTES, Returning, ST0, STACK, VECTORS, X87};
use crate::pattern::Pattern;

/// Registers and stack, as `assembly.rs` lays them out.
#[derive(Clone, Debug)]
pub(super) struct RegisterFile {
    bytes: Vec<u8>,
}

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

impl RegisterFile {
    pub(super) fn of_dump(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    fn unsaid() -> Self {
        Self::of_dump(UNSAID.clone())
    }

    /// Every integer register and every slot of `area_bytes` holds `word`.
    pub(super) fn full_of(word: u64, area_bytes: u64) -> Self {
        let mut image = Self::unsaid();
        let words = word.to_le_bytes();
        let area = STACK..STACK.saturating_add(usize::try_from(area_bytes).unwrap_or(BYTES));
        for range in [0..VECTORS, area] {
            let bytes = image.bytes.get_mut(range).unwrap_or_default();
            bytes
                .chunks_exact_mut(8)
                .for_each(|slot| slot.copy_from_slice(&words));
        }
        image
    }

    /// What a caller of `abi` makes of `patterns`, values of `types`, with `result` as the address for a result in memory. `None` if a value
    /// goes where an image has no room for it.
    pub(super) fn of_call(
        abi: &FnAbi,
        types: &[Type],
        patterns: &[Pattern],
        result: u64,
    ) -> Option<Self> {
        let mut image = Self::unsaid();
        for ((arg, ty), pattern) in abi.args.iter().zip(types).zip(patterns) {
            match &arg.place {
                Place::Ignore => {}
                Place::Parts(parts) => image.put_parts(parts, pattern)?,
                Place::Stack { offset, .. } => {
                    // Where the next value may start at the next byte, nothing is extended.
                    match abi.convention.frame.slot {
                        ..=1 => image.put(Loc::Stack(*offset), &pattern.bytes)?,
                        _ => image.put(Loc::Stack(*offset), &in_slot(ty, pattern))?,
                    }
                }
                _ => return None,
            }
        }
        if let Some(reg) = abi.variadic_count {
            image.put(Loc::Reg(reg), &u64::from(abi.used.vector).to_le_bytes())?;
        }
        if let Place::Indirect { pointer, .. } = abi.ret.place {
            image.put(pointer, &result.to_le_bytes())?;
        }
        Some(image)
    }

    /// What a callee of `abi` makes of `pattern`, its result: as registers, and what it is told.
    pub(super) fn of_result(abi: &FnAbi, pattern: &Pattern) -> Option<(Self, Returning)> {
        let mut image = Self::unsaid();
        let mut returning = Returning::NOTHING;
        match &abi.ret.place {
            Place::Parts(parts) => {
                image.put_parts(parts, pattern)?;
                returning.n_x87 = n_x87(parts);
            }
            Place::Indirect {
                pointer: Loc::Reg(reg),
                ..
            } => {
                returning.address_at = i64::try_from(start(*reg)?).ok()?;
                returning.memory_bytes = pattern.bytes.len() as u64;
                returning.memory = pattern.bytes.as_ptr();
            }
            Place::Ignore => {}
            _ => return None,
        }
        returning
            .registers
            .copy_from_slice(image.bytes.get(..STACK)?);
        Some((image, returning))
    }

    fn put_parts(&mut self, parts: &[PlacedPart], pattern: &Pattern) -> Option<()> {
        for PlacedPart { part, loc } in parts {
            let (from, size) = (usize::from(part.offset), usize::from(part.size));
            let to = pattern.bytes.len().min(from + size);
            let mut bytes = pattern.bytes.get(from..to)?.to_vec();
            extend(&mut bytes, part.extension);
            self.put(*loc, &bytes)?;
        }
        Some(())
    }

    fn put(&mut self, loc: Loc, bytes: &[u8]) -> Option<()> {
        let at = match loc {
            Loc::Reg(reg) => start(reg)?,
            Loc::Stack(offset) => STACK.checked_add(usize::try_from(offset).ok()?)?,
            _ => return None,
        };
        let to = self.bytes.get_mut(at..at.checked_add(bytes.len())?)?;
        to.copy_from_slice(bytes);
        Some(())
    }

    /// Puts `word` at `loc`, if that is in the image.
    pub(super) fn put_word(&mut self, loc: Loc, word: u64) {
        // What is not put there the callee does not get, which shows.
        let _ = self.put(loc, &word.to_le_bytes());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes at `loc`, `len` of them if it is on the stack, else the whole register.
    pub(super) fn location(&self, loc: Loc, len: usize) -> &[u8] {
        match loc {
            Loc::Reg(reg) | Loc::Both(&[reg, _]) => self.register(reg),
            Loc::Stack(offset) => self.stack(offset, len),
            _ => &[],
        }
    }

    /// The bytes of `reg`; none if it is an empty register of the x87 stack.
    pub(super) fn register(&self, reg: Reg) -> &[u8] {
        let len = match reg.bank() {
            Bank::Int => 8,
            Bank::Vector => 64,
            Bank::X87 if self.is_empty(reg.index()) => 0,
            Bank::X87 => 10,
        };
        let range = start(reg).map(|at| at..at + len);
        range
            .and_then(|range| self.bytes.get(range))
            .unwrap_or_default()
    }

    /// Whether entry `index` of the x87 stack is empty. The words of its state are 4 bytes apart; tags are counted by register, not from the top.
    fn is_empty(&self, index: u8) -> bool {
        let state = |at: usize| word(self.bytes.get(X87 + at..X87 + at + 2).unwrap_or_default());
        let top = state(4) >> 11 & 7;
        let tag = state(8) >> (2 * ((top + u64::from(index)) & 7)) & 3;
        tag == 3
    }

    /// How many entries of the x87 stack are not empty.
    pub(super) fn n_x87(&self) -> usize {
        (0..8).filter(|index| !self.is_empty(*index)).count()
    }

    pub(super) fn stack(&self, offset: u64, len: usize) -> &[u8] {
        let at = usize::try_from(offset).map_or(BYTES, |offset| STACK.saturating_add(offset));
        self.bytes
            .get(at..at.saturating_add(len))
            .unwrap_or_default()
    }

    /// The address of the argument area.
    pub(super) fn area(&self) -> u64 {
        self.rsp().wrapping_add(8)
    }

    pub(super) fn rsp(&self) -> u64 {
        word(self.register(x86_64::RSP))
    }
}

/// How many of `parts` are on the x87 stack.
pub(super) fn n_x87(parts: &[PlacedPart]) -> u64 {
    let in_x87 =
        |placed: &&PlacedPart| matches!(placed.loc, Loc::Reg(reg) if reg.bank() == Bank::X87);
    parts.iter().filter(in_x87).count() as u64
}

/// Where a register is in an image.
fn start(reg: Reg) -> Option<usize> {
    let index = usize::from(reg.index());
    match reg.bank() {
        Bank::Int => (index <= 10).then_some(8 * index),
        Bank::Vector => (index < 8).then_some(VECTORS + 64 * index),
        Bank::X87 => (index < 8).then_some(ST0 + 10 * index),
    }
}

/// The bytes of an argument on the stack. Callers extend narrow integers there too, and clang's callees rely on it for `_Bool`.
fn in_slot(ty: &Type, pattern: &Pattern) -> Vec<u8> {
    let mut bytes = pattern.bytes.clone();
    if let Some(scalar @ (Scalar::Bool | Scalar::Int { .. })) = ty.as_scalar() {
        let extension = match scalar.is_signed() {
            true => Extension::Sign,
            false => Extension::Zero,
        };
        extend(&mut bytes, extension);
    }
    bytes
}

/// Extends a narrow integer to 32 bits, as gcc's and clang's callers do.
fn extend(bytes: &mut Vec<u8>, extension: Extension) {
    let negative = bytes.last().is_some_and(|top| *top >= 0x80);
    let fill = match extension {
        Extension::None => return,
        Extension::Sign if negative => 0xff,
        _ => 0,
    };
    while bytes.len() < 4 {
        bytes.push(fill);
    }
}

/// Up to eight bytes as a number.
pub(super) fn word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}
