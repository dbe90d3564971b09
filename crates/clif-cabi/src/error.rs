//! Why a signature, a call or an entry could not be lowered.

use std::fmt;

use cranelift_codegen::ir;
use cranelift_module::ModuleError;

use crate::replay::ReplayError;

/// Why lowering was refused. No instruction has been emitted for the call or return in question.
#[derive(Debug)]
#[non_exhaustive]
pub enum LowerError {
    /// The type or signature has no place in the convention.
    Abi(cabi::Error),
    /// The instruction set or its flags are not ones this crate lowers for.
    Isa {
        /// The target and what is wrong.
        why: String,
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
    Replay(ReplayError),
    /// Cranelift would place a parameter elsewhere than the convention says.
    Mismatch {
        /// Which parameter or result of the CLIF signature.
        what: String,
        /// Where the convention has it.
        expected: String,
        /// Where Cranelift has it.
        found: String,
    },
    /// Not as many arguments as the signature has.
    ArgumentCount {
        /// Of the signature.
        expected: usize,
        /// Given.
        found: usize,
    },
    /// A value that is not of the form or type its parameter needs.
    Value {
        /// `argument 2`, `result`.
        what: String,
        /// The C type.
        ty: String,
        /// What would do.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The function being built is not set up for what was asked.
    Function {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Declaring or defining a function in the module failed.
    Module(Box<ModuleError>),
    /// The bridges cannot do this.
    Bridge {
        /// What was asked of them.
        why: &'static str,
    },
}

impl LowerError {
    pub(crate) fn value(what: String, ty: &cabi::Type, expected: String, found: ir::Type) -> Self {
        // `Display` of an invalid type panics.
        let found = if found.is_invalid() {
            "no value".to_string()
        } else {
            found.to_string()
        };
        Self::Value {
            what,
            ty: ty.to_string(),
            expected,
            found,
        }
    }
}

impl fmt::Display for LowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abi(error) => error.fmt(f),
            Self::Isa { why } => f.write_str(why),
            Self::Unsupported { what, why, target } => write!(f, "{what}: {why} ({target})"),
            Self::Replay(error) => write!(f, "Cranelift cannot be told this signature: {error}"),
            Self::Mismatch {
                what,
                expected,
                found,
            } => {
                write!(
                    f,
                    "{what}: the convention has it in {expected}, Cranelift in {found}"
                )
            }
            Self::ArgumentCount { expected, found } => {
                write!(
                    f,
                    "the signature has {expected} parameters, and {found} arguments are given"
                )
            }
            Self::Value {
                what,
                ty,
                expected,
                found,
            } => {
                write!(f, "{what}, {ty}: expected {expected}, found {found}")
            }
            Self::Function { why } => write!(f, "the function being built: {why}"),
            Self::Module(error) => write!(f, "module: {error}"),
            Self::Bridge { why } => f.write_str(why),
        }
    }
}

impl std::error::Error for LowerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Abi(error) => Some(error),
            Self::Replay(error) => Some(error),
            Self::Module(error) => Some(error),
            _ => None,
        }
    }
}

impl From<cabi::Error> for LowerError {
    fn from(error: cabi::Error) -> Self {
        Self::Abi(error)
    }
}

impl From<ReplayError> for LowerError {
    fn from(error: ReplayError) -> Self {
        Self::Replay(error)
    }
}

impl From<ModuleError> for LowerError {
    fn from(error: ModuleError) -> Self {
        Self::Module(Box::new(error))
    }
}
