//! What plans allocate: three blocks when they are made, none when they are asked for again.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use clif_cabi::Lowering;
use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::{isa, settings};

/// The system's allocator; what a thread asks it for is counted.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: each method is the system allocator's, given the same arguments; counting does not allocate.
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

/// How often `f` allocates.
fn allocations<T>(f: impl FnOnce() -> T) -> usize {
    let before = ALLOCATIONS.get();
    let result = f();
    let n = ALLOCATIONS.get() - before;
    drop(result);
    n
}

fn record(members: &[Type]) -> Type {
    let record = RecordBuilder::structure("s");
    let members = members.iter().enumerate();
    let record = members.fold(record, |record, (i, ty)| {
        record.field(&format!("f{i}"), ty.clone())
    });
    record.build(&DataModel::LP64).unwrap()
}

#[test]
fn plans_allocate_little() {
    let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu").unwrap();
    let isa = isa
        .finish(settings::Flags::new(settings::builder()))
        .unwrap();
    let lower = Lowering::new(&*isa).unwrap();
    let two_doubles = record(&[Type::F64, Type::F64]);
    let nine_chars = record(&[Type::array(&Type::I8, 9).unwrap()]);
    let four_longs = record(&[Type::array(&Type::I64, 4).unwrap()]);
    let one = |ty: &Type| FnSig::new([ty.clone()], ty.clone());
    let pad = |n: usize| FnSig::new(vec![Type::PTR; n], Type::VOID);
    let sigs = [
        FnSig::new([Type::I32, Type::I32], Type::I32),
        one(&two_doubles),
        one(&nine_chars),
        one(&four_longs),
        FnSig::new([Type::F80, Type::F80], Type::F80),
    ];
    // The table of plans has room for these.
    for n in 0..8 {
        lower.call_plan(&pad(n)).unwrap();
        lower.entry_plan(&pad(n)).unwrap();
    }
    for sig in sigs {
        // The plan itself, and parameters and results of its CLIF signature.
        let first = allocations(|| lower.call_plan(&sig).unwrap());
        assert!((1..=3).contains(&first), "{sig}: {first} at a first call");
        let first = allocations(|| lower.entry_plan(&sig).unwrap());
        assert!((1..=3).contains(&first), "{sig}: {first} at a first entry");
        assert_eq!(allocations(|| lower.call_plan(&sig).unwrap()), 0, "{sig}");
        assert_eq!(allocations(|| lower.entry_plan(&sig).unwrap()), 0, "{sig}");
    }
    // The count sees what is allocated.
    assert_eq!(allocations(|| Box::new(1)), 1);
}
