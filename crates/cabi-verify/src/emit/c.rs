//! The two sides of a call as C. The callee records its arguments and returns bytes of the case.
//! The caller passes bytes of the case and records the result.
//!
//! Many cases share one file. Macros rename a block's declarations with a prefix of its own, so the
//! block's text stays as it is and no two names are equal. Values are given as memory images. A
//! side copies an image by `memcpy` into a variable of the parameter's own type. No member is
//! named, so every type is treated alike.
//!
//! ```text
//! #define pair c7_pair
//! #define f c7_f
//! struct pair { long a, b; };
//! struct pair f(struct pair p, int);
//! void c7_f_call(.., const unsigned char *cabi_image, ..) {
//!     struct pair cabi_a0; memcpy(&cabi_a0, cabi_image, sizeof cabi_a0);
//!     ... cabi_f(cabi_a0, cabi_a1);
//! }
//! #undef f
//! #undef pair
//! ```

use std::fmt::Write as _;

use cabi::{Scalar, Type};

use crate::case::Subject;

mod sides;

pub(crate) use sides::{callee, caller, is_pointer};

/// The symbol of the numbers that a table of data begins with.
pub(crate) const TABLE: &str = "cabi_table";

/// Bytes from one argument's image to the next are a multiple of this.
pub(crate) const IMAGE_ALIGN: usize = 64;

/// Start of each argument's image, and the bytes of all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Images {
    /// Bytes from the start.
    pub offsets: Vec<usize>,
    /// All bytes.
    pub size: usize,
}

impl Images {
    /// Lays out the images of values of these types, one after the other.
    pub(crate) fn of(types: &[Type]) -> Self {
        let mut size = 0_usize;
        let mut offsets = Vec::new();
        for ty in types {
            offsets.push(size);
            let bytes = usize::try_from(ty.size()).unwrap_or(usize::MAX / 4);
            size = size.saturating_add(bytes.max(1).next_multiple_of(IMAGE_ALIGN));
        }
        Self { offsets, size }
    }
}

/// Returns the block's text under names that start with `prefix`, with `body` after it.
pub(crate) fn scoped(subject: &Subject, prefix: &str, body: &str) -> String {
    let mut text = String::new();
    for name in &subject.names {
        let _ = writeln!(text, "#define {name} {prefix}{name}");
    }
    text.push_str(&subject.block.code);
    text.push_str(body);
    for name in &subject.names {
        let _ = writeln!(text, "#undef {name}");
    }
    text
}

/// Returns the line that undefines a macro `name`; none for `defined`, which is no name of a macro
/// (C17 6.10.8).
pub(crate) fn undefine(name: &str) -> String {
    match name {
        "defined" => String::new(),
        _ => format!("#undef {name}\n"),
    }
}

/// Returns C's spelling of the type by which `va_arg` fetches an unnamed argument of `ty`, spelled
/// `text`.
pub(crate) fn fetched(ty: &Type, text: &str) -> String {
    let promoted = cabi::promote(ty);
    match promoted.as_scalar() {
        _ if promoted == *ty => format!("__typeof__({text})"),
        Some(Scalar::F64) => "double".to_owned(),
        _ => "int".to_owned(),
    }
}

/// Checks whether argument `ty` is also looked at widened.
pub(crate) fn is_widened(ty: &Type) -> bool {
    let narrow = matches!(
        ty.as_scalar(),
        Some(
            Scalar::Bool
                | Scalar::Int {
                    bits: 8 | 16 | 32,
                    ..
                }
        )
    );
    narrow && ty.size() < 8 && ty.as_record().is_none()
}

/// Returns `bytes` as the initializer of an array of C. The array has one byte if `bytes` is empty.
pub(crate) fn initializer(bytes: &[u8]) -> String {
    format!("{{ {} }}", list(bytes))
}

/// Returns `bytes` as the elements of an array of C, of which there is one at least.
pub(crate) fn list(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
    match digits.is_empty() {
        true => "0".to_owned(),
        false => digits.join(", "),
    }
}

pub(crate) fn string(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("(const unsigned char *)\"{digits}\"")
}

/// Functions that code for Windows calls by itself, and that no C library here has in its
/// convention.
pub(crate) const WINDOWS: &str = include_str!("c/windows.c");

/// Definitions that bind the functions that code for Windows calls by itself to [`WINDOWS`]. Each
/// file of code for Windows begins with them.
pub(crate) const MEMORY_FUNCTIONS: &str = include_str!("c/memory_functions.c");

/// A program that makes one call, with values of the macros that
/// [`run::one_call`](crate::run::one_call) defines. Its argument names a file, to which it writes
/// the result, and then the memory that pointers among the arguments point to.
pub(crate) const ONE_CALL: &str = include_str!("c/one_call.c");

/// Functions that clang calls at -O0 for a `__bf16`, and libgcc before 13 lacks; gcc 11 has no
/// `_Float16`.
pub(crate) const TRUNCATION: &str = include_str!("c/truncation.c");

/// Words of both sides of a call.
pub(crate) const SHARED: &str = include_str!("c/shared.c");

/// Gives what follows default visibility, so that it is found by its name.
pub(crate) const VISIBLE: &str = include_str!("c/visible.c");

/// Frame of the C sides. Functions that Zig and the probe call have System V's convention by
/// attribute: a compiler's flags may select another convention for functions without one.
pub(crate) const FRAME: &str = concat!(
    include_str!("c/visible.c"),
    include_str!("c/memory_functions.c"),
    include_str!("c/shared.c"),
    include_str!("c/frame.c")
);
