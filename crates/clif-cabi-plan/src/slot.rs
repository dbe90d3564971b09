//! Slots: the rows of a plan's only table. A slot is a part of a value, its place in the ABI, and
//! its CLIF parameter. The parts of a value are passed in one of the modes.

use smallvec::SmallVec;

use crate::parts::ClifPart;
use crate::signature::{ClifParam, ClifPlace, Purpose, ValueType};

/// The way a value is passed. Exhaustive on purpose, as the other enumerations of a plan: an
/// emitter that lacks a new one must not compile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PassMode {
    /// Nothing of it is passed.
    Ignore,
    /// Part by part.
    Parts,
    /// Word by word, in the argument area of a call: as integers, floats, and two of them as one
    /// vector.
    Words,
    /// In the argument area, where Cranelift copies all its whole words for a call.
    Area,
    /// In vector registers that CLIF cannot express: a stub loads them from an object for a call,
    /// and stores them to one at an entry.
    Stub {
        /// At an entry: bytes from where [`EntryPlan::saved`](crate::EntryPlan::saved) points to
        /// the object, a multiple of 64, which the address is aligned to as well.
        offset: u32,
    },
    /// A vector of bools, lane by lane, each an integer of 0 or 1.
    Lanes(u16),
    /// By the address of a copy that is the callee's to write to, or of where a result goes.
    Indirect {
        /// Bytes of the object.
        size: u64,
        /// Its alignment, in bytes.
        align: u32,
    },
}

/// Contents of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum What {
    /// The address where the result goes.
    Sret,
    /// Part `part` of argument `arg`. The only part of an indirect one is its address; those of
    /// [`PassMode::Lanes`](crate::PassMode::Lanes) are its lanes.
    Part {
        /// The argument.
        arg: u32,
        /// The part.
        part: u32,
    },
    /// Part `part` of argument `arg`, a word. The type of the slot is a float or an integer, or a
    /// vector, which also has the next part.
    Words {
        /// The argument.
        arg: u32,
        /// The part.
        part: u32,
        /// `true` if one load of both words is best. Otherwise the words may be two fields that
        /// were just stored one by one, for which two loads wait less.
        at_once: bool,
    },
    /// The object of argument `arg`. Its CLIF parameter is an address. Cranelift copies the whole
    /// words from there, or a stub loads the object.
    Object {
        /// The argument.
        arg: u32,
    },
    /// Bytes of argument `arg`, an object that Cranelift copies, after its last whole word.
    Tail {
        /// The argument.
        arg: u32,
    },
    /// At a call: the address of an object that a stub stores the result to.
    StubResult,
    /// At an entry: the static chain, argument `arg`, where a stub has put it.
    Chain {
        /// The argument.
        arg: u32,
    },
    /// At an entry: the address of the argument area, after its shadow space.
    Area,
    /// At an entry: the address of the vectors that a stub has stored.
    Saved,
    /// At the entry of a variadic function: a register that an unnamed argument may be in.
    Register {
        /// Place where `va_start` saves it: bytes from the start of the register save area, or from
        /// [`EntryPlan::area`](crate::EntryPlan::area).
        offset: i32,
    },
    /// Part `part` of the result: the slot's parameter is a result of the CLIF signature.
    Result {
        /// The part.
        part: u32,
    },
    /// The address of the function, for a stub that goes there.
    Callee,
    /// Nothing: any value of the slot's type keeps the register unused, or the word of the argument
    /// area empty.
    Padding,
}

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Slot {
    /// The contents.
    pub what: What,
    /// The bytes of the value, and their type: all of an address.
    pub part: ClifPart,
    /// Place of the value. At an entry, a value that a stub has moved is where the stub has put it.
    /// A place on the stack is then in the function's own argument area and not in C's.
    pub place: ClifPlace,
    /// CLIF parameter of the slot. `None`: the function reads its argument area instead.
    pub param: Option<u32>,
}

pub(crate) type Slots = SmallVec<[Slot; 16]>;

impl Slot {
    /// Makes a slot that the solver has not seen.
    pub(crate) fn new(what: What, part: ClifPart, place: ClifPlace) -> Self {
        let param = None;
        Self {
            what,
            part,
            place,
            param,
        }
    }

    pub(crate) fn word(what: What, place: ClifPlace) -> Self {
        Self::new(what, ClifPart::WHOLE_WORD, place)
    }

    /// Makes the slot of a block of bytes in the argument area: a call copies them there, an entry
    /// has their address.
    pub(crate) fn block(what: What, offset: u32, size: u32) -> Self {
        Self::word(what, ClifPlace::Area { offset, size })
    }

    pub(crate) fn padding(ty: ValueType, place: ClifPlace) -> Self {
        Self::new(What::Padding, ClifPart::new(0, 0, ty), place)
    }

    /// Returns the type of the parameter or result: the extended one on the side that `passes` it,
    /// the part's own on the other.
    pub(crate) fn ty(&self, passes: bool) -> ValueType {
        match passes {
            true => self.part.passed_as,
            false => self.part.ty,
        }
    }

    /// Returns the parameter or result, where the address of the result is `sret`.
    pub(crate) fn declared(&self, passes: bool, sret: Purpose) -> ClifParam {
        let purpose = match (self.what, self.place) {
            (_, ClifPlace::Area { size, .. }) => Purpose::StructArgument(size),
            (What::Sret, _) => sret,
            _ => Purpose::Normal,
        };
        ClifParam::special(self.ty(passes), purpose)
    }
}
