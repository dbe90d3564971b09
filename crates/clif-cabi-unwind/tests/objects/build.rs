//! An object file with functions that a C++ program calls, and the program.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use clif_cabi::{Stub, stub_id};
use clif_cabi_unwind::{Personality, UnwindError, UnwindTables};
use cranelift_codegen::settings::Configurable;
use cranelift_codegen::{Context, isa, settings};
use cranelift_module::{FuncId, Linkage, Module};
use cranelift_object::{ObjectBuilder, ObjectModule};

/// Calls each function, with callees that return and that throw.
pub(crate) const PROGRAM: &str = r#"
extern "C" {
int printf(const char *, ...);
int pass(int (*)(int), int);
int catch_all(int (*)(int), int);
int catch_int(int (*)(int), int);
int cleanup(int (*)(int), int);
int aligned(int (*)(int), int);
int noted;
void note() { ++noted; }
}
static int returns(int n) { return n; }
static int throws(int n) { throw n; }
static int throws_double(int n) { throw n + 0.5; }
int main() {
  try { pass(throws, 7); return 1; } catch (int n) { if (pass(returns, 1) != 2) return 2; printf("pass %d\n", n); }
  printf("catch_all %d\n", catch_all(returns, 3) == 3 ? catch_all(throws, 7) : 0);
  printf("catch_int %d", catch_int(throws, 42));
  try { catch_int(throws_double, 2); return 3; } catch (double d) { printf(" passed %g\n", d); }
  try { cleanup(throws, 1); return 4; } catch (int n) { printf("cleanup %d noted %d\n", n, noted); }
  try { aligned(throws, 9); return 5; } catch (int n) { if (aligned(returns, 1) != 2) return 6; printf("aligned %d\n", n); }
}
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) triple: &'static str,
    runner: &'static [&'static str],
}

pub(crate) const X86_64: Machine = Machine {
    triple: "x86_64-unknown-linux-gnu",
    runner: &[],
};
pub(crate) const AARCH64: Machine = Machine {
    triple: "aarch64-unknown-linux-gnu",
    runner: &["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
};

/// Each machine with each of its C++ compilers that is here.
pub(crate) fn machines() -> Vec<(Machine, &'static str)> {
    let wanted = [
        (X86_64, "g++"),
        (X86_64, "clang++-19"),
        (AARCH64, "clang++-19"),
    ];
    let runs = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let (here, missing): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(machine, compiler)| {
        runs(compiler) && machine.runner.first().is_none_or(|runner| runs(runner))
    });
    for (machine, compiler) in missing {
        not_here(&format!("{compiler} for {}", machine.triple));
    }
    here
}

/// That `what` is missing is printed, and fails where `CABI_REQUIRE_ORACLES` asks for it.
fn not_here(what: &str) {
    let required = std::env::var_os("CABI_REQUIRE_ORACLES").is_some_and(|value| value == "1");
    assert!(!required, "{what} is not here");
    eprintln!("not run: {what} is not here");
}

pub(crate) struct Build {
    module: ObjectModule,
    tables: Option<UnwindTables>,
    compiled: Vec<(FuncId, String, Context)>,
}

fn parse(clif: &str) -> cranelift_codegen::ir::Function {
    cranelift_reader::parse_functions(clif).unwrap().remove(0)
}

impl Build {
    /// The functions of [`PROGRAM`] as Mach-O, with tables of those of which `wanted` says so.
    pub(crate) fn mach_o(triple: &'static str, wanted: impl Fn(&str) -> bool) -> Vec<u8> {
        let runner = &[];
        Self::new(Machine { triple, runner })
            .tables(wanted)
            .object()
    }

    /// The functions of [`PROGRAM`].
    pub(crate) fn new(machine: Machine) -> Self {
        Self::with(machine, |_| {})
    }

    /// An object of `machine`, by a builder that was `changed`.
    pub(crate) fn with(machine: Machine, changed: impl Fn(&mut ObjectBuilder)) -> Self {
        let mut flags = settings::builder();
        flags.set("is_pic", "true").unwrap();
        // AArch64 has it on always.
        flags.set("preserve_frame_pointers", "true").unwrap();
        let isa = isa::lookup_by_name(machine.triple).unwrap();
        let isa = isa.finish(settings::Flags::new(flags)).unwrap();
        let names = cranelift_module::default_libcall_names();
        let mut builder = ObjectBuilder::new(isa, "functions", names).unwrap();
        changed(&mut builder);
        let mut build = Self {
            module: ObjectModule::new(builder),
            tables: None,
            compiled: Vec::new(),
        };
        let mut import = |name: &str, sig: &str| {
            let sig = &parse(&format!("function %f{sig} {{\nblock0:\n trap user1\n}}")).signature;
            let module = &mut build.module;
            module
                .declare_function(name, Linkage::Import, sig)
                .unwrap()
                .as_u32()
        };
        let begin = import("__cxa_begin_catch", "(i64) -> i64 system_v");
        let end = import("__cxa_end_catch", "() system_v");
        let resume = import("_Unwind_Resume", "(i64) system_v");
        let note = import("note", "() system_v");
        let head = "(i64, i32) -> i32 system_v {\n sig0 = (i32) -> i32 system_v\n sig1 = (i64) -> i64 system_v\n sig2 = () system_v\n sig3 = (i64) system_v";
        let enter = "block0(v0: i64, v1: i32):";
        let pass = build.add("pass", &format!("{head}\n{enter}\n v2 = call_indirect sig0, v0(v1)\n v3 = iconst.i32 1\n v4 = iadd v2, v3\n return v4\n}}"));
        let caught = |handler: &str, result: &str| {
            format!(
                "{head}\n fn0 = u0:{begin} sig1\n fn1 = u0:{end} sig2\n{enter}\n try_call_indirect v0(v1), sig0, block1(ret0), [ {handler}: block2(exn0, exn1) ]\nblock1(v2: i32):\n return v2\nblock2(v3: i64, v4: i64):\n v5 = call fn0(v3)\n {result}\n call fn1()\n return v6\n}}"
            )
        };
        build.add("catch_all", &caught("default", "v6 = iconst.i32 -1"));
        build.add("catch_int", &caught("tag1", "v6 = load.i32 v5"));
        build.add("cleanup", &format!("{head}\n fn0 = u0:{note} sig2\n fn1 = u0:{resume} sig3\n{enter}\n try_call_indirect v0(v1), sig0, block1(ret0), [ tag0: block2(exn0, exn1) ]\nblock1(v2: i32):\n return v2\nblock2(v3: i64, v4: i64):\n call fn0()\n call fn1(v3)\n trap user1\n}}"));
        // Calls `pass`, where there is such a stub by one that aligns the stack.
        let stub = format!("__clif_cabi_frame_align64_call{}_leave", pass.as_u32());
        let stub = stub_id(&mut build.module, Stub::from_name(&stub).unwrap());
        let stub = stub.unwrap_or(pass).as_u32();
        build.add("aligned", &format!("(i64, i32) -> i32 system_v {{\n sig0 = (i64, i32) -> i32 system_v\n fn0 = u0:{stub} sig0\n{enter}\n v2 = call fn0(v0, v1)\n return v2\n}}"));
        build
    }

    fn add(&mut self, name: &str, clif: &str) -> FuncId {
        let func = parse(&format!("function %f{clif}"));
        let linkage = Linkage::Export;
        let id = self
            .module
            .declare_function(name, linkage, &func.signature)
            .unwrap();
        let mut ctx = Context::for_function(func);
        self.module.define_function(id, &mut ctx).unwrap();
        self.compiled.push((id, name.to_owned(), ctx));
        id
    }

    /// Has tables of the functions and stubs of which `wanted` says so.
    pub(crate) fn tables(mut self, wanted: impl Fn(&str) -> bool) -> Self {
        let isa = self.module.isa();
        let personality = Personality::new("__gxx_personality_v0");
        let personality = personality.cleanup(0).catches(1, "_ZTIi");
        let mut tables = UnwindTables::new(isa, Some(personality)).unwrap();
        for (id, name, ctx) in &self.compiled {
            if wanted(name) {
                tables
                    .add_function(isa, *id, ctx.compiled_code().unwrap())
                    .unwrap();
            }
        }
        if wanted("__clif_cabi") {
            tables.add_stubs(isa, self.module.declarations()).unwrap();
        }
        self.tables = Some(tables);
        self
    }

    /// The object file.
    pub(crate) fn object(self) -> Vec<u8> {
        self.try_object().unwrap()
    }

    pub(crate) fn try_object(self) -> Result<Vec<u8>, UnwindError> {
        let mut product = self.module.finish();
        if let Some(tables) = self.tables {
            tables.write_object(&mut product)?;
        }
        Ok(product.emit().unwrap())
    }
}

/// A folder of a test's own, which goes with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("{name}.{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn compiler(machine: Machine, compiler: &str) -> Command {
    let mut command = Command::new(compiler);
    if machine == AARCH64 {
        // No C++ library to develop with is installed for it, only the one to run.
        command.args([
            "--target=aarch64-linux-gnu",
            "-nostdlib++",
            "-l:libstdc++.so.6",
        ]);
        command.arg("-L/usr/aarch64-linux-gnu/lib");
    }
    command.args(["-fPIC", "-O1", "-rdynamic"]);
    command
}

/// A shared library of `object`, linked as strictly as the linker can; its messages if it refuses.
pub(crate) fn library(
    machine: Machine,
    cxx: &str,
    folder: &Folder,
    object: &[u8],
) -> Result<PathBuf, String> {
    let [own, library] = ["own.o", "libown.so"].map(|name| folder.0.join(name));
    std::fs::write(&own, object).unwrap();
    let linked = compiler(machine, cxx)
        .args(["-shared", "-Wl,-z,text", "-Wl,--fatal-warnings", "-o"])
        .args([&library, &own])
        .output()
        .unwrap();
    match linked.status.success() {
        true => Ok(library),
        false => Err(String::from_utf8_lossy(&linked.stderr).into_owned()),
    }
}

/// Links [`PROGRAM`] with a library, and runs it; what it printed.
pub(crate) fn run(
    machine: Machine,
    cxx: &str,
    folder: &Folder,
    library: &Path,
) -> (ExitStatus, String) {
    let [source, program] = ["program.cc", "program"].map(|name| folder.0.join(name));
    std::fs::write(&source, PROGRAM).unwrap();
    let linked = compiler(machine, cxx)
        .arg("-o")
        .args([&program, &source])
        .arg(library)
        .output();
    let linked = linked.unwrap();
    let errors = String::from_utf8_lossy(&linked.stderr);
    assert!(linked.status.success(), "{errors}");
    let words = machine.runner.iter().map(std::ffi::OsStr::new);
    let mut words = words.chain([program.as_os_str()]);
    let ran = Command::new(words.next().unwrap())
        .args(words)
        .output()
        .unwrap();
    (
        ran.status,
        String::from_utf8_lossy(&ran.stdout).into_owned(),
    )
}

/// A program of the Rust toolchain's, or None if it is not here.
fn tool(name: &str) -> Option<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir"])
        .output()
        .ok()?;
    let libraries = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    let tool = libraries.join("../bin").join(name);
    tool.is_file().then_some(tool)
}

/// What llvm-objdump says of the unwind tables of a dynamic library of `object`, or None if there is no linker for Mach-O.
pub(crate) fn linked_mach_o(triple: &str, folder: &Folder, object: &[u8]) -> Option<String> {
    let (Some(lld), Some(objdump)) = (tool("gcc-ld/ld64.lld"), tool("llvm-objdump")) else {
        not_here("ld64.lld");
        return None;
    };
    let [own, library] = ["own.o", "libown.dylib"].map(|name| folder.0.join(name));
    std::fs::write(&own, object).unwrap();
    let arch = triple
        .split('-')
        .next()
        .unwrap()
        .replace("aarch64", "arm64");
    let linked = Command::new(lld)
        .args([
            "-arch",
            &arch,
            "-platform_version",
            "macos",
            "11.0",
            "11.0",
            "-dylib",
        ])
        .args(["-undefined", "dynamic_lookup", "-o"])
        .args([&library, &own])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&linked.stderr);
    assert!(linked.status.success() && errors.is_empty(), "{errors}");
    let read = Command::new(objdump)
        .args(["--unwind-info", "--syms", "--dwarf=frames"])
        .arg(library)
        .output();
    Some(String::from_utf8(read.unwrap().stdout).unwrap())
}
