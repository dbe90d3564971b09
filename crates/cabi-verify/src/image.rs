//! The registers and the argument area of one call as bytes: filled with values where an [`FnAbi`] places them, and compared with it. Which registers a machine has, and
//! where an image has them, is data ([`RegisterFile`]); what writes an image down and loads it is the assembly of [`check`](crate::check). Images are of little-endian machines.

use std::ops::Range;

use cabi::{Bank, Extension, FnAbi, Loc, Place, PlacedPart, Reg, Type};

use crate::pattern::{Pattern, hex};
use crate::verdict::{Difference, Value};

pub(crate) mod call;
mod whereabouts;

use call::Given;
use whereabouts::Action;

const PASSES: Action = ["the C caller passes", "in"];
const RETURNS: Action = ["the C callee returns", "in"];

/// The largest argument area that an image may have, in bytes.
const MAX_AREA: usize = 1 << 20;

/// A register in an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    pub(crate) bank: Bank,
    /// Where it starts.
    pub(crate) at: usize,
    pub(crate) bytes: usize,
    /// How many of its bytes a narrow value is extended to fill.
    pub(crate) extended: usize,
}

/// Where an image has the registers of a machine and the argument area.
#[derive(Clone, Debug)]
pub(crate) struct RegisterFile {
    /// In the order in which their names help most in a report.
    pub(crate) cells: Vec<Cell>,
    /// Where the argument area starts.
    pub(crate) area: usize,
    /// Bytes of a pointer.
    pub(crate) word: usize,
    /// How many bytes of a slot a narrow number is extended to fill.
    pub(crate) extended: usize,
}

/// Registers and argument area.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) file: RegisterFile,
    pub(crate) bytes: Vec<u8>,
    /// How many bytes the argument area has, as far as a report looks for values in it.
    pub(crate) area_bytes: usize,
    /// The copies of arguments that are passed by their addresses, in the order of the arguments: the address and the bytes of each.
    pub(crate) copies: Vec<(u64, Vec<u8>)>,
}

/// What one register, or the stack, holds of a value.
struct Held {
    loc: Loc,
    /// Which bytes of the value.
    own: Range<usize>,
    /// Where an image has them.
    at: Range<usize>,
    /// Where it has the bytes above these, which a narrow number is extended into.
    above: Range<usize>,
    /// Where it has the register, or the words of the stack.
    whole: Range<usize>,
    extension: Extension,
    is_int: bool,
}

impl RegisterFile {
    fn cell(&self, reg: Reg) -> Result<&Cell, String> {
        let cell = self.cells.iter().find(|cell| cell.name == reg.name());
        cell.ok_or_else(|| format!("{reg} is in no image"))
    }

    /// Where an image has what is at `loc`.
    pub(crate) fn start(&self, loc: &Loc) -> Result<usize, String> {
        match loc {
            Loc::Reg(reg) | Loc::Both([reg, _]) => Ok(self.cell(*reg)?.at),
            Loc::Stack(offset) => {
                let offset = usize::try_from(*offset).ok();
                let offset = offset.filter(|offset| *offset < MAX_AREA);
                Ok(self.area + offset.ok_or("a slot too far away")?)
            }
            other => Err(format!("{other} is in no image")),
        }
    }

    /// The number in the word at the beginning of `bytes`.
    pub(crate) fn number(&self, bytes: &[u8]) -> u64 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        bytes.iter().take(self.word).rev().fold(0, add)
    }

    /// Where a value of `size` bytes is at `place`; nothing of one that is passed by its address.
    fn held(&self, place: &Place, size: usize) -> Result<Vec<Held>, String> {
        match place {
            Place::Ignore | Place::Indirect { .. } => Ok(Vec::new()),
            Place::Parts(parts) => {
                let each = parts.iter().flat_map(|placed| match placed.loc {
                    Loc::Both(regs) => regs.map(|reg| (placed, Loc::Reg(reg))).to_vec(),
                    loc => vec![(placed, loc)],
                });
                each.map(|(placed, loc)| self.part(placed, loc, size))
                    .collect()
            }
            Place::Stack { offset, .. } => {
                let loc = Loc::Stack(*offset);
                let start = self.start(&loc)?;
                let at = start..start.saturating_add(size);
                Ok(vec![Held {
                    loc,
                    own: 0..size,
                    above: at.end..at.end,
                    whole: at.clone(),
                    at,
                    extension: Extension::None,
                    is_int: false,
                }])
            }
            other => Err(format!("{other} is looked for in no image")),
        }
    }

    fn part(&self, placed: &PlacedPart, loc: Loc, size: usize) -> Result<Held, String> {
        let (part, start) = (placed.part, self.start(&loc)?);
        let own = usize::from(part.offset);
        let own = own..size.min(own + usize::from(part.size));
        let width = usize::from(part.ty.bytes());
        let word = width.max(self.word);
        let (extended, bytes) = match loc {
            Loc::Reg(reg) => {
                let cell = self.cell(reg)?;
                if own.len() > cell.bytes {
                    return Err(format!(
                        "{reg} has {} bytes, and its part {}",
                        cell.bytes,
                        own.len()
                    ));
                }
                (cell.extended, word.min(cell.bytes))
            }
            _ => (self.extended.max(width), word),
        };
        let at = start..start + own.len();
        Ok(Held {
            loc,
            above: at.end..at.end.max(start + extended),
            own,
            at,
            whole: start..start + bytes,
            extension: part.extension,
            is_int: part.ty.is_int(),
        })
    }

    /// What is above `value`, which is `held`.
    fn above(held: &Held, value: &[u8]) -> Option<u8> {
        let top = value.last();
        match held.extension {
            Extension::None => None,
            Extension::Sign if top.is_some_and(|top| *top >= 0x80) => Some(0xff),
            _ => Some(0),
        }
    }
}

impl Image {
    pub(crate) fn new(file: RegisterFile, bytes: Vec<u8>, area_bytes: usize) -> Self {
        Self {
            file,
            bytes,
            area_bytes,
            copies: Vec::new(),
        }
    }

    /// Registers and stack without values: each word is another one, so that a word read from there says where it was, and none is an address.
    fn unset(file: &RegisterFile, area_bytes: usize) -> Self {
        let word = |n: usize| {
            let mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut bytes = (mixed ^ mixed >> 29).to_le_bytes();
            bytes[7] = 0xa5;
            bytes
        };
        let n_words = (file.area + area_bytes).div_ceil(8);
        Self::new(
            file.clone(),
            (0..n_words).flat_map(word).collect(),
            area_bytes,
        )
    }

    /// Of a call that was written down, takes the copies of what its caller was `given`; `read` gives the bytes at an address.
    pub(crate) fn take_copies(
        &mut self,
        given: &Given,
        mut read: impl FnMut(&Self, u64, usize) -> Vec<u8>,
    ) {
        for (at, bytes) in given.copies() {
            let address = self.file.number(self.get(*at..self.bytes.len()));
            let copy = read(self, address, *bytes);
            self.copies.push((address, copy));
        }
    }

    /// So many bytes from `at` as are in the image.
    pub(crate) fn get(&self, at: Range<usize>) -> &[u8] {
        let bytes = self.bytes.get(at.start..).unwrap_or_default();
        bytes.get(..at.len()).unwrap_or(bytes)
    }

    /// Writes a value where `place` has it; nothing of one that is passed by its address.
    pub(crate) fn put(&mut self, place: &Place, pattern: &Pattern) -> Result<(), String> {
        for held in self.file.held(place, pattern.bytes.len())? {
            let value = pattern.bytes.get(held.own.clone()).unwrap_or_default();
            self.write(held.at.start, value);
            if let Some(fill) = RegisterFile::above(&held, value) {
                self.write(held.above.start, &vec![fill; held.above.len()]);
            }
        }
        Ok(())
    }

    /// Writes `bytes` at `at`; what is between there and the end so far is 0xee.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at.saturating_add(bytes.len());
        self.bytes.resize(self.bytes.len().max(end), 0xee);
        self.bytes[at..end].copy_from_slice(bytes);
    }

    /// Compares the value at `place`, which may be `extended` as its parts say.
    fn check(&self, place: &Place, pattern: &Pattern, extended: bool) -> Result<(), String> {
        let mut lost: Vec<bool> = pattern.mask.iter().map(|mask| *mask != 0).collect();
        for held in self.file.held(place, lost.len())? {
            let value = self.get(held.at.clone());
            if matches!(place, Place::Stack { .. }) {
                return pattern.check_all(value);
            }
            if value.len() < held.own.len() {
                return Err(format!("{} holds nothing", held.loc));
            }
            let holds = |why: &str| {
                let whole = hex(self.get(held.whole.clone()));
                format!("{} holds {whole}: {why}", held.loc)
            };
            for (at, byte) in held.own.clone().zip(value) {
                pattern.check(at, *byte).map_err(|why| holds(&why))?;
            }
            let fill = RegisterFile::above(&held, value);
            let fill = fill.filter(|_| extended && held.is_int);
            let above = self.get(held.above.clone());
            let is_all = above.len() == held.above.len();
            if fill.is_some_and(|fill| !is_all || above.iter().any(|byte| *byte != fill)) {
                let bits = 8 * (value.len() + above.len());
                return Err(holds(&format!("it is not extended to {bits} bits")));
            }
            lost.iter_mut()
                .take(held.own.end)
                .skip(held.own.start)
                .for_each(|lost| *lost = false);
        }
        let lost = lost.iter().position(|lost| *lost);
        lost.map_or(Ok(()), |at| Err(format!("byte {at} is in no part")))
    }

    /// Compares arguments of `types` with where `abi` has them; narrow integers must be `extended` as it says, if the caller does so.
    pub(crate) fn check_arguments(
        &self,
        abi: &FnAbi,
        types: &[Type],
        patterns: &[Pattern],
        extended: bool,
    ) -> Result<(), Difference> {
        let mut copies = self.copies.iter();
        for (i, ((arg, ty), pattern)) in abi.args.iter().zip(types).zip(patterns).enumerate() {
            let place = &arg.place;
            let checked = match place {
                Place::Indirect { align, .. } => {
                    // A callee relies on no more than the type says, and not every compiler aligns more than the stack is.
                    let own = ty.as_record().map_or(ty.align(), cabi::Record::align);
                    let own = own.min(ty.canonical_align());
                    let align = own.min(abi.convention.frame.stack_align).min(*align);
                    check_copy(copies.next(), pattern, align)
                }
                place => self.check(place, pattern, extended),
            };
            checked.map_err(|why| {
                let shown = place.of_own_bytes(&abi.convention.frame);
                let why = format!("argument {i} ({shown}): {why}");
                self.differs((Value::Argument(i), place), pattern, PASSES, why)
            })?;
        }
        Ok(())
    }

    /// Compares the result of a callee with where `abi` has it, `memory` if that is in memory.
    pub(crate) fn check_result(
        &self,
        abi: &FnAbi,
        pattern: &Pattern,
        extended: bool,
        memory: &[u8],
    ) -> Result<(), Difference> {
        let (value, place) = (Value::Result, &abi.ret.place);
        let why = |why| format!("result ({}): {why}", abi.ret);
        if let Place::Indirect { .. } = place {
            let checked = pattern.check_all(memory);
            return checked
                .map_err(|said| Difference::of(pattern, memory.to_vec(), value, why(said)));
        }
        let checked = self.check(place, pattern, extended);
        checked.map_err(|said| self.differs((value, place), pattern, RETURNS, why(said)))
    }

    /// What is wrong with a value that a compiler passes or returns: `why`, and where its bytes are.
    fn differs(
        &self,
        of: (Value, &Place),
        pattern: &Pattern,
        action: Action,
        why: String,
    ) -> Difference {
        let mut got = vec![0; pattern.bytes.len()];
        for held in self.file.held(of.1, got.len()).unwrap_or_default() {
            let own = got.get_mut(held.own).unwrap_or_default();
            let held = self.get(held.at);
            own.iter_mut().zip(held).for_each(|(to, from)| *to = *from);
        }
        let found = Difference::of(pattern, got, of.0, why);
        self.locate(found, action, of, pattern)
    }
}

/// Compares the copy of an argument that is passed by its address, which must be a multiple of `align`.
fn check_copy(copy: Option<&(u64, Vec<u8>)>, pattern: &Pattern, align: u32) -> Result<(), String> {
    let (address, copy) = copy.ok_or("no copy")?;
    let checked = match address.is_multiple_of(u64::from(align)) {
        true => pattern.check_all(copy),
        false => Err(format!("not at a multiple of {align}")),
    };
    checked.map_err(|why| format!("the copy at {address:#x}: {why}"))
}
