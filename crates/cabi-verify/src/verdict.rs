//! Outcome of a case: every byte was right, it is not supported, or it has an error.

use cabi::convention::{PartType, PlacedPart};
use cabi::{FnAbi, Place};
use clif_cabi::{LowerError, NotLowered, PlanError};
use serde::Serialize;
use thiserror::Error;

use crate::case::Direction;

#[cfg(test)]
mod tests;

/// The value of a call that a failure is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// The argument with this index.
    Argument(usize),
    /// The result.
    Result,
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Argument(i) => write!(f, "argument {i}"),
            Self::Result => f.write_str("result"),
        }
    }
}

/// Error of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default, Error)]
#[error("{why}")]
pub struct Difference {
    /// Value that differs, if it is one.
    pub value: Option<Value>,
    /// Its parts that the compiler has elsewhere than where they belong, as far as that is known.
    pub moved: Vec<MovedBytes>,
    /// All of it in words.
    pub why: String,
}

/// A part of a value that a compiler passes, reads or returns elsewhere than where it belongs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MovedBytes {
    /// From the first of its bytes to the one after its last.
    pub bytes: (usize, usize),
    /// The registers or slots in which these bytes were found; none if they were not.
    pub found: Vec<String>,
    /// The place where they belong.
    pub expected: String,
}

impl From<String> for Difference {
    fn from(why: String) -> Self {
        Self {
            why,
            ..Self::default()
        }
    }
}

impl From<&str> for Difference {
    fn from(why: &str) -> Self {
        Self::from(why.to_owned())
    }
}

impl Difference {
    /// Returns this difference, found in the circumstances that `how` names.
    pub fn inside(mut self, how: &str) -> Self {
        self.why = format!("{how}: {}", self.why);
        self
    }
}

/// Reason why a case did not pass: `cabi` or the lowering does not support it, or it differs.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The convention says where it goes, but this is not lowered.
    #[error("{}", .0.why())]
    NotLowered(NotLowered),
    /// No rule is known by which the compiler places it.
    #[error("{0}")]
    NoKnownRule(&'static str),
    /// Not tried, for this reason.
    #[error("{0}")]
    Untried(String),
    /// Anything else.
    #[error(transparent)]
    Failed(#[from] Difference),
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self::Failed(why.into())
    }
}

impl From<LowerError> for Fault {
    fn from(error: LowerError) -> Self {
        match error.cause() {
            LowerError::Plan(PlanError::Unsupported { why, .. }) => Self::NotLowered(*why),
            LowerError::Plan(PlanError::Abi(cabi::Error::NoKnownRule { why, .. })) => {
                Self::NoKnownRule(why)
            }
            _ => Self::Failed(error.to_string().into()),
        }
    }
}

impl From<clif_cabi_jit::Error> for Fault {
    fn from(error: clif_cabi_jit::Error) -> Self {
        match error {
            clif_cabi_jit::Error::Lowering(error) => Self::from(*error),
            error => Self::Failed(error.to_string().into()),
        }
    }
}

/// Returns a known refusal as it is, and any other as a failure: it would hide a case.
pub fn needed(fault: Fault, abi: &FnAbi, direction: Direction) -> Fault {
    match is_known(&fault, abi, direction) {
        true => fault,
        false => Difference::from(format!("refused without need: {fault}")).into(),
    }
}

/// Checks whether `fault` is a known refusal of the lowering, or no refusal at all of a signature
/// that `cabi` has places for.
pub fn is_known(fault: &Fault, abi: &FnAbi, direction: Direction) -> bool {
    match fault {
        Fault::NotLowered(kind) => {
            let is_variadic = abi.variadic_count.is_some();
            matches!(kind, NotLowered::VaArg(_)) && direction == Direction::Callee && is_variadic
                || has_partial_vector(abi)
        }
        // There is one for everything in `abi`.
        Fault::NoKnownRule(_) => false,
        Fault::Untried(_) | Fault::Failed(_) => true,
    }
}

/// Checks whether a value is part of a wide vector register: a union whose size in bytes is no
/// power of two.
fn has_partial_vector(abi: &FnAbi) -> bool {
    let is_partial = |placed: &PlacedPart| {
        matches!(placed.part.ty, PartType::V256 | PartType::V512)
            && placed.part.size < placed.part.ty.bytes()
    };
    let mut places = abi
        .args
        .iter()
        .map(|arg| &arg.place)
        .chain([&abi.ret.place]);
    places.any(|place| matches!(place, Place::Parts(parts) if parts.iter().any(is_partial)))
}

/// The result of a case in one direction.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Every byte was right in so many calls.
    Passed(usize),
    /// The lowering says that it does not support it, for this reason.
    NotLowered(String),
    /// Not tried, because the compiler or `cabi` refuses it for this reason.
    NotRun(String),
    /// The case failed, and so it does between the compiler's own caller and callee: its bug.
    SelfInconsistent(Difference),
    /// The case failed.
    Differs(Difference),
}

impl From<Result<usize, Fault>> for Verdict {
    fn from(result: Result<usize, Fault>) -> Self {
        match result {
            Ok(calls) => Self::Passed(calls),
            Err(Fault::Failed(difference)) => Self::Differs(difference),
            Err(refused) => Self::NotLowered(refused.to_string()),
        }
    }
}

impl Verdict {
    /// Returns this verdict, with its difference found in the circumstances that `how` names.
    pub fn inside(self, how: &str) -> Self {
        match self {
            Self::Differs(difference) => Self::Differs(difference.inside(how)),
            Self::SelfInconsistent(difference) => Self::SelfInconsistent(difference.inside(how)),
            other => other,
        }
    }

    /// Returns the verdict on both sides of a call: all right values, or a difference, rather one
    /// that is not the compiler's own.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Passed(a), Self::Passed(b)) => Self::Passed(a + b),
            (verdict @ Self::Differs(_), _) | (_, verdict @ Self::Differs(_)) => verdict,
            (Self::Passed(_), verdict) | (verdict, _) => verdict,
        }
    }

    /// Returns the difference, whoever's fault it is.
    pub fn difference(&self) -> Option<&Difference> {
        match self {
            Self::Differs(difference) | Self::SelfInconsistent(difference) => Some(difference),
            Self::Passed(_) | Self::NotLowered(_) | Self::NotRun(_) => None,
        }
    }

    /// Returns how many calls were right.
    ///
    /// # Errors
    /// The reason why it did not pass.
    pub fn passed(self) -> Result<usize, String> {
        match self {
            Self::Passed(calls) => Ok(calls),
            Self::NotLowered(why) | Self::NotRun(why) => Err(why),
            Self::SelfInconsistent(difference) | Self::Differs(difference) => Err(difference.why),
        }
    }
}
