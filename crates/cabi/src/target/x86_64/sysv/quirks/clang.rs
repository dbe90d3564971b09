//! Behaviour of clang beyond the psABI, on Linux and elsewhere: `_Atomic`, alignment of members,
//! wide vectors, unions; and LLVM's treatment of pairs.

mod count;
mod pairs;

pub(in super::super) use self::count::{adjust, va_arg};
use super::super::class::{Class, Classes, Stop};
use super::super::psabi;
use super::super::registers::ARG_GPRS;
use crate::convention::PartType::{F16, F32, F64, I8, I16, I64, V256, V512};
use crate::convention::{ArgFlags, Bank, Classify, Extension, Group, GroupKind, RegCounts, Role};
use crate::leaves::{Aggregate, Leaf, LeafFlags, LeafKind, Leaves, WalkStep, leaves};
use crate::policy::Policy;
use crate::scalar::{BoolVector, Scalar, Vector};
use crate::target::parts::extension;
use crate::types::error::Error;
use crate::types::record::Field;
use crate::types::{Kind, Type};

/// Sends an `_Atomic` complex number to memory, because clang's classifier knows no `_Atomic` type
/// ([`Policy::ATOMIC_MEMBERS_IN_MEMORY`]). Records are handled leaf by leaf.
pub(super) fn atomic_complex(cx: &mut Classify<'_, '_>) -> Result<(), Stop> {
    match cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY) {
        true => Err(Stop::memory("an _Atomic complex number", cx)),
        false => Ok(()),
    }
}

/// Refuses vectors of bools that clang takes apart by no rule, and wide vectors of `__float128`,
/// which it passes lane by lane ([`Policy::WIDE_VECTOR_RESULTS_SPLIT`]).
pub(super) fn refuse_vector(kind: LeafKind, ty: &Type, cx: &Classify<'_, '_>) -> Result<(), Error> {
    match kind {
        LeafKind::Vector(vector)
            if vector.bools == Some(BoolVector::Clang) && vector.lanes > 64 =>
        {
            let why = "no rule says how clang passes its vectors of more than 64 bools";
            cx.dispute(ty, why)
        }
        LeafKind::Vector(vector)
            if vector.lane == Scalar::F128
                && (32..=cx.vectors.bytes()).contains(&(16 * u64::from(vector.lanes)))
                && cx.policy.has(Policy::WIDE_VECTOR_RESULTS_SPLIT) =>
        {
            let why =
                "clang passes its wide vector of __float128 lane by lane, and no rule says how";
            cx.dispute(ty, why)
        }
        _ => Ok(()),
    }
}

/// Returns the classes of a result of one `double` in a vector, which is returned in xmm0
/// ([`Policy::DOUBLE_VECTOR_RESULT_IN_SSE`]).
pub(super) fn double_result(vector: Vector, cx: &mut Classify<'_, '_>) -> Option<Classes> {
    let result = vector.lane == Scalar::F64 && cx.role == Role::Result;
    (result && cx.choose(Policy::DOUBLE_VECTOR_RESULT_IN_SSE))
        .then(|| Classes::whole(8, Class::Sse, Class::Sse))
}

/// Splits a vector result wider than the vector level over several registers
/// ([`Policy::WIDE_VECTOR_RESULTS_SPLIT`]). Three lanes of 8 bytes have a register each. A vector
/// of other lanes that are no power of two is in memory.
pub(super) fn split_result(
    vector: Vector,
    bytes: u64,
    cx: &mut Classify<'_, '_>,
) -> Option<Classes> {
    let wide = bytes > 16 && bytes > cx.vectors.bytes() && cx.role == Role::Result;
    if !wide || !is_split(vector, bytes) || !cx.choose(Policy::WIDE_VECTOR_RESULTS_SPLIT) {
        return None;
    }
    if !is_of_three_words(vector, bytes) {
        return Some(Classes::whole(bytes, Class::Sse, Class::SseUp));
    }
    let lanes = match psabi::class_of(vector.lane) {
        Class::Integer => [Class::Integer; 3],
        _ => [Class::Sse, Class::Sse, Class::X87],
    };
    let mut classes = Classes::whole(bytes, Class::NoClass, Class::NoClass);
    (classes.as_mut_slice().iter_mut().zip(lanes)).for_each(|(class, own)| *class = own);
    Some(classes)
}

/// Gives the last of three `double`s, which is in st0, the 8 bytes of a `double`.
pub(super) fn last_in_x87(ty: &Type, group: &mut Group) {
    if let (Kind::Vector(_), [.., last]) = (ty.kind(), group.parts.as_mut_slice())
        && last.bank == Bank::X87
    {
        (last.ty, last.size) = (F64, 8);
        group.flags = ArgFlags::SPLIT;
    }
}

/// Returns why an `_Atomic` member ([`Policy::ATOMIC_MEMBERS_IN_MEMORY`]) or a flexible array
/// member ([`Policy::FLEXIBLE_ARRAY_IN_MEMORY`]) sends its record to memory.
pub(super) fn atomic_or_flexible(
    leaf: &Leaf,
    ty: &Type,
    cx: &mut Classify<'_, '_>,
) -> Option<&'static str> {
    let atomic = leaf.around.any(LeafFlags::ATOMIC) && ty.is_aggregate();
    if atomic && cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY) {
        return Some("an _Atomic member");
    }
    let flexible = leaf.kind == LeafKind::FlexibleArray;
    (flexible && cx.choose(Policy::FLEXIBLE_ARRAY_IN_MEMORY)).then_some("a flexible array member")
}

/// Returns why a member sends its record to memory:
/// - its type's alignment forbids its offset ([`Policy::MEMBERS_MUST_BE_ALIGNED`]), or
/// - it is empty, at any depth of a wide structure ([`Policy::EMPTY_MEMBERS_BAR_WIDE_VECTORS`]).
pub(super) fn member(
    leaf: &Leaf,
    walk: &Leaves<'_>,
    cx: &mut Classify<'_, '_>,
) -> Option<&'static str> {
    let misaligned = leaf.around.any(LeafFlags::MISALIGNED) || leaf.is_unaligned();
    if misaligned && cx.choose(Policy::MEMBERS_MUST_BE_ALIGNED) {
        return Some("rule 1: a member at an offset its type's alignment forbids");
    }
    if leaf.width_bits > 0 {
        return None;
    }
    // A leaf without bytes is the member, or inside it; an unnamed bit-field is none.
    let wide = walk.path().rfind(|frame| frame.ty.size() > 0)?;
    let innermost = walk.innermost()?;
    let is_member = leaf.kind == LeafKind::Empty || innermost.ty.size() == 0;
    let bars = is_member && is_wide_structure(wide.ty);
    (bars && cx.choose(Policy::EMPTY_MEMBERS_BAR_WIDE_VECTORS))
        .then_some("an empty member in more than two eightbytes")
}

fn is_wide_structure(ty: &Type) -> bool {
    ty.size() > 16 && ty.as_record().is_some() && !ty.is_union()
}

/// Checks whether the last step of `walk` is inside a wide array that is a member of a union
/// ([`Policy::WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS`]). A wide array has more than 16 bytes and more
/// than one element. No leaf or record in it has a class, because clang does not look into it. A
/// rule about its surroundings can still send the array to memory.
pub(super) fn is_in_wide_array(walk: &Leaves<'_>, cx: &mut Classify<'_, '_>) -> bool {
    let is_wide = |ty: &Type| match ty.kind() {
        Kind::Array(array) => ty.size() > 16 && array.len > Some(1),
        _ => false,
    };
    let around = |(outer, inner): (&Aggregate<'_>, &Aggregate<'_>)| {
        let from_outside =
            inner.around.any(LeafFlags::ATOMIC) || inner.around.any(LeafFlags::MISALIGNED);
        outer.ty.is_union() && is_wide(inner.ty) && !from_outside
    };
    let innermost = walk.innermost();
    innermost.is_some_and(|frame| frame.around.any(LeafFlags::IN_ARRAY))
        && walk.path().zip(walk.path().skip(1)).any(around)
        && cx.choose(Policy::WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS)
}

/// Extends the vector in the first two eightbytes of a wider union to the union's end: clang looks
/// no further than these two ([`Policy::UNIONS_GO_BY_FIRST_EIGHTBYTES`]).
pub(super) fn extend_first_vector(
    ty: &Type,
    classes: &mut [Class],
    cx: &mut Classify<'_, '_>,
) -> Result<(), Error> {
    use Class::{NoClass, Sse, SseUp};
    let [Sse, SseUp, rest @ ..] = classes else {
        return Ok(());
    };
    let padded =
        rest.contains(&NoClass) && rest.iter().all(|class| matches!(class, NoClass | SseUp));
    let size = ty.size();
    if !padded
        || !only_unions_are_padded(ty)
        || size > cx.vectors.bytes()
        || !cx.choose(Policy::UNIONS_GO_BY_FIRST_EIGHTBYTES)
    {
        return Ok(());
    }
    // LLVM's type has whole doubles, and the register is the narrowest that holds them.
    if !size.is_multiple_of(8) {
        let why = "clang passes only a part of a union with a vector if the size is not a multiple of 8: align the union to 8";
        return cx.dispute(ty, why);
    }
    // An inner union that starts inside an eightbyte is in one eightbyte more than its size fills.
    let upper = usize::try_from(size / 8).unwrap_or(0).saturating_sub(2);
    rest.iter_mut().take(upper).for_each(|class| *class = SseUp);
    Ok(())
}

/// Checks whether unions alone have padding or several members in `ty`, and no structure of more
/// than 16 bytes does. Arrays of several elements are not looked into.
fn only_unions_are_padded(ty: &Type) -> bool {
    let is_padding = |field: &Field| field.declared.bits.is_some() && field.name().is_none();
    let fills = |ty: &Type| match ty.as_record() {
        Some(record) if is_wide_structure(ty) => {
            let mut members = record.fields().iter().filter(|field| !is_padding(field));
            members.all(|member| member.ty().size() == ty.size())
        }
        _ => true,
    };
    let several = |frame: &Aggregate<'_>| matches!(frame.ty.kind(), Kind::Array(array) if array.len != Some(1));
    let mut walk = leaves(ty);
    let mut are_filled = fills(ty);
    while let Some(step) = walk.step() {
        if let WalkStep::Enter(inner, _) = step {
            are_filled &= walk.path().any(several) || fills(inner);
        }
    }
    are_filled
}

/// Keeps `X87Up` without `X87`, as `Sse`: "the extra bits" of an x87 value that shares its first
/// eightbyte ([`Policy::LONE_X87UP_KEPT`], Darwin).
pub(super) fn keep_lone_x87up(classes: &mut [Class], cx: &mut Classify<'_, '_>) {
    let mut before = Class::NoClass;
    for class in classes {
        let lone = *class == Class::X87Up && before != Class::X87;
        before = *class;
        if lone && cx.choose(Policy::LONE_X87UP_KEPT) {
            *class = Class::Sse;
        }
    }
}

/// Refuses a value in registers with a vector of `__int128`, which LLVM takes apart unless clang
/// hides the lanes from it ([`Policy::INT128_VECTORS_IN_GPR`]).
pub(super) fn refuse_int128_vectors(
    ty: &Type,
    group: &Group,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Error> {
    let is_int128 = |leaf: Leaf| matches!(leaf.kind, LeafKind::Vector(v) if v.lane.is_int128());
    if group.kind == GroupKind::Registers
        && leaves(ty).any(is_int128)
        && cx.choose(Policy::INT128_VECTORS_IN_GPR)
    {
        let why = "clang splits its vector of __int128 into integers on this system, and no rule says where they go";
        return cx.dispute(ty, why);
    }
    Ok(())
}

/// Refuses a record whose first eightbyte alone is in an integer register, if a bit-field, named or
/// not, is in both eightbytes. To clang these are an `__int128` ([`Policy::INT128_STAYS_WHOLE`]).
pub(super) fn refuse_wide_bit_fields(
    ty: &Type,
    group: &Group,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Error> {
    let goes_on = |leaf: Leaf| leaf.bit_field && leaf.eightbytes() == (0..2);
    let mut banks = group.parts.iter().map(|part| part.bank);
    let is_first_alone = banks.next() == Some(Bank::Int) && banks.all(|bank| bank != Bank::Int);
    if ty.as_record().is_some()
        && is_first_alone
        && leaves(ty).any(goes_on)
        && cx.choose(Policy::INT128_STAYS_WHOLE)
    {
        let why = "clang 22 makes an __int128 of its bit-fields, passes that in two registers and counts one";
        return cx.dispute(ty, why);
    }
    Ok(())
}

/// Refuses a result in st0 on Windows: LLVM has none there, and returns it through memory.
pub(super) fn refuse_x87_result(
    ty: &Type,
    group: &Group,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Error> {
    let is_windows = (cx.model.long, cx.model.pointer) == (4, 8);
    if is_windows
        && group.parts.iter().any(|part| part.bank == Bank::X87)
        && cx.choose(Policy::WIN64_X87_RESULT_IN_ST0)
    {
        let why = "clang for Windows returns it through memory, gcc in st0";
        return cx.dispute(ty, why);
    }
    Ok(())
}

/// Extends narrow integers, but no `_Bool`, in results too ([`Policy::NARROW_RESULTS_EXTENDED`],
/// Darwin).
pub(super) fn extend_narrow_result(ty: &Type, group: &mut Group, cx: &mut Classify<'_, '_>) {
    if let (Some(scalar), [part]) = (ty.as_scalar(), group.parts.as_mut_slice())
        && matches!(part.ty, I8 | I16)
        && scalar != Scalar::Bool
        && cx.choose(Policy::NARROW_RESULTS_EXTENDED)
    {
        part.extension = extension(scalar);
    }
}

/// Leaves the registers of an `_Atomic` scalar uncounted, and the scalar unextended
/// ([`Policy::ATOMIC_MEMBERS_IN_MEMORY`]). It is memory to clang's classifier, but is passed in
/// registers all the same, because nothing makes memory of a scalar.
#[inline]
pub(super) fn leave_atomic_uncounted(ty: &Type, group: &mut Group, cx: &mut Classify<'_, '_>) {
    if !ty.is_atomic() || ty.as_scalar().is_none() || !cx.choose(Policy::ATOMIC_MEMBERS_IN_MEMORY) {
        return;
    }
    if cx.role != Role::Result {
        group.counts = Some(count::UNCOUNTED);
    }
    for part in &mut group.parts {
        part.extension = Extension::None;
    }
}

/// Puts the first of two eightbytes in an integer register, whatever its class is, if LLVM's type
/// for the pair starts with an `i64` ([`Policy::ODD_PAIRS_START_IN_GPR`]).
///
/// # Errors
/// No rule says whether the value is an odd pair.
pub(super) fn start_odd_pair_in_gpr(
    ty: &Type,
    group: &mut Group,
    cx: &mut Classify<'_, '_>,
) -> Result<(), Error> {
    let [first, second] = group.parts[..] else {
        return Ok(());
    };
    let pair = first.bank == Bank::Vector
        && matches!(first.ty, F16 | F32 | F64)
        && (first.offset, second.offset) == (0, 8)
        && second.bank != Bank::X87;
    if !pair {
        return Ok(());
    }
    let is_odd = pairs::is_odd(ty, second.bank);
    if is_odd == Some(false) || !cx.choose(Policy::ODD_PAIRS_START_IN_GPR) {
        return Ok(());
    }
    if is_odd.is_none() {
        let why = "no rule says which integer clang makes of its bit-fields after 16-bit floats";
        return cx.dispute(ty, why);
    }
    // clang's front end goes by the class.
    group.counts = Some(group.reg_counts());
    (group.parts[0].bank, group.parts[0].ty) = (Bank::Int, I64);
    let classes = [Class::Integer, Class::of(second.bank)];
    cx.tracer.classes(classes);
    Ok(())
}

/// Moves vectors wider than 16 bytes to memory in named arguments of a variadic function too
/// ([`Policy::WIDE_VECTORS_OF_VARIADICS_IN_MEMORY`]).
pub(super) fn move_wide_vector_of_variadic(
    ty: &Type,
    group: &mut Group,
    cx: &mut Classify<'_, '_>,
) {
    let mut parts = group.parts.iter();
    let wide = parts.any(|part| matches!(part.ty, V256 | V512));
    if wide
        && cx.is_argument_of_variadic()
        && cx.choose(Policy::WIDE_VECTORS_OF_VARIADICS_IN_MEMORY)
    {
        cx.tracer
            .memory("variadic functions take vectors wider than 16 bytes in memory");
        // A value that stays a vector to LLVM is aligned to its size.
        let align = match ty.as_record() {
            Some(_) => group.align,
            None => group
                .align
                .max(u32::try_from(ty.size()).unwrap_or(group.align)),
        };
        *group = Group::new(GroupKind::Memory, ty.size(), align);
        // The front end counts the register all the same.
        if cx.role == Role::Named {
            group.counts = Some(RegCounts {
                vector: 1,
                ..count::UNCOUNTED
            });
        }
    }
}

fn is_split(vector: Vector, bytes: u64) -> bool {
    // LLVM has two registers for `__float128`.
    if vector.lane == Scalar::F128 && vector.lanes > 2 {
        return false;
    }
    vector.bools.is_some() || vector.lanes.is_power_of_two() || is_of_three_words(vector, bytes)
}

/// Checks whether `vector` is three words, for which LLVM has registers: rax, rdx and rcx, or xmm0,
/// xmm1 and st0.
fn is_of_three_words(vector: Vector, bytes: u64) -> bool {
    vector.bools.is_none() && vector.lanes == 3 && bytes == 32
}

/// Leaves the pointer to a vector result uncounted that clang's front end has in registers and its
/// back end in memory ([`Policy::WIDE_VECTOR_RESULTS_SPLIT`]). These are wide vectors of
/// `__int128`, of four `__float128`, or whose lanes are no power of two.
pub(super) fn note_vector_result(ty: &Type, group: &mut Group, cx: &Classify<'_, '_>) {
    let is_in_memory = matches!(ty.kind(), Kind::Vector(vector) if vector.lane.is_int128() || !is_split(*vector, ty.size()));
    if is_in_memory
        && group.kind == GroupKind::Memory
        && cx.policy.has(Policy::WIDE_VECTOR_RESULTS_SPLIT)
    {
        group.counts = Some(count::UNCOUNTED);
    }
}

/// Gives a transparent union all its bytes on the stack. It is aligned as the union if no registers
/// are free, and as its first member if the member never has registers.
pub(in super::super) fn place_whole_union(union: &Type, group: &mut Group) {
    let has_registers = group.parts.iter().all(|part| part.bank != Bank::X87);
    if group.kind == GroupKind::Registers && has_registers {
        group.align = union.canonical_align();
    }
    group.size = union.size();
}

/// Lets an `__int128` that finds one register free use it up
/// ([`Policy::INT128_USES_UP_INTEGER_REGISTERS`]). A transparent union that finds no registers is a
/// record in memory to clang, whatever its first member is.
pub(super) fn exhaust_registers(declared: &Type, group: &mut Group, cx: &mut Classify<'_, '_>) {
    let int128 = declared.as_scalar().is_some_and(Scalar::is_int128);
    if int128 && cx.choose(Policy::INT128_USES_UP_INTEGER_REGISTERS) {
        group.exhausts = ARG_GPRS;
        group.counts = group.counts.or(Some(group.reg_counts()));
    }
}
