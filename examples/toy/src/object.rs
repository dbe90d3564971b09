//! Output for any target that is lowered: CLIF, an object file, and a program that the system's C
//! compiler links.

use crate::lower::{CompiledFunction, Program, personality};
use cabi::Target;
use clif_cabi::Lowering;
use clif_cabi_unwind::UnwindModule;
use cranelift_codegen::ir::UserFuncName;
use cranelift_codegen::isa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_module::{Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns an empty object file. Exceptions pass through its functions, and those of C++ and of
/// other languages can be caught there. A target that is not lowered is refused here.
pub(crate) fn module(target: &Target) -> Result<UnwindModule, Box<dyn Error>> {
    if target.name() == "aarch64-pc-windows-msvc" {
        return Err("cranelift-object has no relocations for addresses in its code".into());
    }
    let mut flags = settings::builder();
    for name in ["is_pic", "preserve_frame_pointers", "enable_probestack"] {
        flags.enable(name)?;
    }
    flags.set("probestack_strategy", "inline")?;
    let isa = isa::lookup_by_name(target.name())?.finish(settings::Flags::new(flags))?;
    Lowering::new(&*isa)?;
    let module = ObjectModule::new(ObjectBuilder::new(isa, "toy", default_libcall_names())?);
    let personality = personality(module.isa().triple());
    Ok(UnwindModule::new(module, Some(personality))?)
}

/// Returns the object file of a program's functions, which were compiled into `module`.
pub(crate) fn emit(
    mut module: UnwindModule,
    functions: Vec<CompiledFunction>,
) -> Result<Vec<u8>, Box<dyn Error>> {
    for mut function in functions {
        let defined = module.define_function(function.func, &mut function.context);
        defined.map_err(|why| format!("{}: {why:?}", function.name))?;
    }
    Ok(module.finish()?.emit()?)
}

/// Returns the CLIF of the program's functions.
pub(crate) fn clif(program: Program) -> String {
    let functions = program.functions.into_iter().map(|function| {
        let mut func = function.context.func;
        func.name = UserFuncName::testcase(function.name.as_bytes());
        format!("; {}\n{}\n", function.name, func.display())
    });
    functions.collect()
}

/// C code that makes function pointers of closures, as `jit.rs` does. It is compiled
/// when a program is linked, for its machine.
const CLOSURES: &str = include_str!("closures.c");

/// Links `object`, of `program`, as the program `output`. The C compiler is `$CC`, with its flags
/// if it has some, else `cc`. The error is its message. Libraries are looked for in `directories`
/// first, now and when the program runs.
pub(crate) fn link(
    program: &Program,
    object: &[u8],
    directories: &[PathBuf],
    target: &Target,
    output: &Path,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::Builder::new().prefix("toy-").tempdir()?;
    let [own, closures] = ["program.o", "closures.c"].map(|name| folder.path().join(name));
    std::fs::write(&own, object)?;
    let compiler = std::env::var("CC").unwrap_or_default();
    let mut words = compiler.split_whitespace();
    let name = words.next().unwrap_or("cc");
    let mut command = Command::new(name);
    command.args(words).args(["-O1", "-o"]);
    command.arg(output).arg(own);
    if program.has_closures {
        std::fs::write(&closures, CLOSURES)?;
        command.arg(closures);
    }
    for directory in directories {
        let path = std::path::absolute(directory)?;
        command.arg("-L").arg(&path);
        if !target.name().contains("windows") {
            command.args(["-Xlinker", "-rpath", "-Xlinker"]).arg(&path);
        }
    }
    let libraries = program.libraries.iter();
    command.args(libraries.map(|name| library(name, target.name())));
    let result = command
        .output()
        .map_err(|why| format!("the C compiler {name}: {why}"))?;
    if !result.status.success() {
        let why = String::from_utf8_lossy(&result.stderr);
        return Err(format!("{name}: {}\n{why}", result.status).into());
    }
    Ok(())
}

/// Returns the argument that names a library to the linker of a system.
fn library(name: &str, target: &str) -> String {
    let ends = [".dll", ".dylib", ".so"];
    let stem = ends.iter().find_map(|end| name.strip_suffix(end));
    let stem = stem.unwrap_or(name);
    match stem.strip_prefix("lib").unwrap_or(stem) {
        _ if name.starts_with('/') => name.to_owned(),
        // A file, not an option.
        _ if name.contains('/') => format!("./{name}"),
        _ if target.contains("windows") => format!("-l{stem}"),
        stem if target.contains("apple") => format!("-l{stem}"),
        // The name of its file, which includes the version.
        _ => format!("-l:{name}"),
    }
}
