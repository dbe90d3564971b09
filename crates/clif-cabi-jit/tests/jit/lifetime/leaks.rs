//! Closures and invokers leave no byte of the heap, and no mapping, when they are gone.

use core::ops::Range;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::thread;

use crate::common::*;

/// The system's allocator; allocations that were not freed are counted.
struct Counting;

static BLOCKS: AtomicIsize = AtomicIsize::new(0);
static BYTES: AtomicIsize = AtomicIsize::new(0);

fn count(n: isize, layout: Layout) {
    BLOCKS.fetch_add(n, Ordering::SeqCst);
    BYTES.fetch_add(n * layout.size().cast_signed(), Ordering::SeqCst);
}

// SAFETY: each method is the system allocator's, given the same arguments; counting does not
// allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-1, layout);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, and `alloc` took `at` from the system.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Memory of the process.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Resources {
    blocks: isize,
    bytes: isize,
    /// The mappings of executable memory, and the bytes of all mappings.
    executable: Vec<Range<usize>>,
    mapped: usize,
}

fn held() -> Resources {
    let [blocks, bytes] = [&BLOCKS, &BYTES].map(|count| count.load(Ordering::SeqCst));
    let (mut executable, mut mapped) = (Vec::new(), 0);
    for (range, permissions) in mappings() {
        mapped += range.len();
        if permissions.contains('x') {
            executable.push(range);
        }
    }
    Resources {
        blocks,
        bytes,
        executable,
        mapped,
    }
}

/// Makes, calls and drops so many closures on each of 8 threads at a time.
fn churn(closures: &Closures, n: i64) {
    let all_run = Barrier::new(8);
    let sig = FnSig::new([Type::I64], Type::I64);
    let run = |thread: i64| {
        for i in 0..n {
            let closure = adder(&closures.interface(&sig).unwrap(), thread * i);
            if i == 0 {
                all_run.wait();
            }
            assert_eq!(call_adder(&closure, 5), thread * i + 5);
        }
    };
    thread::scope(|scope| {
        let run = &run;
        let threads = [0, 1, 2, 3, 4, 5, 6, 7].map(|thread| scope.spawn(move || run(thread)));
        // A thread that is joined has nothing left; one whose closure has only returned may.
        let _ = threads.map(|thread| thread.join().unwrap());
    });
}

#[test]
fn nothing_is_left_of_closures_and_invokers() {
    let name = "lifetime::leaks::nothing_is_left_of_closures_and_invokers";
    alone(name, nothing_is_left);
}

fn nothing_is_left() {
    let closures = closures();
    let sig = FnSig::new([Type::I64], Type::I64);
    let interface = closures.interface(&sig).unwrap();
    // The own memory of threads, the heap and the pool exists from now on.
    churn(&closures, 100);
    let mut before = held();
    // Its own list.
    before.blocks += 1;
    before.bytes += (before.executable.capacity() * size_of::<Range<usize>>()).cast_signed();
    churn(&closures, repeated(100_000));
    let after = held();
    println!("before: {before:?}\nafter: {after:?}");
    let kept = |held: &Resources| (held.blocks, held.bytes, held.executable.clone());
    assert_eq!(kept(&after), kept(&before));
    assert_eq!(closures.n_compiled(), 1);
    let grown = after.mapped.saturating_sub(before.mapped);
    assert!(grown < 1 << 20, "{grown} bytes");

    // A leak is noticed: of one closure on the heap, of more than a page of them among the
    // mappings.
    let n = (page() * 600 / 4096).cast_signed();
    let leaked: Vec<Closure> = (0..n).map(|by| adder(&interface, by as i64)).collect();
    let leaking = held();
    assert!(leaking.blocks >= after.blocks + n && leaking.executable != after.executable);
    let stub = leaked[0].code().addr();
    assert!(is_executable(stub));

    // The pool goes with the last closure, the code of invokers with the last invoker.
    drop((closures, interface));
    assert_eq!(call_adder(&leaked[7], 1), 8);
    drop(leaked);
    assert!(!is_executable(stub));

    let mut invokers = invokers();
    let invoker = invokers.get(&sig).unwrap();
    // SAFETY: only looked at.
    let code = unsafe { invoker.code().as_ptr() }.addr();
    drop(invokers);
    assert!(is_executable(code));
    drop(invoker);
    assert!(!is_executable(code));
}
