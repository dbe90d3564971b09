//! Layouts, variadic functions, callbacks, exceptions, and values as parts.

use std::ffi::{CStr, c_char, c_int};

use clif_cabi::cabi::{FnSig, Member, RecordBuilder, Type, X86_64_WIN64};
use clif_cabi::cranelift_codegen::ir::types::{F64, I32, I64};
use clif_cabi::cranelift_codegen::ir::{
    BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, MemFlagsData, Value,
};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::cranelift_module::{DataDescription, FuncId, Module};
use clif_cabi::{Arg, CallResult, Lowering, Ret};
use clif_cabi_jit::{Engine, Library, Personality, Settings};

use super::{Result, define};

/// The language's `Event`: it puts the tag last, and C sees the same bytes.
fn event() -> Result<Type> {
    let event = RecordBuilder::structure("Event")
        .member(Member::named("tag", Type::U8).at(16))
        .member(Member::named("time", Type::F64).at(0))
        .member(Member::named("code", Type::I64).at(8))
        .build_at(24, 8)?;
    Ok(event)
}

/// struct flags { unsigned kind : 3, count : 13; short level; } __attribute__((packed));
fn flags(lower: &Lowering) -> Result<Type> {
    let flags = RecordBuilder::structure("flags")
        .member(Member::bit_field("kind", Type::U32, 3))
        .member(Member::bit_field("count", Type::U32, 13))
        .field("level", Type::I16)
        .packed()
        .build(lower.target().data_model())?;
    Ok(flags)
}

pub(crate) fn run_layouts() -> Result<()> {
    let lower = Lowering::new(Engine::new(&Settings::default())?.isa())?;
    let (event, flags) = (event()?, flags(&lower)?);
    // Microsoft's bit-fields are in objects of their type.
    let size = if cfg!(windows) { 6 } else { 4 };
    assert_eq!((event.size(), flags.size(), flags.align()), (24, size, 1));
    assert!(
        lower
            .call_plan(&FnSig::new([event, flags], Type::VOID))
            .is_ok()
    );
    Ok(())
}

/// The address of a string constant of the module, which is read-only data in an object file.
fn string<M: Module>(
    module: &mut M,
    builder: &mut FunctionBuilder<'_>,
    text: &CStr,
) -> Result<Value> {
    let mut data = DataDescription::new();
    data.define(text.to_bytes_with_nul().into());
    let id = module.declare_anonymous_data(false, false)?;
    module.define_data(id, &data)?;
    let data = module.declare_data_in_func(id, builder.func);
    let pointer = module.target_config().pointer_type();
    Ok(builder.ins().symbol_value(pointer, data))
}

/// int show(char *to, size_t size, double x, float y) { return snprintf(to, size, "%g %g", x, y); }
pub(super) fn show<M: Module>(module: &mut M, lower: &Lowering) -> Result<FuncId> {
    let size = lower.target().data_model().size_type();
    let named = [Type::PTR, size.clone(), Type::PTR];
    let snprintf = FnSig::new(named, Type::I32).variadic();
    let snprintf = lower.declare_import(module, "snprintf", &snprintf)?;

    let sig = FnSig::new([Type::PTR, size, Type::F64, Type::F32], Type::I32);
    define(module, lower, ("show", &sig), |module, builder, entry| {
        let to = entry.value(builder, 0)?;
        let size = entry.value(builder, 1)?;
        let x = entry.value(builder, 2)?;
        let y = entry.value(builder, 3)?;
        // You promote the values as C does; `call_variadic` promotes the types.
        let y = builder.ins().fpromote(F64, y);
        let format = string(module, builder, c"%g %g")?;
        let args = [to, size, format, x, y].map(Arg::value);
        let unnamed = [Type::F64, Type::F32];
        let n = lower.call_variadic(module, builder, &snprintf, unnamed, &args, Ret::Value)?;
        entry.ret(module, builder, n.value().map(Arg::value).as_ref())?;
        Ok(())
    })
}

/// int64_t apply(struct pair (*f)(struct pair), struct pair *p) { return f(*p).n; }
pub(super) fn apply<M: Module>(module: &mut M, lower: &Lowering) -> Result<FuncId> {
    let pair = RecordBuilder::structure("pair")
        .field("x", Type::F64)
        .field("n", Type::I64)
        .build(lower.target().data_model())?;
    let f = FnSig::new([pair.clone()], pair);
    let sig = FnSig::new([Type::FN_PTR, Type::PTR], Type::I64);
    define(module, lower, ("apply", &sig), |module, builder, entry| {
        let callee = entry.value(builder, 0)?;
        let p = entry.value(builder, 1)?;
        // The argument is an object in memory, and so is the result, wherever C passes them.
        let result = lower.slot(builder, f.result())?;
        let (args, ret) = ([Arg::memory(p)], Ret::memory(result));
        lower.call_sig(module, builder, callee, &f, &args, ret)?;
        let n = builder.ins().load(I64, MemFlagsData::new(), result, 8);
        entry.ret(module, builder, Some(&Arg::value(n)))?;
        Ok(())
    })
}

/// struct point swap(struct point (*f)(struct point), struct point p) { return f((struct
/// point){p.y, p.x}); }
pub(super) fn swap<M: Module>(module: &mut M, lower: &Lowering) -> Result<FuncId> {
    // struct point { float x, y; };
    let point = RecordBuilder::structure("point")
        .field("x", Type::F32)
        .field("y", Type::F32)
        .build(lower.target().data_model())?;
    let f = FnSig::new([point.clone()], point.clone());
    let sig = FnSig::new([Type::FN_PTR, point.clone()], point);
    define(module, lower, ("swap", &sig), |module, builder, entry| {
        let callee = entry.value(builder, 0)?;
        // The two floats are passed in xmm0; here each is a value.
        let p = entry.fields(builder, 1)?;
        let swapped = [Arg::fields(&[p[1], p[0]])];
        let r = lower.call_sig(module, builder, callee, &f, &swapped, Ret::Fields)?;
        let CallResult::Fields(r) = r else {
            return Err("struct point has two fields".into());
        };
        entry.ret(module, builder, Some(&Arg::Fields(r)))?;
        Ok(())
    })
}

/// int call(int (*f)(const char *, ...), const char *text, double x) { try { return f(text, x); }
/// catch (...) { return -1; } }
pub(crate) fn call<M: Module>(module: &mut M, lower: &Lowering) -> Result<FuncId> {
    let f = FnSig::new([Type::PTR], Type::I32).variadic();
    let plan = lower.try_call_plan(&f.at_call([Type::F64])?)?;
    let begin_catch = FnSig::new([Type::PTR], Type::PTR);
    let begin_catch = lower.declare_import(module, "__cxa_begin_catch", &begin_catch)?;
    let end_catch = FnSig::new([], Type::VOID);
    let end_catch = lower.declare_import(module, "__cxa_end_catch", &end_catch)?;

    let sig = FnSig::new([Type::FN_PTR, Type::PTR, Type::F64], Type::I32);
    define(module, lower, ("call", &sig), |module, builder, entry| {
        let f = entry.value(builder, 0)?;
        let args = [
            Arg::value(entry.value(builder, 1)?),
            Arg::value(entry.value(builder, 2)?),
        ];
        // The callee and its values: for a variadic function a stub that sets AL and finds the
        // address as its last values.
        let callable = lower.callee(module, builder, &plan, f)?;
        let values = lower.values_in(builder, &plan, &args, Ret::Value)?;

        let (returned, thrown) = (builder.create_block(), builder.create_block());
        let result = builder.append_block_param(returned, I32);
        let exception = builder.append_block_param(thrown, I64);
        let pool = &mut builder.func.dfg.value_lists;
        let normal = BlockCall::new(returned, [BlockArg::TryCallRet(0)], pool);
        let handler = BlockCall::new(thrown, [BlockArg::TryCallExn(0)], pool);
        let handler = ExceptionTableItem::Default(handler);
        let table = ExceptionTableData::new(callable.signature, normal, [handler]);
        let table = builder.func.dfg.exception_tables.push(table);
        callable.try_call(builder, &values, table)?;

        builder.switch_to_block(thrown);
        let exception = [Arg::value(exception)];
        lower.call(module, builder, &begin_catch, &exception, Ret::Ignore)?;
        lower.call(module, builder, &end_catch, &[], Ret::Ignore)?;
        let failed = builder.ins().iconst(I32, -1);
        entry.ret(module, builder, Some(&Arg::value(failed)))?;
        builder.switch_to_block(returned);
        let r = lower.values_out(module, builder, &plan, &[result], Ret::Value)?;
        entry.ret(module, builder, r.value().map(Arg::value).as_ref())?;
        Ok(())
    })
}

/// __attribute__((ms_abi)) double ratio(struct pair p, double x) { return p.x / x; }
pub(super) fn ratio(module: &mut Engine, lower: &Lowering) -> Result<FuncId> {
    let pair = RecordBuilder::structure("pair")
        .field("x", Type::F64)
        .field("n", Type::I64);
    let pair = pair.build(lower.target().data_model())?;
    let sig = FnSig::new([pair, Type::F64], Type::F64).convention(&X86_64_WIN64);
    define(module, lower, ("ratio", &sig), |module, builder, entry| {
        // The caller's copy, which is this function's.
        let p = entry.address(builder, 0)?;
        let x = builder.ins().load(F64, MemFlagsData::new(), p, 0);
        let y = entry.value(builder, 1)?;
        let ratio = builder.ins().fdiv(x, y);
        entry.ret(module, builder, Some(&Arg::value(ratio)))?;
        Ok(())
    })
}

unsafe extern "C-unwind" {
    fn printf(format: *const c_char, ...) -> c_int;
}

type Printf = unsafe extern "C-unwind" fn(*const c_char, ...) -> c_int;
type Call = unsafe extern "C" fn(Printf, *const c_char, f64) -> c_int;

/// An engine in which the exceptions of C++ enter handlers.
fn with_handlers() -> Result<Engine> {
    let (personality, library) = match cfg!(windows) {
        true => ("__gxx_personality_seh0", "libstdc++-6.dll"),
        false => ("__gxx_personality_v0", "libstdc++.so.6"),
    };
    let personality = Personality::new(personality);
    let mut engine = Engine::new(&Settings::default().personality(personality))?;
    // SAFETY: only the C++ library's own code runs when it is loaded.
    engine.add_library(&unsafe { Library::open(library) }?);
    Ok(engine)
}

pub(crate) fn run_call() -> Result<()> {
    let mut engine = with_handlers()?;
    let lower = Lowering::new(engine.isa())?;
    let id = call(&mut engine, &lower)?;
    engine.finalize()?;
    // SAFETY: compiled as `int call(int (*)(const char *, ...), const char *, double)`.
    let call = unsafe { engine.code(id)?.typed::<Call>() };
    // SAFETY: the format takes one double.
    assert_eq!(unsafe { call(printf, c"%.3f\n".as_ptr(), 0.125) }, 6);

    // void std::__throw_out_of_range_fmt(const char *, ...)
    let throws = engine.symbol("_ZSt24__throw_out_of_range_fmtPKcz")?;
    // SAFETY: it takes any arguments after a format that names none, and never returns.
    let throws = unsafe { std::mem::transmute::<*const u8, Printf>(throws) };
    // SAFETY: as above.
    assert_eq!(unsafe { call(throws, c"out of range".as_ptr(), 0.5) }, -1);
    Ok(())
}

/// struct big { int64_t at[5]; };
/// struct big rotate(int64_t, .. (five of them), struct pair p, struct big b)
/// { return (struct big){{p.n, b.at[0], b.at[1], b.at[2], b.at[3]}}; }
pub(super) fn rotate<M: Module>(module: &mut M, lower: &Lowering) -> Result<FuncId> {
    let model = lower.target().data_model();
    let pair = RecordBuilder::structure("pair")
        .field("m", Type::I64)
        .field("n", Type::I64);
    let big = RecordBuilder::structure("big").field("at", Type::array(&Type::I64, 5)?);
    let (pair, big) = (pair.build(model)?, big.build(model)?);
    let params = vec![Type::I64; 5].into_iter().chain([pair, big.clone()]);
    let sig = FnSig::new(params, big);
    define(module, lower, ("rotate", &sig), |module, builder, entry| {
        let flags = MemFlagsData::new();
        // `p` may be on the stack or a copy of the caller's; it has an address in each case.
        let p = entry.address(builder, 5)?;
        let n = builder.ins().load(I64, flags, p, 8);
        // In place, where the caller has put it: the function may write there.
        let b = entry.address(builder, 6)?;
        // The caller's object for the result. Built there, it is returned without a copy.
        let sret = entry
            .sret()
            .ok_or("a structure of 40 bytes is returned in memory")?;
        builder.ins().store(flags, n, sret, 0);
        for at in [0, 8, 16, 24] {
            let word = builder.ins().load(I64, flags, b, at);
            builder.ins().store(flags, word, sret, at + 8);
        }
        entry.ret(module, builder, Some(&Arg::memory(sret)))?;
        Ok(())
    })
}

/// int tidy(int (*work)(void *), size_t n) { void *p = malloc(n); defer free(p); return work(p); }
pub(super) fn tidy<M: Module>(module: &mut M, lower: &Lowering) -> Result<FuncId> {
    let size = lower.target().data_model().size_type();
    let sig = FnSig::new([size.clone()], Type::PTR);
    let malloc = lower.declare_import(module, "malloc", &sig)?;
    let sig = FnSig::new([Type::PTR], Type::VOID);
    let free = lower.declare_import(module, "free", &sig)?;
    let work = FnSig::new([Type::PTR], Type::I32);
    let sig = FnSig::new([Type::FN_PTR, size], Type::I32);
    define(module, lower, ("tidy", &sig), |module, builder, entry| {
        // Every `return` of the body jumps to this block with its value.
        let leave = builder.create_block();
        let result = builder.append_block_param(leave, I32);

        let callee = entry.value(builder, 0)?;
        let n = [Arg::value(entry.value(builder, 1)?)];
        let p = lower.call(module, builder, &malloc, &n, Ret::Value)?;
        let p = [Arg::value(p.value().ok_or("malloc returns a pointer")?)];
        let r = lower.call_sig(module, builder, callee, &work, &p, Ret::Value)?;
        let r = r.value().ok_or("work returns a value")?;
        builder.ins().jump(leave, &[BlockArg::Value(r)]);

        builder.switch_to_block(leave);
        lower.call(module, builder, &free, &p, Ret::Ignore)?;
        entry.ret(module, builder, Some(&Arg::value(result)))?;
        Ok(())
    })
}
