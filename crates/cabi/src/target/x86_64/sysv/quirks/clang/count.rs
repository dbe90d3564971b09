//! Values for which clang counts other registers than it uses.
//!
//! clang's front end counts the registers of each argument. The count decides whether a record is
//! in registers or as a whole on the stack. LLVM then gives each part of what is in registers the
//! next register, or a slot of its own. If the two counts differ, a record may be taken apart, or
//! be on the stack though registers are free ([`Policy::RECORDS_GO_BY_COUNT`]). Callers and callees
//! of clang count alike, but its `va_arg` counts as LLVM does. An unnamed argument on which the
//! counts disagree is therefore refused.

use super::super::super::registers::{ARG_GPRS, ARG_VECTORS};
use crate::convention::{
    ArgFlags, Bank, Classify, Group, GroupKind, Part, Reg, RegCounts, Role, State,
};
use crate::leaves::{Leaf, LeafKind, leaves};
use crate::policy::Policy;
use crate::scalar::Scalar;
use crate::target::parts::byte;
use crate::types::{Kind, Type};

/// Counts of a value for which clang's front end counts no register, even if it has some.
pub(super) const UNCOUNTED: RegCounts = RegCounts {
    int: 0,
    vector: 0,
    x87: 0,
};

const WHY: &str = "clang's front end counts other registers than its back end uses, for this or an earlier argument: va_arg reads another place than callers write";

const FLOATS: &str = "clang's front end counts a register for its floats, and clang's back end passes them as one vector in 16 bytes of the stack";

const SMALL: &str = "clang's front end counts no register as free, and clang's back end has one for the integer that the value becomes";

/// Follows the front end's count, and puts a value on which the counts disagree where clang puts
/// it: the [`Rules::adjust`](crate::convention::Rules::adjust) of System V.
pub(in super::super::super) fn adjust(
    count: &mut Option<RegCounts>,
    before: &State,
    ty: &Type,
    group: &mut Group,
    cx: &mut Classify<'_, '_>,
) -> Result<(), &'static str> {
    if group.kind == GroupKind::Memory && group.size == 0 && cx.role != Role::Result {
        let n_free = count.map_or_else(|| all_free(before).int, |count| count.int);
        if n_free == 0 && group.align <= 8 {
            *group = Group::ignore();
            let why = "no register is left: clang's callee has an integer of 0 bits";
            cx.tracer.note(why);
            return Ok(());
        }
    }
    if group.counts.is_none() && count.is_none() {
        return Ok(());
    }
    let is_uncounted = group.counts == Some(UNCOUNTED);
    if cx.role == Role::Result {
        // A pointer that is not counted.
        *count = is_uncounted.then(|| all_free(before));
        return Ok(());
    }
    let count = count.get_or_insert_with(|| all_free(before));
    let own_counts = group.counts.unwrap_or_else(|| group.reg_counts());
    let is_counted = group.counts.is_some_and(|own_counts| own_counts.vector > 0);
    if group.kind == GroupKind::Memory && is_counted {
        // A record that the front end finds a register for is a vector to LLVM, aligned to its
        // size.
        let size = u32::try_from(group.size).unwrap_or(group.align);
        if take(count, own_counts) || group.align < size && !follows(cx)? {
            group.align = group.align.max(size);
        }
    }
    match group.kind {
        // All integer registers that are left.
        GroupKind::PerElement { .. } => count.int = 0,
        GroupKind::Registers if !is_uncounted && !group.flags.has(ArgFlags::NEST) => {
            let (needed, free) = (group.reg_counts(), all_free(before));
            let fits = free.int >= needed.int && free.vector >= needed.vector;
            match (take(count, own_counts), fits) {
                (true, false) if !stays_whole(ty, group, cx)? => take_apart(before, ty, group, cx)?,
                (false, true) if !is_left_to_llvm(ty, cx) && follows(cx)? => {
                    if count.int == 0 && free.int > 0 && group.size <= 8 && group.align <= 8 {
                        return Err(SMALL);
                    }
                    group.kind = GroupKind::Memory;
                    cx.tracer.memory("clang counts no register as free");
                }
                _ => {}
            }
        }
        _ => {}
    }
    Ok(())
}

/// Refuses a group that misleads clang's `va_arg`, which reads the register save area by its own
/// count: the [`Rules::va_arg`](crate::convention::Rules::va_arg) of System V.
pub(in super::super::super) fn va_arg(group: &Group) -> Result<(), &'static str> {
    let counts = group.counts.unwrap_or_default();
    match counts.vector > group.reg_counts().vector {
        true => Err(
            "clang counts other registers than it uses for it: va_arg does not find the next argument",
        ),
        false => Ok(()),
    }
}

/// Returns whether a value on which the counts disagree goes by that of the front end.
///
/// # Errors
/// The value goes by the front end's count in clang's callers, and not in its `va_arg`.
fn follows(cx: &mut Classify<'_, '_>) -> Result<bool, &'static str> {
    match cx.choose(Policy::RECORDS_GO_BY_COUNT) {
        true if cx.role == Role::Unnamed => Err(WHY),
        by_count => Ok(by_count),
    }
}

/// Returns whether LLVM sees one integer, which it does not take apart
/// ([`Policy::INT128_STAYS_WHOLE`]): an `__int128`, or a record with an integer over both
/// eightbytes.
///
/// # Errors
/// The integer of a record is a bit-field, of which clang makes one `__int128` or none; or it is a
/// `_BitInt`.
fn stays_whole(
    ty: &Type,
    group: &mut Group,
    cx: &mut Classify<'_, '_>,
) -> Result<bool, &'static str> {
    let goes_on = |leaf: &Leaf| {
        let is_integer = matches!(leaf.kind, LeafKind::Scalar(one) if one.is_integer_like());
        is_integer && leaf.eightbytes() == (0..2)
    };
    let integer = match ty.as_scalar() {
        Some(Scalar::BitInt { .. }) if cx.choose(Policy::INT128_STAYS_WHOLE) => {
            return Err("no rule says whether clang 22 splits this `_BitInt`");
        }
        Some(scalar) => scalar.is_int128().then_some(false),
        None => leaves(ty).filter(goes_on).map(|leaf| leaf.bit_field).min(),
    };
    let Some(bit_field) = integer.filter(|_| cx.choose(Policy::INT128_STAYS_WHOLE)) else {
        return Ok(false);
    };
    if bit_field {
        return Err("no rule says whether clang 22 makes one __int128 of its bit-fields");
    }
    group.align = group.align.max(16);
    Ok(true)
}

/// Gives each part of a value the next register or a slot of its own. The front end counts enough
/// registers for the value, but too few are free.
///
/// # Errors
/// LLVM has a vector of several floats, whose slot has 16 bytes.
fn take_apart(
    before: &State,
    ty: &Type,
    group: &mut Group,
    cx: &mut Classify<'_, '_>,
) -> Result<(), &'static str> {
    let is_found = |part: &Part| match part.bank {
        Bank::Int => free(before, ARG_GPRS) > 0,
        _ => free(before, ARG_VECTORS) > 0,
    };
    let n_free = usize::from(free(before, ARG_VECTORS));
    let vectors = group.parts.iter().filter(|part| part.bank == Bank::Vector);
    let goes_on = |part: &Part| {
        let inside = 8 * u64::from(part.offset) + 1..8 * u64::from(part.offset) + 64;
        part.ty.bytes() <= 8 && leaves(ty).any(|leaf| inside.contains(&leaf.offset_bits))
    };
    if vectors.skip(n_free).any(goes_on) && follows(cx)? {
        return Err(FLOATS);
    }
    let on_stack = !group.parts.iter().any(is_found);
    if on_stack && is_same_in_slots(group) {
        return Ok(());
    }
    if !follows(cx)? {
        return Ok(());
    }
    group.align = group.parts.iter().map(slot).max().unwrap_or(group.align);
    group.exhausts = &[];
    group.may_split = !(on_stack && is_same_in_slots(group));
    cx.tracer.note(
        "clang counts taken registers as free: each part has the next free register or a slot",
    );
    Ok(())
}

/// Returns the registers of parameters that are free in `state`. clang's front end counts the same
/// until a value has [`Group::counts`].
fn all_free(state: &State) -> RegCounts {
    RegCounts {
        int: free(state, ARG_GPRS),
        vector: free(state, ARG_VECTORS),
        x87: 0,
    }
}

/// Takes `own` registers from those that are counted as free, if there are enough.
fn take(count: &mut RegCounts, own: RegCounts) -> bool {
    let is_enough = count.int >= own.int && count.vector >= own.vector;
    if is_enough {
        count.int -= own.int;
        count.vector -= own.vector;
    }
    is_enough
}

/// Checks whether clang leaves a value to LLVM for which its count has no register. The value then
/// has the register that LLVM gives it.
fn is_left_to_llvm(ty: &Type, cx: &Classify<'_, '_>) -> bool {
    match ty.kind() {
        Kind::Vector(vector) => {
            (16..=cx.vectors.bytes()).contains(&ty.size()) && !vector.lane.is_int128()
        }
        _ => ty
            .as_scalar()
            .is_some_and(|scalar| !matches!(scalar, Scalar::BitInt { .. })),
    }
}

fn free(state: &State, regs: &[Reg]) -> u8 {
    let free = regs.iter().filter(|reg| state.is_free(**reg));
    byte(free.count() as u64)
}

/// Returns the bytes of the slot that LLVM gives a part, and its alignment.
fn slot(part: &Part) -> u32 {
    u32::from(part.ty.bytes().max(8))
}

/// Returns whether the parts of `group`, each in a slot of its own, are where the whole would be.
fn is_same_in_slots(group: &Group) -> bool {
    let bytes: u32 = group.parts.iter().map(slot).sum();
    let align = group.parts.first().map_or(8, slot);
    let words = group.parts.len() == 1 || u64::from(bytes) == 8 * group.parts.len() as u64;
    words && group.size <= bytes.into() && group.align <= align
}
