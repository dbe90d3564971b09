//! From an [`FnAbi`] to a CLIF signature and what goes into each of its parameters.
//!
//! Cranelift counts the integer and the vector class separately and gives nothing back, so any placement can be spelled out:
//!
//! ```text
//! call:  sret, the parts in registers in order, padding arguments up to the last integer register if there is a stack, then the argument
//!        area word by word
//! entry: sret, the parts in registers in order, then the whole argument area as one `sarg`
//! ```
//!
//! Stack arguments that are scalars keep their own type where their class is exhausted anyway: then nothing differs from what a person would
//! write. The check has the last word: a plan that Cranelift would place differently is an error.

mod call;
mod entry;

pub use call::{CallPlan, IndirectCall, Passing, Slot};
pub use entry::{Arrival, EntryPlan};

use cabi::{FnAbi, FnSig, Loc, Place, RetAbi, Scalar, Target};

use crate::check::{ClifPlace, Expect};
use crate::error::PlanError;
use crate::machine::{Machine, ResultIn, Stub};
use crate::parts::{ClifPart, ClifParts, WORD, objection, parts_of, placed_parts, value_type};
use crate::signature::{Extension, Param, Purpose, Signature, ValueType};

/// What becomes of a result.
#[derive(Clone, PartialEq, Debug)]
pub enum ResultPlan {
    /// There is none, or nothing of it is returned.
    Nothing,
    /// The call does not come back.
    Never,
    /// The results of the CLIF signature are these parts, in this order.
    Parts(ClifParts),
    /// The CLIF signature has no results: stubs move the result to and from memory, where it has these parts. The caller calls `pop` right after
    /// the call, whether anybody wants the result or not; the callee `push` right before it returns.
    Stub {
        /// `fn(to)`
        pop: Stub,
        /// `fn(from)`
        push: Stub,
        /// The parts.
        parts: ClifParts,
        /// Bytes of an object that they are in; it is aligned to 16.
        bytes: u32,
    },
    /// Through the hidden pointer, the first parameter.
    Sret,
}

impl ResultPlan {
    fn of(machine: &Machine, sig: &FnSig, abi: &FnAbi, target: &Target) -> Result<Self, PlanError> {
        let refuse = |why| {
            let what = format!("result, {}", sig.result());
            Err(PlanError::unsupported(what, why, target))
        };
        let parts = match &abi.ret {
            RetAbi::Void | RetAbi::Ignore => return Ok(Self::Nothing),
            RetAbi::NoReturn => return Ok(Self::Never),
            RetAbi::Indirect {
                pointer: Loc::Reg(_),
                ..
            } => return Ok(Self::Sret),
            RetAbi::Parts(parts) => parts,
            _ => return refuse("this kind of result is not lowered"),
        };
        if let Some(why) = parts.iter().find_map(objection) {
            return refuse(why);
        }
        match (machine.result)(parts) {
            Err(why) => refuse(why),
            Ok(ResultIn::Stub {
                pop,
                push,
                parts,
                bytes,
            }) => Ok(Self::Stub {
                pop,
                push,
                parts,
                bytes,
            }),
            Ok(ResultIn::Registers) => Ok(Self::Parts(placed_parts(sig.result(), parts))),
        }
    }

    /// The parts of the result, where it has some.
    #[must_use]
    pub fn parts(&self) -> &[ClifPart] {
        match self {
            Self::Parts(parts) | Self::Stub { parts, .. } => parts,
            _ => &[],
        }
    }

    /// Appends the results to `signature`, and says where each must be.
    fn declare(&self, abi: &FnAbi, signature: &mut Signature, expect: &mut Expect) {
        let (Self::Parts(parts), RetAbi::Parts(placed)) = (self, &abi.ret) else {
            return;
        };
        for (part, placed) in parts.iter().zip(placed) {
            signature.returns.push(part.param());
            if let Loc::Reg(reg) = placed.loc {
                expect.results.push(reg);
            }
        }
    }
}

/// The parameters of a CLIF signature while they are collected.
struct Params {
    machine: &'static Machine,
    signature: Signature,
    expect: Expect,
    /// Integer registers in use so far.
    n_int: usize,
}

impl Params {
    fn new(machine: &'static Machine, abi: &FnAbi) -> Self {
        let mut params = Self {
            machine,
            signature: Signature::new(machine.call_conv),
            expect: Expect::default(),
            n_int: 0,
        };
        if let RetAbi::Indirect {
            pointer: Loc::Reg(reg),
            ..
        } = abi.ret
        {
            let sret = Param::special(WORD, Purpose::StructReturn);
            params.push(sret, Some(ClifPlace::Reg(reg)));
            params.n_int += 1;
        }
        params
    }

    /// Padding arguments for the integer registers that are left, so that every further word is on the stack.
    fn pad_registers(&mut self) {
        while self.n_int < self.machine.int_params.len() {
            self.push(Param::new(WORD), None);
            self.n_int += 1;
        }
    }

    fn push(&mut self, param: Param, place: Option<ClifPlace>) {
        self.signature.params.push(param);
        self.expect.params.push(place);
    }

    fn push_part(&mut self, part: &ClifPart, place: ClifPlace) {
        self.push(part.param(), Some(place));
        if part.ty.is_int() && matches!(place, ClifPlace::Reg(_)) {
            self.n_int += 1;
        }
    }

    fn check(&self) -> Result<(), PlanError> {
        self.expect.check(self.machine, &self.signature)
    }
}

/// Objects in memory up to this many bytes are passed as words; larger ones are copied by Cranelift (`sarg`).
const MAX_WORDS_BYTES: u64 = 64;

/// The parts of a stack argument of `size` bytes, the same for caller and callee: its own type or its words. `None` for a large one, which
/// is in memory only.
fn stack_parts(
    machine: &Machine,
    ty: &cabi::Type,
    place: &Place,
    size: u64,
    abi: &FnAbi,
) -> Option<ClifParts> {
    if let Some(own) = own_type(machine, ty, abi) {
        return Some(ClifParts::from_slice(&[own]));
    }
    (size <= MAX_WORDS_BYTES).then(|| parts_of(ty, place))
}

/// A stack argument as a CLIF parameter of its own type, if it can be one: a scalar or 16-byte vector whose class is exhausted before it.
fn own_type(machine: &Machine, ty: &cabi::Type, abi: &FnAbi) -> Option<ClifPart> {
    let value = value_type(ty)?;
    let int = value.is_int();
    let exhausted = if int {
        usize::from(abi.n_gp) >= machine.int_params.len()
    } else {
        usize::from(abi.n_sse) >= machine.vector_params.len()
    };
    if !exhausted || value == ValueType::I128 || ty.as_record().is_some() {
        return None;
    }
    let signed = ty.as_scalar().is_some_and(Scalar::is_signed);
    let extension = match value {
        ValueType::I8 | ValueType::I16 if signed => Extension::Sign,
        ValueType::I8 | ValueType::I16 => Extension::Zero,
        _ => Extension::None,
    };
    // At most 16.
    let size = u8::try_from(value.bytes()).unwrap_or(16);
    Some(ClifPart {
        offset: 0,
        size,
        ty: value,
        extension,
    })
}

/// Refuses what no plan can be made for.
fn check_args(
    machine: &Machine,
    sig: &FnSig,
    abi: &FnAbi,
    target: &Target,
) -> Result<(), PlanError> {
    if abi.area_align > machine.stack_align {
        let over_aligned = sig.params().iter().zip(&abi.args).enumerate().find(
            |(_, (_, arg))| matches!(arg.place, Place::Stack { align, .. } if align > machine.stack_align),
        );
        let what = over_aligned.map_or_else(
            || "the stack".to_string(),
            |(i, (param, _))| format!("argument {i}, {}", param.ty),
        );
        let why = "arguments aligned to more than 16 bytes are not lowered yet";
        return Err(PlanError::unsupported(what, why, target));
    }
    if let Some(why) = (machine.convention_objection)(abi.convention) {
        let what = format!("the convention {}", abi.convention.name);
        return Err(PlanError::unsupported(what, why, target));
    }
    for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
        let nest = param.flags.has(cabi::ArgFlags::NEST);
        let why = if nest && arg.place != Place::Ignore {
            Some("a static chain is not lowered yet")
        } else {
            place_objection(&arg.place, abi.area_bytes)
        };
        if let Some(why) = why {
            let what = format!("argument {i}, {}", param.ty);
            return Err(PlanError::unsupported(what, why, target));
        }
    }
    Ok(())
}

/// Why a value at `place` cannot be lowered, if so. Places may come from a rule of the user's.
fn place_objection(place: &Place, area_bytes: u64) -> Option<&'static str> {
    let ends_inside = |offset: u64, bytes: u64| {
        let end = offset.checked_add(bytes);
        end.is_some_and(|end| end <= area_bytes)
    };
    match place {
        Place::Ignore => None,
        Place::Parts(parts) => parts.iter().find_map(objection),
        Place::Stack { offset, size, .. } if ends_inside(*offset, *size) => None,
        Place::Stack { .. } => Some("a place outside the argument area"),
        Place::PerElement {
            lanes,
            regs,
            offset,
            slot,
        } => match usize::from(*lanes).checked_sub(regs.len()) {
            None => Some("more registers than lanes"),
            Some(0) => None,
            Some(_) if *slot != WORD.bytes() => {
                Some("lanes in slots of other than 8 bytes are not lowered")
            }
            Some(left) if ends_inside(*offset, u64::from(*slot) * left as u64) => None,
            Some(_) => Some("a place outside the argument area"),
        },
        Place::Indirect { .. } => Some("arguments by reference to a copy are not lowered yet"),
        _ => Some("this kind of place is not lowered"),
    }
}
