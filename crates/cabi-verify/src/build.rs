//! Compilers: which there are, what each can compile, and the code they build.

pub(crate) mod bisect;
mod error;
mod installed;
pub(crate) mod object_data;
pub(crate) mod program;
mod program_target;
mod reference;
pub mod zig;

pub(crate) use crate::corpus::capability::needs;
pub use crate::corpus::capability::{Capability, feature_flags};
pub(crate) use bisect::Rejection;
pub use error::ReferenceError;
pub(crate) use error::first_error;
pub use installed::InstalledCompilers;
pub use program::runner;
pub use program_target::{ProgramTarget, is_same_but_vendor};
pub(crate) use reference::makes_errors;
pub use reference::{Built, Reference, TIME_LIMIT};
