//! Invariants of every signature under any convention. Each byte of a value that counts is passed
//! exactly once, and no two values share a register or a slot. Random tests and fuzz targets check
//! them.
//!
//! No rule of an ABI is repeated: these checks know the kinds of places, but not the right one.

use std::collections::HashSet;
use std::ops::Range;

use cabi::{
    Error, ExplainedPlace, Extension, FnAbi, FnSig, Kind, Loc, Place, PlacedPart, Reg, Returns,
    Target, Type, leaves,
};
use cabi_verify::pattern::{BitPlaces, mask};

/// Leaves of larger types are too many to look at each bit.
const MAX_PAINTED_BYTES: u64 = 4096;

/// Returns an error with the difference, if `holds` is false.
fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// Checks that the first `limit` leaves are inside the type.
pub fn leaves_inside(ty: &Type, limit: usize) -> Result<(), String> {
    for leaf in leaves(ty).take(limit) {
        let end = leaf.offset_bits.checked_add(leaf.width_bits);
        ensure(end.is_some_and(|end| end <= ty.size() * 8), || {
            format!("{leaf:?} ends outside {ty}")
        })?;
    }
    Ok(())
}

/// Returns the type that is passed for an argument of type `ty`: for a transparent union its first
/// member.
pub fn passed_as(ty: &Type) -> &Type {
    match ty.as_record() {
        Some(record) if record.is_transparent() => record
            .fields()
            .first()
            .map_or(ty, |field| passed_as(field.ty())),
        _ => ty,
    }
}

/// Checks the places of a signature's arguments: disjoint, inside the area, each byte once.
pub fn arguments(sig: &FnSig, abi: &FnAbi) -> Result<(), String> {
    let mut used = UsedPlaces::default();
    if let Place::Indirect { pointer, .. } = abi.ret.place {
        used.loc(pointer)?;
    }
    ensure(sig.params().len() == abi.args.len(), || {
        format!("{} places", abi.args.len())
    })?;
    for (param, arg) in sig.params().iter().zip(&abi.args) {
        argument(&param.ty, &arg.place, abi, &mut used)
            .map_err(|why| format!("{}: {why}", param.ty))?;
    }
    let end = used.disjoint_slots()?;
    ensure(end <= abi.area_bytes, || {
        format!("{end} bytes in an area of {}", abi.area_bytes)
    })?;
    ensure(abi.area_bytes.is_multiple_of(8), || {
        format!("an area of {} bytes", abi.area_bytes)
    })
}

fn argument(ty: &Type, place: &Place, abi: &FnAbi, used: &mut UsedPlaces) -> Result<(), String> {
    match place {
        Place::Ignore => ensure(!carries(ty, false), || "is passed nowhere".to_owned()),
        Place::Parts(list) => {
            parts(ty, list, false)?;
            list.iter().try_for_each(|placed| used.loc(placed.loc))
        }
        Place::Stack {
            offset,
            size,
            align,
        } => {
            // Padding that counts takes a register, but with gcc no place on the stack.
            let nothing = *size == 0 && !carries(ty, false);
            ensure(nothing || *size == passed_as(ty).size(), || {
                format!("{size} bytes of {}", passed_as(ty).size())
            })?;
            let aligned = offset.is_multiple_of(u64::from(*align)) && abi.area_align >= *align;
            ensure(aligned, || {
                format!(
                    "offset {offset}, align {align}, area align {}",
                    abi.area_align
                )
            })?;
            used.stack(*offset, *size)
        }
        Place::Indirect { pointer, size, .. } => {
            let expected = passed_as(ty).size();
            ensure(*size == expected, || format!("{size} bytes of {expected}"))?;
            used.loc(*pointer)
        }
        Place::PerElement { .. } => place.locs().try_for_each(|loc| used.loc(loc)),
        other => Err(format!("{other:?}")),
    }
}

/// Checks the place of the result.
pub fn result(sig: &FnSig, abi: &FnAbi) -> Result<(), String> {
    let ty = sig.result();
    match &abi.ret.place {
        Place::Parts(list) => {
            parts(ty, list, true)?;
            let mut used = UsedPlaces::default();
            list.iter().try_for_each(|placed| used.loc(placed.loc))
        }
        Place::Ignore if abi.ret.returns == Returns::Value => {
            ensure(!carries(ty, true), || format!("{ty} returns nowhere"))
        }
        Place::Ignore if abi.ret.returns == Returns::Void => {
            ensure(ty.kind() == &Kind::Void, || format!("{ty} is not returned"))
        }
        _ => Ok(()),
    }
}

/// Checks that each byte that counts is in exactly one part, and that no part ends outside the
/// object.
fn parts(ty: &Type, parts: &[PlacedPart], result: bool) -> Result<(), String> {
    for (at, mask) in passed_bits(ty, result).iter().enumerate() {
        let holds = |placed: &&PlacedPart| {
            let from = usize::from(placed.part.offset);
            (from..from + usize::from(placed.part.size)).contains(&at)
        };
        let n = parts.iter().filter(holds).count();
        ensure(n <= 1, || {
            format!("byte {at} of {ty} is passed {n} times: {parts:?}")
        })?;
        ensure(n == 1 || *mask == 0, || {
            format!("byte {at} of {ty} is not passed: {parts:?}")
        })?;
    }
    for placed in parts {
        let end = u64::from(placed.part.offset) + u64::from(placed.part.size);
        ensure(end <= ty.size(), || format!("{placed:?} ends outside {ty}"))?;
        ensure(placed.part.size <= placed.part.ty.bytes(), || {
            format!("{placed:?}")
        })?;
    }
    Ok(())
}

/// Returns the bits of `ty` that a value carries: for a transparent union passed as an argument,
/// those of its first member.
fn passed_bits(ty: &Type, result: bool) -> Vec<u8> {
    let ty = if result { ty } else { passed_as(ty) };
    mask(ty, BitPlaces::default())
}

/// Checks whether a value of `ty` carries any bit, as far as larger types are searched.
fn carries(ty: &Type, result: bool) -> bool {
    ty.size() <= MAX_PAINTED_BYTES && passed_bits(ty, result).iter().any(|mask| *mask != 0)
}

/// Registers and bytes of the argument area that are taken.
#[derive(Default)]
struct UsedPlaces {
    regs: HashSet<Reg>,
    slots: Vec<Range<u64>>,
}

impl UsedPlaces {
    fn loc(&mut self, loc: Loc) -> Result<(), String> {
        match loc {
            Loc::Reg(reg) => self.reg(reg),
            Loc::Both(&[a, b]) => {
                self.reg(a)?;
                self.reg(b)
            }
            Loc::Stack(offset) => self.stack(offset, 8),
            other => Err(format!("{other:?}")),
        }
    }

    fn reg(&mut self, reg: Reg) -> Result<(), String> {
        ensure(self.regs.insert(reg), || format!("{reg} is used twice"))
    }

    fn stack(&mut self, offset: u64, size: u64) -> Result<(), String> {
        ensure(offset.is_multiple_of(8), || {
            format!("offset {offset} is not a slot")
        })?;
        let end = offset.checked_add(size);
        let end = end.and_then(|end| end.checked_next_multiple_of(8));
        let end = end.ok_or_else(|| format!("{size} bytes at {offset}"))?;
        self.slots.push(offset..end);
        Ok(())
    }

    /// Returns the end of the last slot, if none is taken twice.
    fn disjoint_slots(&mut self) -> Result<u64, String> {
        self.slots.retain(|slot| !slot.is_empty());
        self.slots.sort_by_key(|slot| slot.start);
        let mut end = 0;
        for slot in &self.slots {
            ensure(slot.start >= end, || {
                format!("slot {} is used twice", slot.start / 8)
            })?;
            end = slot.end;
        }
        Ok(end)
    }
}

/// Checks that an explanation has the places of `abi`, or is refused as `abi` is.
pub fn explanation(sig: &FnSig, target: &Target, abi: &Result<FnAbi, Error>) -> Result<(), String> {
    let explanation = cabi::explain(sig, &[Some("first")], target);
    let (explained, abi) = match (&explanation, abi) {
        (Ok(explanation), Ok(abi)) => (explanation, abi),
        (Err(a), Err(b)) if a == b && !a.to_string().is_empty() => return Ok(()),
        _ => {
            return Err(format!(
                "explained as {explanation:?}, but placed as {abi:?}"
            ));
        }
    };
    let agree = |explained: &ExplainedPlace, place: &Place, text: String| {
        let parts = match place {
            Place::Parts(parts) => &parts[..],
            _ => &[],
        };
        let own = parts.iter().map(|placed| placed.part.extension);
        let explained_extensions = explained.parts.iter().map(|part| part.extension);
        let extends = |extension: &Extension| *extension != Extension::None;
        explained.text == text && own.filter(extends).eq(explained_extensions.filter(extends))
    };
    let mut args = explained.args.iter().zip(&abi.args);
    let is_same = explained.args.len() == abi.args.len()
        && args.all(|(explained, own)| agree(&explained.place, &own.place, own.place.to_string()))
        && agree(&explained.ret.place, &abi.ret.place, abi.ret.to_string())
        && (explained.area_bytes, explained.used) == (abi.area_bytes, abi.used);
    let shown = !explained.to_string().is_empty() && !explained.summary().is_empty();
    ensure(is_same && shown, || {
        format!("explained as {explained:?}, but placed as {abi:?}")
    })
}

/// Checks that the further argument of `long` moves no argument of `short`.
pub fn further_argument(short: &FnAbi, long: &FnAbi) -> Result<(), String> {
    let same = long.args.get(..short.args.len()) == Some(&short.args[..]) && short.ret == long.ret;
    let grows = long.area_bytes >= short.area_bytes
        && long.used.int >= short.used.int
        && long.used.vector >= short.used.vector;
    ensure(same && grows, || format!("{short:?} changes to {long:?}"))
}
