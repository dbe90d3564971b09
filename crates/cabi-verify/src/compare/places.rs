//! Places as facts name them, and the registers behind them.

use cabi::{Bank, FnAbi, Loc, Place, PlacedPart, Reg};

use crate::facts::Spot;

pub(super) fn listed(spots: impl Iterator<Item = Spot>) -> String {
    let spots: Vec<String> = spots.map(|spot| spot.to_string()).collect();
    spots.join(" and ")
}

pub(super) fn stack(offset: u64) -> Spot {
    Spot {
        base: "sp".to_owned(),
        byte: offset,
    }
}

pub(super) fn behind(pointer: &Loc) -> Result<String, String> {
    match pointer {
        Loc::Reg(reg) | Loc::Both([reg, _]) => Ok(format!("[{reg}]")),
        Loc::Stack(offset) => Ok(format!("[{}]", stack(*offset))),
        other => Err(format!("{other} is not compared")),
    }
}

/// Checks whether values of 32 bits are in the lower half of `reg`, and the upper half is
/// unspecified: on AArch64.
pub(super) fn is_of_64_bits_by_halves(reg: Reg) -> bool {
    reg.name().starts_with('x') && reg.bank() == Bank::Int
}

/// Bytes of an integer register.
pub(super) fn register_bytes(_reg: Reg, abi: &FnAbi) -> usize {
    usize::try_from(abi.convention.frame.slot).unwrap_or(8)
}

/// Returns the number of x87 registers that the arguments of a call are in.
pub(crate) fn n_x87(abi: &FnAbi) -> u64 {
    abi.args.iter().map(|arg| n_x87_at(&arg.place)).sum()
}

/// Returns the number of x87 registers that a value at `place` is in.
pub(crate) fn n_x87_at(place: &Place) -> u64 {
    let in_x87 =
        |placed: &&PlacedPart| matches!(placed.loc, Loc::Reg(reg) if reg.bank() == Bank::X87);
    match place {
        Place::Parts(parts) => parts.iter().filter(in_x87).count() as u64,
        _ => 0,
    }
}
