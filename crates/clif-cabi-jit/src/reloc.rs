//! Relocations that cranelift-jit can apply to x86-64 code; on any other it panics, or writes beyond the code.

use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::module::{ModuleReloc, ModuleRelocTarget};

use crate::error::{Error, Result};

/// Checks what can be known when the `size` bytes of `name` are defined: kind, place, and that the target is something
/// an engine can have an address for.
pub(crate) fn check_kind(name: &str, size: usize, reloc: &ModuleReloc) -> Result<()> {
    let width = match reloc.kind {
        Reloc::Abs8 => 8,
        Reloc::Abs4 | Reloc::X86PCRel4 | Reloc::X86CallPCRel4 => 4,
        other => {
            let why = format!("{other:?} has no meaning in JIT code (Abs8 reaches everything)");
            return Err(refused(name, reloc, why));
        }
    };
    let end = usize::try_from(reloc.offset).ok();
    let end = end.and_then(|offset| offset.checked_add(width));
    if end.is_none_or(|end| end > size) {
        let why = format!("its {width} bytes do not lie within the {size} bytes");
        return Err(refused(name, reloc, why));
    }
    match reloc.name {
        ModuleRelocTarget::KnownSymbol(symbol) => {
            let why = format!("there is no {symbol} in JIT code");
            Err(refused(name, reloc, why))
        }
        _ => Ok(()),
    }
}

/// Checks that the value fits: `place` is the address of the first byte of `name`, `target` that of the target.
pub(crate) fn check_range(
    name: &str,
    place: *const u8,
    target: *const u8,
    reloc: &ModuleReloc,
) -> Result<()> {
    // No sum of three 64-bit values overflows here.
    let number = |address: *const u8| i128::try_from(address.addr()).unwrap_or(i128::MAX);
    let value = number(target) + i128::from(reloc.addend);
    let relative = value - number(place) - i128::from(reloc.offset);
    let fits = match reloc.kind {
        Reloc::Abs8 => u64::try_from(value).is_ok(),
        Reloc::Abs4 => u32::try_from(value).is_ok(),
        _ => u64::try_from(value).is_ok() && i32::try_from(relative).is_ok(),
    };
    if !fits {
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
