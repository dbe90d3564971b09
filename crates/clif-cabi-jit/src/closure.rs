//! Closures: C function pointers that carry a context, from Rust closures.
//!
//! C calls a stub of the [pool], which loads the context into the register of the static chain. The
//! stub jumps to code that was compiled once for all signatures entered alike. This code puts the
//! arguments into memory and calls the closure with their addresses. The result is built in the
//! caller's memory, or in memory from which it is loaded. Once this code exists, making a closure
//! only fills a slot of the pool. Nothing is compiled, and the system gives memory only when the
//! pool is full.

mod bound;
mod compile;
mod enter;
mod function;
mod local;
mod pool;
mod running;
mod variadic;

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use std::collections::HashMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use crate::cranelift::module::Module;
use clif_cabi::cabi::{Convention, FnAbi, FnSig, Type};
use clif_cabi::clif_cabi_plan::{Machine, VaArgPlan};
use clif_cabi::{EntryPlan, LowerError, Lowering};

pub use self::bound::BoundFunction;
use self::enter::{Handler, handler};
pub use self::function::FnPointer;
pub use self::local::LocalClosure;
use self::pool::{Pool, StubSlot};
use self::variadic::VaArgFn;
pub use self::variadic::{VaArg, VaList};
use crate::code::{Code, TypedCode};
use crate::engine::Engine;
use crate::error::{Result, panic_message};
use crate::locked;
use crate::settings::Settings;
use crate::value::{CValue, Subject, bytes_of, check};

/// Object that a slot of the pool points to.
#[repr(C)]
struct Context<F> {
    header: Header,
    closure: F,
}

/// A Rust closure that compiled code can call.
trait Callable: Fn(&ClosureArgs<'_>, &mut ClosureResult<'_>) {}
impl<F: Fn(&ClosureArgs<'_>, &mut ClosureResult<'_>)> Callable for F {}

/// First part of all contexts. Compiled code reads the first word, and calls it: one of the
/// functions of `enter`, for this type of closure.
#[repr(C)]
struct Header {
    handler: Handler,
    /// Frees the context, whose type is no longer known.
    free: unsafe fn(NonNull<Self>),
    interface: ClosureInterface,
    name: Box<str>,
}

/// Most bytes of a result that compiled code sets to zero before the handler is called; the handler
/// does so with larger ones.
const MAX_RESULT: u32 = 64;

/// Maker of closures: compiles the code that C enters, and has the pool of stubs. Shared freely
/// between threads. The [crate](crate#a-function-of-a-signature-known-at-run-time) has an example.
///
/// The child of a `fork` may call the closures of its parent. If the parent has several threads, a
/// child that makes or drops a closure may hang: another thread may have held the pool's lock.
pub struct Closures {
    compiler: Mutex<Compiler>,
    /// The stubs for functions of C's own convention.
    pool: Arc<Pool>,
}

struct Compiler {
    engine: Engine,
    lower: Lowering,
    /// Compiled code by the plan of the entry, and by how the unnamed arguments are fetched that
    /// all callers pass.
    compiled: HashMap<(Arc<EntryPlan>, Vec<Arc<VaArgPlan>>), Code>,
    va_args: HashMap<(VaArgPlan, Type), TypedCode<VaArgFn>>,
    /// A pool for each register that contexts are in.
    pools: Vec<Arc<Pool>>,
}

/// Entry of functions of one signature: closures of it are made without compiling.
#[derive(Clone)]
pub struct ClosureInterface {
    sig: Arc<FnSig>,
    entry: Code,
    pool: Arc<Pool>,
    convention: &'static Convention,
    /// `true` if the convention is that of `extern "C"`.
    is_c: bool,
    /// Number of addresses that compiled code writes: those of the arguments, then that of the
    /// `va_list`.
    n_pointers: usize,
    result_bytes: usize,
}

/// A C function pointer and the Rust closure that it calls. Dropping it frees both.
///
/// It may be called by any thread at any time ([`ClosureInterface::closure`]). It lives no longer
/// than what the closure borrows:
///
/// ```compile_fail,E0597
/// # use clif_cabi_jit::{Closure, ClosureInterface};
/// # fn adder<'a>(interface: &ClosureInterface) -> Result<Closure<'a>, clif_cabi_jit::Error> {
/// let sum = std::sync::atomic::AtomicU64::new(0);
/// interface.closure("sum", |_, _| drop(sum.load(std::sync::atomic::Ordering::Relaxed)))
/// # }
/// ```
///
/// A running closure, or a function that it calls, may drop the closure on the same thread. The
/// pointer is free then; the Rust closure lives until its last call on this thread has returned.
/// Each call returns on the thread on which it began.
///
/// Therefore C must not leave a call of it by `longjmp`, as Lua, Ruby, Perl and libpng leave
/// callbacks. Let the closure return first, and C jump then. A jump passes frames of Rust that
/// catch panics, which Rust does not allow (RFC 2945). An exception of Windows itself that is
/// raised below a closure and handled above it, as by `__C_specific_handler`, is such a jump.
///
/// A jump may succeed nevertheless, as with glibc and on Windows. Values in these frames are then
/// never dropped, and the thread takes the call for one that still runs:
/// - Each such call keeps 8 bytes or more until the thread ends.
/// - Every drop of a closure on the thread takes 2 nanoseconds longer from then on.
/// - The closure itself is never freed if it is dropped there.
/// - A closure of [`ClosureInterface::local_mut`] ends the process when it is called again.
pub struct Closure<'a> {
    slot: StubSlot,
    /// A pointer and no `Box`: moving a `Box` takes from the pointer in the slot the right to read.
    /// The interface in the context has code and pool, which live as long as the closure.
    context: NonNull<Header>,
    borrowed: PhantomData<&'a ()>,
}

// SAFETY: it owns the memory it points to, which any thread may use and drop:
// `ClosureInterface::closure` demands it of the Rust closure, and the rest allows it too. Any other
// closure is in a `LocalClosure`.
unsafe impl Send for Closure<'_> {}
// SAFETY: as above.
unsafe impl Sync for Closure<'_> {}

/// The arguments of one call of a closure.
pub struct ClosureArgs<'a> {
    interface: &'a ClosureInterface,
    pointers: &'a [*const u8],
}

/// The result of one call of a closure: zero bytes until it is set.
pub struct ClosureResult<'a> {
    sig: &'a FnSig,
    /// Padding of a value that was set is not initialised.
    bytes: &'a mut [MaybeUninit<u8>],
}

impl Closures {
    /// Makes a maker without closures. An engine with these settings compiles their code;
    /// [`Settings::cpu`] does not matter.
    ///
    /// # Errors
    /// As [`Engine::new`]; [`Error::Lowering`](crate::Error::Lowering) where C functions are not
    /// lowered for this machine, and where x18 is the system's (AArch64 Android, OpenHarmony).
    pub fn new(settings: &Settings) -> Result<Self> {
        let engine = Engine::new(&settings.for_own_code())?;
        let lower = Lowering::new(engine.isa())?;
        let c = FnAbi::convention_of(&FnSig::new([], Type::VOID), lower.target());
        let closures = Machine::closures(lower.target(), c.map_err(LowerError::from)?);
        let (_, context) = closures.map_err(LowerError::from)?;
        let mut compiler = Compiler {
            engine,
            lower,
            compiled: HashMap::new(),
            va_args: HashMap::new(),
            pools: Vec::new(),
        };
        let pool = compiler.pool(context);
        let compiler = Mutex::new(compiler);
        Ok(Self { compiler, pool })
    }

    /// Returns how functions of `sig` are entered. Compiles code unless a signature that is entered
    /// alike was requested before.
    ///
    /// Closures of a variadic signature read their unnamed arguments from a [`VaList`]. If all
    /// callers pass the same, `sig` may be that of a call ([`FnSig::at_call`]). The unnamed
    /// arguments are then arguments like the others ([`ClosureArgs::get`]), and the list starts
    /// after them.
    ///
    /// # Errors
    /// [`Error::Lowering`](crate::Error::Lowering) for a signature that is not lowered.
    /// [`Error::UnsupportedHost`](crate::Error::UnsupportedHost) for one with vectors in registers
    /// that this machine does not have. The errors of [`Engine::define`] and [`Engine::finalize`].
    pub fn interface(&self, sig: &FnSig) -> Result<ClosureInterface> {
        let mut compiler = locked(&self.compiler);
        // The pointers that functions are passed as.
        let sig = sig.clone().decayed(compiler.lower.target().data_model());
        let (entry, pool, convention) = compiler.entry(&sig)?;
        let of_c = FnAbi::convention_of(&FnSig::new([], Type::VOID), compiler.lower.target());
        let of_c = of_c.map_err(LowerError::from)?;
        let result_bytes = bytes_of(sig.result());
        Ok(ClosureInterface {
            entry,
            pool,
            convention,
            is_c: of_c == convention,
            n_pointers: sig.params().len() + usize::from(sig.is_variadic()),
            result_bytes: if sig.is_noreturn() { 0 } else { result_bytes },
            sig: Arc::new(sig),
        })
    }

    /// Returns how functions of this declaration ([`FnSig::parse`]) are entered. It needs no name:
    /// `int (const void *, const void *)`.
    ///
    /// # Errors
    /// [`Error::Lowering`](crate::Error::Lowering) for a text that is no such declaration; as
    /// [`Closures::interface`].
    pub fn function(&self, declaration: &str) -> Result<ClosureInterface> {
        let compiler = locked(&self.compiler);
        let sig = FnSig::parse(declaration, compiler.lower.target().data_model());
        drop(compiler);
        self.interface(&sig.map_err(LowerError::from)?)
    }

    /// Returns the number of shapes of entries that are compiled.
    #[must_use]
    pub fn n_compiled(&self) -> usize {
        let compiler = locked(&self.compiler);
        compiler.compiled.len()
    }
}

impl ClosureInterface {
    /// Makes a C function that calls `closure`, on any thread. `name` is for messages. Values that
    /// the closure borrows have to live longer than the [`Closure`].
    ///
    /// A panic of `closure` does not unwind into C: the process is aborted with a message that
    /// names it. The process is also aborted if the closure of a function that never returns does
    /// return. If a C++ exception reaches the closure, the process is aborted with a message of
    /// Rust's own.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) when the system gives no more memory.
    pub fn closure<'a, F>(&self, name: &str, closure: F) -> Result<Closure<'a>>
    where
        F: Fn(&ClosureArgs<'_>, &mut ClosureResult<'_>) + Send + Sync + 'a,
    {
        self.with(name, closure)
    }

    /// Returns a function pointer and its context, for a closure that lives as long as `'a` at
    /// least.
    fn with<'a, F: Callable + 'a>(&self, name: &str, closure: F) -> Result<Closure<'a>> {
        let context = Box::new(Context {
            header: Header {
                handler: handler::<F>(self),
                free: free::<F>,
                interface: self.clone(),
                name: name.into(),
            },
            closure,
        });
        let context: NonNull<Header> = NonNull::from(Box::leak(context)).cast();
        // SAFETY: only passed on to be jumped to, and kept alive by the context.
        let entry = unsafe { self.entry.as_ptr() };
        match self.pool.take(context.as_ptr().cast_const().cast(), entry) {
            Ok(slot) => Ok(Closure {
                slot,
                context,
                borrowed: PhantomData,
            }),
            Err(error) => {
                // SAFETY: made above, of this type, and in no slot.
                unsafe { free::<F>(context) };
                Err(error)
            }
        }
    }

    /// Makes a [`ClosureInterface::closure`] with a result for calls in which `closure` panics: the
    /// message goes to standard error, and C gets `otherwise`.
    ///
    /// # Errors
    /// As [`ClosureInterface::closure`]; [`Error::Value`](crate::Error::Value) if `otherwise` is
    /// not of the result's kind and size.
    pub fn closure_or<'a, F, R>(&self, name: &str, otherwise: R, closure: F) -> Result<Closure<'a>>
    where
        F: Fn(&ClosureArgs<'_>, &mut ClosureResult<'_>) + Send + Sync + 'a,
        R: CValue + Send + Sync + 'a,
    {
        check::<R>(Subject::Result, self.sig.result())?;
        let message = name.to_owned();
        self.closure(name, move |args, result| {
            let called = catch_unwind(AssertUnwindSafe(|| closure(args, result)));
            if let Err(panic) = called {
                let panic = panic_message(&*panic);
                let _ = writeln!(std::io::stderr(), "closure {message} panicked: {panic}");
                // Its kind and size were checked.
                let _ = result.set(otherwise);
            }
        })
    }
}

/// Frees the context of a closure of this type.
///
/// # Safety
/// `context` was made for one by [`ClosureInterface::with`], and nobody reads it any more.
unsafe fn free<F>(context: NonNull<Header>) {
    // SAFETY: once such a `Box`, and the caller's to free.
    drop(unsafe { Box::from_raw(context.cast::<Context<F>>().as_ptr()) });
}

impl Closure<'_> {
    /// Returns the function pointer, which is valid as long as the closure. Code that gives the
    /// pointer to others ensures that no other thread drops the closure during a call. It also
    /// ensures that nobody calls the closure after it is dropped. Values that the closure borrows
    /// live until then too.
    #[must_use]
    pub fn code(&self) -> *const c_void {
        self.slot.code()
    }

    fn header(&self) -> &Header {
        // SAFETY: it is freed when this is dropped, or later.
        unsafe { self.context.as_ref() }
    }
}

impl Drop for Closure<'_> {
    fn drop(&mut self) {
        self.header().interface.pool.give_back(self.slot);
        if !running::is_dropped_later(self.context) {
            // SAFETY: no call reads it: none on this thread, and none on another by the promise of
            // `code`'s user.
            unsafe { (self.header().free)(self.context) };
        }
    }
}

impl ClosureArgs<'_> {
    /// Reads argument `index`.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) if there is no such argument, or if it is of another
    /// kind or size.
    #[inline]
    pub fn get<T: CValue>(&self, index: usize) -> Result<T> {
        let (ty, pointer) = self.at(index)?;
        check::<T>(Subject::Argument(index), ty)?;
        // SAFETY: an object of the argument's type is there, and any such object is a valid `T`.
        // Its address is as aligned as its type is in C.
        Ok(unsafe { pointer.cast::<T>().read_unaligned() })
    }

    /// Returns the bytes of argument `index` of any type. Its padding has any value.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) if there is no such argument.
    pub fn bytes(&self, index: usize) -> Result<&[u8]> {
        let (ty, pointer) = self.at(index)?;
        // SAFETY: the object of the argument has as many bytes as its type, and lives as long as
        // the call.
        Ok(unsafe { core::slice::from_raw_parts(pointer, bytes_of(ty)) })
    }

    #[inline]
    fn at(&self, index: usize) -> Result<(&Type, *const u8)> {
        let sig = &self.interface.sig;
        match (sig.params().get(index), self.pointers.get(index)) {
            (Some(param), Some(pointer)) => Ok((&param.ty, *pointer)),
            _ => Err(Subject::Argument(index).refused(sig, "it has no such argument")),
        }
    }
}

impl ClosureResult<'_> {
    /// Sets the result.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) if it is of another kind or size, and in a function
    /// that never returns.
    #[inline]
    pub fn set<R: CValue>(&mut self, value: R) -> Result<()> {
        check::<R>(Subject::Result, self.sig.result())?;
        self.check_size(size_of::<R>())?;
        // SAFETY: there are as many bytes as `R` has.
        unsafe { self.bytes.as_mut_ptr().cast::<R>().write_unaligned(value) };
        Ok(())
    }

    /// Sets the bytes of a result of any type.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) if `object` has another number of bytes, for a `_Bool`
    /// that is not 0 or 1, and in a function that never returns.
    pub fn set_bytes(&mut self, object: &[u8]) -> Result<()> {
        Subject::Result.check_bytes(self.sig.result(), object)?;
        self.check_size(object.len())?;
        self.bytes.write_copy_of_slice(object);
        Ok(())
    }

    /// Refuses a result of `size` bytes where there is no memory for one.
    #[inline]
    fn check_size(&self, size: usize) -> Result<()> {
        if self.bytes.len() == size {
            return Ok(());
        }
        Err(Subject::Result.refused(self.sig, "the function never returns"))
    }
}

impl fmt::Debug for Closures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Closures of {} shapes", self.n_compiled())
    }
}

impl fmt::Debug for ClosureInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClosureInterface of {}", self.sig)
    }
}

impl fmt::Debug for Closure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Closure {} at {:p}", self.header().name, self.code())
    }
}
