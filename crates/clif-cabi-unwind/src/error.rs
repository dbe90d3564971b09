//! Errors of tables.

use core::fmt;

use crate::cranelift::codegen::CodegenError;

/// Why a function has no unwind table.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnwindError {
    /// Tables that are not written for a target.
    Target {
        /// The target, or the format of an object file and its machine.
        target: String,
        /// Reason why not.
        why: &'static str,
    },
    /// Cranelift makes no rules: its flag `unwind_info` is off.
    NoRules,
    /// A call has a handler, and no personality was chosen.
    NoPersonality,
    /// A handler has a tag that the personality does not know.
    Tag {
        /// The tag.
        tag: u32,
    },
    /// Handlers that a table cannot express.
    Handlers {
        /// Description of the impossible handlers.
        why: &'static str,
    },
    /// A name that has no address, or none in this object.
    Symbol {
        /// The name.
        name: String,
    },
    /// Cranelift cannot say how a function is unwound.
    Compile(CodegenError),
    /// The written bytes are no table: gimli's message, or that of the writer of object files.
    Table(String),
}

impl fmt::Display for UnwindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { target, why } => write!(f, "{target}: {why}"),
            Self::NoRules => write!(
                f,
                "the flag unwind_info is off: Cranelift makes no unwind rules for its functions"
            ),
            Self::NoPersonality => write!(
                f,
                "a handler of try_call needs a personality, which decides when to enter the handler: use `Personality::new`"
            ),
            Self::Tag { tag } => write!(
                f,
                "the personality has no meaning for tag{tag}: set one with `Personality::cleanup` or `Personality::catches`"
            ),
            Self::Handlers { why } => write!(f, "handlers of try_call: {why}"),
            Self::Symbol { name } => write!(f, "{name} has no address"),
            Self::Compile(error) => write!(f, "unwind rules: {error}"),
            Self::Table(why) => write!(f, "unwind table: {why}"),
        }
    }
}

/// Reason for a machine or a format of object files that has no tables.
pub(crate) const NO_TABLES: &str = "no unwind tables are written for this target";

/// Reason for code of Windows on AArch64 in memory.
pub(crate) const OTHER_TABLES: &str =
    "unwind tables of Windows on AArch64 are written only in object files";

impl core::error::Error for UnwindError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Compile(error) => Some(error),
            _ => None,
        }
    }
}
