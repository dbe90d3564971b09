//! The program for any target that is lowered: as CLIF, and as an object file that a C compiler links.

use crate::lower::Program;
use cabi::Target;
use clif_cabi::Lowering;
use cranelift_codegen::ir::{self, ExternalName, UserFuncName};
use cranelift_codegen::isa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_module::{FuncId, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};
use std::fmt::Write;

/// An empty object file. A target that is not lowered is refused here.
pub(crate) fn module(target: &Target) -> Result<ObjectModule, String> {
    let mut flags = settings::builder();
    let name = target.name();
    let wrong = |why: &dyn ToString| format!("no code is made for {name}: {}", why.to_string());
    for (name, value) in [
        ("is_pic", "true"),
        ("preserve_frame_pointers", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
    ] {
        flags.set(name, value).map_err(|why| wrong(&why))?;
    }
    let isa = isa::lookup_by_name(name).map_err(|why| wrong(&why))?;
    let isa = isa
        .finish(settings::Flags::new(flags))
        .map_err(|why| wrong(&why))?;
    Lowering::new(&*isa).map_err(|why| wrong(&why))?;
    let builder = ObjectBuilder::new(isa, "toy", default_libcall_names());
    Ok(ObjectModule::new(builder.map_err(|why| wrong(&why))?))
}

/// The object file of a program that was compiled into `module`.
pub(crate) fn emit(mut module: ObjectModule, program: Program) -> Result<Vec<u8>, String> {
    for mut function in program.functions {
        let defined = module.define_function(function.func, &mut function.context);
        defined.map_err(|why| format!("{}: {why:?}", function.name))?;
    }
    module.finish().emit().map_err(|why| why.to_string())
}

/// The CLIF of the program's functions.
pub(crate) fn clif(module: &ObjectModule, program: Program) -> String {
    let mut text = String::new();
    for function in program.functions {
        let mut func = function.context.func;
        func.name = UserFuncName::testcase(function.name.as_bytes());
        // Writing to a string does not fail.
        let _ = writeln!(text, "; {}", function.name);
        for line in callees(module, &func) {
            let _ = writeln!(text, ";   {line}");
        }
        let _ = writeln!(text, "{}", func.display());
    }
    text
}

/// What `fn0` and the like stand for in the text of a function.
fn callees(module: &ObjectModule, func: &ir::Function) -> Vec<String> {
    let names = func.params.user_named_funcs();
    let named = |callee: &ir::ExtFuncData| match callee.name {
        ExternalName::User(name) => names.get(name),
        _ => None,
    };
    let callees = func.dfg.ext_funcs.iter().filter_map(|(reference, callee)| {
        let id = FuncId::from_u32(named(callee)?.index);
        let declaration = module.declarations().get_function_decl(id);
        Some(format!("{reference} is {}", declaration.linkage_name(id)))
    });
    callees.collect()
}
