//! The CLIF parameters of one argument, the same for caller and callee.

use cabi::{FnAbi, Loc, PartType, Place, PlacedPart, Reg, Scalar};
use smallvec::{Array, SmallVec};

use crate::machine::{Machine, RegClass, RegisterMove};
use crate::parts::{CHUNK, ClifPart, WORD, is_wide, n_chunks, narrow, part, slots, value_type};
use crate::signature::{ClifPlace, Extension, ValueType};

/// Most words of the argument area that are CLIF parameters, where there is another way: Cranelift
/// copies the further records of a call, and a function with more words reads its argument area.
/// The words of a call, and the parameters of a function, are alive at the same time. Cranelift's
/// compile time grows with the square of their number.
pub(super) const MAX_WORDS: usize = 64;

/// Calls `add` with the parts in the locations of `placed` and their places, once for each CLIF
/// parameter. A wide vector is 16 bytes each, a part in two registers is two.
pub(super) fn placed_parts(
    machine: Machine,
    ty: &cabi::Type,
    placed: &[PlacedPart],
    mut add: impl FnMut(ClifPart, ClifPlace),
) {
    let value_ty = match placed {
        [_] => value_type(ty),
        _ => None,
    };
    for placed in placed {
        let part = part(&placed.part, value_ty, machine.convention.extended);
        for place in machine.convention.params_at(placed.loc) {
            for i in 0..n_chunks(&placed.part) {
                let offset = part.offset + CHUNK.bytes() * i;
                let chunk = ClifPart { offset, ..part };
                let chunk = match place {
                    ClifPlace::Reg(reg) => machine.convention.declarable(chunk.in_bank(reg.bank())),
                    _ => chunk,
                };
                add(chunk, place);
            }
        }
    }
}

/// Returns the registers of a value at `place` that a stub moves, because no parameter can express
/// a vector among them. The vector is wide, or has 16 bytes where Cranelift counts by position.
/// Such a value has only vectors as parts, or was refused.
pub(super) fn wide_moves(machine: Machine, place: &Place) -> Option<SmallVec<[RegisterMove; 4]>> {
    match place {
        Place::Parts(parts)
            if parts.iter().any(|placed| is_wide(&placed.part))
                || machine.convention.positional && has_16_bytes(place) =>
        {
            machine.vector_moves(parts)
        }
        _ => None,
    }
}

/// Checks whether a value at `place` is a word in the register of the static chain.
pub(super) fn is_chain(machine: Machine, place: &Place) -> bool {
    match place {
        Place::Parts(parts) => matches!(
            &parts[..],
            [one] if one.part.ty == PartType::I64 && one.loc == Loc::Reg(machine.convention.chain)
        ),
        _ => false,
    }
}

/// Checks whether part of an argument at `place` is 16 bytes in one register, which no parameter
/// can express where Cranelift counts by position.
pub(super) fn has_16_bytes(place: &Place) -> bool {
    let wide = |placed: &PlacedPart| placed.part.ty == PartType::V128;
    matches!(place, Place::Parts(parts) if parts.iter().any(wide))
}

/// Objects in the argument area up to this many bytes have parts, their words.
pub(super) const MAX_PARTS_BYTES: u64 = 128;

/// Appends the parts of a value of type `ty` with this size and alignment in the argument area, if
/// it has some. They are the value itself, or its words. Returns `true` for the value itself.
pub(super) fn stack_parts(
    machine: Machine,
    ty: &cabi::Type,
    abi: &FnAbi,
    (size, align): (u64, u32),
    to: &mut SmallVec<impl Array<Item = ClifPart>>,
) -> bool {
    let own = own_type(machine, ty, abi, align);
    match own {
        Some(own) => to.push(own),
        None if size > MAX_PARTS_BYTES => {}
        None => slots(machine.convention.least_part(size), (size, align), ty, to),
    }
    own.is_some()
}

/// Returns a stack argument as a CLIF parameter of its own type, if it can be one. It is a scalar
/// or 16-byte vector whose class is exhausted before it.
fn own_type(machine: Machine, ty: &cabi::Type, abi: &FnAbi, align: u32) -> Option<ClifPart> {
    let value = value_type(ty)?;
    // By position Cranelift has no parameter of 16 bytes.
    let is_wide =
        value == ValueType::I128 || machine.convention.positional && value.bytes() > WORD.bytes();
    // A slot of less than a word has no other type, and no room to extend.
    let is_packed = machine.convention.least_slot < WORD.bytes();
    if is_wide
        || ty.as_record().is_some()
        || !is_packed && !is_exhausted(machine, RegClass::of(value), abi)
    {
        return None;
    }
    let signed = ty.as_scalar().is_some_and(Scalar::is_signed);
    let extension = match value {
        // An extended value has the alignment of its slot.
        _ if is_packed || align < WORD.bytes() => Extension::None,
        ValueType::I8 | ValueType::I16 if signed => Extension::Sign,
        ValueType::I8 | ValueType::I16 => Extension::Zero,
        _ => Extension::None,
    };
    let part = ClifPart::new(0, narrow(value.bytes()), value);
    let part = machine.convention.declarable(part);
    Some(part.extended(extension, machine.convention.extended))
}

/// Checks whether the last register of `class` is in use, so that Cranelift has no register left:
/// padding arguments are in those before.
pub(super) fn is_exhausted(machine: Machine, class: RegClass, abi: &FnAbi) -> bool {
    // By position, values on the stack come after all registers.
    if machine.convention.positional {
        return abi.area_bytes > machine.convention.shadow_bytes.into();
    }
    let last = machine.convention.params.of(class).last();
    last.is_none_or(|last| registers(abi).any(|reg| reg == *last))
}

/// Returns the registers of all arguments of `abi`, and of the pointer to its result.
pub(super) fn registers(abi: &FnAbi) -> impl Iterator<Item = Reg> {
    let sret = Some(&abi.ret.place).filter(|place| matches!(place, Place::Indirect { .. }));
    let places = abi.args.iter().map(|arg| &arg.place).chain(sret);
    let locs = places.flat_map(Place::locs);
    locs.flat_map(|loc| SmallVec::<[Reg; 2]>::from_slice(loc.regs()))
}

/// Refuses what [`is_whole`] does not find.
pub(super) const FEWER_BYTES: &str = "on a big-endian machine a part with fewer bytes than its register or slot, or with lanes, is not lowered";

/// Checks whether each part of a value at `place` has as many bytes as its type, or is extended. On
/// the stack its size must be 1, 2 or 4 bytes, or whole words.
pub(super) fn is_whole(place: &Place) -> bool {
    match place {
        Place::Parts(parts) => parts.iter().all(|placed| {
            let part = &placed.part;
            part.size == part.ty.bytes() || part.extension != Extension::None
        }),
        Place::Stack { size, .. } => {
            matches!(size, 1 | 2 | 4) || size.is_multiple_of(WORD.bytes().into())
        }
        Place::PerElement { .. } => false,
        _ => true,
    }
}
