//! Why no plan could be made.

use std::fmt;

use crate::places::CheckError;

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
        /// Which kind of thing is not lowered.
        why: NotLowered,
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
    /// A step of a stub is none of the machine's.
    Step {
        /// The step, as names of stubs spell it.
        step: &'static str,
        /// The machine.
        machine: &'static str,
    },
    /// A stub cannot be made.
    Stub {
        /// Why not.
        why: &'static str,
    },
}

impl PlanError {
    pub(crate) fn unsupported(what: String, why: NotLowered, target: &cabi::Target) -> Self {
        Self::Unsupported {
            what,
            why,
            target: target.name().to_string(),
        }
    }

    pub(crate) fn convention(own: &cabi::Convention, why: NotLowered, on: &cabi::Target) -> Self {
        Self::unsupported(format!("the convention {}", own.name), why, on)
    }
}

/// What is not lowered, though the convention says where it goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum NotLowered {
    /// A variadic function, seen from inside, of a convention whose `va_list` is neither that of System V nor that of Win64.
    VaList,
    /// What no `va_arg` can fetch: its place does not follow from the registers that are left.
    VaArg(&'static str),
    /// Shadow space of another size than that of Win64.
    ShadowSpace,
    /// What only a user's own convention asks for: other stacks, parts, lanes, gaps. In words.
    Convention(&'static str),
}

impl NotLowered {
    /// Its words in messages.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::VaList => {
                "the definition of a variadic function is lowered for the va_lists of System V and Win64 only"
            }
            Self::VaArg(why) => why,
            Self::ShadowSpace => {
                "shadow space of other than 32 bytes, or in a frame that is not Win64's, is not lowered"
            }
            Self::Convention(why) => why,
        }
    }
}

impl fmt::Display for NotLowered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abi(error) => error.fmt(f),
            Self::Target { target, why } => write!(f, "{target}: {why}"),
            Self::Unsupported { what, why, target } => write!(f, "{what}: {why} ({target})"),
            Self::Check(error) => write!(f, "Cranelift does not take this signature: {error}"),
            Self::Mismatch {
                what,
                expected,
                found,
            } => write!(
                f,
                "{what}: the convention has it in {expected}, Cranelift in {found}"
            ),
            Self::Step { step, machine } => {
                write!(f, "the step `{step}` of a stub is none of {machine}")
            }
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
