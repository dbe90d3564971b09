//! An object file that is linked to C, and headers.

use std::ffi::c_int;
use std::process::Command;

use cabi_header::{HeaderError, Options, parse};
use cabi_tests::isa::isa_of;
use clif_cabi::Arg;
use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::ir::types::I32;
use clif_cabi::cranelift_codegen::ir::{InstBuilder, MemFlagsData};
use clif_cabi::cranelift_module::{Linkage, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};

use super::owned::owned;
use super::values::values;
use super::{Backend, Result, engine, finished, total};

/// `total` and the functions of values.rs and owned.rs as an object file.
fn object() -> Result<Vec<u8>> {
    let isa = isa_of("x86_64-unknown-linux-gnu")?;
    let builder = ObjectBuilder::new(isa, "functions", default_libcall_names())?;
    let mut backend = Backend::new(ObjectModule::new(builder))?;
    total(&mut backend)?;
    values(&mut backend)?;
    owned(&mut backend)?;
    Ok(backend.module.finish().emit()?)
}

/// The object file of x86-64 Linux, linked to a C program, which calls each function.
pub(crate) fn run_linked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name| folder.path().join(name);
    std::fs::write(file("functions.o"), object()?)?;
    std::fs::write(file("main.c"), include_str!("linked.c"))?;
    let mut cc = Command::new("cc");
    cc.args(["-O2", "main.c", "functions.o", "-lm", "-o", "program"]);
    let linked = cc.current_dir(folder.path()).status()?;
    let run = Command::new(file("program")).status()?;
    assert!(linked.success() && run.success(), "{linked}, {run}");
    Ok(())
}

impl<M: Module> Backend<M> {
    /// Declares every function of a header that can be called; says why another is not there.
    fn import_header(&mut self, text: &str) -> Result<Vec<String>> {
        let target = format!("--target={}", self.lower.target().name());
        let header = parse(text, &Options::new().arg(target).records_of_target())?;
        let mut left_out = Vec::new();
        for prototype in &header.prototypes {
            let sig = prototype.signature();
            match self.lower.can_lower(&sig) {
                Ok(()) => self.declare(&prototype.symbol, sig, Linkage::Import)?,
                Err(error) => left_out.push(error.to_string()),
            }
        }
        let skipped = header.skipped.iter();
        left_out.extend(skipped.map(|skipped| format!("{}: {}", skipped.name, skipped.reason)));
        Ok(left_out)
    }
}

pub(crate) fn run_headers() -> Result<()> {
    let mut backend = engine(&[])?;
    let left_out = match backend.import_header(
        "typedef struct { int quot, rem; } div_t;
         div_t div(int, int);
         __attribute__((vectorcall)) double product(double);",
    ) {
        Err(error) if error.is::<HeaderError>() => return Ok(()),
        left_out => left_out?,
    };
    let message = "product: the calling convention vectorcall is not supported";
    assert_eq!(left_out, [message]);
    let sig = FnSig::new([Type::I32, Type::I32], Type::I32);
    backend.declare("rest", sig, Linkage::Export)?;
    backend.define("rest", |backend, builder, entry| {
        let values = [entry.value(builder, 0)?, entry.value(builder, 1)?];
        let result = backend.call(builder, "div", &values)?.ok_or("a div_t")?;
        let rest = builder.ins().load(I32, MemFlagsData::new(), result, 4);
        entry.ret(&mut backend.module, builder, Some(&Arg::value(rest)))?;
        Ok(())
    })?;
    let code = finished(backend, "rest")?;
    // SAFETY: compiled as `int rest(int, int)`.
    let rest = unsafe { code.typed::<extern "C" fn(c_int, c_int) -> c_int>() };
    assert_eq!(rest(17, 5), 2);
    Ok(())
}
