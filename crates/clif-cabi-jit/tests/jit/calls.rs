//! Functions, data and symbols across definitions and rounds: data with addresses, library routines, stubs. Calls of each kind under every setting are the suite
//! `interop`'s and [`unwind`](crate::unwind)'s.

use crate::common::*;

mod routines;
mod stubs;

/// Two integer results are passed as this struct.
#[repr(C)]
struct Pair(i64, i64);

#[test]
fn further_rounds_leave_earlier_code_where_it_is() {
    type Next = extern "C" fn() -> c_int;
    let mut engine = engine();
    let text = "function %next0() -> i32 system_v {\nblock0:\n v0 = iconst.i32 1\n return v0\n}";
    program(&mut engine, text);
    engine.finalize().unwrap();
    // SAFETY: `int(void)`, as those below.
    let first = unsafe { named::<Next>(&engine, "next0") };
    for round in 0..200 {
        let text = format!(
            "function %next{}() -> i32 system_v {{
                fn0 = colocated %next{round}() -> i32 system_v
            block0:
                v0 = call fn0()
                v1 = iconst.i32 1
                v2 = iadd v0, v1
                return v2
            }}",
            round + 1
        );
        program(&mut engine, &text);
        engine.finalize().unwrap();
    }
    // SAFETY: as above.
    let [same, last] = ["next0", "next200"].map(|name| unsafe { named::<Next>(&engine, name) });
    assert_eq!(*same as usize, *first as usize);
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
    let text = "function %ask(i32) -> i32 system_v {
            fn0 = %abs(i32) -> i32 system_v
        block0(v0: i32):
            v1 = call fn0(v0)
            return v1
        }";
    program(&mut engine, text);
    engine.finalize().unwrap();
    // SAFETY: an `int(int)`.
    let ask = unsafe { named::<extern "C" fn(c_int) -> c_int>(&engine, "ask") };
    assert_eq!(ask(-1), 42);
}

/// A weak import that is nowhere has address 0; one that is somewhere, or defined here, has its own.
#[test]
fn weak_imports_may_be_missing() {
    let mut engine = engine();
    let sig = signature("(i32) -> i32 system_v");
    for name in ["nowhere_to_be_found", "abs", "here"] {
        let declared = engine.declare_function(name, Linkage::Preemptible, &sig);
        declared.unwrap();
    }
    let text = "
        function %here(i32) -> i32 system_v {\nblock0(v0: i32):\n return v0\n}
        function %addresses(i64) system_v {
            sig0 = (i32) -> i32 system_v
            fn0 = %nowhere_to_be_found sig0
            fn1 = %abs sig0
            fn2 = %here sig0
        block0(v0: i64):
            v1 = func_addr.i64 fn0
            store v1, v0
            v2 = func_addr.i64 fn1
            store v2, v0+8
            v3 = func_addr.i64 fn2
            store v3, v0+16
            return
        }";
    program(&mut engine, text);
    engine.finalize().unwrap();
    let mut found = [1; 3];
    // SAFETY: it writes three pointers.
    unsafe { named::<unsafe extern "C" fn(*mut usize)>(&engine, "addresses")(found.as_mut_ptr()) };
    // SAFETY: only looked at.
    let here = unsafe { named::<extern "C" fn(c_int) -> c_int>(&engine, "here") };
    let abs = engine.symbol("abs").unwrap().addr();
    assert_eq!(found, [0, abs, *here as usize]);
}

/// `long even(long n)` and `odd` count each call, and return the other one's of `n - 1`. `apply(i, n)` is `table[i](n)`, and the address of the counter.
const RECURSION: &str = "
    function %NAME(i64) -> i64 system_v {
        gv0 = symbol colocated %calls
        fn0 = colocated %OTHER(i64) -> i64 system_v
    block0(v0: i64):
        v1 = symbol_value.i64 gv0
        v2 = load.i64 v1
        v3 = iconst.i64 1
        v4 = iadd v2, v3
        store v4, v1
        brif v0, block1, block2
    block1:
        v5 = isub v0, v3
        v6 = call fn0(v5)
        return v6
    block2:
        v7 = iconst.i64 AT_ZERO
        return v7
    }";
const APPLY: &str = "
    function %apply(i64, i64) -> i64, i64 system_v {
        gv0 = symbol colocated %table
        sig0 = (i64) -> i64 system_v
    block0(v0: i64, v1: i64):
        v2 = symbol_value.i64 gv0
        v3 = iconst.i64 3
        v4 = ishl v0, v3
        v5 = iadd v2, v4
        v6 = load.i64 v5
        v7 = call_indirect sig0, v6(v1)
        v8 = load.i64 v2+16
        return v7, v8
    }";

#[test]
fn mutual_recursion_and_data_cross_the_definitions() {
    let mut engine = engine();
    let [calls, table] = [("calls", true), ("table", false)].map(|(name, writable)| {
        let declared = engine.declare_data(name, Linkage::Local, writable, false);
        declared.unwrap()
    });
    let mut counter = DataDescription::new();
    counter.define_zeroinit(8);
    engine.define_data(calls, &counter).unwrap();
    let recursion = |[name, other, at_zero]: [&str; 3]| {
        let text = RECURSION.replace("NAME", name).replace("OTHER", other);
        text.replace("AT_ZERO", at_zero)
    };
    let all = [["even", "odd", "1"], ["odd", "even", "0"]].map(recursion);
    program(&mut engine, &(all.concat() + APPLY));
    // Constants with addresses in them: a function of the module, one of C, the counter.
    let labs = import(&mut engine, "labs", "(i64) -> i64 system_v");
    let Some(FuncOrDataId::Func(even)) = engine.get_name("even") else {
        unreachable!()
    };
    let mut addresses = DataDescription::new();
    addresses.define([0; 24].into());
    for (offset, func) in [(0, even), (8, labs)] {
        let func = engine.declare_func_in_data(func, &mut addresses);
        addresses.write_function_addr(offset, func);
    }
    let object = engine.declare_data_in_data(calls, &mut addresses);
    addresses.write_data_addr(16, object, 0);
    engine.define_data(table, &addresses).unwrap();
    engine.finalize().unwrap();
    // SAFETY: compiled so.
    let apply = unsafe { named::<extern "C" fn(i64, i64) -> Pair>(&engine, "apply") };
    assert_eq!(apply(0, 10).0, 1);
    assert_eq!(apply(0, 7).0, 0);
    assert_eq!(apply(1, -7).0, 7);
    let counter =
        core::ptr::with_exposed_provenance::<i64>(usize::try_from(apply(1, 0).1).unwrap());
    // SAFETY: the address of the counter; 11 calls for 10, 8 for 7.
    assert_eq!(unsafe { *counter }, 19);
}

/// `long own(int, ...)`: the first two words of its list, and the first of a copy that was made before.
#[test]
fn a_copy_of_a_list_goes_on_by_itself() {
    let mut engine = engine();
    let lower = Lowering::new(engine.isa()).unwrap();
    let sig = FnSig::new([Type::I32], Type::I64).variadic();
    let own = exported(
        &mut engine,
        &lower,
        "own",
        &sig,
        |engine, builder, entry| {
            let [list, copy] = [0; 2].map(|_| {
                let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 32, 3);
                let slot = builder.create_sized_stack_slot(slot);
                builder.ins().stack_addr(I64, slot, 0)
            });
            entry.va_start(builder, list).unwrap();
            lower.va_copy(builder, copy, list, &sig).unwrap();
            let mut words = builder.ins().iconst(I64, 0);
            for from in [list, list, copy] {
                let at = lower.va_arg(builder, from, &sig, &Type::I64).unwrap();
                let word = builder.ins().load(I64, MemFlagsData::new(), at, 0);
                words = builder.ins().imul_imm_s(words, 10);
                words = builder.ins().iadd(words, word);
            }
            let words = Arg::value(words);
            entry.ret(engine, builder, Some(&words)).unwrap();
        },
    );
    engine.finalize().unwrap();
    type Own = unsafe extern "C" fn(c_int, ...) -> i64;
    // SAFETY: compiled so, and passed two words.
    let words = unsafe { function::<Own>(&engine, own.id)(0, 1_i64, 2_i64) };
    assert_eq!(words, 121);
}
