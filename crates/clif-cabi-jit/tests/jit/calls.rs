//! Copies of lists. Functions, data and symbols across definitions, what compiled code calls unasked, and code that is given as bytes are lines of `uses`; calls of
//! each kind under every setting are the suite `interop`'s and [`unwind`](crate::unwind)'s.

use crate::common::*;

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
