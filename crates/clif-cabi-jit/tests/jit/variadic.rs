//! A front end that has signatures and classes of its own, and no C types: from a CLIF signature
//! and the counts of registers it defines the variadic functions that C types give, instruction by
//! instruction. The suite `interop` shows that those read the arguments of C's callers. Where named
//! arguments are on the stack, which the two declare differently, Rust calls one.

use clif_cabi_jit::clif_cabi::clif_cabi_plan::{NamedArguments, VaArgPlan, ValueType};
use clif_cabi_jit::cranelift_codegen::isa::CallConv;

use crate::common::*;

/// Types of unnamed arguments, and the types of their eightbytes, as the psABI classes them
/// (3.2.3); none in memory.
fn unnamed() -> [(Type, &'static [ValueType]); 9] {
    use ValueType::{F64, I8X16, I64};
    [
        (Type::I64, &[I64]),
        (Type::F64, &[F64]),
        (record(&[Type::F64, Type::I64]), &[F64, I64]),
        (record(&[Type::I64, Type::F64]), &[I64, F64]),
        (record(&[Type::I64, Type::I64, Type::I64]), &[]),
        (Type::F80, &[]),
        (record(&[Type::I64, Type::I64]), &[I64, I64]),
        (record(&[Type::F64, Type::F64]), &[F64, F64]),
        (Type::vector(&Type::F32, 4).unwrap(), &[I8X16]),
    ]
}

/// The address of a `va_list`.
fn va_list(builder: &mut FunctionBuilder<'_>) -> Value {
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 24, 3);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(types::I64, slot, 0)
}

/// A `long` function of so many named `long`s, and `double`s after them, that fetches each unnamed argument once and returns the first one: with the counts of this front end, which
/// has so many integers and vectors too many: `late`.
fn by_hand(engine: &Engine, longs: u8, doubles: u8, late: [u8; 2]) -> Function {
    let lower = Lowering::new(engine.isa()).unwrap();
    let mut named = Signature::new(CallConv::SystemV);
    let all = [(types::I64, longs), (types::F64, doubles)];
    let all = all.map(|(ty, n)| vec![AbiParam::new(ty); n.into()]);
    named.params = all.concat();
    named.returns.push(AbiParam::new(types::I64));
    let on_stack = longs.saturating_sub(6) + doubles.saturating_sub(8);
    let taken = NamedArguments {
        int_registers: longs.min(6) + late[0],
        vector_registers: doubles.min(8) + late[1],
        area_bytes: 8 * u32::from(on_stack),
    };
    let own = lower.variadic_function(&named, taken).unwrap();
    let (mut func, mut fn_ctx) = (Function::new(), FunctionBuilderContext::new());
    func.signature = own.signature().clone();
    let mut builder = FunctionBuilder::new(&mut func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let list = va_list(&mut builder);
    own.va_start(&mut builder, block, list).unwrap();
    let fetched = unnamed().map(|(ty, parts)| {
        let plan = VaArgPlan::of_parts(parts, ty.size(), ty.align(), lower.target());
        let at = lower.va_arg_planned(&mut builder, list, &plan.unwrap());
        at.unwrap()
    });
    let flags = MemFlagsData::new();
    let first = builder.ins().load(types::I64, flags, fetched[0], 0);
    builder.ins().return_(&[first]);
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    func
}

/// The function of C's signature.
fn by_types(engine: &mut Engine, longs: u8, doubles: u8) -> Function {
    let lower = Lowering::new(engine.isa()).unwrap();
    let all = [(Type::I64, longs), (Type::F64, doubles)];
    let all = all.map(|(ty, n)| vec![ty; n.into()]).concat();
    let sig = FnSig::new(all, Type::I64).variadic();
    let (mut func, mut fn_ctx) = (Function::new(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, &sig).unwrap();
    let list = va_list(&mut builder);
    entry.va_start(&mut builder, list).unwrap();
    let fetched = unnamed().map(|(ty, _)| lower.va_arg(&mut builder, list, &sig, &ty).unwrap());
    let flags = MemFlagsData::new();
    let first = Arg::value(builder.ins().load(types::I64, flags, fetched[0], 0));
    entry.ret(engine, &mut builder, Some(&first)).unwrap();
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    func
}

#[test]
fn functions_of_own_signatures_are_those_of_c_types() {
    let mut engine = engine();
    for (longs, doubles) in (0..7).flat_map(|longs| [0, 3, 8].map(|doubles| (longs, doubles))) {
        let wanted = by_types(&mut engine, longs, doubles).to_string();
        let own = by_hand(&engine, longs, doubles, [0, 0]).to_string();
        assert_eq!(own, wanted, "{longs} {doubles}");
        // The controls: lists that start after the first of the registers that are left.
        for (late, is_left) in [([1, 0], longs < 6), ([0, 1], doubles < 8)] {
            if is_left {
                let late = by_hand(&engine, longs, doubles, late).to_string();
                assert_ne!(late, wanted, "{longs} {doubles}");
            }
        }
    }
}

#[test]
fn the_list_starts_after_named_arguments_on_the_stack() {
    type Stacked = unsafe extern "C" fn(i64, i64, i64, i64, i64, i64, i64, i64, f64, ...) -> i64;
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        let mut ctx = engine.make_context();
        ctx.func = by_hand(&engine, 8, 1, [0, 0]);
        let id = engine.declare_local(&ctx.func.signature).unwrap();
        engine.define(id, &mut ctx).unwrap();
        engine.finalize().unwrap();
        // SAFETY: compiled so; where what it fetches after the first argument was not passed, it only computes where it would be, or copies bytes of the stack.
        let first =
            unsafe { function::<Stacked>(&engine, id)(1, 2, 3, 4, 5, 6, 7, 8, 9.5, 77_i64) };
        assert_eq!(first, 77, "{settings:?}");
    }
}
