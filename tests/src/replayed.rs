//! A CLIF signature against an [`FnAbi`], through the model of Cranelift's counting and nothing else of the lowering: which registers are taken in which order, and that
//! the argument area is covered.

use std::ops::Range;

use cabi::{Bank, FnAbi, Loc, Place, PlacedPart, Reg, x86_64};
use clif_cabi::clif_cabi_plan::{ClifPlace, Machine};
use clif_cabi::cranelift_codegen::ir::Signature;
use clif_cabi::plan_signature;

/// Whether Cranelift's places for `signature` are those of `abi`.
pub fn check(signature: &Signature, abi: &FnAbi) -> Result<(), String> {
    let planned = plan_signature(signature).and_then(|own| Machine::X86_64.places(&own));
    let places = planned.map_err(|error| error.to_string())?;
    let taken = Taken::of(abi);
    let regs: Vec<Reg> = places.params.iter().map_while(reg).collect();
    // After them only registers that keep others from being used.
    if regs.get(..taken.regs.len()) != Some(&taken.regs[..]) {
        let expected = taken.regs;
        return Err(format!("parameters in {regs:?}, not in {expected:?}"));
    }
    let results = match &abi.ret.place {
        Place::Parts(parts) => registers(parts),
        _ => Vec::new(),
    };
    // The x87 stack is read by a stub.
    let x87 = results.contains(&x86_64::ST0) || results.contains(&x86_64::ST1);
    if !x87 && results[..] != places.results[..] {
        return Err(format!(
            "results in {:?}, not in {results:?}",
            places.results
        ));
    }
    let mut slots: Vec<Range<u64>> = Vec::new();
    for (place, param) in places.params.iter().zip(&signature.params) {
        match *place {
            ClifPlace::Stack { offset } => {
                let bytes = u64::from(param.value_type.bytes()).next_multiple_of(8);
                slots.push(u64::from(offset)..u64::from(offset) + bytes);
            }
            ClifPlace::Area { offset, size } => {
                slots.push(u64::from(offset)..u64::from(offset) + u64::from(size));
            }
            ClifPlace::Reg(_) => {}
        }
    }
    slots.sort_by_key(|slot| slot.start);
    match taken
        .slots
        .into_iter()
        .find(|bytes| !covered(bytes, &slots))
    {
        Some(bytes) => Err(format!(
            "bytes {bytes:?} of the area are in none of {slots:?}"
        )),
        None => Ok(()),
    }
}

fn reg(place: &ClifPlace) -> Option<Reg> {
    match place {
        ClifPlace::Reg(reg) => Some(*reg),
        _ => None,
    }
}

/// Whether `slots`, in order, have every byte of `bytes`.
fn covered(bytes: &Range<u64>, slots: &[Range<u64>]) -> bool {
    let mut at = bytes.start;
    for slot in slots {
        if slot.contains(&at) {
            at = slot.end;
        }
    }
    at >= bytes.end
}

fn registers(parts: &[PlacedPart]) -> Vec<Reg> {
    let reg = |placed: &PlacedPart| match placed.loc {
        Loc::Reg(reg) => Some(reg),
        _ => None,
    };
    parts.iter().filter_map(reg).collect()
}

/// The registers of the arguments in order, and their bytes of the argument area.
#[derive(Default)]
struct Taken {
    regs: Vec<Reg>,
    slots: Vec<Range<u64>>,
}

impl Taken {
    fn of(abi: &FnAbi) -> Self {
        let mut taken = Self::default();
        if let Place::Indirect { pointer, .. } = abi.ret.place {
            taken.loc(pointer, 8);
        }
        for arg in &abi.args {
            match &arg.place {
                Place::Parts(parts) => {
                    for placed in parts {
                        taken.loc(placed.loc, u64::from(placed.part.ty.bytes()));
                    }
                }
                Place::Stack { offset, size, .. } => taken.slots.push(*offset..*offset + *size),
                Place::Indirect { pointer, .. } => taken.loc(*pointer, 8),
                Place::PerElement {
                    lanes,
                    regs,
                    offset,
                    slot,
                } => {
                    taken.regs.extend(*regs);
                    let left = u64::from(*lanes).saturating_sub(regs.len() as u64);
                    taken.slots.push(*offset..*offset + left * u64::from(*slot));
                }
                _ => {}
            }
        }
        taken
    }

    fn loc(&mut self, loc: Loc, bytes: u64) {
        match loc {
            Loc::Reg(reg) => self.regs.push(reg),
            // CLIF passes the vector register; a stub copies it to the integer register of its position.
            Loc::Both(pair) => self
                .regs
                .extend(pair.iter().find(|reg| reg.bank() == Bank::Vector)),
            Loc::Stack(offset) => self.slots.push(offset..offset + bytes),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use cabi::{FnSig, Target, Type};
    use clif_cabi::cranelift_codegen::ir::{AbiParam, types};
    use clif_cabi::cranelift_codegen::isa::CallConv;

    use super::*;

    /// `long f(long, double, long x5, int)` with a last argument in memory, as a person would write it.
    #[test]
    fn a_parameter_that_is_elsewhere_is_noticed() {
        let params = [
            &[Type::I64, Type::F64][..],
            &vec![Type::I64; 5],
            &[Type::I32],
        ]
        .concat();
        let abi = FnAbi::new(&FnSig::new(params, Type::I64), &Target::X86_64_LINUX).unwrap();
        let mut signature = Signature::new(CallConv::SystemV);
        let clif = [
            &[types::I64, types::F64][..],
            &[types::I64; 5],
            &[types::I32],
        ]
        .concat();
        signature.params = clif.into_iter().map(AbiParam::new).collect();
        signature.returns.push(AbiParam::new(types::I64));
        assert_eq!(check(&signature, &abi), Ok(()));

        let mut swapped = signature.clone();
        swapped.params.swap(0, 1);
        let why = check(&swapped, &abi).unwrap_err();
        assert!(why.starts_with("parameters in [xmm0, rdi, "), "{why}");

        let mut short = signature.clone();
        short.params.pop();
        let why = check(&short, &abi).unwrap_err();
        assert_eq!(why, "bytes 0..4 of the area are in none of []");

        let mut float = signature;
        float.returns = vec![AbiParam::new(types::F64)];
        let why = check(&float, &abi).unwrap_err();
        assert_eq!(why, "results in [xmm0], not in [rax]");
    }
}
