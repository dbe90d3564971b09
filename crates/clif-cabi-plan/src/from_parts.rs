//! Signatures of front ends that have no C types when they lower, only parts.
//!
//! Each value stands for an object of a C type with the same parts. So the convention's own
//! classifier, the one counter of registers, and the solver place it, with everything that depends
//! on more than the parts: registers that a homogeneous aggregate leaves unused, pairs aligned to
//! an even register, floats that are passed as integers. A value that the convention passes in
//! other parts is refused.

use cabi::convention::{Group, GroupKind, Role};
use cabi::{ArgFlags, Bank, Convention, FnAbi, FnSig, Member, Place, RecordBuilder, Target, Type};

use crate::error::PlanError;
use crate::parts::{ClifPart, ClifParts, narrow};
use crate::signature::{Extension, ValueType};

const OTHER_PARTS: &str = "the convention passes it in other parts";
const IN_REGISTERS: &str = "the convention does not pass it by reference";

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
    /// Alignment of the object's members, in bytes: an attribute on the record alone does not
    /// count.
    pub align: u32,
    /// `true` if its address is passed, that of a copy; otherwise memory is the argument area.
    pub by_reference: bool,
}

impl PartsValue {
    /// Makes an object of `size` bytes aligned to `align`, in parts of these types: each at the
    /// next multiple of its size. Without types it is passed in the argument area.
    #[must_use]
    pub fn new(types: &[ValueType], size: u64, align: u32) -> Self {
        let mut next = 0;
        let part = |ty: &ValueType| {
            let at = next_multiple(next, ty.bytes());
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

    /// Makes a scalar or vector of type `ty`, which has the sign that `extension` says where the
    /// convention extends it. A scalar that the convention passes in two words, as `i128`, is
    /// [`new`](Self::new)`(&[I64, I64], 16, 16)`.
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

    /// Returns a C type with these parts, or the reason why there is none.
    fn object(&self, target: &Target) -> Result<Type, &'static str> {
        const FIRST: &str = "at_0";
        const NO_OBJECT: &str = "its parts are not those of an object of its size and alignment";
        let (size, align, model) = (self.size, self.align, target.data_model());
        if let [one] = &self.parts[..]
            && let Some(own) = scalar(one.ty, one.extension)
            && (own.size(), own.align()) == (size, align)
        {
            return Ok(own);
        }
        if size == 0 || !align.is_power_of_two() || size > u64::from(u32::MAX) {
            return Err(NO_OBJECT);
        }
        // Conventions look at the alignment of members, not at a record's alone.
        let member = |name: &str, ty: Type| match ty.align() < align {
            true if name == FIRST => Member::named(name, ty).aligned(align),
            _ => Member::named(name, ty),
        };
        let mut record = RecordBuilder::structure("value");
        let mut next = 0;
        for part in &self.parts {
            let (first, end) = (
                part.offset.into(),
                u64::from(part.offset) + u64::from(part.size),
            );
            let (elem, n) = elements((first, end), align, Some(part))
                .map(|(elem, n)| (model.adapt(&elem), n))
                .ok_or(NO_OBJECT)?;
            if first != u64::next_multiple_of(next, elem.align().into()) {
                return Err(NO_OBJECT);
            }
            for _ in 0..n {
                record = record.member(member(&format!("at_{next}"), elem.clone()));
                next += 1;
            }
            next = end;
        }
        if self.parts.is_empty() {
            let (elem, n) = elements((0, size), align, None).ok_or(NO_OBJECT)?;
            let all = Type::array(&model.adapt(&elem), n).map_err(|_| NO_OBJECT)?;
            record = record.member(member(FIRST, all));
        }
        let ty = record.build(model);
        let fits = |ty: &Type| (ty.size(), ty.align()) == (size, align);
        ty.ok().filter(fits).ok_or(NO_OBJECT)
    }

    /// Returns the reason why `group` and `place` are not those of this value, if so.
    fn objection(&self, role: Role, group: &Group, place: &Place) -> Option<&'static str> {
        let is_indirect = matches!(place, Place::Indirect { .. });
        if self.parts.is_empty() {
            let why = match self.by_reference {
                true => IN_REGISTERS,
                false => "the convention does not pass it in the argument area",
            };
            let is_stack = matches!(place, Place::Stack { .. });
            let is_so = if self.by_reference {
                is_indirect
            } else {
                is_stack
            };
            return (!is_so).then_some(why);
        }
        if is_indirect || !self.has_parts_of(role, group) {
            return Some(OTHER_PARTS);
        }
        let extended = self.parts.iter().zip(&group.parts);
        let mut extended = extended.filter(|(part, _)| part.extension != Extension::None);
        let is_other = |(part, own): (&ClifPart, &cabi::Part)| {
            own.extension != Extension::None && own.extension != part.extension
        };
        extended
            .any(is_other)
            .then_some("the convention extends it otherwise")
    }

    /// Checks whether the parts of `group` begin where these do and ask for registers of the same
    /// classes. A float of a variadic function may be passed as an integer.
    fn has_parts_of(&self, role: Role, group: &Group) -> bool {
        let is_own = |(part, own): (&ClifPart, &cabi::Part)| {
            let is_of_class = part.ty.is_int() == (own.bank == Bank::Int);
            part.offset == u32::from(own.offset)
                && (is_of_class || role == Role::Unnamed && own.bank == Bank::Int)
        };
        group.kind == GroupKind::Registers
            && group.parts.len() == self.parts.len()
            && self.parts.iter().zip(&group.parts).all(is_own)
    }

    /// Returns the type and the group of the value as an unnamed argument of C's functions on
    /// `target`, where `is_address` says whether a value in memory is passed by its address.
    pub(crate) fn unnamed(
        &self,
        sig: &FnSig,
        target: &Target,
        is_address: bool,
    ) -> Result<(Type, Group), PlanError> {
        let refuse = |why| PlanError::va_arg(self.name(), why, target);
        let ty = self.object(target).map_err(refuse)?;
        let mut group = FnAbi::classify(sig, &ty, Role::Unnamed, target)?;
        if self.parts.is_empty() {
            if is_address && group.kind != GroupKind::Memory {
                return Err(refuse(IN_REGISTERS));
            }
            (group.kind, group.otherwise) = (GroupKind::Memory, None);
        } else if !self.has_parts_of(Role::Unnamed, &group) {
            return Err(refuse(OTHER_PARTS));
        }
        Ok((ty, group))
    }

    fn refused(&self, arg: Option<usize>, why: &'static str, target: &Target) -> PlanError {
        let what = arg.map_or("result".into(), |arg| format!("argument {arg}"));
        PlanError::unsupported(format!("{what}, {}", self.name()), why, target)
    }

    fn name(&self) -> String {
        let (size, align, n) = (self.size, self.align, self.parts.len());
        format!("an object of {size} bytes aligned to {align} in {n} parts")
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
    /// floats are passed as integers.
    ///
    /// # Errors
    /// [`PlanError::Unsupported`] if no object has these parts, or the convention passes the object
    /// in others; [`PlanError::Abi`] if the convention has no place for a value.
    pub fn fn_sig(&self, target: &Target) -> Result<FnSig, PlanError> {
        let params = self.params.iter().enumerate();
        let params = params.map(|(i, value)| {
            let refuse = |why| value.refused(Some(i), why, target);
            value.object(target).map_err(refuse)
        });
        let mut params: Vec<Type> = params.collect::<Result<_, _>>()?;
        let n_named = self.n_named.unwrap_or(params.len());
        if n_named > params.len() {
            let what = format!("{n_named} named arguments");
            let why = "the signature has fewer";
            return Err(PlanError::unsupported(what, why, target));
        }
        let unnamed = params.split_off(n_named);
        let result = self.result.as_ref().map(|value| {
            let refuse = |why| value.refused(None, why, target);
            value.object(target).map_err(refuse)
        });
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

    /// Refuses a value that the convention of `sig`, its signature, passes otherwise.
    fn check(&self, sig: &FnSig, target: &Target) -> Result<(), PlanError> {
        let abi = FnAbi::new(sig, target)?;
        let params = self
            .params
            .iter()
            .enumerate()
            .zip(sig.params().iter().zip(&abi.args));
        let params = params.map(|((i, value), (param, arg))| {
            let role = if arg.named {
                Role::Named
            } else {
                Role::Unnamed
            };
            (Some(i), value, &param.ty, role, &arg.place)
        });
        let result = self.result.iter();
        let result = result.map(|value| (None, value, sig.result(), Role::Result, &abi.ret.place));
        for (i, value, ty, role, place) in params.chain(result) {
            let group = FnAbi::classify(sig, ty, role, target)?;
            if let Some(why) = value.objection(role, &group, place) {
                return Err(value.refused(i, why, target));
            }
        }
        Ok(())
    }
}

/// Returns the elements of a field with the bytes from `first` to `end` of an object aligned to
/// `align`, and their number: of the type of `part`, or integers.
fn elements((first, end): (u64, u64), align: u32, part: Option<&ClifPart>) -> Option<(Type, u64)> {
    let size = end.checked_sub(first).filter(|size| *size > 0)?;
    let own = part.filter(|part| !part.ty.is_int());
    let own = own.and_then(|part| scalar(part.ty, Extension::None));
    if let Some(own) = own
        && own.align() <= align
    {
        return (own.size() == size).then_some((own, 1));
    }
    let fits = |ty: &Type| {
        ty.align() <= align && first.is_multiple_of(ty.size()) && size.is_multiple_of(ty.size())
    };
    // A float aligned to less stands for several.
    let elem = match part {
        Some(part) if !part.ty.is_int() => [Type::F32].into_iter().find(fits),
        _ => [Type::U128, Type::U64, Type::U32, Type::U16, Type::U8]
            .into_iter()
            .find(fits),
    }?;
    let n = size / elem.size();
    Some((elem, n))
}

/// Returns the C type of a CLIF value that is extended so.
fn scalar(ty: ValueType, extension: Extension) -> Option<Type> {
    use ValueType::*;
    let is_signed = extension == Extension::Sign;
    let lanes = |lane: &Type| {
        let n = u64::from(ty.bytes()) / lane.size();
        Type::vector(lane, u16::try_from(n).ok()?).ok()
    };
    Some(match ty {
        I8 if is_signed => Type::I8,
        I16 if is_signed => Type::I16,
        I32 if is_signed => Type::I32,
        I8 => Type::U8,
        I16 => Type::U16,
        I32 => Type::U32,
        I64 => Type::U64,
        I128 => Type::U128,
        F16 => Type::F16,
        F32 => Type::F32,
        F64 => Type::F64,
        F128 => Type::F128,
        I8X2 | I8X4 | I8X8 | I8X16 => return lanes(&Type::I8),
        I16X2 | I16X4 | I16X8 => return lanes(&Type::I16),
        I32X2 | I32X4 => return lanes(&Type::I32),
        I64X2 => return lanes(&Type::I64),
        F16X2 | F16X4 | F16X8 => return lanes(&Type::F16),
        F32X2 | F32X4 => return lanes(&Type::F32),
        F64X2 => return lanes(&Type::F64),
    })
}

/// Returns the next multiple of `bytes`, or the greatest number.
fn next_multiple(at: u32, bytes: u32) -> u32 {
    at.checked_next_multiple_of(bytes).unwrap_or(u32::MAX)
}
