//! What a register file has, compared with what `FnAbi` says: arguments as a C caller passes them, the result as a C callee returns it.

use cabi::{Extension, FnAbi, Loc, Place, PlacedPart};

use super::register_file::{RegisterFile, word};
use super::whereabouts::{Deed, parts, tell};
use crate::pattern::{Pattern, hex};
use crate::verdict::{Difference, Value};

/// Compares the arguments in `dump` with what `abi` says of them.
pub(super) fn check_arguments(
    abi: &FnAbi,
    patterns: &[Pattern],
    dump: &RegisterFile,
    al_is_bound: bool,
) -> Result<(), Difference> {
    // Callers extend narrow integers for System V's callees, some of which rely on it; on Win64 callers do not.
    let extended = abi.convention.name == cabi::X86_64_SYSV.name;
    for (i, (arg, pattern)) in abi.args.iter().zip(patterns).enumerate() {
        check_place(&arg.place, pattern, extended, dump).map_err(|why| {
            let got = gathered(&arg.place, pattern.bytes.len(), dump);
            let value = Value::Argument(i);
            let why = format!("argument {i} ({}): {why}", arg.place);
            let found = Difference::of(pattern, got, value, why);
            let area = (dump, abi.area_bytes);
            tell(found, Deed::Passes, (value, &arg.place), pattern, area)
        })?;
    }
    if let Some(reg) = abi.variadic_count {
        let al = dump.register(reg).first().copied().unwrap_or(0xff);
        let is_right = match al_is_bound {
            true => (abi.used.vector..=8).contains(&al),
            false => al == abi.used.vector,
        };
        if !is_right {
            let (n, bound) = (abi.used.vector, if al_is_bound { " to 8" } else { "" });
            let why = format!(
                "the C caller makes a variadic call with {al} in al, expected {n}{bound}: arguments are in {n} of the vector registers"
            );
            return Err(why.into());
        }
    }
    // The C caller offers memory of its own frame, at most a few pages above its argument area.
    let of_result = match abi.ret.place {
        Place::Indirect { pointer, .. } => Some(pointer),
        _ => None,
    };
    let carried = abi.convention.frame.carried.map(Loc::Reg);
    for pointer in of_result.into_iter().chain(carried) {
        let address = word(dump.location(pointer, 8));
        if address.wrapping_sub(dump.rsp()) > 1 << 16 {
            return Err(
                format!("{pointer} holds {address:#x}, no address in the caller's frame").into(),
            );
        }
    }
    let area = dump.area();
    if !area.is_multiple_of(u64::from(abi.area_align)) {
        return Err(format!(
            "the C caller makes the call with the stack misaligned: arguments on the stack begin at {area:#x}, which is {} after a multiple of {}",
            area % u64::from(abi.area_align),
            abi.area_align
        )
        .into());
    }
    Ok(())
}

fn check_place(
    place: &Place,
    pattern: &Pattern,
    extended: bool,
    dump: &RegisterFile,
) -> Result<(), String> {
    match place {
        Place::Ignore if pattern.weight() == 0 => Ok(()),
        Place::Ignore => Err("bytes that count are passed nowhere".to_owned()),
        Place::Parts(parts) => check_parts(parts, pattern, extended, dump),
        Place::Stack { offset, .. } => pattern.check_all(dump.stack(*offset, pattern.bytes.len())),
        Place::Indirect { pointer, .. } => {
            let address = word(dump.location(*pointer, 8));
            let copy = dump.stack(address.wrapping_sub(dump.area()), pattern.bytes.len());
            pattern
                .check_all(copy)
                .map_err(|why| format!("the copy at {address:#x}: {why}"))
        }
        other => Err(format!("the probe does not look at {other}")),
    }
}

/// The bytes of a value where `place` says, for a report: those that are nowhere are 0.
fn gathered(place: &Place, size: usize, dump: &RegisterFile) -> Vec<u8> {
    let mut bytes = vec![0; size];
    for (own, _, loc) in parts(place, size) {
        let held = loc.map_or(&[][..], |loc| dump.location(loc, own.len()));
        let own = bytes.get_mut(own).unwrap_or_default();
        own.iter_mut().zip(held).for_each(|(to, from)| *to = *from);
    }
    bytes
}

fn check_parts(
    parts: &[PlacedPart],
    pattern: &Pattern,
    extended: bool,
    dump: &RegisterFile,
) -> Result<(), String> {
    let mut seen = vec![false; pattern.bytes.len()];
    for PlacedPart { part, loc } in parts {
        let from = usize::from(part.offset);
        let size = usize::from(part.size);
        let len = usize::from(part.ty.bytes()).max(8);
        let mut copies = vec![dump.location(*loc, len)];
        if let Loc::Both([_, second]) = loc {
            copies.push(dump.register(*second));
        }
        for bytes in copies {
            if bytes.len() < size {
                return Err(format!("{loc} holds nothing"));
            }
            let held = hex(bytes.get(..len).unwrap_or(bytes));
            for (i, got) in bytes.iter().take(size).enumerate() {
                pattern
                    .check(from + i, *got)
                    .map_err(|why| format!("{loc} holds {held}: {why}"))?;
            }
            if extended && !is_extended(part.extension, size, bytes) {
                return Err(format!("{loc} holds {held}: it is not extended to 32 bits"));
            }
        }
        seen.iter_mut()
            .skip(from)
            .take(size)
            .for_each(|seen| *seen = true);
    }
    // Each byte that counts is in some part.
    let lost = seen
        .iter()
        .zip(&pattern.mask)
        .position(|(seen, mask)| !seen && *mask != 0);
    lost.map_or(Ok(()), |at| Err(format!("byte {at} is in no part")))
}

/// Whether a narrow integer is extended to 32 bits, as gcc and clang do.
fn is_extended(extension: Extension, size: usize, bytes: &[u8]) -> bool {
    let top = size.checked_sub(1).and_then(|top| bytes.get(top));
    let fill = match extension {
        Extension::None => return true,
        Extension::Sign if top.is_some_and(|top| *top >= 0x80) => 0xff,
        _ => 0,
    };
    let upper = bytes.get(size..4).unwrap_or_default();
    upper.iter().all(|byte| *byte == fill)
}

/// Compares the result in `dump`, or in `memory`, which was offered at an address, with what `abi` says of it.
pub(super) fn check_result(
    abi: &FnAbi,
    pattern: &Pattern,
    dump: &RegisterFile,
    (address, memory): (u64, &[u8]),
) -> Result<(), Difference> {
    let size = pattern.bytes.len();
    let (outcome, got) = match &abi.ret.place {
        // No ABI states how a narrow integer result is extended.
        place @ Place::Parts(parts) => (
            check_parts(parts, pattern, false, dump),
            gathered(place, size, dump),
        ),
        Place::Indirect { .. } => {
            let memory = memory.get(..size).unwrap_or_default();
            let outcome = match abi.ret.sret_returned_in {
                Some(reg) if word(dump.register(reg)) != address => Err(format!(
                    "the C callee returns {:#x} in {reg}, expected the address of the result that it was given, {address:#x}",
                    word(dump.register(reg))
                )),
                _ => pattern.check_all(memory),
            };
            (outcome, memory.to_vec())
        }
        _ if pattern.weight() == 0 => (Ok(()), Vec::new()),
        _ => (
            Err("bytes that count return nowhere".to_owned()),
            Vec::new(),
        ),
    };
    outcome.map_err(|why| {
        let why = format!("result ({}): {why}", abi.ret);
        let found = Difference::of(pattern, got, Value::Result, why);
        match &abi.ret.place {
            Place::Indirect { .. } => found,
            place => tell(
                found,
                Deed::Returns,
                (Value::Result, place),
                pattern,
                (dump, 0),
            ),
        }
    })
}
