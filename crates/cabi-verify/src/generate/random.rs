//! The numbers that random types are made from: those of SplitMix64, or a fuzzer's bytes.
//! SplitMix64 is by Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
//! A seed thus means the same on every machine and in every later version of this workspace.

use std::vec::IntoIter;

/// A source of numbers.
#[derive(Clone, Debug)]
pub struct Random(Source);

#[derive(Clone, Debug)]
enum Source {
    Seed(u64),
    Bytes(IntoIter<u8>),
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// Makes the source of case `index` under `seed`.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut state = seed;
        let mixed = next(&mut state);
        Self(Source::Seed(
            mixed ^ index.wrapping_mul(STEP).rotate_left(17),
        ))
    }

    /// Makes a source that reads its numbers from `bytes`, and zeros after their end. A zero is the
    /// first of all choices, and a chance that does not come true.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Source::Bytes(Vec::from(bytes).into_iter()))
    }

    /// Draws any number.
    pub fn any(&mut self) -> u64 {
        match &mut self.0 {
            Source::Seed(state) => next(state),
            Source::Bytes(bytes) => take(bytes, 8),
        }
    }

    /// Draws a number below `end`, 0 if that is 0.
    pub fn below(&mut self, end: u32) -> u32 {
        let number = match &mut self.0 {
            Source::Seed(state) => ((next(state) >> 32) * u64::from(end)) >> 32,
            Source::Bytes(bytes) => {
                let n = if end <= 256 { 1 } else { 4 };
                take(bytes, n).checked_rem(u64::from(end)).unwrap_or(0)
            }
        };
        u32::try_from(number).unwrap_or(0)
    }

    /// Returns `true` in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u32) -> bool {
        let number = self.below(100);
        match &self.0 {
            Source::Seed(_) => number < percent,
            Source::Bytes(_) => number >= 100_u32.saturating_sub(percent),
        }
    }

    /// Draws one of `items`; `None` only if there are none.
    pub fn one<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let end = u32::try_from(items.len()).unwrap_or(u32::MAX);
        items.get(usize::try_from(self.below(end)).ok()?).copied()
    }

    /// Draws one of `items`, or `other` if there are none.
    pub fn one_or<T: Copy>(&mut self, items: &[T], other: T) -> T {
        self.one(items).unwrap_or(other)
    }
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(STEP);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Reads the number in the next `n` bytes.
fn take(bytes: &mut IntoIter<u8>, n: usize) -> u64 {
    (0..n).fold(0, |number, _| {
        number << 8 | u64::from(bytes.next().unwrap_or(0))
    })
}
