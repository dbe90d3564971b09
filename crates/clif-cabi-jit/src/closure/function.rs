//! Function pointers of Rust's for the code of closures, compared with their signatures.

use clif_cabi::cabi::{ArgFlags, FnSig, Scalar, Type};

use super::Closure;
use crate::error::Result;
use crate::value::{CValue, Subject, are, check, count};

/// A type of C function pointers: `unsafe extern "C" fn(A, B) -> R`, of up to twelve parameters,
/// and with `...` after at least one.
///
/// Calls of such a pointer are unsafe: it does not keep the code alive that it points to.
///
/// # Safety
/// It is a function pointer in C's convention, and `check` compares its parameters and its result.
pub unsafe trait FnPointer: Copy {
    /// Refuses a signature that is not that of this type.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) for another number of parameters, and for the first
    /// parameter, or the result, of another kind or size. Also for a narrow result of the other
    /// sign.
    fn check(sig: &FnSig) -> Result<()>;
}

impl Closure<'_> {
    /// Returns the function pointer as a type of Rust's: `unsafe extern "C" fn(i32) -> i32`. The
    /// declaration of a C function that takes it can infer the type.
    ///
    /// It is valid as [`Closure::code`] is. Types of the caller's own that [are passed by
    /// value](CValue) have to be passed as the C type is, which nobody compares: `repr(C)` with the
    /// members of its structure or union. Rust passes a structure of four floats differently from
    /// C's vector of them, and has nothing that is passed as a `long double`.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) if the closure's signature is another.
    ///
    /// # Example
    /// ```
    /// # #[cfg(not(all(has_engine, unix)))]
    /// # return Ok(()); // no JIT on this machine
    /// use clif_cabi_jit::{Closures, Settings, clif_cabi::cabi::{FnSig, Type}};
    ///
    /// let closures = Closures::new(&Settings::default())?;
    /// let interface = closures.interface(&FnSig::new([Type::I32], Type::I32))?;
    /// let twice = interface.closure("twice", |args, result| {
    ///     let n: i32 = args.get(0).unwrap();
    ///     result.set(2 * n).unwrap();
    /// })?;
    /// let code = twice.as_fn::<unsafe extern "C" fn(i32) -> i32>()?;
    /// // SAFETY: the closure lives.
    /// assert_eq!(unsafe { code(21) }, 42);
    /// let wrong = twice.as_fn::<unsafe extern "C" fn(f32) -> i32>();
    /// assert_eq!(wrong.unwrap_err().to_string(), "argument 0, int: f32 does not match this type");
    /// # Ok::<(), clif_cabi_jit::Error>(())
    /// ```
    pub fn as_fn<F: FnPointer>(&self) -> Result<F> {
        const {
            assert!(
                size_of::<F>() == size_of::<*const u8>(),
                "F must be a function pointer"
            );
        }
        let interface = &self.header().interface;
        let mut params = interface.sig.params().iter();
        if !interface.is_c || params.any(|param| param.flags != ArgFlags::NONE) {
            let why = "`extern \"C\"` has another convention";
            return Err(Subject::FnPointer.refused(&interface.sig, why));
        }
        F::check(&interface.sig)?;
        let code = self.code();
        // SAFETY: a function pointer, by its trait, to code that is one of the signature, which was
        // compared.
        Ok(unsafe { core::mem::transmute_copy(&code) })
    }
}

/// Compares all but the types of parameters.
fn check_rest<R: CValue>(sig: &FnSig, n_params: usize, is_variadic: bool) -> Result<()> {
    if sig.n_named() != n_params {
        let why = format!(
            "{} {} given",
            count(n_params as u64, "parameter"),
            are(n_params)
        );
        return Err(Subject::FnPointer.refused(sig, why));
    }
    if sig.is_variadic() != is_variadic {
        return Err(Subject::FnPointer.refused(sig, "only one of the two is variadic"));
    }
    let result = sig.result();
    check::<R>(Subject::Result, result)?;
    // Rust's caller relies on the upper bits on some machines, where C's functions extend by the
    // sign.
    let is_signed = result.as_scalar().map(Scalar::is_signed);
    if result.size() < 8 && R::IS_SIGNED.is_some() && R::IS_SIGNED != is_signed {
        return Err(Subject::Result.refused(
            result,
            "an integer of the other sign is extended differently",
        ));
    }
    Ok(())
}

/// Refuses a type for named parameter `index`, which there is.
fn check_param<T: CValue>(sig: &FnSig, index: usize) -> Result<()> {
    let param = sig.params().get(index);
    check::<T>(
        Subject::Argument(index),
        param.map_or(&Type::VOID, |param| &param.ty),
    )
}

macro_rules! functions {
    ($($param:ident)*) => {
        // SAFETY: `extern "C"`, and each type is compared.
        unsafe impl<R: CValue, $($param: CValue),*> FnPointer for unsafe extern "C" fn($($param),*) -> R {
            fn check(sig: &FnSig) -> Result<()> {
                functions!(@check sig false $($param)*)
            }
        }
        functions!(@variadic $($param)*);
    };
    (@variadic) => {};
    (@variadic $($param:ident)+) => {
        // SAFETY: as above.
        unsafe impl<R: CValue, $($param: CValue),+> FnPointer for unsafe extern "C" fn($($param),+, ...) -> R {
            fn check(sig: &FnSig) -> Result<()> {
                functions!(@check sig true $($param)*)
            }
        }
    };
    (@check $sig:ident $is_variadic:literal $($param:ident)*) => {{
        let checks: &[fn(&FnSig, usize) -> Result<()>] = &[$(check_param::<$param>),*];
        check_rest::<R>($sig, checks.len(), $is_variadic)?;
        checks.iter().enumerate().try_for_each(|(i, check)| check($sig, i))
    }};
}

up_to_twelve!(functions);
