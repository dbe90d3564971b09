//! The placement table of a signature, one for calls and one for entries: which part of which value is where, and which CLIF parameter it is.

use std::ops::Range;

use cabi::Place;
use smallvec::SmallVec;

use super::value::placed_parts;
use crate::machine::Counting;
use crate::parts::{ClifPart, narrow};
use crate::places::ClifPlace;
use crate::signature::ClifParam;
use crate::solve::PlacedParam;

/// How a value is passed. Exhaustive on purpose, as the other words of a plan: an emitter that lacks a new one must not compile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PassMode {
    /// Nothing of it is passed.
    Ignore,
    /// Part by part.
    Parts,
    /// Word by word, in the argument area of a call: as integers, as floats, and two of them as one vector.
    Words,
    /// In the argument area, where Cranelift copies all its whole words for a call.
    Area,
    /// In vector registers that CLIF cannot say: a stub loads them from an object for a call, and stores them to one at an entry.
    Stub {
        /// At an entry: bytes from where [`EntryPlan::saved`](super::EntryPlan::saved) points to the object, a multiple of 64, which the address is
        /// aligned to as well.
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

/// What is passed somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Content {
    /// The address where the result goes.
    Sret,
    /// Part `part` of argument `arg`. The only part of an indirect one is its address; those of [`PassMode::Lanes`] are its lanes.
    Part {
        /// The argument.
        arg: u32,
        /// The part.
        part: u32,
    },
    /// Part `part` of argument `arg`, a word, as the parameter's type, a float or an integer; it is followed by the next one if that is a vector.
    Words {
        /// The argument.
        arg: u32,
        /// The part.
        part: u32,
        /// Whether it is best loaded at once from an object that may just have been written; otherwise a load for each word finds it sooner.
        at_once: bool,
    },
    /// The object that argument `arg` is. Its CLIF parameter is an address, from which Cranelift copies the whole words, or a stub loads.
    Object {
        /// The argument.
        arg: u32,
    },
    /// What of argument `arg`, an object that Cranelift copies, is no whole word.
    Tail {
        /// The argument.
        arg: u32,
    },
    /// At a call: the address of an object that a stub stores the result to.
    StubResult,
    /// At an entry: the address of the argument area, after its shadow space.
    Area,
    /// At an entry: the address of what a stub has stored.
    Saved,
    /// At the entry of a variadic function: a register that an unnamed argument may be in.
    Register {
        /// Where `va_start` saves it: [`SavedRegister::offset`](super::SavedRegister::offset).
        offset: i32,
    },
}

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct ArgLoc {
    /// What is passed.
    pub content: Content,
    /// Where. At an entry, what a stub has moved before is where the stub has put it.
    pub place: ClifPlace,
    /// The CLIF parameter that it is. `None`: none, the function reads its argument area.
    pub param: Option<u32>,
}

/// How one argument is passed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct PlannedArg<'a> {
    /// Its mode.
    pub mode: PassMode,
    /// The parts that it can be given and received in, if there are some.
    pub parts: &'a [ClifPart],
    /// Its rows.
    pub locs: &'a [ArgLoc],
}

/// The placement table of a signature.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub struct ArgTable {
    /// All rows: the address of the result, those of one argument after the other, and what a plan adds.
    pub locs: SmallVec<[ArgLoc; 16]>,
    /// The parts of one argument after the other.
    pub(super) parts: SmallVec<[ClifPart; 16]>,
    args: SmallVec<[ArgRanges; 10]>,
}

/// The parts and rows of an argument: the first one of each, and the first after it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct ArgRanges {
    mode: PassMode,
    parts: (u32, u32),
    locs: (u32, u32),
}

impl ArgTable {
    /// How many arguments there are.
    #[must_use]
    pub fn n_args(&self) -> usize {
        self.args.len()
    }

    /// Argument `arg`.
    #[must_use]
    #[inline]
    pub fn get(&self, arg: usize) -> Option<PlannedArg<'_>> {
        let own = self.args.get(arg)?;
        Some(PlannedArg {
            mode: own.mode,
            parts: self.parts.get(range(own.parts)).unwrap_or_default(),
            locs: self.locs.get(range(own.locs)).unwrap_or_default(),
        })
    }

    /// The parts of argument `arg`, in which it can be given to a call and taken at an entry, wherever it is passed. None for a value of more than 128
    /// bytes in memory, for one that is passed by reference, and for a vector of bools that is passed lane by lane.
    #[must_use]
    pub fn parts(&self, arg: usize) -> &[ClifPart] {
        self.get(arg).map_or(&[], |arg| arg.parts)
    }

    /// All arguments.
    pub fn iter(&self) -> impl Iterator<Item = PlannedArg<'_>> {
        (0..self.args.len()).filter_map(|arg| self.get(arg))
    }

    /// The CLIF parameter that is `content`.
    pub(super) fn param(&self, content: Content) -> Option<usize> {
        let mut locs = self.locs.iter();
        Some(locs.find(|loc| loc.content == content)?.param? as usize)
    }
}

fn range((start, end): (u32, u32)) -> Range<usize> {
    start as usize..end as usize
}

/// A table while it is made.
pub(super) struct TableBuilder {
    pub(super) table: ArgTable,
    /// The CLIF parameters, as they are asked for: until the solver has put them in order, [`ArgLoc::param`] is an index of this.
    pub(super) params: SmallVec<[PlacedParam; 16]>,
    /// Whether it is a caller's, in which all is CLIF parameters. At an entry first only what is in registers is.
    is_call: bool,
    /// The first part and row of the next argument.
    start: (u32, u32),
}

impl TableBuilder {
    /// A table that begins with the address of the result, if there is one.
    pub(super) fn new(is_call: bool, sret: Option<PlacedParam>) -> Self {
        let mut builder = Self {
            table: ArgTable::default(),
            params: SmallVec::new(),
            is_call,
            start: (0, 0),
        };
        if let Some(sret) = sret {
            builder.push(Content::Sret, sret);
        }
        builder.start.1 = narrow(builder.table.locs.len());
        builder
    }

    /// Adds a CLIF parameter.
    pub(super) fn push(&mut self, content: Content, own: PlacedParam) {
        let param = Some(narrow(self.params.len()));
        let place = own.place;
        self.params.push(own);
        self.table.locs.push(ArgLoc {
            content,
            place,
            param,
        });
    }

    /// Adds a row that is no CLIF parameter.
    pub(super) fn push_place(&mut self, content: Content, place: ClifPlace) {
        self.table.locs.push(ArgLoc {
            content,
            place,
            param: None,
        });
    }

    /// Adds part `part` of the argument.
    pub(super) fn push_part(&mut self, arg: u32, part: u32, own: &ClifPart, place: ClifPlace) {
        let content = Content::Part { arg, part };
        match place {
            _ if self.is_call => self.push(content, PlacedParam::passed(own, place)),
            ClifPlace::Reg(_) => self.push(content, PlacedParam::part(own, place)),
            _ => self.push_place(content, place),
        }
    }

    /// Adds the parts of argument `arg` from `first` on, each in the argument area after `offset`.
    pub(super) fn push_stack_parts(&mut self, arg: u32, first: usize, offset: u32) {
        let mut part = 0;
        while let Some(own) = self.table.parts.get(first + part as usize).copied() {
            let offset = offset.saturating_add(own.offset);
            self.push_part(arg, part, &own, ClifPlace::Stack { offset });
            part += 1;
        }
    }

    /// Adds what argument `arg` of type `ty` has at `place`, unless that is the argument area. Its mode.
    pub(super) fn add_placed(
        &mut self,
        counting: &Counting,
        (arg, ty): (u32, &cabi::Type),
        place: &Place,
    ) -> PassMode {
        let word = ClifPart::WHOLE_WORD;
        match place {
            Place::Parts(placed) => {
                let first = self.table.parts.len();
                placed_parts(counting, ty, placed, &mut self.table.parts);
                let mut part = 0;
                for placed in placed {
                    for place in counting.places(placed.loc) {
                        if let Some(own) = self.table.parts.get(first + part as usize).copied() {
                            self.push_part(arg, part, &own, place);
                        }
                        part += 1;
                    }
                }
                PassMode::Parts
            }
            Place::Indirect {
                pointer,
                size,
                align,
            } => {
                for place in counting.places(*pointer) {
                    self.push_part(arg, 0, &word, place);
                }
                PassMode::Indirect {
                    size: *size,
                    align: *align,
                }
            }
            Place::PerElement { lanes, .. } => {
                for (lane, loc) in place.locs().enumerate() {
                    for place in counting.places(loc) {
                        self.push_part(arg, narrow(lane), &word, place);
                    }
                }
                PassMode::Lanes(*lanes)
            }
            _ => PassMode::Ignore,
        }
    }

    /// Ends the argument.
    pub(super) fn end_arg(&mut self, mode: PassMode) {
        let end = (
            narrow(self.table.parts.len()),
            narrow(self.table.locs.len()),
        );
        let start = std::mem::replace(&mut self.start, end);
        self.table.args.push(ArgRanges {
            mode,
            parts: (start.0, end.0),
            locs: (start.1, end.1),
        });
    }

    /// Has argument `arg`, a word, be `part`, the CLIF parameter `to`.
    pub(super) fn move_word(&mut self, arg: usize, part: ClifPart, to: PlacedParam) {
        let Some(&ArgRanges { parts, locs, .. }) = self.table.args.get(arg) else {
            return;
        };
        if let Some(old) = self.table.parts.get_mut(parts.0 as usize) {
            *old = part;
        }
        if let Some(loc) = self.table.locs.get_mut(locs.0 as usize) {
            loc.place = to.place;
        }
        self.declare(locs.0 as usize, to.param);
    }

    /// Has `param` be the CLIF parameter of row `loc`.
    pub(super) fn declare(&mut self, loc: usize, param: ClifParam) {
        if let Some(loc) = self.table.locs.get_mut(loc) {
            loc.param = Some(narrow(self.params.len()));
            let place = loc.place;
            self.params.push(PlacedParam { param, place });
        }
    }

    /// Has the parameters be those that the solver has at `indexes`.
    pub(super) fn finish(&mut self, indexes: &[usize]) {
        for loc in &mut self.table.locs {
            if let Some(param) = loc.param
                && let Some(index) = indexes.get(param as usize)
            {
                loc.param = Some(narrow(*index));
            }
        }
    }
}
