//! The plan of a call.

use cabi::{FnAbi, FnSig, Loc, Place, Target};
use smallvec::SmallVec;

use super::{Params, ResultPlan, check_args, stack_parts};
use crate::check::ClifPlace;
use crate::error::PlanError;
use crate::machine::{Machine, Stub};
use crate::parts::{ClifPart, ClifParts, WORD, parts_of};
use crate::signature::{Param, Purpose, Signature};

/// A gap between stack arguments is filled word by word. The alignment of System V leaves 8 bytes at most.
const MAX_GAP_BYTES: u64 = 1024;

const WORD_BYTES: u64 = WORD.bytes() as u64;

const TOO_LARGE: &str = "the argument area is too large";

/// What goes into one parameter of the CLIF signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The address of the result.
    Sret,
    /// Part `part` of argument `arg`.
    Part {
        /// The argument.
        arg: usize,
        /// The part.
        part: usize,
    },
    /// A padding argument, any value: it only keeps an integer register from being used, or a word of the area empty.
    Padding,
    /// The address of argument `arg`, which Cranelift copies.
    Block {
        /// The argument.
        arg: usize,
    },
    /// Lane `lane` of argument `arg`, as an integer of 0 or 1.
    Lane {
        /// The argument.
        arg: usize,
        /// The lane.
        lane: u16,
    },
}

/// How the value of one argument gets into slots. Exhaustive on purpose, as the other words of a plan: an emitter that lacks a new one must not
/// compile.
#[derive(Clone, PartialEq, Debug)]
pub enum Passing {
    /// Nothing of it is passed.
    Nothing,
    /// Part by part.
    Parts(ClifParts),
    /// The first bytes are copied by Cranelift, the rest are parts.
    Block(ClifParts),
    /// Lane by lane.
    Lanes(u16),
}

/// What a call of a signature looks like in CLIF.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallPlan {
    /// The C signature, arrays and functions among its parameters as the pointers they decay to.
    pub sig: FnSig,
    /// Where everything is.
    pub abi: FnAbi,
    /// The CLIF signature that the callee is called with; a call of a variadic function also needs a stub.
    pub signature: Signature,
    /// What goes into each parameter of `signature`.
    pub slots: Vec<Slot>,
    /// How each argument is passed.
    pub args: SmallVec<[Passing; 8]>,
    /// What becomes of the result.
    pub result: ResultPlan,
    /// A variadic call through an address. `None` if the call is not variadic.
    pub indirect: Option<IndirectCall>,
}

/// How a variadic function is called through an address: by [`CallPlan::indirect_stub`], which finds the address in the last word.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct IndirectCall {
    /// The signature of the plan, then padding arguments, then the address.
    pub signature: Signature,
    /// How many padding arguments stand before the address.
    pub padding: usize,
}

impl CallPlan {
    /// The plan of a call of `sig` on `target`. A call of a variadic function has a plan of its own: [`FnSig::at_call`].
    ///
    /// # Errors
    /// [`PlanError`] for what cannot be lowered; see its variants.
    pub fn new(sig: &FnSig, target: &Target) -> Result<Self, PlanError> {
        let abi = FnAbi::new(sig, target)?;
        let sig = sig.clone().decayed(target.data_model());
        let machine = Machine::of(target)?;
        check_args(machine, &sig, &abi, target)?;
        let result = ResultPlan::of(machine, &sig, &abi, target)?;
        let mut params = Params::new(machine, &abi);
        result.declare(&abi, &mut params.signature, &mut params.expect);
        let mut slots: Vec<Slot> = params.signature.params.iter().map(|_| Slot::Sret).collect();
        let mut args = SmallVec::new();
        let mut stack = Vec::new();
        for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
            let passing = passing(machine, &param.ty, &arg.place, &abi);
            registers(i, &arg.place, &passing, &mut params, &mut slots);
            on_stack(i, &arg.place, &passing, &mut stack);
            args.push(passing);
        }
        if let Some(why) = area(stack, abi.area_bytes, &mut params, &mut slots) {
            let what = format!("the convention {}", abi.convention.name);
            return Err(PlanError::unsupported(what, why, target));
        }
        params.expect.area_bytes = abi.area_bytes;
        params.check()?;
        let signature = params.signature.clone();
        let indirect = match abi.variadic_count {
            Some(_) => Some(with_callee(params, &abi)?),
            None => None,
        };
        Ok(Self {
            sig,
            abi,
            signature,
            slots,
            args,
            result,
            indirect,
        })
    }

    /// The stub that a variadic call calls instead of the function `callee`, an id of the emitter's.
    #[must_use]
    pub fn direct_stub(&self, callee: u32) -> Option<Stub> {
        let n_sse = self.abi.n_sse;
        (self.indirect.is_some()).then_some(Stub::VariadicDirect { n_sse, callee })
    }

    /// The stub that a variadic call through an address calls, with the signature of [`CallPlan::indirect`].
    #[must_use]
    pub fn indirect_stub(&self) -> Option<Stub> {
        let n_sse = self.abi.n_sse;
        // `with_callee` has checked.
        let area = u32::try_from(self.abi.area_bytes).unwrap_or(u32::MAX);
        (self.indirect.is_some()).then_some(Stub::VariadicIndirect { n_sse, area })
    }
}

/// How a value at `place` gets into slots.
fn passing(machine: &Machine, ty: &cabi::Type, place: &Place, abi: &FnAbi) -> Passing {
    match place {
        Place::Ignore => Passing::Nothing,
        Place::PerElement { lanes, .. } => Passing::Lanes(*lanes),
        Place::Stack { size, .. } => {
            if let Some(parts) = stack_parts(machine, ty, place, *size, abi) {
                return Passing::Parts(parts);
            }
            let mut tail = ClifParts::new();
            let rest = u8::try_from(size % WORD_BYTES).unwrap_or(0);
            if rest > 0 {
                // A value of more than 2 GiB has no place.
                let offset = u32::try_from(size - u64::from(rest)).unwrap_or(u32::MAX);
                tail.push(ClifPart::word(offset, rest));
            }
            Passing::Block(tail)
        }
        _ => Passing::Parts(parts_of(ty, place)),
    }
}

/// Declares what of argument `arg` is in registers.
fn registers(
    arg: usize,
    place: &Place,
    passing: &Passing,
    params: &mut Params,
    slots: &mut Vec<Slot>,
) {
    match (place, passing) {
        (Place::Parts(placed), Passing::Parts(parts)) => {
            for (i, (part, placed)) in parts.iter().zip(placed).enumerate() {
                if let Loc::Reg(reg) = placed.loc {
                    params.push_part(part, ClifPlace::Reg(reg));
                    slots.push(Slot::Part { arg, part: i });
                }
            }
        }
        (Place::PerElement { regs, .. }, Passing::Lanes(_)) => {
            for (lane, reg) in (0..).zip(*regs) {
                params.push(Param::new(WORD), Some(ClifPlace::Reg(*reg)));
                params.n_int += 1;
                slots.push(Slot::Lane { arg, lane });
            }
        }
        _ => {}
    }
}

/// A word, block or scalar of the argument area.
struct OnStack {
    /// Bytes from the start of the area.
    offset: u64,
    slot: Slot,
    param: Param,
    bytes: u64,
}

/// Collects what of argument `arg` is in the argument area.
fn on_stack(arg: usize, place: &Place, passing: &Passing, stack: &mut Vec<OnStack>) {
    match (place, passing) {
        (Place::Stack { offset, .. }, Passing::Parts(parts)) => {
            for (i, part) in parts.iter().enumerate() {
                stack.push(part_on_stack(*offset, arg, i, part));
            }
        }
        (Place::Stack { offset, size, .. }, Passing::Block(tail)) => {
            let bytes = size - size % WORD_BYTES;
            // Checked to be less than 2 GiB when it was assigned.
            let purpose = Purpose::StructArgument(u32::try_from(bytes).unwrap_or(u32::MAX));
            stack.push(OnStack {
                offset: *offset,
                slot: Slot::Block { arg },
                param: Param::special(WORD, purpose),
                bytes,
            });
            for (i, part) in tail.iter().enumerate() {
                stack.push(part_on_stack(*offset, arg, i, part));
            }
        }
        (
            Place::PerElement {
                lanes,
                regs,
                offset,
                slot,
            },
            Passing::Lanes(_),
        ) => {
            let first = u16::try_from(regs.len()).unwrap_or(u16::MAX);
            for (i, lane) in (0_u64..).zip(first..*lanes) {
                stack.push(OnStack {
                    offset: offset + i * u64::from(*slot),
                    slot: Slot::Lane { arg, lane },
                    param: Param::new(WORD),
                    bytes: WORD_BYTES,
                });
            }
        }
        _ => {}
    }
}

fn part_on_stack(area_offset: u64, arg: usize, i: usize, part: &ClifPart) -> OnStack {
    OnStack {
        offset: area_offset + u64::from(part.offset),
        slot: Slot::Part { arg, part: i },
        param: part.param(),
        bytes: u64::from(part.ty.bytes()).max(WORD_BYTES),
    }
}

/// Declares the argument area of `area_bytes` in the order of its offsets, with padding arguments for the registers before it, for the gaps in it
/// and for slots at its end that nothing is in. What it returns is why that cannot be done.
fn area(
    stack: Vec<OnStack>,
    area_bytes: u64,
    params: &mut Params,
    slots: &mut Vec<Slot>,
) -> Option<&'static str> {
    if area_bytes == 0 {
        return None;
    }
    let end = stack.last().map_or(0, |item| item.offset + item.bytes);
    // Only words find registers that are free: floats and vectors have their own type where theirs are used up, blocks never take one.
    if stack.iter().any(is_word) || has_gaps(&stack) || end + WORD_BYTES <= area_bytes {
        params.pad_registers();
    }
    slots.resize(params.signature.params.len(), Slot::Padding);
    let mut next = 0;
    for item in stack {
        if item.offset.saturating_sub(next) > MAX_GAP_BYTES {
            return Some("wide gaps in the argument area are not lowered");
        }
        while next + WORD_BYTES <= item.offset {
            params.push(Param::new(WORD), None);
            slots.push(Slot::Padding);
            next += WORD_BYTES;
        }
        let Ok(offset) = u32::try_from(item.offset) else {
            return Some(TOO_LARGE);
        };
        let place = match item.param.purpose {
            Purpose::StructArgument(size) => ClifPlace::Area { offset, size },
            _ => ClifPlace::Stack { offset },
        };
        params.push(item.param, Some(place));
        slots.push(item.slot);
        next = item.offset + item.bytes;
    }
    if area_bytes.saturating_sub(next) > MAX_GAP_BYTES {
        return Some("wide gaps in the argument area are not lowered");
    }
    while next + WORD_BYTES <= area_bytes {
        params.push(Param::new(WORD), None);
        slots.push(Slot::Padding);
        next += WORD_BYTES;
    }
    None
}

fn is_word(item: &OnStack) -> bool {
    item.param.purpose == Purpose::Normal && item.param.ty.is_int()
}

fn has_gaps(stack: &[OnStack]) -> bool {
    let mut next = 0;
    stack.iter().any(|item| {
        let gap = next + WORD_BYTES <= item.offset;
        next = item.offset + item.bytes;
        gap
    })
}

/// The signature with the callee's address as the first word after the argument area.
fn with_callee(mut params: Params, abi: &FnAbi) -> Result<IndirectCall, PlanError> {
    let before = params.signature.params.len();
    params.pad_registers();
    let padding = params.signature.params.len() - before;
    let too_large = |_| PlanError::Stub { why: TOO_LARGE };
    let offset = u32::try_from(abi.area_bytes).map_err(too_large)?;
    params.push(Param::new(WORD), Some(ClifPlace::Stack { offset }));
    params.check()?;
    Ok(IndirectCall {
        signature: params.signature,
        padding,
    })
}
