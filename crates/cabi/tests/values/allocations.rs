//! Tests that `FnAbi::new` does not allocate for up to ten arguments of at most two parts each.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use crate::notation;
use crate::{LINUX, LP64};
use cabi::{FnAbi, FnSig, Policy, Type, X86_64_SYSV, X86_64_WIN64};

/// The system's allocator, with a count of allocations.
struct Counting;

thread_local! {
    /// Number of allocations of this thread.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: each method is the system allocator's, given the same arguments; the count does not
// allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
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

/// Returns the number of allocations while the places of `sig` are found.
fn allocations(sig: &FnSig) -> usize {
    let before = ALLOCATIONS.get();
    let abi = black_box(FnAbi::new(black_box(sig), &LINUX));
    let after = ALLOCATIONS.get();
    abi.unwrap();
    after - before
}

const TYPES: &str = "signed char, double, long double, __int128, __float128, bitint(80), bitint(200), float _Complex, long double _Complex, \
    vector(float, 4), atomic(int), struct { double x; long n; }, struct { struct { float x, y; } p; short n; }, struct { long double x; }, \
    struct { char a[9]; }, struct { struct { float x; } a[3]; }, struct { long a[4]; }, union { double x; int n; }";

#[test]
fn ten_arguments_take_no_heap() {
    let types = notation::list(TYPES);
    assert_eq!(types.len(), 18);
    let mut n_refused = 0;
    for ty in types.iter().map(|text| notation::ty(text, &LP64).unwrap()) {
        for convention in [&X86_64_SYSV, &X86_64_WIN64] {
            for policy in [Policy::PSABI, Policy::GCC, Policy::CLANG, Policy::ZIG] {
                let sig = FnSig::new(vec![ty.clone(); 10], ty.clone());
                let sig = sig.policy(policy).convention(convention);
                match FnAbi::new(&sig, &LINUX) {
                    Ok(_) => assert_eq!(allocations(&sig), 0, "{sig}, {policy:?}"),
                    Err(_) => n_refused += 1,
                }
            }
        }
    }
    assert_eq!(n_refused, 0);
    // There is no room for the eleventh.
    assert!(allocations(&FnSig::new(vec![Type::I32; 11], Type::VOID)) > 0);
}
