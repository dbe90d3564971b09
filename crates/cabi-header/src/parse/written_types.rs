//! Types as declarations write them.

use clang_sys::*;

use crate::clang::Ty;
use crate::parse::kinds::{is_function, is_pointer};
use crate::parse::prelude;
use crate::parse::types::{Reader, is_unnamed};
use crate::written_type::WrittenType;

/// Depth to which pointers, arrays and functions are followed.
const MAX_NESTING: u32 = 16;

/// Most nodes that a type may have, since functions that take functions that take functions grow
/// without bound.
const MAX_NODES: u32 = 4096;

impl<'u> Reader<'u> {
    /// Returns `ty` as it was written. A type that is too deep, or that `cabi` lacks, is
    /// [`WrittenType::Other`].
    pub(crate) fn written(&mut self, ty: Ty<'u>) -> WrittenType {
        self.n_written = 0;
        self.written_at(ty, 0)
    }

    fn written_at(&mut self, ty: Ty<'u>, depth: u32) -> WrittenType {
        let canonical = ty.canonical();
        self.n_written = self.n_written.saturating_add(1);
        if depth >= MAX_NESTING || self.n_written > MAX_NODES {
            return WrittenType::Other(ty.spelling());
        }
        let boxed = |reader: &mut Self, ty| Box::new(reader.written_at(ty, depth + 1));
        match canonical.kind() {
            CXType_Void => WrittenType::Void,
            k if k == CXType_Float && is_float32(ty) => WrittenType::Float32,
            CXType_Half => WrittenType::Half,
            CXType_Char_S | CXType_Char_U => WrittenType::Char,
            k if is_pointer(k) => WrittenType::Pointer(boxed(self, desugared(ty).pointee())),
            k if is_function(k) && canonical.convention() != CXCallingConv_C => {
                WrittenType::Other(ty.spelling())
            }
            k if is_function(k) => {
                let n = u32::try_from(ty.n_params()).unwrap_or(0);
                WrittenType::Function {
                    params: (0..n)
                        .map(|i| decayed(self.written_at(ty.param(i), depth + 1)))
                        .collect(),
                    ret: boxed(self, ty.result()),
                    variadic: ty.is_variadic(),
                }
            }
            CXType_ConstantArray | CXType_IncompleteArray => {
                // A negative number: clang has no length.
                let len = u64::try_from(canonical.array_len()).ok();
                WrittenType::Array(boxed(self, desugared(ty).array_element()), len)
            }
            CXType_Record | CXType_Enum => {
                let name = canonical.declaration().ty().canonical().spelling();
                let is_stand_in = prelude::stand_in(&canonical.declaration().name()).is_some();
                if is_unnamed(&name) || is_stand_in {
                    self.written_type(ty)
                } else {
                    WrittenType::Named(name)
                }
            }
            _ => self.written_type(ty),
        }
    }

    fn written_type(&mut self, ty: Ty<'u>) -> WrittenType {
        self.ty(ty)
            .map_or_else(|_| WrittenType::Other(ty.spelling()), WrittenType::Type)
    }
}

/// Returns the type that a parameter has, which was `written`, after decay.
pub(crate) fn decayed(written: WrittenType) -> WrittenType {
    match written {
        WrittenType::Array(element, _) => WrittenType::Pointer(element),
        function @ WrittenType::Function { .. } => WrittenType::Pointer(Box::new(function)),
        other => other,
    }
}

/// Returns the type inside one typedef, keyword or attribute.
fn wrapped(ty: Ty<'_>) -> Option<Ty<'_>> {
    match ty.kind() {
        CXType_Typedef => Some(ty.declaration().underlying()),
        CXType_Elaborated => Some(ty.named()),
        CXType_Attributed => Some(ty.modified()),
        _ => None,
    }
}

/// Returns whether `ty` leads to `float` through the typedef `_Float32`, as which clang and glibc
/// declare gcc's type.
fn is_float32(ty: Ty<'_>) -> bool {
    let mut bare = ty;
    for _ in 0..MAX_NESTING {
        bare = match bare.kind() {
            CXType_Typedef if bare.declaration().name() == "_Float32" => return true,
            CXType_Atomic => bare.atomic_value(),
            // `typeof (_Float32)`: libclang shows what is in the parentheses as text only.
            CXType_Unexposed => {
                let spelling = bare.spelling();
                let mut words = spelling.split(|c: char| !c.is_alphanumeric() && c != '_');
                let is_other = |word: &&str| !["", "typeof", "const", "volatile"].contains(word);
                return words.rfind(is_other) == Some("_Float32");
            }
            _ => match wrapped(bare) {
                Some(inner) => inner,
                None => return false,
            },
        };
    }
    false
}

/// Returns `spelling` with `{..}` in place of the location that clang gives a type without a name:
/// `struct (unnamed struct at header.h:1:2)`, or in a record with a name
/// `struct outer::(anonymous at header.h:1:2)`.
pub(crate) fn without_place(spelling: &str) -> String {
    let marks = ["(unnamed ", "(anonymous "].iter();
    let from = marks.filter_map(|mark| spelling.find(mark)).min();
    let parts = from.and_then(|from| spelling.split_at_checked(from));
    let Some((before, (_, after))) =
        parts.and_then(|(before, rest)| Some((before, rest.split_once(')')?)))
    else {
        return spelling.to_owned();
    };
    let keyword = before.rfind(' ').and_then(|at| before.get(..=at));
    format!("{}{{..}}{}", keyword.unwrap_or(""), without_place(after))
}

/// Returns `ty` without the typedefs and attributes around it. Unlike those of the canonical type,
/// its parts keep the alignments of their typedefs. Returns the canonical type if there is another
/// wrapper, or there are too many.
pub(crate) fn desugared(ty: Ty<'_>) -> Ty<'_> {
    let mut bare = ty;
    for _ in 0..MAX_NESTING {
        bare = match wrapped(bare) {
            Some(inner) => inner,
            None if bare.kind() == bare.canonical().kind() => return bare,
            None => break,
        };
    }
    ty.canonical()
}
