//! C functions by their declarations: name and signature from one text.

use core::ffi::c_void;

use clif_cabi::LowerError;
use clif_cabi::cabi::{Declaration, FnSig, Type};

use crate::args::CallArgs;
use crate::error::Result;
use crate::interface::CallInterface;
use crate::invoke::Invokers;
use crate::library::Address;
use crate::value::{CValue, Subject};

/// A C function that was found by its declaration: its [`CallInterface`], and where it is. The
/// library that has it stays open.
#[derive(Clone, Debug)]
pub struct DeclaredFunction {
    interface: CallInterface,
    code: Address,
}

impl Invokers {
    /// Finds the C function of `declaration` ([`Declaration::parse`]) by its name, as
    /// [`Invokers::symbol`] does.
    ///
    /// A variadic function is called without unnamed arguments: [`Invokers::function_at_call`]
    /// takes their types.
    ///
    /// # Errors
    /// [`Error::Lowering`](crate::Error::Lowering) for a text that is no such declaration, and as
    /// [`CallInterface::new`]; [`Error::MissingSymbols`](crate::Error::MissingSymbols);
    /// [`Error::Value`](crate::Error::Value) for a declaration without a name.
    ///
    /// # Example
    /// ```
    /// # #[cfg(not(all(has_engine, unix)))]
    /// # return Ok(()); // no JIT on this machine
    /// use clif_cabi_jit::{Invokers, Settings};
    ///
    /// let mut invokers = Invokers::new(&Settings::default())?;
    /// let hypot = invokers.function("double hypot(double, double)")?;
    /// // SAFETY: C's function, which takes any numbers.
    /// let length: f64 = unsafe { hypot.call((3.0, 4.0))? };
    /// assert_eq!(length, 5.0);
    ///
    /// // SAFETY: nothing is called.
    /// let wrong = unsafe { hypot.call::<f64>((3.0, 4)) };
    /// assert_eq!(
    ///     wrong.unwrap_err().to_string(),
    ///     "argument 1, double: it has 8 bytes, and 4 are given"
    /// );
    /// let wrong = invokers.function("double hypot(double, number)").unwrap_err();
    /// assert!(wrong.to_string().starts_with("byte 21, `number`: expected a type: "));
    /// # Ok::<(), clif_cabi_jit::Error>(())
    /// ```
    pub fn function(&mut self, declaration: &str) -> Result<DeclaredFunction> {
        let read = Declaration::parse(declaration, self.data_model()).map_err(LowerError::from)?;
        self.named(read.name, &read.sig)
    }

    /// Finds the variadic function that `declaration` declares, for calls with unnamed arguments of
    /// these types: promoted as C promotes them, `float` to `double`.
    ///
    /// # Errors
    /// As [`Invokers::function`]; [`Error::Lowering`](crate::Error::Lowering) for a function that
    /// is not variadic.
    ///
    /// # Example
    /// ```
    /// # #[cfg(not(all(has_engine, unix)))]
    /// # return Ok(()); // no JIT on this machine
    /// use clif_cabi_jit::clif_cabi::cabi::Type;
    /// use clif_cabi_jit::{Invokers, Settings};
    ///
    /// let mut invokers = Invokers::new(&Settings::default())?;
    /// let printf =
    ///     invokers.function_at_call("int printf(const char *, ...)", [Type::I32, Type::F64])?;
    /// // SAFETY: C's function, and a format of these arguments.
    /// let written: i32 = unsafe { printf.call((c"%d and %.1f\n".as_ptr(), 7, 2.5))? };
    /// assert_eq!(written, 10);
    /// # Ok::<(), clif_cabi_jit::Error>(())
    /// ```
    pub fn function_at_call(
        &mut self,
        declaration: &str,
        unnamed: impl IntoIterator<Item = Type>,
    ) -> Result<DeclaredFunction> {
        let read = Declaration::parse(declaration, self.data_model()).map_err(LowerError::from)?;
        let sig = read.sig.at_call(unnamed).map_err(LowerError::from)?;
        self.named(read.name, &sig)
    }

    fn named(&mut self, name: Option<String>, sig: &FnSig) -> Result<DeclaredFunction> {
        let nameless = || Subject::Declaration.refused(sig, "it has no name");
        let name = name.ok_or_else(nameless)?;
        // Before anything is compiled: a missing symbol is the likelier mistake.
        let code = Address(self.symbol(&name)?);
        let interface = CallInterface::new(self, sig)?;
        Ok(DeclaredFunction { interface, code })
    }
}

impl DeclaredFunction {
    /// Calls it: [`CallInterface::call`].
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) for an argument or a result of another kind or size,
    /// and for another number of arguments. Nothing is called then.
    ///
    /// # Safety
    /// The function is what its declaration says, and may be called now with these arguments;
    /// pointers among them are what it takes them for.
    #[inline(always)]
    pub unsafe fn call<R: CValue>(&self, args: impl CallArgs) -> Result<R> {
        // SAFETY: the caller's.
        unsafe { self.interface.call(self.code(), args) }
    }

    /// Calls it: [`CallInterface::call_bytes`].
    ///
    /// # Errors
    /// As [`DeclaredFunction::call`]; `ret` has as many bytes as the result.
    ///
    /// # Safety
    /// As [`DeclaredFunction::call`].
    pub unsafe fn call_bytes(&self, args: impl CallArgs, ret: &mut [u8]) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { self.interface.call_bytes(self.code(), args, ret) }
    }

    /// Returns how it is called.
    #[must_use]
    pub fn interface(&self) -> &CallInterface {
        &self.interface
    }

    /// Returns its address.
    #[must_use]
    pub fn code(&self) -> *const c_void {
        self.code.0.cast()
    }
}
