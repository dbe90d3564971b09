//! Backtraces through JIT code, its stubs and closures: as many frames as the same calls have in C++.

use core::ffi::{c_int, c_void};

use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type, VectorLevel};
use clif_cabi_jit::clif_cabi::{Arg, Entry, Lowering, Ret};
use clif_cabi_jit::cranelift_codegen::ir::{
    InstBuilder, StackSlotData, StackSlotKind, Value,
    types::{I32, I64},
};
use clif_cabi_jit::cranelift_frontend::FunctionBuilder;
use clif_cabi_jit::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{Closures, Engine, Settings};

use crate::common::{aligned, exported};
use crate::cxx::{compilers, gxx};
use crate::kinds::{build, has_avx, symbol};

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

fn outer() -> FnSig {
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
    let chained = "chain that is pushed";
    // All registers of arguments are taken: a stub with a frame brings the chain.
    let floats = vec![Type::F64; 8];
    let ints = vec![Type::I64; 8];
    let full = [&[Type::FN_PTR, Type::I32][..], &ints, &floats].concat();
    let full = FnSig::new(full, Type::I32).static_chain(model);
    all.push((chained, define(engine, chained, &full, call_first), 2));
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

#[test]
fn a_backtrace_sees_every_frame_and_exceptions_pass_them() {
    for compiler in compilers() {
        let library = build("unwind_backtrace", &compiler);
        let mut engine = Engine::new(&Settings::default().personality(gxx())).unwrap();
        engine.add_library(&library);
        // SAFETY: as the C++ text declares them.
        let (frames_of, caught_of, in_cxx) = unsafe {
            let frames_of: extern "C" fn(Outer, c_int) -> c_int = symbol(&engine, "frames_of");
            let caught_of: extern "C" fn(Outer) -> c_int = symbol(&engine, "caught_of");
            let in_cxx: Outer = symbol(&engine, "nested");
            (frames_of, caught_of, in_cxx)
        };
        for own in nested(&mut engine) {
            let what = format!("{} {}", compiler.0, own.name);
            // `nested` calls itself one time less than it has frames.
            assert_eq!(
                frames_of(own.code, 0),
                frames_of(in_cxx, own.n_frames - 1),
                "{what}"
            );
            assert_eq!(caught_of(own.code), 1005, "{what}");
        }
        assert_ne!(frames_of(in_cxx, 0), frames_of(in_cxx, 1));

        let recursive = recursive(&mut engine);
        for n in [0, 1, 20] {
            assert_eq!(frames_of(recursive, n), frames_of(in_cxx, n));
        }
    }
}

/// Calls itself n times, then `g`.
fn recursive(engine: &mut Engine) -> Outer {
    let lower = Lowering::new(engine.isa()).unwrap();
    let own = lower.declare_export(engine, "recursive", &outer()).unwrap();
    let id = define(
        engine,
        "recursive",
        &outer(),
        |engine, builder, entry, lower| {
            let [g, n] = [0, 1].map(|i| entry.value(builder, i).unwrap());
            let [last, more, end] = [0; 3].map(|_| builder.create_block());
            let got = builder.append_block_param(end, I32);
            builder.ins().brif(n, more, &[], last, &[]);
            builder.switch_to_block(more);
            let one = builder.ins().iconst(I32, 1);
            let n = builder.ins().isub(n, one);
            let args = [g, n].map(Arg::value);
            let inner = lower
                .call(engine, builder, &own, &args, Ret::Value)
                .unwrap();
            builder.ins().jump(end, &[inner.value().unwrap().into()]);
            builder.switch_to_block(last);
            let inner = call_first(engine, builder, entry, lower);
            builder.ins().jump(end, &[inner.into()]);
            builder.switch_to_block(end);
            got
        },
    );
    engine.finalize().unwrap();
    let code = engine.code(id).unwrap();
    // SAFETY: `int (int (*)(), int)`.
    unsafe { core::mem::transmute(code.as_ptr()) }
}

/// A closure is called by two functions of the engine's, the stub with the chain having left the stack, and by functions of this crate.
#[test]
fn a_backtrace_sees_through_closures() {
    let Some(compiler) = compilers().pop() else {
        return;
    };
    let library = build("unwind_closures", &compiler);
    let mut engine = Engine::new(&Settings::default()).unwrap();
    engine.add_library(&library);
    // SAFETY: as the C++ text declares them.
    let (frames_of, frames) = unsafe {
        let frames_of: extern "C" fn(*const c_void, c_int) -> c_int = symbol(&engine, "frames_of");
        let frames: Inner = symbol(&engine, "frames");
        (frames_of, frames)
    };
    let closures = Closures::new(&Settings::default()).unwrap();
    let closure = closures
        .interface(&outer())
        .unwrap()
        .closure("counts", move |_, result| {
            result.set(frames()).unwrap();
        });
    let closure = closure.unwrap();
    assert!(
        frames_of(closure.code(), 0) > 3,
        "the frames of this crate's are an optimizer's to merge"
    );
}
