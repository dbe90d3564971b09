//! Data objects with addresses in them.

use clif_cabi_jit::cranelift_module::{DataDescription, Linkage, Module};

use super::common::{add, define, engine, function, import, signature};

/// `long f(long n)`: counts the call, and returns `other(n - 1)`, or `at_zero`.
fn counting(calls: u32, other: u32, at_zero: i64) -> String {
    format!(
        "function %f(i64) -> i64 system_v {{
            gv0 = symbol colocated u1:{calls}
            sig0 = (i64) -> i64 system_v
            fn0 = colocated u0:{other} sig0
        block0(v0: i64):
            v1 = symbol_value.i64 gv0
            v2 = load.i64 v1
            v52 = iconst.i64 1
            v3 = iadd v2, v52
            store v3, v1
            brif v0, block1, block2
        block1:
            v53 = iconst.i64 -1
            v4 = iadd v0, v53
            v5 = call fn0(v4)
            return v5
        block2:
            v6 = iconst.i64 {at_zero}
            return v6
        }}"
    )
}

/// `long apply(i, n) { return table[i](n); }`, and the address of the counter.
fn applying(table: u32) -> String {
    format!(
        "function %apply(i64, i64) -> i64, i64 system_v {{
            gv0 = symbol colocated u1:{table}
            sig0 = (i64) -> i64 system_v
        block0(v0: i64, v1: i64):
            v2 = symbol_value.i64 gv0
            v54 = iconst.i64 3
            v3 = ishl v0, v54
            v4 = iadd v2, v3
            v5 = load.i64 v4
            v6 = call_indirect sig0, v5(v1)
            v7 = load.i64 v2+16
            return v6, v7
        }}"
    )
}

#[test]
fn mutual_recursion_and_data_cross_the_definitions() {
    let mut engine = engine();
    let sig = signature("(i64) -> i64 system_v");
    let even = engine.declare_export("even", &sig).unwrap();
    let odd = engine.declare_export("odd", &sig).unwrap();
    let calls = engine
        .declare_data("calls", Linkage::Local, true, false)
        .unwrap();
    let table = engine.declare_anonymous_data(false, false).unwrap();
    for (id, other, at_zero) in [(even, odd, 1), (odd, even, 0)] {
        let clif = counting(calls.as_u32(), other.as_u32(), at_zero);
        define(&mut engine, id, &clif).unwrap();
    }
    let mut counter = DataDescription::new();
    counter.define_zeroinit(8);
    engine.define_data(calls, &counter).unwrap();
    // Constants with addresses in them: a function of the module, one of C, the counter.
    let labs = import(&mut engine, "labs", "(i64) -> i64 system_v");
    let mut addresses = DataDescription::new();
    addresses.define([0; 24].into());
    for (offset, func) in [(0, even), (8, labs)] {
        let func = engine.declare_func_in_data(func, &mut addresses);
        addresses.write_function_addr(offset, func);
    }
    let object = engine.declare_data_in_data(calls, &mut addresses);
    addresses.write_data_addr(16, object, 0);
    engine.define_data(table, &addresses).unwrap();
    let apply = add(&mut engine, "apply", &applying(table.as_u32()));
    engine.finalize().unwrap();
    #[repr(C)]
    struct Answer(i64, *const i64);
    // SAFETY: two integer results are passed as this struct does.
    let apply = unsafe { function::<extern "C" fn(i64, i64) -> Answer>(&engine, apply) };
    assert_eq!(apply(0, 10).0, 1);
    assert_eq!(apply(0, 7).0, 0);
    assert_eq!(apply(1, -7).0, 7);
    // SAFETY: the address of the counter; 11 calls for 10, 8 for 7.
    assert_eq!(unsafe { *apply(1, 0).1 }, 19);
}
