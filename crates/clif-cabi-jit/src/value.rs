//! Rust values that stand for C values: as arguments, as results; and refusals.

use core::fmt;
use core::marker::PhantomData;

use clif_cabi::cabi::Type;

use crate::error::{Error, Result};
use crate::kind;

/// A Rust type that may stand for a C type as argument and result.
///
/// # Safety
/// If `stands_for` is true, the type has the size of the C type. Every value of the Rust type is
/// valid as the C type, and every value of the C type as the Rust type.
///
/// # Example
/// ```
/// use clif_cabi_jit::{CValue, clif_cabi::cabi::Type};
///
/// #[derive(Clone, Copy)]
/// #[repr(C)]
/// struct Div { quot: i32, rem: i32 }
///
/// // SAFETY: any bytes are two integers.
/// unsafe impl CValue for Div {
///     fn stands_for(ty: &Type) -> bool {
///         ty.size() == 8 && ty.as_record().is_some_and(|record| record.tag() == Some("div"))
///     }
/// }
/// assert!(i32::stands_for(&Type::U32) && !i32::stands_for(&Type::F32));
/// ```
pub unsafe trait CValue: Copy {
    /// Kind of the scalars that this stands for, so that a call compares two numbers.
    /// [`kind::NONE`] where [`CValue::stands_for`] decides.
    #[doc(hidden)]
    const KIND: u32 = kind::NONE;
    /// Sign of an integer. A caller relies on the bits above a narrow result.
    #[doc(hidden)]
    const IS_SIGNED: Option<bool> = None;

    /// Checks whether a value of this type may stand for one of `ty`.
    fn stands_for(ty: &Type) -> bool;
}

/// An argument of a typed call.
#[derive(Clone, Copy)]
pub struct CallArg<'a> {
    pub(crate) bytes: *const u8,
    len: usize,
    /// Kind of the Rust type.
    pub(crate) kind: u32,
    /// Returns the name of its Rust type unless that stands for the C type. `None`: bytes, which
    /// stand for any type of their length.
    misfit: Option<fn(&Type) -> Option<&'static str>>,
    lifetime: PhantomData<&'a [u8]>,
}

impl<'a> CallArg<'a> {
    /// Makes an argument of `value`.
    #[must_use]
    #[inline]
    pub fn new<T: CValue>(value: &'a T) -> Self {
        Self {
            bytes: (&raw const *value).cast(),
            len: size_of::<T>(),
            kind: T::KIND,
            misfit: Some(misfit::<T>),
            lifetime: PhantomData,
        }
    }

    /// Makes an argument of the bytes of an object of any type. Examples are a structure, a union,
    /// a vector, and a number that Rust has no type for. A call refuses another number of bytes,
    /// and a `_Bool` that is not 0 or 1.
    #[must_use]
    pub fn bytes(object: &'a [u8]) -> Self {
        Self {
            bytes: object.as_ptr(),
            len: object.len(),
            kind: kind::NONE,
            misfit: None,
            lifetime: PhantomData,
        }
    }

    /// Refuses an argument that is not of `ty`.
    pub(crate) fn check(&self, index: usize, ty: &Type) -> Result<()> {
        let subject = Subject::Argument(index);
        let Some(misfit) = self.misfit else {
            // SAFETY: it was made of these bytes, which outlive it.
            let object = unsafe { core::slice::from_raw_parts(self.bytes, self.len) };
            return subject.check_bytes(ty, object);
        };
        subject.check_size(ty, self.len)?;
        match misfit(ty) {
            Some(name) => Err(no_stand_in(subject, ty, name)),
            None => Ok(()),
        }
    }
}

fn misfit<T: CValue>(ty: &Type) -> Option<&'static str> {
    (!T::stands_for(ty)).then(core::any::type_name::<T>)
}

/// Bytes of an object that is passed: a signature that is lowered has none of more than 2 GiB.
pub(crate) fn bytes_of(ty: &Type) -> usize {
    let bytes = usize::try_from(ty.size());
    debug_assert!(bytes.is_ok(), "{ty} is no argument");
    bytes.unwrap_or(0)
}

/// Value that has to fit a C type, or a signature.
#[derive(Clone, Copy)]
pub(crate) enum Subject {
    Argument(usize),
    Unnamed,
    Result,
    Call,
    Declaration,
    FnPointer,
}

impl Subject {
    /// Returns the error for a value that does not fit `ty`.
    #[cold]
    pub(crate) fn refused(self, ty: &dyn fmt::Display, why: impl Into<String>) -> Error {
        let subject = match self {
            Self::Argument(index) => &format!("argument {index}"),
            Self::Unnamed => "an unnamed argument",
            Self::Result => "the result",
            Self::Call => "the call",
            Self::Declaration => "the declaration",
            Self::FnPointer => "the function pointer",
        };
        Error::Value {
            what: subject.to_owned(),
            ty: ty.to_string(),
            why: why.into(),
        }
    }

    /// Refuses another number of bytes than `ty` has.
    pub(crate) fn check_size(self, ty: &Type, bytes: usize) -> Result<()> {
        let size = ty.size();
        if bytes as u64 == size {
            return Ok(());
        }
        let (size, are) = (count(size, "byte"), are(bytes));
        Err(self.refused(ty, format!("it has {size}, and {bytes} {are} given")))
    }

    /// Refuses bytes that are no object of `ty`: another number of them, or a `_Bool` that is
    /// neither 0 nor 1. C and Rust rely on these two values.
    pub(crate) fn check_bytes(self, ty: &Type, object: &[u8]) -> Result<()> {
        self.check_size(ty, object.len())?;
        match *object {
            [byte] if byte > 1 && bool::stands_for(ty) => {
                Err(self.refused(ty, format!("it is 0 or 1, and {byte} is given")))
            }
            _ => Ok(()),
        }
    }
}

/// Returns `1 byte`, `2 bytes`.
pub(crate) fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Returns the verb of so many.
pub(crate) fn are(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

/// Refuses a Rust type that does not stand for `ty`, which is that of `subject`.
#[inline]
pub(crate) fn check<T: CValue>(subject: Subject, ty: &Type) -> Result<()> {
    if T::stands_for(ty) && size_of::<T>() as u64 == ty.size() {
        return Ok(());
    }
    Err(no_stand_in(subject, ty, core::any::type_name::<T>()))
}

#[cold]
fn no_stand_in(given: Subject, ty: &Type, name: &str) -> Error {
    given.refused(ty, format!("{name} does not match this type"))
}

macro_rules! scalars {
    ($($kind:ident $is_signed:expr, $($rust:ty)+;)*) => {
        $($(
            // SAFETY: scalars of the same kind and size have the same values; which of them is
            // negative is a matter of reading.
            unsafe impl CValue for $rust {
                const KIND: u32 = kind::with_size::<Self>(kind::$kind);
                const IS_SIGNED: Option<bool> = $is_signed;

                #[inline]
                fn stands_for(ty: &Type) -> bool {
                    kind::of(ty) == Self::KIND
                }
            }
        )+)*
    };
}

scalars! {
    INT Some(true), i8 i16 i32 i64 isize i128;
    INT Some(false), u8 u16 u32 u64 usize u128;
    FLOAT None, f32 f64;
    BOOL None, bool;
    VOID None, ();
}

macro_rules! pointers {
    ($($rust:ty)+) => {
        $(
            // SAFETY: both are addresses.
            unsafe impl<T> CValue for $rust {
                const KIND: u32 = kind::with_size::<Self>(kind::POINTER);

                #[inline]
                fn stands_for(ty: &Type) -> bool {
                    kind::of(ty) == Self::KIND
                }
            }
        )+
    };
}

pointers! { *const T *mut T }
