//! Where Cranelift puts each parameter and result of a CLIF signature on x86-64: a model of its argument walk
//! (`compute_arg_locs` of the x64 backend, Cranelift 0.137), against which every lowered signature is checked.
//!
//! This counts *Cranelift's* registers, not C's: it knows nothing of C types, and C's conventions are computed in
//! `cabi`. For the `SystemV`, `Fast`, `PreserveAll` and `WindowsFastcall` conventions it answers exactly as Cranelift does under
//! the flags our lowering requires (`enable_llvm_abi_extensions` and `enable_multi_ret_implicit_sret` off), or it refuses.
//! It refuses more than Cranelift does: whatever Cranelift panics on, places differently from every C compiler
//! (`i128`), or passes in a way the signature does not spell out (a hidden copy). `Tail` and `Winch` are left out: no C
//! function has them. `tests/replay.rs` compares the model with compiled code.

mod error;

use cabi::Reg;
use cranelift_codegen::ir::{AbiParam, ArgumentExtension, ArgumentPurpose, Signature, Type, types};
use cranelift_codegen::isa::CallConv;
use smallvec::SmallVec;

pub use error::{Position, ReplayError};

/// Where Cranelift puts one parameter.
///
/// Offsets are bytes from the start of the argument area: at a function's entry offset 0 is the byte just above
/// the return address. On `WindowsFastcall` the first 32 bytes are the shadow space, so no parameter is below 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClifPlace {
    /// A register. A value narrower than the register is in its low bytes.
    Reg(Reg),
    /// A slot of 8 bytes, or of 16 for a 16-byte value; the value is in its low bytes.
    Stack {
        /// Bytes from the start of the argument area.
        offset: u32,
    },
    /// The bytes of a [`StructArgument`](ArgumentPurpose::StructArgument), in the argument area itself; the CLIF value is
    /// their address (in the caller: the address they are copied from).
    Area {
        /// Bytes from the start of the argument area.
        offset: u32,
        /// Bytes.
        size: u32,
    },
}

/// The places of a whole signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// One place for each of [`Signature::params`], in their order.
    pub params: SmallVec<[ClifPlace; 8]>,
    /// One register for each of [`Signature::returns`], in their order.
    pub results: SmallVec<[Reg; 4]>,
    /// The register in which the function returns its [`StructReturn`](ArgumentPurpose::StructReturn) parameter, where
    /// it has one. Cranelift does this unasked when it compiles the function; a CLIF caller never sees it.
    pub sret_echo: Option<Reg>,
    /// Bytes of the argument area that a caller reserves: a multiple of 16, the shadow space included.
    pub stack_bytes: u32,
}

/// Cranelift's limit for the argument area, in bytes.
pub const MAX_STACK_BYTES: u32 = 128 << 20;

/// The places that Cranelift's x86-64 backend gives to the parameters and results of `sig`.
///
/// # Errors
///
/// [`ReplayError`] for every signature that our lowering must not make; see its variants.
///
/// # Example
///
/// ```
/// use cabi::Reg;
/// use clif_cabi::replay::{ClifPlace, ReplayError, replay};
/// use cranelift_codegen::ir::{AbiParam, Signature, types};
/// use cranelift_codegen::isa::CallConv;
///
/// let mut sig = Signature::new(CallConv::SystemV);
/// sig.params = [types::F64, types::I64].map(AbiParam::new).to_vec();
/// sig.returns = [types::I64, types::F64].map(AbiParam::new).to_vec();
/// let places = replay(&sig)?;
/// assert_eq!(places.params[..], [ClifPlace::Reg(Reg::Xmm0), ClifPlace::Reg(Reg::Rdi)]);
/// assert_eq!(places.results[..], [Reg::Rax, Reg::Xmm0]);
///
/// sig.params.push(AbiParam::new(types::I128));
/// let refusal = replay(&sig).unwrap_err();
/// assert_eq!(
///     refusal.to_string(),
///     "parameter 2: Cranelift does not place an `i128` as C does; split it into two `i64`",
/// );
/// # Ok::<(), ReplayError>(())
/// ```
pub fn replay(sig: &Signature) -> Result<Replayed, ReplayError> {
    let convention = Convention::of(sig.call_conv)?;
    let sret = checked_sret(&convention, sig)?;

    let mut count = Count::default();
    let mut results = SmallVec::new();
    for (index, result) in sig.returns.iter().enumerate() {
        let at = Position::Result(index);
        if result.purpose != ArgumentPurpose::Normal {
            return Err(convention.misplaced(at, result));
        }
        results.push(count.result(&convention, at, result)?);
    }
    let sret_echo = match sret {
        Some((at, param)) => Some(count.result(&convention, at, param)?),
        None => None,
    };

    let mut count = Count {
        next_offset: convention.shadow_bytes,
        ..Count::default()
    };
    let mut params = SmallVec::with_capacity(sig.params.len());
    for (index, param) in sig.params.iter().enumerate() {
        params.push(count.param(&convention, Position::Param(index), param)?);
    }
    // No larger than MAX_STACK_BYTES, itself a multiple of 16: `Count::stack` has checked.
    let stack_bytes = count.next_offset.next_multiple_of(16);
    Ok(Replayed {
        params,
        results,
        sret_echo,
        stack_bytes,
    })
}

/// Cranelift's constants of one convention.
struct Convention {
    call_conv: CallConv,
    int_params: &'static [Reg],
    vector_params: &'static [Reg],
    int_results: &'static [Reg],
    vector_results: &'static [Reg],
    /// The n-th parameter takes the n-th register of its class, rather than the first free one.
    positional: bool,
    shadow_bytes: u32,
}

impl Convention {
    fn of(call_conv: CallConv) -> Result<Self, ReplayError> {
        let system_v = Self {
            call_conv,
            int_params: &[Reg::Rdi, Reg::Rsi, Reg::Rdx, Reg::Rcx, Reg::R8, Reg::R9],
            vector_params: &[
                Reg::Xmm0,
                Reg::Xmm1,
                Reg::Xmm2,
                Reg::Xmm3,
                Reg::Xmm4,
                Reg::Xmm5,
                Reg::Xmm6,
                Reg::Xmm7,
            ],
            int_results: &[Reg::Rax, Reg::Rdx],
            vector_results: &[Reg::Xmm0, Reg::Xmm1],
            positional: false,
            shadow_bytes: 0,
        };
        match call_conv {
            CallConv::SystemV | CallConv::Fast => Ok(system_v),
            CallConv::PreserveAll => Ok(Self {
                int_results: &[],
                vector_results: &[],
                ..system_v
            }),
            CallConv::WindowsFastcall => Ok(Self {
                int_params: &[Reg::Rcx, Reg::Rdx, Reg::R8, Reg::R9],
                vector_params: &[Reg::Xmm0, Reg::Xmm1, Reg::Xmm2, Reg::Xmm3],
                // C has one result register of each class; the second ones are Cranelift's own, for Rust's scalar pairs.
                positional: true,
                shadow_bytes: 32,
                ..system_v
            }),
            other => Err(ReplayError::Convention(other)),
        }
    }

    fn misplaced(&self, at: Position, param: &AbiParam) -> ReplayError {
        ReplayError::Purpose {
            at,
            purpose: param.purpose,
            call_conv: self.call_conv,
        }
    }

    /// The register class of a value of type `ty`, and the bytes of a stack slot for it.
    fn class(&self, at: Position, ty: Type) -> Result<(Class, u32), ReplayError> {
        let windows = self.call_conv == CallConv::WindowsFastcall;
        match ty {
            types::I8 | types::I16 | types::I32 | types::I64 => Ok((Class::Int, 8)),
            types::F32 | types::F64 => Ok((Class::Vector, 8)),
            types::F16 if !windows => Ok((Class::Vector, 8)),
            types::F128 if !windows => Ok((Class::Vector, 16)),
            _ if ty.is_vector() && ty.bits() <= 64 => Ok((Class::Vector, 8)),
            // A 16-byte parameter would be a pointer to a copy that Cranelift makes: C's rule, but the
            // lowering states such pointers itself.
            _ if ty.is_vector()
                && ty.bits() == 128
                && !(windows && matches!(at, Position::Param(_))) =>
            {
                Ok((Class::Vector, 16))
            }
            _ => Err(ReplayError::Type {
                at,
                ty,
                call_conv: self.call_conv,
            }),
        }
    }
}

/// Cranelift's register classes on x86-64.
#[derive(Clone, Copy)]
enum Class {
    Int,
    Vector,
}

/// The `sret` parameter of `sig`, where it has one.
fn checked_sret<'a>(
    convention: &Convention,
    sig: &'a Signature,
) -> Result<Option<(Position, &'a AbiParam)>, ReplayError> {
    let mut srets = (sig.params.iter().enumerate())
        .filter(|(_, param)| param.purpose == ArgumentPurpose::StructReturn)
        .map(|(index, param)| (Position::Param(index), param));
    let sret = srets.next();
    // It is returned, so `preserve_all` cannot have one.
    let misplaced = if convention.int_results.is_empty() {
        sret
    } else {
        srets.next()
    };
    if let Some((at, param)) = misplaced {
        return Err(convention.misplaced(at, param));
    }
    if sret.is_some() && !sig.returns.is_empty() {
        return Err(ReplayError::SretWithResults {
            results: sig.returns.len(),
        });
    }
    Ok(sret)
}

/// What has been given out so far.
#[derive(Default)]
struct Count {
    n_int: usize,
    n_vector: usize,
    /// Of parameters that are not `sarg`.
    n_params: usize,
    next_offset: u32,
}

impl Count {
    fn param(
        &mut self,
        convention: &Convention,
        at: Position,
        param: &AbiParam,
    ) -> Result<ClifPlace, ReplayError> {
        let AbiParam {
            value_type: ty,
            purpose,
            ..
        } = *param;
        match purpose {
            ArgumentPurpose::Normal => {}
            ArgumentPurpose::StructReturn | ArgumentPurpose::StructArgument(_)
                if ty != types::I64 =>
            {
                return Err(ReplayError::NotAnAddress { at, purpose, ty });
            }
            ArgumentPurpose::StructReturn => {}
            ArgumentPurpose::StructArgument(size)
                if convention.call_conv != CallConv::PreserveAll =>
            {
                // It takes no register, and does not count as a position either.
                return self.area(at, size);
            }
            ArgumentPurpose::StructArgument(_) | ArgumentPurpose::VMContext => {
                return Err(convention.misplaced(at, param));
            }
        }
        check_extension(at, param)?;
        let (class, slot_bytes) = convention.class(at, ty)?;
        let (registers, n_used) = match class {
            Class::Int => (convention.int_params, &mut self.n_int),
            Class::Vector => (convention.vector_params, &mut self.n_vector),
        };
        let index = if convention.positional {
            self.n_params
        } else {
            *n_used
        };
        self.n_params += 1;
        match registers.get(index) {
            Some(&register) => {
                *n_used += 1;
                Ok(ClifPlace::Reg(register))
            }
            None => Ok(ClifPlace::Stack {
                offset: self.stack(at, slot_bytes, slot_bytes)?,
            }),
        }
    }

    fn area(&mut self, at: Position, size: u32) -> Result<ClifPlace, ReplayError> {
        if !size.is_multiple_of(8) {
            return Err(ReplayError::StructArgumentSize { at, size });
        }
        // Never aligned to more than 8, whatever the struct is.
        Ok(ClifPlace::Area {
            offset: self.stack(at, size, 8)?,
            size,
        })
    }

    /// The offset of the next `size` bytes aligned to `align`, now taken.
    fn stack(&mut self, at: Position, size: u32, align: u32) -> Result<u32, ReplayError> {
        // Cannot overflow: `next_offset` never exceeds MAX_STACK_BYTES.
        let offset = self.next_offset.next_multiple_of(align);
        match offset.checked_add(size) {
            Some(end) if end <= MAX_STACK_BYTES => {
                self.next_offset = end;
                Ok(offset)
            }
            _ => Err(ReplayError::AreaTooLarge { at }),
        }
    }

    /// The classes count separately also under `WindowsFastcall`.
    fn result(
        &mut self,
        convention: &Convention,
        at: Position,
        result: &AbiParam,
    ) -> Result<Reg, ReplayError> {
        let ty = result.value_type;
        check_extension(at, result)?;
        let (class, _) = convention.class(at, ty)?;
        let (registers, n_used) = match class {
            Class::Int => (convention.int_results, &mut self.n_int),
            Class::Vector => (convention.vector_results, &mut self.n_vector),
        };
        let Some(&register) = registers.get(*n_used) else {
            return Err(ReplayError::TooManyResults {
                at,
                ty,
                call_conv: convention.call_conv,
            });
        };
        *n_used += 1;
        Ok(register)
    }
}

fn check_extension(at: Position, param: &AbiParam) -> Result<(), ReplayError> {
    if param.extension != ArgumentExtension::None && !param.value_type.is_int() {
        return Err(ReplayError::Extension {
            at,
            ty: param.value_type,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
