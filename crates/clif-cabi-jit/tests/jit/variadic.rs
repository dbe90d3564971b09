//! A front end that has classes of its own, and no C types: from parts it defines the variadic
//! functions that C types give, instruction by instruction. The suite `interop` shows that those
//! read the arguments of C's callers. Rust calls one if named arguments are on the stack.

use clif_cabi_jit::clif_cabi::clif_cabi_plan::{
    Extension, PartsSignature, PartsValue, VaArgPlan, ValueType,
};

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

/// A `long` function of so many named `long`s, and `double`s after them, that fetches each unnamed
/// argument once by `va_arg`, and returns the first one.
fn variadic(
    engine: &mut Engine,
    sig: &FnSig,
    va_arg: impl Fn(&Lowering, &mut FunctionBuilder<'_>, Value, &(Type, &[ValueType])) -> Value,
) -> Function {
    let lower = Lowering::new(engine.isa()).unwrap();
    let (mut func, mut fn_ctx) = (Function::new(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, sig).unwrap();
    let list = va_list(&mut builder);
    entry.va_start(&mut builder, list).unwrap();
    let fetched = unnamed().map(|own| va_arg(&lower, &mut builder, list, &own));
    let flags = MemFlagsData::new();
    let first = Arg::value(builder.ins().load(types::I64, flags, fetched[0], 0));
    entry.ret(engine, &mut builder, Some(&first)).unwrap();
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    func
}

/// The function of this front end's parts.
fn by_parts(engine: &mut Engine, longs: usize, doubles: usize) -> Function {
    let scalar = |ty| PartsValue::scalar(ty, Extension::None);
    let [long, double] = [ValueType::I64, ValueType::F64].map(scalar);
    let sig = PartsSignature {
        params: [vec![long.clone(); longs], vec![double; doubles]].concat(),
        n_named: Some(longs + doubles),
        result: Some(long),
        convention: None,
    };
    let lower = Lowering::new(engine.isa()).unwrap();
    let sig = sig.fn_sig(lower.target()).unwrap();
    variadic(engine, &sig, |lower, builder, list, (ty, parts)| {
        let plan = VaArgPlan::of_parts(parts, ty.size(), ty.align(), lower.target());
        let at = lower.va_arg_planned(builder, list, &plan.unwrap());
        at.unwrap()
    })
}

/// The function of C's signature.
fn by_types(engine: &mut Engine, longs: usize, doubles: usize) -> Function {
    let all = [vec![Type::I64; longs], vec![Type::F64; doubles]].concat();
    let sig = FnSig::new(all, Type::I64).variadic();
    variadic(engine, &sig, |lower, builder, list, (ty, _)| {
        lower.va_arg(builder, list, &sig, ty).unwrap()
    })
}

#[test]
fn functions_of_parts_are_those_of_c_types() {
    let mut engine = engine();
    for (longs, doubles) in (0..7).flat_map(|longs| [0, 3, 8].map(|doubles| (longs, doubles))) {
        let wanted = by_types(&mut engine, longs, doubles).to_string();
        let own = by_parts(&mut engine, longs, doubles).to_string();
        assert_eq!(own, wanted, "{longs} {doubles}");
        // The controls: functions of one more named argument.
        for (more, doubles) in [(longs + 1, doubles), (longs, doubles + 1)] {
            let late = by_parts(&mut engine, more, doubles).to_string();
            assert_ne!(late, wanted, "{more} {doubles}");
        }
    }
}

#[test]
fn the_list_starts_after_named_arguments_on_the_stack() {
    type Stacked = unsafe extern "C" fn(i64, i64, i64, i64, i64, i64, i64, i64, f64, ...) -> i64;
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        let mut ctx = engine.make_context();
        ctx.func = by_parts(&mut engine, 8, 1);
        let id = engine.declare_local(&ctx.func.signature).unwrap();
        engine.define(id, &mut ctx).unwrap();
        engine.finalize().unwrap();
        // SAFETY: compiled so; where what it fetches after the first argument was not passed, it only computes where it would be, or copies bytes of the stack.
        let first =
            unsafe { function::<Stacked>(&engine, id)(1, 2, 3, 4, 5, 6, 7, 8, 9.5, 77_i64) };
        assert_eq!(first, 77, "{settings:?}");
    }
}
