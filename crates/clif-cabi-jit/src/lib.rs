//! C calls through cranelift-jit: libraries, symbols, direct, indirect and extern calls, callbacks.
//!
//! An [`Engine`] compiles CLIF into the memory of this process. It is a `cranelift_module::Module`,
//! so the lowering of `clif-cabi` works on it. A function in an engine calls
//!
//! - another function of the engine **directly**, by a `FuncRef` of its id,
//! - a function of C by an **extern** call, by a `FuncRef` of an import,
//! - anything **indirectly**, through a pointer.
//!
//! An import is found in a [`Library`], in the process, or at an address the front end binds. The
//! other way round, [`Code`] is a function pointer for C: see [`Code::as_ptr`] and [`Code::typed`].
//!
//! # Example
//!
//! Scalars need no lowering. Structures and all other values of C do: see `examples/div.rs` (a
//! structure returned) and `examples/library.rs`; `examples/gsl.rs` is called back.
//!
//! ```
//! # #[cfg(not(has_engine))]
//! # return Ok(()); // no JIT on this machine
//! use clif_cabi_jit::cranelift_codegen::ir::{AbiParam, InstBuilder, types::I32};
//! use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
//! use clif_cabi_jit::cranelift_module::Module;
//! use clif_cabi_jit::{Engine, Error, Settings};
//!
//! let mut engine = Engine::new(&Settings::default())?;
//!
//! // int abs(int), found in the process.
//! let mut sig = engine.make_signature();
//! sig.params.push(AbiParam::new(I32));
//! sig.returns.push(AbiParam::new(I32));
//! let abs = engine.declare_import("abs", &sig)?;
//!
//! // int distance(int x) { return abs(x - 10); }
//! let distance = engine.declare_export("distance", &sig)?;
//! let mut ctx = engine.make_context();
//! ctx.func.signature = sig;
//! let abs = engine.declare_func_in_func(abs, &mut ctx.func);
//! let mut fn_ctx = FunctionBuilderContext::new();
//! let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
//! let block = builder.create_block();
//! builder.append_block_params_for_function_params(block);
//! builder.switch_to_block(block);
//! builder.seal_block(block);
//! let x = builder.block_params(block)[0];
//! let from_ten = builder.ins().iadd_imm_s(x, -10);
//! let call = builder.ins().call(abs, &[from_ten]);
//! let result = builder.inst_results(call)[0];
//! builder.ins().return_(&[result]);
//! builder.finalize(engine.isa().frontend_config());
//! engine.define(distance, &mut ctx)?;
//!
//! engine.finalize()?;
//! // SAFETY: compiled as `int distance(int)` just above.
//! let distance = unsafe { engine.code(distance)?.typed::<extern "C" fn(i32) -> i32>() };
//! assert_eq!(distance(3), 7);
//! # Ok::<(), Error>(())
//! ```
//!
//! # A function of a signature known at run time
//!
//! [`Invokers`] calls such functions as libffi does, also with unions, vectors and `__int128`.
//! Signatures that are passed alike share one stub or compiled function:
//!
//! ```
//! # #[cfg(not(all(has_engine, unix)))]
//! # return Ok(()); // no JIT on this machine
//! use clif_cabi_jit::{Invokers, Settings};
//!
//! let mut invokers = Invokers::new(&Settings::default())?;
//! let div = invokers.function("struct { int quot, rem; } div(int, int)")?;
//! let mut result = [0; 8];
//! // SAFETY: C's function, whose divisor is not 0.
//! unsafe { div.call_bytes((17, 5), &mut result)? };
//! assert_eq!(result, [3, 0, 0, 0, 2, 0, 0, 0]);
//! # Ok::<(), clif_cabi_jit::Error>(())
//! ```
//!
//! The signature may be read from text, as here, or from a header (`cabi-header`), or built of
//! types ([`CallInterface`]).
//!
//! The other way round, a Rust closure is a C function pointer ([`Closures`]), of a variadic
//! signature too ([`VaList`]); `qsort` takes one in five lines:
//!
//! ```
//! # #[cfg(not(all(has_engine, unix)))]
//! # return Ok(()); // no JIT on this machine
//! # use clif_cabi_jit::{Closures, Settings};
//! # use std::ffi::c_void;
//! # unsafe extern "C" {
//! #     fn qsort(
//! #         base: *mut c_void,
//! #         n: usize,
//! #         size: usize,
//! #         compare: unsafe extern "C" fn(*const c_void, *const c_void) -> i32,
//! #     );
//! # }
//! # let mut numbers = [23, 42, 11, 8];
//! # let closures = Closures::new(&Settings::default())?;
//! let function = closures.function("int (const void *, const void *)")?;
//! let compare = function.closure("compare", |args, result| {
//!     // SAFETY: `qsort` passes addresses of two elements.
//!     let [a, b] = [0, 1].map(|i| unsafe { *args.get::<*const i32>(i).unwrap() });
//!     result.set(a.cmp(&b) as i32).unwrap();
//! })?;
//! # // SAFETY: four elements of four bytes, and a function that compares two of them.
//! unsafe { qsort(numbers.as_mut_ptr().cast(), numbers.len(), 4, compare.as_fn()?) };
//! assert_eq!(numbers, [8, 11, 23, 42]);
//! # Ok::<(), clif_cabi_jit::Error>(())
//! ```
//!
//! `examples/gsl.rs` calls the GNU Scientific Library so, and is called back by it.
//!
//! # What an engine promises
//!
//! - Nothing it is given makes it panic: what cranelift-jit or Cranelift would panic on is an
//!   [`Error`]. With Cranelift 0.132 and 0.133 a system that refuses to make memory executable
//!   does.
//! - Code never moves. It is freed when its engine and every [`Code`] of it are gone, and no
//!   sooner.
//! - Calling code takes no lock. Engines know nothing of each other, unless bound by
//!   [`Engine::bind_code`].
//!
//! # Exceptions
//!
//! An engine registers its functions and stubs with the unwinder of the process when it is
//! finalized, and takes that back before its memory goes. A C++ exception or a Rust panic (through
//! `extern "C-unwind"`) passes through them to whoever catches it above. A backtrace sees them, and
//! the entries of closures. An exception enters a handler of `try_call` where the front end has
//! chosen a [`Personality`] ([`Settings::personality`]). An exception ends the process where it
//! reaches one of these:
//! - a closure ([`ClosureInterface::closure`])
//! - code given to an engine as bytes (not that of stubs)
//! - C without unwind tables
//!
//! No `longjmp` may pass a closure. Nor may an exception of Windows itself (`RaiseException`, a
//! fault), which does not end there. [`Closure`] lists the costs of one.
//!
//! # Debuggers and profilers
//!
//! [`symbol_at`] has the name of the function that an address is in, for backtraces of one's own.
//! With [`Settings::gdb`] gdb knows the functions of an engine as it knows those of a library,
//! without lines. [`Settings::perf_map`] and [`Settings::jitdump`] are perf's. These settings are
//! off by default, and nothing is kept for them then.
//!
//! # What it does not do
//!
//! An engine runs on x86-64 with Unix or Windows, AArch64 with Linux, FreeBSD or macOS, and RISC-V
//! 64 and s390x with Linux. On other machines everything compiles, and [`Engine::new`] says why it
//! cannot run.

/// `each! { A B C .. }` for no type parameter to twelve of them.
macro_rules! up_to_twelve {
    ($each:ident) => {
        up_to_twelve!($each [] A B C D E F G H I J K L);
    };
    ($each:ident [$($own:ident)*]) => {
        $each! { $($own)* }
    };
    ($each:ident [$($own:ident)*] $next:ident $($more:ident)*) => {
        $each! { $($own)* }
        up_to_twelve!($each [$($own)* $next] $($more)*);
    };
}

#[cfg(not(any(feature = "cranelift-0.132", feature = "cranelift-0.133")))]
mod arena;
#[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
#[path = "arena_0_132.rs"]
mod arena;
mod args;
mod closure;
mod code;
mod compile;
mod cranelift;
#[cfg_attr(
    not(all(target_os = "linux", feature = "gdb")),
    allow(dead_code, unused_variables, reason = "fewer can be told of code")
)]
mod debug;
mod engine;
mod error;
mod flags;
mod frames;
mod function;
#[cfg_attr(
    any(feature = "cranelift-0.132", feature = "cranelift-0.133"),
    allow(dead_code, reason = "those releases use cranelift-jit's own arena")
)]
mod host;
mod interface;
mod invoke;
mod kind;
mod libcalls;
mod library;
mod memory;
mod registrar;
mod reloc;
mod settings;
mod stubs;
mod value;
mod vectors;

pub use clif_cabi;
pub use clif_cabi::cranelift_codegen;
pub use clif_cabi::cranelift_frontend;
pub use clif_cabi::cranelift_module;

pub use args::CallArgs;
pub use clif_cabi_unwind::{Personality, UnwindError};
pub use closure::{
    BoundFunction, Closure, ClosureArgs, ClosureInterface, ClosureResult, Closures, FnPointer,
    LocalClosure, VaArg, VaList,
};
pub use code::{Code, TypedCode};
pub use debug::{CodeSymbol, symbol_at};
pub use engine::Engine;
pub use error::{Error, MissingSymbol, Result};
pub use function::DeclaredFunction;
pub use interface::CallInterface;
pub use invoke::{Invoker, Invokers};
pub use library::Library;
pub use settings::{Cpu, OptLevel, RegisterAllocator, Settings};
pub use value::{CValue, CallArg};

/// Locks `mutex`. Nothing that these protect is left half changed by a panic.
fn locked<T: ?Sized>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    let guard = mutex.lock();
    guard.unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(all(doctest, has_engine, unix))]
#[doc = include_str!("../README.md")]
struct Readme;
