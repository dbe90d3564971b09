//! The code of docs/front-end.md as one program: `cargo run -p cabi-tests --example front_end`. The page quotes it word for word, which
//! `tests/front_end.rs` checks. It is one file because the page is one story: later functions use what earlier ones define.

use std::error::Error;
use std::ffi::{CStr, c_char, c_int, c_long};

use clif_cabi::cabi::convention::CalleePops;
use clif_cabi::cabi::{Convention, FnSig, Member, RecordBuilder, Type, X86_64_SYSV};
use clif_cabi::cranelift_codegen::control::ControlPlane;
use clif_cabi::cranelift_codegen::ir::types::{F64, I32, I64};
use clif_cabi::cranelift_codegen::ir::{
    self, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, ExtFuncData, ExternalName,
    FuncRef, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, UserExternalName,
};
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_codegen::{Context, isa};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Module, default_libcall_names};
use clif_cabi::{Arg, Code, Entry, LowerError, Ret, Returned, Stub, Stubs, SysVAggregateLowering};
use clif_cabi_jit::{Engine, Settings};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Defines `name`, a function of `sig` that C can call. `body` gets its arguments, and returns from it.
fn define<M: Module>(
    module: &mut M,
    lower: &SysVAggregateLowering,
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
fn quotient<M: Module>(module: &mut M, lower: &SysVAggregateLowering) -> Result<FuncId> {
    // typedef struct { int quot, rem; } div_t;  div_t div(int, int);
    let div_t = RecordBuilder::structure("div_t")
        .field("quot", Type::I32)
        .field("rem", Type::I32)
        .build(lower.target().data_model())?;
    let sig = FnSig::new([Type::I32, Type::I32], div_t);
    let div = lower.declare_import(module, "div", &sig)?;

    let sig = FnSig::new([Type::I32, Type::I32], Type::I32);
    define(
        module,
        lower,
        ("quotient", &sig),
        |module, builder, entry| {
            let a = Arg::value(entry.value(builder, 0)?);
            let b = Arg::value(entry.value(builder, 1)?);
            let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 2);
            let slot = builder.create_sized_stack_slot(slot);
            let result = builder.ins().stack_addr(I64, slot, 0);
            lower.call(module, builder, &div, &[a, b], Ret::memory(result))?;
            let quot = builder.ins().load(I32, MemFlagsData::new(), result, 0);
            entry.ret(module, builder, Some(&Arg::value(quot)))?;
            Ok(())
        },
    )
}

fn run_quotient() -> Result<()> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = SysVAggregateLowering::new(engine.isa())?;
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

/// void sort(int *numbers, size_t n) { qsort(numbers, n, sizeof(int), compare); }
fn sort(module: &mut Engine, lower: &SysVAggregateLowering) -> Result<FuncId> {
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

fn run_sort() -> Result<()> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = SysVAggregateLowering::new(engine.isa())?;
    let id = sort(&mut engine, &lower)?;
    engine.finalize()?;
    let code = engine.code(id)?;
    // SAFETY: compiled as `void sort(int *, size_t)`.
    let sort = unsafe { code.typed::<unsafe extern "C" fn(*mut c_int, usize)>() };
    let mut numbers: [c_int; 5] = [3, -1, 4, 1, -5];
    // SAFETY: that many ints are there.
    unsafe { sort(numbers.as_mut_ptr(), numbers.len()) };
    assert_eq!(numbers, [-5, -1, 1, 3, 4]);
    Ok(())
}

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
fn flags(lower: &SysVAggregateLowering) -> Result<Type> {
    let flags = RecordBuilder::structure("flags")
        .member(Member::bit_field("kind", Type::U32, 3))
        .member(Member::bit_field("count", Type::U32, 13))
        .field("level", Type::I16)
        .packed()
        .build(lower.target().data_model())?;
    Ok(flags)
}

fn run_layouts() -> Result<()> {
    let lower = SysVAggregateLowering::new(&*native(false)?)?;
    let (event, flags) = (event()?, flags(&lower)?);
    assert_eq!((event.size(), flags.size(), flags.align()), (24, 4, 1));
    assert!(
        lower
            .call_plan(&FnSig::new([event, flags], Type::VOID))
            .is_ok()
    );
    Ok(())
}

/// int show(char *to, size_t size, double x, float y) { return snprintf(to, size, "%g %g", x, y); }
fn show(
    module: &mut Engine,
    lower: &SysVAggregateLowering,
    format: &'static CStr,
) -> Result<FuncId> {
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
        // C's promotions are done to the values here, and to the types by `call_variadic`.
        let y = builder.ins().fpromote(F64, y);
        let format = builder
            .ins()
            .iconst(I64, format.as_ptr().addr().cast_signed() as i64);
        let args = [to, size, format, x, y].map(Arg::value);
        let unnamed = [Type::F64, Type::F32];
        let n = lower.call_variadic(module, builder, &snprintf, unnamed, &args, Ret::Value)?;
        entry.ret(module, builder, n.value().map(Arg::value).as_ref())?;
        Ok(())
    })
}

fn run_show() -> Result<()> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = SysVAggregateLowering::new(engine.isa())?;
    let id = show(&mut engine, &lower, c"%g %g")?;
    engine.finalize()?;
    type Show = unsafe extern "C" fn(*mut c_char, usize, f64, f32) -> c_int;
    // SAFETY: compiled as `int show(char *, size_t, double, float)`.
    let show = unsafe { engine.code(id)?.typed::<Show>() };
    let mut text = [0_u8; 20];
    // SAFETY: 20 bytes are there, and snprintf ends what it writes.
    let n = unsafe { show(text.as_mut_ptr().cast(), text.len(), 0.5, -2.25) };
    assert_eq!(CStr::from_bytes_until_nul(&text)?, c"0.5 -2.25");
    assert_eq!(n, 9);
    Ok(())
}

/// long apply(struct pair (*f)(struct pair), struct pair *p) { return f(*p).n; }
fn apply(module: &mut Engine, lower: &SysVAggregateLowering) -> Result<FuncId> {
    let pair = RecordBuilder::structure("pair")
        .field("x", Type::F64)
        .field("n", Type::I64)
        .build(lower.target().data_model())?;
    let f = FnSig::new([pair.clone()], pair);
    let sig = FnSig::new([Type::FN_PTR, Type::PTR], Type::I64);
    define(module, lower, ("apply", &sig), |module, builder, entry| {
        let callee = entry.value(builder, 0)?;
        let p = entry.value(builder, 1)?;
        // The argument from memory, the result as parts: xmm0 is x, rax is n.
        let r = lower.call_sig(module, builder, callee, &f, &[Arg::memory(p)], Ret::Parts)?;
        let Returned::Parts(parts) = r else {
            return Err("struct pair has two parts".into());
        };
        entry.ret(module, builder, Some(&Arg::value(parts[1])))?;
        Ok(())
    })
}

#[repr(C)]
struct Pair {
    x: f64,
    n: c_long,
}

extern "C" fn add(p: Pair) -> Pair {
    let Pair { x, n } = p;
    Pair { x, n: n + 1 }
}

fn run_apply() -> Result<()> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = SysVAggregateLowering::new(engine.isa())?;
    let id = apply(&mut engine, &lower)?;
    engine.finalize()?;
    type Apply = unsafe extern "C" fn(extern "C" fn(Pair) -> Pair, *const Pair) -> c_long;
    // SAFETY: compiled as `long apply(struct pair (*)(struct pair), struct pair *)`.
    let apply = unsafe { engine.code(id)?.typed::<Apply>() };
    // SAFETY: the function takes and returns what `apply` calls it with.
    assert_eq!(unsafe { apply(add, &Pair { x: 1.5, n: 41 }) }, 42);
    Ok(())
}

/// int call(int (*f)(const char *, ...), const char *text, double x) { try { return f(text, x); } catch (...) { return -1; } }
fn call(module: &mut Engine, lower: &SysVAggregateLowering) -> Result<FuncId> {
    let f = FnSig::new([Type::PTR], Type::I32).variadic();
    let plan = lower.call_plan(&f.at_call([Type::F64])?)?;
    let sig = FnSig::new([Type::FN_PTR, Type::PTR, Type::F64], Type::I32);
    define(module, lower, ("call", &sig), |module, builder, entry| {
        let f = entry.value(builder, 0)?;
        let args = [
            Arg::value(entry.value(builder, 1)?),
            Arg::value(entry.value(builder, 2)?),
        ];
        // What to call, and with which values: for a variadic function a stub that sets AL and finds the address as its last values.
        let callable = lower.callee(module, builder, &plan, f)?;
        let values = lower.values_in(builder, &plan, &args, Ret::Value)?;
        let values = callable.args(&values);

        let (returned, thrown) = (builder.create_block(), builder.create_block());
        let result = builder.append_block_param(returned, I32);
        let pool = &mut builder.func.dfg.value_lists;
        let normal = BlockCall::new(returned, [BlockArg::TryCallRet(0)], pool);
        let handler = ExceptionTableItem::Default(BlockCall::new(thrown, [], pool));
        let table = ExceptionTableData::new(callable.signature, normal, [handler]);
        let table = builder.func.dfg.exception_tables.push(table);
        match callable.code {
            Code::Function(f) => builder.ins().try_call(f, &values, table),
            Code::Address(f) => builder.ins().try_call_indirect(f, &values, table),
            _ => return Err("another kind of code".into()),
        };

        builder.switch_to_block(thrown);
        let failed = builder.ins().iconst(I32, -1);
        entry.ret(module, builder, Some(&Arg::value(failed)))?;
        builder.switch_to_block(returned);
        let r = lower.values_out(module, builder, &plan, &[result], Ret::Value)?;
        entry.ret(module, builder, r.value().map(Arg::value).as_ref())?;
        Ok(())
    })
}

unsafe extern "C" {
    fn printf(format: *const c_char, ...) -> c_int;
}

fn run_call() -> Result<()> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = SysVAggregateLowering::new(engine.isa())?;
    let id = call(&mut engine, &lower)?;
    engine.finalize()?;
    type Printf = unsafe extern "C" fn(*const c_char, ...) -> c_int;
    type Call = unsafe extern "C" fn(Printf, *const c_char, f64) -> c_int;
    // SAFETY: compiled as `int call(int (*)(const char *, ...), const char *, double)`.
    let call = unsafe { engine.code(id)?.typed::<Call>() };
    // SAFETY: the format takes one double.
    assert_eq!(unsafe { call(printf, c"%.3f\n".as_ptr(), 0.125) }, 6);
    Ok(())
}

/// struct big { long at[5]; };
/// struct big rotate(long, long, long, long, long, struct pair p, struct big b)
/// { return (struct big){{p.n, b.at[0], b.at[1], b.at[2], b.at[3]}}; }
fn rotate(module: &mut Engine, lower: &SysVAggregateLowering) -> Result<FuncId> {
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
        // `p` found no two registers and is on the stack; its parts are the same as if it had.
        let parts = entry.parts(builder, 5)?;
        // In place, where the caller has put it: the function may write there.
        let b = entry.address(builder, 6)?;
        // The caller's object for the result. Built there, it is returned without a copy.
        let sret = entry
            .sret()
            .ok_or("a structure of 40 bytes is returned in memory")?;
        builder.ins().store(flags, parts[1], sret, 0);
        for at in [0, 8, 16, 24] {
            let word = builder.ins().load(I64, flags, b, at);
            builder.ins().store(flags, word, sret, at + 8);
        }
        entry.ret(module, builder, Some(&Arg::memory(sret)))?;
        Ok(())
    })
}

fn run_rotate() -> Result<()> {
    let mut engine = Engine::new(&Settings::default())?;
    let lower = SysVAggregateLowering::new(engine.isa())?;
    let id = rotate(&mut engine, &lower)?;
    engine.finalize()?;
    #[repr(C)]
    struct Two(c_long, c_long);
    #[repr(C)]
    struct Big([c_long; 5]);
    type Long = c_long;
    type Rotate = extern "C" fn(Long, Long, Long, Long, Long, Two, Big) -> Big;
    // SAFETY: compiled with that signature.
    let rotate = unsafe { engine.code(id)?.typed::<Rotate>() };
    let big = rotate(0, 0, 0, 0, 0, Two(8, 9), Big([1, 2, 3, 4, 5]));
    assert_eq!(big.0, [9, 1, 2, 3, 4]);
    Ok(())
}

/// The ISA of x86-64 Linux: for object files position-independent, as C compilers make them by default.
fn native(pic: bool) -> Result<isa::OwnedTargetIsa> {
    let mut flags = settings::builder();
    flags.set("is_pic", if pic { "true" } else { "false" })?;
    flags.set("use_colocated_libcalls", "false")?;
    flags.set("opt_level", "speed")?;
    // A frame of more than a page must not step over the guard page.
    flags.set("enable_probestack", "true")?;
    flags.set("probestack_strategy", "inline")?;
    let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu")?;
    Ok(isa.finish(settings::Flags::new(flags))?)
}

/// `quotient` as an object file.
fn object() -> Result<Vec<u8>> {
    use cranelift_object::{ObjectBuilder, ObjectModule};
    let builder = ObjectBuilder::new(native(true)?, "quotient", default_libcall_names())?;
    let mut module = ObjectModule::new(builder);
    let lower = SysVAggregateLowering::new(module.isa())?;
    quotient(&mut module, &lower)?;
    Ok(module.finish().emit()?)
}

/// Links the object to a program of C, and runs that.
fn run_object() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [object_file, main, program] =
        ["quotient.o", "main.c", "program"].map(|name| folder.path().join(name));
    std::fs::write(&object_file, object()?)?;
    let text = "int quotient(int, int); int main(void) { return quotient(17, 5) == 3 ? 0 : 1; }\n";
    std::fs::write(&main, text)?;
    let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let built = std::process::Command::new(cc)
        .args([&main, &object_file])
        .arg("-o")
        .arg(&program)
        .status()?;
    assert!(built.success());
    assert!(std::process::Command::new(&program).status()?.success());
    Ok(())
}

/// The stubs that the functions of one compilation unit need: symbol `n` of namespace 1 is the n-th of them.
#[derive(Default)]
struct Unit {
    stubs: Vec<Stub>,
}

fn import(namespace: u32, index: u32, signature: ir::SigRef, func: &mut ir::Function) -> FuncRef {
    let name = UserExternalName::new(namespace, index);
    let name = ExternalName::user(func.declare_imported_user_function(name));
    func.import_function(ExtFuncData {
        name,
        signature,
        colocated: namespace == 1,
        patchable: false,
    })
}

impl Stubs for Unit {
    fn stub(
        &mut self,
        stub: Stub,
        signature: ir::SigRef,
        func: &mut ir::Function,
    ) -> std::result::Result<FuncRef, LowerError> {
        let known = self.stubs.iter().position(|known| *known == stub);
        let index = known.unwrap_or(self.stubs.len());
        if known.is_none() {
            self.stubs.push(stub);
        }
        Ok(import(
            1,
            u32::try_from(index).unwrap_or(u32::MAX),
            signature,
            func,
        ))
    }

    /// Only asked for by calls of a `FuncId`, which are yours to give out.
    fn function(
        &mut self,
        id: FuncId,
        signature: ir::SigRef,
        func: &mut ir::Function,
    ) -> std::result::Result<FuncRef, LowerError> {
        Ok(import(0, id.as_u32(), signature, func))
    }
}

/// long double twice(long double (*f)(long double), long double x) { return f(f(x)); }
fn twice() -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let isa = native(false)?;
    let lower = SysVAggregateLowering::new(&*isa)?;
    let mut unit = Unit::default();
    let mut func = ir::Function::new();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut fn_ctx);
    let sig = FnSig::new([Type::FN_PTR, Type::F80], Type::F80);
    let (_, entry) = lower.begin(&mut builder, &sig)?;
    let f = entry.value(&mut builder, 0)?;
    let x = Arg::memory(entry.address(&mut builder, 1)?);
    let root = FnSig::new([Type::F80], Type::F80);
    let y = lower.call_sig(&mut unit, &mut builder, f, &root, &[x], Ret::Parts)?;
    let Returned::Parts(y) = y else {
        return Err("a long double is two parts".into());
    };
    let z = lower.call_sig(
        &mut unit,
        &mut builder,
        f,
        &root,
        &[Arg::Parts(y)],
        Ret::Parts,
    )?;
    let Returned::Parts(z) = z else {
        return Err("a long double is two parts".into());
    };
    entry.ret(&mut unit, &mut builder, Some(&Arg::Parts(z)))?;
    builder.finalize(isa.frontend_config());

    let mut ctx = Context::for_function(func);
    let code = ctx.compile(&*isa, &mut ControlPlane::default());
    let code = code.map_err(|error| error.inner)?.code_buffer().to_vec();
    let pic = isa.flags().is_pic();
    let stubs: std::result::Result<Vec<_>, _> =
        unit.stubs.iter().map(|stub| stub.code(pic)).collect();
    Ok((code, stubs?.into_iter().map(|stub| stub.bytes).collect()))
}

fn run_twice() -> Result<()> {
    let (code, stubs) = twice()?;
    assert!(!code.is_empty());
    // fstp tbyte [rdi]; ret, and fld tbyte [rdi]; ret
    assert_eq!(stubs, [vec![0xdb, 0x3f, 0xc3], vec![0xdb, 0x2f, 0xc3]]);
    Ok(())
}

/// What a refusal is about and what would do is in its message; what to match on is its cause.
fn refused(lower: &SysVAggregateLowering) -> Result<()> {
    static POPS: Convention = {
        let mut pops = X86_64_SYSV;
        pops.name = "pops";
        pops.frame.callee_pops = CalleePops::Everything;
        pops
    };
    let sig = FnSig::new([Type::I32], Type::VOID).convention(&POPS);
    let Err(error) = lower.call_plan(&sig) else {
        return Err("no function of Cranelift's pops its arguments".into());
    };
    assert!(matches!(error.cause(), LowerError::Unsupported { .. }));
    assert_eq!(
        error.to_string(),
        "the convention pops: no Cranelift callee pops its arguments (x86_64-unknown-linux-gnu)"
    );
    Ok(())
}

pub(crate) fn main() -> Result<()> {
    run_quotient()?;
    run_sort()?;
    run_layouts()?;
    run_show()?;
    run_apply()?;
    run_call()?;
    run_rotate()?;
    run_object()?;
    run_twice()?;
    refused(&SysVAggregateLowering::new(&*native(false)?)?)
}
