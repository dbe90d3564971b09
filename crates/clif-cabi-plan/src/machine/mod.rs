//! Machines: a processor, and Cranelift's conventions on it as tables, which are independent.
//! Each processor is a folder here and a line of `ARCHITECTURES`; nothing outside this folder names
//! a register or a calling convention.

mod aarch64;
mod convention;
mod description;
mod encode;
mod processor;
mod registers;
mod riscv64;
mod s390x;
mod stub;
#[cfg(test)]
mod tests;
mod va_list;
mod walk;
mod x86_64;

use cabi::convention::CalleePops;
use cabi::{Convention, FnAbi, FnSig, Reg, Target, Triple, Type};

use crate::error::PlanError;
use crate::parts::WORD;
use crate::signature::{ClifParam, ClifPlace, Places, Signature, ValueType};

pub(crate) use convention::{ClifConvention, Sret};
pub(crate) use description::NO_RESULT;
pub use description::ResultPlan;
use processor::Processor;
pub(crate) use registers::{PerClass, RegClass, Registers};
pub use stub::{MoveWidth, RegisterMove, Reloc, RelocKind, Stub, StubCode, StubStep, UnwindRow};
pub use va_list::VaCounter;
pub(crate) use va_list::{Home, SaveArea, SavedClass};

/// A processor, and Cranelift's conventions on it.
#[derive(Debug)]
struct Architecture {
    processor: Processor,
    conventions: &'static [&'static ClifConvention],
    /// The architecture and system, or all systems, whose position-independent code cannot reach an
    /// import as a far function.
    near_imports: Option<(&'static str, Option<&'static str>)>,
    /// Conventions of its targets that cannot be lowered, and the reason.
    refused: (&'static [&'static Convention], &'static str),
}

/// Processors and conventions that calls are planned for.
const ARCHITECTURES: &[&Architecture] = &[
    &x86_64::ARCHITECTURE,
    &aarch64::ARCHITECTURE,
    &riscv64::ARCHITECTURE,
    &s390x::ARCHITECTURE,
];

/// A machine that calls are planned for: a processor, and a convention of Cranelift's on it.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    architecture: &'static Architecture,
    /// The convention of C.
    pub(crate) c: &'static ClifConvention,
    pub(crate) convention: &'static ClifConvention,
}

impl Machine {
    /// Returns the machine of `target`.
    ///
    /// # Errors
    /// [`PlanError::Target`] if no calls are planned for it.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{Machine, cabi::{Target, riscv::LP64F}};
    /// assert!(Machine::of(&Target::X86_64_LINUX).is_ok());
    /// let error = Machine::of(&Target::named("riscv32gc-unknown-linux-gnu")?).unwrap_err();
    /// let message = "riscv32gc-unknown-linux-gnu: only x86-64 (System V, Windows), AArch64 \
    ///     (AAPCS64, Apple, Windows), RISC-V 64 (lp64d) and s390x are lowered";
    /// assert_eq!(error.to_string(), message);
    /// let lp64f = Target::named("riscv64gc-unknown-linux-gnu")?.with_convention(&LP64F);
    /// let why = "callees of this ABI do not preserve these registers";
    /// assert!(Machine::of(&lp64f).unwrap_err().to_string().ends_with(why));
    /// # Ok::<(), clif_cabi_plan::cabi::Error>(())
    /// ```
    pub fn of(target: &Target) -> Result<Self, PlanError> {
        // The first convention is that of C, where others have the same `va_list`.
        let is_own = |own: &&&ClifConvention| target.convention() == Some(own.va_list.convention);
        let c = |architecture: &'static Architecture| {
            let convention = *architecture.conventions.iter().find(is_own)?;
            Some(Self {
                architecture,
                c: convention,
                convention,
            })
        };
        ARCHITECTURES.iter().copied().find_map(c).ok_or_else(|| {
            let mut refused = ARCHITECTURES.iter().map(|own| own.refused);
            let own = refused.find(|(all, _)| all.iter().any(|one| target.convention() == Some(*one)));
            let (_, why) = own.unwrap_or((
                &[],
                "only x86-64 (System V, Windows), AArch64 (AAPCS64, Apple, Windows), RISC-V 64 (lp64d) and s390x are lowered",
            ));
            let target = target.name().to_string();
            PlanError::Target { target, why }
        })
    }

    /// Returns the machine of `target` with Cranelift's convention for functions of `convention`.
    pub(crate) fn under(target: &Target, convention: &Convention) -> Result<Self, PlanError> {
        let c = Self::of(target)?;
        let frame = &convention.frame;
        let conventions = c.architecture.conventions.iter();
        let mut conventions = conventions.filter(|variant| variant.frame.kind == frame.kind);
        // Variants of C have frames of one kind with other `va_list`s.
        let mut variants = conventions.clone();
        let variant = variants.find(|variant| variant.frame.va_list == frame.va_list);
        let variant = variant.or(conventions.next()).ok_or_else(|| {
            PlanError::convention(convention, "this kind of frame is not lowered", target)
        });
        Ok(c.with(variant?))
    }

    /// Returns the machine with another convention of Cranelift's.
    pub(crate) fn with(self, convention: &'static ClifConvention) -> Self {
        Self { convention, ..self }
    }

    pub(crate) fn processor(&self) -> &'static Processor {
        &self.architecture.processor
    }

    /// Returns the convention by which a stub that brings a context enters functions of
    /// `convention` on `target`, and the register of its static chain. This register holds the
    /// context. The convention is `convention` itself, unless that is C's and has no register for a
    /// static chain.
    ///
    /// # Errors
    /// [`PlanError`] if functions of the convention are not lowered, and where C's static chain is
    /// in a register of the system.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{Machine, cabi::{Target, aarch64::APPLE_ARM64}};
    /// let target = Target::named("aarch64-apple-darwin")?;
    /// let (convention, context) = Machine::closures(&target, &APPLE_ARM64)?;
    /// assert_eq!((convention.name, context.name()), ("Apple arm64, closures", "x17"));
    /// # Ok::<(), clif_cabi_plan::PlanError>(())
    /// ```
    pub fn closures(
        target: &Target,
        convention: &'static Convention,
    ) -> Result<(&'static Convention, Reg), PlanError> {
        let machine = Self::under(target, convention)?;
        let is_c = *convention == *machine.convention.va_list.convention;
        let entered = machine
            .convention
            .closures
            .filter(|_| is_c)
            .unwrap_or(convention);
        if is_c {
            let chained = FnSig::new([], Type::VOID).static_chain(target.data_model());
            FnAbi::new(&chained.convention(entered), target)?;
        }
        Ok((entered, machine.convention.chain))
    }

    /// Returns the flags of Cranelift that must have a value there: name, value, and the reason. A
    /// flag of probes counts where `enable_probestack` is on.
    #[must_use]
    pub fn flags(&self) -> &'static [[&'static str; 3]] {
        self.processor().flags
    }

    /// Returns the greatest alignment of Cranelift's stack slots there, in bytes.
    #[must_use]
    pub fn slot_align(&self) -> u32 {
        self.processor().slot_align
    }

    /// Checks whether Cranelift has vectors of 16 bytes there under any flags of its ISA.
    #[must_use]
    pub fn has_vectors(&self) -> bool {
        let mut instead = self.convention.instead.iter();
        !instead.any(|(ty, _)| *ty == ValueType::F64X2)
    }

    /// Checks whether position-independent code of `triple` has to import functions as near ones
    /// (CLIF's `colocated`). The code that Cranelift has for far functions cannot be linked there.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{Machine, cabi::Triple};
    /// let is_near = |triple: &str| Some(Machine::calls_imports_near(&triple.parse().ok()?));
    /// assert_eq!(is_near("aarch64-pc-windows-msvc"), Some(true));
    /// assert_eq!(is_near("aarch64-unknown-linux-gnu"), Some(false));
    /// ```
    #[must_use]
    pub fn calls_imports_near(triple: &Triple) -> bool {
        let architecture = triple.architecture.into_str();
        let mut near = ARCHITECTURES.iter().filter_map(|own| own.near_imports);
        let own = near.find(|(own, _)| *own == architecture);
        own.is_some_and(|(_, system)| {
            system.is_none_or(|system| triple.operating_system.into_str() == system)
        })
    }

    /// Returns the places that Cranelift's back end for this machine gives to the parameters and
    /// results of `sig`. The flags are those that our lowering requires
    /// (`enable_llvm_abi_extensions` and `enable_multi_ret_implicit_sret` off).
    ///
    /// # Errors
    /// [`PlanError::Check`] for every signature that no plan may make. It refuses more than
    /// Cranelift does:
    /// - signatures that make Cranelift panic
    /// - signatures that Cranelift places differently from every C compiler (`i128`)
    /// - signatures that do not spell out how a value is passed (a hidden copy)
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::cabi::{Target, x86_64};
    /// use clif_cabi_plan::{CallConv, ClifPlace, Machine, ClifParam, Signature, ValueType};
    ///
    /// let mut sig = Signature::new(CallConv::SystemV);
    /// sig.params = [ValueType::F64, ValueType::I64].map(ClifParam::new).into_iter().collect();
    /// let machine = Machine::of(&Target::X86_64_LINUX)?;
    /// let places = machine.places(&sig)?;
    /// assert_eq!(places.params[..], [ClifPlace::Reg(x86_64::XMM0), ClifPlace::Reg(x86_64::RDI)]);
    ///
    /// sig.params.push(ClifParam::new(ValueType::I128));
    /// let error = machine.places(&sig).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "Cranelift does not take this signature: parameter 2: Cranelift does not place an \
    ///         `i128` as C does; split it into two `i64`",
    /// );
    /// # Ok::<(), clif_cabi_plan::PlanError>(())
    /// ```
    pub fn places(&self, sig: &Signature) -> Result<Places, PlanError> {
        walk::places(self.architecture.conventions, sig)
    }

    /// Returns a register that Cranelift's outline probe of a large frame changes before the frame
    /// has saved it.
    #[must_use]
    pub fn probe_register(&self) -> Option<Reg> {
        self.processor().probe
    }

    /// Returns the bytes from the frame pointer to the incoming argument area. The distance varies
    /// if a tail call may have enlarged the area: each stack argument of such a function is a
    /// parameter.
    pub(crate) fn area_from_frame(&self) -> Option<u32> {
        let is_fixed = self.convention.frame.callee_pops == CalleePops::Nothing;
        self.processor().area_from_frame.filter(|_| is_fixed)
    }

    /// Checks whether a value in the argument area can be copied there by Cranelift. The copy is a
    /// call of `memcpy` by the convention of the called function, which must pass integers as C
    /// does. A tail call would copy over the arguments of the function that it ends.
    pub(crate) fn has_sarg(&self) -> bool {
        let own = self.convention;
        let is_as_c = own.positional == self.c.positional;
        own.has_sarg && is_as_c && own.frame.callee_pops == CalleePops::Nothing
    }

    /// Checks whether a function can read its argument area as memory: by a parameter that points
    /// there, or by the frame pointer.
    pub(crate) fn has_area(&self) -> bool {
        self.has_sarg() || self.area_from_frame().is_some()
    }

    /// Returns the places of a signature of its convention.
    pub(crate) fn signature(&self, sig: &Signature) -> Result<Places, PlanError> {
        walk::places(&[self.convention], sig)
    }

    /// Appends to `sig` a parameter in each register of parameters that it leaves, in vector
    /// registers of type `vector`. Returns the places of all.
    pub(crate) fn fill(&self, sig: &mut Signature, vector: ValueType) -> Result<Places, PlanError> {
        let places = self.signature(sig)?;
        for (class, ty) in [(RegClass::Int, WORD), (RegClass::Vector, vector)] {
            // By position each register that is taken takes the place of one of the other class.
            let n_taken = match (self.convention.positional, class) {
                (false, _) => 0,
                (true, RegClass::Int) => {
                    places.params.iter().filter(|at| at.reg().is_some()).count()
                }
                (true, RegClass::Vector) => usize::MAX,
            };
            let regs = self.convention.params.of(class).iter().skip(n_taken);
            let free = regs.filter(|reg| !places.params.contains(&ClifPlace::Reg(**reg)));
            sig.params.extend(free.map(|_| ClifParam::new(ty)));
        }
        self.signature(sig)
    }

    /// Returns the reason to refuse `convention`: a requirement that no signature of Cranelift
    /// expresses, so that the check cannot find it.
    pub(crate) fn convention_objection(&self, convention: &Convention) -> Option<&'static str> {
        let is_own = |reg: Option<Reg>, own: Option<Reg>| reg.is_none() || reg == own;
        let has_all = |own: &[Reg], regs: &[Reg]| regs.iter().all(|reg| own.contains(reg));
        let is_same = |a: &[Reg], b: &[Reg]| has_all(a, b) && has_all(b, a);
        let (frame, clif_frame) = (&convention.frame, &self.convention.frame);
        let objections = [
            (
                frame.shadow_space != self.convention.shadow_bytes,
                "its shadow space differs from that of Cranelift's functions: 32 bytes on x64 Windows, none elsewhere",
            ),
            (
                !is_same(frame.callee_saved, clif_frame.callee_saved),
                "callees preserve other registers than Cranelift's functions do",
            ),
            (
                !is_same(frame.partly_saved, clif_frame.partly_saved),
                "callees preserve other parts of registers than Cranelift's functions do",
            ),
            (
                frame.callee_pops != clif_frame.callee_pops,
                "callees pop other arguments than Cranelift's functions do",
            ),
            (
                !is_own(frame.context, self.processor().context),
                "its context is not in CLIF's pinned register",
            ),
            (
                frame.carried.is_some() || frame.vector_align.is_some(),
                "Cranelift passes no address beside the arguments, and aligns the stack to 16 bytes",
            ),
            (
                frame.spills,
                "Cranelift leaves no room after the argument area for arguments in registers",
            ),
            (
                frame.big_endian != self.processor().big_endian,
                "Cranelift's functions have the other byte order on this machine",
            ),
            (
                !is_own(frame.variadic_count, self.processor().vector_count),
                "the count of vector registers is in another register than in C",
            ),
        ];
        objections
            .iter()
            .find_map(|(is_so, why)| is_so.then_some(*why))
    }
}
