//! A library called dynamically: the GNU Scientific Library, whose functions take complex numbers
//! as structures by value and call back.
//!
//! ```text
//! $ cargo run -p clif-cabi-jit --example gsl
//! (1+2i) (3+4i) = -5+10i
//! the integral of x^2 from 0 to 3 is 9
//! ```

use std::error::Error;
use std::ffi::c_void;

use clif_cabi_jit::clif_cabi::cabi::Type;
use clif_cabi_jit::{CValue, Closures, Invokers, Library, Settings};

/// `gsl_complex`: `struct { double dat[2]; }`.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(C)]
struct Complex([f64; 2]);

// SAFETY: any bytes are two doubles.
unsafe impl CValue for Complex {
    fn stands_for(ty: &Type) -> bool {
        // Each call makes this check. A comparison of the printed type would take five times as
        // long.
        let tag = ty.as_record().and_then(|record| record.tag());
        ty.size() == 16 && tag == Some("gsl_complex")
    }
}

/// `gsl_function`: the function to integrate.
#[repr(C)]
struct Integrand {
    function: *const c_void,
    params: *const c_void,
}

pub(crate) fn library() -> Option<Library> {
    // SAFETY: this library does nothing when it is opened.
    let open = |name: &&str| unsafe { Library::open(name) }.ok();
    let names = ["libgsl.so.27", "libgsl.so.28", "libgsl.so"];
    names.iter().find_map(open)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let Some(gsl) = library() else {
        println!("not run: the GNU Scientific Library is not here (Debian: libgsl-dev)");
        return Ok(());
    };
    let mut invokers = Invokers::new(&Settings::default())?;
    invokers.add_library(&gsl);
    multiply(&mut invokers)?;
    integrate(&mut invokers)
}

/// Structures by value, as argument and as result.
fn multiply(invokers: &mut Invokers) -> Result<(), Box<dyn Error>> {
    let multiply = invokers.function(
        "typedef struct { double dat[2]; } gsl_complex; gsl_complex gsl_complex_mul(gsl_complex, gsl_complex)",
    )?;
    let (a, b) = (Complex([1.0, 2.0]), Complex([3.0, 4.0]));
    // SAFETY: the function of this signature.
    let product: Complex = unsafe { multiply.call((a, b))? };
    println!("(1+2i) (3+4i) = {}+{}i", product.0[0], product.0[1]);
    assert_eq!(product, Complex([-5.0, 10.0]));
    Ok(())
}

/// A Rust closure as a callback.
fn integrate(invokers: &mut Invokers) -> Result<(), Box<dyn Error>> {
    let closures = Closures::new(&Settings::default())?;
    let interface = closures.function("double (double x, void *params)")?;
    let exponent = 2;
    let square = interface.closure("square", move |args, result| {
        let x: f64 = args.get(0).unwrap_or(f64::NAN);
        // The value has the signature's kind.
        let _ = result.set(x.powi(exponent));
    })?;
    let integrand = Integrand {
        function: square.code(),
        params: std::ptr::null(),
    };

    let integrate = invokers.function(
        "int gsl_integration_qng(const struct gsl_function_struct *f, double a, double b, double epsabs, double epsrel,
            double *result, double *abserr, size_t *neval)",
    )?;
    let (from, to, epsilon) = (0.0, 3.0, 1e-9);
    let (mut integral, mut error, mut n) = (0.0, 0.0, 0_usize);
    let args = (
        &raw const integrand,
        from,
        to,
        epsilon,
        epsilon,
        &raw mut integral,
        &raw mut error,
        &raw mut n,
    );
    // SAFETY: the function of this signature; the closure lives, and the pointers are to objects of
    // the types that it takes.
    let status: i32 = unsafe { integrate.call(args)? };
    println!("the integral of x^{exponent} from {from} to {to} is {integral:.0}");
    assert!(status == 0 && n > 0 && (integral - 9.0_f64).abs() < 1e-6 && error < 1e-6);
    Ok(())
}
