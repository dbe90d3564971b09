//! Functions of hundreds of parameters, whose argument area is read and not declared: compiled, as closures and by invokers, with C on the other side.
#![cfg(all(target_arch = "x86_64", unix))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod common;

use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
use clif_cabi_jit::clif_cabi::{Arg, SysVAggregateLowering};
use clif_cabi_jit::cranelift_codegen::ir::{InstBuilder, Value, types::F64};
use clif_cabi_jit::cranelift_frontend::FunctionBuilder;
use clif_cabi_jit::cranelift_module::Module;
use clif_cabi_jit::{
    CallArg, CallInterface, ClosureArgs, ClosureResult, Closures, Engine, Invokers, Library,
    Settings,
};
use common::{all_settings, exported, library, reference_compilers};

/// Parameters that are all in registers, as many words of the argument area as there are parameters for, one more, and many more.
const COUNTS: [usize; 4] = [14, 78, 79, 400];

const NAMES: [&str; 4] = ["long", "double", "short", "float"];

/// Whose parameters are so many, of four types in turn.
fn sig(n: usize) -> FnSig {
    let types = [Type::I64, Type::F64, Type::I16, Type::F32];
    FnSig::new(types.into_iter().cycle().take(n), Type::F64)
}

/// `double weigh(..)` gives each parameter another weight; `double call(double (*)(..))` passes its weight to each.
fn c(n: usize) -> String {
    let list = |item: &dyn Fn(usize) -> String| (0..n).map(item).collect::<Vec<_>>().join(", ");
    let params = list(&|i| format!("{} a{i}", NAMES[i % 4]));
    let sum: String = (0..n).map(|i| format!(" + {}.0 * a{i}", i + 1)).collect();
    let values = list(&|i| (i + 1).to_string());
    format!(
        "double weigh({params}) {{ return 0{sum}; }}
        double call(double (*f)({params})) {{ return f({values}); }}"
    )
}

/// The sum of squares up to `n`.
fn expected(n: usize) -> f64 {
    (1..=n).map(|i| (i * i) as f64).sum()
}

/// `weigh` as a closure.
fn weigh(n: usize, args: &ClosureArgs<'_>) -> f64 {
    let value = |i: usize| match i % 4 {
        0 => args.get::<i64>(i).unwrap() as f64,
        1 => args.get::<f64>(i).unwrap(),
        2 => args.get::<i16>(i).unwrap().into(),
        _ => args.get::<f32>(i).unwrap().into(),
    };
    (0..n).map(|i| (i + 1) as f64 * value(i)).sum()
}

/// Parameter `i` as a double.
fn to_double(builder: &mut FunctionBuilder<'_>, value: Value, i: usize) -> Value {
    match i % 4 {
        1 => value,
        3 => builder.ins().fpromote(F64, value),
        _ => builder.ins().fcvt_from_sint(F64, value),
    }
}

#[test]
fn hundreds_of_parameters() {
    for cc in reference_compilers() {
        for n in COUNTS {
            let library = library(cc, &[], &format!("many_{n}"), &c(n));
            assert_eq!(by_invoker(&library, n), expected(n), "{cc}: {n}");
            let call = library.symbol("call").unwrap();
            // SAFETY: `double call(double (*)(..))`, given functions of that type.
            let call: Call = unsafe { core::mem::transmute(call) };
            assert_eq!(to_closure(call, n), expected(n), "{cc}: {n}");
            for settings in all_settings() {
                let sum = to_function(call, n, &settings);
                assert_eq!(sum, expected(n), "{cc}: {n}, {settings:?}");
            }
        }
    }
}

type Call = extern "C" fn(*const u8) -> f64;

/// An invoker calls C.
fn by_invoker(library: &Library, n: usize) -> f64 {
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    let interface = CallInterface::new(&mut invokers, &sig(n)).unwrap();
    let longs: Vec<i64> = (1..=n as i64).collect();
    let doubles: Vec<f64> = longs.iter().map(|n| *n as f64).collect();
    let shorts: Vec<i16> = (1..).take(n).collect();
    let floats: Vec<f32> = shorts.iter().map(|n| f32::from(*n)).collect();
    let args = (0..n).map(|i| match i % 4 {
        0 => CallArg::new(&longs[i]),
        1 => CallArg::new(&doubles[i]),
        2 => CallArg::new(&shorts[i]),
        _ => CallArg::new(&floats[i]),
    });
    let args: Vec<CallArg> = args.collect();
    let target = library.symbol("weigh").unwrap();
    // SAFETY: it has this signature.
    unsafe { interface.call(target.cast(), &args).unwrap() }
}

/// C calls a closure.
fn to_closure(call: Call, n: usize) -> f64 {
    let closures = Closures::new(&Settings::default()).unwrap();
    let interface = closures.interface(&sig(n)).unwrap();
    let body = move |args: &ClosureArgs<'_>, result: &mut ClosureResult<'_>| {
        result.set(weigh(n, args)).unwrap();
    };
    let closure = interface.closure("weigh", body).unwrap();
    call(closure.code().cast())
}

/// C calls a compiled function.
fn to_function(call: Call, n: usize, settings: &Settings) -> f64 {
    let mut engine = Engine::new(settings).unwrap();
    let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
    let own = exported(
        &mut engine,
        &lower,
        "own",
        &sig(n),
        |engine, builder, entry| {
            let mut sum = builder.ins().f64const(0.0);
            for i in 0..n {
                let value = entry.value(builder, i).unwrap();
                let value = to_double(builder, value, i);
                let weight = builder.ins().f64const((i + 1) as f64);
                let weighed = builder.ins().fmul(value, weight);
                sum = builder.ins().fadd(sum, weighed);
            }
            entry.ret(engine, builder, Some(&Arg::value(sum))).unwrap();
        },
    );
    engine.finalize().unwrap();
    let code = engine.code(own.id).unwrap();
    // SAFETY: the engine is alive.
    call(unsafe { code.as_ptr() }.cast())
}
