//! Vectors of 32 and 64 bytes in registers: passing one takes instructions that not every machine
//! has.
//!
//! Only stubs contain such instructions, and the vector level of a signature alone decides whether
//! there is such a stub. Calls that this machine would end by SIGILL are refused. Signatures of
//! invokers and closures are refused by the type that is passed so. A front end's code is refused
//! before it becomes executable. Its stubs are known by their names, or by the names of the
//! functions that they enter.

use core::fmt;

use clif_cabi::MoveWidth;
use clif_cabi::cabi::convention::{Loc, Place};
use clif_cabi::cabi::{FnAbi, FnSig, PartType};

use crate::error::{Result, unsupported_host};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::host::machine::missing_registers;

/// Returns the name of the registers that this machine lacks: no convention of C's that is lowered
/// for it passes vectors in registers.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn missing_registers(_: u32) -> Option<&'static str> {
    Some("vectors")
}

/// Refuses functions of `sig`, which has the places `abi`, if this machine cannot move a vector of
/// theirs.
pub(crate) fn check_signature(sig: &FnSig, abi: &FnAbi) -> Result<()> {
    for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
        check_place(
            format_args!("argument {i}, {}, is passed", param.ty),
            &arg.place,
        )?;
    }
    let result = format_args!("the result, {}, is returned", sig.result());
    check_place(result, &abi.ret.place)
}

fn check_place(subject: fmt::Arguments<'_>, place: &Place) -> Result<()> {
    let Place::Parts(parts) = place else {
        return Ok(());
    };
    for placed in parts {
        match (placed.loc, placed.part.ty) {
            (Loc::Reg(_), PartType::V256) => check_width(subject, MoveWidth::V256)?,
            (Loc::Reg(_), PartType::V512) => check_width(subject, MoveWidth::V512)?,
            _ => {}
        }
    }
    Ok(())
}

/// Refuses a stub that moves vectors of this width, and that the function `user` needs, if this
/// machine cannot run it.
pub(crate) fn check_stub(width: MoveWidth, user: Option<&str>) -> Result<()> {
    let bytes = width.bytes();
    let by = user.map_or_else(String::new, |user| format!(" by {user}"));
    let subject = format_args!("a vector of {bytes} bytes is passed or returned{by}");
    check_width(subject, width)
}

fn check_width(what: fmt::Arguments<'_>, width: MoveWidth) -> Result<()> {
    let Some(registers) = missing_registers(width.bytes()) else {
        return Ok(());
    };
    let why = format!("{what} in registers of {registers}, which this machine does not have");
    Err(unsupported_host(&why))
}
