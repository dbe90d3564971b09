//! Where Cranelift puts each parameter and result of a CLIF signature on x86-64: a model of its argument walk
//! (`compute_arg_locs` of the x64 backend, Cranelift 0.132 to 0.137), against which every planned signature is checked.
//!
//! This counts *Cranelift's* registers, not C's: it knows nothing of C types, and C's conventions are computed in
//! `cabi`. For the `SystemV`, `Fast`, `PreserveAll`, `WindowsFastcall` and `Tail` conventions it answers exactly as Cranelift does, or it refuses.
//! The tests of `clif-cabi` compare the model with compiled code.

use cabi::{Reg, x86_64};
use smallvec::SmallVec;

use crate::machine::counting::{Class, Counting, Registers};
use crate::places::{CheckError, ClifPlace, MAX_STACK_BYTES, Places, Position};
use crate::signature::{CallConv, Extension, Param, Purpose, Signature, ValueType};

pub(super) const SYSTEM_V: Counting = Counting {
    call_conv: CallConv::SystemV,
    params: Registers {
        int: &[
            x86_64::RDI,
            x86_64::RSI,
            x86_64::RDX,
            x86_64::RCX,
            x86_64::R8,
            x86_64::R9,
        ],
        vector: &[
            x86_64::XMM0,
            x86_64::XMM1,
            x86_64::XMM2,
            x86_64::XMM3,
            x86_64::XMM4,
            x86_64::XMM5,
            x86_64::XMM6,
            x86_64::XMM7,
        ],
    },
    results: Registers {
        int: &[x86_64::RAX, x86_64::RDX],
        vector: &[x86_64::XMM0, x86_64::XMM1],
    },
    positional: false,
    shadow_bytes: 0,
    stack_align: 16,
    most_stack_bytes: MAX_STACK_BYTES,
    instead: &[],
};

const FAST: Counting = Counting {
    call_conv: CallConv::Fast,
    ..SYSTEM_V
};

pub(super) const PRESERVE_ALL: Counting = Counting {
    call_conv: CallConv::PreserveAll,
    results: Registers {
        int: &[],
        vector: &[],
    },
    ..SYSTEM_V
};

pub(super) const WINDOWS_FASTCALL: Counting = Counting {
    call_conv: CallConv::WindowsFastcall,
    params: Registers {
        int: &[x86_64::RCX, x86_64::RDX, x86_64::R8, x86_64::R9],
        vector: &[x86_64::XMM0, x86_64::XMM1, x86_64::XMM2, x86_64::XMM3],
    },
    // C has one result register of each class. Cranelift's second integer register is its own, for Rust's scalar pairs, and so is a second
    // vector register from 0.137 on, which is left out: the model holds for all releases.
    results: Registers {
        int: SYSTEM_V.results.int,
        vector: &[x86_64::XMM0],
    },
    positional: true,
    shadow_bytes: 32,
    // A vector of 16 bytes is a result only.
    instead: &[
        (ValueType::F16, ValueType::F32),
        (ValueType::F128, ValueType::I8X16),
    ],
    ..SYSTEM_V
};

/// Cranelift's own: results in more registers than any C function has them in, and callees pop their arguments, at most what `ret imm16` pops.
pub(super) const TAIL: Counting = Counting {
    call_conv: CallConv::Tail,
    results: Registers {
        int: &[
            x86_64::RAX,
            x86_64::RCX,
            x86_64::RDX,
            x86_64::RSI,
            x86_64::RDI,
            x86_64::R8,
            x86_64::R9,
            x86_64::R10,
        ],
        vector: SYSTEM_V.params.vector,
    },
    most_stack_bytes: 0xfff0,
    ..SYSTEM_V
};

fn counting_of(call_conv: CallConv) -> &'static Counting {
    match call_conv {
        CallConv::SystemV => &SYSTEM_V,
        CallConv::Fast => &FAST,
        CallConv::PreserveAll => &PRESERVE_ALL,
        CallConv::WindowsFastcall => &WINDOWS_FASTCALL,
        CallConv::Tail => &TAIL,
    }
}

impl Counting {
    fn misplaced(&self, at: Position, param: &Param) -> CheckError {
        CheckError::Purpose {
            at,
            purpose: param.purpose,
            call_conv: self.call_conv,
        }
    }

    /// The register class of a value of type `ty`, and the bytes of a stack slot for it.
    fn class(&self, at: Position, ty: ValueType) -> Result<(Class, u32), CheckError> {
        let windows = self.call_conv == CallConv::WindowsFastcall;
        match ty {
            ValueType::I8 | ValueType::I16 | ValueType::I32 | ValueType::I64 => Ok((Class::Int, 8)),
            ValueType::F32 | ValueType::F64 => Ok((Class::Vector, 8)),
            ValueType::F16 if !windows => Ok((Class::Vector, 8)),
            ValueType::F128 if !windows => Ok((Class::Vector, 16)),
            _ if ty.is_vector() && ty.bytes() <= 8 => Ok((Class::Vector, 8)),
            // A 16-byte parameter would be a pointer to a copy that Cranelift makes: C's rule, but the
            // lowering states such pointers itself.
            _ if ty.is_vector() && !(windows && matches!(at, Position::Param(_))) => {
                Ok((Class::Vector, 16))
            }
            _ => Err(CheckError::Type {
                at,
                ty,
                call_conv: self.call_conv,
            }),
        }
    }
}

pub(super) fn places(sig: &Signature) -> Result<Places, CheckError> {
    let counting = counting_of(sig.call_conv);
    let sret = checked_sret(counting, sig)?;

    let mut count = Count::of(counting);
    let mut results = SmallVec::new();
    for (index, result) in sig.returns.iter().enumerate() {
        let at = Position::Result(index);
        if result.purpose != Purpose::Normal {
            return Err(counting.misplaced(at, result));
        }
        results.push(count.result(at, result)?);
    }
    let sret_returned_in = match sret {
        Some((at, param)) => Some(count.result(at, param)?),
        None => None,
    };

    let mut count = Count::of(counting);
    let mut params = SmallVec::with_capacity(sig.params.len());
    for (index, param) in sig.params.iter().enumerate() {
        params.push(count.param(Position::Param(index), param)?);
    }
    // No larger than MAX_STACK_BYTES, itself a multiple of 16: `Count::stack` has checked.
    let stack_bytes = count.next_offset.next_multiple_of(16);
    Ok(Places {
        params,
        results,
        sret_returned_in,
        stack_bytes,
    })
}

/// The `sret` parameter of `sig`, where it has one.
fn checked_sret<'a>(
    counting: &Counting,
    sig: &'a Signature,
) -> Result<Option<(Position, &'a Param)>, CheckError> {
    let mut srets = (sig.params.iter().enumerate())
        .filter(|(_, param)| param.purpose == Purpose::StructReturn)
        .map(|(index, param)| (Position::Param(index), param));
    let sret = srets.next();
    // It is returned, so `preserve_all` cannot have one.
    let misplaced = if counting.results.of(Class::Int).is_empty() {
        sret
    } else {
        srets.next()
    };
    if let Some((at, param)) = misplaced {
        return Err(counting.misplaced(at, param));
    }
    if sret.is_some() && !sig.returns.is_empty() {
        return Err(CheckError::SretWithResults {
            results: sig.returns.len(),
        });
    }
    Ok(sret)
}

/// What has been given out so far.
struct Count {
    counting: &'static Counting,
    n_int: usize,
    n_vector: usize,
    /// Of parameters that are not `sarg`.
    n_params: usize,
    next_offset: u32,
}

impl Count {
    fn of(counting: &'static Counting) -> Self {
        Self {
            counting,
            n_int: 0,
            n_vector: 0,
            n_params: 0,
            next_offset: counting.shadow_bytes,
        }
    }

    fn n_used(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Int => &mut self.n_int,
            Class::Vector => &mut self.n_vector,
        }
    }

    fn param(&mut self, at: Position, param: &Param) -> Result<ClifPlace, CheckError> {
        let counting = self.counting;
        let Param { ty, purpose, .. } = *param;
        match purpose {
            Purpose::Normal => {}
            Purpose::StructReturn | Purpose::StructArgument(_) if ty != ValueType::I64 => {
                return Err(CheckError::NotAnAddress { at, purpose, ty });
            }
            Purpose::StructReturn => {}
            Purpose::StructArgument(size) if counting.call_conv != CallConv::PreserveAll => {
                // It takes no register, and does not count as a position either.
                return self.area(at, size);
            }
            Purpose::StructArgument(_) => return Err(counting.misplaced(at, param)),
        }
        check_extension(at, param)?;
        let (class, slot_bytes) = counting.class(at, ty)?;
        let index = if counting.positional {
            self.n_params
        } else {
            *self.n_used(class)
        };
        self.n_params += 1;
        match counting.params.of(class).get(index) {
            Some(&register) => {
                *self.n_used(class) += 1;
                Ok(ClifPlace::Reg(register))
            }
            None => Ok(ClifPlace::Stack {
                offset: self.stack(at, (slot_bytes, slot_bytes))?,
            }),
        }
    }

    fn area(&mut self, at: Position, size: u32) -> Result<ClifPlace, CheckError> {
        if !size.is_multiple_of(8) {
            return Err(CheckError::StructArgumentSize { at, size });
        }
        // Never aligned to more than 8, whatever the struct is.
        Ok(ClifPlace::Area {
            offset: self.stack(at, (size, 8))?,
            size,
        })
    }

    /// The offset of the next `size` bytes aligned to `align`, now taken.
    fn stack(&mut self, at: Position, (size, align): (u32, u32)) -> Result<u32, CheckError> {
        let most = self.counting.most_stack_bytes;
        // Cannot overflow: `next_offset` never exceeds MAX_STACK_BYTES.
        let offset = self.next_offset.next_multiple_of(align);
        match offset.checked_add(size) {
            Some(end) if end <= most => {
                self.next_offset = end;
                Ok(offset)
            }
            _ => Err(CheckError::AreaTooLarge { at, most }),
        }
    }

    /// The classes count separately also under `WindowsFastcall`.
    fn result(&mut self, at: Position, result: &Param) -> Result<Reg, CheckError> {
        let (counting, ty) = (self.counting, result.ty);
        check_extension(at, result)?;
        let (class, _) = counting.class(at, ty)?;
        let n_used = self.n_used(class);
        let Some(&register) = counting.results.of(class).get(*n_used) else {
            return Err(CheckError::TooManyResults {
                at,
                ty,
                call_conv: counting.call_conv,
            });
        };
        *n_used += 1;
        Ok(register)
    }
}

fn check_extension(at: Position, param: &Param) -> Result<(), CheckError> {
    if param.extension != Extension::None && !param.ty.is_int() {
        return Err(CheckError::Extension { at, ty: param.ty });
    }
    Ok(())
}
