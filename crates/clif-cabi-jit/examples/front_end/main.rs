//! The code of docs/front-end.md that runs in this process; tests/examples/objects.rs adds object
//! files. The page quotes it word for word, which tests/tests/front_end.rs checks. Later functions
//! use what earlier ones define, as the page is one story.
//!
//! ```text
//! $ cc -O2 -shared -fPIC -o libcalled.so crates/clif-cabi-jit/examples/front_end/called.c
//! $ cargo run -p clif-cabi-jit --example front_end -- ./libcalled.so
//! 0.125
//! ```

use std::error::Error;
use std::ffi::{c_int, c_void};

use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::ir::types::{I32, I64};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi::{Arg, Entry, Lowering, Ret};
use clif_cabi_jit::{Code, Engine, Library, Settings};

pub(crate) mod calls;
mod debugged;
mod dynamic;
use calls::{run_call, run_layouts};
use debugged::run_report;
use dynamic::run_dynamic;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Defines `name`, a function of `sig` that C can call. `body` gets its arguments, and returns from
/// it.
fn define<M: Module>(
    module: &mut M,
    lower: &Lowering,
    (name, sig): (&str, &FnSig),
    body: impl FnOnce(&mut M, &mut FunctionBuilder<'_>, &Entry) -> Result<()>,
) -> Result<FuncId> {
    let function = lower.declare_export(module, name, sig)?;
    let mut ctx = module.make_context();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_block, entry) = lower.begin(&mut builder, sig)?;
    body(module, &mut builder, &entry)?;
    builder.seal_all_blocks();
    builder.finalize(module.target_config());
    module.define_function(function.body, &mut ctx)?;
    Ok(function.id)
}

/// int quotient(int a, int b) { return div(a, b).quot; }
pub(crate) fn quotient<M: Module>(module: &mut M, lower: &Lowering) -> Result<FuncId> {
    // typedef struct { int quot, rem; } div_t;  div_t div(int, int);
    let div_t = RecordBuilder::structure("div_t")
        .field("quot", Type::I32)
        .field("rem", Type::I32)
        .build(lower.target().data_model())?;
    let sig = FnSig::new([Type::I32, Type::I32], div_t.clone());
    let div = lower.declare_import(module, "div", &sig)?;

    let sig = FnSig::new([Type::I32, Type::I32], Type::I32);
    define(
        module,
        lower,
        ("quotient", &sig),
        |module, builder, entry| {
            let a = Arg::value(entry.value(builder, 0)?);
            let b = Arg::value(entry.value(builder, 1)?);
            // As large and as aligned as C writes it.
            let result = lower.slot(builder, &div_t)?;
            lower.call(module, builder, &div, &[a, b], Ret::memory(result))?;
            let quot = builder.ins().load(I32, MemFlagsData::new(), result, 0);
            entry.ret(module, builder, Some(&Arg::value(quot)))?;
            Ok(())
        },
    )
}

fn run_quotient() -> Result<()> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = Lowering::new(engine.isa())?;
    let id = quotient(&mut engine, &lower)?;
    engine.finalize()?;
    // SAFETY: compiled as `int quotient(int, int)`.
    let quotient = unsafe {
        engine
            .code(id)?
            .typed::<extern "C" fn(c_int, c_int) -> c_int>()
    };
    assert_eq!(quotient(17, 5), 3);
    Ok(())
}

#[cfg(windows)]
unsafe extern "C" {
    fn snprintf();
    fn vsnprintf();
}

/// The code of the function that `define` adds to an engine.
fn compiled(define: impl FnOnce(&mut Engine, &Lowering) -> Result<FuncId>) -> Result<Code> {
    let mut engine = Engine::new(&Settings::default())?;
    // msvcrt.dll has neither; they are linked into this program.
    #[cfg(windows)]
    for (name, address) in [
        ("snprintf", snprintf as *const u8),
        ("vsnprintf", vsnprintf as *const u8),
    ] {
        engine.bind(name, address)?;
    }
    let lower = Lowering::new(engine.isa())?;
    let id = define(&mut engine, &lower)?;
    engine.finalize()?;
    Ok(engine.code(id)?)
}

/// void sort(int *numbers, size_t n) { qsort(numbers, n, sizeof(int), compare); }
fn sort<M: Module>(module: &mut M, lower: &Lowering) -> Result<FuncId> {
    // int compare(const void *a, const void *b), which C calls back.
    let sig = FnSig::new([Type::PTR, Type::PTR], Type::I32);
    let compare = define(
        module,
        lower,
        ("compare", &sig),
        |module, builder, entry| {
            let flags = MemFlagsData::new();
            let a = entry.value(builder, 0)?;
            let b = entry.value(builder, 1)?;
            let [a, b] = [a, b].map(|at| builder.ins().load(I32, flags, at, 0));
            let order = builder.ins().isub(a, b);
            entry.ret(module, builder, Some(&Arg::value(order)))?;
            Ok(())
        },
    )?;

    let size = lower.target().data_model().size_type();
    let sig = [Type::PTR, size.clone(), size.clone(), Type::FN_PTR];
    let qsort = lower.declare_import(module, "qsort", &FnSig::new(sig, Type::VOID))?;
    let sig = FnSig::new([Type::PTR, size], Type::VOID);
    define(module, lower, ("sort", &sig), |module, builder, entry| {
        let numbers = entry.value(builder, 0)?;
        let n = entry.value(builder, 1)?;
        let size = builder.ins().iconst(I64, 4);
        let compare = module.declare_func_in_func(compare, builder.func);
        let compare = builder.ins().func_addr(I64, compare);
        let args = [numbers, n, size, compare].map(Arg::value);
        lower.call(module, builder, &qsort, &args, Ret::Ignore)?;
        entry.ret(module, builder, None)?;
        Ok(())
    })
}

/// A function that adds one to a module.
pub(crate) type Define<M> = fn(&mut M, &Lowering) -> Result<FuncId>;

/// The functions of this page that called.c calls, on any target.
pub(crate) fn called<M: Module>() -> [(&'static str, Define<M>); 7] {
    [
        ("sort", sort),
        ("show", calls::show),
        ("note", dynamic::note),
        ("apply", calls::apply),
        ("swap", calls::swap),
        ("rotate", calls::rotate),
        ("tidy", calls::tidy),
    ]
}

/// C calls each of these by a function of called.c.
fn run_called(library: &Library) -> Result<()> {
    let win64: (_, Define<Engine>) = ("ratio", calls::ratio);
    let ratio = cfg!(target_arch = "x86_64").then_some(win64);
    for (name, define) in called().into_iter().chain(ratio) {
        let code = compiled(define)?;
        let check = library.symbol(&format!("check_{name}"))?;
        // SAFETY: it takes a function of this one's signature, which is there meanwhile.
        let is_wrong = unsafe {
            let check: extern "C" fn(*const c_void) -> c_int = std::mem::transmute(check);
            check(code.as_ptr())
        };
        assert_eq!(is_wrong, 0, "{name}");
    }
    Ok(())
}

/// Runs everything; `library` is called.c.
pub(crate) fn run(library: &Library) -> Result<()> {
    run_quotient()?;
    run_called(library)?;
    run_layouts()?;
    run_call()?;
    run_report()?;
    run_dynamic()
}

#[allow(dead_code, reason = "programs that include this one call `run`")]
pub(crate) fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).ok_or("no library of called.c")?;
    // SAFETY: nothing in it runs when it is opened or closed.
    run(&unsafe { Library::open(path) }?)
}
