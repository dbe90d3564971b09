//! What a classifier is asked: a value's role, and what of the signature bears on it.

use super::features::{FloatLevel, VectorLevel};
use super::group::{Group, Role};
use super::trace::{Step, Tracer};
use crate::policy::Policy;
use crate::types::Type;
use crate::types::data_model::DataModel;
use crate::types::error::Error;

/// A value on its way into a convention's classifier.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Classify<'a, 't> {
    /// Choices where compilers disagree.
    pub policy: Policy,
    /// Whether the signature states the policy; else it is the target's own.
    pub(crate) is_stated: bool,
    /// Widest vectors the ABI of this signature passes in registers.
    pub vectors: VectorLevel,
    /// Which floating-point numbers the ABI of this signature passes in registers of their own.
    pub floats: FloatLevel,
    /// What the value is.
    pub role: Role,
    /// Whether the function is variadic.
    pub variadic: bool,
    /// The target's data model.
    pub model: &'a DataModel,
    /// Hears of each step.
    pub(crate) tracer: Tracer<'t>,
}

impl Classify<'_, '_> {
    /// Whether asking if `bit` matters is worth a walk: it is set, or an explanation is being written.
    pub(crate) fn may_touch(&self, bit: Policy) -> bool {
        self.policy.has(bit) || self.tracer.is_on()
    }

    /// Whether the value is an argument of a variadic function, named or not.
    pub(crate) fn is_argument_of_variadic(&self) -> bool {
        match self.role {
            Role::Named => self.variadic,
            Role::Unnamed => true,
            Role::Result => false,
        }
    }

    /// Whether `bit` is set; explanations list it as touched.
    pub fn choose(&mut self, bit: Policy) -> bool {
        let set = self.policy.has(bit);
        self.tracer.push(|| Step::Policy {
            bit: bit.names().next().unwrap_or_default(),
            set,
        });
        set
    }
}

/// The classifier of a convention: what a value asks for.
pub type Classifier = fn(&Type, &mut Classify<'_, '_>) -> Result<Group, Error>;
