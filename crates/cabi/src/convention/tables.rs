//! A convention as data: its rules and its frame.

use super::classify::{Classifier, Classify};
use super::frame::Frame;
use super::group::Group;
use super::place::Place;
use super::registers::{Features, RegCounts, State};
use super::rules::Rule;
use crate::types::Type;

/// Changes the group of a value, depending on the values before it, or refuses it with a reason.
/// The first parameter has the registers that a compiler counts as free. The function sets it if
/// they differ from the free ones. The others are the state in which the value will be placed, the
/// value's type, its group, and the input of the classifier.
pub type GroupAdjustment = fn(
    &mut Option<RegCounts>,
    &State,
    &Type,
    &mut Group,
    &mut Classify<'_, '_>,
) -> Result<(), &'static str>;

/// Refuses the group of an unnamed argument, with a reason, if the `va_arg` of the policy's
/// compiler looks elsewhere than its callers.
pub type VaArgCheck = fn(&Group) -> Result<(), &'static str>;

/// A calling convention as data: the rules that place values, and the stack frame around them.
///
/// A convention is a `static` and equal to itself alone. A copy of it is another convention,
/// whatever both are called, because their functions are not compared.
///
/// # Example
/// ```
/// use cabi::{Convention, X86_64_SYSV};
/// static COPY: Convention = X86_64_SYSV;
/// assert!(X86_64_SYSV == X86_64_SYSV && COPY != X86_64_SYSV);
/// ```
#[derive(Clone, Copy)]
pub struct Convention {
    /// Name in explanations and errors.
    pub name: &'static str,
    /// Rules that place values.
    pub rules: Rules,
    /// The stack, and registers with a task of their own.
    pub frame: Frame,
}

/// Rules of a convention that place values.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Function that makes the group of a value.
    pub classify: Classifier,
    /// Rules for arguments, unless [`choose`](Self::choose) has another list.
    pub args: &'static [Rule],
    /// Rules for results: in registers, or, by a stack action, in the argument area after the
    /// arguments. A result without a place is returned through a hidden pointer (sret demotion).
    pub results: &'static [Rule],
    /// Function that returns the lists for the features that a signature assumes, and for variadic
    /// functions (`true`). `None`: always `args` and `results`.
    pub choose: Option<fn(Features, bool) -> Lists>,
    /// Function that decides whether a result may have the place from the list of results (LLVM's
    /// `CanLowerReturn`). Otherwise, the result is returned through a hidden pointer. The second
    /// argument is `true` for a variadic function. `None`: every result may.
    pub return_fits: Option<fn(&Place, bool) -> bool>,
    /// Function called before a value is placed that has [`Group::counts`] or flags, and before
    /// each value while registers are counted. It sees all of a call, and a classifier only one
    /// value.
    pub adjust: Option<GroupAdjustment>,
    /// Check for code that fetches an unnamed argument. `None`: each is found where its group says.
    pub va_arg: Option<VaArgCheck>,
}

/// Rules for some signatures of a convention.
#[derive(Clone, Copy, Debug)]
pub struct Lists {
    /// Arguments.
    pub args: &'static [Rule],
    /// Results.
    pub results: &'static [Rule],
}

impl Rules {
    /// Returns rules that are the same for every signature.
    #[must_use]
    pub const fn new(
        classify: Classifier,
        args: &'static [Rule],
        results: &'static [Rule],
    ) -> Self {
        Self {
            classify,
            args,
            results,
            choose: None,
            return_fits: None,
            adjust: None,
            va_arg: None,
        }
    }

    /// Returns the lists of one signature.
    #[inline]
    #[must_use]
    pub fn lists(&self, features: Features, variadic: bool) -> Lists {
        match self.choose {
            Some(choose) => choose(features, variadic),
            None => Lists {
                args: self.args,
                results: self.results,
            },
        }
    }
}

impl PartialEq for Convention {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }
}

impl Eq for Convention {}

impl core::hash::Hash for Convention {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        core::ptr::hash(self, state);
    }
}

impl core::fmt::Debug for Convention {
    /// Writes the name alone: lists of rules may refer to themselves.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Convention").field(&self.name).finish()
    }
}
