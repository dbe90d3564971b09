//! Common part of the plans of calls and entries: refuses signatures that are not lowered, and
//! plans and declares results.

use cabi::{FnAbi, FnSig, Loc, Place, PlacedPart, Returns, Target};

use super::table::{ArgTable, Side};
use super::value::{
    FEWER_BYTES, MAX_PARTS_BYTES, has_16_bytes, is_chain, is_whole, placed_parts, wide_moves,
};
use crate::error::PlanError;
use crate::machine::{Machine, NO_RESULT, RegClass, ResultPlan};
use crate::parts::{ClifPart, ClifParts, WORD, is_wide, narrow_bit_int, objection};
use crate::signature::{ClifPlace, Params, Purpose, Signature};
use crate::slot::{PassMode, Slot, Slots, What};
use crate::solve::{MAX_AREA_BYTES, Solver, TOO_LARGE, padding};

/// The common part of the plans of calls and entries.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignaturePlan {
    /// The C signature, functions among its parameters as the pointers they decay to.
    pub sig: FnSig,
    /// The places of all values.
    pub abi: FnAbi,
    /// The CLIF signature of a function that is defined, and of the call instruction; a variadic
    /// call also needs a stub.
    pub signature: Signature,
    /// The way each argument is passed, and the meaning of each CLIF parameter.
    pub args: ArgTable,
    /// The way the result is passed.
    pub result: ResultPlan,
    /// `true` if the unused bits of a narrow `_BitInt` are extended.
    pub extends_bit_ints: bool,
}

impl SignaturePlan {
    /// Returns the CLIF signature with a parameter, `i64` or `f64`, in each register of parameters
    /// that it leaves free. Callers may use [`SignaturePlan::signature`] alone: the values in these
    /// registers are not used. As padding arguments of a call they stay where they are, and cost no
    /// instruction.
    ///
    /// # Errors
    /// [`PlanError`] for a signature that cannot be lowered; see its variants.
    pub fn filled(&self, target: &Target) -> Result<Signature, PlanError> {
        let mut signature = self.signature.clone();
        let machine = Machine::under(target, self.abi.convention)?;
        machine.fill(&mut signature, padding(RegClass::Vector))?;
        Ok(signature)
    }

    /// Checks whether the plan's convention is that of its signature on `target`, and one of the
    /// machine. This holds for plans made for `target`, or for a target that differs in other
    /// things.
    #[must_use]
    pub fn is_for(&self, target: &Target) -> bool {
        let own = self.abi.convention;
        let lowered = |machine: Machine| machine.convention_objection(own).is_none();
        FnAbi::convention_of(&self.sig, target) == Ok(own)
            && (target.convention() == Some(own) || Machine::under(target, own).is_ok_and(lowered))
    }

    /// Returns the bits and the sign of `ty`, if the convention passes and returns it with its
    /// other bits extended. `ty` is then a `_BitInt` of fewer bits than an `int` and than its bytes
    /// have.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{CallPlan, cabi::{FnSig, Target, Type}};
    ///
    /// // clang declares it `signext i20` on System V, `i20` elsewhere.
    /// for (target, extended) in [
    ///     (Target::X86_64_LINUX, Some((20, true))),
    ///     (Target::X86_64_WINDOWS_GNU, None),
    ///     (Target::AARCH64_LINUX, None),
    /// ] {
    ///     let int20 = target.data_model().bit_int(20, true)?;
    ///     let plan = CallPlan::new(&FnSig::new([int20.clone()], Type::VOID), &target)?;
    ///     assert_eq!(plan.extended_bits(&int20), extended);
    /// }
    /// # Ok::<(), clif_cabi_plan::PlanError>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn extended_bits(&self, ty: &cabi::Type) -> Option<(u16, bool)> {
        narrow_bit_int(ty).filter(|_| self.extends_bit_ints)
    }

    /// Returns a plan without the parameters of its CLIF signature, the slots of the results, and a
    /// solver for the parameters. The table has the pointer to the result, if there is one.
    pub(super) fn draft(
        sig: &FnSig,
        target: &Target,
        (side, catches): (Side, bool),
    ) -> Result<(Box<Self>, Slots, Solver), PlanError> {
        let mut sig = sig.clone().decayed(target.data_model());
        if side == Side::Callee && sig.is_variadic() {
            // The unnamed arguments are those of one call, not the function's.
            sig = sig.at_call_unpromoted([])?;
        }
        let abi = FnAbi::new(&sig, target)?;
        let machine = Machine::under(target, abi.convention)?;
        check_args(machine, (&sig, side), &abi, target)?;
        let extends_bit_ints = machine.convention.extends_bit_ints;
        let machine = match side {
            Side::Caller => caller_machine(machine, &abi, catches),
            Side::Callee => {
                let checked = check_callee(machine, &sig, abi.convention);
                checked.map_err(|why| PlanError::convention(abi.convention, why, target))?;
                machine
            }
        };
        // Boxed before it is complete, so that its parts are not on the stack twice.
        let mut boxed = Box::new(Self {
            sig,
            abi,
            signature: Signature::new(machine.convention.call_conv),
            args: ArgTable::default(),
            result: ResultPlan::Nothing,
            extends_bit_ints,
        });
        let plan = &mut *boxed;
        let (sig, abi) = (&plan.sig, &plan.abi);
        plan.result = ResultPlan::of(machine, sig, abi).map_err(|why| {
            let subject = format!("result, {}", sig.result());
            PlanError::unsupported(subject, why, target)
        })?;
        let (results, returns) = plan.result.declare(abi, machine, side);
        plan.signature.returns = returns;
        let mut solver = Solver::params(machine, side == Side::Caller);
        if abi.ret.sret_returned_in.is_some() {
            solver.sret = Purpose::StructReturn;
        }
        if let Place::Indirect {
            pointer: Loc::Reg(reg),
            ..
        } = abi.ret.place
        {
            let sret = Slot::word(What::Sret, ClifPlace::Reg(reg));
            plan.args.slots.push(sret);
        }
        Ok((boxed, results, solver))
    }
}

/// Returns the machine by whose convention a function of `machine` is called, by a call that has
/// handlers if `catches`.
fn caller_machine(machine: Machine, abi: &FnAbi, catches: bool) -> Machine {
    let is_general = catches || abi.args.iter().any(|arg| has_16_bytes(&arg.place));
    let own = machine.convention;
    let general = own.general_calls.filter(|_| is_general).unwrap_or(own);
    machine.with(general.calls.unwrap_or(general))
}

/// Refuses a function that cannot be defined, though it can be called.
fn check_callee(
    machine: Machine,
    sig: &FnSig,
    convention: &cabi::Convention,
) -> Result<(), &'static str> {
    let most = machine.convention.preserved_vectors;
    if most.is_some_and(|most| sig.assumed().vectors > most) {
        return Err("Cranelift's functions preserve only the lower 16 bytes of a vector register");
    }
    match sig.is_variadic() {
        true => check_va_list(machine, convention),
        false => Ok(()),
    }
}

/// Refuses a convention whose `va_list` is not that of `machine`.
pub(super) fn check_va_list(
    machine: Machine,
    convention: &cabi::Convention,
) -> Result<(), &'static str> {
    if *convention == *machine.convention.va_list.convention
        || machine.convention.closures == Some(convention)
    {
        return Ok(());
    }
    Err("a variadic function can be defined only in a convention with C's own va_list")
}

/// Refuses a signature that no plan can be made for.
fn check_args(
    machine: Machine,
    (sig, side): (&FnSig, Side),
    abi: &FnAbi,
    target: &Target,
) -> Result<(), PlanError> {
    if let Some(why) = machine.convention_objection(abi.convention) {
        return Err(PlanError::convention(abi.convention, why, target));
    }
    if abi.area_bytes > MAX_AREA_BYTES.min(machine.convention.most_stack_bytes.into()) {
        let subject = format!("an argument area of {} bytes", abi.area_bytes);
        return Err(PlanError::unsupported(subject, TOO_LARGE, target));
    }
    for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
        let is_chain = param.flags.has(cabi::ArgFlags::NEST) && arg.place != Place::Ignore;
        let why = match is_chain {
            true => chain_objection(machine, side, &arg.place),
            false => place_objection(machine, &arg.place),
        };
        if let Some(why) = why {
            let subject = format!("argument {i}, {}", param.ty);
            return Err(PlanError::unsupported(subject, why, target));
        }
    }
    Ok(())
}

/// Returns the reason why a static chain at `place` cannot be lowered, if there is one.
fn chain_objection(machine: Machine, side: Side, place: &Place) -> Option<&'static str> {
    let objections = [
        (
            !is_chain(machine, place),
            "a static chain outside its register is not lowered",
        ),
        (
            machine.convention.closures.is_some() && side == Side::Caller,
            "only the stubs of closures can enter its functions",
        ),
    ];
    let mut objections = objections.into_iter();
    objections.find_map(|(is_so, why)| is_so.then_some(why))
}

/// Returns the reason why a part in two registers cannot be lowered, if there is one. By position
/// they must be a vector and an integer register of one position.
fn both_objection(machine: Machine, placed: &PlacedPart) -> Option<&'static str> {
    let is_lost = machine.convention.positional
        && matches!(placed.loc, Loc::Both(_))
        && machine.convention.both_position(placed.loc).is_none();
    let why = "a part in registers of two positions is not lowered";
    is_lost.then_some(why)
}

/// Returns the reason why a value at `place` cannot be lowered, if there is one. Places may come
/// from a user's rule; none is outside the argument area.
fn place_objection(machine: Machine, place: &Place) -> Option<&'static str> {
    let why = match place {
        _ if machine.processor().big_endian && !is_whole(place) => FEWER_BYTES,
        Place::Parts(parts) => {
            let wide = parts.iter().any(|placed| is_wide(&placed.part));
            let objection = |placed| objection(placed).or_else(|| both_objection(machine, placed));
            match parts.iter().find_map(objection) {
                None if wide && wide_moves(machine, place).is_none() => {
                    "a value with a wide vector must have all its parts in registers of parameters"
                }
                why => return why,
            }
        }
        Place::Stack { size, .. } if *size > MAX_PARTS_BYTES && !machine.has_area() => {
            "a value of more than 128 bytes in the argument area is not lowered for functions of this convention"
        }
        Place::PerElement {
            lanes, regs, slot, ..
        } => match usize::from(*lanes).checked_sub(regs.len()) {
            None => "the value has more registers than lanes",
            Some(1..) if *slot != WORD.bytes() => "lanes on the stack must have slots of 8 bytes",
            Some(_) => return None,
        },
        Place::Indirect { pointer, .. } => match pointer {
            Loc::Reg(_) | Loc::Stack(_) => return None,
            _ => "an address in two registers is not lowered",
        },
        Place::Ignore | Place::Stack { .. } => return None,
        _ => "this kind of place is not lowered",
    };
    Some(why)
}

impl ResultPlan {
    pub(super) fn of(machine: Machine, sig: &FnSig, abi: &FnAbi) -> Result<Self, &'static str> {
        let placed = match &abi.ret.place {
            Place::Ignore if abi.ret.returns == Returns::Never => return Ok(Self::Never),
            Place::Ignore => return Ok(Self::Nothing),
            Place::Indirect { .. }
                if abi.ret.sret_returned_in.is_some()
                    && machine.convention.results.int.is_empty() =>
            {
                return Err(NO_RESULT);
            }
            Place::Indirect {
                pointer: Loc::Reg(_),
                ..
            } => return Ok(Self::Sret),
            Place::Parts(parts) => parts,
            _ => return Err("this kind of result is not lowered"),
        };
        if let Some(why) = placed.iter().find_map(objection) {
            return Err(why);
        }
        if placed.iter().any(|own| own.part.size == 0) {
            return Err("a result with a part of 0 bytes is not lowered");
        }
        if machine.processor().big_endian && !is_whole(&abi.ret.place) {
            return Err(FEWER_BYTES);
        }
        let mut parts = ClifParts::new();
        placed_parts(machine, sig.result(), placed, |part, _| parts.push(part));
        machine.result(placed, parts)
    }

    /// Checks whether the result is in registers that CLIF cannot express.
    pub(super) fn is_in_registers(&self) -> bool {
        matches!(self, Self::Registers { .. })
    }

    /// Returns how a result of type `ty` is passed.
    #[must_use]
    pub fn mode(&self, ty: &cabi::Type) -> PassMode {
        match self {
            Self::Nothing | Self::Never => PassMode::Ignore,
            Self::Parts { .. } => PassMode::Parts,
            Self::Registers { .. } | Self::Stub { .. } => PassMode::Stub { offset: 0 },
            Self::Sret => PassMode::Indirect {
                size: ty.size(),
                align: ty.align(),
            },
        }
    }

    /// Returns the parts of the result, if it has some.
    #[must_use]
    #[inline]
    pub fn parts(&self) -> &[ClifPart] {
        match self {
            Self::Parts { parts, .. }
            | Self::Stub { parts, .. }
            | Self::Registers { parts, .. } => parts,
            _ => &[],
        }
    }

    /// Returns the slots of the CLIF results, on the side that `returns` them or the other, and
    /// their declarations.
    pub(super) fn declare(&mut self, abi: &FnAbi, machine: Machine, side: Side) -> (Slots, Params) {
        let mut slots = Slots::new();
        match (&*self, &abi.ret.place) {
            (Self::Registers { .. }, _) if side == Side::Caller => {
                let first = machine.convention.results.of(RegClass::Int).first();
                let what = What::Result { part: 0 };
                slots.extend(first.map(|reg| Slot::word(what, ClifPlace::Reg(*reg))));
            }
            (Self::Parts { parts, .. }, Place::Parts(placed)) => {
                let regs = placed
                    .iter()
                    .flat_map(|own| machine.convention.registers(own.loc));
                for (part, (own, reg)) in (0..).zip(parts.iter().zip(regs)) {
                    let what = What::Result { part };
                    slots.push(Slot::new(what, *own, ClifPlace::Reg(reg)));
                }
            }
            _ => {}
        }
        let mut solver = Solver::results(machine, side == Side::Callee);
        solver.in_registers(&mut slots, |_| true);
        if let Self::Parts { results, parts } = self {
            let own = slots.iter().take(parts.len());
            *results = own.filter_map(|slot| Some(slot.param? as usize)).collect();
        }
        (slots, solver.declared)
    }
}
