//! Objects of a function of ours that C calls: the copies of its arguments, and the result that it
//! returns. Each lies against a guard page, like a caller's objects; the bytes beside it on the
//! other side are compared.

use cabi::Type;

use super::{CallCase, Difference, Harness};
use crate::emit::cranelift::BufferAddresses;
use crate::run::boundary::escape_address;
use crate::run::guard::PageEnd;

/// Bytes of an object: what follows one that is aligned to more than its size is its own.
pub(super) fn object_bytes(ty: &Type) -> usize {
    let size = ty.size().next_multiple_of(ty.align().into());
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Returns the addresses of the function's objects at `side` of their buffers, and how many bytes
/// after the first each argument goes.
pub(super) fn addresses(
    harness: &Harness<'_>,
    plan: &CallCase,
    side: PageEnd,
) -> Result<(BufferAddresses, Vec<usize>), Difference> {
    let object = |buffer: usize, ty: &Type| {
        let object = harness.buffers.object(buffer, object_bytes(ty), side);
        object.ok_or("too large for a buffer")
    };
    let params = plan.sig.params().iter().enumerate();
    let seen = params.map(|(i, param)| object(i + 1, &param.ty));
    let seen: Vec<*mut u8> = seen.collect::<Result<_, _>>()?;
    let given = object(0, plan.sig.result())?;
    let first = seen.first().copied().unwrap_or(given);
    let distance = |at: &*mut u8| (*at as usize).wrapping_sub(first as usize);
    let places = BufferAddresses::Here {
        seen: first,
        given,
        escape: escape_address(),
    };
    Ok((places, seen.iter().map(distance).collect()))
}

/// Clears the arguments, and puts what is returned where the function finds it.
pub(super) fn prepare(
    harness: &Harness<'_>,
    plan: &CallCase,
    (given, side): (&[u8], PageEnd),
) -> Result<(), Difference> {
    for (buffer, ty) in objects(plan) {
        let object = harness.buffers.poison(buffer, object_bytes(ty), side);
        object.ok_or("too large for a buffer")?;
    }
    let mut result = given.to_vec();
    result.resize(object_bytes(plan.sig.result()), 0);
    let at = harness.buffers.put(0, &result, side);
    Ok(at.map(drop).ok_or("too large for a buffer")?)
}

/// The buffers of the result and of the arguments, with the types of what they hold.
fn objects(plan: &CallCase) -> impl Iterator<Item = (usize, &Type)> {
    let params = plan.sig.params().iter().map(|param| &param.ty);
    std::iter::once(plan.sig.result()).chain(params).enumerate()
}

/// Puts what the function has written down of its arguments where C's callees do, in `seen`.
pub(super) fn copy_to(seen: &mut [u8], harness: &Harness<'_>, plan: &CallCase, side: PageEnd) {
    for ((buffer, ty), at) in objects(plan).skip(1).zip(&plan.images.offsets) {
        let object = harness.buffers.get(buffer, object_bytes(ty), side);
        let to = seen.iter_mut().skip(*at);
        to.zip(object.unwrap_or_default())
            .for_each(|(to, from)| *to = from);
    }
}

/// Checks whether the function has written nothing beside its objects.
pub(super) fn check_beside(
    harness: &Harness<'_>,
    plan: &CallCase,
    side: PageEnd,
) -> Result<(), Difference> {
    for (buffer, ty) in objects(plan) {
        let checked = harness.buffers.check_beside(buffer, object_bytes(ty), side);
        checked.map_err(|why| match buffer {
            0 => format!("the object that is returned: {why}"),
            _ => format!("the callee's copy of argument {}: {why}", buffer - 1),
        })?;
    }
    Ok(())
}
