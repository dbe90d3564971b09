//! Variadic functions of a front end with signatures of its own: from the CLIF signature of the named arguments, and what of registers and stack
//! they take, alone.

use cabi::Target;
use smallvec::SmallVec;

use super::variadic::{SavedRegister, VariadicEntry, slot};
use crate::error::{NotLowered, PlanError};
use crate::machine::{Class, Machine, SaveArea};
use crate::parts::WORD;
use crate::places::{ClifPlace, Places};
use crate::signature::{Param, Purpose, Signature, ValueType};

/// What the named arguments of a variadic function take, as C counts.
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
    /// The signature to define it with: that of the named arguments, then the registers that unnamed ones may be in, then the area after the named ones.
    pub signature: Signature,
    /// The parameter that is the address of what follows the CLIF arguments on the stack; the offsets of [`VaStart`](super::VaStart) count from there.
    pub area: usize,
    /// What `va_start` needs.
    pub variadic: VariadicEntry,
}

impl VariadicSignature {
    /// The variadic function on `target` whose named arguments have the CLIF signature `named`, and take `taken`.
    ///
    /// A register that `named` has a padding argument in may be an unnamed argument's: it is counted by `taken`, not by `named`.
    ///
    /// # Errors
    /// [`PlanError::Check`] for a signature that Cranelift does not place as C does, [`PlanError::Unsupported`] for one that disagrees with `taken`.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::cabi::{FnSig, Target, Type};
    /// use clif_cabi_plan::{CallPlan, NamedArguments, VaStart, VariadicSignature};
    ///
    /// // int f(const char *, double, ...);
    /// let target = Target::X86_64_LINUX;
    /// let named = CallPlan::new(&FnSig::new([Type::PTR, Type::F64], Type::I32), &target)?.plan.signature;
    /// let taken = NamedArguments { int_registers: 1, vector_registers: 1, area_bytes: 0 };
    /// let own = VariadicSignature::new(&named, taken, &target)?;
    /// assert!(matches!(own.variadic.start, VaStart::Registers { gp_offset: 8, fp_offset: 64, .. }));
    /// // The named ones, five integer and seven vector registers, and the area.
    /// assert_eq!((own.signature.params.len(), own.area), (15, 14));
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
            PlanError::unsupported(what, NotLowered::VaArg(why), target)
        };
        if named.call_conv != machine.counting.call_conv {
            return Err(refuse("it is not of the convention that C has there"));
        }
        let save_area = machine.va_list.save_area.as_ref();
        let save_area = save_area.ok_or_else(|| refuse("it has no register save area"))?;
        let end = end_of_stack(named, &machine.places(named)?);
        let Some(overflow) = taken.area_bytes.checked_sub(end) else {
            return Err(refuse("it has more on the stack than the named arguments"));
        };
        let mut signature = named.clone();
        let saved = save_registers(
            &mut signature,
            machine,
            save_area,
            taken,
            &machine.places(named)?,
        );
        let saved = saved.map_err(refuse)?;
        let area = signature.params.len();
        let purpose = Purpose::StructArgument(0);
        signature.params.push(Param::special(WORD, purpose));
        let found = machine.places(&signature)?;
        let after = ClifPlace::Area {
            offset: end,
            size: 0,
        };
        if found.params.get(area) != Some(&after) {
            return Err(refuse("what follows it on the stack is elsewhere"));
        }
        let counts = [taken.int_registers, taken.vector_registers].map(usize::from);
        let mut variadic = VariadicEntry::starting_at(machine, counts, overflow);
        variadic.saved = saved;
        Ok(Self {
            signature,
            area,
            variadic,
        })
    }
}

/// Gives `signature`, whose parameters are at `places`, one for each further register of parameters. Those that unnamed arguments may be in, and where
/// they are saved.
fn save_registers(
    signature: &mut Signature,
    machine: &Machine,
    save_area: &SaveArea,
    taken: NamedArguments,
    places: &Places,
) -> Result<SmallVec<[SavedRegister; 16]>, &'static str> {
    let mut saved = SmallVec::new();
    for (class, n_taken, ty) in [
        (Class::Int, taken.int_registers, WORD),
        (Class::Vector, taken.vector_registers, ValueType::I8X16),
    ] {
        for (i, reg) in machine.counting.params.of(class).iter().enumerate() {
            let mut placed = places.params.iter();
            let own = placed.position(|place| *place == ClifPlace::Reg(*reg));
            let param = own.unwrap_or_else(|| {
                signature.params.push(Param::new(ty));
                signature.params.len() - 1
            });
            if i < usize::from(n_taken) {
                continue;
            }
            let declared = signature.params.get(param).map_or(ty, |param| param.ty);
            if declared.bytes() != ty.bytes() {
                return Err("a padding argument is narrower than its register");
            }
            let offset = slot(machine.counting, save_area, class, i);
            let offset = i32::try_from(offset).unwrap_or(i32::MAX);
            saved.push(SavedRegister { param, offset });
        }
    }
    Ok(saved)
}

/// The first byte after what is on the stack.
fn end_of_stack(signature: &Signature, places: &Places) -> u32 {
    let ends = signature.params.iter().zip(&places.params);
    let end = |(param, place): (&Param, &ClifPlace)| match place {
        ClifPlace::Reg(_) => 0,
        ClifPlace::Stack { offset } => offset.saturating_add(param.ty.bytes().max(WORD.bytes())),
        ClifPlace::Area { offset, size } => offset.saturating_add(*size),
    };
    ends.map(end).max().unwrap_or(0)
}
