//! The code of docs/adopting.md as one program: `cargo run -p cabi-tests --example adopting`. The
//! page quotes it word for word, which `tests/front_end.rs` checks. The C functions that it calls
//! are Rust's own `extern "C"` ones here.

use std::collections::HashMap;
use std::error::Error;
use std::ffi::c_long;

use clif_cabi::cabi::{DataModel, FnSig, Kind, Member, RecordBuilder, Target, Type};
use clif_cabi::cranelift_codegen::ir::types::I64;
use clif_cabi::cranelift_codegen::ir::{InstBuilder, Value};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{Linkage, Module};
use clif_cabi::{
    Arg, CallResult, Callee, Entry, Function, Lowering, Ret, clif_signature, value_type,
};
use clif_cabi_jit::{Code, Engine, Settings};

mod elsewhere;
mod guess;
mod owned;
mod values;
use elsewhere::{run_headers, run_linked};
use guess::run_guess;
use owned::run_owned;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The part of the compiler that replaces its classifier.
struct Backend<M> {
    module: M,
    lower: Lowering,
    /// The program's functions and those it imports, each with the C signature by which it is
    /// called.
    functions: HashMap<String, Function>,
}

impl<M: Module> Backend<M> {
    fn new(module: M) -> Result<Self> {
        let lower = Lowering::new(module.isa())?;
        let functions = HashMap::new();
        Ok(Self {
            module,
            lower,
            functions,
        })
    }

    /// C's data model there.
    fn model(&self) -> &DataModel {
        self.lower.target().data_model()
    }
}

/// The types of a small language.
#[allow(dead_code, reason = "the functions below use some of them")]
enum Ty {
    Int { bits: u8, signed: bool },
    Float { bits: u8 },
    Pointer,
    Array(Box<Ty>, u64),
    Record(&'static str, Vec<(&'static str, Ty)>),
}

/// `ty` as C declares it.
fn c_type_of(ty: &Ty, model: &DataModel) -> Result<Type> {
    Ok(match ty {
        Ty::Int { bits: 8, signed } => [Type::U8, Type::I8][usize::from(*signed)].clone(),
        Ty::Int { bits: 32, signed } => [Type::U32, Type::I32][usize::from(*signed)].clone(),
        Ty::Int { bits: 64, signed } => [Type::U64, Type::I64][usize::from(*signed)].clone(),
        Ty::Float { bits: 32 } => Type::F32,
        Ty::Float { bits: 64 } => Type::F64,
        Ty::Int { .. } | Ty::Float { .. } => return Err("no such scalar".into()),
        Ty::Pointer => model.pointer(),
        Ty::Array(elem, n) => Type::array(&c_type_of(elem, model)?, *n)?,
        Ty::Record(tag, members) => {
            let mut record = RecordBuilder::structure(tag);
            for (name, ty) in members {
                record = record.field(name, c_type_of(ty, model)?);
            }
            record.build(model)?
        }
    })
}

/// `ty` as an argument or a result: C passes no array, but a structure that has nothing else.
fn passed(ty: &Ty, model: &DataModel) -> Result<Type> {
    let ty = c_type_of(ty, model)?;
    Ok(match ty.kind() {
        Kind::Array(_) => RecordBuilder::structure("").field("at", ty).build(model)?,
        _ => ty,
    })
}

impl<M: Module> Backend<M> {
    /// First pass: a function before any body is built.
    fn declare(&mut self, name: &str, sig: FnSig, linkage: Linkage) -> Result<()> {
        let function = match linkage {
            Linkage::Import => self.lower.declare_import(&mut self.module, name, &sig)?,
            Linkage::Export => self.lower.declare_export(&mut self.module, name, &sig)?,
            // Private functions. Calls enter some by a stub, as C does.
            _ => {
                let plan = self.lower.entry_plan(&sig)?;
                let signature = clif_signature(&plan.signature);
                let id = (self.module).declare_function(name, linkage, &signature)?;
                let mut function = Function::new(id, name, sig);
                function.id = self.lower.entry_point(&mut self.module, &function)?;
                function
            }
        };
        self.functions.insert(name.to_string(), function);
        Ok(())
    }

    /// Second pass: the body of a declared function. `body` gets the arguments, and returns from
    /// the function.
    fn define(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut Self, &mut FunctionBuilder<'_>, &Entry) -> Result<()>,
    ) -> Result<()> {
        let function = self.function(name)?;
        let mut ctx = self.module.make_context();
        let mut fn_ctx = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
        let (_block, entry) = self.lower.begin(&mut builder, &function.sig)?;
        if let Err(error) = body(self, &mut builder, &entry) {
            // Others may call it already, and a module has to define what it exports.
            self.lower.define_trap(&mut self.module, &function)?;
            return Err(error);
        }
        builder.seal_all_blocks();
        builder.finalize(self.module.target_config());
        self.module.define_function(function.body, &mut ctx)?;
        Ok(())
    }

    fn function(&self, name: &str) -> Result<Function> {
        let found = self.functions.get(name).cloned();
        found.ok_or_else(|| format!("{name} is not declared").into())
    }
}

/// Returns `value` as an argument: a type without SSA values has an address.
fn argument(ty: &Type, value: Value) -> Arg {
    match value_type(ty) {
        Some(_) => Arg::value(value),
        None => Arg::memory(value),
    }
}

/// Argument `i` of the function being built, in the same form.
fn parameter(builder: &mut FunctionBuilder<'_>, entry: &Entry, i: usize) -> Result<Value> {
    let params = entry.plan().sig.params();
    let ty = &params.get(i).ok_or("no such parameter")?.ty;
    Ok(match value_type(ty) {
        Some(_) => entry.value(builder, i)?,
        None => entry.address(builder, i)?,
    })
}

impl<M: Module> Backend<M> {
    /// Emits a call: scalars are values, everything else addresses. A record result is the address
    /// of a new object.
    fn call(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        name: &str,
        values: &[Value],
    ) -> Result<Option<Value>> {
        let function = self.function(name)?;
        self.call_as(builder, function.id, &function.sig, values)
    }

    /// A call of a function of the module, or of an address.
    fn call_as(
        &mut self,
        builder: &mut FunctionBuilder<'_>,
        callee: impl Into<Callee>,
        sig: &FnSig,
        values: &[Value],
    ) -> Result<Option<Value>> {
        let params = sig.params();
        if values.len() != params.len() {
            return Err(format!("{} arguments for {sig}", values.len()).into());
        }
        let args = params.iter().zip(values);
        let args: Vec<Arg> = args.map(|(p, value)| argument(&p.ty, *value)).collect();
        let plan = self.lower.call_plan(sig)?;
        // Room for the result is only made where it is in memory.
        let ret = Ret::easiest(&plan, || self.lower.slot(builder, sig.result()))?;
        let (module, lower): (&mut dyn Module, _) = (&mut self.module, &self.lower);
        let returned = lower.call_planned(module, builder, callee, &plan, &args, ret)?;
        Ok(match (returned, ret) {
            (CallResult::Value(value), _) => Some(value),
            (_, Ret::Memory(at)) => Some(at),
            _ => None,
        })
    }
}

/// struct longs { long a, b; };  long after5(long, long, long, long, long, struct longs);
fn after5_sig(model: &DataModel) -> Result<FnSig> {
    let long = || Ty::Int {
        bits: 64,
        signed: true,
    };
    let longs = Ty::Record("longs", vec![("a", long()), ("b", long())]);
    let params = [long(), long(), long(), long(), long(), longs];
    let params = params.iter().map(|ty| passed(ty, model));
    Ok(FnSig::new(params.collect::<Result<Vec<_>>>()?, Type::I64))
}

/// long total(struct longs *p) { return after5(1, 2, 3, 4, 5, *p); }
fn total<M: Module>(backend: &mut Backend<M>) -> Result<()> {
    let after5 = after5_sig(backend.model())?;
    backend.declare("after5", after5, Linkage::Import)?;
    let pointer = passed(&Ty::Pointer, backend.model())?;
    let sig = FnSig::new([pointer], Type::I64);
    backend.declare("total", sig, Linkage::Export)?;
    backend.define("total", |backend, builder, entry| {
        let mut values: Vec<Value> = (1..=5).map(|n| builder.ins().iconst(I64, n)).collect();
        values.push(parameter(builder, entry, 0)?);
        let total = backend.call(builder, "after5", &values)?;
        entry.ret(&mut backend.module, builder, total.map(Arg::value).as_ref())?;
        Ok(())
    })
}

#[repr(C)]
struct Longs(c_long, c_long);

extern "C" fn after5(a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, p: Longs) -> c_long {
    let digits = [p.1, p.0, e, d, c, b, a];
    digits.iter().fold(0, |n, digit| 10 * n + digit)
}

/// A backend in this process, in which C functions have these addresses.
fn engine(bound: &[(&str, *const u8)]) -> Result<Backend<Engine>> {
    let mut engine = Engine::new(&Settings::default())?;
    for (name, address) in bound {
        engine.bind(name, *address)?;
    }
    Backend::new(engine)
}

/// The code of `name`.
fn finished(mut backend: Backend<Engine>, name: &str) -> Result<Code> {
    backend.module.finalize()?;
    Ok(backend.module.code(backend.function(name)?.id)?)
}

fn run_total() -> Result<()> {
    let mut backend = engine(&[("after5", after5 as *const u8)])?;
    total(&mut backend)?;
    let code = finished(backend, "total")?;
    // SAFETY: compiled as `long total(struct longs *)`.
    let total = unsafe { code.typed::<unsafe extern "C" fn(*const Longs) -> c_long>() };
    // SAFETY: the object is there.
    assert_eq!(unsafe { total(&Longs(6, 7)) }, 7_654_321);
    Ok(())
}

/// A private function with a static chain after five arguments, which is its last argument's.
fn run_private() -> Result<()> {
    let mut backend = engine(&[])?;
    let inner = FnSig::new(vec![Type::I64; 5], Type::I64).static_chain(backend.model());
    backend.declare("inner", inner, Linkage::Local)?;
    backend.declare("outer", FnSig::new([Type::PTR], Type::I64), Linkage::Export)?;
    for (name, last) in [("inner", 5), ("outer", 0)] {
        backend.define(name, |backend, builder, entry| {
            let n = entry.value(builder, last)?;
            let one = builder.ins().iconst(I64, 1);
            let result = match name {
                "outer" => backend.call(builder, "inner", &[one, one, one, one, one, n])?,
                _ => Some(n),
            };
            entry.ret(
                &mut backend.module,
                builder,
                result.map(Arg::value).as_ref(),
            )?;
            Ok(())
        })?;
    }
    let code = finished(backend, "outer")?;
    // SAFETY: compiled as `long outer(void *)`.
    let outer = unsafe { code.typed::<extern "C" fn(c_long) -> c_long>() };
    assert_eq!(outer(7_654_321), 7_654_321);
    Ok(())
}

/// A record of which the compiler has computed the layout already: it has to be C's.
fn known(model: &DataModel) -> Result<Type> {
    let event = RecordBuilder::structure("event")
        .member(Member::named("code", Type::U8).at(0))
        .member(Member::named("time", Type::F64).at(8))
        .build_checked(model, 16, Some(8))?;
    Ok(event)
}

fn run_layouts() -> Result<()> {
    let target = Target::named("x86_64-linux-gnu")?;
    let model = target.data_model();
    assert_eq!(known(model)?.size(), 16);
    let array = Ty::Array(Box::new(Ty::Float { bits: 64 }), 3);
    assert!(passed(&array, model)?.as_record().is_some());
    let packed = RecordBuilder::structure("event")
        .member(Member::named("code", Type::U8).at(0))
        .member(Member::named("time", Type::F64).at(1));
    let Err(error) = packed.build_checked(model, 9, None) else {
        return Err("C aligns a double".into());
    };
    let message = "struct event, field time: the given offset is 1, and C's is 8";
    assert_eq!(error.to_string(), message);
    Ok(())
}

/// Checks whether `sig` can be called and defined, for the front end's own message at the
/// declaration.
fn check_declared(backend: &Backend<impl Module>, line: u32, sig: &FnSig) -> Result<()> {
    let refused = |error| format!("line {line}: C has no such function here: {error}").into();
    backend.lower.can_lower(sig).map_err(refused)
}

fn run_refused() -> Result<()> {
    let backend = engine(&[])?;
    check_declared(&backend, 3, &FnSig::new([Type::F64], Type::F80))?;
    let sig = FnSig::new([Type::array(&Type::F64, 3)?], Type::VOID);
    let Err(error) = check_declared(&backend, 4, &sig) else {
        return Err("an array was passed".into());
    };
    let message = "line 4: C has no such function here: void (double[3]): double[3]: C cannot pass or return an array";
    assert!(error.to_string().starts_with(message), "{error}");
    Ok(())
}

pub(crate) fn main() -> Result<()> {
    run_guess()?;
    run_total()?;
    run_private()?;
    run_layouts()?;
    run_refused()?;
    run_owned()?;
    run_linked()?;
    run_headers()
}
