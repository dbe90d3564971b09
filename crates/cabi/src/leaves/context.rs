//! What surrounds a leaf: the arrays and records it lies in, as far as some compiler looks at them.

/// What surrounds a leaf, as far as some compiler looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Context {
    /// The greatest declared alignment, in bytes, of the leaf's own type and the members around it.
    pub declared_align: u32,
    /// Whether the leaf and every member around it start at a multiple of their type's alignment. Of a bit-field only the
    /// members around it count.
    pub members_aligned: bool,
    /// Whether the leaf, or something around it, is `_Atomic`.
    pub atomic: bool,
    /// Whether it is a member of a union; an element of such a member is not.
    pub in_union: bool,
    /// Whether the innermost record around is packed.
    pub in_packed: bool,
    /// Whether it lies in an array that is a member of a union, has more than 16 bytes and more than one element.
    pub in_wide_array: bool,
    /// Whether every array of records around it is at its first element.
    pub in_first_element: bool,
    /// The arrays of records around it, or of arrays of records, the innermost first; only the three outermost are known.
    pub arrays: [Option<RecordArray>; 3],
    /// Bits of the outermost array around it, or that it is: of no elements, 0.
    pub array_bits: Option<u64>,
    /// The outermost array of no elements around it: the leaf is one its element would have, and not there.
    pub phantom: Option<EmptyArray>,
    /// Bytes from the start of the type to the end of the innermost record or array around it, or that it is.
    pub end: u64,
    /// Whether it is the second half of a complex number.
    pub imaginary: bool,
}

/// An array of no elements around a leaf.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct EmptyArray {
    /// Where it starts, in bits from the start of the type.
    pub offset_bits: u64,
    /// Whether it and every member around it start at a multiple of their type's alignment.
    pub members_aligned: bool,
    /// Bytes that one element would have, if elements are records or arrays; otherwise 0.
    pub aggregate_bytes: u64,
}

impl EmptyArray {
    /// The end of the eightbyte it starts in, in bytes from the start of the type.
    pub(super) fn eightbyte_end(self) -> u64 {
        (self.offset_bits / 64 + 1) * 8
    }
}

/// An array of records around a leaf.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct RecordArray {
    /// First bit, counted from the start of the type.
    pub offset_bits: u64,
    /// Bits of one element.
    pub elem_bits: u64,
    /// Bits of all.
    pub bits: u64,
}

impl RecordArray {
    /// The eightbytes that repeat eightbyte `i` of the first element in the later ones, if a compiler classifies only that and repeats it.
    pub(crate) fn repeats(&self, i: usize) -> impl Iterator<Item = usize> {
        let start = self.offset_bits % 64;
        let words = |bits: u64| usize::try_from((start + bits).div_ceil(64)).unwrap_or(usize::MAX);
        let first = usize::try_from(self.offset_bits / 64).unwrap_or(usize::MAX);
        let (step, end) = (
            words(self.elem_bits).max(1),
            first.saturating_add(words(self.bits)),
        );
        (i.saturating_add(step)..end).step_by(step)
    }
}

impl Context {
    pub(super) const NOTHING: Self = Self {
        declared_align: 1,
        members_aligned: true,
        atomic: false,
        in_union: false,
        in_packed: false,
        in_wide_array: false,
        in_first_element: true,
        arrays: [None; 3],
        array_bits: None,
        phantom: None,
        end: 0,
        imaginary: false,
    };

    /// Whether `offset`, in bytes, is behind the eightbyte in which an array of no elements around it starts.
    pub(super) fn is_behind_phantom(&self, offset: u64) -> bool {
        self.phantom
            .is_some_and(|array| offset >= array.eightbyte_end())
    }

    pub(super) fn push_array(&mut self, array: RecordArray) {
        let [inner, outer, outermost] = self.arrays;
        if outermost.is_none() {
            self.arrays = [Some(array), inner, outer];
        }
    }
}
