//! Computes the `FnAbi` of one measured signature many times, for callgrind to count; and counts what that allocates. The difference of two runs is
//! what one computation costs, its result dropped again.
//!
//! ```text
//! cargo build --release -p cabi-tests --example prepare
//! for n in 10000 20000; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/prepare mix10 $n 2>&1 | grep Collected
//! done
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use cabi::{FnAbi, Target};
use cabi_tests::shims::{Measured, asked_for};

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
    match prepare() {
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

fn prepare() -> Result<String, String> {
    let (Measured { name, sig, .. }, n) = asked_for()?;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..n {
        let abi = FnAbi::new(black_box(&sig), black_box(&Target::X86_64_LINUX));
        black_box(&abi).as_ref().map_err(ToString::to_string)?;
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    Ok(format!("{name}: {n} times, {allocations} allocations"))
}
