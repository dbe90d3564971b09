//! The program for any target that is lowered: as CLIF, and as an object file that a C compiler
//! links.

use crate::lower::{Compiled, PERSONALITY, Program};
use cabi::Target;
use clif_cabi::Lowering;
use clif_cabi_unwind::{Personality, UnwindModule};
use cranelift_codegen::ir::UserFuncName;
use cranelift_codegen::isa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_module::{Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};
use std::error::Error;

/// An empty object file, which exceptions pass through, and in which those that are caught are
/// C++'s or any other's. A target that is not lowered is refused here.
pub(crate) fn module(target: &Target) -> Result<UnwindModule, Box<dyn Error>> {
    let mut flags = settings::builder();
    for (name, value) in [
        ("is_pic", "true"),
        ("preserve_frame_pointers", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
    ] {
        flags.set(name, value)?;
    }
    let isa = isa::lookup_by_name(target.name())?.finish(settings::Flags::new(flags))?;
    Lowering::new(&*isa)?;
    let module = ObjectModule::new(ObjectBuilder::new(isa, "toy", default_libcall_names())?);
    let personality = Some(Personality::new(PERSONALITY));
    Ok(UnwindModule::new(module, personality)?)
}

/// The object file of a program's functions, which were compiled into `module`.
pub(crate) fn emit(
    mut module: UnwindModule,
    functions: Vec<Compiled>,
) -> Result<Vec<u8>, Box<dyn Error>> {
    for mut function in functions {
        let defined = module.define_function(function.func, &mut function.context);
        defined.map_err(|why| format!("{}: {why:?}", function.name))?;
    }
    Ok(module.finish()?.emit()?)
}

/// The CLIF of the program's functions.
pub(crate) fn clif(program: Program) -> String {
    let functions = program.functions.into_iter().map(|function| {
        let mut func = function.context.func;
        func.name = UserFuncName::testcase(function.name.as_bytes());
        format!("; {}\n{}\n", function.name, func.display())
    });
    functions.collect()
}
