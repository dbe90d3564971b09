//! Functions written as CLIF text, compiled by an engine. In the text `u0:N` is the function with id N, `u1:N` the data
//! object with id N.
#![allow(dead_code, unreachable_pub)] // each test file uses some of it

use core::ffi::c_void;
use core::ops::Range;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clif_cabi_jit::clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi_jit::clif_cabi::{Arg, Entry, LowerError, Lowering, Ret, Step, Stub, Stubs};
use clif_cabi_jit::cranelift_codegen::ir::{
    FuncRef, Function, InstBuilder, MemFlagsData, SigRef, Signature, types::I64,
};
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{
    Closure, ClosureArgs, ClosureInterface, ClosureResult, Cpu, Engine, Library, OptLevel,
    RegisterAllocator, Result, Settings, TypedCode,
};

pub fn engine() -> Engine {
    Engine::new(&Settings::default()).unwrap()
}

/// Every combination of settings that changes the code.
pub fn all_settings() -> Vec<Settings> {
    let mut all = Vec::new();
    for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::SpeedAndSize] {
        for allocator in [
            RegisterAllocator::Backtracking,
            RegisterAllocator::SinglePass,
        ] {
            for cpu in [Cpu::Host, Cpu::Baseline] {
                let settings = Settings::default().opt_level(opt_level);
                all.push(settings.register_allocator(allocator).cpu(cpu));
            }
        }
    }
    all
}

pub fn parse(clif: &str) -> Function {
    let mut functions = cranelift_reader::parse_functions(clif).unwrap();
    assert_eq!(functions.len(), 1);
    functions.remove(0)
}

/// A signature such as `(i32, f64) -> i64 system_v`.
pub fn signature(text: &str) -> Signature {
    parse(&format!(
        "function %s{text} {{\nblock0:\n    trap user1\n}}"
    ))
    .signature
    .clone()
}

/// Defines `id` by CLIF text.
pub fn define(engine: &mut Engine, id: FuncId, clif: &str) -> Result<()> {
    let mut ctx = engine.make_context();
    ctx.func = parse(clif);
    engine.define(id, &mut ctx)
}

/// Declares and defines an exported function by CLIF text.
pub fn add(engine: &mut Engine, name: &str, clif: &str) -> FuncId {
    let signature = parse(clif).signature.clone();
    let id = engine.declare_export(name, &signature).unwrap();
    define(engine, id, clif).unwrap();
    id
}

pub fn import(engine: &mut Engine, name: &str, sig: &str) -> FuncId {
    engine.declare_import(name, &signature(sig)).unwrap()
}

/// The code of `id`.
///
/// # Safety
/// It was compiled as an `F`.
pub unsafe fn function<F: Copy>(engine: &Engine, id: FuncId) -> TypedCode<F> {
    // SAFETY: the caller's.
    unsafe { engine.code(id).unwrap().typed() }
}

/// Defines the function `id` of `sig`, as `emit` says after its parameters have been received.
pub fn lowered(
    engine: &mut Engine,
    lower: &Lowering,
    id: FuncId,
    sig: &FnSig,
    emit: impl FnOnce(&mut Engine, &mut FunctionBuilder<'_>, Entry),
) {
    let mut ctx = engine.make_context();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, sig).unwrap();
    emit(engine, &mut builder, entry);
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(id, &mut ctx).unwrap();
}

/// The exported function `name` of `sig`, defined so.
pub fn exported(
    engine: &mut Engine,
    lower: &Lowering,
    name: &str,
    sig: &FnSig,
    emit: impl FnOnce(&mut Engine, &mut FunctionBuilder<'_>, Entry),
) -> clif_cabi_jit::clif_cabi::Function {
    let function = lower.declare_export(engine, name, sig).unwrap();
    lowered(engine, lower, function.body, sig, emit);
    function
}

/// An engine whose stubs have other steps.
pub struct Changed<'a>(pub &'a mut Engine, pub fn(Step) -> Vec<Step>);

impl Stubs for Changed<'_> {
    fn stub(
        &mut self,
        stub: Stub,
        signature: SigRef,
        func: &mut Function,
    ) -> core::result::Result<FuncRef, LowerError> {
        let steps: Vec<Step> = stub.steps().iter().copied().flat_map(self.1).collect();
        self.0.stub(Stub::new(&steps).unwrap(), signature, func)
    }

    fn function(
        &mut self,
        id: FuncId,
        signature: SigRef,
        func: &mut Function,
    ) -> core::result::Result<FuncRef, LowerError> {
        self.0.function(id, signature, func)
    }
}

/// `void f(void *const *data)`: calls `callee` as `sig`, with the arguments at the addresses from `data[1]` on, and the result to `data[0]`.
pub fn caller(
    engine: &mut Engine,
    callee: *const c_void,
    sig: &FnSig,
    steps: fn(Step) -> Vec<Step>,
) -> extern "C" fn(*const *const u8) {
    let lower = Lowering::new(engine.isa()).unwrap();
    let own = FnSig::new([Type::PTR], Type::VOID);
    let signature = lower.entry_plan(&own).unwrap();
    let id = engine.declare_local(signature.signature()).unwrap();
    lowered(engine, &lower, id, &own, |engine, builder, entry| {
        let data = entry.value(builder, 0).unwrap();
        let mut load = |i: usize| {
            let offset = i32::try_from(8 * i).unwrap();
            builder.ins().load(I64, MemFlagsData::new(), data, offset)
        };
        let result = load(0);
        let args = (1..=sig.params().len()).map(|i| Arg::memory(load(i)));
        let args: Vec<Arg> = args.collect();
        let callee = builder
            .ins()
            .iconst(I64, callee.addr().cast_signed() as i64);
        let ret = match sig.result().size() {
            0 => Ret::Ignore,
            _ => Ret::memory(result),
        };
        let mut stubs = Changed(engine, steps);
        let made = lower.call_sig(&mut stubs, builder, callee, sig, &args, ret);
        made.unwrap();
        entry.ret(engine, builder, None).unwrap();
    });
    engine.finalize().unwrap();
    // SAFETY: compiled so; the engine lives as long as the test.
    unsafe { core::mem::transmute(engine.code(id).unwrap().as_ptr()) }
}

/// `long double` of this target, but for systems on which it is a `double`.
pub fn long_double() -> Type {
    if cfg!(target_arch = "x86_64") {
        Type::F80
    } else {
        Type::F128
    }
}

/// A structure of members of these types.
pub fn record(members: &[Type]) -> Type {
    let mut builder = RecordBuilder::structure("s");
    for (i, ty) in members.iter().enumerate() {
        builder = builder.field(&format!("m{i}"), ty.clone());
    }
    builder.build(&DataModel::LP64).unwrap()
}

/// `struct { double x; long n; }`
pub fn pair() -> Type {
    record(&[Type::F64, Type::I64])
}

/// A structure of one member, aligned to so many bytes.
pub fn aligned(ty: Type, align: u32) -> Type {
    let record = RecordBuilder::structure("s").field("x", ty);
    record.aligned(align).build(&DataModel::LP64).unwrap()
}

/// The gcc of this target: under an emulator the program starts compilers of the machine that emulates.
pub const GCC: &str = if cfg!(all(target_arch = "aarch64", target_os = "linux")) {
    "aarch64-linux-gnu-gcc"
} else {
    "gcc"
};

/// gcc, and clang 19 where it is. That it is not here is printed, and fails where `CABI_REQUIRE_ORACLES` asks for it.
pub fn reference_compilers() -> Vec<&'static str> {
    let runs = |cc: &&str| Command::new(cc).arg("--version").output().is_ok();
    let here: Vec<_> = [GCC, "clang-19"].into_iter().filter(runs).collect();
    if here.len() < 2 {
        let required = std::env::var_os("CABI_REQUIRE_ORACLES").is_some_and(|value| value == "1");
        assert!(!required, "of {GCC} and clang-19, only {here:?} are here");
        // Straight to the stream: libtest hides what the print macros write when a test passes.
        let line = format!("not run: {GCC} and clang-19 are asked, only {here:?} are here\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    }
    here
}

/// `CC`, or else `cc` of this target.
pub fn cc() -> String {
    let own = if GCC == "gcc" { "cc" } else { GCC };
    std::env::var("CC").unwrap_or_else(|_| own.to_owned())
}

unsafe extern "C" {
    safe fn getpagesize() -> i32;
}

/// Bytes of a page.
pub fn page() -> usize {
    usize::try_from(getpagesize()).unwrap()
}

/// Builds C text as a shared library, in the directory cargo gives to tests. It comes into its place at once, in case the
/// same tests run twice at a time.
pub fn build_library(cc: &str, flags: &[&str], name: &str, text: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let own = std::process::id();
    let [source, built] = ["c", "so"].map(|kind| directory.join(format!("{name}.{own}.{kind}")));
    std::fs::write(&source, text).unwrap();
    let status = Command::new(cc)
        .args((GCC != "gcc" && cc.starts_with("clang")).then_some("--target=aarch64-linux-gnu"))
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror"])
        .args(flags)
        // Also where there are nested functions, which are not called through their trampolines.
        .args(["-Wl,-z,noexecstack", "-o"])
        .args([&built, &source])
        .status();
    assert!(status.expect("a C compiler").success());
    let library = directory.join(format!("lib{name}.so"));
    std::fs::rename(built, &library).unwrap();
    std::fs::remove_file(source).unwrap();
    library
}

/// The same, opened: nothing runs when it is loaded. Tests run at the same time, so that each has a name of its own.
pub fn library(cc: &str, flags: &[&str], name: &str, text: &str) -> Library {
    let name = format!("{name}_{}", cc.replace(|c: char| !c.is_alphanumeric(), "_"));
    // SAFETY: no text of these tests has a constructor or destructor.
    unsafe { Library::open(build_library(cc, flags, &name, text)) }.unwrap()
}

/// `long f(long)` that adds `by`.
pub fn adder(interface: &ClosureInterface, by: i64) -> Closure {
    let add = move |args: &ClosureArgs<'_>, result: &mut ClosureResult<'_>| {
        result.set(args.get::<i64>(0).unwrap() + by).unwrap();
    };
    interface.closure("adder", add).unwrap()
}

/// Calls an [`adder`].
pub fn call_adder(closure: &Closure, n: i64) -> i64 {
    // SAFETY: it has this signature.
    let code: extern "C" fn(i64) -> i64 = unsafe { core::mem::transmute(closure.code()) };
    code(n)
}

/// The mappings of this process, each with its permissions.
pub fn mappings() -> Vec<(Range<usize>, String)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapping = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).unwrap());
        (start..end, words.next().unwrap().to_owned())
    };
    maps.lines().map(mapping).collect()
}

/// Whether code at this address could be executed.
pub fn is_executable(address: usize) -> bool {
    let is = |(range, permissions): &(Range<usize>, String)| {
        range.contains(&address) && permissions.contains('x')
    };
    mappings().iter().any(is)
}

/// How often something is done that is done `n` times on a machine of its own: less under an emulator.
pub fn repeated<T: core::ops::Div<Output = T> + From<u8>>(n: T) -> T {
    match std::env::var_os("CABI_RUNNER") {
        Some(_) => n / T::from(50),
        None => n,
    }
}

/// Runs `test` of this program again as a child, in which the variable `name` is `value`: its signal or its exit code, and what it printed.
pub fn again(test: &str, name: &str, value: &str) -> (Output, String) {
    // What runs programs of this target, if it is not the machine itself: an emulator with its arguments.
    let runner = std::env::var("CABI_RUNNER").unwrap_or_default();
    let program = std::env::current_exe().unwrap();
    let mut words = runner
        .split_whitespace()
        .map(OsStr::new)
        .chain([program.as_os_str()]);
    let child = Command::new(words.next().unwrap())
        .args(words)
        .args(["--exact", test, "--nocapture"])
        .env(name, value)
        .output()
        .unwrap();
    let [text, error] = [&child.stdout, &child.stderr].map(|text| String::from_utf8_lossy(text));
    let all = format!("{text}{error}");
    (child, all)
}
