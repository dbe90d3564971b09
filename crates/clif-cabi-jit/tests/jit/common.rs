//! Shared parts of the tests: engines, functions written as CLIF text or by a lowering, C
//! libraries, children. In CLIF text `u0:N` is the function with id N, `u1:N` the data object with
//! id N.
#![cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    allow(
        dead_code,
        unused_imports,
        reason = "some tests are Linux's, or x86-64's"
    )
)]

mod children;

pub(crate) use core::ffi::{c_int, c_void};
use core::ops::Range;
pub(crate) use std::path::{Path, PathBuf};
pub(crate) use std::process::Command;

pub(crate) use clif_cabi_jit::clif_cabi::cabi::{
    DataModel, FnSig, RecordBuilder, Type, VectorLevel,
};
pub(crate) use clif_cabi_jit::clif_cabi::{
    Arg, CallResult, Entry, LowerError, Lowering, Ret, Stub, StubStep, Stubs, stub_code, stubs_of,
};
use clif_cabi_jit::cranelift_codegen::FinalizedRelocTarget;
pub(crate) use clif_cabi_jit::cranelift_codegen::binemit::Reloc;
pub(crate) use clif_cabi_jit::cranelift_codegen::ir::{
    BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, ExternalName, FuncRef, Function,
    GlobalValueData, InstBuilder, MemFlagsData, SigRef, Signature, StackSlotData, StackSlotKind,
    UserExternalName, Value,
    types::{I32, I64},
};
pub(crate) use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
pub(crate) use clif_cabi_jit::cranelift_module::{
    DataDescription, DataId, FuncId, FuncOrDataId, Init, Linkage, Module, ModuleError, ModuleReloc,
    ModuleRelocTarget,
};
pub(crate) use clif_cabi_jit::{
    CallArg, CallInterface, Closure, ClosureArgs, ClosureInterface, ClosureResult, Closures, Code,
    Cpu, Engine, Error, Invokers, Library, LocalClosure, OptLevel, Personality, RegisterAllocator,
    Result, Settings, TypedCode,
};

pub(crate) use children::{CHILD, aborts, again, alone, child_task};

/// Model of C's types on this system.
pub(crate) const MODEL: &DataModel = match cfg!(windows) {
    true => &DataModel::LLP64_GNU,
    false => &DataModel::LP64,
};

pub(crate) fn engine() -> Engine {
    Engine::new(&Settings::default()).unwrap()
}

pub(crate) fn closures() -> Closures {
    Closures::new(&Settings::default()).unwrap()
}

pub(crate) fn invokers() -> Invokers {
    Invokers::new(&Settings::default()).unwrap()
}

/// Returns every combination of settings that changes the code.
pub(crate) fn all_settings() -> Vec<Settings> {
    let mut list = Vec::new();
    for opt_level in [OptLevel::None, OptLevel::Speed, OptLevel::SpeedAndSize] {
        for allocator in [
            RegisterAllocator::Backtracking,
            RegisterAllocator::SinglePass,
        ] {
            for cpu in [Cpu::Host, Cpu::Baseline] {
                let settings = Settings::default().opt_level(opt_level);
                list.push(settings.register_allocator(allocator).cpu(cpu));
            }
        }
    }
    list
}

/// Returns CLIF text with the C convention of this system in place of System V's, unless it has
/// Windows'. Cranelift has no `try_call` by Windows' convention: a text that calls nothing by one
/// keeps its signature.
pub(crate) fn native(clif: &str) -> String {
    let [own, windows] = ["system_v", "windows_fastcall"];
    let kept = |convention| format!("sig0 = () -> i32 {convention}");
    match cfg!(windows) && !clif.contains(windows) {
        true => (clif.replace(own, windows)).replace(&kept(windows), &kept(own)),
        false => clif.to_owned(),
    }
}

pub(crate) fn parse(clif: &str) -> Function {
    let mut functions = cranelift_reader::parse_functions(&native(clif)).unwrap();
    assert_eq!(functions.len(), 1);
    functions.remove(0)
}

/// Returns a signature such as `(i32, f64) -> i64 system_v`.
pub(crate) fn signature(text: &str) -> Signature {
    parse(&format!(
        "function %s{text} {{\nblock0:\n    trap user1\n}}"
    ))
    .signature
    .clone()
}

/// Defines `id` by CLIF text.
pub(crate) fn define(engine: &mut Engine, id: FuncId, clif: &str) -> Result<()> {
    let mut ctx = engine.make_context();
    ctx.func = parse(clif);
    engine.define(id, &mut ctx)
}

/// Declares and defines an exported function by CLIF text.
pub(crate) fn add(engine: &mut Engine, name: &str, clif: &str) -> FuncId {
    let signature = parse(clif).signature.clone();
    let id = engine.declare_export(name, &signature).unwrap();
    define(engine, id, clif).unwrap();
    id
}

/// Declares and defines the functions of CLIF text, by the names that they have there. The
/// functions and objects that they use by name (`%labs`) are these, those that the engine has
/// declared, and else imports. Returns how many of them call a library routine of Cranelift.
pub(crate) fn program(engine: &mut Engine, clif: &str) -> Result<usize> {
    fn plain(name: impl ToString) -> String {
        name.to_string().trim_start_matches('%').to_owned()
    }
    let functions = cranelift_reader::parse_functions(&native(clif)).unwrap();
    let declare = |own: &Function| engine.declare_export(&plain(&own.name), &own.signature);
    let ids: Result<Vec<FuncId>> = functions.iter().map(declare).collect();
    let mut n_with_routines = 0;
    for (id, mut func) in ids?.into_iter().zip(functions) {
        let user = |func: &mut Function, space, id| {
            let user = func.declare_imported_user_function(UserExternalName::new(space, id));
            ExternalName::User(user)
        };
        for callee in func.dfg.ext_funcs.keys().collect::<Vec<_>>() {
            let own = &func.dfg.ext_funcs[callee];
            if let ExternalName::TestCase(name) = &own.name {
                let (name, signature) = (plain(name), &func.dfg.signatures[own.signature]);
                let callee_id = match engine.get_name(&name) {
                    Some(FuncOrDataId::Func(id)) => id,
                    _ => engine.declare_import(&name, signature)?,
                };
                func.dfg.ext_funcs[callee].name = user(&mut func, 0, callee_id.as_u32());
            }
        }
        for global in func.global_values.keys().collect::<Vec<_>>() {
            let mut own = func.global_values[global].clone();
            if let GlobalValueData::Symbol { name, .. } = &mut own
                && let ExternalName::TestCase(called) = name
                && let Some(FuncOrDataId::Data(id)) = engine.get_name(&plain(called))
            {
                *name = user(&mut func, 1, id.as_u32());
                func.global_values[global] = own;
            }
        }
        let mut ctx = engine.make_context();
        ctx.func = func;
        engine.define(id, &mut ctx)?;
        let code = ctx.compiled_code().unwrap();
        let is_routine = |target: &FinalizedRelocTarget| {
            use FinalizedRelocTarget::ExternalName as Name;
            matches!(target, Name(ExternalName::LibCall(_)))
        };
        let mut relocs = code.buffer.relocs().iter();
        n_with_routines += usize::from(relocs.any(|reloc| is_routine(&reloc.target)));
    }
    Ok(n_with_routines)
}

/// Returns the function `name` of an engine that is finalized.
///
/// # Safety
/// It was compiled as an `F`.
pub(crate) unsafe fn named<F: Copy>(engine: &Engine, name: &str) -> TypedCode<F> {
    let Some(FuncOrDataId::Func(id)) = engine.get_name(name) else {
        panic!("{name}");
    };
    // SAFETY: the caller's.
    unsafe { function(engine, id) }
}

pub(crate) fn import(engine: &mut Engine, name: &str, sig: &str) -> FuncId {
    engine.declare_import(name, &signature(sig)).unwrap()
}

/// Returns the code of `id`.
///
/// # Safety
/// It was compiled as an `F`.
pub(crate) unsafe fn function<F: Copy>(engine: &Engine, id: FuncId) -> TypedCode<F> {
    // SAFETY: the caller's.
    unsafe { engine.code(id).unwrap().typed() }
}

/// Returns a symbol as a function.
///
/// # Safety
/// It is an `F`.
pub(crate) unsafe fn symbol<F: Copy>(engine: &Engine, name: &str) -> F {
    let address = engine.symbol(name).unwrap();
    // SAFETY: the caller answers for the type.
    unsafe { core::mem::transmute_copy(&address) }
}

/// Declares and defines the function `name` of `sig`, as `emit` says after its parameters have been
/// received.
pub(crate) fn exported(
    engine: &mut Engine,
    name: &str,
    sig: &FnSig,
    emit: impl FnOnce(&Lowering, &mut Engine, &mut FunctionBuilder<'_>, Entry),
) -> clif_cabi_jit::clif_cabi::Function {
    let lower = Lowering::new(engine.isa()).unwrap();
    let function = lower.declare_export(engine, name, sig).unwrap();
    let mut ctx = engine.make_context();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, sig).unwrap();
    emit(&lower, engine, &mut builder, entry);
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(function.body, &mut ctx).unwrap();
    function
}

/// An engine whose stubs have other steps.
pub(crate) struct ChangedStubs<'a>(pub &'a mut Engine, pub fn(StubStep) -> Vec<StubStep>);

impl Stubs for ChangedStubs<'_> {
    fn stub(
        &mut self,
        stub: Stub,
        signature: SigRef,
        func: &mut Function,
    ) -> core::result::Result<FuncRef, LowerError> {
        let steps: Vec<StubStep> = stub.steps().iter().copied().flat_map(self.1).collect();
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

/// Returns the type of `long double`, except on systems on which it is a `double`.
pub(crate) fn long_double() -> Type {
    if cfg!(target_arch = "x86_64") {
        Type::F80
    } else {
        Type::F128
    }
}

/// Returns a structure of members of these types.
pub(crate) fn record(members: &[Type]) -> Type {
    let mut builder = RecordBuilder::structure("s");
    for (i, ty) in members.iter().enumerate() {
        builder = builder.field(&format!("m{i}"), ty.clone());
    }
    builder.build(&DataModel::LP64).unwrap()
}

/// Returns `struct { double x; long n; }`.
pub(crate) fn pair() -> Type {
    record(&[Type::F64, Type::I64])
}

/// Returns a structure of one member, aligned to so many bytes.
pub(crate) fn aligned(ty: Type, align: u32) -> Type {
    let record = RecordBuilder::structure("s").field("x", ty);
    record.aligned(align).build(&DataModel::LP64).unwrap()
}

/// The gcc of this target: under an emulator the program starts compilers of the machine that
/// emulates.
pub(crate) const GCC: &str = if cfg!(all(target_arch = "aarch64", target_os = "linux")) {
    "aarch64-linux-gnu-gcc"
} else if cfg!(target_arch = "riscv64") {
    "riscv64-linux-gnu-gcc"
} else if cfg!(target_arch = "s390x") {
    "s390x-linux-gnu-gcc"
} else {
    "gcc"
};

/// Returns the programs among `names` that are here. The others are [not run](not_run).
pub(crate) fn programs_here(names: &[&'static str]) -> Vec<&'static str> {
    // Its status counts too: under valgrind a child is there before its program is found missing.
    let runs = |name: &&str| {
        let output = Command::new(name).arg("--version").output();
        output.is_ok_and(|output| output.status.success())
    };
    let (present, missing): (Vec<_>, Vec<_>) = names.iter().copied().partition(runs);
    for name in missing {
        not_run(&format!("{name} is not here"));
    }
    present
}

/// Prints that `what` is not run, which fails if `CABI_REQUIRE_ORACLES` is set.
#[track_caller]
pub(crate) fn not_run(what: &str) {
    let required = std::env::var_os("CABI_REQUIRE_ORACLES");
    assert!(required.is_none_or(|value| value != "1"), "{what}");
    // Straight to the stream: libtest hides what the print macros write when a test passes.
    let line = format!("not run: {what}\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}

/// Returns the message of a refusal.
#[track_caller]
pub(crate) fn message<T, E: ToString>(result: Result<T, E>) -> String {
    result.err().expect("refused").to_string()
}

/// Returns gcc and clang 19.
pub(crate) fn reference_compilers() -> Vec<&'static str> {
    programs_here(&[GCC, "clang-19"])
}

/// Returns the C++ compilers of this target that are here, with flags.
pub(crate) fn cxx_compilers() -> Vec<(&'static str, Vec<&'static str>)> {
    let (names, flags): (&[&str], &[&str]) = if cfg!(windows) {
        // The compilers of this system make no shared objects.
        (&[], &[])
    } else if GCC == "gcc" {
        (&["g++", "clang++-19"], &[])
    } else {
        // No C++ library to develop with is installed for it, only the one to run.
        let path = match std::env::consts::ARCH {
            "riscv64" => "-L/usr/riscv64-linux-gnu/lib",
            "s390x" => "-L/usr/s390x-linux-gnu/lib",
            _ => "-L/usr/aarch64-linux-gnu/lib",
        };
        (&["clang++-19"], &["-nostdlib++", "-l:libstdc++.so.6", path])
    };
    let here = programs_here(names).into_iter();
    here.map(|cxx| (cxx, [&["-x", "c++"], flags].concat()))
        .collect()
}

/// Returns the personality of C++; handlers of tag 0 are cleanups.
pub(crate) fn gxx() -> Personality {
    let kind = if cfg!(windows) { "seh0" } else { "v0" };
    Personality::new(&format!("__gxx_personality_{kind}")).cleanup(0)
}

/// Returns `CC`, or else `cc` of this target.
pub(crate) fn cc() -> String {
    let own = if GCC == "gcc" { "cc" } else { GCC };
    std::env::var("CC").unwrap_or_else(|_| own.to_owned())
}

#[cfg(unix)]
pub(crate) fn page() -> usize {
    unsafe extern "C" {
        safe fn getpagesize() -> i32;
    }
    usize::try_from(getpagesize()).unwrap()
}

#[cfg(windows)]
pub(crate) fn page() -> usize {
    4096
}

/// Builds C text as a shared library, in the directory cargo gives to tests. It comes into its
/// place at once, in case the same tests run twice at a time.
pub(crate) fn build_library(cc: &str, flags: &[&str], name: &str, text: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let pid = std::process::id();
    let [source, built] = ["c", "so"].map(|kind| directory.join(format!("{name}.{pid}.{kind}")));
    std::fs::write(&source, text).unwrap();
    let target = GCC.strip_suffix("-gcc").filter(|_| cc.starts_with("clang"));
    let status = Command::new(cc)
        .args(target.map(|target| format!("--target={target}")))
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

/// Returns the library that [`build_library`] makes, opened: nothing runs when it is loaded. Tests
/// run at the same time, so that each has a name of its own.
pub(crate) fn library(cc: &str, flags: &[&str], name: &str, text: &str) -> Library {
    let name = format!("{name}_{}", cc.replace(|c: char| !c.is_alphanumeric(), "_"));
    // SAFETY: no text of these tests has a constructor or destructor.
    unsafe { Library::open(build_library(cc, flags, &name, text)) }.unwrap()
}

/// Makes a closure `long f(long)` that adds `by`.
pub(crate) fn adder(interface: &ClosureInterface, by: i64) -> Closure<'static> {
    let add = move |args: &ClosureArgs<'_>, result: &mut ClosureResult<'_>| {
        result.set(args.get::<i64>(0).unwrap() + by).unwrap();
    };
    interface.closure("adder", add).unwrap()
}

/// Calls an [`adder`].
pub(crate) fn call_adder(closure: &Closure, n: i64) -> i64 {
    // SAFETY: it has this signature.
    let code: extern "C" fn(i64) -> i64 = unsafe { core::mem::transmute(closure.code()) };
    code(n)
}

/// Returns the mappings of this process, each with its permissions.
pub(crate) fn mappings() -> Vec<(Range<usize>, String)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapping = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).unwrap());
        (start..end, words.next().unwrap().to_owned())
    };
    maps.lines().map(mapping).collect()
}

/// Checks whether code at this address could be executed.
pub(crate) fn is_executable(address: usize) -> bool {
    let region = region::query(core::ptr::without_provenance::<u8>(address));
    region.is_ok_and(|region| region.is_executable())
}

/// Returns how often a test repeats what it repeats `n` times on a machine of its own: less under
/// an emulator.
pub(crate) fn repeated<T: core::ops::Div<Output = T> + From<u8>>(n: T) -> T {
    match std::env::var_os("CABI_RUNNER") {
        Some(_) => n / T::from(50),
        None => n,
    }
}
