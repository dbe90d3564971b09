//! Errors of a whole header.

use std::fmt;
use std::path::PathBuf;

use crate::location::Location;

/// An error in the source.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SourceError {
    /// Location, if the error is anywhere in the source.
    pub location: Option<Location>,
    /// Bytes from the start of the line, counted from 1.
    pub column: u32,
    /// Message of clang.
    pub message: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}:{}: ", self.column)?;
        }
        f.write_str(&self.message)
    }
}

/// Reason why a whole header could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HeaderError {
    /// There is no libclang.
    NoLibclang {
        /// The message of the search.
        searched: String,
    },
    /// The libclang found is too old.
    OldLibclang {
        /// Path of the library.
        path: PathBuf,
    },
    /// The system has no thread for libclang.
    NoThread,
    /// The file could not be read.
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        message: String,
    },
    /// Text, name or arguments contain a NUL character.
    Nul {
        /// `the text`, `an argument` or `the name of the header`.
        place: String,
    },
    /// clang refused its arguments, or gave up without saying why.
    Refused {
        /// The arguments.
        args: Vec<String>,
    },
    /// libclang drops an argument that clang heeds.
    Ignored {
        /// The argument.
        arg: String,
        /// The missing ability.
        why: &'static str,
    },
    /// An argument chooses another convention than that of the target.
    Convention {
        /// The argument.
        arg: String,
    },
    /// The source is wrong outside of any declaration that could be left out.
    Source {
        /// Each of the errors.
        errors: Vec<SourceError>,
    },
    /// A language, target or option that is not supported.
    Unsupported {
        /// The target.
        target: String,
        /// Description of the unsupported argument.
        why: String,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLibclang { searched } => write!(
                f,
                "cannot find libclang, which reads C headers: install it (Debian and Ubuntu: apt-get install \
                 libclang1-19 libclang-common-19-dev; Fedora: dnf install clang-libs; macOS: brew install llvm; Windows: winget install LLVM.LLVM) or set LIBCLANG_PATH to its directory ({searched})"
            ),
            Self::OldLibclang { path } => {
                let path = path.display();
                write!(
                    f,
                    "{path}: this libclang is too old, version 11 or later is needed"
                )
            }
            Self::NoThread => f.write_str("cannot start a thread for libclang"),
            Self::File { path, message } => write!(f, "{}: {message}", path.display()),
            Self::Nul { place } => write!(f, "{place} contains a NUL character"),
            Self::Refused { args } if args.is_empty() => f.write_str("clang gave up"),
            Self::Refused { args } => {
                let args = args.join(" ");
                write!(f, "clang failed or refused its arguments: {args}")
            }
            Self::Ignored { arg, why } => {
                write!(f, "{arg} is not supported, because libclang {why}")
            }
            Self::Convention { arg } => {
                write!(f, "{arg} cannot choose the convention: use --target")
            }
            Self::Source { errors } => {
                for (i, error) in errors.iter().enumerate() {
                    let newline = if i == 0 { "" } else { "\n" };
                    write!(f, "{newline}{error}")?;
                }
                Ok(())
            }
            Self::Unsupported { target, why } => write!(f, "{why} ({target})"),
        }
    }
}

impl std::error::Error for HeaderError {}
