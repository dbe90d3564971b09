//! Many rounds, and copies of lists. Functions, data and symbols across definitions, what compiled code calls unasked, and code that is given as bytes are lines of `uses`; calls of
//! each kind under every setting are the suite `interop`'s and [`unwind`](crate::unwind)'s.

use crate::common::*;

/// New code calls that of the round before, pages away from the first.
#[test]
fn further_rounds_leave_earlier_code_where_it_is() {
    type Next = extern "C" fn() -> c_int;
    let mut engine = engine();
    let text = "function %next0() -> i32 system_v {\nblock0:\n v0 = iconst.i32 1\n return v0\n}";
    program(&mut engine, text).unwrap();
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
        program(&mut engine, &text).unwrap();
        engine.finalize().unwrap();
    }
    // SAFETY: as above.
    let [same, last] = ["next0", "next200"].map(|name| unsafe { named::<Next>(&engine, name) });
    assert_eq!(*same as usize, *first as usize);
    assert_eq!(last(), 201);
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
