//! Relocations: which ones cranelift-jit can apply on this host, and to which addresses.

use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::module::{ModuleReloc, ModuleRelocTarget};

use crate::arena::MAX_SIZE;
use crate::error::{Error, Result};
use crate::host::machine;

/// Checks what can be known when the `size` bytes of `name` are defined. These are the kind and the
/// place of `reloc`, and the relocation before it. The target must be one that an engine can have
/// an address for.
pub(crate) fn check_kind(
    name: &str,
    size: usize,
    before: Option<&ModuleReloc>,
    reloc: &ModuleReloc,
) -> Result<()> {
    let (width, refusal) = match reloc.kind {
        Reloc::Abs8 => (Some(8), None),
        Reloc::Abs4 => (Some(4), None),
        kind => (
            machine::reloc_bytes(kind),
            machine::reloc_refusal(before, reloc, size),
        ),
    };
    let Some(width) = width else {
        let why = format!(
            "{:?} is not supported in JIT code: use Abs8, which reaches every address",
            reloc.kind
        );
        return Err(refused(name, reloc, why));
    };
    if let Some(why) = refusal {
        return Err(refused(name, reloc, why.to_owned()));
    }
    let end = usize::try_from(reloc.offset).ok();
    let end = end.and_then(|offset| offset.checked_add(width));
    if end.is_none_or(|end| end > size) {
        let why = format!("its {width} bytes do not lie within the {size} bytes");
        return Err(refused(name, reloc, why));
    }
    if let ModuleRelocTarget::KnownSymbol(symbol) = reloc.name {
        let why = format!("there is no {symbol} in JIT code");
        return Err(refused(name, reloc, why));
    }
    Ok(())
}

/// Checks that the value fits, given the addresses of the first byte of `name` and of the target.
/// Before Cranelift 0.134 they are not known. Only relocations that fit wherever the two lie in one
/// arena are accepted then; `is_own` says whether the target lies there.
pub(crate) fn check_range(
    name: &str,
    addresses: Option<(*const u8, *const u8)>,
    is_own: bool,
    reloc: &ModuleReloc,
) -> Result<()> {
    let Some((place, target)) = addresses else {
        let is_near = usize::try_from(reloc.addend.unsigned_abs()).is_ok_and(|by| by < MAX_SIZE);
        if is_near && (reloc.kind == Reloc::Abs8 || is_own && reloc.kind != Reloc::Abs4) {
            return Ok(());
        }
        let why = "before Cranelift 0.134 only Abs8 is known to reach its target".to_owned();
        return Err(refused(name, reloc, why));
    };
    // No sum of three 64-bit values overflows here.
    let number = |address: *const u8| i128::from(address.addr() as u64);
    let value = number(target) + i128::from(reloc.addend);
    let place = number(place) + i128::from(reloc.offset);
    let reaches = match reloc.kind {
        Reloc::Abs8 => true,
        Reloc::Abs4 => u32::try_from(value).is_ok(),
        kind => machine::reloc_reaches(kind, place, value),
    };
    if !reaches || u64::try_from(value).is_err() {
        let why = format!(
            "{:?} does not reach {target:p} with addend {}",
            reloc.kind, reloc.addend
        );
        return Err(refused(name, reloc, why));
    }
    Ok(())
}

fn refused(name: &str, reloc: &ModuleReloc, why: String) -> Error {
    Error::Relocation {
        name: name.to_owned(),
        offset: reloc.offset,
        why,
    }
}
