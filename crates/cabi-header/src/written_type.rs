//! Types as declarations write them, with what a [`Type`] leaves out because no ABI depends on it.
//! They are for front ends that check types.

use cabi::Type;

/// A type as it was written: what pointers point to, and which record or enumeration it is.
/// Typedefs are resolved, qualifiers dropped.
///
/// # Example
/// ```
/// use cabi_header::{HeaderError, Options, WrittenType, parse};
///
/// let text = "struct node { struct node *next; }; struct node *f(char *name);";
/// let header = match parse(text, &Options::new()) {
///     Err(HeaderError::NoLibclang { .. }) => return Ok(()),
///     read => read?,
/// };
/// let node = WrittenType::Named("struct node".into());
/// assert_eq!(header.records[0].members, [WrittenType::Pointer(Box::new(node))]);
/// assert_eq!(
///     header.prototype("f").unwrap().written_params,
///     [WrittenType::Pointer(Box::new(WrittenType::Char))]
/// );
/// # Ok::<(), HeaderError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WrittenType {
    /// `void`.
    Void,
    /// Plain `char`, which is neither of the two integers of its size.
    Char,
    /// A record or enumeration that has a name, as [`Header::ty`](crate::Header::ty) takes it. It
    /// may be incomplete or left out.
    Named(String),
    /// A pointer to an object, or to an incomplete type.
    Pointer(Box<WrittenType>),
    /// A function of the target's convention. A value is a [`Pointer`](Self::Pointer) to it.
    Function {
        /// Parameters, decayed.
        params: Vec<WrittenType>,
        /// The result.
        ret: Box<WrittenType>,
        /// `true` if more arguments may follow.
        variadic: bool,
    },
    /// `_Float32`, which has the format of `float`. To C23 and gcc it is a type of its own, which
    /// no default argument promotion makes a `double` after a `...`.
    Float32,
    /// `__fp16`, which has the format of `_Float16`. After a `...` it is a `double`.
    Half,
    /// An array with its number of elements; a flexible array has none.
    Array(Box<WrittenType>, Option<u64>),
    /// Any other type, of which nothing is left out.
    Type(Type),
    /// A type as clang spells it: one after a pointer that has no [`Type`], or a function of
    /// another convention than the target's own.
    Other(String),
}

impl WrittenType {
    /// Returns `ty`, which was written as `self`, after C's default argument promotions.
    #[must_use]
    pub fn promoted(&self, ty: &Type) -> Type {
        match self {
            Self::Float32 => ty.clone(),
            Self::Half => Type::F64,
            _ => cabi::promote(ty),
        }
    }
}
