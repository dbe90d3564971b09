//! Checks around a call besides its values, by the state that the thunk between the two sides saw.
//! They differ from call to call.

use cabi::{FnAbi, Loc, Place, Scalar};

use super::CallCase;
use crate::emit::c::is_widened;
use crate::pattern::Values;
use crate::run::Written;
use crate::run::boundary::{Crossing, Image};

impl CallCase {
    /// Compares narrow integers as a callee has widened them with the results of C's `(long long)`.
    pub(crate) fn check_widened(&self, values: &Values, written: &Written) -> Result<(), String> {
        let named = values.promoted.iter().zip(&self.types).take(self.n_named);
        for (i, (pattern, ty)) in named.enumerate() {
            let is_whole = pattern.mask.iter().all(|mask| *mask == 0xff);
            let Some(top) = pattern.bytes.last().filter(|_| is_widened(ty) && is_whole) else {
                continue;
            };
            let is_negative = ty.as_scalar().is_some_and(Scalar::is_signed) && *top >= 0x80;
            let mut bytes = [if is_negative { 0xff } else { 0 }; 8];
            (bytes.iter_mut().zip(&pattern.bytes)).for_each(|(to, from)| *to = *from);
            let expected = i64::from_le_bytes(bytes);
            let got = written.widened(i).unwrap_or(0);
            if written.widened(i) != Some(expected) {
                return Err(format!(
                    "argument {i} in C: widened it is {got:#x}, expected {expected:#x}"
                ));
            }
        }
        Ok(())
    }
}

/// Checks the requirements of a call of ours besides arguments: al, and an argument area as aligned
/// as `abi` says.
pub(super) fn check_call(abi: &FnAbi, at_call: &Image) -> Result<(), String> {
    if let Some(reg) = abi.variadic_count {
        let al = at_call.general_register(reg);
        let al = al.ok_or_else(|| format!("{reg} was not read"))? & 0xff;
        let n = u64::from(abi.used.vector);
        if al != n {
            return Err(format!(
                "our caller makes a variadic call with {al} in al, expected {n}: arguments are in {n} of the vector registers"
            ));
        }
    }
    let area = at_call.area();
    let align = u64::from(abi.area_align);
    match area % align {
        0 => Ok(()),
        after => Err(format!(
            "our caller makes the call with the stack misaligned: arguments on the stack begin at {area:#x}, which is {after} after a multiple of {align}"
        )),
    }
}

/// Checks a return that Cranelift made, by the state that the thunk saw.
pub(super) fn check_return(plan: &CallCase, crossing: &Crossing) -> Result<(), String> {
    let [call, after] = crossing.images();
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
