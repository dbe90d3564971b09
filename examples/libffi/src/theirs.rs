//! The program by libffi.

use std::error::Error;
use std::ffi::{c_int, c_void};

use libffi::low::ffi_cif;
use libffi::middle::{Cif, Closure, CodePtr, Type, arg};
use libloading::Library;

/// A function that is found and prepared. The library has to stay open.
pub struct ForeignFunction {
    cif: Cif,
    code: CodePtr,
    _library: Library,
}

fn function(
    library: Library,
    name: &str,
    params: Vec<Type>,
    result: Type,
) -> Result<ForeignFunction, Box<dyn Error>> {
    // SAFETY: only the address is taken.
    let code = unsafe { *library.get::<unsafe extern "C" fn()>(name)? };
    Ok(ForeignFunction {
        cif: Cif::new(params, result),
        code: CodePtr::from_fun(code),
        _library: library,
    })
}

/// Returns `hypot` of libm, found and prepared.
pub fn hypot() -> Result<ForeignFunction, Box<dyn Error>> {
    // SAFETY: the mathematics of the C library.
    let libm = unsafe { Library::new("libm.so.6")? };
    function(libm, "hypot", vec![Type::f64(), Type::f64()], Type::f64())
}

/// Calls `hypot` once.
pub fn call(hypot: &ForeignFunction, x: f64, y: f64) -> Result<f64, Box<dyn Error>> {
    // SAFETY: C's function, whose parameters and result are those of the `Cif`; nothing checks
    // them.
    Ok(unsafe { hypot.cif.call(hypot.code, &[arg(&x), arg(&y)]) })
}

/// Data that the comparison borrows and changes.
struct Data<'a> {
    keys: &'a [i32],
    n: usize,
}

/// # Safety
/// `args` are the addresses of two addresses of elements.
unsafe extern "C" fn compare(
    _: &ffi_cif,
    result: &mut c_int,
    args: *const *const c_void,
    data: &mut Data<'_>,
) {
    // SAFETY: as above.
    let [a, b] = [0, 1].map(|i| data.keys[unsafe { **(*args.add(i)).cast::<*const usize>() }]);
    data.n += 1;
    *result = i32::cmp(&a, &b) as c_int;
}

/// Returns the positions of `keys` in the order of their values, by C's `qsort`, and the number of
/// comparisons.
pub fn order(keys: &[i32]) -> Result<(Vec<usize>, usize), Box<dyn Error>> {
    let mut order = Vec::from_iter(0..keys.len());
    let mut data = Data { keys, n: 0 };
    let cif = Cif::new([Type::pointer(), Type::pointer()], Type::c_int());
    let closure = Closure::new_mut(cif, compare, &mut data);
    let params = vec![
        Type::pointer(),
        Type::usize(),
        Type::usize(),
        Type::pointer(),
    ];
    let process = Library::from(libloading::os::unix::Library::this());
    let qsort = function(process, "qsort", params, Type::void())?;
    let (base, len, size) = (order.as_mut_ptr(), order.len(), size_of::<usize>());
    let code = *closure.code_ptr();
    // SAFETY: so many elements, and a function that compares two of them; nothing checks the types.
    unsafe {
        qsort
            .cif
            .call::<()>(qsort.code, &[arg(&base), arg(&len), arg(&size), arg(&code)])
    };
    drop(closure);
    Ok((order, data.n))
}
