//! Typed calls of signatures known at run time, in the shape that users of libffi know: a type, a
//! call interface, a code pointer, arguments.
//!
//! Each call checks properties that the compiler cannot check here. These are the number of
//! arguments, and the kind and size of each argument and of the result against its C type. The
//! caller still promises how the C function uses them.

use core::ffi::c_void;
use core::mem::MaybeUninit;

use clif_cabi::cabi::FnSig;

use crate::args::{CallArgs, FEW};
use crate::error::{Error, Result};
use crate::invoke::{Invoker, Invokers};
use crate::kind;
use crate::value::{CValue, CallArg, Subject, are, bytes_of, check, count};

/// Signature of a function, and how it is called: libffi's `cif`.
///
/// # Example
/// ```
/// # #[cfg(not(all(has_engine, unix)))]
/// # return Ok(()); // no JIT on this machine
/// use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
/// use clif_cabi_jit::{CallArg, CallInterface, Invokers, Settings};
///
/// let mut invokers = Invokers::new(&Settings::default())?;
/// let difftime = CallInterface::new(
///     &mut invokers,
///     &FnSig::new([Type::I64, Type::I64], Type::F64),
/// )?;
/// let code = invokers.symbol("difftime")?;
/// // SAFETY: this is `double difftime(time_t, time_t)`.
/// let seconds: f64 = unsafe { difftime.call(code.cast(), (7_i64, 4_i64))? };
/// assert_eq!(seconds, 3.0);
/// // SAFETY: nothing is called.
/// let wrong =
///     unsafe { difftime.call::<f64>(code.cast(), &[CallArg::new(&7_i64), CallArg::new(&4_i32)]) };
/// assert_eq!(
///     wrong.unwrap_err().to_string(),
///     "argument 1, long long: it has 8 bytes, and 4 are given"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CallInterface {
    sig: FnSig,
    invoker: Invoker,
    /// Kinds of the parameters; `result_kind` is that of the result.
    kinds: Box<[u32]>,
    result_kind: u32,
    /// The alignment of the result, less one.
    result_mask: usize,
}

impl CallInterface {
    /// Makes the interface of functions of `sig`; for a variadic function, of one call of it
    /// ([`FnSig::at_call`]).
    ///
    /// # Errors
    /// As [`Invokers::get`].
    pub fn new(invokers: &mut Invokers, sig: &FnSig) -> Result<Self> {
        // The pointers that functions are passed as.
        let c_sig = sig.clone().decayed(invokers.data_model());
        // An alignment is a power of two. clang's functions rely on that of the record, also where
        // a typedef has less.
        let align = c_sig.result().align().max(c_sig.result().canonical_align());
        let align = usize::try_from(align).unwrap_or(1);
        Ok(Self {
            kinds: c_sig
                .params()
                .iter()
                .map(|param| kind::of(&param.ty))
                .collect(),
            result_kind: kind::of(c_sig.result()),
            result_mask: align - 1,
            invoker: invokers.get(sig)?,
            sig: c_sig,
        })
    }

    /// Returns the signature.
    #[must_use]
    pub fn sig(&self) -> &FnSig {
        &self.sig
    }

    /// Calls `code`, whose result is an `R`: `()` if there is none.
    ///
    /// # Errors
    /// [`Error::Value`] for an argument or a result of another kind or size, and for another number
    /// of arguments. Nothing is called then.
    ///
    /// # Safety
    /// `code` is a function of this signature that may be called now with these arguments; pointers
    /// among them are valid for it.
    // Inlined, the kinds of the arguments are constants.
    #[inline(always)]
    pub unsafe fn call<R: CValue>(&self, code: *const c_void, args: impl CallArgs) -> Result<R> {
        if R::KIND != self.result_kind {
            check::<R>(Subject::Result, self.sig.result())?;
        }
        let mut result = MaybeUninit::<R>::zeroed();
        // SAFETY: as the caller says; the result has as many bytes as its type.
        unsafe { self.call_into(code, args, result.as_mut_ptr().cast())? };
        // SAFETY: the invoker has stored a value of the result's type, which is a valid `R`; its
        // padding is zero.
        Ok(unsafe { result.assume_init() })
    }

    /// Calls `code` and leaves the bytes of the result, of any type, in `ret`.
    ///
    /// # Errors
    /// As [`CallInterface::call`]; `ret` has as many bytes as the result.
    ///
    /// # Safety
    /// As [`CallInterface::call`].
    pub unsafe fn call_bytes(
        &self,
        code: *const c_void,
        args: impl CallArgs,
        ret: &mut [u8],
    ) -> Result<()> {
        Subject::Result.check_size(self.sig.result(), ret.len())?;
        // SAFETY: as the caller says.
        unsafe { self.call_into(code, args, ret.as_mut_ptr()) }
    }

    /// Checks the arguments, and calls `code`.
    ///
    /// # Safety
    /// As [`CallInterface::call`]; `ret` has room for the result.
    #[inline(always)]
    unsafe fn call_into(
        &self,
        code: *const c_void,
        args: impl CallArgs,
        ret: *mut u8,
    ) -> Result<()> {
        // A function that returns in memory may rely on the alignment of its type, which bytes and
        // values of Rust need not have.
        let is_aligned = ret.addr() & self.result_mask == 0;
        args.of_kinds(&self.kinds, |pointers| match pointers {
            Some(pointers) if is_aligned => {
                // SAFETY: as many pointers as parameters, each that of a live object of its
                // argument's size; the rest is the caller's promise.
                unsafe { self.invoker.call(code, pointers, ret) };
                Ok(())
            }
            // SAFETY: as the caller says.
            _ => args.with(|args| unsafe { self.call_slowly(code, args, ret) }),
        })
    }

    /// Does [`CallInterface::call_into`] with any number and kind of arguments, and a result at any
    /// address.
    ///
    /// # Safety
    /// As [`CallInterface::call_into`].
    #[inline(never)]
    unsafe fn call_slowly(
        &self,
        code: *const c_void,
        args: &[CallArg<'_>],
        ret: *mut u8,
    ) -> Result<()> {
        let params = self.sig.params();
        if args.len() != params.len() {
            return Err(self.another_number(args.len()));
        }
        let (mut few, mut many) = ([core::ptr::null(); FEW], Vec::new());
        let pointers = match few.get_mut(..args.len()) {
            Some(few) => few,
            None => {
                many.resize(args.len(), core::ptr::null());
                &mut *many
            }
        };
        for (i, ((arg, param), to)) in args.iter().zip(params).zip(&mut *pointers).enumerate() {
            arg.check(i, &param.ty)?;
            *to = arg.bytes;
        }
        match ret.addr() & self.result_mask {
            // SAFETY: each pointer is that of a live object of its argument's size; the rest is the
            // caller's promise.
            0 => unsafe { self.invoker.call(code, pointers, ret) },
            // SAFETY: as above.
            _ => unsafe { self.call_aligned(code, pointers, ret, self.result_mask + 1) },
        }
        Ok(())
    }

    /// Returns the error for a call with `n_args` arguments, another number than it takes.
    #[cold]
    fn another_number(&self, n_args: usize) -> Error {
        let n = self.sig.params().len();
        let mut why = format!(
            "it takes {}, and {n_args} {} given",
            count(n as u64, "argument"),
            are(n_args)
        );
        if self.sig.is_variadic() && n_args > n {
            why.push_str(
                ": pass the types of the unnamed ones with `Invokers::function_at_call` or `FnSig::at_call`",
            );
        }
        Subject::Call.refused(&self.sig, why)
    }

    /// Calls `code` with memory for the result at a multiple of `align`, from which it is copied to
    /// `ret`.
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
        let size = bytes_of(self.sig.result());
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
