//! How arguments and results are passed.

/// How a value is passed. Exhaustive on purpose, as the other words of a plan: an emitter that lacks a new one must not compile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PassMode {
    /// Nothing of it is passed.
    Ignore,
    /// Part by part.
    Parts,
    /// Word by word, in the argument area of a call: as integers, as floats, and two of them as one vector.
    Words,
    /// In the argument area: Cranelift copies it there, or most of it.
    Area,
    /// In registers that CLIF cannot say: a stub moves it from and to an object.
    Stub,
    /// A vector of bools, lane by lane, each an integer of 0 or 1.
    Lanes,
    /// By the address of a copy that is the callee's, or of the result.
    Indirect {
        /// Bytes of the object.
        size: u64,
        /// Its alignment, in bytes.
        align: u32,
    },
}
