//! Counts allocations of memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, counted: a program that counts has it as its `#[global_allocator]`.
#[derive(Debug)]
pub struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: each method is the system allocator's, given the same arguments; the count does not
// allocate.
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

/// Returns the number of allocations of `body`, in a program with [`Counting`].
pub fn during<T>(body: impl FnOnce() -> T) -> Result<usize, &'static str> {
    let count = || ALLOCATIONS.load(Ordering::Relaxed);
    let before = count();
    drop(std::hint::black_box(Box::new(0_u8)));
    if count() == before {
        return Err("allocations are not counted in this program");
    }
    let before = count();
    std::hint::black_box(body());
    Ok(count() - before)
}
