//! Variadic functions from inside, closures, and signatures known at run time.

use std::ffi::c_int;

use clif_cabi::cabi::{DataModel, FnSig, Kind, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::types::{I32, I64};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData};
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi::{Arg, Lowering, Ret};
use clif_cabi_jit::{CallInterface, Closure, Closures, Engine, Invokers, Settings};

use super::{Result, compiled, define};

/// int note(char *to, size_t n, const char *format, ...): vsnprintf, after an int that is added to
/// the result.
pub(super) fn note<M: Module>(module: &mut M, lower: &Lowering) -> Result<FuncId> {
    let model = lower.target().data_model();
    let va_list = lower.target().va_list()?;
    let named = [Type::PTR, model.size_type(), Type::PTR];
    // An array decays as a parameter, so System V passes the address of a `va_list`; elsewhere it
    // is a value.
    let params = named.clone().into_iter().chain([model.decay(&va_list)]);
    let vsnprintf = lower.declare_import(module, "vsnprintf", &FnSig::new(params, Type::I32))?;
    let sig = FnSig::new(named, Type::I32).variadic();
    define(module, lower, ("note", &sig), |module, builder, entry| {
        let list = lower.slot(builder, &va_list)?;
        entry.va_start(builder, list)?;
        // The first unnamed argument is fetched here, the others by the C library.
        let level = lower.va_arg(builder, list, &sig, &Type::I32)?;
        let level = builder.ins().load(I32, MemFlagsData::new(), level, 0);
        let list = match va_list.kind() {
            Kind::Array(_) => Arg::value(list),
            _ => Arg::memory(list),
        };
        let to = entry.value(builder, 0)?;
        let size = entry.value(builder, 1)?;
        let format = entry.value(builder, 2)?;
        let [to, size, format] = [to, size, format].map(Arg::value);
        let args = [to, size, format, list];
        let n = lower.call(module, builder, &vsnprintf, &args, Ret::Value)?;
        let n = n.value().ok_or("vsnprintf returns a value")?;
        let sum = builder.ins().iadd(n, level);
        entry.ret(module, builder, Some(&Arg::value(sum)))?;
        Ok(())
    })
}

/// A closure of the language: int64_t adder(int64_t n), whose environment is one that it adds.
fn adder(engine: &mut Engine, lower: &Lowering) -> Result<FuncId> {
    let sig = FnSig::new([Type::I64], Type::I64).static_chain(lower.target().data_model());
    define(engine, lower, ("adder", &sig), |engine, builder, entry| {
        let n = entry.value(builder, 0)?;
        // The static chain comes after the arguments.
        let environment = entry.value(builder, 1)?;
        let by = builder.ins().load(I64, MemFlagsData::new(), environment, 0);
        let sum = builder.ins().iadd(n, by);
        entry.ret(engine, builder, Some(&Arg::value(sum)))?;
        Ok(())
    })
}

/// Calls `adder` as a plain C function pointer, int64_t (*)(int64_t), that carries its environment.
fn run_adder() -> Result<()> {
    let code = compiled(adder)?;
    let closures = Closures::new(&Settings::default())?;
    let environment = 42_i64;
    // SAFETY: `adder` takes the address of an integer as its static chain; both outlive the calls.
    let bound = unsafe { closures.bind(code.as_ptr(), (&raw const environment).cast())? };
    // SAFETY: a C function of this type, without the chain.
    let add: extern "C" fn(i64) -> i64 = unsafe { std::mem::transmute(bound.code()) };
    assert_eq!(add(-2), 40);
    Ok(())
}

/// Calls div_t div(int, int), whose signature may have been read from a file.
fn divide(a: i32, b: i32) -> Result<[u8; 8]> {
    let div_t = RecordBuilder::structure("div_t")
        .field("quot", Type::I32)
        .field("rem", Type::I32);
    let sig = FnSig::new([Type::I32, Type::I32], div_t.build(&DataModel::LP64)?);
    let mut invokers = Invokers::new(&Settings::default())?;
    let interface = CallInterface::new(&mut invokers, &sig)?;
    let div = invokers.symbol("div")?;
    let mut result = [0; 8];
    // SAFETY: `div` has this signature.
    unsafe { interface.call_bytes(div.cast(), (a, b), &mut result)? };
    Ok(result)
}

/// A C function pointer: double scaled_sum(int n, ...), of n doubles.
fn scaled_sum(closures: &Closures, scale: f64) -> Result<Closure<'static>> {
    let sig = FnSig::new([Type::I32], Type::F64).variadic();
    let double = closures.va_arg(&sig, &Type::F64)?;
    let interface = closures.interface(&sig)?;
    Ok(interface.closure("scaled_sum", move |args, result| {
        let n: i32 = args.get(0).unwrap_or(0);
        let Some(mut list) = args.va_list() else {
            return;
        };
        // SAFETY: callers pass as many doubles as the first argument says.
        let mut next = |_| unsafe { list.next::<f64>(&double) };
        let sum: f64 = (0..n).filter_map(|i| next(i).ok()).sum();
        // The value has the signature's kind.
        let _ = result.set(sum * scale);
    })?)
}

pub(crate) fn run_dynamic() -> Result<()> {
    run_adder()?;
    assert_eq!(
        divide(17, 5)?,
        *[3_i32, 2].map(i32::to_ne_bytes).as_flattened()
    );
    let closures = Closures::new(&Settings::default())?;
    let sum = scaled_sum(&closures, 10.0)?;
    let code = sum.as_fn::<unsafe extern "C" fn(c_int, ...) -> f64>()?;
    // SAFETY: the closure lives, and is passed two doubles.
    let sum = unsafe { code(2, 1.5, 2.5) };
    assert!((sum - 40.0).abs() < f64::EPSILON);
    Ok(())
}
