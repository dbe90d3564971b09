//! A signature in, the place of every part out. [`FnAbi`] is computed once and then only read: by
//! callers, callees, explanations, tests.

mod values;

use alloc::boxed::Box;
use alloc::string::ToString;

use smallvec::SmallVec;

pub use self::values::{ArgAbi, RetAbi, Returns};
use crate::convention::assign::{Assigner, MAX_NESTING, no_place};
use crate::convention::registers::MAX_AREA;
use crate::convention::trace::Tracer;
use crate::convention::{
    ArgFlags, CalleePops, Classify, Convention, Group, Lists, Loc, Place, Reg, RegCounts, Role,
    Rule,
};
use crate::sig::{FnSig, NO_ARRAY, Param, no_argument, passed, stack_align};
use crate::target::Target;
use crate::types::error::Error;
use crate::types::{Kind, Type};

/// Places of everything in a call.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FnAbi {
    /// One per parameter.
    pub args: SmallVec<[ArgAbi; 10]>,
    /// The result.
    pub ret: RetAbi,
    /// Bytes of the argument area, shadow space and a result on the stack included; a multiple of
    /// the slot.
    pub area_bytes: u64,
    /// Alignment of the argument area, in bytes: the stack pointer's where the call is made.
    pub area_align: u32,
    /// Bytes that the callee pops when it returns.
    pub callee_pops: u64,
    /// Number of registers of each bank that the arguments use up, those taken as shadows included.
    pub used: RegCounts,
    /// The register in which the caller states how many vector registers are used, if this is a
    /// call of a variadic function.
    pub variadic_count: Option<Reg>,
    /// The convention.
    pub convention: &'static Convention,
}

impl FnAbi {
    /// Returns the places of everything in a call of `sig` on `target`. Does not allocate for up to
    /// ten arguments, if a convention makes at most two parts of each.
    ///
    /// # Errors
    /// - [`Error::DataModel`]: the target's data model lays a type out differently.
    /// - [`Error::Unsupported`]: the convention has no place for a type.
    /// - [`Error::NoKnownRule`]: the policy's compiler places a type by no known rule.
    /// - [`Error::InvalidSignature`]: C has no such signature.
    /// - [`Error::InvalidAlign`]: the stack alignment is no power of two, or too large.
    /// - [`Error::StackAlign`]: the stack alignment is below the convention's.
    ///
    /// # Example
    /// ```
    /// use cabi::{DataModel, FnAbi, FnSig, RecordBuilder, Target, Type};
    ///
    /// let pair = RecordBuilder::structure("pair")
    ///     .field("x", Type::F64)
    ///     .field("n", Type::I64)
    ///     .build(&DataModel::LP64)?;
    /// let abi = FnAbi::new(&FnSig::new([pair.clone()], pair), &Target::X86_64_LINUX)?;
    /// assert_eq!(abi.args[0].place.to_string(), "xmm0 rdi");
    /// assert_eq!(abi.ret.to_string(), "xmm0 rax");
    ///
    /// let refused = FnAbi::new(&FnSig::new([Type::VOID], Type::I32), &Target::X86_64_LINUX);
    /// assert_eq!(
    ///     refused.unwrap_err().to_string(),
    ///     "void: an argument needs a complete object type (x86_64-unknown-linux-gnu)"
    /// );
    /// # Ok::<(), cabi::Error>(())
    /// ```
    pub fn new(sig: &FnSig, target: &Target) -> Result<Self, Error> {
        Self::traced(sig, target, Tracer::OFF)
    }

    pub(crate) fn traced(sig: &FnSig, target: &Target, tracer: Tracer<'_>) -> Result<Self, Error> {
        let convention = Self::convention_of(sig, target)?;
        let stack_align = stack_align(sig, convention)?;
        let (frame, rules) = (&convention.frame, &convention.rules);
        let (features, variadic) = (sig.features, sig.variadic);
        let pointer = target.data_model().pointer;
        let walk = Placer {
            sig,
            target,
            convention,
            cx: sig.classify((target, convention), Role::Result, tracer),
            assigner: Assigner::new(frame, stack_align, features, variadic, pointer, tracer),
            result_area: (0, 1),
            counted: None,
        };
        walk.run(rules.lists(features, variadic))
    }

    /// Returns the convention of `sig`: its own, or the target's.
    ///
    /// # Errors
    /// [`Error::UnknownTarget`] if neither has one.
    pub fn convention_of(sig: &FnSig, target: &Target) -> Result<&'static Convention, Error> {
        let unknown = || Error::UnknownTarget {
            target: target.name().into(),
        };
        sig.convention.or(target.convention()).ok_or_else(unknown)
    }

    /// Returns the parts of a value of type `ty` in a function like `sig`, before any register is
    /// counted. `va_arg` needs this, for one. As an argument, a function is classified as a
    /// pointer.
    ///
    /// # Errors
    /// [`Error`] for what the convention has no place for, `void`, arrays and types of another data
    /// model.
    ///
    /// # Example
    /// ```
    /// use cabi::convention::Role;
    /// use cabi::{Bank, DataModel, FnAbi, FnSig, RecordBuilder, Target, Type};
    ///
    /// let pair = RecordBuilder::structure("pair")
    ///     .field("x", Type::F64)
    ///     .field("n", Type::I64)
    ///     .build(&DataModel::LP64)?;
    /// let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    /// let group = FnAbi::classify(&printf, &pair, Role::Unnamed, &Target::X86_64_LINUX)?;
    /// let banks: Vec<Bank> = group.parts.iter().map(|part| part.bank).collect();
    /// assert_eq!(banks, [Bank::Vector, Bank::Int]);
    /// # Ok::<(), cabi::Error>(())
    /// ```
    pub fn classify(sig: &FnSig, ty: &Type, role: Role, target: &Target) -> Result<Group, Error> {
        let convention = Self::convention_of(sig, target)?;
        target.check(ty, sig.features.vectors)?;
        let model = target.data_model();
        let other = passed(ty, role, model);
        let ty = other.as_ref().unwrap_or(ty);
        let no_result = matches!(ty.kind(), Kind::Function).then_some(NO_RESULT);
        if let Some(why) = no_argument(ty).or(no_result) {
            return Err(Error::Unsupported {
                ty: ty.to_string(),
                why,
                target: target.name().into(),
            });
        }
        let mut cx = sig.classify((target, convention), role, Tracer::OFF);
        let group = (convention.rules.classify)(ty, &mut cx);
        group.map_err(|error| error.on(target.name()))
    }

    /// Returns whether a result of `sig`'s type has a place of its own, in registers or after the
    /// arguments; otherwise it needs a hidden pointer.
    ///
    /// # Errors
    /// As [`FnAbi::new`].
    pub fn return_fits(sig: &FnSig, target: &Target) -> Result<bool, Error> {
        let only_result = FnSig {
            params: SmallVec::new(),
            n_named: 0,
            ..sig.clone()
        };
        let place = Self::new(&only_result, target)?.ret.place;
        Ok(!matches!(place, Place::Indirect { .. }))
    }
}

const NO_RESULT: &str = "a function cannot return a function";

/// State of the placement of one signature.
struct Placer<'a, 't> {
    sig: &'a FnSig,
    target: &'a Target,
    convention: &'static Convention,
    assigner: Assigner<'t>,
    /// Input of a classifier, with the role of the value at hand.
    cx: Classify<'a, 't>,
    /// Bytes and alignment of what the result takes of the stack.
    result_area: (u64, u32),
    /// Registers that the convention's [`adjust`](crate::convention::Rules::adjust) counts as free.
    counted: Option<RegCounts>,
}

impl Placer<'_, '_> {
    /// Places the result and all arguments.
    #[inline(always)]
    fn run(mut self, lists: Lists) -> Result<FnAbi, Error> {
        // Written where it is returned, because it is too large to move.
        let mut abi = Ok(FnAbi {
            args: SmallVec::new(),
            ret: RetAbi {
                place: Place::Ignore,
                sret_returned_in: None,
                returns: match self.sig.result.kind() {
                    _ if self.sig.noreturn => Returns::Never,
                    Kind::Void => Returns::Void,
                    _ => Returns::Value,
                },
            },
            area_bytes: 0,
            area_align: self.assigner.state.area().1,
            callee_pops: 0,
            used: RegCounts::default(),
            variadic_count: None,
            convention: self.convention,
        });
        if let Ok(unfilled) = &mut abi
            && let Err(error) = self.fill(lists, unfilled)
        {
            abi = Err(*error);
        }
        abi
    }

    #[inline(always)]
    fn fill(&mut self, lists: Lists, abi: &mut FnAbi) -> Result<(), Box<Error>> {
        self.result(lists, &mut abi.ret.place)?;
        let (params, n_named) = (&self.sig.params, self.sig.n_named);
        abi.args.reserve_exact(params.len());
        for i in 0..params.len() {
            let (named, place) = (i < n_named, Place::Ignore);
            abi.args.push(ArgAbi { place, named });
        }
        for (param, arg) in params.iter().zip(&mut abi.args) {
            self.argument(param, lists.args, arg)?;
        }
        self.close(abi)
    }

    /// Classifies a value and places it by `rules`, in `place`; `false` if none of them has a place
    /// for it.
    #[inline(always)]
    fn place(
        &mut self,
        ty: &Type,
        (role, flags): (Role, ArgFlags),
        rules: &'static [Rule],
        place: &mut Place,
    ) -> Result<bool, Box<Error>> {
        self.cx.role = role;
        // By reference, because a group is too large to move.
        match (self.convention.rules.classify)(ty, &mut self.cx) {
            Ok(ref mut group) => {
                self.cx.tracer.group(group);
                let has_flags = flags.and(group.flags) != ArgFlags::NONE;
                if has_flags {
                    group.flag(flags);
                }
                if has_flags || group.counts.is_some() || self.counted.is_some() {
                    self.adjust(ty, group)?;
                }
                let result = self.assigner.place(rules, group, role, place);
                result.map_err(|why| self.unsupported(ty, why))
            }
            Err(error) => Err(error.on(self.target.name()).into()),
        }
    }

    /// Calls `place`, not inlined: the slow path, for values whose type differs from the
    /// argument's.
    #[inline(never)]
    fn place_separately(
        &mut self,
        ty: &Type,
        role_and_flags: (Role, ArgFlags),
        rules: &'static [Rule],
        place: &mut Place,
    ) -> Result<bool, Box<Error>> {
        self.place(ty, role_and_flags, rules, place)
    }

    /// Lets the convention change the group of a value, depending on the values before it.
    #[cold]
    fn adjust(&mut self, ty: &Type, group: &mut Group) -> Result<(), Box<Error>> {
        let Some(adjust) = self.convention.rules.adjust else {
            return Ok(());
        };
        let (state, cx) = (&self.assigner.state, &mut self.cx);
        adjust(&mut self.counted, state, ty, group, cx).map_err(|why| {
            Box::new(Error::NoKnownRule {
                ty: ty.to_string(),
                why,
                target: self.target.name().into(),
            })
        })
    }

    /// Refuses a static chain if the system reserves its register, or if the convention has no rule
    /// for one. As an ordinary argument, it would take the place of another one.
    #[cold]
    fn check_static_chain(&self, ty: &Type, rules: &[Rule]) -> Result<(), Box<Error>> {
        let is_for_one =
            |rule: &Rule| matches!(rule, Rule::IfFlag(flag, _) if flag.has(ArgFlags::NEST));
        let reserved = self.target.reserved_register();
        let is_in_reserved = |rule: &Rule| {
            matches!(rule, Rule::IfFlag(flag, Rule::AssignToReg(regs))
                if flag.has(ArgFlags::NEST) && reserved.is_some_and(|reg| regs.contains(&reg)))
        };
        let why = if !Rule::any(rules, MAX_NESTING, &is_for_one) {
            "the convention has no register for a static chain"
        } else if Rule::any(rules, MAX_NESTING, &is_in_reserved) {
            "the system reserves the register of a static chain"
        } else {
            return Ok(());
        };
        Err(self.unsupported(ty, why))
    }

    #[cold]
    fn unsupported(&self, ty: &Type, why: &'static str) -> Box<Error> {
        Box::new(Error::Unsupported {
            ty: ty.to_string(),
            why,
            target: self.target.name().into(),
        })
    }

    /// Puts the result in `place`. A hidden pointer takes its register before any argument does.
    #[inline(always)]
    fn result(&mut self, lists: Lists, place: &mut Place) -> Result<(), Box<Error>> {
        self.assigner.tracer.begin_value();
        let ty = &self.sig.result;
        self.target.check(ty, self.sig.features.vectors)?;
        match ty.kind() {
            Kind::Void => return Ok(()),
            Kind::Function => return Err(self.unsupported(ty, NO_RESULT)),
            Kind::Array(_) => return Err(self.unsupported(ty, NO_ARRAY)),
            _ => {}
        }
        let before = self.assigner.state;
        self.assigner.state = before.for_result();
        let role_and_flags = (Role::Result, ArgFlags::NONE);
        let has_place = self.place(ty, role_and_flags, lists.results, place)?;
        // Results have registers of their own.
        let after = core::mem::replace(&mut self.assigner.state, before);
        let fits = self.convention.rules.return_fits;
        match place {
            _ if !has_place => *place = self.sret(lists.args)?,
            place if fits.is_some_and(|fits| !fits(place, self.sig.variadic)) => {
                *place = self.sret(lists.args)?;
            }
            Place::PerElement { .. } => {
                let why = "no rule says how a result is returned lane by lane";
                return Err(self.unsupported(ty, why));
            }
            Place::Indirect { .. } => *place = self.sret(lists.args)?,
            Place::Ignore => {}
            _ if self.sig.noreturn => *place = Place::Ignore,
            _ => self.result_area = after.area(),
        }
        Ok(())
    }

    /// Returns the place of the hidden pointer to a result that finds no registers.
    fn sret(&mut self, rules: &'static [Rule]) -> Result<Place, Box<Error>> {
        self.assigner
            .tracer
            .note("no registers for the result: the caller passes a pointer (sret)");
        let ty = &self.sig.result;
        let place = self.assigner.place_sret(rules);
        match place.map_err(|why| self.unsupported(ty, why))? {
            Some(pointer) => Ok(Place::Indirect {
                pointer,
                size: ty.size(),
                align: ty.align(),
            }),
            None => {
                let why = "the convention has no place for the pointer to the result";
                Err(self.unsupported(ty, why))
            }
        }
    }

    /// Sets the totals of `abi`. Moves parts of the result on the stack to their place after the
    /// arguments.
    #[inline(always)]
    fn close(&self, abi: &mut FnAbi) -> Result<(), Box<Error>> {
        let frame = &self.convention.frame;
        let state = &self.assigner.state;
        let (mut bytes, mut align) = state.area();
        let (result_bytes, result_align) = self.result_area;
        let slot = u64::from(frame.slot.max(1));
        if result_bytes > 0 {
            let start = bytes.next_multiple_of(slot.max(u64::from(result_align)));
            abi.ret.place.move_by(start);
            bytes = start + result_bytes;
            align = align.max(result_align);
        }
        // An area without bytes has no alignment.
        if bytes > 0 {
            if bytes > MAX_AREA.max(u64::from(frame.shadow_space)) {
                return Err(self.unsupported(&self.sig.result, no_place::TOO_MUCH_STACK));
            }
            let unit = match frame.vector_align {
                Some(_) => slot.max(align.into()),
                None => slot,
            };
            abi.area_bytes = bytes.next_multiple_of(unit);
            abi.area_align = align;
        }
        abi.used = state.used();
        if let Place::Indirect { pointer, .. } = &abi.ret.place {
            abi.ret.sret_returned_in = frame.sret_returned_in;
            if let (CalleePops::SretPointer, Loc::Stack(_)) = (frame.callee_pops, pointer) {
                abi.callee_pops = self.assigner.pointer_bytes();
            }
        }
        if self.sig.takes_more() {
            abi.variadic_count = frame.variadic_count;
        }
        let align = match frame.callee_pops {
            CalleePops::EverythingAligned => frame.stack_align.into(),
            CalleePops::Everything => 1,
            _ => return Ok(()),
        };
        if !self.sig.variadic {
            abi.callee_pops = abi.area_bytes.next_multiple_of(align);
        }
        Ok(())
    }

    /// Places the next argument.
    #[inline(always)]
    fn argument(
        &mut self,
        param: &Param,
        rules: &'static [Rule],
        arg: &mut ArgAbi,
    ) -> Result<(), Box<Error>> {
        self.assigner.tracer.begin_value();
        self.target.check(&param.ty, self.sig.features.vectors)?;
        if let Some(why) = no_argument(&param.ty) {
            return Err(self.unsupported(&param.ty, why));
        }
        if param.flags.has(ArgFlags::NEST) {
            self.check_static_chain(&param.ty, rules)?;
        }
        let role = Role::of_argument(arg.named);
        let (role_and_flags, place) = ((role, param.flags), &mut arg.place);
        match passed(&param.ty, role, self.target.data_model()) {
            None if self.place(&param.ty, role_and_flags, rules, place)? => Ok(()),
            None => Err(self.unsupported(&param.ty, no_place::NO_RULE)),
            Some(other) if self.place_separately(&other, role_and_flags, rules, place)? => Ok(()),
            Some(other) => Err(self.unsupported(&other, no_place::NO_RULE)),
        }
    }
}
