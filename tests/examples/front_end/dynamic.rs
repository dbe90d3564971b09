//! Variadic functions from inside, and signatures known at run time.

use std::ffi::c_int;

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::types::{I32, I64};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlotData, StackSlotKind};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, Ret, SysVAggregateLowering};
use clif_cabi_jit::{CallInterface, Closure, Closures, Engine, Invokers, Settings};

use super::{Define, Result, define};

/// Writes what the format says, after an int that is added to the result: int note(char *to, size_t n, const char *format, ...);
fn note(module: &mut Engine, lower: &SysVAggregateLowering) -> Result<FuncId> {
    // A `va_list` is an array, which is passed by its address.
    let sig = FnSig::new([Type::PTR, Type::U64, Type::PTR, Type::PTR], Type::I32);
    let vsnprintf = lower.declare_import(module, "vsnprintf", &sig)?;
    let sig = FnSig::new([Type::PTR, Type::U64, Type::PTR], Type::I32).variadic();
    define(module, lower, ("note", &sig), |module, builder, entry| {
        let list = StackSlotData::new(StackSlotKind::ExplicitSlot, 24, 3);
        let list = builder.create_sized_stack_slot(list);
        let list = builder.ins().stack_addr(I64, list, 0);
        entry.va_start(builder, list)?;
        // The first unnamed argument is fetched here, the others by the C library.
        let level = lower.va_arg(builder, list, &sig, &Type::I32)?;
        let level = builder.ins().load(I32, MemFlagsData::new(), level, 0);
        let to = entry.value(builder, 0)?;
        let size = entry.value(builder, 1)?;
        let format = entry.value(builder, 2)?;
        let args = [to, size, format, list].map(Arg::value);
        let n = lower.call(module, builder, &vsnprintf, &args, Ret::Value)?;
        let n = n.value().ok_or("vsnprintf returns a value")?;
        let sum = builder.ins().iadd(n, level);
        entry.ret(module, builder, Some(&Arg::value(sum)))?;
        Ok(())
    })
}

/// Calls div_t div(int, int), whose signature may have been read from a file.
fn divide(a: i32, b: i32) -> Result<[u8; 8]> {
    let div_t = RecordBuilder::structure("div_t")
        .field("quot", Type::I32)
        .field("rem", Type::I32);
    let sig = FnSig::new([Type::I32, Type::I32], div_t.build(&DataModel::LP64)?);
    let mut invokers = Invokers::new(&Settings::default())?;
    let interface = CallInterface::new(&mut invokers, &sig)?;
    let div = invokers.engine().symbol("div")?;
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
        // Of the kind that the signature says.
        let _ = result.set(sum * scale);
    })?)
}

pub(crate) fn run_dynamic() -> Result<()> {
    assert_eq!(divide(17, 5)?, [3, 0, 0, 0, 2, 0, 0, 0]);
    let closures = Closures::new(&Settings::default())?;
    let sum = scaled_sum(&closures, 10.0)?;
    let code = sum.as_fn::<unsafe extern "C" fn(c_int, ...) -> f64>()?;
    // SAFETY: the closure lives, and is passed two doubles.
    let sum = unsafe { code(2, 1.5, 2.5) };
    assert!((sum - 40.0).abs() < f64::EPSILON);
    Ok(())
}

/// What called.c calls.
pub(super) const CALLED: (&str, Define) = ("note", note);
