//! Errors of planning.

use std::fmt;

/// Reason why no plan could be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PlanError {
    /// The type or signature has no place in the convention.
    Abi(cabi::Error),
    /// Calls on the target cannot be planned.
    Target {
        /// The target.
        target: String,
        /// Why not.
        why: &'static str,
    },
    /// The convention has a property that is not lowered yet.
    Unsupported {
        /// The type or signature.
        what: String,
        /// The kind of thing that is not lowered.
        why: NotLowered,
        /// The target.
        target: String,
    },
    /// Cranelift panics on the signature, treats it differently from C, or lacks a register of the
    /// convention: the parameter or result, and why.
    Check(String),
    /// Cranelift would place a parameter elsewhere than the convention says.
    Mismatch {
        /// The parameter or result of the CLIF signature.
        what: String,
        /// Its place in the convention.
        expected: String,
        /// Its place in Cranelift's code.
        found: String,
    },
    /// A front end passes a value in other parts than the convention does.
    Parts {
        /// The argument or result, and its size and alignment.
        what: String,
        /// The convention's way.
        expected: String,
        /// The front end's way.
        found: String,
        /// The target.
        target: String,
    },
    /// The machine has no such step of a stub.
    Step {
        /// The step, as names of stubs spell it.
        step: &'static str,
        /// The machine.
        machine: &'static str,
    },
    /// A stub cannot be made, in words.
    Stub(&'static str),
}

impl PlanError {
    pub(crate) fn unsupported(what: String, why: &'static str, target: &cabi::Target) -> Self {
        let (why, target) = (NotLowered::Convention(why), target.name().to_string());
        Self::Unsupported { what, why, target }
    }

    pub(crate) fn va_arg(what: String, why: &'static str, target: &cabi::Target) -> Self {
        let (why, target) = (NotLowered::VaArg(why), target.name().to_string());
        Self::Unsupported { what, why, target }
    }

    pub(crate) fn convention(own: &cabi::Convention, why: &'static str, on: &cabi::Target) -> Self {
        Self::unsupported(format!("the convention {}", own.name), why, on)
    }
}

/// End of messages about signatures of plans that Cranelift places differently, or not at all. Only
/// a user's convention can have such signatures.
pub(crate) const REPORT: &str = "; please report it, unless the convention is your own";

/// Things that are not lowered, though the convention places them; each with a reason in words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum NotLowered {
    /// A type no `va_arg` can fetch: its place does not follow from the registers that are left.
    VaArg(&'static str),
    /// A feature that only some conventions have and Cranelift's machines lack: a `va_list`, shadow
    /// space, stacks, parts, lanes or gaps.
    Convention(&'static str),
}

impl NotLowered {
    /// Returns the reason for messages.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::VaArg(why) | Self::Convention(why) => why,
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abi(error) => error.fmt(f),
            Self::Target { target, why } => write!(f, "{target}: {why}"),
            Self::Unsupported { what, why, target } => {
                write!(f, "{what}: {} ({target})", why.why())
            }
            Self::Check(why) => write!(f, "Cranelift does not take this signature: {why}"),
            Self::Mismatch {
                what,
                expected,
                found,
            } => write!(
                f,
                "{what}: the convention has it in {expected}, Cranelift in {found}{REPORT}"
            ),
            Self::Parts {
                what,
                expected,
                found,
                target,
            } => write!(
                f,
                "{what}: the convention passes {expected}, not {found} ({target})"
            ),
            Self::Step { step, machine } => {
                write!(f, "{machine} has no stub step `{step}`")
            }
            Self::Stub(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for PlanError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Abi(error) => Some(error),
            _ => None,
        }
    }
}

impl From<cabi::Error> for PlanError {
    fn from(error: cabi::Error) -> Self {
        Self::Abi(error)
    }
}
