//! A front end that has signatures and classes of its own, and no C types: from a CLIF signature and the counts of registers it defines variadic
//! functions that gcc calls, and calls one of gcc's.

use clif_cabi_jit::Engine;
use clif_cabi_jit::clif_cabi::clif_cabi_plan::{NamedArguments, VaArgPlan, ValueType};
use clif_cabi_jit::clif_cabi::{Lowering, Step, Stub, Stubs};
use clif_cabi_jit::cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, types};
use clif_cabi_jit::cranelift_codegen::isa::CallConv;
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::{FuncId, Linkage, Module};

use super::common::{all_settings, function, library};
use super::emit::{Wrong, at, copy};
use super::kinds::Kind;
use super::random::{Call, Mode};
use super::va_list;

/// The classes of the eightbytes of a kind, as the psABI has them (3.2.3): I and S, V for a vector of two; none in memory.
fn classes(kind: &Kind) -> &'static str {
    match kind.c {
        "int" | "long" | "s_i" | "s_c3" | "s_al16" => "I",
        "double" | "cf" | "s_d" | "s_h" => "S",
        "i128" | "s_ll" => "II",
        "cd" | "s_dd" | "s_fff" | "s_h5" => "SS",
        "s_dl" => "SI",
        "s_ld" | "s_fih" => "IS",
        "v4f" | "s_v" => "V",
        "x87" | "cx" | "s_lll" | "s_c17" | "s_l9" | "s_x" | "s_mem16" | "s_al32" | "s_mem64" => "",
        c => panic!("{c} has no classes"),
    }
}

/// How one is fetched, if something of it is passed.
fn plan(lower: &Lowering, kind: &Kind) -> Option<VaArgPlan> {
    if kind.ty.size() == 0 {
        return None;
    }
    let part = |class| match class {
        'I' => ValueType::I64,
        'S' => ValueType::F64,
        _ => ValueType::I8X16,
    };
    let parts: Vec<ValueType> = classes(kind).chars().map(part).collect();
    let (size, align) = (kind.ty.size(), kind.ty.align());
    Some(VaArgPlan::of_parts(&parts, size, align, lower.target()).unwrap())
}

/// What `call` calls, as this front end compiles it: it counts integers and doubles itself. `None` for a call that it does not know.
pub(crate) fn by_hand(
    engine: &mut Engine,
    call: &Call,
    kinds: &[Kind],
    i: usize,
    wrong: Wrong,
) -> Option<FuncId> {
    let lower = Lowering::new(engine.isa()).unwrap();
    if call.mode != Mode::Own || call.sret {
        return None;
    }
    let plans = call.unnamed.iter().map(|kind| plan(&lower, &kinds[*kind]));
    let plans: Vec<Option<VaArgPlan>> = plans.collect();
    let (named, mut taken) = named(call, kinds)?;
    if wrong == Wrong::GpOffset {
        taken.int_registers += 1;
    }
    let own = lower.variadic_function(&named, taken).unwrap();
    let name = format!("front_end{i}");
    let linkage = Linkage::Export;
    let id = engine
        .declare_function(&name, linkage, own.signature())
        .unwrap();
    let mut ctx = engine.make_context();
    ctx.func.signature = own.signature().clone();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let seen = builder.block_params(block)[0];
    for j in 0..call.named.len() {
        let value = builder.block_params(block)[j + 1];
        let to = at(&mut builder, seen, j);
        builder.ins().store(MemFlagsData::new(), value, to, 0);
    }
    let list = va_list(&mut builder);
    own.va_start(&mut builder, block, list).unwrap();
    for (j, plan) in plans.iter().enumerate() {
        let Some(plan) = plan else { continue };
        let from = lower.va_arg_planned(&mut builder, list, plan).unwrap();
        let to = at(&mut builder, seen, call.named.len() + j);
        copy(&mut builder, from, to, plan.size);
    }
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(id, &mut ctx).unwrap();
    Some(id)
}

/// The parameters before the unnamed ones, and what they take.
fn named(call: &Call, kinds: &[Kind]) -> Option<(Signature, NamedArguments)> {
    let mut named = Signature::new(CallConv::SystemV);
    named.params.push(AbiParam::new(types::I64));
    let mut taken = NamedArguments {
        int_registers: 1,
        ..NamedArguments::default()
    };
    for kind in &call.named {
        let (ty, n, all) = match kinds[*kind].c {
            "int" => (types::I32, &mut taken.int_registers, 6),
            "double" => (types::F64, &mut taken.vector_registers, 8),
            _ => return None,
        };
        named.params.push(AbiParam::new(ty));
        match *n < all {
            true => *n += 1,
            false => taken.area_bytes += 8,
        }
    }
    Some((named, taken))
}

/// `double f(void)` calls gcc's `sum(2, 1.5, 2.25)` by a stub that sets AL to `n`.
fn calls_sum(engine: &mut Engine, n: u8) -> FuncId {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = [types::I32, types::F64, types::F64]
        .map(AbiParam::new)
        .to_vec();
    signature.returns.push(AbiParam::new(types::F64));
    let sum = engine.declare_import("sum", &signature).unwrap();
    let mut ctx = engine.make_context();
    ctx.func.signature.returns.push(AbiParam::new(types::F64));
    let id = engine
        .declare_export(&format!("calls_sum{n}"), &ctx.func.signature)
        .unwrap();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let block = builder.create_block();
    builder.switch_to_block(block);
    let count = builder.ins().iconst(types::I32, 2);
    let [a, b] = [1.5, 2.25].map(|x| builder.ins().f64const(x));
    let signature = builder.import_signature(signature);
    let stub = Stub::new(&[Step::SetAl(n), Step::Jump(sum.as_u32())]).unwrap();
    let stub = engine.stub(stub, signature, builder.func).unwrap();
    let call = builder.ins().call(stub, &[count, a, b]);
    let result = builder.inst_results(call)[0];
    builder.ins().return_(&[result]);
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(id, &mut ctx).unwrap();
    id
}

#[test]
fn a_call_by_hand_sets_al() {
    let library = library(
        "gcc",
        &[],
        "variadic_al",
        r"
        #include <stdarg.h>
        double sum(int n, ...)
        {
            va_list list;
            double sum = 0;
            va_start(list, n);
            while (n--)
                sum += va_arg(list, double);
            va_end(list);
            return sum;
        }
        ",
    );
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        engine.add_library(&library);
        // With none counted gcc's function saves none, and finds what was on the stack.
        let ids = [2, 0].map(|n| calls_sum(&mut engine, n));
        engine.finalize().unwrap();
        let [right, wrong] = ids.map(|id| {
            // SAFETY: compiled as `double f(void)`.
            let f = unsafe { function::<extern "C" fn() -> f64>(&engine, id) };
            f().to_bits()
        });
        assert_eq!(right, 3.75_f64.to_bits());
        assert_ne!(wrong, right);
    }
}
