//! Types as declarations write them: what a [`Type`] leaves out because no ABI depends on it, for front ends that check types.

use cabi::Type;
use clang_sys::*;

use crate::clang::Ty;
use crate::prelude;
use crate::types::{Reader, is_unnamed};

/// How deep pointers, arrays and functions are followed.
const MAX_NESTING: u32 = 16;

/// How many nodes a type may have: functions that take functions that take functions grow without bound.
const MAX_NODES: u32 = 4096;

/// A type as it was written: what pointers point to, and which record or enumeration it is. Typedefs are resolved, qualifiers dropped.
///
/// # Example
/// ```
/// use cabi_header::{HeaderError, Options, Written, parse};
///
/// let header = match parse("struct node { struct node *next; }; struct node *f(char *name);", &Options::new()) {
///     Err(HeaderError::NoLibclang { .. }) => return Ok(()),
///     read => read?,
/// };
/// let node = Written::Named("struct node".into());
/// assert_eq!(header.records[0].members, [Written::Pointer(Box::new(node))]);
/// assert_eq!(header.prototype("f").unwrap().written_params, [Written::Pointer(Box::new(Written::Char))]);
/// # Ok::<(), HeaderError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Written {
    /// `void`.
    Void,
    /// Plain `char`, which is neither of the two integers of its size.
    Char,
    /// A record or enumeration that has a name, as [`Header::ty`](crate::Header::ty) takes it. It may be incomplete or left out.
    Named(String),
    /// A pointer to an object, or to something incomplete.
    Pointer(Box<Written>),
    /// A function of the target's convention; behind a [`Pointer`](Self::Pointer) where it is a value.
    Function {
        /// Parameters, decayed.
        params: Vec<Written>,
        /// The result.
        ret: Box<Written>,
        /// Whether more arguments may follow.
        variadic: bool,
    },
    /// `_Float32`, which has the format of `float`. To C23 and gcc it is a type of its own, which no default argument promotion makes a
    /// `double` after a `...`.
    Float32,
    /// An array of so many elements; flexible without a number.
    Array(Box<Written>, Option<u64>),
    /// Everything else; the type says it all.
    Type(Type),
    /// Behind a pointer, what has no [`Type`], and a function of another convention than the target's own: as clang spells it.
    Other(String),
}

impl Written {
    /// `ty`, which was written so, after C's default argument promotions.
    #[must_use]
    pub fn promoted(&self, ty: &Type) -> Type {
        match self {
            Self::Float32 => ty.clone(),
            _ => cabi::promote(ty),
        }
    }
}

impl<'u> Reader<'u> {
    /// `ty` as it was written. Never wrong, at worst silent: what is too deep or has no type is [`Written::Other`].
    pub(crate) fn written(&mut self, ty: Ty<'u>) -> Written {
        self.n_written = 0;
        self.written_at(ty, 0)
    }

    /// As [`written`](Self::written), decayed.
    pub(crate) fn written_param(&mut self, ty: Ty<'u>) -> Written {
        self.n_written = 0;
        self.written_param_at(ty, 0)
    }

    fn written_param_at(&mut self, ty: Ty<'u>, depth: u32) -> Written {
        match self.written_at(ty, depth) {
            Written::Array(element, _) => Written::Pointer(element),
            function @ Written::Function { .. } => Written::Pointer(Box::new(function)),
            other => other,
        }
    }

    fn written_at(&mut self, ty: Ty<'u>, depth: u32) -> Written {
        let canonical = ty.canonical();
        self.n_written = self.n_written.saturating_add(1);
        if depth >= MAX_NESTING || self.n_written > MAX_NODES {
            return Written::Other(ty.spelling());
        }
        let boxed = |reader: &mut Self, ty| Box::new(reader.written_at(ty, depth + 1));
        match canonical.kind() {
            k if k == CXType_Void => Written::Void,
            k if k == CXType_Float && is_float32(ty) => Written::Float32,
            k if k == CXType_Char_S || k == CXType_Char_U => Written::Char,
            k if is_pointer(k) => Written::Pointer(boxed(self, desugared(ty).pointee())),
            k if FUNCTIONS.contains(&k) && canonical.convention() != CXCallingConv_C => {
                Written::Other(ty.spelling())
            }
            k if FUNCTIONS.contains(&k) => {
                let n = u32::try_from(ty.n_params()).unwrap_or(0);
                Written::Function {
                    params: (0..n)
                        .map(|i| self.written_param_at(ty.param(i), depth + 1))
                        .collect(),
                    ret: boxed(self, ty.result()),
                    variadic: ty.is_variadic(),
                }
            }
            k if k == CXType_ConstantArray => {
                let len = u64::try_from(canonical.array_len()).ok();
                Written::Array(boxed(self, desugared(ty).array_element()), len)
            }
            k if k == CXType_IncompleteArray => {
                Written::Array(boxed(self, desugared(ty).array_element()), None)
            }
            k if k == CXType_Record || k == CXType_Enum => {
                let name = canonical.declaration().ty().canonical().spelling();
                let is_stand_in = prelude::stand_in(&canonical.declaration().name()).is_some();
                if is_unnamed(&name) || is_stand_in {
                    self.written_type(ty)
                } else {
                    Written::Named(name)
                }
            }
            _ => self.written_type(ty),
        }
    }

    fn written_type(&mut self, ty: Ty<'u>) -> Written {
        self.ty(ty)
            .map_or_else(|_| Written::Other(ty.spelling()), Written::Type)
    }
}

/// Whether `ty` leads to `float` by way of the typedef `_Float32`, which is what clang and glibc make of gcc's type.
fn is_float32(ty: Ty<'_>) -> bool {
    let mut bare = ty;
    for _ in 0..MAX_NESTING {
        bare = match bare.kind() {
            k if k == CXType_Typedef => {
                let typedef = bare.declaration();
                if typedef.name() == "_Float32" {
                    return true;
                }
                typedef.underlying()
            }
            k if k == CXType_Elaborated => bare.named(),
            k if k == CXType_Attributed => bare.modified(),
            k if k == CXType_Atomic => bare.atomic_value(),
            // `typeof (_Float32)`: libclang shows what is in the parentheses as text only.
            k if k == CXType_Unexposed => {
                let spelling = bare.spelling();
                let mut words = spelling.split(|c: char| !c.is_alphanumeric() && c != '_');
                let is_other = |word: &&str| !["", "typeof", "const", "volatile"].contains(word);
                return words.rfind(is_other) == Some("_Float32");
            }
            _ => return false,
        };
    }
    false
}

const FUNCTIONS: [CXTypeKind; 2] = [CXType_FunctionProto, CXType_FunctionNoProto];

/// `ty` without the typedefs and attributes around it: what a canonical type consists of has lost the alignments of its typedefs. Canonical
/// all the same where there is something else around it, or too much.
pub(crate) fn desugared(ty: Ty<'_>) -> Ty<'_> {
    let mut bare = ty;
    for _ in 0..MAX_NESTING {
        bare = match bare.kind() {
            k if k == CXType_Typedef => bare.declaration().underlying(),
            k if k == CXType_Elaborated => bare.named(),
            k if k == CXType_Attributed => bare.modified(),
            k if k == bare.canonical().kind() => return bare,
            _ => break,
        };
    }
    ty.canonical()
}

/// Pointers, and C++'s references, which travel as pointers.
pub(crate) fn is_pointer(kind: CXTypeKind) -> bool {
    [
        CXType_Pointer,
        CXType_LValueReference,
        CXType_RValueReference,
    ]
    .contains(&kind)
}
