//! `FnAbi::new` does not touch the heap for up to ten arguments of at most two parts each. One test, since all of a process share the count.

#![allow(
    clippy::unwrap_used,
    reason = "a test that meets an unexpected error stops there"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use cabi::{
    DataModel, FnAbi, FnSig, Policy, RecordBuilder, Target, Type, X86_64_SYSV, X86_64_WIN64,
};

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: each method is the system allocator's, given the same arguments; the count does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
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

/// How often the heap is asked for memory while the places of `sig` are found: the least of a few times, because the thread that waits for the test may
/// ask too.
fn allocations(sig: &FnSig) -> usize {
    let once = |_| {
        let before = ALLOCATIONS.load(Ordering::SeqCst);
        black_box(FnAbi::new(black_box(sig), &Target::X86_64_LINUX)).unwrap();
        ALLOCATIONS.load(Ordering::SeqCst) - before
    };
    (0..4).map(once).min().unwrap()
}

fn structure(fields: &[Type]) -> Type {
    let record = RecordBuilder::structure("s");
    let record = fields
        .iter()
        .fold(record, |record, ty| record.field("", ty.clone()));
    record.build(&DataModel::LP64).unwrap()
}

#[test]
fn ten_arguments_take_no_heap() {
    let model = DataModel::LP64;
    let array = |elem: &Type, n| structure(&[Type::array(elem, n).unwrap()]);
    let union = RecordBuilder::union("u");
    let union = union.field("a", Type::F64).field("b", Type::I32);
    let types = [
        Type::I8,
        Type::F64,
        Type::F80,
        Type::I128,
        Type::F128,
        model.bit_int(80, true).unwrap(),
        model.bit_int(200, true).unwrap(),
        Type::complex(&Type::F32).unwrap(),
        Type::complex(&Type::F80).unwrap(),
        Type::vector(&Type::F32, 4).unwrap(),
        Type::I32.atomic().unwrap(),
        structure(&[Type::F64, Type::I64]),
        structure(&[structure(&[Type::F32, Type::F32]), Type::I16]),
        structure(&[Type::F80]),
        array(&Type::I8, 9),
        array(&structure(&[Type::F32]), 3),
        array(&Type::I64, 4),
        union.build(&model).unwrap(),
    ];
    for convention in [&X86_64_SYSV, &X86_64_WIN64] {
        for policy in [Policy::PSABI, Policy::GCC, Policy::CLANG, Policy::ZIG] {
            for ty in &types {
                let sig = FnSig::new(vec![ty.clone(); 10], ty.clone());
                let sig = sig.policy(policy).convention(convention);
                if FnAbi::new(&sig, &Target::X86_64_LINUX).is_ok() {
                    assert_eq!(allocations(&sig), 0, "{sig}, {policy:?}");
                }
            }
        }
    }
    // There is no room for the eleventh.
    assert!(allocations(&FnSig::new(vec![Type::I32; 11], Type::VOID)) > 0);
}
