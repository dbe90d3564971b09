//! Code of a front end that pins a release of Cranelift: `clif-cabi-jit` takes the types of its own
//! Cranelift crates. The packages beside this file compile it once for each release; `run` runs
//! them.

use std::error::Error;
use std::ffi::{CStr, c_int};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI32, Ordering};

use clif_cabi_jit::clif_cabi::cabi::{FnSig, RecordBuilder, Type};
use clif_cabi_jit::clif_cabi::{Arg, Entry, Ret, SysVAggregateLowering};
use clif_cabi_jit::{Closures, Code, Engine, Personality, Settings};
use cranelift_codegen::ir::{
    BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, ExceptionTag, InstBuilder, StackSlotData, StackSlotKind, TrapCode, Value,
    types::I64,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::Module;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    assert_eq!(structure()?, Pair { x: 4.5, n: -7 });
    assert_eq!(long_double()?, "1.500 17 0.250");
    assert_eq!(closure()?, [42, 23, 11, 8]);
    assert_eq!(panic()?, ("it panics", 1));
    println!("Cranelift {}: ok", cranelift_codegen::VERSION);
    Ok(())
}

/// Compiles one function of `sig`, which C can call.
fn compile(
    sig: &FnSig,
    body: impl FnOnce(&mut Engine, &SysVAggregateLowering, &mut FunctionBuilder<'_>, &Entry) -> Result<()>,
) -> Result<Code> {
    // Handlers of tag 0 are cleanups.
    let personality = Personality::new("rust_eh_personality").cleanup(0);
    let mut engine = Engine::new(&Settings::default().personality(personality))?;
    engine.bind("rust_eh_personality", rust_eh_personality as *const u8)?;
    let lower = SysVAggregateLowering::new(engine.isa())?;
    let function = lower.declare_export(&mut engine, "function", sig)?;
    let mut ctx = engine.make_context();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_block, entry) = lower.begin(&mut builder, sig)?;
    body(&mut engine, &lower, &mut builder, &entry)?;
    builder.seal_all_blocks();
    #[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
    builder.finalize();
    #[cfg(not(any(feature = "cranelift-0.132", feature = "cranelift-0.133")))]
    builder.finalize(engine.target_config());
    engine.define(function.body, &mut ctx)?;
    engine.finalize()?;
    Ok(engine.code(function.id)?)
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pair {
    x: f64,
    n: i64,
}

/// Callee of the compiled code: the structure is on the stack, since no register is left for `n`.
extern "C" fn negate(_: i64, _: i64, _: i64, _: i64, _: i64, _: i64, p: Pair) -> Pair {
    Pair { x: p.x, n: -p.n }
}

/// Runs `struct pair f(struct pair p) { return negate(1, 1, 1, 1, 1, 1, p); }`, with `p` in
/// registers, passed on in memory.
fn structure() -> Result<Pair> {
    let engine = Engine::new(&Settings::default())?;
    let lower = SysVAggregateLowering::new(engine.isa())?;
    let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
    let pair = pair.build(lower.target().data_model())?;
    let mut params = vec![Type::I64; 6];
    params.push(pair.clone());
    let callee = FnSig::new(params, pair.clone());
    let code = compile(&FnSig::new([pair.clone()], pair), |engine, lower, builder, entry| {
        let one = builder.ins().iconst(I64, 1);
        let mut args = vec![Arg::value(one); 6];
        args.push(Arg::memory(entry.address(builder, 0)?));
        let address = builder.ins().iconst(I64, negate as *const () as usize as i64);
        let out = stack_slot(builder, 16);
        lower.call_sig(engine, builder, address, &callee, &args, Ret::memory(out))?;
        entry.ret(engine, builder, Some(&Arg::memory(out)))?;
        Ok(())
    })?;
    // SAFETY: compiled as `struct pair (struct pair)`.
    let f = unsafe { code.typed::<extern "C" fn(Pair) -> Pair>() };
    Ok(f(Pair { x: 4.5, n: 7 }))
}

/// Calls `strtold`, whose result is on the x87 stack, then `snprintf`, which wants it on the stack
/// and the vector registers counted in `al`.
fn long_double() -> Result<String> {
    const FORMAT: &CStr = c"%.3Lf %d %.3f";
    let sig = FnSig::new([Type::PTR, Type::PTR, Type::I32, Type::F64], Type::I32);
    let code = compile(&sig, |engine, lower, builder, entry| {
        let strtold = FnSig::new([Type::PTR, Type::PTR], Type::F80);
        let strtold = lower.declare_import(engine, "strtold", &strtold)?;
        let snprintf = FnSig::new([Type::PTR, Type::U64, Type::PTR], Type::I32).variadic();
        let snprintf = lower.declare_import(engine, "snprintf", &snprintf)?;
        let (to, text) = (entry.value(builder, 0)?, entry.value(builder, 1)?);
        let (n, x) = (entry.value(builder, 2)?, entry.value(builder, 3)?);
        let null = builder.ins().iconst(I64, 0);
        let read = stack_slot(builder, 16);
        let args = [text, null].map(Arg::value);
        lower.call(engine, builder, &strtold, &args, Ret::memory(read))?;
        let size = builder.ins().iconst(I64, 64);
        let format = builder.ins().iconst(I64, FORMAT.as_ptr() as usize as i64);
        let args = [
            Arg::value(to),
            Arg::value(size),
            Arg::value(format),
            Arg::memory(read),
            Arg::value(n),
            Arg::value(x),
        ];
        let unnamed = [Type::F80, Type::I32, Type::F64];
        let length = lower.call_variadic(engine, builder, &snprintf, unnamed, &args, Ret::Value)?;
        entry.ret(engine, builder, length.value().map(Arg::value).as_ref())?;
        Ok(())
    })?;
    let mut text = [0_u8; 64];
    // SAFETY: compiled with these parameters; `snprintf` writes at most 64 bytes.
    let length = unsafe {
        let f = code.typed::<extern "C" fn(*mut u8, *const u8, c_int, f64) -> c_int>();
        f(text.as_mut_ptr(), c"1.5".as_ptr().cast(), 17, 0.25)
    };
    Ok(String::from_utf8(text[..usize::try_from(length)?].to_vec())?)
}

unsafe extern "C" {
    fn qsort(base: *mut c_int, n: usize, size: usize, compare: *const core::ffi::c_void);
}

/// Passes a Rust closure to `qsort`.
fn closure() -> Result<[c_int; 4]> {
    let closures = Closures::new(&Settings::default())?;
    let sig = FnSig::new([Type::PTR, Type::PTR], Type::I32);
    let descending = closures.interface(&sig)?.closure("descending", |args, result| {
        // SAFETY: `qsort` passes addresses of two elements.
        let [a, b] = [0, 1].map(|i| unsafe { *args.get::<*const c_int>(i).unwrap() });
        result.set(b - a).unwrap();
    })?;
    let mut numbers = [23, 42, 11, 8];
    // SAFETY: four elements of four bytes, and a function that compares two of them.
    unsafe { qsort(numbers.as_mut_ptr(), 4, 4, descending.code()) };
    Ok(numbers)
}

unsafe extern "C" {
    fn rust_eh_personality();
}

static NOTED: AtomicI32 = AtomicI32::new(0);

extern "C" fn note() {
    NOTED.fetch_add(1, Ordering::Relaxed);
}

extern "C-unwind" fn panics() {
    // Without a message.
    std::panic::resume_unwind(Box::new("it panics"));
}

/// Runs `void f(void) { try { panics(); } catch (...) { note(); throw; } }`. Returns the message of
/// the panic that passes, and how often it was noted.
fn panic() -> Result<(&'static str, i32)> {
    let code = compile(&FnSig::new([], Type::VOID), |engine, lower, builder, entry| {
        let none = FnSig::new([], Type::VOID);
        let resume = FnSig::new([Type::PTR], Type::VOID);
        let resume = lower.declare_import(engine, "_Unwind_Resume", &resume)?;
        let address = |builder: &mut FunctionBuilder<'_>, to: usize| builder.ins().iconst(I64, to as i64);
        let callee = address(builder, panics as *const () as usize);
        let plan = lower.try_call_plan(&none)?;
        let callable = lower.callee(engine, builder, &plan, callee)?;
        let values = lower.values_in(builder, &plan, &[], Ret::Ignore)?;
        let (returned, thrown) = (builder.create_block(), builder.create_block());
        let exception = builder.append_block_param(thrown, I64);
        let pool = &mut builder.func.dfg.value_lists;
        let handler = BlockCall::new(thrown, [BlockArg::TryCallExn(0)], pool);
        let normal = BlockCall::new(returned, [], pool);
        let handler = ExceptionTableItem::Tag(ExceptionTag::from_u32(0), handler);
        let table = ExceptionTableData::new(callable.signature, normal, [handler]);
        let table = builder.func.dfg.exception_tables.push(table);
        callable.try_call(builder, &values, table)?;
        builder.switch_to_block(thrown);
        let note = address(builder, note as *const () as usize);
        lower.call_sig(engine, builder, note, &none, &[], Ret::Ignore)?;
        lower.call(engine, builder, &resume, &[Arg::value(exception)], Ret::Ignore)?;
        builder.ins().trap(TrapCode::unwrap_user(1));
        builder.switch_to_block(returned);
        entry.ret(engine, builder, None)?;
        Ok(())
    })?;
    // SAFETY: compiled as `void (void)`.
    let f = unsafe { code.typed::<extern "C-unwind" fn()>() };
    let passed = std::panic::catch_unwind(AssertUnwindSafe(|| f())).err();
    let passed = passed.and_then(|panic| panic.downcast_ref::<&str>().copied());
    Ok((passed.ok_or("no panic")?, NOTED.load(Ordering::Relaxed)))
}

fn stack_slot(builder: &mut FunctionBuilder<'_>, bytes: u32) -> Value {
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(I64, slot, 0)
}
