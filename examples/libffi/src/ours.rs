//! The program by clif-cabi-jit.

use std::error::Error;

use clif_cabi_jit::{Closures, DeclaredFunction, Invokers, Library, Settings};

/// Returns `hypot` of libm, found and prepared.
pub fn hypot() -> Result<DeclaredFunction, Box<dyn Error>> {
    let mut invokers = Invokers::new(&Settings::default())?;
    // SAFETY: the mathematics of the C library.
    invokers.add_library(&unsafe { Library::open("libm.so.6") }?);
    Ok(invokers.function("double hypot(double, double)")?)
}

/// Calls `hypot` once.
pub fn call(hypot: &DeclaredFunction, x: f64, y: f64) -> Result<f64, Box<dyn Error>> {
    // SAFETY: C's function, which takes any numbers.
    Ok(unsafe { hypot.call((x, y))? })
}

/// Returns the positions of `keys` in the order of their values, by C's `qsort`, and the number of
/// comparisons.
pub fn order(keys: &[i32]) -> Result<(Vec<usize>, usize), Box<dyn Error>> {
    let (mut order, mut n) = (Vec::from_iter(0..keys.len()), 0);
    let closures = Closures::new(&Settings::default())?;
    let compare = closures.function("int (const size_t *, const size_t *)")?;
    let compare = compare.local_mut("compare", |args, result| {
        // SAFETY: `qsort` passes addresses of two elements.
        let [a, b] = [0, 1].map(|i| keys[unsafe { *args.get::<*const usize>(i).unwrap() }]);
        n += 1;
        result.set(i32::cmp(&a, &b) as i32).unwrap();
    })?;
    let mut invokers = Invokers::new(&Settings::default())?;
    let qsort = "void qsort(void *, size_t, size_t, int (*)(const void *, const void *))";
    let args = (
        order.as_mut_ptr(),
        order.len(),
        size_of::<usize>(),
        compare.code(),
    );
    // SAFETY: so many elements, and a function that compares two of them.
    unsafe { invokers.function(qsort)?.call::<()>(args)? };
    drop(compare);
    Ok((order, n))
}
