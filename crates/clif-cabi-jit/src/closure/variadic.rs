//! The unnamed arguments of a variadic closure.

use crate::cranelift::MemFlagsData;
use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::cranelift::module::Module;
use clif_cabi::cabi::{Convention, FnSig, Type};
use clif_cabi::clif_cabi_plan::VaArgPlan;
use clif_cabi::{LowerError, clif_signature};

use super::{ClosureArgs, Closures, Compiler};
use crate::code::TypedCode;
use crate::error::Result;
use crate::locked;
use crate::value::{CValue, Subject, check};

/// Copies the next argument of the `va_list` to an address.
pub(super) type VaArgFn = unsafe extern "C" fn(*mut c_void, *mut u8);

/// Compiled `va_arg`, which fetches unnamed arguments of one type. Made by [`Closures::va_arg`]
/// before a closure needs it; clones are cheap.
#[derive(Clone)]
pub struct VaArg {
    ty: Type,
    convention: &'static Convention,
    read: TypedCode<VaArgFn>,
}

/// The `va_list` of one call of a variadic closure.
///
/// A read checks the Rust type against the C type, and the number of its bytes. It also checks that
/// the list is of the convention for which the [`VaArg`] was made. The caller's arguments are
/// recorded nowhere. A read of one more argument, or of another type, reads registers and stack
/// that may hold anything. Therefore [`next`](Self::next) is `unsafe`, like that of
/// `core::ffi::VaList`: the code that calls it relies on the callers' arguments, as C's `va_arg`
/// does.
///
/// If all callers pass the same there is a way without `unsafe`: the interface of that call
/// ([`Closures::interface`] of [`FnSig::at_call`]). [`ClosureArgs::get`] checks its unnamed
/// arguments like any other. It is the only way that libffi has, whose interfaces (and those of
/// `libffi::middle`) are of one call.
///
/// # Example
/// ```
/// # #[cfg(not(all(has_engine, unix)))]
/// # return Ok(()); // no JIT on this machine
/// use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
/// use clif_cabi_jit::{Closures, Settings};
///
/// let closures = Closures::new(&Settings::default())?;
/// // double sum(int n, ...)
/// let sig = FnSig::new([Type::I32], Type::F64).variadic();
/// let double = closures.va_arg(&sig, &Type::F64)?;
/// let sum = closures.interface(&sig)?.closure("sum", move |args, result| {
///     let n: i32 = args.get(0).unwrap();
///     let mut list = args.va_list().unwrap();
///     // SAFETY: callers pass as many doubles as the first argument says.
///     let sum: f64 = (0..n).map(|_| unsafe { list.next::<f64>(&double).unwrap() }).sum();
///     result.set(sum).unwrap();
/// })?;
/// let code = sum.as_fn::<unsafe extern "C" fn(i32, ...) -> f64>()?;
/// // SAFETY: the closure lives, and is passed two doubles.
/// assert_eq!(unsafe { code(2, 1.5, 2.25) }, 3.75);
/// # Ok::<(), clif_cabi_jit::Error>(())
/// ```
pub struct VaList<'a> {
    list: *mut c_void,
    convention: &'static Convention,
    call: PhantomData<&'a ()>,
}

impl Closures {
    /// Returns how closures of the variadic `sig` fetch an unnamed argument that its callers pass
    /// as a `ty`: promoted, so no `float` and no `char`. The first request compiles it.
    ///
    /// # Errors
    /// [`Error::Lowering`](crate::Error::Lowering) for a type that is not fetched; those of
    /// [`Engine::define`](crate::Engine::define) and [`Engine::finalize`](crate::Engine::finalize).
    pub fn va_arg(&self, sig: &FnSig, ty: &Type) -> Result<VaArg> {
        let mut compiler = locked(&self.compiler);
        compiler.va_arg(sig, ty)
    }
}

impl Compiler {
    fn va_arg(&mut self, sig: &FnSig, ty: &Type) -> Result<VaArg> {
        let (engine, lower) = (&mut self.engine, &self.lower);
        let plan = VaArgPlan::new(sig, ty, lower.target()).map_err(LowerError::from)?;
        // The pointer that a function is passed as.
        let ty = lower.target().data_model().decay(ty);
        let convention = lower.entry_plan(sig)?.abi.convention;
        // A type that is refused may have the plan of one that is not.
        let key = (plan, ty.clone());
        let va_arg = |read| VaArg {
            ty,
            convention,
            read,
        };
        if let Some(read) = self.va_args.get(&key) {
            return Ok(va_arg(read.clone()));
        }
        let c_sig = FnSig::new([Type::PTR, Type::PTR], Type::VOID);
        let id = engine.declare_local(&clif_signature(&lower.entry_plan(&c_sig)?.signature))?;
        engine.build(id, "va_arg", |engine, builder| {
            let (_, entry) = lower.begin(builder, &c_sig)?;
            let [list, to] = [entry.value(builder, 0)?, entry.value(builder, 1)?];
            let (plan, ty) = &key;
            let from = lower.va_arg(builder, list, sig, ty)?;
            let (config, flags) = (engine.target_config(), MemFlagsData::new());
            builder.emit_small_memory_copy(config, to, from, plan.size, 1, 1, true, flags);
            Ok(entry.ret(engine, builder, None)?)
        })?;
        engine.finalize()?;
        // SAFETY: it has been compiled as such.
        let read = unsafe { engine.code(id)?.typed::<VaArgFn>() };
        self.va_args.insert(key, read.clone());
        Ok(va_arg(read))
    }
}

impl ClosureArgs<'_> {
    /// Returns the unnamed arguments after those of the signature. `None` if it is not variadic.
    ///
    /// There is one list: a second request goes on where the first has stopped.
    #[must_use]
    pub fn va_list(&self) -> Option<VaList<'_>> {
        let list = self.pointers.get(self.interface.sig.params().len())?;
        Some(VaList {
            list: list.cast_mut().cast(),
            convention: self.interface.convention,
            call: PhantomData,
        })
    }
}

impl VaList<'_> {
    /// Reads the next argument.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) if `T` does not stand for its type, or `va_arg` is of
    /// another convention. The list has not gone on then.
    ///
    /// # Safety
    /// The caller of the closure has passed one more argument, of the type of `va_arg`. The number
    /// of arguments is known only to the callers.
    pub unsafe fn next<T: CValue>(&mut self, va_arg: &VaArg) -> Result<T> {
        check::<T>(Subject::Unnamed, &va_arg.ty)?;
        self.check_convention(va_arg)?;
        let mut value = MaybeUninit::<T>::zeroed();
        // SAFETY: as the caller says; the value has as many bytes as its C type, of which every
        // value is a valid `T`.
        unsafe {
            (*va_arg.read)(self.list, value.as_mut_ptr().cast());
            Ok(value.assume_init())
        }
    }

    /// Reads the bytes of the next argument, of any type.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) if `to` has another number of bytes than the type, or
    /// `va_arg` is of another convention. The list has not gone on then.
    ///
    /// # Safety
    /// As [`VaList::next`].
    pub unsafe fn next_bytes(&mut self, va_arg: &VaArg, to: &mut [u8]) -> Result<()> {
        Subject::Unnamed.check_size(&va_arg.ty, to.len())?;
        self.check_convention(va_arg)?;
        // SAFETY: as the caller says; `to` has as many bytes as the type.
        unsafe { (*va_arg.read)(self.list, to.as_mut_ptr()) };
        Ok(())
    }

    /// Refuses a `va_arg` that was made for lists of another kind.
    fn check_convention(&self, va_arg: &VaArg) -> Result<()> {
        let (own, other) = (self.convention, va_arg.convention);
        if own == other {
            return Ok(());
        }
        let why = format!(
            "its `VaArg` is for lists of {}, and this list is of {}",
            other.name, own.name
        );
        Err(Subject::Unnamed.refused(&va_arg.ty, why))
    }

    /// Returns the `va_list` for a C function that takes one. It is valid until the closure
    /// returns; after the call its position is indeterminate, as C says of a list that was passed
    /// on.
    #[must_use]
    pub fn as_ptr(&mut self) -> *mut c_void {
        self.list
    }
}

impl fmt::Debug for VaArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaArg of {}", self.ty)
    }
}

impl fmt::Debug for VaList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaList at {:p}", self.list)
    }
}
