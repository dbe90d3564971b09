//! Where Cranelift puts each parameter and result of a CLIF signature: the model of `clif-cabi-plan` ([`Machine::places`]) for signatures in this
//! Cranelift's types.
//!
//! The model refuses more than Cranelift does: whatever Cranelift panics on, places differently from every C compiler
//! (`i128`), or passes in a way the signature does not spell out (a hidden copy). `Winch` is left out: no function
//! that we make has it. `tests/replay.rs` compares the model with compiled code.

use std::fmt;

use crate::cranelift::codegen::ir::{AbiParam, ArgumentPurpose, Signature, Type};
use crate::cranelift::codegen::isa::CallConv;
use clif_cabi_plan::{Param, Params, Purpose};

use crate::clif_types::{plan_call_conv, plan_extension, plan_type};

pub use clif_cabi_plan::{
    CheckError, ClifPlace, MAX_STACK_BYTES, Machine, Places as Replayed, Position,
};

/// A type's name. Cranelift's own formatting panics on a type that is none, such as `INVALID`.
struct Name(Type);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ty = self.0;
        if ty.is_int() || ty.is_float() || ty.is_vector() {
            write!(f, "{ty}")
        } else {
            write!(f, "{ty:?}")
        }
    }
}

/// The places that Cranelift's back end for `machine` gives to the parameters and results of `sig`.
///
/// # Errors
///
/// [`CheckError`] for every signature that our lowering must not make; see its variants.
///
/// # Example
///
/// ```
/// use cabi::{Reg, x86_64};
/// use clif_cabi::replay::{CheckError, ClifPlace, Machine, replay};
/// use cranelift_codegen::ir::{AbiParam, Signature, types};
/// use cranelift_codegen::isa::CallConv;
///
/// let mut sig = Signature::new(CallConv::SystemV);
/// sig.params = [types::F64, types::I64].map(AbiParam::new).to_vec();
/// sig.returns = [types::I64, types::F64].map(AbiParam::new).to_vec();
/// let places = replay(&sig, Machine::X86_64)?;
/// assert_eq!(places.params[..], [ClifPlace::Reg(x86_64::XMM0), ClifPlace::Reg(x86_64::RDI)]);
/// assert_eq!(places.results[..], [x86_64::RAX, x86_64::XMM0]);
///
/// sig.params.push(AbiParam::new(types::I128));
/// let refusal = replay(&sig, Machine::X86_64).unwrap_err();
/// assert_eq!(
///     refusal.to_string(),
///     "parameter 2: Cranelift does not place an `i128` as C does; split it into two `i64`",
/// );
/// # Ok::<(), CheckError>(())
/// ```
pub fn replay(sig: &Signature, machine: &Machine) -> Result<Replayed, CheckError> {
    machine.places(&plan_signature(sig)?)
}

/// `sig` in the plan's words, if it has them.
pub(crate) fn plan_signature(sig: &Signature) -> Result<clif_cabi_plan::Signature, CheckError> {
    let call_conv = plan_call_conv(sig.call_conv).ok_or_else(|| {
        let own = sig.call_conv;
        CheckError::Foreign(format!("`{own}` is not a convention that is lowered"))
    })?;
    let words = |params: &[AbiParam], at: fn(usize) -> Position| -> Result<Params, CheckError> {
        let word = |(i, param)| word(at(i), param, sig.call_conv);
        params.iter().enumerate().map(word).collect()
    };
    Ok(clif_cabi_plan::Signature {
        returns: words(&sig.returns, Position::Result)?,
        params: words(&sig.params, Position::Param)?,
        call_conv,
    })
}

fn word(at: Position, param: &AbiParam, call_conv: CallConv) -> Result<Param, CheckError> {
    let AbiParam {
        value_type: ty,
        purpose,
        extension,
    } = *param;
    let purpose = match purpose {
        ArgumentPurpose::Normal => Purpose::Normal,
        ArgumentPurpose::StructReturn => Purpose::StructReturn,
        ArgumentPurpose::StructArgument(size) => Purpose::StructArgument(size),
        ArgumentPurpose::VMContext => {
            return Err(CheckError::Foreign(format!(
                "{at}: `{purpose}` has no place here in a C signature under `{call_conv}`"
            )));
        }
    };
    let ty = plan_type(ty).ok_or_else(|| {
        let ty = Name(ty);
        CheckError::Foreign(format!(
            "{at}: `{ty}` is not passed in one register under `{call_conv}`"
        ))
    })?;
    Ok(Param {
        extension: plan_extension(extension),
        ..Param::special(ty, purpose)
    })
}
