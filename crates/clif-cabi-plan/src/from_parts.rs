//! Signatures of front ends that have no C types when they lower, only parts.
//!
//! ```text
//! PartsValue -> C type -> FnSig -> plans, as for every other signature
//!                  |
//!                  '-> the parts that the convention makes of it: other ones are refused
//! ```
//!
//! Each value is given the C type of an object with its parts ([`c_type`]). So the convention's own
//! classifier, the one counter of registers, and the solver place the value. Some places depend on
//! more than the parts. Examples are registers that a homogeneous aggregate leaves unused, pairs
//! aligned to an even register, and floats that are passed as integers.

mod c_type;

use cabi::convention::{Group, GroupKind, Role};
use cabi::{ArgFlags, Bank, Convention, FnAbi, FnSig, Place, Target, Type};

use crate::error::PlanError;
use crate::parts::{ClifPart, ClifParts, WORD, narrow, unplaced};
use crate::signature::{Extension, ValueType};

/// A value of a front end without C types: an object, and the parts that it is classified to.
///
/// # Example
/// ```
/// use clif_cabi_plan::{PartsValue, ValueType::{F64, I64}};
/// let pair = PartsValue::new(&[F64, I64], 16, 8);
/// let offsets = pair.parts.iter().map(|part| part.offset);
/// assert!(offsets.eq([0, 8]));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PartsValue {
    /// Its parts in registers, in the order of the object. Empty: it is passed in memory.
    pub parts: ClifParts,
    /// Bytes of the object.
    pub size: u64,
    /// Alignment of the object, in bytes. Under AAPCS64 an object in parts has the alignment of its
    /// members: an attribute on the record alone does not count.
    pub align: u32,
    /// `true` if the address of a copy is passed. Otherwise a value in memory is in the argument
    /// area.
    pub by_reference: bool,
}

impl PartsValue {
    /// Makes an object of `size` bytes aligned to `align`, in parts of these types, each at the
    /// next multiple of its size. An object without types is passed in the argument area. One part
    /// as large as the object is a scalar. On Apple's arm64 an `int` takes 4 bytes of the stack.
    /// The part of `struct { int a; }` is the word `I64` there, as clang passes it.
    #[must_use]
    pub fn new(types: &[ValueType], size: u64, align: u32) -> Self {
        let mut next = 0;
        let part = |ty: &ValueType| {
            let at = u32::checked_next_multiple_of(next, ty.bytes()).unwrap_or(u32::MAX);
            next = at.saturating_add(ty.bytes());
            let left = size.saturating_sub(at.into()).min(ty.bytes().into());
            ClifPart::new(at, narrow(left), *ty)
        };
        Self {
            parts: types.iter().map(part).collect(),
            size,
            align,
            by_reference: false,
        }
    }

    /// Makes a scalar or vector of type `ty`. `extension` is its sign where the convention extends
    /// it.
    #[must_use]
    pub fn scalar(ty: ValueType, extension: Extension) -> Self {
        let mut value = Self::new(&[ty], ty.bytes().into(), ty.bytes());
        let parts = value.parts.iter_mut();
        parts.for_each(|part| part.extension = extension);
        value
    }

    /// Makes an object whose address is passed, or to which a result is returned.
    #[must_use]
    pub fn by_reference(size: u64, align: u32) -> Self {
        Self {
            by_reference: true,
            ..Self::new(&[], size, align)
        }
    }

    /// Returns the value in the parts of `group`.
    fn in_parts(&self, group: &Group) -> Self {
        Self {
            parts: group.parts.iter().map(unplaced).collect(),
            ..*self
        }
    }

    /// Refuses the value, argument `arg` or the result, if the convention passes it as `expected`
    /// instead, in the parts of `group`.
    fn check(
        &self,
        (arg, role): (Option<usize>, Role),
        expected: &Self,
        group: &Group,
        target: &Target,
    ) -> Result<(), PlanError> {
        let is_same = match [expected, self].map(|value| value.parts.is_empty()) {
            [true, true] => expected.by_reference == self.by_reference,
            [false, false] => self.has_parts_of(role, group),
            _ => false,
        };
        if !is_same {
            return Err(PlanError::Parts {
                what: self.described(arg),
                expected: expected.passed_as(),
                found: self.passed_as(),
                target: target.name().to_string(),
            });
        }
        let mut parts = self.parts.iter().zip(&group.parts);
        let is_other = |(part, expected): (&ClifPart, &cabi::Part)| {
            let extensions = [part.extension, expected.extension];
            !extensions.contains(&Extension::None) && part.extension != expected.extension
        };
        match parts.any(is_other) {
            true => Err(self.refused(arg, "the convention extends it differently", target)),
            false => Ok(()),
        }
    }

    /// Returns the way it is passed, in words.
    fn passed_as(&self) -> String {
        match (&self.parts[..], self.by_reference) {
            ([], true) => "the address of an object".into(),
            ([], false) => "an object in the argument area".into(),
            (parts, _) => {
                let types: Vec<_> = parts.iter().map(|part| part.ty.to_string()).collect();
                format!("the parts [{}]", types.join(", "))
            }
        }
    }

    /// Returns the error that the value, argument `arg` or the result, is refused.
    fn refused(&self, arg: Option<usize>, why: &'static str, target: &Target) -> PlanError {
        PlanError::unsupported(self.described(arg), why, target)
    }

    fn described(&self, arg: Option<usize>) -> String {
        let what = arg.map_or("result".into(), |arg| format!("argument {arg}"));
        let (size, align) = (self.size, self.align);
        format!("{what}, an object of {size} bytes aligned to {align}")
    }

    /// Checks whether `group` has the parts of the value (or the words of an `i128`) at the same
    /// offsets, in registers of the same classes. A float of a variadic function may be passed as
    /// an integer.
    fn has_parts_of(&self, role: Role, group: &Group) -> bool {
        let words = self.parts.iter().flat_map(|part| {
            let n = u32::from(part.size).div_ceil(WORD.bytes());
            let n = if part.ty.is_int() { n } else { 1 };
            let at = move |i| part.offset.saturating_add(i * WORD.bytes());
            (0..n).map(move |i| (at(i), part.ty.is_int()))
        });
        let is_own = |((offset, is_int), own): ((u32, bool), &cabi::Part)| {
            let is_of_class = is_int == (own.bank == Bank::Int);
            offset == u32::from(own.offset)
                && (is_of_class || role == Role::Unnamed && own.bank == Bank::Int)
        };
        words.clone().count() == group.parts.len() && words.zip(&group.parts).all(is_own)
    }

    /// Returns the C type and the group of the value as an unnamed argument of C's functions on
    /// `target`. `is_address`: a value in memory is passed by its address.
    pub(crate) fn va_arg_group(
        &self,
        sig: &FnSig,
        target: &Target,
        is_address: bool,
    ) -> Result<(Type, Group), PlanError> {
        let ty = self.c_type(target.data_model());
        let ty = ty.map_err(|why| self.refused(None, why, target))?;
        let mut group = FnAbi::classify(sig, &ty, Role::Unnamed, target)?;
        let is_in_memory = group.kind != GroupKind::Registers;
        if !self.parts.is_empty() || is_address && !is_in_memory {
            let expected = match (is_in_memory, is_address) {
                (false, _) => self.in_parts(&group),
                (true, true) => Self::by_reference(self.size, self.align),
                (true, false) => Self::new(&[], self.size, self.align),
            };
            self.check((None, Role::Unnamed), &expected, &group, target)?;
        } else {
            (group.kind, group.otherwise) = (GroupKind::Memory, None);
        }
        Ok((ty, group))
    }
}

/// Signature of a front end without C types. [`PartsSignature::fn_sig`] gives the C signature that
/// is called and entered alike, by [`CallPlan`](crate::CallPlan),
/// [`EntryPlan`](crate::EntryPlan), and all of `clif-cabi`.
///
/// # Example
/// ```
/// use clif_cabi_plan::{CallPlan, PartsSignature, PartsValue, ValueType::{F32, F64}, cabi::Target};
///
/// // An HFA of four floats after six doubles: v6 and v7 stay unused, it is on the stack.
/// let arm = Target::named("aarch64-unknown-linux-gnu")?;
/// let mut params = vec![PartsValue::new(&[F64], 8, 8); 6];
/// params.push(PartsValue::new(&[F32; 4], 16, 4));
/// let sig = PartsSignature { params, ..PartsSignature::default() };
/// let plan = CallPlan::new(&sig.fn_sig(&arm)?, &arm)?;
/// assert_eq!(plan.args.slots(6)[0].place.to_string(), "stack 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct PartsSignature {
    /// The arguments: of a variadic function the named ones, then those of one call.
    pub params: Vec<PartsValue>,
    /// Number of named arguments, if the function is variadic.
    pub n_named: Option<usize>,
    /// The result. `None`: there is none.
    pub result: Option<PartsValue>,
    /// The convention. `None`: C's on the target.
    pub convention: Option<&'static Convention>,
}

impl PartsSignature {
    /// Returns a C signature that passes these parts. A plan of it may have wider parts
    /// ([`ArgTable::parts`](crate::ArgTable::parts)): words, if the argument is in memory or its
    /// floats are passed as integers. `clif-cabi`'s `Arg::Parts` takes the given ones all the same;
    /// a function gets the plan's.
    ///
    /// # Errors
    /// [`PlanError::Unsupported`] if no object has these parts, or on a big-endian machine if a
    /// part has more bytes than its object. [`PlanError::Parts`] if the convention passes an object
    /// in other parts. [`PlanError::Abi`] if it has no place for a value.
    pub fn fn_sig(&self, target: &Target) -> Result<FnSig, PlanError> {
        let c_type = |arg, value: &PartsValue| {
            let ty = value.c_type(target.data_model());
            ty.map_err(|why| value.refused(arg, why, target))
        };
        let params = self.params.iter().enumerate();
        let params = params.map(|(i, value)| c_type(Some(i), value));
        let mut params: Vec<Type> = params.collect::<Result<_, _>>()?;
        let n_named = self.n_named.unwrap_or(params.len());
        if n_named > params.len() {
            let subject = format!("{n_named} named arguments");
            let why = "the signature has fewer";
            return Err(PlanError::unsupported(subject, why, target));
        }
        let unnamed = params.split_off(n_named);
        let result = self.result.as_ref().map(|value| c_type(None, value));
        let mut sig = FnSig::new(params, result.transpose()?.unwrap_or(Type::VOID));
        if let Some(convention) = self.convention {
            sig = sig.convention(convention);
        }
        if self.n_named.is_some() {
            sig = sig.variadic().at_call_unpromoted(unnamed)?;
        }
        for (i, value) in self.params.iter().enumerate() {
            if value.parts.is_empty() && !value.by_reference {
                sig = sig.flags(i, ArgFlags::BYVAL);
            }
        }
        self.check(&sig, target)?;
        Ok(sig)
    }

    /// Refuses a value that the convention of `sig`, its C signature, passes differently.
    fn check(&self, sig: &FnSig, target: &Target) -> Result<(), PlanError> {
        let abi = FnAbi::new(sig, target)?;
        let check = |arg, value: &PartsValue, ty, (role, place): (_, &_)| {
            let is_wider = |part: &ClifPart| part.ty.bytes() > part.size.into();
            if abi.convention.frame.big_endian && value.parts.iter().any(is_wider) {
                let why =
                    "on a big-endian machine a part's type cannot have more bytes than the part";
                return Err(value.refused(arg, why, target));
            }
            let group = FnAbi::classify(sig, ty, role, target)?;
            let is_in_registers = group.kind == GroupKind::Registers;
            let expected = match place {
                Place::Ignore => {
                    return Err(value.refused(arg, "the convention does not pass it", target));
                }
                Place::Indirect { .. } => PartsValue::by_reference(value.size, value.align),
                Place::Stack { .. } if value.parts.is_empty() || !is_in_registers => {
                    PartsValue::new(&[], value.size, value.align)
                }
                _ => value.in_parts(&group),
            };
            value.check((arg, role), &expected, &group, target)
        };
        let args = sig.params().iter().zip(&abi.args).enumerate();
        for ((i, (param, arg)), value) in args.zip(&self.params) {
            let role = Role::of_argument(arg.named);
            check(Some(i), value, &param.ty, (role, &arg.place))?;
        }
        match &self.result {
            Some(value) => check(None, value, sig.result(), (Role::Result, &abi.ret.place)),
            None => Ok(()),
        }
    }
}
