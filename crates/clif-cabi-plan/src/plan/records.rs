//! Records in the argument area. Each is passed as slots, two of them in one vector where that can
//! be, or as a block.
//!
//! Compilers read a record that is passed in memory 16 bytes at a time, where they copy it or
//! calculate with vectors. A load of 16 bytes over two stores of 8 has to wait until both have left
//! the store buffer, some 15 cycles. A load of 8 over a store of 16 does not. So two words of a
//! record are one parameter of 16 bytes. Cranelift aligns such a parameter to 16, so this holds
//! only where that is its place. Such parameters need padding arguments in the vector registers;
//! words would need them in the integer registers.

use std::ops::Range;

use cabi::{FnAbi, FnSig, Place};
use smallvec::{Array, SmallVec};

use super::value::{MAX_PARTS_BYTES, MAX_WORDS, stack_parts};
use crate::machine::Machine;
use crate::parts::{ClifPart, WORD};
use crate::signature::ValueType;
use crate::slot::PassMode;

/// A vector of two words.
const PAIR: ValueType = ValueType::F64X2;
const PAIR_BYTES: u64 = PAIR.bytes() as u64;
const WORD_BYTES: u64 = WORD.bytes() as u64;

/// Objects up to this many bytes are passed as words. Larger ones, which have more words than there
/// are registers, are passed as pairs if they have parts and start at a multiple of 16. Cranelift
/// copies the others (`sarg`).
const MAX_WORDS_BYTES: u64 = 64;

/// An object of at most so many bytes may just have been written field by field. A larger one was
/// mostly copied.
const WRITTEN_BY_FIELDS: u64 = 64;

/// Facts about a call's records before and while they are placed.
pub(super) struct Records {
    /// `true` if some record has words in vectors. Then all have: their words would need padding
    /// arguments in the integer registers as well.
    has_vectors: bool,
    /// `true` if Cranelift copies some record. Then it copies all larger ones: values in vector
    /// registers would not survive the call of `memcpy`.
    has_copies: bool,
    n_words: usize,
}

impl Records {
    pub(super) fn of(machine: Machine, sig: &FnSig, abi: &FnAbi) -> Self {
        let args = sig.params().iter().zip(&abi.args);
        let on_stack = args.filter_map(|(param, arg)| match arg.place {
            Place::Stack { size, .. }
                if machine.convention.reads_wide && is_split(&param.ty, size) =>
            {
                Some((size, starts_a_pair(&arg.place)))
            }
            Place::Stack { size, .. } => Some((size, false)),
            _ => None,
        });
        let is_copied = |(size, in_pairs): (u64, bool)| size > MAX_WORDS_BYTES && !in_pairs;
        let has_copies = on_stack.clone().any(is_copied);
        let mut pairs = on_stack.filter(|(_, in_pairs)| *in_pairs);
        Self {
            has_vectors: pairs.any(|(size, _)| size <= MAX_WORDS_BYTES || !has_copies),
            has_copies,
            n_words: 0,
        }
    }

    /// Returns how a value of `ty` with `size` bytes in the argument area is passed, and appends
    /// its parts.
    pub(super) fn mode(
        &mut self,
        machine: Machine,
        ty: &cabi::Type,
        (size, align): (u64, u32),
        abi: &FnAbi,
        parts: &mut SmallVec<impl Array<Item = ClifPart>>,
    ) -> PassMode {
        let first = parts.len();
        if stack_parts(machine, ty, abi, (size, align), parts) {
            return PassMode::Parts;
        }
        if size > MAX_PARTS_BYTES {
            return PassMode::Area;
        }
        if !machine.has_sarg() || crate::value_type(ty).is_some() {
            return PassMode::Parts;
        }
        let in_vectors = self.has_vectors && is_split(ty, size);
        let fits = size <= MAX_WORDS_BYTES || in_vectors && !self.has_copies;
        let n_words = parts.len() - first;
        if !fits || self.n_words + n_words > MAX_WORDS {
            return PassMode::Area;
        }
        self.n_words += n_words;
        match in_vectors {
            true => PassMode::Words,
            false => PassMode::Parts,
        }
    }
}

/// Checks whether the words of a value may be in vectors. Smaller values are read word by word, and
/// the parts of x87 values as such.
fn is_split(ty: &cabi::Type, size: u64) -> bool {
    ty.as_record().is_some() && size > PAIR_BYTES && size <= MAX_PARTS_BYTES
}

fn starts_a_pair(place: &Place) -> bool {
    matches!(place, Place::Stack { offset, .. } if offset.is_multiple_of(PAIR_BYTES))
}

/// Returns a mask of the words of a record that are one field each. Two such words may just have
/// been stored one by one, and a load of 16 bytes would wait for both. Over narrower stores a load
/// of 8 waits as well. The mask is 0 for a record that is usually copied as a whole, 16 bytes at a
/// time.
pub(super) fn fields_of_a_word(ty: &cabi::Type) -> u32 {
    if ty.size() > WRITTEN_BY_FIELDS {
        return 0;
    }
    let words = cabi::leaves(ty).map(|leaf| leaf.bytes());
    let is_word = |bytes: &Range<u64>| {
        bytes.start.is_multiple_of(WORD_BYTES) && bytes.end == bytes.start + WORD_BYTES
    };
    let words = words.filter(is_word);
    words.fold(0, |mask, bytes| mask | 1 << (bytes.start / WORD_BYTES))
}

/// Returns the parameters of a record with the words `parts` at `offset` of the argument area: the
/// first word of each, and its type.
pub(super) fn in_vectors(
    offset: u64,
    parts: &[ClifPart],
) -> impl Iterator<Item = (usize, ValueType)> {
    let starts_a_pair = move |i: usize| {
        let is_word = |i: usize| {
            parts
                .get(i)
                .is_some_and(|part| u64::from(part.size) == WORD_BYTES)
        };
        offset.is_multiple_of(PAIR_BYTES) && i.is_multiple_of(2) && is_word(i) && is_word(i + 1)
    };
    (0..parts.len()).filter_map(move |i| {
        if starts_a_pair(i) {
            return Some((i, PAIR));
        }
        let is_second = i.checked_sub(1).is_some_and(starts_a_pair);
        (!is_second).then_some((i, ValueType::F64))
    })
}
