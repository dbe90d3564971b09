//! Closures as function pointers for C. The pointer is that of a closure of clif-cabi-jit, which
//! passes the static chain on; it is valid as long as the function call whose variables it uses, as
//! in GNU C, and is reused after that.

use clif_cabi_jit::{BoundFunction, Closures, Settings};
use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::OnceLock;

/// All threads of the program share the memory of closures.
static CLOSURES: OnceLock<Closures> = OnceLock::new();

/// A function pointer, and the code and static chain it is made of.
type ClosurePointer = (*const c_void, *const c_void, BoundFunction);

thread_local! {
    static MADE: RefCell<Vec<ClosurePointer>> = const { RefCell::new(Vec::new()) };
}

/// Gets ready to make closures; returns the address of what makes them.
pub(crate) fn prepare() -> Result<*const u8, clif_cabi_jit::Error> {
    if CLOSURES.get().is_none() {
        let _ = CLOSURES.set(Closures::new(&Settings::default())?);
    }
    Ok(make as *const u8)
}

/// A function pointer that enters `code` with `chain`, which is an address in the frame of the
/// caller or of a function around it.
extern "C" fn make(code: *const c_void, chain: *const c_void) -> *const c_void {
    let here = 0_u8;
    MADE.with_borrow_mut(|made| {
        // Frames below this one are of function calls that have returned.
        made.retain(|(_, chain, _)| chain.addr() > (&raw const here).addr());
        let same = |(own, frame, _): &&ClosurePointer| (*own, *frame) == (code, chain);
        if let Some((.., bound)) = made.iter().find(same) {
            return bound.code();
        }
        // SAFETY: the code is the entry point of a nested function, the engine is never dropped,
        // and a program that calls the pointer when the chain is gone answers for it as a C program
        // does.
        let bound = CLOSURES.get().map(|all| unsafe { all.bind(code, chain) });
        let Some(Ok(bound)) = bound else {
            eprintln!("toy: no memory for a closure");
            std::process::abort();
        };
        let pointer = bound.code();
        made.push((code, chain, bound));
        pointer
    })
}
