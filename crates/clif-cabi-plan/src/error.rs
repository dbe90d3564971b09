//! Why no plan could be made.

use std::fmt;

use crate::check::CheckError;

/// Why no plan could be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PlanError {
    /// The type or signature has no place in the convention.
    Abi(cabi::Error),
    /// No calls are planned for the target.
    Target {
        /// The target.
        target: String,
        /// Why not.
        why: &'static str,
    },
    /// What the convention says cannot be lowered yet.
    Unsupported {
        /// The type or signature.
        what: String,
        /// Why not.
        why: &'static str,
        /// The target.
        target: String,
    },
    /// Cranelift would refuse the signature.
    Check(CheckError),
    /// Cranelift would place a parameter elsewhere than the convention says.
    Mismatch {
        /// Which parameter or result of the CLIF signature.
        what: String,
        /// Where the convention has it.
        expected: String,
        /// Where Cranelift has it.
        found: String,
    },
    /// A stub cannot be made.
    Stub {
        /// Why not.
        why: &'static str,
    },
}

impl PlanError {
    pub(crate) fn unsupported(what: String, why: &'static str, target: &cabi::Target) -> Self {
        Self::Unsupported {
            what,
            why,
            target: target.name().to_string(),
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abi(error) => error.fmt(f),
            Self::Target { target, why } => write!(f, "{target}: {why}"),
            Self::Unsupported { what, why, target } => write!(f, "{what}: {why} ({target})"),
            Self::Check(error) => write!(f, "Cranelift cannot be told this signature: {error}"),
            Self::Mismatch {
                what,
                expected,
                found,
            } => write!(
                f,
                "{what}: the convention has it in {expected}, Cranelift in {found}"
            ),
            Self::Stub { why } => f.write_str(why),
        }
    }
}

impl std::error::Error for PlanError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Abi(error) => Some(error),
            Self::Check(error) => Some(error),
            _ => None,
        }
    }
}

impl From<cabi::Error> for PlanError {
    fn from(error: cabi::Error) -> Self {
        Self::Abi(error)
    }
}

impl From<CheckError> for PlanError {
    fn from(error: CheckError) -> Self {
        Self::Check(error)
    }
}
