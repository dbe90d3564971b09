//! Reasons why a compiler gives no answer.

use std::io;

use thiserror::Error;

use crate::process::reports_crash;

/// Reason why a reference compiler gives no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The compiler could not be started, or a folder not be made.
    #[error("{what}: {source}")]
    Io {
        /// The attempt.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The compiler refused the C text, or crashed at it, and so gave no answer about it.
    #[error("{reference} {}: {}", if *crashed { "crashes" } else { "refuses" }, first_error(messages))]
    Refused {
        /// Reference compiler and version.
        reference: String,
        /// Its messages.
        messages: String,
        /// `true` if it crashed.
        crashed: bool,
    },
    /// The compiler's output does not link or run.
    #[error("{what} does not work: {why}")]
    Unusable {
        /// The purpose of the output.
        what: String,
        /// The linker's reason, or how the process ended.
        why: String,
    },
}

impl ReferenceError {
    /// Makes an error of the attempt `what` and the system's reason.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Returns the compiler's messages about C text that it refuses, or at which it crashes.
    pub fn messages(&self) -> Option<&str> {
        match self {
            Self::Refused { messages, .. } => Some(messages),
            Self::Io { .. } | Self::Unusable { .. } => None,
        }
    }

    /// Returns this failure with `messages`, the part that is about one case.
    pub(crate) fn with_messages(&self, messages: &str) -> Self {
        let (reference, crashed) = match self {
            Self::Refused {
                reference, crashed, ..
            } => (reference.clone(), *crashed),
            Self::Io { .. } | Self::Unusable { .. } => (String::new(), false),
        };
        Self::Refused {
            reference,
            messages: messages.to_owned(),
            crashed: crashed && reports_crash(messages),
        }
    }

    /// Checks whether the system is to blame: a full disk, a compiler that cannot be started, hangs
    /// or is killed. The other errors are answers about the C text.
    pub fn is_about_the_system(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

/// Returns the first error among a compiler's messages, without its place in a file that is gone.
pub(crate) fn first_error(messages: &str) -> String {
    if let Some(at) = messages.find("undefined reference to ") {
        return messages[at..].lines().next().unwrap_or_default().to_owned();
    }
    let line = messages.lines().find(|line| {
        // The second is an assembler's.
        line.contains("error:") || line.contains("Error:")
    });
    let line = line
        .or_else(|| messages.lines().next())
        .unwrap_or("no message");
    line.split_once("error: ")
        .map_or(line, |(_, text)| text)
        .to_owned()
}
