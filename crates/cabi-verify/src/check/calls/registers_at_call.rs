//! What must hold around a call besides its values, and is not the same for every call: what the thunk between the two sides saw.

use cabi::{Loc, Place, Scalar, Type};

use super::CallCase;
use crate::pattern::Pattern;
use crate::run::loaded::LoadedCode;

/// The value that C's `(long long)` makes of it.
pub(super) fn check_widened(ty: &Type, pattern: &Pattern, got: Option<i64>) -> Result<(), String> {
    let signed = ty.as_scalar().is_some_and(Scalar::is_signed);
    let negative = signed && pattern.bytes.last().is_some_and(|top| *top >= 0x80);
    let mut bytes = [if negative { 0xff } else { 0 }; 8];
    for (to, from) in bytes.iter_mut().zip(&pattern.bytes) {
        *to = *from;
    }
    let expected = i64::from_le_bytes(bytes);
    match got {
        Some(got) if got == expected => Ok(()),
        got => Err(format!(
            "widened it is {:#x}, expected {expected:#x}",
            got.unwrap_or(0)
        )),
    }
}

/// What the thunk saw of a call that Cranelift made.
pub(super) fn check_call(plan: &CallCase, loaded: &LoadedCode) -> Result<(), String> {
    let [call, _] = loaded.registers().ok_or("no call was made")?;
    if let Some(reg) = plan.abi.variadic_count {
        let al = call.general_register(reg).unwrap_or(0) & 0xff;
        if al != u64::from(plan.abi.used.vector) {
            return Err(format!("al is {al}, expected {}", plan.abi.used.vector));
        }
    }
    let (area, align) = (call.area(), u64::from(plan.abi.area_align));
    if !area.is_multiple_of(align) {
        return Err(format!(
            "the argument area at {area:#x} is not aligned to {align}"
        ));
    }
    Ok(())
}

/// What the thunk saw of a return that Cranelift made.
pub(super) fn check_return(plan: &CallCase, loaded: &LoadedCode) -> Result<(), String> {
    let [call, after] = loaded.registers().ok_or("no call was made")?;
    let ret = &plan.abi.ret;
    let (Some(back), Place::Indirect { pointer, .. }) = (ret.sret_returned_in, &ret.place) else {
        return Ok(());
    };
    let &Loc::Reg(pointer) = pointer else {
        return Ok(());
    };
    let [back, address] = [after.general_register(back), call.general_register(pointer)];
    if back.is_none() || back != address {
        return Err(format!(
            "the address of the result is {address:#x?}, and {back:#x?} comes back"
        ));
    }
    Ok(())
}
