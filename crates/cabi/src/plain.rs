//! What a small record is made of, where no compiler asks for more: bytes of integers and bytes of floats.
//!
//! Such a record has the same classes under every policy, at every vector level, as argument and as result. They are found out once, when it is
//! built, and a signature does not walk its leaves.

use crate::leaves::{Leaf, LeafKind, leaves_of_members};
use crate::record::Record;
use crate::scalar::Scalar;

/// How many leaves are looked at: only unions have more in so few bytes.
const MAX_LEAVES: usize = 64;

/// The bytes of a record of at most 64 that consists of aligned integers and floats of at most 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Plain {
    /// The bytes of integers and pointers, one bit each, the first byte's lowest.
    ints: u64,
    /// The bytes of floats, likewise; of a union a byte may be both.
    floats: u64,
    /// Whether floats lie in an array, which to some makes them integers.
    pub(crate) float_arrays: bool,
}

impl Plain {
    /// `None` if there is anything in `record` that some convention, under some policy, classifies otherwise than by these bytes.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        if record.size > 64 || record.fields.is_empty() {
            return None;
        }
        let mut plain = Self::default();
        for (n, leaf) in leaves_of_members(record).enumerate() {
            if n == MAX_LEAVES || is_special(&leaf) {
                return None;
            }
            let bytes = leaf.bytes();
            let all = u64::MAX >> (64 - leaf.width_bits / 8);
            match leaf.kind {
                LeafKind::Scalar(
                    Scalar::Bool | Scalar::Int { .. } | Scalar::Ptr | Scalar::FnPtr,
                ) => plain.ints |= all << bytes.start,
                LeafKind::Scalar(Scalar::F32 | Scalar::F64) => {
                    plain.floats |= all << bytes.start;
                    plain.float_arrays |= leaf.context.array_bits.is_some();
                }
                _ => return None,
            }
        }
        Some(plain)
    }

    /// The bytes of eightbyte `i` that are integers', and those that are floats'.
    pub(crate) fn eightbyte(self, i: usize) -> (u8, u8) {
        let of = |bytes: u64| bytes.to_le_bytes().get(i).copied().unwrap_or(0);
        (of(self.ints), of(self.floats))
    }
}

/// Whether place or surroundings of `leaf` matter to some compiler.
fn is_special(leaf: &Leaf) -> bool {
    let context = &leaf.context;
    leaf.bit_field
        || !(8..=64).contains(&leaf.width_bits)
        || !leaf.offset_bits.is_multiple_of(leaf.width_bits)
        || !context.members_aligned
        || context.atomic
        || context.in_wide_array
        || context.arrays[0].is_some()
}

#[cfg(test)]
mod tests;
