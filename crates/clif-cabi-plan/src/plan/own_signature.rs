//! Variadic functions of a front end with signatures of its own. The plan needs only the CLIF
//! signature of the named arguments, and the registers and stack bytes that they take.

use cabi::Target;

use super::entry::IncomingArea;
use super::variadic::{SavedRegister, VariadicEntry, left};
use crate::error::PlanError;
use crate::machine::Machine;
use crate::places::{ClifPlace, Places};
use crate::signature::{ClifParam, Purpose, Signature};
use crate::slot::{Slot, What};

/// Registers and stack bytes that the named arguments of a variadic function take, as C counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct NamedArguments {
    /// Integer registers, with that of the pointer to the result if there is one.
    pub int_registers: u8,
    /// Vector registers.
    pub vector_registers: u8,
    /// Bytes of the argument area, a multiple of 8.
    pub area_bytes: u32,
}

/// A variadic function from inside, whose named arguments a front end has placed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct VariadicSignature {
    /// The signature to define it with: that of the named arguments, then the registers that
    /// unnamed ones may be in, then the area after the named ones.
    pub signature: Signature,
    /// Place of the arguments on the stack after the CLIF arguments; the offsets of
    /// [`VaStart`](super::VaStart) count from there.
    pub area: IncomingArea,
    /// Plan of `va_start`.
    pub variadic: VariadicEntry,
}

impl VariadicSignature {
    /// Plans the variadic function on `target` whose named arguments have the CLIF signature
    /// `named`, and take `taken`.
    ///
    /// A register of a padding argument of `named` may be an unnamed argument's: `taken` counts it,
    /// `named` does not.
    ///
    /// # Errors
    /// [`PlanError::Check`] for a signature that Cranelift does not place as C does, [`PlanError::Unsupported`] for one that disagrees with `taken`.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::cabi::{FnSig, Target, Type};
    /// use clif_cabi_plan::{CallPlan, IncomingArea, NamedArguments, VaStart, VariadicSignature};
    ///
    /// // int f(const char *, double, ...);
    /// let target = Target::X86_64_LINUX;
    /// let named = CallPlan::new(&FnSig::new([Type::PTR, Type::F64], Type::I32), &target)?.plan.signature;
    /// let taken = NamedArguments { int_registers: 1, vector_registers: 1, area_bytes: 0 };
    /// let own = VariadicSignature::new(&named, taken, &target)?;
    /// let VaStart::Registers { counts: [gp, fp], .. } = own.variadic.start else { unreachable!() };
    /// assert_eq!((gp.count, fp.count), (8, 64));
    /// // The named ones, five integer and seven vector registers, and the area.
    /// assert_eq!((own.signature.params.len(), own.area), (15, IncomingArea::Param(14)));
    /// # Ok::<(), clif_cabi_plan::PlanError>(())
    /// ```
    pub fn new(
        named: &Signature,
        taken: NamedArguments,
        target: &Target,
    ) -> Result<Self, PlanError> {
        let machine = Machine::of(target)?;
        let refuse = |why| {
            let what = format!("the signature {named}");
            PlanError::va_arg(what, why, target)
        };
        if named.call_conv != machine.convention.call_conv {
            return Err(refuse("it is not of the convention that C has there"));
        }
        let save_area = machine.convention.va_list.save_area.as_ref();
        let save_area = save_area.ok_or_else(|| refuse("it has no register save area"))?;
        let shadow = machine.convention.shadow_bytes;
        let end = end_of_stack(machine, named, &machine.signature(named)?);
        let overflow = taken
            .area_bytes
            .checked_sub(end)
            .ok_or_else(|| refuse("it has more on the stack than the named arguments"))?;
        let mut signature = named.clone();
        let places = machine.fill(&mut signature, save_area.saved.vector.ty)?;
        let taken_registers = [taken.int_registers, taken.vector_registers].map(usize::from);
        let mut variadic =
            VariadicEntry::starting_at(machine, taken_registers, shadow.saturating_add(overflow));
        for own in left(machine, taken_registers) {
            let mut params = places.params.iter().zip(&signature.params).enumerate();
            let is_own = |place: &ClifPlace| *place == ClifPlace::Reg(own.reg);
            // `fill` has one in each register.
            let param = params.find_map(|(i, (place, param))| is_own(place).then_some((i, param)));
            match param {
                Some((param, declared)) if declared.ty.bytes() == own.ty.bytes() => {
                    let offset = own.offset;
                    variadic.saved.push(SavedRegister { param, offset });
                }
                _ => return Err(refuse("a padding argument is narrower than its register")),
            }
        }
        let area = match machine.area_from_frame() {
            // From the frame pointer to the area after its shadow space, in which nothing is counted.
            Some(offset) => {
                let after = end.saturating_sub(shadow);
                IncomingArea::FrameOffset(offset.saturating_add(after))
            }
            None => {
                let (index, after) = (signature.params.len(), Slot::block(What::Area, end, 0));
                signature
                    .params
                    .push(after.declared(false, Purpose::Normal));
                if machine.signature(&signature)?.params.get(index) != Some(&after.place) {
                    return Err(refuse("what follows it on the stack is elsewhere"));
                }
                IncomingArea::Param(index)
            }
        };
        Ok(Self {
            signature,
            area,
            variadic,
        })
    }
}

/// Returns the first byte after the shadow space and the stack arguments.
fn end_of_stack(machine: Machine, signature: &Signature, places: &Places) -> u32 {
    let params = signature.params.iter().zip(&places.params);
    let slot = |param: &ClifParam| machine.convention.slot(param.ty);
    let ends = params.filter_map(|(param, place)| place.in_area(slot(param)));
    let ends = ends.map(|(_, end)| end);
    ends.max().unwrap_or(machine.convention.shadow_bytes)
}
