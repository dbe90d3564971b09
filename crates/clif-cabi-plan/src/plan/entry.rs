//! The plan of a function's entry.

use cabi::{FnAbi, FnSig, Loc, Place, RetAbi, Target};
use smallvec::SmallVec;

use super::{Params, ResultPlan, check_args, own_type, stack_parts};
use crate::check::ClifPlace;
use crate::error::PlanError;
use crate::machine::Machine;
use crate::parts::{ClifPart, ClifParts, WORD, parts_of};
use crate::signature::{Param, Purpose, Signature};

/// Where an argument is when the function is entered.
#[derive(Clone, PartialEq, Debug)]
pub enum Arrival {
    /// Nothing of it is passed.
    Nothing,
    /// Its parts are the CLIF parameters from `first` on.
    Parts {
        /// The first parameter.
        first: usize,
        /// The parts.
        parts: ClifParts,
    },
    /// In the argument area. [`EntryPlan::area`] is the parameter that points to it.
    Area {
        /// Bytes from the start of the area.
        offset: u32,
        /// The parts it can be loaded in, if it is not too large.
        parts: Option<ClifParts>,
    },
    /// Lanes in the CLIF parameters from `first` on, then in slots of the argument area.
    Lanes {
        /// The first parameter.
        first: usize,
        /// How many lanes are in parameters.
        in_params: u16,
        /// How many there are.
        lanes: u16,
        /// Bytes from the start of the area to the first lane there.
        offset: u32,
        /// Bytes from one such lane to the next.
        slot: u32,
    },
}

/// What a function of a signature looks like from inside.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EntryPlan {
    /// The C signature, arrays and functions among its parameters as the pointers they decay to.
    pub sig: FnSig,
    /// Where everything is.
    pub abi: FnAbi,
    /// The CLIF signature to define the function with.
    pub signature: Signature,
    /// Where each argument is.
    pub args: SmallVec<[Arrival; 8]>,
    /// What becomes of the result.
    pub result: ResultPlan,
    /// The CLIF parameter that points to the argument area.
    pub area: Option<usize>,
}

impl EntryPlan {
    /// The plan of the entry of a function of `sig` on `target`.
    ///
    /// # Errors
    /// [`PlanError`] for what cannot be lowered; see its variants.
    pub fn new(sig: &FnSig, target: &Target) -> Result<Self, PlanError> {
        let abi = FnAbi::new(sig, target)?;
        let sig = sig.clone().decayed(target.data_model());
        let machine = Machine::of(target)?;
        check_args(machine, &sig, &abi, target)?;
        if sig.is_variadic() {
            let why = "the definition of a variadic function is not lowered yet";
            let what = cabi::Type::FUNCTION.to_string();
            return Err(PlanError::unsupported(what, why, target));
        }
        let result = ResultPlan::of(machine, &sig, &abi, target)?;
        let mut params = Params::new(machine, &abi);
        result.declare(&abi, &mut params.signature, &mut params.expect);
        // Stack arguments of their own types need no pointer to the area; the attempt is dropped if one of them has none.
        let own_types = own_types(machine, &sig, &abi);
        let mut args = SmallVec::new();
        for (param, arg) in sig.params().iter().zip(&abi.args) {
            args.push(registers(&param.ty, &arg.place, &abi, &mut params));
        }
        let area = match own_types {
            Some(own) => {
                stack_params(own, &mut params, &mut args);
                None
            }
            None => Some(stack_area(&abi, &mut params)),
        };
        if let RetAbi::Indirect { echo, .. } = abi.ret {
            params.expect.sret_echo = echo;
        }
        params.check()?;
        Ok(Self {
            sig,
            abi,
            signature: params.signature,
            args,
            result,
            area,
        })
    }
}

/// The stack arguments as parameters of their own types, with their offsets, if that describes the whole area.
fn own_types(
    machine: &Machine,
    sig: &FnSig,
    abi: &FnAbi,
) -> Option<SmallVec<[(usize, ClifPart, u32); 4]>> {
    let mut own = SmallVec::new();
    let mut next = 0;
    for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
        match arg.place {
            Place::Stack { offset, .. } => {
                let part = own_type(machine, &param.ty, abi)?;
                if offset != next {
                    return None; // a gap that no parameter fills
                }
                own.push((i, part, u32::try_from(offset).ok()?));
                next = offset + u64::from(part.ty.bytes().max(WORD.bytes()));
            }
            Place::PerElement { lanes, regs, .. } if usize::from(lanes) > regs.len() => {
                return None;
            }
            _ => {}
        }
    }
    // Slots at the end that nothing is in make it more.
    (next >= abi.area_bytes).then_some(own)
}

fn stack_params(
    own: SmallVec<[(usize, ClifPart, u32); 4]>,
    params: &mut Params,
    args: &mut SmallVec<[Arrival; 8]>,
) {
    for (i, part, offset) in own {
        let first = params.signature.params.len();
        params.push_part(&part, ClifPlace::Stack { offset });
        if let Some(arg) = args.get_mut(i) {
            let parts = ClifParts::from_slice(&[part]);
            *arg = Arrival::Parts { first, parts };
        }
    }
}

fn stack_area(abi: &FnAbi, params: &mut Params) -> usize {
    // Checked to be less than 2 GiB, and a multiple of 8, when it was assigned.
    let size = u32::try_from(abi.area_bytes).unwrap_or(!7);
    let first = params.signature.params.len();
    let param = Param::special(WORD, Purpose::StructArgument(size));
    params.push(param, Some(ClifPlace::Area { offset: 0, size }));
    first
}

/// Declares what of an argument is in registers.
fn registers(ty: &cabi::Type, place: &Place, abi: &FnAbi, params: &mut Params) -> Arrival {
    let first = params.signature.params.len();
    match place {
        Place::Parts(placed) => {
            let parts = parts_of(ty, place);
            for (part, placed) in parts.iter().zip(placed) {
                if let Loc::Reg(reg) = placed.loc {
                    params.push_part(part, ClifPlace::Reg(reg));
                }
            }
            Arrival::Parts { first, parts }
        }
        // Offsets were checked to be less than 2 GiB when they were assigned.
        Place::Stack { offset, size, .. } => Arrival::Area {
            offset: u32::try_from(*offset).unwrap_or(u32::MAX),
            parts: stack_parts(params.machine, ty, place, *size, abi),
        },
        Place::PerElement {
            lanes,
            regs,
            offset,
            slot,
        } => {
            for reg in *regs {
                params.push(Param::new(WORD), Some(ClifPlace::Reg(*reg)));
                params.n_int += 1;
            }
            Arrival::Lanes {
                first,
                in_params: u16::try_from(regs.len()).unwrap_or(u16::MAX),
                lanes: *lanes,
                offset: u32::try_from(*offset).unwrap_or(u32::MAX),
                slot: *slot,
            }
        }
        _ => Arrival::Nothing,
    }
}
