//! C headers and declarations to [`cabi`] types through libclang, and `cabi` types back to C text.
//!
//! libclang is loaded when the first header is read; a machine without it builds and links this crate all the same, and gets one error
//! that names what to install. Every size, alignment and offset that clang states is compared with what `cabi` computes: a declaration
//! on which they differ is left out with both numbers, never used.
//!
//! [`parse`] and [`parse_file`] give a [`Header`] of prototypes, records, typedefs and enumerations, and say of everything else why it
//! is not among them. [`Emitter`] and [`declaration`] go the other way. Not here: C++, integer macros, and calling conventions other
//! than the target's C convention, which are refused by name.
//!
//! # Example
//! ```
//! use cabi_header::{Emitter, HeaderError, Options, parse};
//!
//! let text = "
//!     #include <stddef.h>
//!     typedef struct { double re, im; } number;
//!     struct list { unsigned kind : 3; number *items; size_t len; } __attribute__((packed));
//!     number sum(struct list of);
//!     __attribute__((vectorcall)) number product(struct list of);
//! ";
//! let header = match parse(text, &Options::new().name("numbers.h").arg("--target=x86_64-linux-gnu")) {
//!     Err(HeaderError::NoLibclang { .. }) => return Ok(()),
//!     read => read?,
//! };
//! let sum = header.prototype("sum").unwrap();
//! assert_eq!(sum.params[0].1.size(), 17);
//! assert_eq!(header.reason("product").unwrap().to_string(), "the calling convention vectorcall is not supported");
//!
//! let mut emitter = Emitter::new(&header.model);
//! let params = [sum.params[0].1.clone()];
//! assert_eq!(emitter.prototype("sum", &params, &sum.ret, false).unwrap(), "struct number sum(struct list a0)");
//! # Ok::<(), HeaderError>(())
//! ```
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
