//! Signatures: what a function, or one call of a variadic function, takes and returns.

use core::fmt;

use smallvec::SmallVec;

use crate::convention::trace::Tracer;
use crate::convention::{ArgFlags, Classify, Convention, Features, Role};
use crate::policy::Policy;
use crate::scalar::Scalar;
use crate::target::Target;
use crate::types::data_model::DataModel;
use crate::types::error::Error;
use crate::types::{Kind, Type, check_align};

/// A parameter, or an unnamed argument of one call.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Param {
    /// Its type. A function is taken as the pointer it decays to; an array is an error of
    /// [`FnAbi::new`](crate::FnAbi::new).
    pub ty: Type,
    /// Its other properties.
    pub flags: ArgFlags,
}

/// The signature of a function, or of one call of a variadic function.
///
/// # Example
/// ```
/// use cabi::{FnAbi, FnSig, Target, Type};
///
/// // int printf(const char *, ...), called with a double
/// let printf = FnSig::new([Type::PTR], Type::I32).variadic();
/// let call = printf.at_call([Type::F32])?;
/// let abi = FnAbi::new(&call, &Target::X86_64_LINUX)?;
/// assert_eq!(abi.args[1].place.to_string(), "xmm0");
/// assert_eq!(abi.used.vector, 1); // goes to AL
/// # Ok::<(), cabi::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FnSig {
    pub(crate) params: SmallVec<[Param; 10]>,
    pub(crate) result: Type,
    pub(crate) n_named: usize,
    pub(crate) variadic: bool,
    pub(crate) unprototyped: bool,
    pub(crate) noreturn: bool,
    pub(crate) convention: Option<&'static Convention>,
    /// The policy, if one is stated; otherwise the target's holds.
    pub(crate) policy: Option<Policy>,
    pub(crate) features: Features,
    pub(crate) stack_align: Option<u32>,
}

impl FnSig {
    /// Returns a function of `params` with a result; [`Type::VOID`] for none.
    pub fn new(params: impl IntoIterator<Item = Type>, result: Type) -> Self {
        let params: SmallVec<[Param; 10]> = params
            .into_iter()
            .map(|ty| Param {
                ty,
                flags: ArgFlags::NONE,
            })
            .collect();
        Self {
            n_named: params.len(),
            params,
            result,
            variadic: false,
            unprototyped: false,
            noreturn: false,
            convention: None,
            policy: None,
            features: Features::default(),
            stack_align: None,
        }
    }

    /// Lets more arguments follow at each call: `...`.
    #[must_use]
    pub fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }

    /// Declares the function without a prototype, as `int f()` does before C23: each call has its
    /// own arguments ([`at_call`](Self::at_call)), all of them named. Its callers count vector
    /// registers where those of variadic functions do, because it may be variadic.
    ///
    /// # Example
    /// ```
    /// use cabi::{FnAbi, FnSig, Target, Type};
    ///
    /// let apple = Target::named("aarch64-apple-darwin")?;
    /// let call = FnSig::new([], Type::I32).unprototyped().at_call([Type::F32])?;
    /// // An unnamed double would be on the stack.
    /// assert_eq!(FnAbi::new(&call, &apple)?.args[0].place.to_string(), "v0");
    /// # Ok::<(), cabi::Error>(())
    /// ```
    #[must_use]
    pub fn unprototyped(mut self) -> Self {
        self.unprototyped = true;
        self
    }

    /// Declares that the function never returns: its result has no place. A hidden pointer to the
    /// result is passed nevertheless.
    #[must_use]
    pub fn noreturn(mut self) -> Self {
        self.noreturn = true;
        self
    }

    /// Sets a convention other than the target's own for C.
    #[must_use]
    pub fn convention(mut self, convention: &'static Convention) -> Self {
        self.convention = Some(convention);
        self
    }

    /// Sets the policy where compilers disagree, in place of that of the target's own compiler
    /// ([`Policy::of`]). Without one, conventions of other machines than x86-64 refuse values that
    /// their compilers pass differently.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Sets the machine features that the other side was compiled for: a
    /// [`VectorLevel`](crate::VectorLevel), a [`FloatLevel`](crate::convention::FloatLevel), or
    /// [`Features`] with both.
    #[must_use]
    pub fn features(mut self, features: impl Into<Features>) -> Self {
        self.features = features.into();
        self
    }

    /// Returns the features that [`features`](Self::features) set.
    #[must_use]
    pub fn assumed(&self) -> Features {
        self.features
    }

    /// Sets the alignment of the stack at calls, in bytes, if it is not the convention's. Aligned
    /// arguments raise it. Less than the convention's
    /// [`least_align`](crate::convention::Frame::least_align) is an error of
    /// [`FnAbi::new`](crate::FnAbi::new).
    #[must_use]
    pub fn incoming_stack_align(mut self, align: u32) -> Self {
        self.stack_align = Some(align);
        self
    }

    /// Adds a static chain: one more named parameter, after the others, that is a pointer of
    /// `model` in the register for it ([`ArgFlags::NEST`]). It takes the place of no other
    /// argument.
    ///
    /// # Example
    /// ```
    /// use cabi::{FnAbi, FnSig, Target, Type};
    ///
    /// let target = Target::X86_64_LINUX;
    /// let nested = FnSig::new([Type::I64], Type::VOID).static_chain(target.data_model());
    /// let abi = FnAbi::new(&nested, &target)?;
    /// assert_eq!(abi.args[1].place.to_string(), "r10");
    /// # Ok::<(), cabi::Error>(())
    /// ```
    #[must_use]
    pub fn static_chain(mut self, model: &DataModel) -> Self {
        let chain = Param {
            ty: model.pointer(),
            flags: ArgFlags::NEST,
        };
        self.params.insert(self.n_named, chain);
        self.n_named += 1;
        self
    }

    /// Sets flags of parameter `index`; nothing happens if there is no such parameter.
    #[must_use]
    pub fn flags(mut self, index: usize, flags: ArgFlags) -> Self {
        if let Some(param) = self.params.get_mut(index) {
            param.flags = param.flags.and(flags);
        }
        self
    }

    /// Returns the signature of one call of this function, which is variadic or has no prototype.
    /// The `unnamed` arguments follow the named ones, after C's default argument promotions. A
    /// promoted `float` is the `double` of 64-bit models: for others, pass what
    /// [`DataModel::promote`] makes of it.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`] if the function has a prototype that is not variadic.
    pub fn at_call(&self, unnamed: impl IntoIterator<Item = Type>) -> Result<Self, Error> {
        self.at_call_unpromoted(unnamed.into_iter().map(|ty| promote(&ty)))
    }

    /// Returns the signature of one call as [`at_call`](Self::at_call) does, without promoting
    /// `unnamed`. Some types are never promoted although they share the format of one that is: C23
    /// and gcc pass a `_Float32` as it is, a `float` as a `double`.
    ///
    /// # Errors
    /// As [`at_call`](Self::at_call).
    ///
    /// # Example
    /// ```
    /// use cabi::{FnSig, Type};
    ///
    /// let f = FnSig::new([Type::I32], Type::VOID).variadic();
    /// assert_eq!(f.at_call([Type::F32])?.params()[1].ty, Type::F64);
    /// assert_eq!(f.at_call_unpromoted([Type::F32])?.params()[1].ty, Type::F32);
    /// # Ok::<(), cabi::Error>(())
    /// ```
    pub fn at_call_unpromoted(
        &self,
        unnamed: impl IntoIterator<Item = Type>,
    ) -> Result<Self, Error> {
        if !self.variadic && !self.unprototyped {
            return Err(Error::InvalidSignature {
                why: "only a variadic function takes unnamed arguments",
            });
        }
        let mut call = self.clone();
        let n_named = if self.unprototyped { 0 } else { self.n_named };
        call.params.truncate(n_named);
        call.params.extend(unnamed.into_iter().map(|ty| Param {
            ty: if self.unprototyped {
                ty.non_atomic()
            } else {
                ty
            },
            flags: ArgFlags::NONE,
        }));
        if self.unprototyped {
            call.n_named = call.params.len();
        }
        Ok(call)
    }

    /// Returns this signature with the types that are passed: functions decay to pointers (C17
    /// 6.7.6.3), and unnamed arguments lose `_Atomic`. [`FnAbi::new`](crate::FnAbi::new) does this
    /// itself.
    #[must_use]
    pub fn decayed(mut self, model: &DataModel) -> Self {
        for (i, param) in self.params.iter_mut().enumerate() {
            let role = Role::of_argument(i < self.n_named);
            if let Some(other) = passed(&param.ty, role, model) {
                param.ty = other;
            }
        }
        self
    }

    /// Returns the choices of this signature on `target`: those stated, or else the target's.
    #[inline]
    pub(crate) fn policy_on(&self, target: &Target) -> Policy {
        self.policy.unwrap_or(Policy::of(target))
    }

    /// Returns a value of `role` in this function, as a classifier sees it.
    #[inline]
    pub(crate) fn classify<'a, 't>(
        &self,
        (target, convention): (&'a Target, &Convention),
        role: Role,
        tracer: Tracer<'t>,
    ) -> Classify<'a, 't> {
        Classify {
            policy: self.policy_on(target),
            is_stated: self.policy.is_some(),
            vectors: self.features.vectors,
            floats: self.features.floats,
            role,
            variadic: self.variadic,
            model: target.data_model(),
            convention: convention.name,
            tracer,
        }
    }

    /// Checks whether each call has arguments of its own: a variadic function, and one without a
    /// prototype.
    #[must_use]
    pub fn takes_more(&self) -> bool {
        self.variadic || self.unprototyped
    }

    /// Returns the parameters, unnamed ones included.
    #[must_use]
    #[inline]
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Returns the result's type.
    #[must_use]
    #[inline]
    pub fn result(&self) -> &Type {
        &self.result
    }

    /// Returns the number of named parameters.
    #[must_use]
    pub fn n_named(&self) -> usize {
        self.n_named
    }

    /// Returns whether the function is declared with `...`.
    #[must_use]
    pub fn is_variadic(&self) -> bool {
        self.variadic
    }

    /// Returns whether the function never returns.
    #[must_use]
    pub fn is_noreturn(&self) -> bool {
        self.noreturn
    }
}

/// Returns the type that a value is passed as, if it differs from the value's own. As an argument,
/// a function decays to a pointer. An unnamed argument is a value, and no value is atomic.
#[inline]
pub(crate) fn passed(ty: &Type, role: Role, model: &DataModel) -> Option<Type> {
    match (role, ty.kind()) {
        (Role::Named | Role::Unnamed, Kind::Function) => Some(model.fn_pointer()),
        (Role::Unnamed, _) if ty.is_atomic() => Some(ty.non_atomic()),
        _ => None,
    }
}

/// As C writes a function's type: `int (void *, ...)`. The unnamed arguments of one call follow the
/// dots: `int (void *, ..., double)`. Policy, vector level and flags are not shown.
///
/// # Example
/// ```
/// use cabi::{FnSig, Type};
/// let ldexp = FnSig::new([Type::F64, Type::I32], Type::F64);
/// assert_eq!(ldexp.to_string(), "double (double, int)");
/// ```
impl fmt::Display for FnSig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.noreturn {
            f.write_str("_Noreturn ")?;
        }
        write!(f, "{} (", self.result)?;
        for (i, param) in self.params.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            let dots = if i == self.n_named { "..., " } else { "" };
            write!(f, "{comma}{dots}{}", param.ty)?;
        }
        if self.variadic && self.params.len() == self.n_named {
            f.write_str(if self.n_named == 0 { "..." } else { ", ..." })?;
        } else if self.params.is_empty() && !self.unprototyped {
            f.write_str("void")?;
        }
        f.write_str(")")?;
        match self.convention {
            Some(convention) => write!(f, " in the convention {}", convention.name),
            None => Ok(()),
        }
    }
}

impl DataModel {
    /// Promotes `ty` as [`promote`] does, with the `double` of this model.
    #[must_use]
    pub fn promote(&self, ty: &Type) -> Type {
        match ty.as_scalar() {
            Some(Scalar::F32) => self.adapt(&Type::F64),
            _ => promote(ty),
        }
    }
}

/// Applies C's default argument promotions (C17 6.5.2.2): `float` to `double`, integers narrower
/// than `int` to `int`. `_Float16`, `__bf16`, `_BitInt` and everything else stay as they are.
#[must_use]
pub fn promote(ty: &Type) -> Type {
    match ty.as_scalar() {
        Some(Scalar::F32) => Type::F64,
        Some(Scalar::Bool | Scalar::Int { bits: 8 | 16, .. }) => Type::I32,
        _ => ty.clone(),
    }
}

/// Returns why `ty` can be no argument, if it cannot.
#[inline]
pub(crate) fn no_argument(ty: &Type) -> Option<&'static str> {
    match ty.kind() {
        Kind::Void => Some("an argument needs a complete object type"),
        Kind::Array(_) => Some(NO_ARRAY),
        _ => None,
    }
}

/// Message for an array as a value. A front end of C decays one in a parameter's declaration.
pub(crate) const NO_ARRAY: &str = "C cannot pass or return an array: write a pointer (`DataModel::pointer`), or a structure whose only member is the array";

/// Returns the alignment of the stack at calls of `sig`, in bytes.
#[inline]
pub(crate) fn stack_align(sig: &FnSig, convention: &Convention) -> Result<u32, Error> {
    let frame = &convention.frame;
    let vectors = match frame.vector_align {
        None => 1,
        Some(most) => check_align(
            u32::try_from(sig.features.vectors.bytes()).map_or(most, |bytes| bytes.min(most)),
        )?,
    };
    let usual = check_align(frame.stack_align)?.max(vectors);
    let Some(align) = sig.stack_align else {
        return Ok(usual);
    };
    let least = check_align(frame.least_align)?.max(vectors).min(usual);
    if check_align(align)? >= least {
        return Ok(align);
    }
    Err(Error::StackAlign {
        align,
        least,
        convention: convention.name,
    })
}
