//! C headers and declarations to [`cabi`] types through libclang, and `cabi` types back to C text.
//!
//! libclang is loaded when the first header is read. A machine without it builds and links this
//! crate too, and gets one error that names what to install. Every size, alignment and offset that
//! clang states is compared with what `cabi` computes. A declaration on which the two differ is
//! left out with both numbers, never used.
//!
//! [`parse`] and [`parse_file`] return a [`Header`] of prototypes, records, typedefs, enumerations
//! and integer macros. Everything else has its [`Reason`] there. Free functions of C++ are read, by
//! their mangled names, and classes whose layout is C's. An argument that C++ passes by invisible
//! reference is a pointer in the [`Prototype`]. [`Emitter`] and [`declaration`] go the other way,
//! to C. Conventions are the target's own, `ms_abi` and `sysv_abi`. Others are refused by name, as
//! are methods and templates.
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
//! let options = Options::new().name("numbers.h").arg("--target=x86_64-linux-gnu");
//! let header = match parse(text, &options) {
//!     Err(HeaderError::NoLibclang { .. }) => return Ok(()),
//!     read => read?,
//! };
//! let sum = header.prototype("sum").unwrap();
//! assert_eq!(sum.params[0].1.size(), 17);
//! assert_eq!(
//!     header.reason("product").unwrap().to_string(),
//!     "the calling convention vectorcall is not supported"
//! );
//!
//! let mut emitter = Emitter::new(&header.model);
//! let params = [sum.params[0].1.clone()];
//! assert_eq!(
//!     emitter.prototype("sum", &params, &sum.ret, false).unwrap(),
//!     "struct number sum(struct list a0)"
//! );
//! # Ok::<(), HeaderError>(())
//! ```
#![deny(unsafe_code)]

#[allow(unsafe_code)]
#[allow(non_upper_case_globals, reason = "libclang's constants are patterns")]
mod clang;
mod declarator;
mod header;
mod header_error;
mod location;
mod options;
#[allow(non_upper_case_globals, reason = "libclang's constants are patterns")]
mod parse;
mod reason;
mod to_c;
mod written_type;

pub use declarator::declared;
pub use header::{
    Constant, DeclaredKind, DeclaredName, Header, NamedType, Prototype, SkippedDeclaration,
    TypeSpelling, tag,
};
pub use header_error::{HeaderError, SourceError};
pub use location::Location;
pub use options::{Options, clang_triple};
pub use parse::{parse, parse_file, warnings};
pub use reason::Reason;
pub use to_c::{Emitter, ToCError, declaration};
pub use written_type::WrittenType;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
