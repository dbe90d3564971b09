//! Why nothing, or not everything, could be verified.

use std::fmt;
use std::io;

use cabi_header::HeaderError;

use crate::build::ReferenceError;

/// Why nothing, or not everything, could be verified.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header cannot be read.
    Header {
        /// Its name.
        name: String,
        /// The reason.
        source: HeaderError,
    },
    /// A type of a generated function is refused.
    Type(cabi::Error),
    /// A compiler cannot be started.
    Reference(ReferenceError),
    /// A compiler makes code for vectors that this machine has not.
    Machine {
        /// The command.
        command: String,
        /// The vectors.
        vectors: &'static str,
    },
    /// The system has no memory or no process.
    System(io::Error),
    /// A signal came that [`watch_signals`](crate::process::watch_signals) watches.
    Interrupted,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, source } => write!(f, "{name}: {source}"),
            Self::Type(source) => source.fmt(f),
            Self::Reference(source) => source.fmt(f),
            Self::Machine { command, vectors } => {
                let what = "which this machine has not";
                write!(f, "{command} makes code for {vectors}, {what}")
            }
            Self::System(source) => write!(f, "child processes and guard pages: {source}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Header { source, .. } => Some(source),
            Self::Type(source) => Some(source),
            Self::Reference(source) => Some(source),
            Self::System(source) => Some(source),
            Self::Machine { .. } | Self::Interrupted => None,
        }
    }
}

impl From<cabi::Error> for VerifyError {
    fn from(error: cabi::Error) -> Self {
        Self::Type(error)
    }
}

impl From<ReferenceError> for VerifyError {
    fn from(error: ReferenceError) -> Self {
        Self::Reference(error)
    }
}
