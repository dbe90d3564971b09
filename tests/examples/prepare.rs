//! What an `FnAbi` costs: instructions, as callgrind counts them, and allocations; beside libffi's `ffi_prep_cif` for the same signature, structures
//! laid out each time, if libffi is there.
//!
//! ```text
//! cargo run --release -p cabi-tests --example prepare                      # the table; needs valgrind
//! cargo run --release -p cabi-tests --example prepare mix10 1000 [libffi]  # what is counted
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use cabi::{FnAbi, FnSig, Kind, Scalar, Target, Type};
use cabi_tests::shims::{Measured, asked_for};
use libloading::{Library, Symbol};

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: each method is the system allocator's, given the same arguments; the count does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, and `alloc` took `at` from the system.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.len() {
        0 => table(),
        2 => ours(),
        _ => libffi(),
    };
    match done {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("prepare: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The instructions of one preparation by either, for the signatures that goals are stated for.
fn table() -> Result<String, String> {
    let names = ["i32_2", "s_dd", "s_l4", "mix10", "s_c9", "ld_2", "vsum4"];
    let mut text = format!("{:8} {:>10} {:>14}", "", "FnAbi::new", "ffi_prep_cif");
    for name in names {
        let ours = slope(name, None)?;
        let theirs = match slope(name, Some("libffi")) {
            Ok(n) => n.to_string(),
            Err(why) if why.contains("no libffi") => "not run".to_owned(),
            Err(why) => return Err(why),
        };
        text += &format!("\n{name:8} {ours:>10} {theirs:>14}");
    }
    Ok(text)
}

/// What one more preparation costs, in instructions.
fn slope(name: &str, by: Option<&str>) -> Result<u64, String> {
    let (few, many) = (500, 1500);
    Ok((counted(name, many, by)? - counted(name, few, by)?) / (many - few))
}

/// The instructions of a process of this program that prepares the signature `n` times.
fn counted(name: &str, n: u64, by: Option<&str>) -> Result<u64, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(own).args([name, &n.to_string()]).args(by);
    let output = valgrind
        .output()
        .map_err(|why| format!("valgrind: {why}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said.split("Collected :").nth(1).map(str::trim);
    match count.map(|count| count.split_whitespace().next().unwrap_or(count)) {
        Some(count) if output.status.success() => count.parse().map_err(|_| said.to_string()),
        _ => Err(said.to_string()),
    }
}

fn ours() -> Result<String, String> {
    let (Measured { name, sig, .. }, n) = asked_for()?;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..n {
        let abi = FnAbi::new(black_box(&sig), black_box(&Target::X86_64_LINUX));
        black_box(&abi).as_ref().map_err(ToString::to_string)?;
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    Ok(format!("{name}: {n} times, {allocations} allocations"))
}

/// libffi's `ffi_type`.
#[repr(C)]
struct FfiType {
    size: usize,
    align: u16,
    kind: u16,
    elements: *mut *mut Self,
}

/// `FFI_TYPE_STRUCT`
const STRUCT: u16 = 13;
/// `FFI_UNIX64`
const UNIX64: u32 = 2;

type Prep =
    unsafe extern "C" fn(*mut c_void, u32, u32, u32, *mut FfiType, *mut *mut FfiType) -> u32;

fn libffi() -> Result<String, String> {
    let (Measured { name, sig, .. }, n) = asked_for()?;
    let open = |file: &&str| {
        // SAFETY: libffi's constructors have no preconditions.
        unsafe { Library::new(*file) }.ok()
    };
    let files = ["libffi.so.8", "libffi.so.7", "libffi.so"];
    let library = files.iter().find_map(open).ok_or("no libffi")?;
    let mut structures = Vec::new();
    let result = ffi_type(&library, sig.result(), &mut structures)?;
    let mut params = Vec::new();
    for param in sig.params() {
        params.push(ffi_type(&library, &param.ty, &mut structures)?);
    }
    let mut cif = [0_u64; 16];
    let count = |n: usize| u32::try_from(n).map_err(|error| error.to_string());
    let (fixed, all) = (count(sig.n_named())?, count(params.len())?);
    // SAFETY: both functions of libffi's documentation, by their C types; the first is called without the number of fixed arguments.
    let prep = unsafe { library.get::<Prep>(prep_name(&sig)) }.map_err(|why| why.to_string())?;
    for _ in 0..n {
        for structure in &structures {
            // SAFETY: made by `ffi_type`, and never freed.
            unsafe { ((**structure).size, (**structure).align) = (0, 0) };
        }
        let status = prepare(
            &prep,
            &sig,
            cif.as_mut_ptr().cast(),
            (fixed, all),
            result,
            &mut params,
        );
        if status != 0 {
            return Err(format!("libffi refuses {name}: {status}"));
        }
        black_box(&cif);
    }
    Ok(format!("{name}: {n} times by libffi"))
}

fn prep_name(sig: &FnSig) -> &'static [u8] {
    if sig.is_variadic() {
        b"ffi_prep_cif_var"
    } else {
        b"ffi_prep_cif"
    }
}

/// `ffi_prep_cif`, or `ffi_prep_cif_var` with the number of fixed arguments before that of all.
fn prepare(
    prep: &Symbol<'_, Prep>,
    sig: &FnSig,
    cif: *mut c_void,
    (fixed, all): (u32, u32),
    result: *mut FfiType,
    params: &mut [*mut FfiType],
) -> u32 {
    let params = params.as_mut_ptr();
    if sig.is_variadic() {
        // SAFETY: `cif` has room for an `ffi_cif`, and the types are libffi's or made by `ffi_type`.
        return unsafe { prep(cif, UNIX64, fixed, all, result, params) };
    }
    // SAFETY: this is `ffi_prep_cif`'s type.
    let plain = unsafe {
        std::mem::transmute::<
            Prep,
            unsafe extern "C" fn(*mut c_void, u32, u32, *mut FfiType, *mut *mut FfiType) -> u32,
        >(**prep)
    };
    // SAFETY: as above.
    unsafe { plain(cif, UNIX64, all, result, params) }
}

/// `ty` as libffi has it. Of arrays it knows the elements only; `structures` are those it lays out.
fn ffi_type(
    library: &Library,
    ty: &Type,
    structures: &mut Vec<*mut FfiType>,
) -> Result<*mut FfiType, String> {
    let symbol: &[u8] = match ty.kind() {
        Kind::Record(record) => {
            let mut elements = Vec::new();
            for field in record.fields() {
                let (elem, n) = match field.ty().kind() {
                    Kind::Array(array) => (&array.elem, array.len.unwrap_or(0)),
                    _ => (field.ty(), 1),
                };
                for _ in 0..n {
                    elements.push(ffi_type(library, elem, structures)?);
                }
            }
            elements.push(null_mut());
            let structure = Box::leak(Box::new(FfiType {
                size: 0,
                align: 0,
                kind: STRUCT,
                elements: Vec::leak(elements).as_mut_ptr(),
            }));
            structures.push(structure);
            return Ok(structure);
        }
        Kind::Scalar(Scalar::F32) => b"ffi_type_float",
        Kind::Scalar(Scalar::F64) => b"ffi_type_double",
        Kind::Scalar(Scalar::F80) => b"ffi_type_longdouble",
        Kind::Scalar(Scalar::Int { bits: 8, .. }) => b"ffi_type_sint8",
        Kind::Scalar(Scalar::Int { bits: 16, .. }) => b"ffi_type_sint16",
        Kind::Scalar(Scalar::Int { bits: 32, .. }) => b"ffi_type_sint32",
        Kind::Scalar(Scalar::Int { bits: 64, .. }) => b"ffi_type_sint64",
        _ => return Err(format!("{ty}: no type of libffi is written here")),
    };
    // SAFETY: an object of libffi's of this type.
    let found = unsafe { library.get::<*mut FfiType>(symbol) };
    found.map(|found| *found).map_err(|why| why.to_string())
}
