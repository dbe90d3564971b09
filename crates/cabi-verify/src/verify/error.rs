//! Why nothing, or not everything, could be verified.

use cabi_header::HeaderError;
use thiserror::Error;

use crate::build::ReferenceError;

/// Why nothing, or not everything, could be verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header cannot be read.
    #[error("{name}: {source}")]
    Header {
        /// Its name.
        name: String,
        /// The reason.
        source: HeaderError,
    },
    /// A compiler cannot be started.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A compiler makes code for features of processors that this machine has not.
    #[error("{command} makes code for {features}, which this machine lacks")]
    Machine {
        /// The command.
        command: String,
        /// The features.
        features: String,
    },
    /// The runner itself made a mistake (a case has not one verdict in each direction, or one that
    /// says nothing).
    #[error("the runner: {0}")]
    Runner(String),
    /// A signal came that [`watch_signals`](crate::process::watch_signals) watches.
    #[error("interrupted")]
    Interrupted,
}
