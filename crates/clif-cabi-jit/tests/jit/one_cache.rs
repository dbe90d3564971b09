//! One cache for the calls of many signatures: what is passed alike shares code, and nothing else
//! does.

use std::time::UNIX_EPOCH;

use region::Protection;

use crate::common::*;

const SIZES: core::ops::RangeInclusive<usize> = 17..=399;

/// `fN` is `int (long, struct { char a[N]; })`.
const C: &str = "
#define F(N) \
  typedef struct { signed char a[N]; } s##N; \
  int f##N(unsigned long h, s##N s) { \
    for (int i = 0; i < N; i++) h = 31 * h + s.a[i]; \
    return (int)h; \
  }
";

/// A page, and one after it that faults.
struct Guarded(region::Allocation);

impl Guarded {
    fn new() -> Self {
        let mut pages = region::alloc(2 * page(), Protection::READ_WRITE).unwrap();
        let guard = pages.as_mut_ptr::<u8>().wrapping_add(page());
        // SAFETY: the second page, of which nothing was written.
        unsafe { region::protect(guard, page(), Protection::NONE) }.unwrap();
        Self(pages)
    }

    /// A copy of `object` that ends where the second page begins.
    fn put(&mut self, object: &[i8]) -> *const u8 {
        let start = self
            .0
            .as_mut_ptr::<i8>()
            .wrapping_add(page() - object.len());
        // SAFETY: it ends with the first page.
        unsafe { start.copy_from_nonoverlapping(object.as_ptr(), object.len()) };
        start.cast_const().cast()
    }
}

/// The sizes in an order that is another one each time.
fn shuffled() -> Vec<usize> {
    let mut random: u64 = UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into();
    let mut all: Vec<usize> = SIZES.collect();
    for i in (1..all.len()).rev() {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        all.swap(i, (random >> 33) as usize % (i + 1));
    }
    println!("in this order: {all:?}");
    all
}

#[test]
fn structures_of_all_sizes() {
    let functions: String = SIZES.map(|n| format!("F({n})\n")).collect();
    let library = library(&cc(), &[], "one_cache", &format!("{C}{functions}"));
    let (order, mut object) = (shuffled(), Guarded::new());
    let mut wrong = Vec::new();
    for mut invokers in [invokers(), invokers().without_stubs()] {
        for n in &order {
            let array = Type::array(&Type::I8, *n as u64).unwrap();
            let sig = FnSig::new([Type::I64, record(&[array])], Type::I32);
            let bytes: Vec<i8> = (-100..100).cycle().skip(n % 97).take(*n).collect();
            let add = |h: i32, byte: &i8| h.wrapping_mul(31).wrapping_add((*byte).into());
            let expected = bytes.iter().fold(5, add);
            let (h, mut result) = (5_i64, 0_i32);
            let args = [(&raw const h).cast(), object.put(&bytes)];
            let code = library.symbol(&format!("f{n}")).unwrap();
            let invoker = invokers.get(&sig).unwrap();
            // SAFETY: a function of this signature, with objects of its types.
            unsafe { invoker.call(code.cast(), &args, (&raw mut result).cast()) };
            if result != expected {
                wrong.push(*n);
            }
        }
    }
    let n = wrong.len();
    assert!(wrong.is_empty(), "{n} of {}: {wrong:?}", 2 * order.len());
}
