//! Without a `Module`: a front end on bare cranelift-codegen says itself where stubs and functions come from.
//!
//! ```text
//! $ cargo run -p clif-cabi --example own_stubs
//! ...
//! __clif_cabi_al1_jumpint1: [b8, 01, 00, 00, 00, ff, e6]
//! __clif_cabi_pop1_ret: [db, 3f, c3]
//! __clif_cabi_push1_ret: [db, 2f, c3]
//! ```

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::control::ControlPlane;
use clif_cabi::cranelift_codegen::ir::{
    ExtFuncData, ExternalName, FuncRef, Function, SigRef, UserExternalName,
};
use clif_cabi::cranelift_codegen::{Context, isa, settings};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, LowerError, Ret, Stub, Stubs, SysVAggregateLowering};

/// The stubs that a compilation unit needs; their indexes are those of namespace 1 of its symbols.
#[derive(Default)]
struct Unit {
    stubs: Vec<Stub>,
}

impl Stubs for Unit {
    fn stub(
        &mut self,
        stub: Stub,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        let known = self.stubs.iter().position(|known| *known == stub);
        let index = known.unwrap_or_else(|| {
            self.stubs.push(stub);
            self.stubs.len() - 1
        });
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Ok(import(func, UserExternalName::new(1, index), signature))
    }

    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        let name = UserExternalName::new(0, id.as_u32());
        Ok(import(func, name, signature))
    }
}

/// Stubs are made with the unit; functions may be further away than a call instruction reaches.
fn import(func: &mut Function, name: UserExternalName, signature: SigRef) -> FuncRef {
    let colocated = name.namespace == 1;
    let name = ExternalName::user(func.declare_imported_user_function(name));
    func.import_function(ExtFuncData {
        name,
        signature,
        colocated,
        patchable: false,
    })
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu")?;
    let isa = isa.finish(settings::Flags::new(settings::builder()))?;
    let lower = SysVAggregateLowering::new(&*isa)?;
    let mut unit = Unit::default();

    // long double f(int (*printf)(const char *, ...), char *text, double x, long double (*root)(long double), long double y)
    // { printf(text, x); return root(y); }
    let params = [Type::FN_PTR, Type::PTR, Type::F64, Type::FN_PTR, Type::F80];
    let sig = FnSig::new(params, Type::F80);
    let mut func = Function::new();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let b = &mut builder;
    let (_, entry) = lower.begin(b, &sig)?;

    let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    let printf = printf.at_call([Type::F64])?;
    let callee = entry.value(b, 0)?;
    let args = [
        Arg::value(entry.value(b, 1)?),
        Arg::value(entry.value(b, 2)?),
    ];
    lower.call_sig(&mut unit, b, callee, &printf, &args, Ret::Ignore)?;

    let root = FnSig::new([Type::F80], Type::F80);
    let callee = entry.value(b, 3)?;
    let args = [Arg::memory(entry.address(b, 4)?)];
    let out = lower.call_sig(&mut unit, b, callee, &root, &args, Ret::Parts)?;
    let clif_cabi::Returned::Parts(parts) = out else {
        return Err("two words".into());
    };
    entry.ret(&mut unit, b, Some(&Arg::parts(&parts)))?;
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
    println!("{func}");

    let code = Context::for_function(func)
        .compile(&*isa, &mut ControlPlane::default())
        .map_err(|e| e.inner)?
        .code_info();
    let size = code.total_size;
    println!("{size} bytes of code, and the stubs it jumps through:");
    for stub in &unit.stubs {
        let code = clif_cabi::stub_code(&*isa, stub)?;
        println!("{}: {:02x?}", stub.name(), code.bytes);
    }
    assert_eq!(unit.stubs.len(), 3);
    Ok(())
}
