//! Functions that compiled code calls when C calls a closure.

use core::ffi::c_void;
use core::ptr::NonNull;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::panic_message;
use crate::host::system::keep_last_error;

use super::{
    Callable, ClosureArgs, ClosureInterface, ClosureResult, Context, Header, MAX_RESULT, running,
};

/// Function that compiled code calls, with the context, the addresses of the arguments, and the
/// address of the result.
pub(super) type Handler = unsafe extern "C" fn(*const c_void, *const *const u8, *mut u8);

/// Returns the handler of a closure of type `F`, a function of `interface`.
pub(super) fn handler<F: Callable>(interface: &ClosureInterface) -> Handler {
    if interface.sig.is_noreturn() {
        enter_noreturn::<F>
    } else if interface.result_bytes > MAX_RESULT as usize {
        enter_large::<F>
    } else {
        enter::<F>
    }
}

/// Calls the Rust closure of `context`.
///
/// # Safety
/// Called by compiled code only. `context` is the [`Context`] of a closure of this type that lives,
/// and `args` has the addresses of its arguments. `ret` has as many bytes as the type of the
/// result, set to zero, or is any address but null for a result without bytes.
unsafe extern "C" fn enter<F: Callable>(
    context: *const c_void,
    args: *const *const u8,
    ret: *mut u8,
) {
    let note = running::begin(context.addr());
    // SAFETY: as above; if the closure is dropped from now on by this thread, it lives until the
    // note is taken back.
    unsafe { call::<F>(context, args, ret) };
    if let Some(dropped) = running::end(note, context.addr()) {
        // SAFETY: it was dropped while it ran, and this was its last call on this thread.
        keep_last_error(|| unsafe { free_after_call(dropped) });
    }
}

/// Calls the Rust closure of `context`, and ends the process if it panics.
///
/// # Safety
/// As [`enter`].
#[inline]
unsafe fn call<F: Callable>(context: *const c_void, args: *const *const u8, ret: *mut u8) {
    // SAFETY: the caller's.
    let context = unsafe { &*context.cast::<Context<F>>() };
    let called = catch_unwind(AssertUnwindSafe(|| {
        let interface = &context.header.interface;
        // SAFETY: compiled code has written as many addresses; the memory for the result has as
        // many bytes, and nobody else looks at it now.
        let (pointers, bytes) = unsafe {
            (
                core::slice::from_raw_parts(args, interface.n_pointers),
                core::slice::from_raw_parts_mut(ret.cast(), interface.result_bytes),
            )
        };
        let args = ClosureArgs {
            interface,
            pointers,
        };
        let sig = &*interface.sig;
        let result = &mut ClosureResult { sig, bytes };
        (context.closure)(&args, result);
    }));
    if let Err(panic) = called {
        let message = format!("panicked: {}; it was called by C", panic_message(&*panic));
        end(&context.header.name, &message);
    }
}

/// Handles calls with results that compiled code does not set to zero.
///
/// # Safety
/// As [`enter`], but for the bytes of the result, which have any value.
unsafe extern "C" fn enter_large<F: Callable>(
    context: *const c_void,
    args: *const *const u8,
    ret: *mut u8,
) {
    // SAFETY: as the caller says.
    unsafe {
        let bytes = (*context.cast::<Header>()).interface.result_bytes;
        ret.write_bytes(0, bytes);
        enter::<F>(context, args, ret);
    }
}

/// Handles calls of a function that must not return.
///
/// # Safety
/// As [`enter`].
unsafe extern "C" fn enter_noreturn<F: Callable>(
    context: *const c_void,
    args: *const *const u8,
    ret: *mut u8,
) {
    running::begin(context.addr());
    // SAFETY: as the caller says; the note is never taken back.
    let context = unsafe {
        call::<F>(context, args, ret);
        &*context.cast::<Context<F>>()
    };
    end(
        &context.header.name,
        "returned, although its signature says that it never does",
    );
}

/// Frees a closure that was dropped while it ran, whose last call is about to return to compiled
/// code.
///
/// # Safety
/// The context is that of a dropped closure, and nothing reads it any more.
#[cold]
unsafe fn free_after_call(context: NonNull<Header>) {
    // SAFETY: it is the caller's, and freed below.
    let header = unsafe { context.as_ref() };
    let (interface, name, free) = (header.interface.clone(), header.name.clone(), header.free);
    // SAFETY: as above.
    let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { free(context) }));
    if let Err(panic) = dropped {
        let message = format!(
            "panicked when it was dropped: {}; it was called by C",
            panic_message(&*panic)
        );
        end(&name, &message);
    }
    running::keep_while_returning(interface);
}

/// Ends the process: there is no way to return this error to C.
#[cold]
pub(super) fn end(name: &str, what: &str) -> ! {
    // Standard error may be closed.
    let _ = writeln!(
        std::io::stderr(),
        "closure {name} {what}, so the process ends"
    );
    std::process::abort()
}
