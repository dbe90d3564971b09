//! Objects with an owner, given away to a call and read before they are dropped. A front end's
//! questions about functions before it has them.

use std::ffi::c_int;

use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::types::I64;
use clif_cabi::cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value,
};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::cranelift_module::{Linkage, Module};
use clif_cabi::{Arg, Ret};
use clif_cabi_jit::Code;

use super::{Backend, Result, engine};

/// `struct triple`, which Windows and AArch64 pass by the address of a copy.
fn triple(backend: &Backend<impl Module>) -> Result<Type> {
    let triple = RecordBuilder::structure("triple").field("n", Type::array(&Type::I64, 3)?);
    Ok(triple.build(backend.model())?)
}

/// long fresh(long n) { return sum((struct triple){n, n, n}); }
fn fresh<M: Module>(backend: &mut Backend<M>) -> Result<()> {
    let triple = triple(backend)?;
    let sum = FnSig::new([triple.clone()], Type::I64);
    backend.declare("sum", sum, Linkage::Import)?;
    backend.declare("fresh", FnSig::new([Type::I64], Type::I64), Linkage::Export)?;
    backend.define("fresh", |backend, builder, entry| {
        let n = entry.value(builder, 0)?;
        let object = backend.lower.slot(builder, &triple)?;
        for at in [0, 8, 16] {
            builder.ins().store(MemFlagsData::new(), n, object, at);
        }
        let sum = backend.function("sum")?;
        let (module, lower) = (&mut backend.module, &backend.lower);
        // Nobody else has the object: where C passes the address of a copy, it is this one.
        let args = [Arg::owned_memory(object)];
        let n = lower.call(module, builder, &sum, &args, Ret::Value)?;
        entry.ret(module, builder, n.value().map(Arg::value).as_ref())?;
        Ok(())
    })
}

/// struct longs taken(struct longs *p) { defer clear(p); return *p; }
fn taken<M: Module>(backend: &mut Backend<M>) -> Result<()> {
    let longs = RecordBuilder::structure("longs").field("n", Type::array(&Type::I64, 2)?);
    let longs = longs.build(backend.model())?;
    let pointer = backend.model().pointer();
    let clear = FnSig::new([pointer.clone()], Type::VOID);
    backend.declare("clear", clear, Linkage::Import)?;
    backend.declare("taken", FnSig::new([pointer], longs), Linkage::Export)?;
    backend.define("taken", |backend, builder, entry| {
        let p = entry.value(builder, 0)?;
        let result = entry.return_values(builder, &Arg::memory(p))?;
        backend.call(builder, "clear", &[p])?;
        entry.ret(&mut backend.module, builder, Some(&result))?;
        Ok(())
    })
}

/// Checks whether a variadic function of `sig` can be called with arguments of these types after
/// its named ones, and fetch them.
fn check_unnamed(backend: &Backend<impl Module>, sig: &FnSig, unnamed: &[Type]) -> Result<()> {
    let call = sig.at_call(unnamed.iter().cloned())?;
    Ok(backend.lower.can_lower(&call)?)
}

/// Room for a `va_list` of functions of `sig`, which depends on the target.
fn va_list(
    backend: &Backend<impl Module>,
    builder: &mut FunctionBuilder<'_>,
    sig: &FnSig,
) -> Result<Value> {
    let bytes = backend
        .lower
        .va_arg_plan(sig, &Type::PTR)?
        .list_bytes
        .into();
    let room = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
    let room = builder.create_sized_stack_slot(room);
    Ok(builder.ins().stack_addr(I64, room, 0))
}

/// The functions above, and one whose body is refused.
pub(crate) fn owned<M: Module>(backend: &mut Backend<M>) -> Result<()> {
    fresh(backend)?;
    taken(backend)?;
    let sig = FnSig::new([], Type::VOID);
    backend.declare("half", sig, Linkage::Export)?;
    let refused = backend.define("half", |_, _, _| Err("refused".into()));
    assert!(refused.is_err_and(|error| error.to_string() == "refused"));
    Ok(())
}

#[repr(C)]
struct Triple([i64; 3]);

#[repr(C)]
#[derive(PartialEq, Debug)]
struct Longs([i64; 2]);

extern "C" fn sum(of: Triple) -> i64 {
    of.0.iter().sum()
}

extern "C" fn clear(longs: &mut Longs) {
    longs.0 = [0; 2];
}

pub(crate) fn run_owned() -> Result<()> {
    let mut backend = engine(&[("sum", sum as *const u8), ("clear", clear as *const u8)])?;
    owned(&mut backend)?;
    let first = FnSig::parse("int first(const char *, ...)", backend.model())?;
    check_unnamed(&backend, &first, &[Type::F64, Type::I128])?;
    backend.declare("first", first.clone(), Linkage::Export)?;
    backend.define("first", |backend, builder, entry| {
        let list = va_list(backend, builder, &first)?;
        entry.va_start(builder, list)?;
        let n = backend.lower.va_arg(builder, list, &first, &Type::I32)?;
        entry.ret(&mut backend.module, builder, Some(&Arg::memory(n)))?;
        Ok(())
    })?;
    backend.module.finalize()?;
    let code = |name| -> Result<Code> { Ok(backend.module.code(backend.function(name)?.id)?) };
    let (fresh, taken, first) = (code("fresh")?, code("taken")?, code("first")?);
    // SAFETY: compiled as functions of these types.
    let (fresh, taken, first) = unsafe {
        (
            fresh.typed::<unsafe extern "C" fn(i64) -> i64>(),
            taken.typed::<unsafe extern "C" fn(*mut Longs) -> Longs>(),
            first.typed::<unsafe extern "C" fn(*const u8, ...) -> c_int>(),
        )
    };
    let mut longs = Longs([6, 7]);
    // SAFETY: the object is there, and the unnamed argument is an `int`.
    unsafe {
        assert_eq!((fresh(5), first(c"".as_ptr().cast(), 9)), (15, 9));
        assert_eq!(
            (taken(&raw mut longs), &longs),
            (Longs([6, 7]), &Longs([0, 0]))
        );
    }
    Ok(())
}
