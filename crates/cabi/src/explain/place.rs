//! Places as data: which bytes of an object, and which members, are in which register or slot.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::members::ExplainedMember;
use crate::convention::{Extension, Loc, Place, Reg};
use crate::fn_abi::{RetAbi, Returns};

/// Place of a value. `Display` writes it in words.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExplainedPlace {
    /// Kind of the place.
    pub kind: PlaceKind,
    /// In words: `xmm0 rdi`, `stack 0..16 align 8`.
    pub text: String,
    /// Its parts, or its address.
    pub parts: Vec<ExplainedPart>,
    /// Alignment of a value in memory, in bytes.
    pub align: Option<u32>,
    /// The register in which a function returns the address of its result, if it does.
    pub returned_in: Option<&'static str>,
}

/// Kind of a value's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PlaceKind {
    /// None: nothing is passed, or returned.
    Nothing,
    /// The function does not return.
    Never,
    /// Registers, and slots of the stack, part by part.
    Parts,
    /// The stack, as a whole.
    Stack,
    /// A copy of the caller's, whose address is passed; for a result, the object that the callee
    /// writes.
    Pointer,
    /// One register or slot for each lane of a vector.
    Lanes,
}

/// Bytes of a value in one place, or the address of the value.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExplainedPart {
    /// The register, if it is one.
    pub register: Option<&'static str>,
    /// The first byte in the argument area, if it is on the stack.
    pub stack: Option<u64>,
    /// `true` if the address of the value is there, and not bytes of it.
    pub is_address: bool,
    /// The first byte of the value that is there.
    pub offset: u64,
    /// Bytes of the value that are there.
    pub size: u64,
    /// Extension of a narrow integer.
    pub extension: Extension,
    /// The members that have a bit there.
    pub members: Vec<String>,
}

impl ExplainedPlace {
    /// Returns the place of an argument with these `members`.
    pub(super) fn of_argument(place: &Place, members: &[ExplainedMember]) -> Self {
        Self::new(place, place.to_string(), members)
    }

    /// Returns the place of a result.
    pub(super) fn of_result(ret: &RetAbi, members: &[ExplainedMember]) -> Self {
        let own = Self::new(&ret.place, ret.to_string(), members);
        Self {
            kind: match ret.returns {
                Returns::Never if own.kind == PlaceKind::Nothing => PlaceKind::Never,
                _ => own.kind,
            },
            returned_in: ret.sret_returned_in.map(Reg::name),
            ..own
        }
    }

    fn new(place: &Place, text: String, members: &[ExplainedMember]) -> Self {
        let part = |loc: &Loc, (offset, size): (u64, u64)| part(loc, (offset, size), members);
        let (kind, align, parts) = match place {
            Place::Ignore => (PlaceKind::Nothing, None, Vec::new()),
            Place::Parts(parts) => {
                let parts = parts.iter().flat_map(|placed| {
                    let bytes = (placed.part.offset.into(), placed.part.size.into());
                    let mut explained = part(&placed.loc, bytes);
                    explained
                        .iter_mut()
                        .for_each(|part| part.extension = placed.part.extension);
                    explained
                });
                (PlaceKind::Parts, None, parts.collect())
            }
            Place::Stack {
                offset,
                size,
                align,
            } => {
                let parts = part(&Loc::Stack(*offset), (0, *size));
                (PlaceKind::Stack, Some(*align), parts)
            }
            Place::Indirect {
                pointer,
                size,
                align,
            } => {
                let mut parts = part(pointer, (0, *size));
                parts.iter_mut().for_each(|part| part.is_address = true);
                (PlaceKind::Pointer, Some(*align), parts)
            }
            // A lane has no bytes of its own in the object.
            Place::PerElement { .. } => {
                let parts = place.locs().flat_map(|loc| part(&loc, (0, 0)));
                (PlaceKind::Lanes, None, parts.collect())
            }
        };
        Self {
            kind,
            text,
            parts,
            align,
            returned_in: None,
        }
    }
}

/// Returns the part at `loc`, once for each register of a pair that hold the same.
fn part(loc: &Loc, (offset, size): (u64, u64), members: &[ExplainedMember]) -> Vec<ExplainedPart> {
    let (from, to) = (
        offset.saturating_mul(8),
        offset.saturating_add(size).saturating_mul(8),
    );
    let inside = members
        .iter()
        .filter(|member| member.offset_bits < to && member.end() > from)
        // A value without members has one member without a name.
        .filter(|member| !member.name.is_empty());
    let members: Vec<String> = inside.map(|member| member.name.clone()).collect();
    let of = |register: Option<Reg>, stack| ExplainedPart {
        register: register.map(Reg::name),
        stack,
        is_address: false,
        offset,
        size,
        extension: Extension::None,
        members: members.clone(),
    };
    match *loc {
        Loc::Stack(at) => [of(None, Some(at))].into(),
        _ => loc.regs().iter().map(|reg| of(Some(*reg), None)).collect(),
    }
}

impl fmt::Display for ExplainedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
