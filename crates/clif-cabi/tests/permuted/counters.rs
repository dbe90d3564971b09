//! A `va_list` whose counters are 8 bytes and count registers, and whose values are at the ends of
//! their slots: that of s390x, read on this machine as gcc 12.2 compiles `va_arg` there.

use clif_cabi::cabi::{FnSig, Target, Type};
use clif_cabi_plan::{VaArgPlan, VaPlace};

use super::jit::Jit;

/// The plan of one value in integer registers: where the register of count 0 has it, and how many
/// bytes of the argument area are before it.
fn plan(ty: &Type, at: u32, before: u32) -> VaArgPlan {
    let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    let mut plan = VaArgPlan::new(&printf, ty, &Target::X86_64_LINUX).unwrap();
    (plan.list_overflow, plan.list_bytes, plan.overflow_before) = (16, 32, before);
    let VaPlace::Registers { takes, parts } = &mut plan.place else {
        panic!("{ty} is in registers");
    };
    for (takes, part) in takes.iter_mut().zip(parts) {
        let counter = &mut takes.counter;
        (counter.at, counter.base, counter.bytes, counter.unit) = (0, 24, 8, 8);
        (takes.last, takes.n) = (4, 1);
        (part.counter, part.at) = (*counter, at);
    }
    plan
}

#[test]
fn counters_of_registers() {
    // gcc: `aghi %r1,20` and `aghik %r1,%r4,4` for `int`.
    for (ty, at, before) in [(Type::I32, 20, 4), (Type::I64, 16, 0)] {
        let plan = plan(&ty, at, before);
        let mut jit = Jit::new("speed", &[]);
        let fetch = jit.declare("fetch", &FnSig::new([Type::PTR], Type::PTR));
        jit.define(&fetch, |lower, module, builder, entry| {
            let list = entry.value(builder, 0).unwrap();
            let address = lower.va_arg_planned(builder, list, &plan).unwrap();
            let address = clif_cabi::Arg::value(address);
            entry.ret(module, builder, Some(&address)).unwrap();
        });
        let code = jit.code(fetch.body);
        // SAFETY: defined so; it reads and writes the list alone.
        let fetch: extern "C" fn(*mut u64) -> u64 = unsafe { std::mem::transmute(code) };
        for count in 0..8 {
            let (area, saved) = (0x1000, 0x2000);
            let mut list = [count, 7, area, saved];
            let found = fetch(list.as_mut_ptr());
            let (expected, after) = match count <= 4 {
                true => (
                    saved + 8 * count + u64::from(at),
                    [count + 1, 7, area, saved],
                ),
                false => (area + u64::from(before), [count, 7, area + 8, saved]),
            };
            assert_eq!((found, list), (expected, after), "{ty} {count}");
        }
    }
}
