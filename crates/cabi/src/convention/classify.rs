//! Input of a classifier: a value's role, and the properties of the signature that matter for it.

use alloc::string::ToString;

use super::group::{Group, Role};
use super::registers::{FloatLevel, VectorLevel};
use super::trace::{Step, Tracer};
use crate::policy::Policy;
use crate::types::Type;
use crate::types::data_model::DataModel;
use crate::types::error::Error;

/// Input of a convention's classifier, without the type of the value.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Classify<'a, 't> {
    /// Choices where compilers disagree.
    pub policy: Policy,
    /// `true` if the signature states the policy; otherwise it is the target's own.
    pub(crate) is_stated: bool,
    /// Widest vectors the ABI of this signature passes in registers.
    pub vectors: VectorLevel,
    /// The floating-point numbers that the ABI of this signature passes in registers of their own.
    pub floats: FloatLevel,
    /// Role of the value.
    pub role: Role,
    /// `true` if the function is variadic.
    pub variadic: bool,
    /// The target's data model.
    pub model: &'a DataModel,
    /// The convention's name, for refusals.
    pub(crate) convention: &'static str,
    /// Log of the steps.
    pub(crate) tracer: Tracer<'t>,
}

impl Classify<'_, '_> {
    /// Returns whether the value is an argument of a variadic function, named or not.
    pub(crate) fn is_argument_of_variadic(&self) -> bool {
        match self.role {
            Role::Named => self.variadic,
            Role::Unnamed => true,
            Role::Result => false,
        }
    }

    /// Returns whether `bit` is set; explanations list it as touched.
    pub fn choose(&mut self, bit: Policy) -> bool {
        let set = self.policy.has(bit);
        self.tracer.push(|| Step::Policy {
            bit: bit.names().next().unwrap_or_default(),
            set,
        });
        set
    }

    /// Calls [`choose`](Self::choose) for a value of type `ty` that compilers pass differently, as
    /// `why` says.
    ///
    /// # Errors
    /// No policy is stated: any of the compilers may be at the other side.
    pub(crate) fn decide(
        &mut self,
        bit: Policy,
        ty: &Type,
        why: &'static str,
    ) -> Result<bool, Error> {
        match self.is_stated {
            true => Ok(self.choose(bit)),
            false => self.dispute(ty, why),
        }
    }

    /// Refuses a value that no rule of the convention is known for.
    #[cold]
    pub(crate) fn refuse<T>(&self, ty: &Type, why: &'static str) -> Result<T, Error> {
        Err(Error::Unsupported {
            ty: ty.to_string(),
            why,
            target: self.convention.into(),
        })
    }

    /// Refuses a value that compilers place in different ways.
    #[cold]
    pub(crate) fn dispute<T>(&self, ty: &Type, why: &'static str) -> Result<T, Error> {
        Err(Error::NoKnownRule {
            ty: ty.to_string(),
            why,
            target: self.convention.into(),
        })
    }
}

/// The classifier of a convention, which makes the group of a value.
pub type Classifier = fn(&Type, &mut Classify<'_, '_>) -> Result<Group, Error>;
