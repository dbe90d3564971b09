//! Calls under every setting: direct, indirect and extern; data, library routines, stubs, several rounds.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(has_engine)]

#[path = "../common/mod.rs"]
mod common;
mod data;
mod routines;
mod stubs;

use std::ffi::c_int;

use clif_cabi_jit::cranelift_module::{FuncId, Linkage, Module};

use clif_cabi_jit::Engine;
use common::{add, all_settings, define, engine, function, import, signature};

#[test]
fn direct_indirect_and_extern_calls_agree() {
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        let labs = import(&mut engine, "labs", "(i64) -> i64 system_v");
        assert_eq!(labs.as_u32(), 0);
        // An import, called as such and by its address; then a function of the module, directly and by its address.
        add(
            &mut engine,
            "by_import",
            "function %f(i64) -> i64, i64 system_v {
                sig0 = (i64) -> i64 system_v
                fn0 = u0:0 sig0
            block0(v0: i64):
                v1 = call fn0(v0)
                v2 = func_addr.i64 fn0
                v3 = call_indirect sig0, v2(v0)
                return v1, v3
            }",
        );
        let by_both = add(
            &mut engine,
            "by_both",
            "function %f(i64) -> i64, i64 system_v {
                sig0 = (i64) -> i64, i64 system_v
                fn0 = colocated u0:1 sig0
            block0(v0: i64):
                v1, v2 = call fn0(v0)
                v3 = func_addr.i64 fn0
                v4, v5 = call_indirect sig0, v3(v0)
                v6 = iadd v1, v4
                v7 = iadd v2, v5
                return v6, v7
            }",
        );
        engine.finalize().unwrap();
        #[repr(C)]
        struct Pair(i64, i64);
        // SAFETY: two integer results are passed as this struct does.
        let by_both = unsafe { function::<extern "C" fn(i64) -> Pair>(&engine, by_both) };
        let Pair(a, b) = by_both(-21);
        assert_eq!((a, b), (42, 42));
    }
}

#[test]
fn further_rounds_leave_earlier_code_where_it_is() {
    let mut engine = engine();
    let one = add(
        &mut engine,
        "one",
        "function %one() -> i32 system_v {\nblock0:\n v0 = iconst.i32 1\n return v0\n}",
    );
    engine.finalize().unwrap();
    // SAFETY: the code outlives both uses of the pointer.
    let first = unsafe { engine.code(one).unwrap().as_ptr() };
    let mut last = one;
    for round in 0..200u32 {
        let clif = format!(
            "function %next() -> i32 system_v {{
                sig0 = () -> i32 system_v
                fn0 = colocated u0:{} sig0
            block0:
                v0 = call fn0()
                v51 = iconst.i32 1
                v1 = iadd v0, v51
                return v1
            }}",
            last.as_u32()
        );
        last = add(&mut engine, &format!("next{round}"), &clif);
        engine.finalize().unwrap();
    }
    // SAFETY: as above.
    assert_eq!(unsafe { engine.code(one).unwrap().as_ptr() }, first);
    // SAFETY: an `int(void)`.
    let last = unsafe { function::<extern "C" fn() -> c_int>(&engine, last) };
    assert_eq!(last(), 201);
}

#[test]
fn bound_names_come_first() {
    extern "C" fn forty_two(_: c_int) -> c_int {
        42
    }
    let mut engine = engine();
    let address = forty_two as extern "C" fn(c_int) -> c_int;
    engine.bind("abs", address as *const u8).unwrap();
    import(&mut engine, "abs", "(i32) -> i32 system_v");
    let ask = add(
        &mut engine,
        "ask",
        "function %ask(i32) -> i32 system_v {
            sig0 = (i32) -> i32 system_v
            fn0 = u0:0 sig0
        block0(v0: i32):
            v1 = call fn0(v0)
            return v1
        }",
    );
    engine.finalize().unwrap();
    // SAFETY: an `int(int)`.
    let ask = unsafe { function::<extern "C" fn(c_int) -> c_int>(&engine, ask) };
    assert_eq!(ask(-1), 42);
}

/// A weak import that is nowhere has address 0; one that is somewhere, or defined here, has its own.
#[test]
fn weak_imports_may_be_missing() {
    let mut engine = engine();
    let sig = signature("(i32) -> i32 system_v");
    for name in ["nowhere_to_be_found", "abs", "here"] {
        engine
            .declare_function(name, Linkage::Preemptible, &sig)
            .unwrap();
    }
    define(
        &mut engine,
        FuncId::from_u32(2),
        "function %here(i32) -> i32 system_v {\nblock0(v0: i32):\n return v0\n}",
    )
    .unwrap();
    let addresses = add(
        &mut engine,
        "addresses",
        "function %addresses(i64) system_v {
            sig0 = (i32) -> i32 system_v
            fn0 = u0:0 sig0
            fn1 = u0:1 sig0
            fn2 = u0:2 sig0
        block0(v0: i64):
            v1 = func_addr.i64 fn0
            store v1, v0
            v2 = func_addr.i64 fn1
            store v2, v0+8
            v3 = func_addr.i64 fn2
            store v3, v0+16
            return
        }",
    );
    engine.finalize().unwrap();
    // SAFETY: it writes three pointers.
    let addresses = unsafe { function::<unsafe extern "C" fn(*mut usize)>(&engine, addresses) };
    let mut found = [1; 3];
    // SAFETY: three pointers fit.
    unsafe { addresses(found.as_mut_ptr()) };
    let here = engine.code(FuncId::from_u32(2)).unwrap();
    // SAFETY: only looked at.
    let here = unsafe { here.as_ptr() }.addr();
    assert_eq!(found, [0, engine.symbol("abs").unwrap().addr(), here]);
}
