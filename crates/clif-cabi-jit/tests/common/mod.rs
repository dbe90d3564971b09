//! Functions written as CLIF text, compiled by an engine. In the text `u0:N` is the function with id N, `u1:N` the data
//! object with id N.
#![allow(dead_code, unreachable_pub)] // each test file uses some of it

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clif_cabi_jit::cranelift_codegen::ir::{Function, Signature};
use clif_cabi_jit::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{Cpu, Engine, OptLevel, RegisterAllocator, Result, Settings};

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

/// gcc, and clang 19 where it is. That it is not here is printed, and fails where `CABI_REQUIRE_ORACLES` asks for it.
pub fn reference_compilers() -> Vec<&'static str> {
    let runs = |cc: &&str| Command::new(cc).arg("--version").output().is_ok();
    let here: Vec<_> = ["gcc", "clang-19"].into_iter().filter(runs).collect();
    if here.len() < 2 {
        let required = std::env::var_os("CABI_REQUIRE_ORACLES").is_some_and(|value| value == "1");
        assert!(!required, "of gcc and clang-19, only {here:?} are here");
        // Straight to the stream: libtest hides what the print macros write when a test passes.
        let line = format!("not run: gcc and clang-19 are asked, only {here:?} are here\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    }
    here
}

/// Builds C text as a shared library, in the directory cargo gives to tests. It comes into its place at once, in case the
/// same tests run twice at a time.
pub fn build_library(name: &str, text: &str) -> PathBuf {
    let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    build_library_by(cc, name, text)
}

/// The same by the compiler `cc`.
pub fn build_library_by(cc: impl AsRef<OsStr>, name: &str, text: &str) -> PathBuf {
    build_library_with(cc, &[], name, text)
}

/// The same by a compiler with flags of its own.
pub fn build_library_with(
    cc: impl AsRef<OsStr>,
    flags: &[&str],
    name: &str,
    text: &str,
) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let own = std::process::id();
    let [source, built] = ["c", "so"].map(|kind| directory.join(format!("{name}.{own}.{kind}")));
    std::fs::write(&source, text).unwrap();
    let status = Command::new(cc)
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
