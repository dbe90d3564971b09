//! Cranelift's counting of the parameters and results of a signature, as data for the plan and the
//! check.
//!
//! These are *Cranelift's* registers: nothing here knows C types, and `cabi` computes C's
//! conventions. For the conventions of its tables a machine answers exactly as Cranelift does, or
//! refuses ([`walk`](super::walk)).

use cabi::convention::Frame;
use cabi::{Convention, Loc, Reg, VectorLevel};
use smallvec::SmallVec;

use super::registers::{RegClass, Registers};
use super::va_list::VaListLayout;
use crate::parts::{ClifPart, WORD, narrow};
use crate::signature::{CallConv, ClifPlace, MAX_STACK_BYTES, ValueType};

/// Values of [`ClifConvention::instead`] without replacements. They are for machines on which C has
/// other places for `f128` and vectors than Cranelift, or none.
pub(crate) const NOT_PASSED: [(ValueType, ValueType); 17] = {
    use ValueType::*;
    let types = [
        F128, I8X2, I8X4, I8X8, I8X16, I16X2, I16X4, I16X8, I32X2, I32X4, I64X2, F16X2, F16X4,
        F16X8, F32X2, F32X4, F64X2,
    ];
    let mut all = [(F128, F128); 17];
    let mut i = 0;
    while i < types.len() {
        all[i] = (types[i], types[i]);
        i += 1;
    }
    all
};

/// A convention of Cranelift: the plan orders parameters by it, and the check counts with it.
#[derive(Debug)]
pub(crate) struct ClifConvention {
    pub(crate) call_conv: CallConv,
    pub(crate) params: Registers,
    pub(crate) results: Registers,
    /// Place of the pointer to a result in memory.
    pub(crate) sret: Sret,
    /// `true` if a parameter can be a block of bytes in the argument area (`sarg`).
    pub(crate) has_sarg: bool,
    /// The n-th parameter takes the n-th register of its class, rather than the first free one.
    pub(crate) positional: bool,
    /// Least size of a stack slot, in bytes. A larger value has a slot of its own size, to which it
    /// is aligned.
    pub(crate) least_slot: u32,
    pub(crate) most_slot_align: u32,
    /// `true` if a value of fewer bytes than its slot is at the slot's end; otherwise it is at the
    /// start.
    pub(crate) ends_slot: bool,
    /// The least type that narrow integers are extended to: C's compilers rely on 32 bits at most,
    /// or on all 64.
    pub(crate) extended: ValueType,
    /// `true` if the unused bits of a `_BitInt` that is narrower than an `int` are extended, as C's
    /// compilers rely on.
    pub(crate) extends_bit_ints: bool,
    /// Bytes at the start of the argument area that no parameter is in.
    pub(crate) shadow_bytes: u32,
    /// Cranelift aligns the stack to so many bytes before a call.
    pub(crate) stack_align: u32,
    pub(crate) most_stack_bytes: u32,
    /// Types that no parameter or result can have, each with its replacement: the same bits in the
    /// same register.
    pub(crate) instead: &'static [(ValueType, ValueType)],
    /// The frame of its functions: its kind, the registers that they preserve, on which callers
    /// rely, and the bytes that they pop.
    pub(super) frame: &'static Frame,
    /// The widest vectors that they preserve whole, where they preserve all vector registers.
    pub(crate) preserved_vectors: Option<VectorLevel>,
    /// `true` if stubs can stand before them. Stubs have words of their own on the stack, which a
    /// callee would have to pop, and change scratch registers.
    pub(super) has_stubs: bool,
    /// The convention by which its functions are called, if that is another one.
    pub(crate) calls: Option<&'static ClifConvention>,
    /// The convention of calls that its own cannot make: with 16 bytes in one register, and with
    /// handlers of exceptions. For calls only: a function would preserve too few registers.
    pub(crate) general_calls: Option<&'static ClifConvention>,
    /// `true` if its callees read records of the argument area 16 bytes at a time, as C compilers'
    /// functions do.
    pub(crate) reads_wide: bool,
    /// The register of the static chain, which Cranelift never gives out: a stub moves it.
    pub(crate) chain: Reg,
    /// Convention of functions that stubs of closures enter, where C's has no register for a static
    /// chain. The chain is in the address register of stubs.
    pub(crate) closures: Option<&'static Convention>,
    /// The way a variadic function finds its unnamed arguments.
    pub(crate) va_list: VaListLayout,
}

/// Place of the pointer to a result in memory (`sret`), which the function also returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sret {
    /// The pointer is an ordinary integer, and the first result.
    FirstInt,
    /// In a register of its own, which parameters do not take.
    Own(Reg),
    /// There is none.
    Refused,
}

impl ClifConvention {
    /// Returns the convention for functions of `c`, with the registers of parameters and of
    /// results, and the properties that most machines share.
    pub(super) const fn new(
        call_conv: CallConv,
        c: &'static Convention,
        params: Registers,
        results: Registers,
        chain: Reg,
        va_list: VaListLayout,
    ) -> Self {
        Self {
            call_conv,
            params,
            results,
            sret: Sret::FirstInt,
            // A panic, if a machine does not say otherwise.
            has_sarg: false,
            positional: false,
            least_slot: 8,
            most_slot_align: 16,
            ends_slot: false,
            extended: ValueType::I32,
            extends_bit_ints: false,
            shadow_bytes: 0,
            stack_align: 16,
            most_stack_bytes: MAX_STACK_BYTES,
            instead: &[],
            frame: &c.frame,
            preserved_vectors: None,
            has_stubs: true,
            calls: None,
            general_calls: None,
            reads_wide: false,
            chain,
            closures: None,
            va_list,
        }
    }

    /// Returns the registers of the CLIF parameters at `loc`. By position both registers of a value
    /// are one parameter: a stub copies from the first to the second.
    pub(crate) fn registers(&self, loc: Loc) -> SmallVec<[Reg; 2]> {
        match loc {
            Loc::Reg(reg) => SmallVec::from_slice(&[reg]),
            Loc::Both(&[first, _]) if self.positional => SmallVec::from_slice(&[first]),
            Loc::Both(&[first, second]) => SmallVec::from_slice(&[first, second]),
            _ => SmallVec::new(),
        }
    }

    /// Returns the places of the CLIF parameters at `loc`.
    pub(crate) fn params_at(&self, loc: Loc) -> SmallVec<[ClifPlace; 2]> {
        match loc {
            Loc::Stack(offset) => {
                let offset = narrow(offset);
                SmallVec::from_slice(&[ClifPlace::Stack { offset }])
            }
            loc => self
                .registers(loc)
                .into_iter()
                .map(ClifPlace::Reg)
                .collect(),
        }
    }

    /// Checks whether functions preserve `reg`.
    pub(crate) fn preserves(&self, reg: Reg) -> bool {
        self.frame.callee_saved.contains(&reg)
    }

    /// Returns the position of `loc`, if it is a vector and an integer register of the same one.
    pub(crate) fn both_position(&self, loc: Loc) -> Option<u8> {
        let Loc::Both(&[vector, int]) = loc else {
            return None;
        };
        let position = |reg, class| {
            let (own, position) = self.params.position(reg)?;
            (self.positional && own == class).then_some(position)
        };
        let position = position(vector, RegClass::Vector)
            .filter(|vector| position(int, RegClass::Int) == Some(*vector))?;
        u8::try_from(position).ok()
    }

    /// Returns the slot of a value of type `ty`: its bytes, and those before the value.
    pub(crate) fn slot(&self, ty: ValueType) -> (u32, u32) {
        let bytes = ty.bytes().max(self.least_slot);
        let before = if self.ends_slot {
            bytes - ty.bytes()
        } else {
            0
        };
        (bytes, before)
    }

    /// Returns the start of the word in the argument area that has `bytes` bytes of a value at
    /// `offset`.
    pub(crate) fn word_at(&self, offset: u32, bytes: u8) -> u32 {
        match self.ends_slot {
            true => offset
                .saturating_add(bytes.into())
                .saturating_sub(WORD.bytes()),
            false => offset,
        }
    }

    /// Returns the least part of a value of `size` bytes in the argument area: a value at the end
    /// of its slot is one part.
    pub(crate) fn least_part(&self, size: u64) -> u32 {
        match self.ends_slot {
            true => narrow(size.min(WORD.bytes().into())),
            false => self.least_slot,
        }
    }

    /// Returns the place where the receiving side finds `part`, which the passing side writes to
    /// the slot at `place`.
    pub(crate) fn receiver_place(&self, place: ClifPlace, part: &ClifPart) -> ClifPlace {
        match place {
            ClifPlace::Stack { offset } if self.ends_slot => {
                let before = part.passed_as.bytes() - part.ty.bytes();
                let offset = offset.saturating_add(before);
                ClifPlace::Stack { offset }
            }
            place => place,
        }
    }

    /// Returns `part` as a type that can be a parameter and a result.
    pub(crate) fn declarable(&self, part: ClifPart) -> ClifPart {
        let mut instead = self.instead.iter();
        let instead = instead.find_map(|(ty, instead)| (*ty == part.ty).then_some(*instead));
        match instead {
            Some(ty) => ClifPart {
                ty,
                passed_as: ty,
                ..part
            },
            None => part,
        }
    }
}
