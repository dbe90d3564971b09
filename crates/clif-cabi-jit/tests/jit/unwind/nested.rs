//! Each way in which C++ calls a function of ours, and ours calls C++: to be thrown through, and to
//! be stepped through (`step`).

use super::kinds::has_avx;
use clif_cabi_jit::symbol_at;

use crate::common::*;

pub(crate) type InnerFn = extern "C-unwind" fn() -> c_int;
/// `int f(int (*g)(), int)`, which calls `g`.
pub(crate) type Outer = unsafe extern "C-unwind" fn(InnerFn, c_int) -> c_int;

/// Returns the signatures of these functions, by their names. Arguments after the first two are not
/// looked at.
fn signatures(model: &DataModel) -> Vec<(&'static str, FnSig)> {
    let outer = |more: Vec<Type>| {
        let params = [vec![Type::FN_PTR, Type::I32], more].concat();
        FnSig::new(params, Type::I32)
    };
    let chained = |ints: usize, floats: usize| {
        let more = [vec![Type::I64; ints], vec![Type::F64; floats]].concat();
        outer(more).static_chain(model)
    };
    // Arguments take the registers of integers, then those of floats too, and then the stack. A
    // stub brings the chain in a vector register, or on the stack.
    let n_free = match (cfg!(windows), cfg!(target_arch = "x86_64")) {
        (true, _) => 2,
        (_, true) => 4,
        _ => 6,
    };
    let mut list = vec![
        ("plain", outer(vec![])),
        ("chain", chained(0, 0)),
        ("chain in a vector", chained(n_free, 0)),
        ("chain that is pushed", chained(n_free, 8)),
        ("chain before an area", chained(n_free + 2, 8)),
        ("calls_aligned", outer(vec![])),
    ];
    if cfg!(target_arch = "x86_64") {
        // No other machine has callers that align the stack to less.
        list.push(("low_stack", outer(vec![]).incoming_stack_align(8)));
    }
    if has_avx() {
        let v4 = Type::vector(&Type::F64, 4).unwrap();
        list.push(("has_vector", outer(vec![v4]).features(VectorLevel::Avx)));
    }
    list
}

/// Defines these functions, finalized in an engine that has the C++ library. Their stubs and bodies
/// have their names.
pub(crate) fn nested(engine: &mut Engine) -> Vec<(&'static str, Outer)> {
    let lower = Lowering::new(engine.isa()).unwrap();
    let model = lower.target().data_model();
    let mut functions = Vec::new();
    for (name, sig) in signatures(model) {
        let function = exported(engine, name, &sig, |lower, engine, builder, entry| {
            let g = entry.value(builder, 0).unwrap();
            let result = match name {
                "calls_aligned" => with_wide(engine, builder, lower, g),
                _ => {
                    let sig = FnSig::new([], Type::I32);
                    lower.call_sig(engine, builder, g, &sig, &[], Ret::Value)
                }
            };
            let result = result.unwrap().value().map(Arg::value);
            entry.ret(engine, builder, result.as_ref()).unwrap();
        });
        functions.push((name, function));
    }
    engine.finalize().unwrap();
    let callable = |(name, function): (_, clif_cabi_jit::clif_cabi::Function)| {
        for id in [function.id, function.body] {
            // SAFETY: only looked at.
            let start = unsafe { engine.code(id).unwrap().as_ptr() };
            assert_eq!(symbol_at(start.cast()).unwrap().name, name);
        }
        (name, callable(engine, name, function.id))
    };
    functions.into_iter().map(callable).collect()
}

/// Returns the function `id`, as C++ calls it.
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
    lower: &Lowering,
    g: Value,
) -> core::result::Result<CallResult, LowerError> {
    let wide = aligned(Type::array(&Type::I64, 8).unwrap(), 64);
    let sig = FnSig::new([wide, Type::FN_PTR], Type::I32);
    let takes = lower.declare_import(engine, "takes_wide", &sig)?;
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 64, 4);
    let slot = builder.create_sized_stack_slot(slot);
    let slot = builder.ins().stack_addr(I64, slot, 0);
    let args = [Arg::memory(slot), Arg::value(g)];
    lower.call(engine, builder, &takes, &args, Ret::Value)
}

/// Exceptions pass functions of each signature, and their stubs. Elsewhere `step` has them too.
#[cfg(windows)]
#[test]
fn exceptions_pass_functions_that_cxx_calls() {
    for (_, library) in super::kinds::libraries("") {
        for settings in all_settings() {
            let mut engine = Engine::new(&settings).unwrap();
            engine.add_library(&library);
            let outer = nested(&mut engine);
            // SAFETY: as the C++ text declares it.
            let caught_of: extern "C" fn(Outer) -> c_int = unsafe { symbol(&engine, "caught_of") };
            for (name, code) in outer {
                assert_eq!(caught_of(code), 1005, "{name}");
            }
        }
    }
}
