//! Narrow integers, records as fields, constants of `long double`. The C program linked.c calls
//! each function.

use clif_cabi::cabi::{DataModel, FnSig, Scalar, Type};
use clif_cabi::cranelift_codegen::ir::types::{I8, I64};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, Value};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::cranelift_module::{DataDescription, Linkage, Module};
use clif_cabi::{Arg, CallResult, Ret};

use super::{Backend, Result, Ty, passed};

/// int low(long n) { return widen((signed char)n); }
fn low<M: Module>(backend: &mut Backend<M>) -> Result<()> {
    let widen = FnSig::parse("int widen(signed char)", backend.model())?;
    backend.declare("widen", widen, Linkage::Import)?;
    backend.declare("low", FnSig::new([Type::I64], Type::I32), Linkage::Export)?;
    backend.define("low", |backend, builder, entry| {
        let n = entry.value(builder, 0)?;
        let n = builder.ins().ireduce(I8, n);
        let n = backend.call(builder, "widen", &[n])?;
        entry.ret(&mut backend.module, builder, n.map(Arg::value).as_ref())?;
        Ok(())
    })
}

impl<M: Module> Backend<M> {
    /// A call whose arguments and result are SSA values: of a record one for each scalar in it.
    fn call_fields(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        name: &str,
        args: &[&[Value]],
    ) -> Result<Vec<Value>> {
        let function = self.function(name)?;
        let args: Vec<Arg> = args.iter().map(|values| Arg::fields(values)).collect();
        let (module, lower) = (&mut self.module, &self.lower);
        match lower.call(module, builder, &function, &args, Ret::Fields)? {
            CallResult::Fields(values) => Ok(values.to_vec()),
            _ => Err(format!("the result of {name} has no fields").into()),
        }
    }
}

/// struct point { float x, y; }; float first(float x, float y) { return mirror((struct point){x,
/// y}).x; }
fn first<M: Module>(backend: &mut Backend<M>) -> Result<()> {
    let float = || Ty::Float { bits: 32 };
    let point = Ty::Record("point", vec![("x", float()), ("y", float())]);
    let point = passed(&point, backend.model())?;
    let mirror = FnSig::new([point.clone()], point);
    backend.declare("mirror", mirror, Linkage::Import)?;
    let sig = FnSig::new([Type::F32, Type::F32], Type::F32);
    backend.declare("first", sig, Linkage::Export)?;
    backend.define("first", |backend, builder, entry| {
        let [x, y] = [0, 1].map(|i| entry.value(builder, i));
        let mirrored = backend.call_fields(builder, "mirror", &[&[x?, y?]])?;
        let x = Arg::value(mirrored[0]);
        entry.ret(&mut backend.module, builder, Some(&x))?;
        Ok(())
    })
}

/// The bytes of 1.5 as a `long double` of a little-endian machine.
fn one_and_a_half(model: &DataModel) -> Vec<u8> {
    match model.long_double().as_scalar() {
        Some(Scalar::F80) => [&(3_u64 << 62).to_le_bytes()[..], &[0xff, 0x3f], &[0; 6]].concat(),
        Some(Scalar::F128) => ((0x3fff_u128 << 112) | (1 << 111)).to_le_bytes().to_vec(),
        _ => 1.5_f64.to_le_bytes().to_vec(),
    }
}

/// long rounded(void) { return lroundl(1.5L); }
fn rounded<M: Module>(backend: &mut Backend<M>) -> Result<()> {
    let (long, long_double) = (backend.model().long(), backend.model().long_double());
    let lroundl = FnSig::new([long_double.clone()], long.clone());
    backend.declare("lroundl", lroundl, Linkage::Import)?;
    backend.declare("rounded", FnSig::new([], long), Linkage::Export)?;
    let mut constant = DataDescription::new();
    constant.define(one_and_a_half(backend.model()).into());
    constant.set_align(u64::from(long_double.align()));
    let id = backend.module.declare_anonymous_data(false, false)?;
    backend.module.define_data(id, &constant)?;
    backend.define("rounded", |backend, builder, entry| {
        let constant = backend.module.declare_data_in_func(id, builder.func);
        let constant = builder.ins().symbol_value(I64, constant);
        let lroundl = backend.function("lroundl")?;
        let (module, lower) = (&mut backend.module, &backend.lower);
        let args = [Arg::memory(constant)];
        let n = lower.call(module, builder, &lroundl, &args, Ret::Value)?;
        entry.ret(module, builder, n.value().map(Arg::value).as_ref())?;
        Ok(())
    })
}

/// All of them, on any target.
pub(crate) fn values<M: Module>(backend: &mut Backend<M>) -> Result<()> {
    let all = [low, first, rounded];
    all.into_iter().try_for_each(|build| build(backend))
}
