//! Cranelift's places of the parameters and results of a CLIF signature: the argument walk
//! (`compute_arg_locs` of each back end) over the tables of a machine. Every planned signature is
//! checked against it; `clif-cabi/tests/replay.rs` compares it with compiled code by random CLIF
//! signatures, on x86-64 and AArch64.

use cabi::Reg;
use smallvec::SmallVec;

use super::convention::{ClifConvention, Sret};
use super::registers::{PerClass, RegClass};
use crate::error::PlanError;
use crate::parts::WORD;
use crate::signature::{ClifParam, ClifPlace, Extension, Places, Purpose, Signature, ValueType};

/// Returns the places of `sig`, if its convention is one of `conventions`.
pub(super) fn places(
    conventions: &[&'static ClifConvention],
    sig: &Signature,
) -> Result<Places, PlanError> {
    let call_conv = sig.call_conv;
    let mut conventions = conventions.iter();
    let convention = conventions.find(|own| own.call_conv == call_conv);
    let convention = convention.ok_or_else(|| {
        let why = format!("the convention `{call_conv}` is not lowered on this machine");
        PlanError::Check(why)
    })?;
    let sret = checked_sret(convention, sig)?;

    let mut count = Walk::of(convention);
    let mut results = SmallVec::new();
    for (index, result) in sig.returns.iter().enumerate() {
        let at = ("result", index);
        if result.purpose != Purpose::Normal {
            return Err(convention.misplaced(at, result));
        }
        results.push(count.result(at, result)?);
    }
    let sret_returned_in = match (sret, convention.sret) {
        (None, _) | (_, Sret::Refused) => None,
        (Some(_), Sret::Own(reg)) => Some(reg),
        (Some((index, param)), Sret::FirstInt) => Some(count.result(("parameter", index), param)?),
    };

    let mut count = Walk::of(convention);
    let mut params = SmallVec::with_capacity(sig.params.len());
    for (index, param) in sig.params.iter().enumerate() {
        params.push(count.param(("parameter", index), param)?);
    }
    // No larger than MAX_STACK_BYTES, itself a multiple of it: `Walk::stack` has checked.
    let stack_bytes = count.next_offset.next_multiple_of(convention.stack_align);
    Ok(Places {
        params,
        results,
        sret_returned_in,
        stack_bytes,
    })
}

/// Returns the `sret` parameter of `sig`, if it has one.
fn checked_sret<'a>(
    convention: &ClifConvention,
    sig: &'a Signature,
) -> Result<Option<(usize, &'a ClifParam)>, PlanError> {
    let mut srets =
        (sig.params.iter().enumerate()).filter(|(_, param)| param.purpose == Purpose::StructReturn);
    let sret = srets.next();
    let misplaced = match convention.sret {
        Sret::Refused => sret,
        _ => srets.next(),
    };
    if let Some((index, param)) = misplaced {
        return Err(convention.misplaced(("parameter", index), param));
    }
    if sret.is_some() && !sig.returns.is_empty() {
        let results = sig.returns.len();
        let why = format!("a signature with `sret` cannot have results, this one has {results}");
        return Err(PlanError::Check(why));
    }
    Ok(sret)
}

impl ClifConvention {
    fn misplaced(&self, at: (&str, usize), param: &ClifParam) -> PlanError {
        let (purpose, of) = (param.purpose, self.call_conv);
        refused(
            at,
            format!("a C signature cannot have `{purpose}` here under `{of}`"),
        )
    }

    /// Returns the register class of a value of type `ty`, if it can be a parameter or a result.
    fn class(
        &self,
        at: (&str, usize),
        (ty, is_param): (ValueType, bool),
    ) -> Result<RegClass, PlanError> {
        let is_refused = ty == ValueType::I128
            || self.instead.iter().any(|(own, _)| *own == ty)
            || self.positional && is_param && ty.bytes() > WORD.bytes();
        if is_refused {
            let why = match ty {
                ValueType::I128 => {
                    "Cranelift does not place an `i128` as C does; split it into two `i64`".into()
                }
                _ => format!(
                    "`{ty}` is not passed in one register under `{}`",
                    self.call_conv
                ),
            };
            return Err(refused(at, why));
        }
        Ok(RegClass::of(ty))
    }
}

struct Walk {
    convention: &'static ClifConvention,
    n_used: PerClass<usize>,
    /// Number of parameters that are not `sarg`.
    n_params: usize,
    next_offset: u32,
}

impl Walk {
    fn of(convention: &'static ClifConvention) -> Self {
        Self {
            convention,
            n_used: PerClass::default(),
            n_params: 0,
            next_offset: convention.shadow_bytes,
        }
    }

    fn param(&mut self, at: (&str, usize), param: &ClifParam) -> Result<ClifPlace, PlanError> {
        let convention = self.convention;
        let ClifParam { ty, purpose, .. } = *param;
        match purpose {
            Purpose::Normal => {}
            Purpose::StructReturn | Purpose::StructArgument(_) if ty != ValueType::I64 => {
                let why = format!("`{purpose}` is an address and must be `i64`, not `{ty}`");
                return Err(refused(at, why));
            }
            Purpose::StructReturn => {
                if let Sret::Own(reg) = convention.sret {
                    return Ok(ClifPlace::Reg(reg));
                }
            }
            Purpose::StructArgument(size) if convention.has_sarg => {
                // A block takes no register, and does not count as a position either.
                return self.area(at, size);
            }
            Purpose::StructArgument(_) => return Err(convention.misplaced(at, param)),
        }
        check_extension(at, param)?;
        let class = convention.class(at, (ty, true))?;
        let index = if convention.positional {
            self.n_params
        } else {
            *self.n_used.of(class)
        };
        self.n_params += 1;
        match convention.params.of(class).get(index) {
            Some(&register) => {
                *self.n_used.of_mut(class) += 1;
                Ok(ClifPlace::Reg(register))
            }
            // The value would be extended over the bytes after its slot, which is narrower than a
            // register.
            None if param.extension != Extension::None && convention.least_slot < WORD.bytes() => {
                Err(not_extended(at, ty))
            }
            None => {
                let (bytes, before) = convention.slot(ty);
                let start = self.stack(at, (bytes, bytes.min(convention.most_slot_align)))?;
                // An extended value fills its slot.
                let is_whole = param.extension != Extension::None;
                let offset = if is_whole { start } else { start + before };
                Ok(ClifPlace::Stack { offset })
            }
        }
    }

    fn area(&mut self, at: (&str, usize), size: u32) -> Result<ClifPlace, PlanError> {
        if !size.is_multiple_of(8) {
            let why = format!("the size of `sarg({size})` is not a multiple of 8");
            return Err(refused(at, why));
        }
        // Never aligned to more than 8, whatever the struct is.
        Ok(ClifPlace::Area {
            offset: self.stack(at, (size, 8))?,
            size,
        })
    }

    /// Takes the next `size` bytes aligned to `align`, and returns their offset.
    fn stack(&mut self, at: (&str, usize), (size, align): (u32, u32)) -> Result<u32, PlanError> {
        let most = self.convention.most_stack_bytes;
        // Cannot overflow: `next_offset` never exceeds MAX_STACK_BYTES.
        let offset = self.next_offset.next_multiple_of(align);
        match offset.checked_add(size) {
            Some(end) if end <= most => {
                self.next_offset = end;
                Ok(offset)
            }
            _ => Err(refused(
                at,
                format!("the argument area exceeds {most} bytes"),
            )),
        }
    }

    /// Takes the register of a result. The classes count separately, also where parameters are
    /// counted by position.
    fn result(&mut self, at: (&str, usize), result: &ClifParam) -> Result<Reg, PlanError> {
        let (convention, ty) = (self.convention, result.ty);
        check_extension(at, result)?;
        let class = convention.class(at, (ty, false))?;
        let n_used = self.n_used.of_mut(class);
        let Some(&register) = convention.results.of(class).get(*n_used) else {
            let of = convention.call_conv;
            let why = format!("no register is left for a `{ty}` under `{of}`");
            return Err(refused(at, why));
        };
        *n_used += 1;
        Ok(register)
    }
}

fn check_extension(at: (&str, usize), param: &ClifParam) -> Result<(), PlanError> {
    if param.extension != Extension::None && !param.ty.is_int() {
        return Err(not_extended(at, param.ty));
    }
    Ok(())
}

fn not_extended(at: (&str, usize), ty: ValueType) -> PlanError {
    refused(at, format!("`{ty}` cannot be extended, only integers can"))
}

fn refused((what, index): (&str, usize), why: String) -> PlanError {
    PlanError::Check(format!("{what} {index}: {why}"))
}
