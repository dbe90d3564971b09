//! Object files, and stubs without a module: the rest of docs/front-end.md, after the program that
//! this one includes. `cargo run -p cabi-tests --example objects`

use std::process::{Command, Stdio};

use cabi_tests::isa::isa_of;
use cabi_verify::build::InstalledCompilers;
use cabi_verify::report::missing;
use cabi_verify::run::starts;
use clif_cabi::cabi::convention::CalleePops;
use clif_cabi::cabi::{Convention, FnSig, Type, X86_64_SYSV};
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::control::ControlPlane;
use clif_cabi::cranelift_codegen::ir::{
    self, ExtFuncData, ExternalName, FuncRef, UserExternalName,
};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Module, default_libcall_names};
use clif_cabi::{Arg, CallResult, LowerError, Lowering, PlanError, Ret, Stub, Stubs, stub_code};
use clif_cabi_jit::Library;
use clif_cabi_unwind::{Personality, UnwindModule};
use cranelift_object::{ObjectBuilder, ObjectModule};

#[path = "../../crates/clif-cabi-jit/examples/front_end/main.rs"]
mod front_end;
use front_end::calls::call;
use front_end::{Result, called, quotient};

const CALLED: &str = include_str!("../../crates/clif-cabi-jit/examples/front_end/called.c");

/// The target of the objects that are linked to programs of this machine.
const LINUX: &str = "x86_64-unknown-linux-gnu";

/// `quotient` and `call` as an object file.
fn object() -> Result<Vec<u8>> {
    let builder = ObjectBuilder::new(isa_of(LINUX)?, "functions", default_libcall_names())?;
    let personality = Personality::new("__gxx_personality_v0");
    let mut module = UnwindModule::new(ObjectModule::new(builder), Some(personality))?;
    let lower = Lowering::new(module.isa())?;
    quotient(&mut module, &lower)?;
    call(&mut module, &lower)?;
    Ok(module.finish()?.emit()?)
}

const MAIN: &str = r#"
extern "C" int quotient(int, int), call(int (*)(const char *, ...), const char *, double), printf(const char *, ...);
int throws(const char *, ...) { throw 1; }
int main() { return quotient(17, 5) == 3 && call(printf, "%.3f\n", 0.125) == 6 && call(throws, "", 0) == -1 ? 0 : 1; }
"#;

/// Links the object to a program of C++, and runs that.
fn run_object() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [object_file, main, library, program] =
        ["functions.o", "main.cc", "libfunctions.so", "program"]
            .map(|name| folder.path().join(name));
    std::fs::write(&object_file, object()?)?;
    std::fs::write(&main, MAIN)?;
    let cxx = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    if let Err(why) = starts(&cxx) {
        missing(&format!("an object file in a program of C++: {why}"));
        return Ok(());
    }
    let linked = |args: &[&std::ffi::OsStr]| -> Result<()> {
        assert!(Command::new(&cxx).args(args).status()?.success());
        Ok(())
    };
    let [object_file, main, library, out] =
        [&object_file, &main, &library, &program].map(|path| path.as_os_str());
    linked(&[main, object_file, "-o".as_ref(), out])?;
    assert!(Command::new(&program).status()?.success());
    // Position-independent, its tables too.
    linked(&[
        "-shared".as_ref(),
        "-Wl,-z,text".as_ref(),
        object_file,
        "-o".as_ref(),
        library,
    ])?;
    Ok(())
}

/// The functions that called.c calls as an object file of any target.
fn called_object(triple: &str) -> Result<Vec<u8>> {
    let builder = ObjectBuilder::new(isa_of(triple)?, "called", default_libcall_names())?;
    let mut module = ObjectModule::new(builder);
    let lower = Lowering::new(module.isa())?;
    for (_, define) in called() {
        define(&mut module, &lower)?;
    }
    Ok(module.finish().emit()?)
}

/// Makes the object file for every target; C calls its functions in a program of each whose
/// compiler and emulator are here.
fn run_linked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name| folder.path().join(name);
    std::fs::write(file("main.c"), CALLED)?;
    for (triple, cc, emulator) in [
        (LINUX, "cc", "env"),
        (
            "aarch64-unknown-linux-gnu",
            "aarch64-linux-gnu-gcc",
            "qemu-aarch64",
        ),
        (
            "riscv64gc-unknown-linux-gnu",
            "riscv64-linux-gnu-gcc",
            "qemu-riscv64",
        ),
        (
            "s390x-unknown-linux-gnu",
            "s390x-linux-gnu-gcc",
            "qemu-s390x",
        ),
        ("x86_64-pc-windows-gnu", "x86_64-w64-mingw32-gcc", "wine"),
        ("aarch64-apple-darwin", "", ""),
        ("x86_64-pc-windows-msvc", "", ""),
    ] {
        std::fs::write(file("called.o"), called_object(triple)?)?;
        if cc.is_empty() {
            continue;
        }
        if let Err(why) = starts(cc).and_then(|()| starts(emulator)) {
            missing(&format!("functions of {triple}: {why}"));
            continue;
        }
        let mut cc = Command::new(cc);
        cc.args(["-O2", "-static", "-DMAIN", "main.c", "called.o"]);
        cc.args(["-o", "program.exe"]).current_dir(folder.path());
        let linked = cc.status()?;
        let mut run = Command::new(emulator);
        run.env("WINEPREFIX", file("wine")).stderr(Stdio::null());
        let run = run.arg(file("program.exe")).status()?;
        assert!(
            linked.success() && run.success(),
            "{triple}: {linked}, {run}"
        );
    }
    Ok(())
}

/// The stubs that the functions of one compilation unit need: symbol `n` of namespace 1 is the n-th
/// of them.
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

    /// Only calls of a `FuncId` ask for this, and you give those out.
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
    let isa = isa_of(LINUX)?;
    let lower = Lowering::new(&*isa)?;
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
    let CallResult::Parts(y) = y else {
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
    let CallResult::Parts(z) = z else {
        return Err("a long double is two parts".into());
    };
    entry.ret(&mut unit, &mut builder, Some(&Arg::Parts(z)))?;
    builder.finalize(isa.frontend_config());

    let mut ctx = Context::for_function(func);
    let code = ctx.compile(&*isa, &mut ControlPlane::default());
    let code = code.map_err(|error| error.inner)?.code_buffer().to_vec();
    let stubs = unit.stubs.iter().map(|stub| stub_code(&*isa, stub));
    let stubs = stubs.collect::<std::result::Result<Vec<_>, _>>();
    Ok((code, stubs?.into_iter().map(|stub| stub.bytes).collect()))
}

fn run_twice() -> Result<()> {
    let (code, stubs) = twice()?;
    assert!(!code.is_empty());
    // fstp tbyte [rdi]; ret, and fld tbyte [rdi]; ret
    assert_eq!(stubs, [vec![0xdb, 0x3f, 0xc3], vec![0xdb, 0x2f, 0xc3]]);
    Ok(())
}

/// The message of a refusal is for people; its cause is for code.
fn refused(lower: &Lowering) -> Result<()> {
    static POPS: Convention = {
        let mut pops = X86_64_SYSV;
        pops.name = "pops";
        pops.frame.callee_pops = CalleePops::Everything;
        pops
    };
    let sig = FnSig::new([Type::I32], Type::VOID).convention(&POPS);
    let Err(error) = lower.call_plan(&sig) else {
        return Err("no System V function of Cranelift's pops its arguments".into());
    };
    assert!(matches!(
        error.cause(),
        LowerError::Plan(PlanError::Unsupported { .. })
    ));
    assert_eq!(
        error.to_string(),
        "the convention pops: callees pop other arguments than Cranelift's functions do (x86_64-unknown-linux-gnu)"
    );
    Ok(())
}

pub(crate) fn main() -> Result<()> {
    let installed = InstalledCompilers::find();
    let cc = installed.references.first().ok_or("no C compiler")?;
    let built = cc.build(CALLED, &["-O2"])?;
    // SAFETY: nothing in it runs when it is opened or closed.
    front_end::run(&unsafe { Library::open(&built.object) }?)?;
    run_object()?;
    run_linked()?;
    run_twice()?;
    refused(&Lowering::new(&*isa_of(LINUX)?)?)
}
