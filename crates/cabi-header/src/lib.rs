//! C headers and declarations to [`cabi`] types through libclang, and `cabi` types back to C text.
//!
//! libclang is loaded when the first header is read; a machine without it builds and links this crate all the same, and gets one error
//! that names what to install. Every size, alignment and offset that clang states is compared with what `cabi` computes: a declaration
//! on which they differ is left out with both numbers, never used.
#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod clang;
mod functions;
mod header;
mod parse;
mod prelude;
mod records;
mod source;
mod to_c;
mod types;
mod walk;

pub use header::{Header, HeaderError, Location, NamedType, Prototype, Reason, Skipped};
pub use parse::{parse, parse_file};
pub use source::Options;
pub use to_c::{Emitter, ToCError, declaration};
