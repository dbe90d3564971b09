//! What must hold around a call besides its values, and is not the same for every call: what the thunk between the two sides saw.

use cabi::{Loc, Place, Scalar, Type, x86_64};

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
    let registers = loaded.registers().ok_or("no call was made")?;
    if plan.abi.variadic_count.is_some() {
        let al = registers.rax & 0xff;
        if al != u64::from(plan.abi.n_sse) {
            return Err(format!("al is {al}, expected {}", plan.abi.n_sse));
        }
    }
    let align = u64::from(plan.abi.area_align);
    if !(registers.rsp + 8).is_multiple_of(align) {
        return Err(format!(
            "rsp is {:#x}: the argument area is not aligned to {align}",
            registers.rsp
        ));
    }
    Ok(())
}

/// What the thunk saw of a return that Cranelift made.
pub(super) fn check_return(plan: &CallCase, loaded: &LoadedCode) -> Result<(), String> {
    let registers = loaded.registers().ok_or("no call was made")?;
    let ret = &plan.abi.ret;
    let address = match &ret.place {
        Place::Indirect { pointer, .. } if *pointer == Loc::Reg(x86_64::RCX) => registers.rcx,
        _ => registers.rdi,
    };
    if let Some(_) = ret.sret_returned_in
        && registers.rax_after != address
    {
        return Err(format!(
            "rax is {:#x}, expected the address of the result, {address:#x}",
            registers.rax_after
        ));
    }
    Ok(())
}
