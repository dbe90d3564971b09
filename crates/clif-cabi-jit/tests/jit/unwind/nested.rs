//! Each way in which C++ calls a function of ours, and ours calls C++, with the frames that this takes: for backtraces (`names`), and to be stepped through (`step`).

use super::kinds::has_avx;

use crate::common::*;

pub(crate) type Inner = extern "C-unwind" fn() -> c_int;
pub(crate) type Outer = unsafe extern "C-unwind" fn(Inner, c_int) -> c_int;

/// A function of ours that C++ calls as an [`Outer`], and how many frames it and what it calls have.
pub(crate) struct Nested {
    pub(crate) name: &'static str,
    pub(crate) code: Outer,
    pub(crate) n_frames: c_int,
}

fn define(
    engine: &mut Engine,
    name: &str,
    sig: &FnSig,
    body: impl FnOnce(&mut Engine, &mut FunctionBuilder<'_>, &Entry, &Lowering) -> Value,
) -> FuncId {
    let lower = Lowering::new(engine.isa()).unwrap();
    let function = exported(engine, &lower, name, sig, |engine, builder, entry| {
        let got = body(engine, builder, &entry, &lower);
        entry.ret(engine, builder, Some(&Arg::value(got))).unwrap();
    });
    function.id
}

/// Calls the first argument.
fn call_first(
    engine: &mut Engine,
    builder: &mut FunctionBuilder<'_>,
    entry: &Entry,
    lower: &Lowering,
) -> Value {
    let g = entry.value(builder, 0).unwrap();
    let sig = FnSig::new([], Type::I32);
    let got = lower.call_sig(engine, builder, g, &sig, &[], Ret::Value);
    got.unwrap().value().unwrap()
}

pub(crate) fn outer() -> FnSig {
    FnSig::new([Type::FN_PTR, Type::I32], Type::I32)
}

/// Each way in which a function of ours is entered or calls, finalized in an engine that has the C++ library.
pub(crate) fn nested(engine: &mut Engine) -> Vec<Nested> {
    let mut all = vec![("plain", define(engine, "plain", &outer(), call_first), 1)];
    if cfg!(target_arch = "x86_64") {
        // No other machine has callers that align the stack to less.
        let low = outer().incoming_stack_align(8);
        all.push((
            "low_stack",
            define(engine, "low_stack", &low, call_first),
            2,
        ));
    }
    let model = Lowering::new(engine.isa()).unwrap();
    let model = model.target().data_model();
    let chain = outer().static_chain(model);
    all.push(("chain", define(engine, "chain", &chain, call_first), 1));
    // With registers of integers taken, with those of floats too, and with arguments on the stack: a stub brings the chain in a vector register, or on the stack.
    let n_free = if cfg!(target_arch = "x86_64") { 4 } else { 6 };
    for (chained, ints, floats, n_frames) in [
        ("chain in a vector", n_free, 0, 1),
        ("chain that is pushed", n_free, 8, 2),
        ("chain before an area", n_free + 2, 8, 2),
    ] {
        let [ints, floats] = [vec![Type::I64; ints], vec![Type::F64; floats]];
        let full = [&[Type::FN_PTR, Type::I32][..], &ints, &floats].concat();
        let full = FnSig::new(full, Type::I32).static_chain(model);
        all.push((
            chained,
            define(engine, chained, &full, call_first),
            n_frames,
        ));
    }
    all.push((
        "calls_aligned",
        define(engine, "calls_aligned", &outer(), with_wide),
        if cfg!(target_arch = "x86_64") { 3 } else { 2 },
    ));
    if has_avx() {
        let v4 = Type::vector(&Type::F64, 4).unwrap();
        let sig = FnSig::new([Type::FN_PTR, Type::I32, v4], Type::I32).features(VectorLevel::Avx);
        // And the C++ function that calls it so.
        all.push((
            "has_vector",
            define(engine, "has_vector", &sig, call_first),
            3,
        ));
    }
    engine.finalize().unwrap();
    all.into_iter()
        .map(|(name, id, n_frames)| Nested {
            name,
            code: callable(engine, name, id),
            n_frames,
        })
        .collect()
}

/// The function `id`, as C++ calls it.
fn callable(engine: &Engine, name: &str, id: FuncId) -> Outer {
    // SAFETY: `int (int (*)(), int)`; or called with more arguments, whose values do not matter.
    let code: Outer = unsafe { core::mem::transmute(engine.code(id).unwrap().as_ptr()) };
    if name != "has_vector" {
        return code;
    }
    // SAFETY: as the C++ text declares them.
    unsafe {
        let set: extern "C" fn(Outer) = symbol(engine, "set_with_vector");
        set(code);
        symbol(engine, "call_with_vector")
    }
}

/// Calls `takes_wide(wide, g)`.
fn with_wide(
    engine: &mut Engine,
    builder: &mut FunctionBuilder<'_>,
    entry: &Entry,
    lower: &Lowering,
) -> Value {
    let wide = aligned(Type::array(&Type::I64, 8).unwrap(), 64);
    let sig = FnSig::new([wide, Type::FN_PTR], Type::I32);
    let takes = lower.declare_import(engine, "takes_wide", &sig).unwrap();
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 64, 4);
    let slot = builder.create_sized_stack_slot(slot);
    let slot = builder.ins().stack_addr(I64, slot, 0);
    let g = entry.value(builder, 0).unwrap();
    let args = [Arg::memory(slot), Arg::value(g)];
    let got = lower.call(engine, builder, &takes, &args, Ret::Value);
    got.unwrap().value().unwrap()
}
