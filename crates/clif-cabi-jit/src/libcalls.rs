//! The routines compiled code may call on its own account: block memory, rounding, fused
//! multiply-add, a shuffle.
//!
//! cranelift-jit looks them up by name at run time, and `ceil` or `fma` are not there when libm is
//! not loaded. They are linked into this crate instead, so no function fails for want of one, with
//! whatever instructions it was compiled.

use core::ffi::{c_int, c_void};

use crate::cranelift::codegen::ir::LibCall;

/// Returns the name under which cranelift-jit looks up `call`. The NUL keeps it apart from all
/// symbols, which have none.
pub(crate) fn name(call: LibCall) -> String {
    format!("\0{call}")
}

/// Returns the address of the routine, if there is one.
pub(crate) fn address(call: LibCall) -> Option<*const u8> {
    Some(match call {
        LibCall::CeilF32 => ceil_f32 as *const u8,
        LibCall::CeilF64 => ceil_f64 as *const u8,
        LibCall::FloorF32 => floor_f32 as *const u8,
        LibCall::FloorF64 => floor_f64 as *const u8,
        LibCall::TruncF32 => trunc_f32 as *const u8,
        LibCall::TruncF64 => trunc_f64 as *const u8,
        LibCall::NearestF32 => nearest_f32 as *const u8,
        LibCall::NearestF64 => nearest_f64 as *const u8,
        LibCall::FmaF32 => fma_f32 as *const u8,
        LibCall::FmaF64 => fma_f64 as *const u8,
        LibCall::Memcpy => memcpy as *const u8,
        LibCall::Memmove => memmove as *const u8,
        LibCall::Memset => memset as *const u8,
        LibCall::Memcmp => memcmp as *const u8,
        #[cfg(target_arch = "x86_64")]
        LibCall::X86Pshufb => x86_64::pshufb as *const u8,
        // Stack probes are inline and thread-local storage is refused before.
        _ => return None,
    })
}

unsafe extern "C" {
    fn memcpy(to: *mut c_void, from: *const c_void, size: usize) -> *mut c_void;
    fn memmove(to: *mut c_void, from: *const c_void, size: usize) -> *mut c_void;
    fn memset(to: *mut c_void, byte: c_int, size: usize) -> *mut c_void;
    fn memcmp(a: *const c_void, b: *const c_void, size: usize) -> c_int;
}

macro_rules! rounding {
    ($($f32:ident, $f64:ident: $method:ident;)*) => {
        $(
            extern "C" fn $f32(x: f32) -> f32 {
                x.$method()
            }

            extern "C" fn $f64(x: f64) -> f64 {
                x.$method()
            }
        )*
    };
}

rounding! {
    ceil_f32, ceil_f64: ceil;
    floor_f32, floor_f64: floor;
    trunc_f32, trunc_f64: trunc;
    nearest_f32, nearest_f64: round_ties_even;
}

extern "C" fn fma_f32(x: f32, y: f32, z: f32) -> f32 {
    x.mul_add(y, z)
}

extern "C" fn fma_f64(x: f64, y: f64, z: f64) -> f64 {
    x.mul_add(y, z)
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use core::arch::x86_64::__m128i;
    use core::mem::transmute;

    /// `pshufb` for processors without SSSE3. A selector byte with its top bit set gives 0; the low
    /// four bits of any other choose a byte of `value`.
    // The lint speaks of C compilers that may lack the type. Cranelift passes vectors as Rust does.
    #[expect(improper_ctypes_definitions, reason = "only Cranelift calls it")]
    pub(super) extern "C" fn pshufb(value: __m128i, selector: __m128i) -> __m128i {
        // SAFETY: both types are 16 bytes of plain bits.
        let [value, selector] =
            unsafe { [value, selector].map(|vector| transmute::<__m128i, [u8; 16]>(vector)) };
        let chosen = selector.map(|byte| {
            let idx = usize::from(byte & 0x0f);
            let selected = value.get(idx).copied().unwrap_or(0);
            if byte & 0x80 == 0 { selected } else { 0 }
        });
        // SAFETY: as above.
        unsafe { transmute::<[u8; 16], __m128i>(chosen) }
    }
}
