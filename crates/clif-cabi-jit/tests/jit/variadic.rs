//! Variadic functions that are compiled here, called by C, beyond what the suites call: a `va_list` that C reads, C's
//! `va_list` read here, and functions of a front end without C types.

use crate::common::*;

mod libc;
#[cfg(target_arch = "x86_64")] // it counts that machine's registers
mod own_signatures;

/// The address of a `va_list`, which has at most 32 bytes.
pub(crate) fn va_list(builder: &mut FunctionBuilder<'_>) -> Value {
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 32, 3);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(types::I64, slot, 0)
}

/// A function of `library`, called with the address of `code`.
pub(crate) fn call_with(library: &Library, name: &str, code: *const c_void) -> c_int {
    let call = library.symbol(name).unwrap();
    // SAFETY: that is the signature of every function that is called so.
    let call =
        unsafe { std::mem::transmute::<*const u8, extern "C" fn(*const c_void) -> c_int>(call) };
    call(code)
}
