//! The numbers behind random types: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014), because
//! a seed must mean the same on every machine and in every later version of this workspace.

/// A source of numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The source of case `index` under `seed`.
    pub(super) fn new(seed: u64, index: u64) -> Self {
        let mut random = Self(seed);
        let mixed = random.next();
        Self(mixed ^ index.wrapping_mul(STEP).rotate_left(17))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, 0 if that is 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        let product = (self.next() >> 32) * u64::from(end);
        u32::try_from(product >> 32).unwrap_or(0)
    }

    /// True in `percent` of 100 cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of `items`; `None` only if there are none.
    pub(super) fn one<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let end = u32::try_from(items.len()).unwrap_or(u32::MAX);
        items.get(usize::try_from(self.below(end)).ok()?).copied()
    }

    /// One of `items`, or `other` if there are none.
    pub(super) fn one_or<T: Copy>(&mut self, items: &[T], other: T) -> T {
        self.one(items).unwrap_or(other)
    }
}
