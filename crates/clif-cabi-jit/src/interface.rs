//! Typed calls of signatures known at run time, in the shape that users of libffi know: a type, a call interface, a code pointer, arguments.
//!
//! What the compiler cannot check here is checked at each call: that there are as many arguments as the signature has, and that each, and the
//! result, is of the kind and size of its C type. What the C function does with them stays the caller's promise.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use clif_cabi::cabi::{FnSig, Kind, Scalar, Type};

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::invoke::{Invoker, Invokers};

/// A Rust type that may stand for a C type as argument and result.
///
/// # Safety
/// Where `stands_for` is true the type has the size of the C type, every value of it is valid as that type, and every value of the C type is a
/// valid value of it.
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
///         ty.to_string() == "struct div" && ty.size() == 8
///     }
/// }
/// assert!(i32::stands_for(&Type::U32) && !i32::stands_for(&Type::F32));
/// ```
pub unsafe trait CValue: Copy {
    /// Whether a value of this type may stand for one of `ty`.
    fn stands_for(ty: &Type) -> bool;
}

/// An argument of a typed call.
#[derive(Clone, Copy)]
pub struct CallArg<'a> {
    bytes: *const u8,
    len: usize,
    /// `None`: bytes, which stand for any type of their length.
    stands_for: Option<fn(&Type) -> bool>,
    lifetime: PhantomData<&'a [u8]>,
}

impl<'a> CallArg<'a> {
    /// The value of `value`.
    #[must_use]
    pub fn new<T: CValue>(value: &'a T) -> Self {
        Self {
            bytes: (&raw const *value).cast(),
            len: size_of::<T>(),
            stands_for: Some(T::stands_for),
            lifetime: PhantomData,
        }
    }

    /// An object of any type with as many bytes: a structure, a union, a vector, a number that Rust has no type for.
    #[must_use]
    pub fn bytes(object: &'a [u8]) -> Self {
        Self {
            bytes: object.as_ptr(),
            len: object.len(),
            stands_for: None,
            lifetime: PhantomData,
        }
    }

    fn check(&self, index: usize, ty: &Type) -> Result<()> {
        let fits = self.len as u64 == ty.size() && self.stands_for.is_none_or(|fits| fits(ty));
        fits.then_some(()).ok_or_else(|| Error::Value {
            what: format!("argument {index}"),
            ty: ty.to_string(),
            why: match self.stands_for {
                Some(_) if self.len as u64 == ty.size() => {
                    "the value given is of another kind".to_owned()
                }
                _ => format!("it has {} bytes, and {} are given", ty.size(), self.len),
            },
        })
    }
}

/// A function's signature and how it is called: what libffi calls a `cif`.
///
/// # Example
/// ```
/// # #[cfg(not(all(has_engine, unix)))]
/// # return Ok(()); // no JIT on this machine
/// use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
/// use clif_cabi_jit::{CallArg, CallInterface, Invokers, Settings};
///
/// let mut invokers = Invokers::new(&Settings::default())?;
/// let difftime = CallInterface::new(&mut invokers, &FnSig::new([Type::I64, Type::I64], Type::F64))?;
/// let code = invokers.engine().symbol("difftime")?;
/// // SAFETY: this is `double difftime(time_t, time_t)`.
/// let seconds: f64 = unsafe { difftime.call(code.cast(), &[CallArg::new(&7_i64), CallArg::new(&4_i64)])? };
/// assert_eq!(seconds, 3.0);
/// // SAFETY: nothing is called.
/// let wrong = unsafe { difftime.call::<f64>(code.cast(), &[CallArg::new(&7_i64), CallArg::new(&4_i32)]) };
/// assert_eq!(wrong.unwrap_err().to_string(), "argument 1, long long: it has 8 bytes, and 4 are given");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CallInterface {
    sig: FnSig,
    invoker: Invoker,
}

impl CallInterface {
    /// The interface of functions of `sig`; of a variadic function, of one call of it ([`FnSig::at_call`]).
    ///
    /// # Errors
    /// As [`Invokers::get`].
    pub fn new(invokers: &mut Invokers, sig: &FnSig) -> Result<Self> {
        Ok(Self {
            // The pointers that arrays are passed as.
            sig: sig.clone().decayed(invokers.data_model()),
            invoker: invokers.get(sig)?,
        })
    }

    /// The signature.
    #[must_use]
    pub fn sig(&self) -> &FnSig {
        &self.sig
    }

    /// Calls `code`, whose result is an `R`: `()` if there is none.
    ///
    /// # Errors
    /// [`Error::Value`] for an argument or a result of another kind or size, and for another number of arguments. Nothing is called then.
    ///
    /// # Safety
    /// `code` is a function of this signature that may be called now with these arguments; pointers among them are what it takes them for.
    pub unsafe fn call<R: CValue>(&self, code: *const c_void, args: &[CallArg<'_>]) -> Result<R> {
        let ty = self.sig.result();
        check::<R>(Given::Result, ty)?;
        let mut result = MaybeUninit::<R>::zeroed();
        // SAFETY: as the caller says; the result has as many bytes as its type.
        unsafe { self.call_unchecked(code, args, result.as_mut_ptr().cast())? };
        // SAFETY: the invoker has stored a value of the result's type, which is a valid `R`; what is padding in it is zero.
        Ok(unsafe { result.assume_init() })
    }

    /// Calls `code` and leaves the bytes of the result in `ret`, whatever its type is.
    ///
    /// # Errors
    /// As [`CallInterface::call`]; `ret` has as many bytes as the result.
    ///
    /// # Safety
    /// As [`CallInterface::call`].
    pub unsafe fn call_bytes(
        &self,
        code: *const c_void,
        args: &[CallArg<'_>],
        ret: &mut [u8],
    ) -> Result<()> {
        let ty = self.sig.result();
        if ret.len() as u64 != ty.size() {
            return Err(Error::Value {
                what: "the result".to_owned(),
                ty: ty.to_string(),
                why: format!("it has {} bytes, and {} are given", ty.size(), ret.len()),
            });
        }
        // SAFETY: as the caller says.
        unsafe { self.call_unchecked(code, args, ret.as_mut_ptr()) }
    }

    /// # Safety
    /// As [`CallInterface::call`]; `ret` has room for the result.
    unsafe fn call_unchecked(
        &self,
        code: *const c_void,
        args: &[CallArg<'_>],
        ret: *mut u8,
    ) -> Result<()> {
        let params = self.sig.params();
        if args.len() != params.len() {
            return Err(Error::Value {
                what: "the call".to_owned(),
                ty: self.sig.to_string(),
                why: format!("{} arguments, and {} are given", params.len(), args.len()),
            });
        }
        let mut pointers = SmallVec::<[*const u8; 16]>::with_capacity(args.len());
        for (i, (arg, param)) in args.iter().zip(params).enumerate() {
            arg.check(i, &param.ty)?;
            pointers.push(arg.bytes);
        }
        // A function that returns in memory may count on the alignment of its type, which bytes and values of Rust need not have.
        let align = usize::try_from(self.sig.result().align()).unwrap_or(1);
        if ret.addr().is_multiple_of(align) {
            // SAFETY: each pointer is that of a live object of its argument's size; the rest is the caller's promise.
            unsafe { self.invoker.call(code, &pointers, ret) };
        } else {
            // SAFETY: as above.
            unsafe { self.call_aligned(code, &pointers, ret, align) };
        }
        Ok(())
    }

    /// Calls `code` with memory for the result at a multiple of `align`, from which it is copied to `ret`.
    ///
    /// # Safety
    /// As [`Invoker::call`].
    #[cold]
    unsafe fn call_aligned(
        &self,
        code: *const c_void,
        args: &[*const u8],
        ret: *mut u8,
        align: usize,
    ) {
        let size = usize::try_from(self.sig.result().size()).unwrap_or(0);
        let mut memory = vec![0_u8; size + align];
        let offset = memory.as_ptr().align_offset(align);
        let Some(memory) = memory.get_mut(offset..offset + size) else {
            return;
        };
        // SAFETY: both have as many bytes as the result; the rest is the caller's promise.
        unsafe {
            ret.copy_to_nonoverlapping(memory.as_mut_ptr(), size);
            self.invoker.call(code, args, memory.as_mut_ptr());
            ret.copy_from_nonoverlapping(memory.as_ptr(), size);
        }
    }
}

/// What of a call a Rust value is given for.
#[derive(Clone, Copy)]
pub(crate) enum Given {
    Argument(usize),
    Unnamed,
    Result,
}

/// Refuses a Rust type that does not stand for `ty`, which is that of `given`.
#[inline]
pub(crate) fn check<T: CValue>(given: Given, ty: &Type) -> Result<()> {
    if T::stands_for(ty) && size_of::<T>() as u64 == ty.size() {
        return Ok(());
    }
    Err(no_stand_in(given, ty, core::any::type_name::<T>()))
}

#[cold]
fn no_stand_in(given: Given, ty: &Type, name: &str) -> Error {
    Error::Value {
        what: match given {
            Given::Argument(index) => format!("argument {index}"),
            Given::Unnamed => "an unnamed argument".to_owned(),
            Given::Result => "the result".to_owned(),
        },
        ty: ty.to_string(),
        why: format!("{name} cannot stand for it"),
    }
}

macro_rules! scalars {
    ($($rust:ty: $pattern:pat,)*) => {
        $(
            // SAFETY: numbers of the same kind and size have the same values; which of them is negative is a matter of reading.
            unsafe impl CValue for $rust {
                #[inline]
                fn stands_for(ty: &Type) -> bool {
                    ty.size() == size_of::<Self>() as u64 && matches!(ty.as_scalar(), Some($pattern))
                }
            }
        )*
    };
}

scalars! {
    i8: Scalar::Int { .. }, u8: Scalar::Int { .. },
    i16: Scalar::Int { .. }, u16: Scalar::Int { .. },
    i32: Scalar::Int { .. }, u32: Scalar::Int { .. },
    i64: Scalar::Int { .. }, u64: Scalar::Int { .. },
    isize: Scalar::Int { .. }, usize: Scalar::Int { .. },
    i128: Scalar::Int { .. }, u128: Scalar::Int { .. },
    f32: Scalar::F32, f64: Scalar::F64,
    bool: Scalar::Bool,
}

// SAFETY: both are addresses.
unsafe impl<T> CValue for *const T {
    fn stands_for(ty: &Type) -> bool {
        is_pointer(ty)
    }
}

// SAFETY: both are addresses.
unsafe impl<T> CValue for *mut T {
    fn stands_for(ty: &Type) -> bool {
        is_pointer(ty)
    }
}

fn is_pointer(ty: &Type) -> bool {
    ty.size() == size_of::<usize>() as u64
        && matches!(ty.as_scalar(), Some(Scalar::Ptr | Scalar::FnPtr))
}

// SAFETY: neither has bytes.
unsafe impl CValue for () {
    fn stands_for(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Void)
    }
}
